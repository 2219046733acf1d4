"""The enrichment methods of PiKaraoke's `KaraokeDatabase`.

    class KaraokeDatabase(EnrichmentMixin):
        ...

No table, column or row of PiKaraoke's database is touched: songbookd keeps its own.
"""
from __future__ import annotations

from collections.abc import Iterable

from .worker import EnrichmentWorker, Progress, Queued


class EnrichmentMixin:
    """Needs nothing of the class it is mixed into, and no `__init__`."""

    _enrichment_worker: EnrichmentWorker | None = None

    @property
    def enrichment_worker(self) -> EnrichmentWorker:
        """The worker; made with defaults when first used. Assign another one to change address, token or rate."""
        if self._enrichment_worker is None:
            self._enrichment_worker = EnrichmentWorker(self)
        return self._enrichment_worker

    @enrichment_worker.setter
    def enrichment_worker(self, worker: EnrichmentWorker) -> None:
        self._enrichment_worker = worker

    def start_enrichment(self, api_key: str | None = None) -> bool:
        """Starts songbookd's worker, with this Last.fm key where given. False when it ran already or cannot start."""
        self.enrichment_worker.set_api_key(api_key)
        return self.enrichment_worker.start()

    def stop_enrichment(self) -> bool:
        """False when it was stopped already or songbookd is away."""
        return self.enrichment_worker.stop()

    def pause_enrichment(self) -> bool:
        """False when it was not running or songbookd is away."""
        return self.enrichment_worker.pause()

    def resume_enrichment(self) -> bool:
        """False when it was not paused or songbookd is away."""
        return self.enrichment_worker.resume()

    def get_enrichment_progress(self) -> Progress:
        """See `Progress`; when songbookd is away its `state` is "unavailable"."""
        return self.enrichment_worker.get_progress()

    def queue_for_enrichment(self, song_ids: Iterable[int] | None = None, priority: int = 0) -> Queued:
        """Queues songs by their ids in this database; None: every song that is not done yet."""
        return self.enrichment_worker.queue(song_ids, priority)
