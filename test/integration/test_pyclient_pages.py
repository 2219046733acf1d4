"""The Flask blueprint of the Python client: what it shows, to whom, and that names stay text."""
import html.parser
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from conftest import PATIENCE, ROOT

flask = pytest.importorskip("flask")
sys.path.insert(0, str(ROOT / "src/pikaraoke"))
from songbook_client import EnrichmentWorker  # noqa: E402
from songbook_client.blueprint import create_blueprint, file_name  # noqa: E402

PACKAGE = ROOT / "src/pikaraoke/songbook_client"
AWAY = "http://127.0.0.1:1"
INFO = '<html><body>{% include "songbook/section.html" %}</body></html>'
EDIT = ('<html><body><form><input name="old_file_name" value="{{ song }}"><input name="new_file_name"></form>'
        '{% include "songbook/suggestion.html" %}</body></html>')
JSON = {"Content-Type": "application/json"}


class Host:
    """An application like PiKaraoke: pages of its own that include ours, and an admin check that a test can turn."""

    def __init__(self, address, babel=False, **kw):
        self.admin = True
        self.app = flask.Flask("host")
        if babel:
            from flask_babel import Babel
            Babel(self.app)
        self.worker = EnrichmentWorker(address=address, timeout=PATIENCE)
        self.app.register_blueprint(create_blueprint(self.worker, self.is_admin, **kw))
        self.app.add_url_rule("/info", "info", lambda: flask.render_template_string(INFO))
        self.app.add_url_rule("/edit", "edit", lambda: flask.render_template_string(EDIT, song=flask.request.args["song"]))
        self.client = self.app.test_client()

    def is_admin(self):
        if isinstance(self.admin, Exception):
            raise self.admin
        return self.admin and flask.request.path is not None

    def page(self, path, **kw):
        answer = self.client.get(path, **kw)
        assert answer.status_code == 200, answer.data
        return Page(answer.get_data(as_text=True))

    def json(self, path, **kw):
        answer = self.client.get(path, **kw)
        assert answer.status_code == 200, answer.data
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.get_json()


class Page(html.parser.HTMLParser):
    """The elements of a page as (name, attributes), and its text."""

    def __init__(self, text):
        super().__init__()
        self.source, self.elements, self.text = text, [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag, **attributes):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in attributes.items())]


ROUTES = ["/songbook", "/songbook/static/songbook.js", "/api/songbook/progress", "/api/songbook/suggestions?path=/a.mp4"]
COMMANDS = ["start", "pause", "resume", "stop", "queue"]


# --- who may ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("admin", [False, None, RuntimeError("no session")], ids=repr)
def test_nobody_but_admins_gets_anything(daemon, admin):
    daemon.start()
    host = Host("http://" + daemon.address)
    host.admin = admin
    for path in ROUTES:
        assert host.client.get(path).status_code == 403, path
    for command in COMMANDS:
        assert host.client.post("/api/songbook/" + command, data="{}", headers=JSON).status_code == 403, command
    assert host.page("/info").elements == [("html", {}), ("body", {})]
    assert not host.page("/edit?song=a.mp4").all("div")
    assert daemon.get("progress")["state"] == "running"


def test_every_route_is_behind_the_check():
    """A route that is added later is refused, too: the check stands before all of them."""
    host = Host(AWAY)
    host.admin = False
    ours = [r for r in host.app.url_map.iter_rules() if r.endpoint.startswith("songbook.")]
    assert len(ours) >= 6
    for rule in ours:
        path = re.sub(r"<.*>", "start", rule.rule)
        method = "POST" if "POST" in rule.methods else "GET"
        assert host.client.open(path, method=method, headers=JSON, data="{}").status_code == 403, path


def test_pages_of_another_origin_cannot_command(daemon):
    """What a form of another page can send with the admin's cookie is refused."""
    daemon.start()
    host = Host("http://" + daemon.address)
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data", None):
        assert host.client.post("/api/songbook/pause", data="{}", content_type=kind).status_code == 415
    assert host.client.get("/api/songbook/pause").status_code == 405
    assert daemon.get("progress")["state"] == "running"


def test_nothing_is_shown_without_an_address():
    host = Host("")
    assert host.page("/info").elements == [("html", {}), ("body", {})]
    assert host.json("/api/songbook/progress")["problem"] == "off"


# --- the section ---------------------------------------------------------------------------------------------


def test_buttons_of_the_section_work(daemon):
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    host = Host("http://" + daemon.address)
    buttons = {a["data-songbook-command"]: a["data-url"] for a in host.page("/info").all("button")}
    assert list(buttons) == ["start", "resume", "pause", "stop"]
    for command, state, text in (("start", "running", "Running"), ("pause", "paused", "Paused"), ("resume", "running", "Running"),
                                 ("stop", "stopped", "Stopped")):
        answer = host.client.post(buttons[command], data="{}", headers=JSON).get_json()
        assert (answer["changed"], answer["state"], answer["state_text"], answer["message"]) == (True, state, text, "")
        assert daemon.get("progress")["state"] == state


def test_progress_of_the_section_is_that_of_the_daemon(daemon):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.add_song("Nobody - Nothing At All.mp4")
    daemon.start()
    daemon.wait_done()
    host = Host("unix:%s" % daemon.socket)
    url = host.page("/info").all("details")[0]["data-progress-url"]
    shown, real = host.json(url), daemon.get("progress")
    for key in ("total_processed", "total_enriched", "total_failed", "queue_remaining", "total", "percent", "by_status", "state"):
        assert shown[key] == real[key], key
    assert (shown["total_enriched"], shown["total_failed"], shown["state_text"], shown["message"]) == (1, 1, "Running", "")


def test_a_command_that_cannot_be_done_says_why(daemon):
    daemon.key = False
    daemon.args += ["--set", "musicbrainz.enabled=no", "--set", "listenbrainz.enabled=no", "--set", "enrichment.autostart=no"]
    daemon.start()
    answer = Host("http://" + daemon.address).client.post("/api/songbook/start", data="{}", headers=JSON).get_json()
    assert (answer["changed"], answer["state"]) == (False, "stopped") and "Last.fm key" in answer["message"]


def test_daemon_that_is_away_is_said_so():
    host = Host(AWAY)
    assert host.page("/info").all("details")        # the section stays, so that it can say so
    shown = host.json("/api/songbook/progress")
    assert (shown["state"], shown["state_text"]) == ("unavailable", "Not available") and "does not answer" in shown["message"]
    answer = host.client.post("/api/songbook/start", data="{}", headers=JSON)
    assert answer.status_code == 200 and answer.get_json()["changed"] is False and "does not answer" in answer.get_json()["message"]
    assert "does not answer" in host.json("/api/songbook/suggestions?path=/a.mp4")["message"]


@pytest.mark.parametrize("progress, text", [
    ({"eta_seconds": 7500}, "2 h 5 min"), ({"eta_seconds": 156}, "3 min"), ({"eta_seconds": 60}, "less than a minute"),
    ({"eta_seconds": 0}, "less than a minute"), ({"eta_seconds": 90000}, "1 d 1 h"), ({"eta_seconds": None}, ""),
    ({"eta_seconds": 7500, "state": "paused"}, ""), ({"eta_seconds": 0, "queue_remaining": 0}, "")])
def test_time_left_is_written_for_people(progress, text, monkeypatch):
    host = Host(AWAY)
    known = {**host.worker.get_progress(), "state": "running", "queue_remaining": 753, "problem": None, **progress}
    monkeypatch.setattr(host.worker, "get_progress", lambda: known)
    assert host.json("/api/songbook/progress")["eta_text"] == text


def test_queue_takes_ids_and_refuses_what_is_none(daemon):
    daemon.start()
    host = Host("http://" + daemon.address)

    def queue(body):
        answer = host.client.post("/api/songbook/queue", data=body, headers=JSON)
        return answer.status_code, answer.get_json()
    assert queue('{"song_ids": [5], "priority": 3}') == (200, {"queued": 0, "already": 0, "unknown": [5], "problem": None})
    assert queue('{}') == (200, {"queued": 0, "already": 0, "unknown": [], "problem": None})
    for bad in ('[]', 'x', '{"song_ids": "1"}', '{"song_ids": [true]}', '{"priority": "1"}', '{"priority": null}', '{"song_ids": {}}'):
        assert queue(bad)[0] == 422, bad


# --- the host goes on -------------------------------------------------------------------------------------------

HOST = """
from gevent import monkey
monkey.patch_all()
import flask, sys
from gevent.pywsgi import WSGIServer
sys.path.insert(0, sys.argv[1])
from songbook_client import EnrichmentWorker
from songbook_client.blueprint import create_blueprint

app = flask.Flask("host")
app.register_blueprint(create_blueprint(EnrichmentWorker(address=sys.argv[2], timeout=float(sys.argv[3])), lambda: True))
app.add_url_rule("/now_playing", "now_playing", lambda: "a song")
server = WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def gevent_host(daemon):
    """A host that is one thread, as PiKaraoke is, in a process of its own; gives its port."""
    pytest.importorskip("gevent")
    made = []

    def make(timeout):
        made.append(subprocess.Popen([sys.executable, "-c", HOST, str(ROOT / "src/pikaraoke"), "http://" + daemon.address, str(timeout)],
                                     stdout=subprocess.PIPE))
        return int(made[-1].stdout.readline())
    yield make
    for process in made:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    return connection, lambda: connection.getresponse().read().decode()


def test_host_goes_on_while_the_daemon_stands_still(daemon, gevent_host):
    daemon.start()
    port = gevent_host(10 * PATIENCE)       # so that nothing ends by its time-out here
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        waiting, answer = ask(port, "/api/songbook/progress")
        for _ in range(20):
            other, playing = ask(port, "/now_playing")
            assert playing() == "a song"
            other.close()
        waiting.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            waiting.sock.recv(1, socket.MSG_PEEK)       # it still waits
        waiting.sock.settimeout(PATIENCE)
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    assert json.loads(answer())["state"] == "running"
    waiting.close()


def test_daemon_that_stands_still_is_given_up(daemon, gevent_host):
    daemon.start()
    port = gevent_host(0.3)
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        waiting, answer = ask(port, "/api/songbook/progress")
        assert json.loads(answer())["problem"] == "timeout"
        waiting.close()
    finally:
        daemon.process.send_signal(signal.SIGCONT)


# --- the suggestion -------------------------------------------------------------------------------------------


def suggestions_of(host, path):
    element = host.page("/edit", query_string={"song": path}).all("div")[0]
    assert element["data-path"] == path
    return host.json(element["data-url"], query_string={"path": element["data-path"]})


def test_suggestion_is_labelled(daemon):
    path = os.fsdecode(daemon.add_song("ABBA - Dancing Queen (Karaoke)---aBcDeFgHiJk.mp4"))
    daemon.start()
    daemon.wait_done()
    song = daemon.song("Dancing")
    answer = suggestions_of(Host("http://" + daemon.address), path)
    first = answer["suggestions"][0]
    assert answer["message"] == "" and first["label_text"] == song["label"] and first["file_name"] == "ABBA - Dancing Queen"
    assert first["colour"] == {"High confidence": "green", "Medium confidence": "yellow"}[song["label"]]
    assert first["source_text"] in ("MusicBrainz", "Last.fm")
    daemon.patch(song["id"], artist="ABBA")
    first = suggestions_of(Host("http://" + daemon.address), path)["suggestions"][0]
    assert (first["label_text"], first["score"], first["colour"], first["source_text"]) == ("Verified", 100, "green", "entered by hand")


@pytest.mark.parametrize("score, colour", [(100, "green"), (85, "green"), (84, "yellow"), (60, "yellow"), (59, "orange"), (20, "orange"),
                                           (19, "red"), (0, "red")])
def test_colours_are_those_of_the_bands(score, colour, monkeypatch):
    host = Host(AWAY)
    known = {"artist": "A", "title": "B", "year": None, "genre": None, "source": "name", "score": score, "reason": "", "display": "A - B",
             "label": "Any"}
    monkeypatch.setattr(host.worker, "suggestions", lambda path, title_first: [known, {**known, "label": None}])
    shown = host.json("/api/songbook/suggestions?path=/a.mp4")["suggestions"]
    assert [s["colour"] for s in shown] == [colour, ""]     # a candidate's score is no confidence


def test_suggestion_follows_the_order_of_the_host(daemon):
    path = os.fsdecode(daemon.add_song("ABBA - Dancing Queen.mp4"))
    daemon.start()
    daemon.wait_done()
    for order in ("title_artist", lambda: "title_artist"):
        host = Host("http://" + daemon.address, name_order=order)
        assert suggestions_of(host, path)["suggestions"][0]["display"] == "Dancing Queen - ABBA"


@pytest.mark.parametrize("name", ["<script>alert(1)</script> - \"><img src=x onerror=alert(1)>.mp4", "A' onmouseover='x - {{ 7*7 }}.mp4",
                                  "</details><b>A</b> - &lt;B&gt;.mp4"])
def test_markup_in_names_stays_text(daemon, name):
    folder = daemon.songs
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    daemon.add_song(name)
    daemon.start()
    daemon.wait_done()
    host = Host("http://" + daemon.address)
    page = host.page("/edit", query_string={"song": path})
    ordinary = host.page("/edit", query_string={"song": "/songs/a.mp4"})
    assert [t for t, _ in page.elements] == [t for t, _ in ordinary.elements]       # no element came out of the name
    assert [sorted(a) for _, a in page.elements] == [sorted(a) for _, a in ordinary.elements]
    assert page.all("div")[0]["data-path"] == path
    answer = host.client.get("/api/songbook/suggestions", query_string={"path": path})
    assert answer.mimetype == "application/json" and answer.get_json()["suggestions"]


@pytest.mark.parametrize("display, name", [
    ("AC/DC - Highway to Hell", "AC\uff0fDC - Highway to Hell"), ("../../etc/passwd", "\uff0f..\uff0fetc\uff0fpasswd"),
    (".hidden", "hidden"), ("a\x00b\nc\u202ed", "abcd"), ("What? - Who: \"Me\"", "What\uff1f - Who\uff1a \uff02Me\uff02"), ("...", ""),
    ("\u6b4c" * 100, "\u6b4c" * 60)])
def test_suggested_file_name_can_be_a_file_name(display, name):
    assert file_name(display) == name


# --- texts and policy -------------------------------------------------------------------------------------------


def translate(tmp_path, texts):
    """A German catalogue of the host with these texts."""
    folder = tmp_path / "translations/de/LC_MESSAGES"
    folder.mkdir(parents=True)
    lines = ['msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n']
    lines += ['msgid "%s"\nmsgstr "%s"\n' % pair for pair in texts.items()]
    (folder / "messages.po").write_text("\n".join(lines))
    from babel.messages import mofile, pofile
    with open(folder / "messages.po", "rb") as po, open(folder / "messages.mo", "wb") as mo:
        mofile.write_mo(mo, pofile.read_po(po))
    return str(tmp_path / "translations")


@pytest.mark.parametrize("when", ["before", "after"])
def test_texts_go_through_the_translations_of_the_host(daemon, tmp_path, when):
    pytest.importorskip("flask_babel")
    from flask_babel import Babel
    daemon.start()
    folder = translate(tmp_path, {"Metadata Enrichment": "Metadaten", "Running": "L\u00e4uft", "Pause": "Anhalten"})
    host = Host.__new__(Host)
    host.admin, host.app = True, flask.Flask("host")
    host.app.config.update(BABEL_TRANSLATION_DIRECTORIES=folder, BABEL_DEFAULT_LOCALE="de")
    host.worker = EnrichmentWorker(address="http://" + daemon.address, timeout=PATIENCE)
    steps = [lambda: Babel(host.app), lambda: host.app.register_blueprint(create_blueprint(host.worker, host.is_admin))]
    for step in steps if when == "before" else reversed(steps):
        step()
    host.app.add_url_rule("/info", "info", lambda: flask.render_template_string(INFO))
    host.client = host.app.test_client()
    page = host.page("/info")
    assert "Metadaten" in page.text and "Anhalten" in page.text and "Stop" in page.text       # what has no translation stays
    assert host.json("/api/songbook/progress")["state_text"] == "L\u00e4uft"
    assert host.page("/songbook").all("html") == [{"lang": "de"}]


def test_texts_are_english_where_the_host_has_no_translations():
    page = Host(AWAY).page("/info")
    assert Host(AWAY).page("/songbook").all("html") == [{"lang": "en"}]
    assert "Metadata Enrichment" in page.text and "You can use the app normally." in page.text


def test_every_text_is_found_by_the_tools_of_translators():
    """Literals only: pybabel reads sources, it does not run them."""
    pytest.importorskip("babel")
    from babel.messages.extract import extract_from_dir
    found = {m[2] for m in extract_from_dir(str(PACKAGE), [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")],
                                            comment_tags=("MSG:",))}
    assert {"Metadata Enrichment", "Running", "Verified", "Use this name", "Est. time:", "less than a minute"} <= found


def test_pages_need_no_inline_script_and_no_inline_style(daemon):
    daemon.start()
    host = Host("http://" + daemon.address)
    answer = host.client.get("/songbook")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"] and "unsafe" not in answer.headers["Content-Security-Policy"]
    for page in (Page(answer.get_data(as_text=True)), host.page("/info"), host.page("/edit?song=a.mp4")):
        assert page.all("script") and all(a["src"].startswith("/songbook/static/") for a in page.all("script"))
        assert not page.all("style")
        bad = [(t, k) for t, a in page.elements for k, v in a.items() if k == "style" or k.startswith("on") or "javascript:" in (v or "")]
        assert bad == []
        for url in [a["src"] for a in page.all("script")] + [a["href"] for a in page.all("link")]:
            assert host.client.get(url).status_code == 200
    script = (PACKAGE / "static/songbook.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.style\b", script)


def test_hidden_wins_over_the_layout():
    """The rule that lays the counts out is more specific than a plain [hidden]: an empty time left was shown once."""
    assert re.search(r"\.songbook \[hidden\] \{ display: none !important; \}", (PACKAGE / "static/songbook.css").read_text())


def test_addresses_follow_the_prefix_of_a_proxy():
    page = Host(AWAY).page("/info", environ_overrides={"SCRIPT_NAME": "/karaoke"})
    assert page.all("details")[0]["data-progress-url"] == "/karaoke/api/songbook/progress"
    assert page.all("script")[0]["src"] == "/karaoke/songbook/static/songbook.js"


# --- the script -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["polls_while_open", "shows_names_as_text", "buttons_follow_the_state", "uses_a_name"])
def test_script_of_the_sections(case):
    node = next((p for p in ("/usr/bin/node", "/usr/bin/nodejs") if os.path.exists(p)), None)
    if node is None:
        pytest.skip("needs nodejs")
    done = subprocess.run([node, str(ROOT / "test/integration/songbook_js_cases.js"), case], capture_output=True, text=True,
                          timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == "ok " + case
