"""`EnrichmentWorker`: songbookd's worker, seen from PiKaraoke."""
from __future__ import annotations

import logging
import os
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypedDict, cast

from .service import TIMEOUT, Answer, Problem, Service, address_or_default

log = logging.getLogger(__name__)

# Songs named in one request, far below songbookd's 20,000, so that each is answered in time on a Raspberry Pi; and of
# paths (at most 4 KiB each on Linux) as many as fit into a body of 512 KiB.
IDS_AT_ONCE = 500
PATHS_AT_ONCE = 100

Demand = Literal["new", "asked", "soon"]


class Attached(TypedDict):
    """The PiKaraoke database that songbookd follows."""

    path: str
    user_version: int
    profile: str
    publishing: bool


class Progress(TypedDict):
    """What `EnrichmentWorker.get_progress` returns, always with every key. The first seven are those of PiKaraoke's design."""

    running: bool
    paused: bool
    total_processed: int
    total_enriched: int
    total_failed: int
    queue_remaining: int
    started_at: str | None
    dating_remaining: int       # of queue_remaining, songs that are named and only wait for a date
    total: int
    percent: float
    eta_seconds: int | None
    rate_per_second: float
    offline: bool
    by_status: dict[str, int]
    attached: Attached | None
    state: str
    """running, paused, stopped, or unavailable: then all the rest says nothing and `problem` tells why."""
    problem: str | None
    """The kind of the `Problem`, or None."""


class Queued(TypedDict):
    """What `queue` returns."""

    queued: int
    already: int
    unknown: list[int | str]
    """What was named but is not in songbookd's library."""
    problem: str | None
    """The kind of the `Problem` that ended it early, or None."""


class Suggestion(TypedDict):
    """A name for a song: the keys of PiKaraoke's own suggestions, and how sure it is."""

    artist: str
    title: str
    year: int | None
    genre: str | None
    source: str
    score: int
    """0 to 100. With a label: the chance that artist and title are right. Without: how well the candidate fits the name."""
    reason: str
    display: str
    """Both names in the wanted order."""
    label: str | None
    """songbookd's words for the confidence, such as "High confidence"; None for candidates that were not taken."""


class _Secret:
    """A key that does not show when the worker's variables are printed, as a debugger or a crash report does."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<set>"


class EnrichmentWorker:
    """Starts, stops and watches songbookd's worker.

    Each call is one to three short requests, each of at most `timeout` seconds, in the calling thread or greenlet. When
    songbookd is away or refuses, calls return False, an empty result or a progress whose `state` is "unavailable"; `problem`
    then says why. Nothing is raised.
    """

    def __init__(self, db: object = None, api_key: str | None = None, rate_limit: float | None = None, *,
                 address: str | None = None, token: str | None = None, timeout: float = TIMEOUT) -> None:
        """Remembers what it is given; the first request is made by the first call.

        db          kept as `db` for the caller; nothing is read from it, songbookd follows PiKaraoke's database by itself
        api_key     a Last.fm key, handed to songbookd's settings by `start`, only if songbookd is on this machine; None or
                    empty: songbookd's own settings stay as they are
        rate_limit  requests a second to Last.fm, handed over likewise (songbookd takes 0.01 to 1000; 5 is Last.fm's limit)
        address     http://HOST:PORT, unix:/PATH or /PATH; None: the environment's SONGBOOK_URL, else http://127.0.0.1:5560;
                    "": off, every call returns at once
        token       the content of songbookd's token file, where it has one
        timeout     seconds for one request
        """
        self.db = db
        self.problem: Problem | None = None
        """Why the last call did not do what it says, or None."""
        self._service = Service(address_or_default(address), token, timeout)
        self._key: _Secret | None = None
        self._rate = rate_limit
        self._handed_over = False
        self._away = False
        self.set_api_key(api_key)

    @property
    def configured(self) -> bool:
        """False when the address is empty: then nothing of songbookd need be shown."""
        return not (isinstance(self._service.address, Problem) and self._service.address.kind == "off")

    def set_api_key(self, api_key: str | None) -> None:
        """Another key for the next `start`; None or empty keeps the present one."""
        if api_key and api_key.strip():
            self._key = _Secret(api_key.strip())
            self._handed_over = False

    # --- the worker -----------------------------------------------------------------------------

    def start(self) -> bool:
        """Hands over key and rate where given, then starts. True when it started, False when it ran already or cannot."""
        refused = self._hand_over()
        if refused is not None and refused.away:
            return False
        changed = self._command("start")
        if self.problem is None:
            self.problem = refused
        return changed

    def pause(self) -> bool:
        """True when it was running."""
        return self._command("pause")

    def resume(self) -> bool:
        """True when it was paused."""
        return self._command("resume")

    def stop(self) -> bool:
        """True when it was running or paused. songbookd stays, and its worker stays stopped over restarts."""
        return self._command("stop")

    def get_progress(self) -> Progress:
        """The present numbers; see `Progress`."""
        answer = self._ask("GET", "progress")
        return _no_progress(answer.kind) if isinstance(answer, Problem) else _progress(answer.json)

    def _command(self, name: str) -> bool:
        answer = self._ask("POST", "worker/" + name)
        return isinstance(answer, Answer) and answer.json.get("changed") is True

    # --- the queue ------------------------------------------------------------------------------

    def queue(self, song_ids: Iterable[int] | None = None, priority: int = 0, *, paths: Iterable[str] | None = None,
              demand: Demand | None = None) -> Queued:
        """Queues songs, or raises their priority; never lowers it.

        song_ids  ids of PiKaraoke's database, which songbookd knows when it follows that database
        paths     absolute paths of song files
        priority  higher goes first
        demand    new (just downloaded), asked (a person wants it) or soon (about to be sung): raises the priority as needed

        With neither ids nor paths: every song that is not done yet (pending, parsed).
        """
        total: Queued = {"queued": 0, "already": 0, "unknown": [], "problem": None}
        for body in _queue_bodies(song_ids, paths):
            body["priority"] = priority
            if demand is not None:
                body["demand"] = demand
            answer = self._ask("POST", "queue", body)
            if isinstance(answer, Problem):
                total["problem"] = answer.kind
                break
            total["queued"] += _whole(answer.json.get("queued"))
            total["already"] += _whole(answer.json.get("already"))
            unknown = answer.json.get("unknown")
            total["unknown"] += unknown if isinstance(unknown, list) else []
        return total

    # --- names ----------------------------------------------------------------------------------

    def suggestions(self, path: str, limit: int = 5, title_first: bool = False) -> list[Suggestion]:
        """Names for the song at `path`, best first; empty when there are none or songbookd is away.

        The first is what songbookd holds to be right, with its label (for a file it does not list: what the file name
        says), then stored candidates of the providers that say something else. No provider is asked.
        """
        song = self._song_at(path)
        if song is None:
            return []
        found = [_suggestion(song, title_first, _number(song.get("confidence")), _text(song.get("label")))]
        if isinstance(song.get("id"), int):
            answer = self._ask("GET", "songs/%d/suggestions?limit=%d" % (song["id"], max(1, min(limit, 20))))
            if isinstance(answer, Answer):
                found += [_suggestion(c, title_first, _number(c.get("score")), None)
                          for c in _objects(answer.json.get("suggestions")) if c.get("rejected") is not True]
        return _distinct(found)[:limit]

    def _song_at(self, path: str) -> dict[str, Any] | None:
        """The song at the path; where there is none, what its name says in the same words; None when nothing is known."""
        answer = self._ask("GET", "songs?" + urllib.parse.urlencode({"path": _path_text(path), "limit": 1}))
        if isinstance(answer, Answer):
            songs = _objects(answer.json.get("songs"))
            if songs:
                return songs[0]
        elif answer.away:
            return None
        name = _path_bytes(os.path.basename(path)).decode("utf-8", "replace")
        answer = self._ask("POST", "parse", {"filename": name})
        return {**answer.json, "source": "name"} if isinstance(answer, Answer) else None

    # --- talking --------------------------------------------------------------------------------

    def _hand_over(self) -> Problem | None:
        """Gives key and rate to songbookd's settings, once; what kept it from doing so, or None."""
        settings: dict[str, Any] = {}
        if self._key is not None:
            settings["API_KEYS.lastfm"] = self._key.value
        if self._rate is not None:
            settings["lastfm.rate"] = self._rate
        if not settings or self._handed_over:
            return None
        if self._key is not None and not self._service.is_local:
            log.warning("the Last.fm key is not sent over the network; set it in songbookd's own configuration")
            del settings["API_KEYS.lastfm"]
        answer = self._ask("GET", "health")     # a key is for songbookd, not for whatever else listens there
        if isinstance(answer, Answer) and answer.json.get("name") != "songbookd":
            answer = self._failed(Problem("answer", "what answers at the address of songbookd is something else"))
        if isinstance(answer, Answer) and settings:
            answer = self._ask("PATCH", "settings", settings)
        if isinstance(answer, Problem):
            if not answer.away:
                log.warning("songbookd did not take the Last.fm key or rate: %s", answer.kind)
            return answer
        self._handed_over = True
        return None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer | Problem:
        answer = self._service.request(method, path, body)
        if isinstance(answer, Problem):
            return self._failed(answer)
        if self._away:
            log.info("songbookd answers again")
        self._away, self.problem = False, None
        return answer

    def _failed(self, problem: Problem) -> Problem:
        """Notes the problem; the log gets one line when songbookd goes, not one for every question."""
        self.problem = problem
        if problem.away and problem.kind != "off" and not self._away:
            self._away = True
            log.warning("%s", problem.text)
        return problem


# --- reading what songbookd says: nothing of it is trusted to have the right type ---------------------


def _number(value: object) -> float:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2 ** 53
    return float(cast(float, value)) if usable else 0.0


def _whole(value: object) -> int:
    return int(_number(value))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _no_progress(problem: str | None) -> Progress:
    return {"running": False, "paused": False, "total_processed": 0, "total_enriched": 0, "total_failed": 0,
            "queue_remaining": 0, "started_at": None, "dating_remaining": 0, "total": 0, "percent": 0.0, "eta_seconds": None,
            "rate_per_second": 0.0,
            "offline": False, "by_status": {}, "attached": None, "state": "unavailable", "problem": problem}


def _progress(value: dict[str, Any]) -> Progress:
    if value.get("state") not in ("running", "paused", "stopped"):
        return _no_progress("answer")
    eta, statuses, attached = value.get("eta_seconds"), value.get("by_status"), value.get("attached")
    return {
        "running": value.get("running") is True,
        "paused": value.get("paused") is True,
        "total_processed": _whole(value.get("total_processed")),
        "total_enriched": _whole(value.get("total_enriched")),
        "total_failed": _whole(value.get("total_failed")),
        "queue_remaining": _whole(value.get("queue_remaining")),
        "started_at": _text(value.get("started_at")),
        "dating_remaining": _whole(value.get("dating_remaining")),
        "total": _whole(value.get("total")),
        "percent": _number(value.get("percent")),
        "eta_seconds": None if eta is None else _whole(eta),
        "rate_per_second": _number(value.get("rate_per_second")),
        "offline": value.get("offline") is True,
        "by_status": {str(k): _whole(v) for k, v in statuses.items()} if isinstance(statuses, dict) else {},
        "attached": cast(Attached, attached) if isinstance(attached, dict) else None,
        "state": value["state"],
        "problem": None,
    }


def _suggestion(value: dict[str, Any], title_first: bool, score: float, label: str | None) -> Suggestion:
    artist, title, year = _text(value.get("artist")) or "", _text(value.get("title")) or "", value.get("year")
    names = [n for n in ((title, artist) if title_first else (artist, title)) if n]
    return {"artist": artist, "title": title, "year": year if isinstance(year, int) else None,
            "genre": _text(value.get("genre")), "source": _text(value.get("source")) or "", "score": round(100 * score),
            "reason": _text(value.get("reason")) or "", "display": " - ".join(names), "label": label}


def _distinct(found: Sequence[Suggestion]) -> list[Suggestion]:
    """Without empty ones, and without candidates that repeat both names of an earlier one."""
    kept: dict[str, Suggestion] = {}
    for s in found:
        if s["display"]:
            kept.setdefault(s["display"].casefold(), s)
    return list(kept.values())


def _path_bytes(path: str) -> bytes:
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:      # no path that this system could have given
        return path.encode("utf-8", "replace")


def _path_text(path: str) -> str:
    """The path as it stands in JSON: as text, or as a file:// URI where its bytes are not UTF-8."""
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        return "file://" + urllib.parse.quote(_path_bytes(path))


def _queue_bodies(song_ids: Iterable[int] | None, paths: Iterable[str] | None) -> Iterator[dict[str, Any]]:
    if song_ids is None and paths is None:
        yield {"filter": {"status": "pending"}}
        yield {"filter": {"status": "parsed"}}
    ids = list(song_ids or ())
    for i in range(0, len(ids), IDS_AT_ONCE):
        yield {"pikaraoke_ids": ids[i:i + IDS_AT_ONCE]}
    files = [_path_text(p) for p in paths or ()]
    for i in range(0, len(files), PATHS_AT_ONCE):
        yield {"paths": files[i:i + PATHS_AT_ONCE]}
