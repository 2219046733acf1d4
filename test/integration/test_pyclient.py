"""The Python client for PiKaraoke (src/pikaraoke/) against the real daemon, and against what is not one."""
import json
import logging
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time

import pytest

from conftest import PATIENCE, ROOT, wait_for

sys.path.insert(0, str(ROOT / "src/pikaraoke"))
from songbook_client import EnrichmentMixin, EnrichmentWorker  # noqa: E402

SEED_KEYS = ["running", "paused", "total_processed", "total_enriched", "total_failed", "queue_remaining", "started_at"]
OUR_KEYS = ["dating_remaining", "total", "percent", "eta_seconds", "rate_per_second", "offline", "by_status", "attached", "state", "problem"]
KEY = "5ecre7" + "0123456789abcdef" + "c0ffee0000"


@pytest.fixture(params=["tcp", "unix"])
def worker_of(request):
    """Makes a client of a running daemon, over each kind of address."""
    def make(daemon, *args, **kw):
        address = "http://" + daemon.address if request.param == "tcp" else "unix:%s" % daemon.socket
        return EnrichmentWorker(*args, address=address, timeout=PATIENCE, **kw)
    return make


class Server:
    """Takes connections on a free port and treats each with `answer(connection, request bytes)`; keeps what was sent."""

    def __init__(self, answer):
        self.answer, self.requests, self.open = answer, [], []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        self.open.append(connection)
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, body = data.split(b"\r\n\r\n", 1)
            length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
            while len(body) < sum(length):
                body += connection.recv(65536)
            self.requests.append(head + b"\r\n\r\n" + body)
            self.answer(connection, data)
        except OSError:
            pass

    def stop(self):
        self.socket.close()
        for connection in self.open:
            connection.close()


@pytest.fixture
def server():
    made = []

    def make(answer):
        if isinstance(answer, bytes):
            def send(connection, _request, said=answer):
                connection.sendall(said)
                connection.close()
            answer = send
        made.append(Server(answer))
        return made[-1]
    yield make
    for s in made:
        s.stop()


def reply(value, status="200 OK", more=""):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (status.encode(), len(body), more.encode()) + body


def every_call(worker):
    """Each method once: none may raise."""
    return [worker.start(), worker.pause(), worker.resume(), worker.stop(), worker.get_progress(), worker.queue([1]), worker.queue(),
            worker.suggestions("/songs/a - b.mp4")]


# --- against the real daemon -------------------------------------------------------------------------------


def test_progress_has_exactly_the_documented_keys(daemon, worker_of):
    daemon.add_song("ABBA - Dancing Queen (Karaoke).mp4")
    daemon.start()
    daemon.wait_done()
    progress = worker_of(daemon).get_progress()
    assert list(progress) == SEED_KEYS + OUR_KEYS
    assert (progress["total"], progress["queue_remaining"], progress["percent"], progress["state"]) == (1, 0, 100, "running")
    assert progress["running"] is True and progress["started_at"].endswith("Z") and progress["by_status"]["enriched"] == 1
    assert progress["problem"] is None


def test_commands_tell_whether_they_changed_anything(daemon, worker_of):
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    worker = worker_of(daemon)

    def state():
        return daemon.get("progress")["state"]
    assert (worker.start(), state()) == (True, "running")
    assert (worker.start(), state()) == (False, "running")
    assert (worker.pause(), state()) == (True, "paused")
    assert worker.get_progress()["paused"] is True
    assert (worker.resume(), state()) == (True, "running")
    assert (worker.stop(), state()) == (True, "stopped")
    assert (worker.stop(), worker.problem) == (False, None)


def test_database_methods_are_those_of_the_design(daemon):
    class Database(EnrichmentMixin):
        pass

    daemon.add_song("Oasis - Wonderwall.mp4")
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    daemon.wait_listed(1)
    db = Database()
    db.enrichment_worker = EnrichmentWorker(db, address=str(daemon.socket), timeout=PATIENCE)
    assert db.start_enrichment() is True and db.start_enrichment() is False
    assert db.pause_enrichment() is True and db.get_enrichment_progress()["state"] == "paused"
    assert db.queue_for_enrichment([4711]) == {"queued": 0, "already": 0, "unknown": [4711], "problem": None}
    assert db.resume_enrichment() is True and db.stop_enrichment() is True
    assert db.enrichment_worker.db is db


def test_database_methods_use_the_default_address_unless_told(monkeypatch):
    monkeypatch.setenv("SONGBOOK_URL", "")
    db = type("Database", (EnrichmentMixin,), {})()
    assert db.enrichment_worker is db.enrichment_worker and not db.enrichment_worker.configured
    assert db.get_enrichment_progress()["problem"] == "off" and db.start_enrichment() is False


def test_start_without_a_usable_provider_is_told(daemon, worker_of):
    daemon.key = False
    daemon.args += ["--set", "musicbrainz.enabled=no", "--set", "listenbrainz.enabled=no"]
    daemon.start()
    worker = worker_of(daemon)
    worker.stop()
    assert worker.start() is False
    assert worker.problem.kind == "no_usable_provider" and worker.problem.status == 409


def test_key_and_rate_reach_the_settings_and_nothing_else(daemon, fake, worker_of, caplog):
    caplog.set_level(logging.DEBUG)
    daemon.key = False      # the daemon has none of its own
    daemon.args = ["--set", "musicbrainz.enabled=no", "--set", "enrichment.autostart=no", "--set", "log.level=debug"]
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.start()
    daemon.wait_listed(1)
    worker = worker_of(daemon, None, fake.lastfm_key, 4.0)
    assert worker.start() is True, worker.problem
    daemon.wait_done()
    assert daemon.song("ABBA")["metadata_status"] == "enriched"
    settings = daemon.get("settings")
    assert settings["API_KEYS.lastfm"] | {"help": ""} == settings["API_KEYS.lastfm"] | {"help": "", "value": "set", "origin": "setting"}
    assert (settings["lastfm.rate"]["value"], settings["lastfm.rate"]["origin"]) == (4, "setting")
    daemon.stop()
    holding = [p for p in daemon.home.rglob("*") if p.is_file() and fake.lastfm_key.encode() in p.read_bytes()]
    assert len(holding) == 1 and stat.S_IMODE(holding[0].stat().st_mode) == 0o600 and holding[0].suffix != ".db"
    assert fake.lastfm_key not in daemon.log and fake.lastfm_key not in caplog.text
    assert fake.lastfm_key not in repr(vars(worker)) + repr(worker) + repr(worker.problem)


def test_key_is_handed_over_once_and_again_when_it_changes(daemon, server):
    daemon.start()
    seen = []

    def pass_on(connection, request):
        seen.append(request.split(b" HTTP")[0].decode())
        method, path = seen[-1].split(" ")
        body = json.loads(request.split(b"\r\n\r\n", 1)[1] or b"{}")
        connection.sendall(reply(daemon.request(method, path, body if method != "GET" else None).json))
        connection.close()
    worker = EnrichmentWorker(None, KEY, address=server(pass_on).url, timeout=PATIENCE)
    worker.start(), worker.start()
    assert seen.count("PATCH /api/v1/settings") == 1
    worker.set_api_key("0123456789abcdef0123456789abcdee")
    worker.start()
    assert seen.count("PATCH /api/v1/settings") == 2


def test_refused_rate_is_told_and_the_worker_starts_all_the_same(daemon, caplog):
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    worker = EnrichmentWorker(None, KEY, -1, address="http://" + daemon.address, timeout=PATIENCE)
    assert worker.start() is True
    assert worker.problem.kind == "invalid_value" and KEY not in worker.problem.text
    assert "did not take" in caplog.text and KEY not in caplog.text


def test_songs_are_queued_by_the_ids_of_pikaraoke(daemon, worker_of):
    for n in range(3):
        daemon.add_song("Nobody %d - Nothing.mp4" % n)
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    daemon.wait_listed(3)
    daemon.stop()
    with sqlite3.connect(daemon.database) as db:
        db.execute("UPDATE songs SET pikaraoke_id = id + 100")
        ids = [row[0] for row in db.execute("SELECT pikaraoke_id FROM songs ORDER BY id")]
        db.execute("DELETE FROM enrichment_queue WHERE song_id = ?", (ids[0] - 100,))
    db.close()
    daemon.start()
    worker = worker_of(daemon)
    assert worker.queue([*ids, 999], 7) == {"queued": 1, "already": 2, "unknown": [999], "problem": None}
    daemon.stop()
    with sqlite3.connect(daemon.database) as db:
        assert [row[0] for row in db.execute("SELECT priority FROM enrichment_queue")] == [7, 7, 7]
    db.close()


def test_more_songs_than_fit_into_one_request_are_queued(daemon):
    daemon.start()
    found = EnrichmentWorker(address=str(daemon.socket), timeout=PATIENCE).queue(range(1, 1202))
    assert found == {"queued": 0, "already": 0, "unknown": list(range(1, 1202)), "problem": None}


def test_songs_are_queued_by_path_also_when_it_is_not_utf8(daemon, worker_of):
    daemon.args += ["--set", "enrichment.autostart=no"]
    plain = daemon.add_song("Bj\u00f6rk - J\u00f3ga \U0001f3a4.mp4")
    odd = daemon.add_song(b"Caf\xe9 - Song.mp4")
    daemon.start()
    daemon.wait_listed(2)
    worker = worker_of(daemon)
    paths = [os.fsdecode(plain), os.fsdecode(odd), "/nowhere/a.mp4"]
    found = worker.queue(paths=paths, demand="new")
    assert (found["queued"], found["already"], found["unknown"]) == (0, 2, ["/nowhere/a.mp4"])
    assert len(worker.queue(paths=["/\ud800 no path of this system"])["unknown"]) == 1


def test_long_paths_fit_into_the_requests(daemon):
    daemon.start()
    paths = ["/songs/%03d%s.mp4" % (n, "/" + "\u6b4c\U0001f3a4" * 570) for n in range(250)]        # about 4,000 bytes each
    found = EnrichmentWorker(address=str(daemon.socket), timeout=PATIENCE).queue(paths=paths)
    assert (found["unknown"], found["problem"]) == (paths, None)


def test_queueing_nothing_in_particular_takes_what_is_not_done(daemon):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.add_song("Queen - Bohemian Rhapsody.mp4")
    daemon.start()
    daemon.wait_done()
    daemon.post("worker/stop")
    daemon.add_song("Nobody - Nothing At All.mp4")
    daemon.post("scan")
    daemon.wait_listed(3)
    found = EnrichmentWorker(address=str(daemon.socket), timeout=PATIENCE).queue()
    assert (found["queued"] + found["already"], found["unknown"], found["problem"]) == (1, [], None)


def test_suggestion_has_the_label_and_the_wanted_order(daemon, worker_of):
    path = daemon.add_song("ABBA - Dancing Queen (Karaoke)---aBcDeFgHiJk.mp4")
    daemon.start()
    daemon.wait_done()
    song = daemon.song("Dancing")
    first = worker_of(daemon).suggestions(os.fsdecode(path))[0]
    assert (first["artist"], first["title"], first["year"], first["display"]) == ("ABBA", "Dancing Queen", 1976, "ABBA - Dancing Queen")
    assert first["label"] == song["label"] and abs(first["score"] - 100 * song["confidence"]) <= 0.5
    assert worker_of(daemon).suggestions(os.fsdecode(path), title_first=True)[0]["display"] == "Dancing Queen - ABBA"


def test_suggestion_for_a_file_that_is_not_listed_comes_from_its_name(daemon, worker_of):
    daemon.start()
    found = worker_of(daemon).suggestions("/elsewhere/Wonderwall in the style of Oasis (Karaoke).mp4")
    assert [(s["display"], s["source"], s["label"]) for s in found] == [("Oasis - Wonderwall", "name", "High confidence")]
    assert worker_of(daemon).suggestions("/x/" + "\u6b4c" * 700 + " - A.mp4")[0]["display"]    # too long for a query


def test_token_is_sent_where_one_is_needed(daemon):
    token = daemon.home / "token"
    token.write_text("t0k3n-" + "x" * 40 + "\n")
    token.chmod(0o600)
    daemon.args += ["--set", "server.token_file=%s" % token]
    daemon.start()
    address = "http://" + daemon.address
    without = EnrichmentWorker(address=address, timeout=PATIENCE)
    assert without.get_progress()["problem"] == "token"
    assert EnrichmentWorker(address=address, token="wrong", timeout=PATIENCE).get_progress()["problem"] == "token"
    assert EnrichmentWorker(address=address, token=token.read_text(), timeout=PATIENCE).get_progress()["state"] == "running"
    assert EnrichmentWorker(address=address, token="a\r\nX: b", timeout=PATIENCE).get_progress()["problem"] == "invalid_value"


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))     # sends nothing
            found = s.getsockname()[0]
        except OSError:
            return None
    return None if found.startswith("127.") else found


def test_daemon_beyond_loopback_is_reached_by_number_and_by_name(daemon, monkeypatch):
    address = own_address()
    if address is None:
        pytest.skip("needs an address that is not loopback")
    token = daemon.home / "token"
    token.write_text("t0k3n-" + "x" * 40 + "\n")
    token.chmod(0o600)
    daemon.args += ["--set", "server.token_file=%s" % token, "--listen", address + ":0"]
    daemon.start()
    port = int(wait_for(lambda: re.search("http://%s:([0-9]+)" % re.escape(address), daemon.log), "the second address").group(1))
    real = socket.getaddrinfo

    def look_up(host, *more, **kw):
        return real(address if host == "songbook.test" else host, *more, **kw)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for host in (address, "songbook.test"):
        worker = EnrichmentWorker(address="http://%s:%d" % (host, port), token=token.read_text(), timeout=PATIENCE)
        assert worker.get_progress()["state"] == "running", worker.problem
        assert worker.pause() is True and worker.resume() is True


def test_restarted_daemon_is_found_again(daemon, caplog):
    caplog.set_level(logging.INFO)
    daemon.start()
    worker = EnrichmentWorker(address=str(daemon.socket), timeout=PATIENCE)
    assert worker.get_progress()["state"] == "running"
    for end in (daemon.stop, daemon.kill):
        end()
        away = [worker.get_progress() for _ in range(3)]
        assert {(p["state"], p["problem"], p["running"]) for p in away} == {("unavailable", "unavailable", False)}
        daemon.start()
        assert worker.get_progress()["state"] == "running" and worker.problem is None
    said = [r.getMessage() for r in caplog.records if r.name.startswith("songbook_client")]
    assert [m.startswith("songbookd cannot be reached") for m in said] == [True, False, True, False], said   # not one line a poll


# --- against its absence ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address, problem", [
    ("", "off"), ("ftp://127.0.0.1", "address"), ("http://", "address"), ("http://127.0.0.1:99999", "address"), ("nonsense", "address"),
    ("http://127.0.0.1:5560/path", "address"), ("http://user:pw@127.0.0.1", "address"), ("http://[::1", "address"),
    ("http://%s.example" % ("x" * 70), "address"), ("unix:/nowhere/sock", "unavailable"), ("/nowhere/" + "s" * 200, "unavailable"),
    ("http://127.0.0.1:1", "unavailable"), ("http://[::1]:1", "unavailable"), ("http://localhost:1", "unavailable")])
def test_nothing_is_raised_when_nobody_is_there(address, problem):
    worker = EnrichmentWorker(object(), KEY, 5.0, address=address)
    start, pause, resume, stop, progress, queued, queued_all, suggestions = every_call(worker)
    assert [start, pause, resume, stop] == [False] * 4
    assert list(progress) == SEED_KEYS + OUR_KEYS
    assert (progress["state"], progress["running"], progress["problem"]) == ("unavailable", False, problem)
    assert queued == queued_all == {"queued": 0, "already": 0, "unknown": [], "problem": problem}
    assert suggestions == [] and worker.problem.kind == problem
    assert worker.configured is (address != "")


def test_a_request_ends_after_a_second_when_nobody_answers(server):
    assert EnrichmentWorker(address="")._service.timeout == 1.0
    silent = server(lambda connection, request: None)
    worker = EnrichmentWorker(address=silent.url, timeout=0.2)
    began = time.monotonic()
    assert worker.get_progress()["problem"] == "timeout"
    assert time.monotonic() - began >= 0.2


def test_a_trickle_does_not_hold_a_request_beyond_its_time(server):
    """Each byte comes in time, the whole does not: the limit is for the request, not for a read."""
    whole = reply({"state": "running"}, more="X-Padding: %s\r\n" % ("x" * 400))

    def trickle(connection, _request):
        for byte in whole:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
        connection.close()
    assert EnrichmentWorker(address=server(trickle).url, timeout=0.5).get_progress()["problem"] == "timeout"


@pytest.mark.parametrize("answer", [
    b"", b"SSH-2.0-OpenSSH_9.2\r\n", reply(b"<html>hello</html>"), reply([]), reply("text"), reply({"state": "dancing"}),
    reply({"state": "running"})[:-4], reply(b"[" * 100000), b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n{}",
    reply({"error": "x"}, "404 Not Found"), reply(b"", "204 No Content"), reply(b"{}", "200 OK", "Transfer-Encoding: chunked\r\n"),
    b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (5 << 20) + b'{"state": "running"}'])
def test_what_is_not_songbookd_is_told_and_does_no_harm(server, answer):
    worker = EnrichmentWorker(None, KEY, 5.0, address=server(answer).url, timeout=PATIENCE)
    results = every_call(worker)
    assert results[:4] == [False] * 4 and results[7] == []
    assert (results[4]["state"], results[4]["problem"]) == ("unavailable", "answer")


def test_wrong_types_in_an_answer_do_no_harm(server):
    odd = reply(b'{"state":"running","running":1,"total":"7","percent":1e999,"eta_seconds":[],"by_status":[1],"attached":3,'
                b'"changed":"yes","queued":NaN,"unknown":{},"songs":[7,{"id":"x","artist":3,"title":"<b>T</b>","confidence":true}],'
                b'"suggestions":{}}')
    worker = EnrichmentWorker(address=server(odd).url, timeout=PATIENCE)
    start, _, _, _, progress, queued, _, suggestions = every_call(worker)
    assert start is False and queued == {"queued": 0, "already": 0, "unknown": [], "problem": None}
    assert progress | {"started_at": None} == {
        "running": False, "paused": False, "total_processed": 0, "total_enriched": 0, "total_failed": 0, "queue_remaining": 0,
        "started_at": None, "dating_remaining": 0, "total": 0, "percent": 0.0, "eta_seconds": 0, "rate_per_second": 0.0, "offline": False, "by_status": {},
        "attached": None, "state": "running", "problem": None}
    assert [(s["display"], s["score"]) for s in suggestions] == [("<b>T</b>", 0)]


def test_a_busy_daemon_is_told(server):
    worker = EnrichmentWorker(address=server(reply({"code": "busy"}, "503 Service Unavailable")).url, timeout=PATIENCE)
    assert worker.start() is False and worker.problem.kind == "busy" and worker.get_progress()["problem"] == "busy"


# --- the key stays where it belongs ---------------------------------------------------------------------------


def test_key_is_not_given_to_another_service(server):
    other = server(reply({"name": "something else", "changed": True, "state": "running"}))
    worker = EnrichmentWorker(None, KEY, address=other.url, timeout=PATIENCE)
    assert worker.start() is False and worker.problem.kind == "answer"
    assert other.requests and not any(KEY.encode() in r for r in other.requests)


def test_redirects_are_not_followed(server):
    other = server(reply({"name": "songbookd", "changed": True}))
    away = server(reply({}, "307 Temporary Redirect", "Location: %s/api/v1/settings\r\n" % other.url))
    worker = EnrichmentWorker(None, KEY, address=away.url, timeout=PATIENCE)
    assert every_call(worker)[0] is False and away.requests and other.requests == []


def test_proxies_are_not_asked(server, daemon, monkeypatch):
    proxy = server(reply({"name": "songbookd", "changed": True}))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    daemon.start()
    assert EnrichmentWorker(address="http://" + daemon.address, timeout=PATIENCE).get_progress()["state"] == "running"
    assert proxy.requests == []


def test_key_does_not_leave_the_machine(monkeypatch, caplog):
    sent = []

    def request(self, method, path, body=None, headers=None):
        from songbook_client.service import Answer
        sent.append((method, path, body))
        return Answer({"name": "songbookd", "changed": True})
    monkeypatch.setattr("songbook_client.service.Service.request", request)
    for address, local in (("http://192.0.2.7:5560", False), ("http://songbook.example:5560", False), ("http://127.0.0.53:5560", True),
                           ("http://localhost:5560", True), ("http://[::1]:5560", True), ("/run/songbookd/sock", True)):
        sent.clear()
        assert EnrichmentWorker(None, KEY, 2.0, address=address).start() is True
        settings = [body for method, path, body in sent if (method, path) == ("PATCH", "settings")]
        assert settings == [{"API_KEYS.lastfm": KEY, "lastfm.rate": 2.0} if local else {"lastfm.rate": 2.0}]
    assert "not sent over the network" in caplog.text and KEY not in caplog.text


# --- gevent ----------------------------------------------------------------------------------------------------

COOPERATION = """
import sys
sys.path.insert(0, {package!r})
if {late!r}:
    from songbook_client import EnrichmentWorker
from gevent import monkey
monkey.patch_all()
import gevent, gevent.event, json, os, socket
from songbook_client import EnrichmentWorker

ticks = 0
enough = gevent.event.Event()

def ticker():
    global ticks
    while True:
        ticks += 1
        if ticks == 20:
            enough.set()
        gevent.sleep(0.001)

def serve(listener):
    while True:
        connection = listener.accept()[0]
        connection.recv(65536)
        enough.wait()      # answers only after others had their turn
        body = json.dumps({{"state": "running", "total": 7}}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        connection.close()

tcp = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind({path!r})
unix.listen()
for listener in (tcp, unix):
    gevent.spawn(serve, listener)
gevent.spawn(ticker)
for address in ("http://127.0.0.1:%d" % tcp.getsockname()[1], "http://localhost:%d" % tcp.getsockname()[1], {path!r}):
    ticks = 0
    enough.clear()
    progress = EnrichmentWorker(address=address, timeout={patience!r}).get_progress()
    assert progress["total"] == 7 and ticks >= 20, (address, progress, ticks)
real = EnrichmentWorker(address={daemon!r}, timeout={patience!r})
assert real.get_progress()["state"] == "running" and real.pause() is True
print("threads", len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("late", [False, True], ids=["patched first", "patched after the import"])
def test_other_greenlets_go_on_while_a_request_waits(daemon, tmp_path, late):
    daemon.start()
    script = COOPERATION.format(package=str(ROOT / "src/pikaraoke"), path=str(tmp_path / "g"), late=late, patience=PATIENCE,
                                daemon=str(daemon.socket))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=10 * PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "threads 1\n"
    wait_for(lambda: daemon.get("progress")["state"] == "paused", "the pause")
