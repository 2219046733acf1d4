"""songbookd for PiKaraoke: standard library only, Python 3.10 and later.

    from songbook_client import EnrichmentWorker
    worker = EnrichmentWorker()
    worker.start()
    worker.get_progress()["percent"]

The work is done by songbookd, another process; this package only talks to it. It has no threads, keeps no connection, and
raises nothing when songbookd is away: see `EnrichmentWorker`. The Flask blueprint is in `songbook_client.blueprint`.
"""
from .database import EnrichmentMixin
from .service import DEFAULT_ADDRESS, Problem
from .worker import EnrichmentWorker, Progress, Queued, Suggestion

__all__ = ["DEFAULT_ADDRESS", "EnrichmentMixin", "EnrichmentWorker", "Problem", "Progress", "Queued", "Suggestion"]
