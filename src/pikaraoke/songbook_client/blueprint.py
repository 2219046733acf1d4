"""The pages of songbookd inside PiKaraoke: a section for info.html and a suggestion for edit.html.

    app.register_blueprint(create_blueprint(EnrichmentWorker(), is_admin))

    {% include "songbook/section.html" %}         in info.html
    {% include "songbook/suggestion.html" %}      in edit.html

Everything asks the host's own admin check first and shows nothing without it. The pages need no inline script and no inline
style, so that a strict content security policy holds. Texts go through `_`: Flask-Babel's where the host uses it, else as they
are. Names come from video titles: they are escaped by the templates, and set as text, never as markup, by the script.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request

from .worker import EnrichmentWorker, Progress, Suggestion

try:
    from flask_babel import get_locale, gettext
except ImportError:
    get_locale = gettext = None

log = logging.getLogger(__name__)

COMMANDS = ("start", "pause", "resume", "stop")

# Characters that some file system refuses, and the look-alikes that PiKaraoke's downloader puts in their place.
LOOK_ALIKES = str.maketrans('/\\:*?"<>|', "\uff0f\uff3c\uff1a\uff0a\uff1f\uff02\uff1c\uff1e\uff5c")

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"


def _translates() -> bool:
    return gettext is not None and "babel" in current_app.extensions


def _(text: str) -> str:
    """The text in the visitor's language, by the host's translations."""
    return str(gettext(text)) if _translates() else text


def _language() -> str:
    """What the host translates to, as HTML names it."""
    return str(get_locale() or "en").replace("_", "-") if _translates() else "en"


def create_blueprint(worker: EnrichmentWorker, is_admin: Callable[[], object],
                     name_order: str | Callable[[], str | None] = "artist_title") -> Blueprint:
    """The blueprint `songbook`; one for each application.

    worker      also decides whether anything is shown: nothing when its address is empty
    is_admin    the host's own check, called within the request; false or an exception: 403, and the sections are empty
    name_order  artist_title or title_artist, or what returns it: PiKaraoke's preference suggestion_name_order
    """
    bp = Blueprint("songbook", __name__, template_folder="templates", static_folder="static", static_url_path="/songbook/static")

    def allowed() -> bool:
        try:
            return bool(is_admin())
        except Exception:
            log.exception("the admin check failed, so nobody is let in")
            return False

    def title_first() -> bool:
        order = name_order() if callable(name_order) else name_order
        return order == "title_artist"

    @bp.before_request
    def gate() -> tuple[Response, int] | None:
        if not allowed():
            return jsonify(error=_("Only an admin can do this.")), 403
        # A page of another origin can send a form with the admin's cookie, but not this type.
        if request.method == "POST" and request.mimetype != "application/json":
            return jsonify(error="application/json is needed"), 415
        return None

    @bp.after_request
    def fresh(response: Response) -> Response:
        if request.endpoint != "songbook.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @bp.app_context_processor
    def names() -> dict[str, Any]:
        return {"songbook_shown": lambda: worker.configured and allowed(), "songbook_language": _language}

    @bp.record_once
    def texts(state: Any) -> None:
        # Flask-Babel puts its own in its place, whether it is set up before or after.
        state.app.jinja_env.globals.setdefault("_", _)

    @bp.get("/songbook")
    def page() -> Response:
        response = Response(render_template("songbook/page.html"))
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @bp.get("/api/songbook/progress")
    def progress() -> Response:
        return jsonify(_progress_shown(worker))

    @bp.post("/api/songbook/<any(%s):command>" % ", ".join(COMMANDS))
    def command(command: str) -> Response:
        changed = getattr(worker, command)()
        problem = worker.problem        # of the command, not of the question after it
        shown = _progress_shown(worker)
        if problem is not None:
            shown["message"] = _problem_text(problem.kind)
        return jsonify(changed=changed, **shown)

    @bp.post("/api/songbook/queue")
    def queue() -> Response | tuple[Response, int]:
        body: Any = request.get_json(silent=True)
        ids, priority = (body.get("song_ids"), body.get("priority", 0)) if isinstance(body, dict) else ([None], 0)
        if not (ids is None or _whole_numbers(ids)) or not _whole_numbers([priority]):
            return jsonify(error="song_ids (a list of whole numbers, or null) and priority (a whole number) are known"), 422
        return jsonify(worker.queue(ids, priority))

    @bp.get("/api/songbook/suggestions")
    def suggestions() -> Response:
        path = request.args.get("path", "")
        found = worker.suggestions(path, title_first=title_first()) if path else []
        problem = worker.problem if path and not found else None
        return jsonify(suggestions=[_suggestion_shown(s) for s in found],
                       message=_problem_text(problem.kind) if problem else "" if found else _("No suggestion."))

    return bp


def _whole_numbers(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in values)


# --- what people read -----------------------------------------------------------------------------------


def _progress_shown(worker: EnrichmentWorker) -> dict[str, Any]:
    """The progress, and the same in words."""
    p = worker.get_progress()
    shown: dict[str, Any] = dict(p)
    shown["state_text"] = _state_text(p)
    shown["eta_text"] = _eta_text(p)
    shown["message"] = _problem_text(p["problem"]) if p["problem"] else ""
    return shown


def _state_text(p: Progress) -> str:
    if p["state"] == "running" and p["offline"]:
        return _("Running, waiting for the network")
    return {"running": _("Running"), "paused": _("Paused"), "stopped": _("Stopped")}.get(p["state"], _("Not available"))


def _eta_text(p: Progress) -> str:
    """About how long it takes, in the two largest units."""
    seconds = p["eta_seconds"]
    if seconds is None or p["state"] != "running" or not p["queue_remaining"]:
        return ""
    minutes = (seconds + 59) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return _("%(d)s d %(h)s h") % {"d": days, "h": hours % 24}
    if hours:
        return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes % 60}
    return _("%(m)s min") % {"m": minutes} if minutes > 1 else _("less than a minute")


def _problem_text(kind: str) -> str:
    if kind in ("unavailable", "timeout"):
        return _("songbookd does not answer. Songs play as always; this page looks again by itself.")
    if kind == "busy":
        return _("songbookd is busy. Try again in a moment.")
    if kind == "no_usable_provider":
        return _("No metadata service can be asked: enter a Last.fm key in songbookd's settings, or switch MusicBrainz on.")
    if kind == "token":
        return _("songbookd wants its token: give it to this application.")
    if kind in ("address", "answer"):
        return _("The address of songbookd is wrong: something else answers there.")
    return _("songbookd refused this.") + " (" + kind + ")"


def _label_text(label: str) -> str:
    texts = {"Verified": _("Verified"), "High confidence": _("High confidence"), "Medium confidence": _("Medium confidence"),
             "Parsed": _("Parsed"), "Review suggested": _("Review suggested"), "Low confidence": _("Low confidence"),
             "Needs review": _("Needs review")}
    return texts.get(label, label)


def _source_text(source: str) -> str:
    texts = {"name": _("from the file name"), "person": _("entered by hand"), "lastfm": "Last.fm", "musicbrainz": "MusicBrainz",
             "listenbrainz": "ListenBrainz"}
    return texts.get(source, source)


def _colour(score: int) -> str:
    """The bands of songbookd's labels; the label always stands beside the colour."""
    return "green" if score >= 85 else "yellow" if score >= 60 else "orange" if score >= 20 else "red"


def _suggestion_shown(s: Suggestion) -> dict[str, Any]:
    """The suggestion with its label and source in the visitor's words, and as a file name."""
    shown: dict[str, Any] = dict(s)
    shown["source_text"] = _source_text(s["source"])
    shown["label_text"] = _label_text(s["label"]) if s["label"] else ""
    shown["colour"] = _colour(s["score"]) if s["label"] else ""
    shown["file_name"] = file_name(s["display"])
    return shown


def file_name(display: str) -> str:
    """A name that can be a file's, without extension: no separators, no control characters, not hidden, at most 180 bytes."""
    name = "".join(c for c in display.translate(LOOK_ALIKES) if c.isprintable()).strip().lstrip(".").strip()
    return name.encode("utf-8", "ignore")[:180].decode("utf-8", "ignore").rstrip()
