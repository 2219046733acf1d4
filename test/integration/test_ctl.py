"""songbookctl against a fake daemon on a Unix socket: what it asks, what it prints, and its exit codes."""
import contextlib
import http.server
import json
import os
import pathlib
import socket
import socketserver
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CTL = pathlib.Path(os.environ.get("SONGBOOKD_BUILD", ROOT / "build-test")).resolve() / "songbookctl"
SONG = {"id": 7, "file_path": "/s/a\u001b[31m.mp4", "artist": "ABBA", "title": "A" * 100, "year": None, "confidence": 0.85,
        "metadata_status": "enrichment_failed", "locked": ["genre"]}


class FakeDaemon(socketserver.ThreadingUnixStreamServer):
    """answers: {(method, path): (status, headers, body or list of chunks)}; asked: [(method, path, headers, body)]."""
    daemon_threads = True

    def __init__(self, path):
        super().__init__(path, Handler)
        self.answers = {}
        self.asked = []

    def problem(self, method, path, status, detail, **headers):
        body = {"type": "about:blank", "status": status, "title": "refused", "detail": detail}
        self.answers[method, path] = (status, {"content-type": "application/problem+json", **headers}, json.dumps(body))

    def json(self, method, path, body, status=200, **headers):
        self.answers[method, path] = (status, {"content-type": "application/json", **headers}, json.dumps(body))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length).decode()
        self.server.asked.append((self.command, self.path, self.headers, body))
        status, headers, answer = self.server.answers.get((self.command, self.path), (404, {}, ""))
        if isinstance(answer, bytes):  # the whole answer as it goes over the wire
            self.wfile.write(answer)
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if isinstance(answer, list):
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in answer:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece.encode()), piece.encode()))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("content-length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *args):
        pass

    def address_string(self):
        return "unix"


@pytest.fixture
def daemon(tmp_path):
    server = FakeDaemon(str(tmp_path / "d.sock"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ctl(daemon, *args, stdin=""):
    place = ["--socket", daemon.server_address] if daemon else []
    return subprocess.run([CTL, *place, *args], input=stdin, capture_output=True, text=True, timeout=300)


def test_status_prints_words_and_json_comes_as_it_is(daemon):
    daemon.json("GET", "/api/v1/progress", {"state": "running", "total": 753, "percent": 16.04, "queue_remaining": 633,
                                            "by_status": {"parsed": 630, "enriched": 123}, "eta_seconds": 130,
                                            "offline": False, "providers": {"lastfm": {"state": "ready"}}})
    text = ctl(daemon, "status")
    assert text.returncode == 0 and text.stderr == ""
    for words in ("running", "753 songs, 16.0 % done", "parsed 630, enriched 123", "2 min 10 s", "lastfm", "ready"):
        assert words in text.stdout
    assert json.loads(ctl(daemon, "--json", "status").stdout)["queue_remaining"] == 633


@pytest.mark.parametrize("command", ["start", "pause", "resume", "stop"])
def test_worker_commands_post_json(daemon, command):
    daemon.json("POST", "/api/v1/worker/" + command, {"changed": False, "state": "paused"})
    assert ctl(daemon, command).stdout == "paused (it was so before)\n"
    assert daemon.asked[0][2]["content-type"] == "application/json" and daemon.asked[0][3] == "{}"


def test_a_list_fits_80_columns_and_drives_no_terminal(daemon):
    daemon.json("GET", "/api/v1/songs?q=a%20b%26c&limit=50", {"songs": [{**SONG, "artist": "x\u001b[2J\u202ey"}], "next": "n1"})
    daemon.json("GET", "/api/v1/songs?q=a%20b%26c&cursor=n1&limit=49", {"songs": [{**SONG, "artist": "許" * 30}], "next": None})
    done = ctl(daemon, "songs", "--q", "a b&c")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and "failed" in lines[1]
    assert all(len(line) + line.count("許") <= 80 for line in lines)


def test_edit_sends_the_etag_it_read(daemon):
    daemon.json("GET", "/api/v1/songs/7", SONG, etag='"12"')
    daemon.json("PATCH", "/api/v1/songs/7", {**SONG, "artist": "Abba"}, etag='"13"')
    assert ctl(daemon, "edit", "7", "artist=Ab=ba", "year=1974", "genre=", "verified=yes").returncode == 0
    method, path, headers, body = daemon.asked[1]
    assert (method, headers["if-match"]) == ("PATCH", '"12"')
    assert json.loads(body) == {"artist": "Ab=ba", "year": 1974, "genre": None, "verified": True}


def test_a_refusal_prints_the_problem_and_fails(daemon):
    daemon.json("GET", "/api/v1/songs/7", SONG, etag='"12"')
    daemon.problem("PATCH", "/api/v1/songs/7", 412, "the song changed meanwhile")
    done = ctl(daemon, "edit", "7", "artist=A")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "songbookctl: the song changed meanwhile\n"
    daemon.problem("POST", "/api/v1/undo", 404, "there is no '/api/v1/undo'")
    assert ctl(daemon, "undo", "3").returncode == 1


def test_busy_is_temporary(daemon):
    daemon.problem("POST", "/api/v1/scan", 503, "the queue is full", retry_after="3")
    done = ctl(daemon, "scan", "--accept-missing")
    assert done.returncode == 75 and "try again in 3 s" in done.stderr
    assert json.loads(daemon.asked[0][3]) == {"accept_missing": True}


def test_queue_takes_ids_or_a_filter(daemon):
    daemon.json("POST", "/api/v1/queue", {"queued": 1, "already": 0, "unknown": []})
    for args, body in ((["3", "4", "--priority", "9"], {"song_ids": [3, 4], "priority": 9}), (["--all"], {"filter": {}}),
                       (["--failed"], {"filter": {"status": "enrichment_failed"}})):
        assert ctl(daemon, "queue", *args).returncode == 0
        assert json.loads(daemon.asked[-1][3]) == body
    assert ctl(daemon, "queue", "3", "--all").returncode == 2


def test_events_end_behind_what_was_held(daemon):
    lines = ['{"seq":10,"event":"hello"}\n', '{"seq":8,"event":"hello"}\n',
             '{"seq":9,"event":"so', 'ng"}\n{"seq":10,"event":"song"}\n{"seq":11,"event":"song"}\n']
    daemon.answers["GET", "/api/v1/events"] = (200, {"content-type": "application/x-ndjson"}, [lines[0]])
    daemon.answers["GET", "/api/v1/events?since=8"] = (200, {"content-type": "application/x-ndjson"}, lines[1:])
    seqs = [json.loads(line)["seq"] for line in ctl(daemon, "events", "--since", "8").stdout.splitlines()]
    assert seqs == [8, 9, 10]
    followed = ctl(daemon, "events", "--since", "8", "--follow").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in followed] == [8, 9, 10, 11]


def test_settings_are_typed_and_a_key_comes_from_stdin(daemon):
    daemon.json("PATCH", "/api/v1/settings", {})
    for args, stdin, body in ((["lastfm.rate=2.5"], "", {"lastfm.rate": 2.5}),
                              (["lastfm.enabled=no"], "", {"lastfm.enabled": False}),
                              (["API_KEYS.lastfm=-"], "secret\n", {"API_KEYS.lastfm": "secret"}),
                              (["--unset", "lastfm.rate"], "", {"lastfm.rate": None})):
        assert ctl(daemon, "settings", *args, stdin=stdin).returncode == 0
        assert json.loads(daemon.asked[-1][3]) == body
    daemon.json("GET", "/api/v1/settings", {"lastfm.rate": {"value": 5, "origin": "default"}})
    assert ctl(daemon, "settings", "lastfm.rate").stdout == "5\n"
    unknown = ctl(daemon, "settings", "lastfm.rat")
    assert unknown.returncode == 1 and "did you mean 'lastfm.rate'" in unknown.stderr


def test_undo_without_a_batch_takes_the_latest(daemon):
    rows = [(44, "undo", False), (43, None, True), (41, None, False), (40, None, False)]
    daemon.json("GET", "/api/v1/changes?actor=person&limit=500",
                {"changes": [{"batch": b, "song_id": 7, "field": "artist", "source": s, "undone": u} for b, s, u in rows]})
    daemon.json("POST", "/api/v1/undo", {"batch": 42})
    assert ctl(daemon, "undo").returncode == 0
    assert json.loads(daemon.asked[-1][3]) == {"batch": 41}


def test_undo_says_what_is_taken_back(daemon):
    daemon.json("POST", "/api/v1/undo", {"batch": 42})
    for args, body in ((["7", "--song", "3"], {"batch": 7, "song_id": 3}), (["--change", "9"], {"change": 9}),
                       (["--since", "2026-01-31", "--by", "worker"], {"since": "2026-01-31", "actor": "worker", "source": None})):
        assert ctl(daemon, "undo", *args).returncode == 0
        assert json.loads(daemon.asked[-1][3]) == body
    for args in (["7", "--change", "9"], ["--song", "3"], ["--by", "worker"], ["--change", "9", "--since", "2026-01-31"], ["--change", "x"]):
        assert ctl(daemon, "undo", *args).returncode == 2


OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BROKEN = {"nothing": b"", "no HTTP": b"SSH-2.0-x\r\n", "cut": OK + b"content-length: 50\r\n\r\n{}",
          "no JSON": OK + b"content-length: 1\r\n\r\n{", "bad length": OK + b"content-length: -1\r\n\r\n{}",
          "bad chunk": OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n", "long head": OK + b"a: b\r\n" * 20000}


@pytest.mark.parametrize("wire", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_a_failure_with_one_sentence(daemon, wire):
    daemon.answers["GET", "/api/v1/health"] = (200, {}, wire)
    done = ctl(daemon, "health")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("songbookctl: the daemon's answer broke off: ") and done.stderr.count("\n") == 1


def test_no_daemon_is_69_by_socket_and_by_url(tmp_path):
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % s.getsockname()[1]
        for place in (["--socket", str(tmp_path / "none")], ["--url", url]):
            done = ctl(None, *place, "status")
            assert (done.returncode, done.stdout) == (69, "") and "no songbookd answers" in done.stderr


@pytest.mark.parametrize("args", [[], ["frobnicate"], ["status", "--frob"], ["show"], ["show", "x"], ["show", "1", "2"],
                                  ["--socket"],
                                  ["--url", "https://localhost", "status"], ["parse", "--tsv", "--json"],
                                  ["edit", "1", "colour=red"],
                                  ["edit", "1", "year=soon"], ["songs", "--limit", "0"]])
def test_wrong_usage_is_2_and_says_why(args):
    done = ctl(None, *args)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("songbookctl: ")


def test_help_fits_80_columns():
    for args in (["--help"], ["songs", "--help"], ["edit", "--help"]):
        done = ctl(None, *args)
        assert done.returncode == 0 and max(map(len, done.stdout.splitlines())) <= 80


def test_parse_keeps_one_line_for_each_name(tmp_path):
    names = b"ABBA - Waterloo (Karaoke)---dQw4w9WgXcQ.mp4\n\nwith\ttab \xff\nlast without end"
    (tmp_path / "names").write_bytes(names)
    done = subprocess.run([CTL, "parse", "--tsv", str(tmp_path / "names")], capture_output=True, timeout=300)
    rows = [line.split("\t") for line in done.stdout.decode().split("\n")[:-1]]
    assert done.returncode == 0 and done.stderr == b""
    assert rows[0] == "name artist title confidence variant vendor year youtube_id category reason".split()
    assert [row[0] for row in rows[1:]] == ["ABBA - Waterloo (Karaoke)---dQw4w9WgXcQ.mp4", "", "with tab \ufffd",
                                            "last without end"]
    assert all(len(row) == 10 for row in rows) and rows[1][7] == "dQw4w9WgXcQ"
    lines = subprocess.run([CTL, "parse", "--json"], input=names, capture_output=True, timeout=300).stdout.decode().splitlines()
    assert [json.loads(line)["name"] for line in lines][3] == "last without end"


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run([CTL, "parse", "--tsv"], input=b"A - B\n", stdout=full, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 1 and b"could not be written" in done.stderr
