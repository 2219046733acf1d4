"""HTTP over real sockets against the real daemon: what is refused and how, and that nothing of it harms the daemon."""
import json
import socket
import threading
import time

import pytest

from conftest import Daemon, wait_for
from raw_http import RawConnection, exchange, message

LINE = b"GET /api/v1/health HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
KIB = 1024


def post(path, body, *headers):
    return message("POST", "/api/v1/" + path, *headers, body=body if isinstance(body, bytes) else json.dumps(body).encode())


def patch(path, body, *headers):
    return message("PATCH", "/api/v1/" + path, *headers, body=body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One daemon for all of it, with two songs and the worker at rest: it has to survive every test."""
    d = Daemon(tmp_path_factory.mktemp("http"), args=["--set", "enrichment.autostart=no"])
    d.add_song("ABBA - Dancing Queen (Karaoke).mp4")
    d.add_song("Adele - Rolling in the Deep (Karaoke).mp4")
    d.start()
    d.wait_listed(2)
    wait_for(lambda: not d.get("scan")["running"], "the end of the scan")
    yield d
    d.stop()


@pytest.fixture(autouse=True)
def unharmed(server):
    yield
    assert server.get("health")["name"] == "songbookd"
    assert server.get("progress")["total"] == 2


def assert_problem(answer, status):
    assert answer is not None, "the connection ended without an answer"
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status and problem["type"] and problem["title"] and problem["detail"] and problem["code"], problem
    return problem


MALFORMED = {
    "tls": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
    "words": b"hello there\r\n\r\n",
    "no_version": b"GET /api/v1/health\r\n" + HOST + b"\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http3": b"GET /api/v1/health HTTP/3.0\r\n" + HOST + b"\r\n",
    "no_host": LINE + b"\r\n",
    "no_host_http10": b"GET /api/v1/health HTTP/1.0\r\n\r\n",
    "two_hosts": LINE + HOST + HOST + b"\r\n",
    "folded": LINE + HOST + b"X-A: 1\r\n 2\r\n\r\n",
    "bare_lf": b"GET /api/v1/health HTTP/1.1\nHost: localhost\n\n",
    "bare_cr": LINE + HOST + b"X-A: 1\rX-B: 2\r\n\r\n",
    "nul_in_header": LINE + HOST + b"X-A: 1\x002\r\n\r\n",
    "control_in_header": LINE + HOST + b"X-A: \x1b[31m\r\n\r\n",
    "space_before_colon": LINE + HOST + b"X-A : 1\r\n\r\n",
    "no_colon": LINE + HOST + b"X-A\r\n\r\n",
    "no_name": LINE + HOST + b": 1\r\n\r\n",
    "space_in_url": b"GET /api v1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no_path": b"GET api HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad_escape": b"GET /api/v1/songs?q=%zz HTTP/1.1\r\n" + HOST + b"\r\n",
    "nul_escape": b"GET /api/v1/songs?q=%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "query_not_utf8": b"GET /api/v1/songs?q=%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n",
    "length_twice": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length_negative": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Content-Length: -2\r\n\r\n{}",
    "length_hex": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Content-Length: 0x2\r\n\r\n{}",
    "length_overflows": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "length_and_chunked": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk_size": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk_overflows": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "coding": b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "upgrade": LINE + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "no_such_method": b"BREW /api/v1/health HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_is_400_and_the_end_of_the_connection(server, kind):
    with RawConnection(server) as c:
        c.send(MALFORMED[kind])
        problem = assert_problem(c.answer(), 400)
        assert problem["code"] == "malformed"
        if "query" not in kind and "escape" not in kind:      # those were well framed
            assert c.is_closed()


@pytest.mark.parametrize("data", [b"GET /api", LINE, LINE + HOST, LINE + b"Host", post("scan", b"{}")[:-1],
                                  b"POST /api/v1/scan HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}"])
def test_unfinished_request_gets_400_when_the_client_ends_it(server, data):
    assert_problem(exchange(server, data, end=True), 400)


def test_connection_closed_amid_a_request_is_no_harm(server):
    for data in (b"", b"G", LINE + HOST, post("scan", b"{}")[:-1]):
        for _ in range(3):
            with RawConnection(server) as c:
                c.send(data)


def test_slow_request_gets_408(server):
    """The limit for headers is 10 s; one byte now and then does not extend it."""
    with RawConnection(server, timeout=300) as c:
        c.send(LINE)
        stop = threading.Event()

        def drip():
            while not stop.wait(1) and c.send(b"X"):
                pass
        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        try:
            assert_problem(c.answer(), 408)
        finally:
            stop.set()
            dripping.join()


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/v1", "/api/v1/", "/api/v2/health", "/api/v1/health/", "//api/v1/health",
                                  "/api/v1/../v1/health", "/api/v1/songs/1/nothing", "/%2e%2e/etc/passwd"])
def test_unknown_path_is_404(server, path):
    assert_problem(exchange(server, message("GET", path)), 404)


@pytest.mark.parametrize("song", ["0", "99999", "-1", "x", "1.0", "9007199254740993", "99999999999999999999999", "%31%00"[:3] + "x"])
def test_unknown_song_is_404(server, song):
    for request in (message("GET", "/api/v1/songs/" + song), message("GET", "/api/v1/songs/%s/explain" % song),
                    message("GET", "/api/v1/songs/%s/suggestions" % song), post("songs/%s/requeue" % song, {}),
                    post("songs/%s/accept" % song, {"candidate": 1}),
                    patch("songs/" + song, {"artist": "A"}, 'If-Match: "v1"')):
        assert_problem(exchange(server, request), 404)


@pytest.mark.parametrize("method,path,allow", [
    ("DELETE", "/api/v1/progress", {"GET", "HEAD"}),
    ("POST", "/api/v1/health", {"GET", "HEAD"}),
    ("PUT", "/api/v1/songs/1", {"GET", "HEAD", "PATCH"}),
    ("GET", "/api/v1/worker/start", {"POST"}),
    ("PATCH", "/api/v1/scan", {"GET", "HEAD", "POST"}),
    ("TRACE", "/api/v1/health", {"GET", "HEAD"}),
])
def test_wrong_method_is_405_and_names_the_right_ones(server, method, path, allow):
    answer = exchange(server, message(method, path))
    assert_problem(answer, 405)
    assert {m.strip() for m in answer.headers["allow"].split(",")} - {"OPTIONS"} == allow


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json",
                                  "application/jsonx", "text/plain; application/json"])
def test_wrong_content_type_is_415(server, kind):
    for path in ("scan", "worker/pause", "queue"):
        assert_problem(exchange(server, message("POST", "/api/v1/" + path, "Content-Type: " + kind, body=b"{}")), 415)


def test_post_without_body_needs_its_content_type_over_tcp_only(server):
    bare = b"POST /api/v1/worker/stop HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
    assert_problem(exchange(server, bare), 415)
    answer = exchange(server, bare, path=server.socket)
    assert answer.status == 200 and answer.json == {"changed": False, "state": "stopped"}


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json(server, kind):
    assert exchange(server, message("POST", "/api/v1/parse", "Content-Type: " + kind, body=b'{"filename":"A - B"}')).status == 200


def test_long_url_is_414(server):
    fits = "/api/v1/songs?q=" + "a" * 180
    assert exchange(server, message("GET", fits)).status == 200
    for path in ("/" + "a" * 2048, "/api/v1/songs?q=" + "a" * 70000):
        assert_problem(exchange(server, message("GET", path)), 414)


def test_large_headers_are_431(server):
    assert exchange(server, message("GET", "/api/v1/health", *["X-%d: 1" % i for i in range(60)])).status == 200
    assert exchange(server, message("GET", "/api/v1/health", "X: " + "a" * 15000)).status == 200
    for headers in (["X-%d: 1" % i for i in range(70)], ["X: " + "a" * 17000], ["X" * 17000 + ": 1"],
                    ["X-%d: %s" % (i, "a" * 1000) for i in range(20)]):
        assert_problem(exchange(server, message("GET", "/api/v1/health", *headers)), 431)


def test_large_body_is_413_before_it_is_read(server):
    head = b"POST /api/v1/parse HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    assert_problem(exchange(server, head + b"Content-Length: 524289\r\n\r\n"), 413)
    assert_problem(exchange(server, head + b"Content-Length: 9000000000\r\n\r\n" + b" " * 100000), 413)
    assert_problem(exchange(server, head + b"Expect: 100-continue\r\nContent-Length: 524289\r\n\r\n"), 413)
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    assert_problem(exchange(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9), 413)


def test_body_of_512_kib_is_read(server):
    body = b'{"filename":"A - B"}'.ljust(512 * KIB)
    assert exchange(server, post("parse", body)).json["artist"] == "A"


@pytest.mark.parametrize("body", [
    b"{", b'{"filename":', b'{"filename":"a"', b"{'filename':'a'}", b'{"filename":"a",}', b'{"filename":"a"} {}', b"nothing", b"[]", b'"a"', b"1",
    b"null", b'{"filename":"\xff\xfe"}', b'{"filename":"\xc0\xaf"}', b'{"filename":"\xed\xa0\x80"}', b'{"filename":"a\\u0000b"}',
    b'{"filename":"a\x00b"}', b'{"filename":"\\ud800"}', b'{"a":' * 65 + b"1" + b"}" * 65, b"[" * 100000,
    b'{"x":01}', b'{"x":1.}', b'{"x":-.5}', b'{"x":-00}', b'{"x":NaN}', b'{"filename":"a\nb"}', b'{"filename":\x0b"a"}'])
def test_invalid_json_or_utf8_is_400(server, body):
    for path in ("parse", "queue"):
        assert_problem(exchange(server, post(path, body)), 400)


WRONG = [
    ("POST", "parse", {"filename": 7}, "/filename"),
    ("POST", "parse", {"filenames": ["a", 7]}, "/filenames/1"),
    ("POST", "parse", {"filenames": ["a"] * 2001}, "/filenames"),
    ("POST", "parse", {}, ""),
    ("POST", "queue", {}, ""),
    ("POST", "queue", {"song_ids": [0]}, "/song_ids/0"),
    ("POST", "queue", {"song_ids": [1, 1.5]}, "/song_ids/1"),
    ("POST", "queue", {"song_ids": 1}, "/song_ids"),
    ("POST", "queue", {"song_ids": [1], "priority": "high"}, "/priority"),
    ("POST", "queue", {"song_ids": [1], "demand": "now"}, "/demand"),
    ("POST", "queue", {"filter": {"status": "good"}}, "/filter/status"),
    ("POST", "queue", {"filter": {"colour": "red"}}, "/filter/colour"),
    ("POST", "queue", {"paths": [""]}, "/paths/0"),
    ("PATCH", "songs/1", {"year": 99}, "/year"),
    ("PATCH", "songs/1", {"year": "1976"}, "/year"),
    ("PATCH", "songs/1", {"title": ""}, "/title"),
    ("PATCH", "songs/1", {"title": None}, "/title"),
    ("PATCH", "songs/1", {"artist": "a\nb"}, "/artist"),
    ("PATCH", "songs/1", {"artist": "a" * 501}, "/artist"),
    ("PATCH", "songs/1", {"artist": ["a"]}, "/artist"),
    ("PATCH", "songs/1", {"confidence": 1}, "/confidence"),
    ("PATCH", "songs/1", {"lock": ["confidence"]}, "/lock"),
    ("PATCH", "songs/1", {"a/b~c": 1}, "/a~1b~0c"),
    ("PATCH", "songs/1", {}, ""),
    ("POST", "songs/1/accept", {"candidate": "first"}, "/candidate"),
    ("POST", "songs/1/requeue", {"priority": 1e9}, "/priority"),
    ("POST", "forget", {"song_ids": [-1]}, "/song_ids/0"),
    ("POST", "undo", {"batch": "last"}, "/batch"),
    ("POST", "scan", {"accept_missing": 1}, "/accept_missing"),
    ("POST", "worker/start", {"speed": 9}, "/speed"),
    ("POST", "settings/test", {"provider": "napster"}, "/provider"),
    ("PATCH", "settings", {"lastfm.rate": "fast"}, "/lastfm.rate"),
    ("PATCH", "settings", {"lastfm.rate": -1}, "/lastfm.rate"),
    ("PATCH", "settings", {"lastfm.colour": 1}, "/lastfm.colour"),
    ("PATCH", "settings", {"library.folders": "/"}, "/library.folders"),
]


@pytest.mark.parametrize("method,path,body,pointer", WRONG, ids=["%s-%s" % (w[1], w[3]) for w in WRONG])
def test_wrong_value_is_422_with_a_pointer(server, method, path, body, pointer):
    answer = exchange(server, message(method, "/api/v1/" + path, 'If-Match: "v1"', body=json.dumps(body).encode()))
    problem = assert_problem(answer, 422)
    assert [e["pointer"] for e in problem["errors"]] == [pointer] and all(e["detail"] for e in problem["errors"])


@pytest.mark.parametrize("path,parameter", [
    ("songs?limit=0", "limit"), ("songs?limit=501", "limit"), ("songs?limit=x", "limit"), ("songs?sort=size", "sort"), ("songs?status=good", "status"),
    ("songs?min_confidence=2", "min_confidence"), ("songs?max_confidence=nan", "max_confidence"), ("songs?year=12", "year"),
    ("songs?colour=red", "colour"), ("songs?youtube_id=short", "youtube_id"), ("songs?presence=maybe", "presence"), ("songs?cursor=zzz", "cursor"),
    ("songs?q=" + "a" * 201, "q"), ("songs/1/suggestions?limit=21", "limit"), ("changes?before=x", "before"), ("events?since=-1", "since"),
    ("progress?fields=all", "fields")])
def test_wrong_query_is_422_with_its_parameter(server, path, parameter):
    problem = assert_problem(exchange(server, message("GET", "/api/v1/" + path)), 422)
    assert [e["parameter"] for e in problem["errors"]] == [parameter]


@pytest.mark.parametrize("number", ["0", "-0", "0.05", "10", "1e-05", "1E+05", "2e0", "100.001"])
def test_numbers_of_json_are_read(server, number):
    answer = exchange(server, post("queue", b'{"song_ids":[1],"priority":%s}' % number.encode()))
    assert answer.status in (200, 422), answer.body      # 422: a number, but no whole one


def test_every_wrong_field_is_named_at_once(server):
    problem = assert_problem(exchange(server, patch("songs/1", {"year": 1, "title": "", "shoe": 44}, 'If-Match: "v1"')), 422)
    assert {e["pointer"] for e in problem["errors"]} == {"/year", "/title", "/shoe"}


def test_edit_without_etag_is_428_and_with_a_stale_one_412(server):
    assert_problem(exchange(server, patch("songs/1", {"artist": "A"})), 428)
    for tag in ('"v0"', '"v99"', "v1", 'W/"v1"', '"x"'):
        answer = exchange(server, patch("songs/1", {"artist": "A"}, "If-Match: " + tag))
        assert_problem(answer, 412)
        assert answer.headers["etag"] == '"v%d"' % server.get("songs/1")["version"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1",
                                  "[2001:db8::1]", "localhost@evil.example", "0.0.0.0", "localhost:99999999"])
def test_foreign_host_is_421(server, host):
    assert_problem(exchange(server, message("GET", "/api/v1/songs", host=host)), 421)
    assert_problem(exchange(server, message("POST", "/api/v1/worker/stop", host=host, body=b"{}")), 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:5560", "[::1]", "[::1]:5560"])
def test_own_host_is_served(server, host):
    assert exchange(server, message("GET", "/api/v1/songs", host=host)).status == 200


@pytest.mark.parametrize("header", ["Origin: http://evil.example", "Origin: null", "Origin: https://localhost", "Origin: http://localhost:1",
                                    "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"])
def test_foreign_origin_is_403(server, header):
    problem = assert_problem(exchange(server, post("worker/stop", {}, header)), 403)
    assert problem["code"] == "foreign_origin"


def test_own_origin_is_served(server):
    own = exchange(server, message("POST", "/api/v1/worker/stop", "Origin: http://" + server.address, "Sec-Fetch-Site: same-origin",
                                   host=server.address, body=b"{}"))
    assert own.status == 200


def test_no_answer_invites_other_origins(server):
    for path in ("/", "/healthz", "/api/v1/songs", "/api/v1/progress"):
        answer = exchange(server, message("GET", path, "Origin: http://evil.example"))
        assert not any(h.startswith("access-control") for h in answer.headers)


# --- the connection -----------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(server):
    """Slow ones (which go through the database) and quick ones mixed, over 64 KiB of them at once."""
    wanted, data = [], b""
    for i in range(300):
        if i % 3 == 0:
            data += message("GET", "/api/v1/songs?limit=%d" % (1 + i % 2), "X-Pad: " + "a" * 300)
            wanted.append((200, 1 + i % 2))
        elif i % 3 == 1:
            data += post("parse", {"filename": "Artist %d - Title" % i})
            wanted.append((200, "Artist %d" % i))
        else:
            data += message("GET", "/nothing/%d" % i)
            wanted.append((404, None))
    with RawConnection(server) as c:
        sender = threading.Thread(target=c.send, args=(data,), daemon=True)
        sender.start()
        got = []
        for _ in wanted:
            answer = c.answer()
            value = answer.json
            got.append((answer.status, len(value["songs"]) if "songs" in value else value.get("artist")))
        sender.join()
    assert got == wanted


def test_connection_is_kept_alive_also_after_refusals(server):
    with RawConnection(server) as c:
        for path, status in (("/api/v1/health", 200), ("/nothing", 404), ("/api/v1/songs?limit=x", 422), ("/api/v1/songs/1", 200), ("/healthz", 200)):
            c.send(message("GET", path))
            assert c.answer().status == status
        c.send(post("parse", b"{"))
        assert_problem(c.answer(), 400)
        c.send(message("GET", "/healthz", "Connection: close"))
        assert c.answer().body.strip() == b"ok"
        assert c.is_closed()


def test_request_may_arrive_byte_by_byte(server):
    with RawConnection(server) as c:
        for byte in post("parse", {"filename": "Queen - Innuendo"}):
            c.send(bytes([byte]))
        assert c.answer().json["artist"] == "Queen"


def test_http10_is_answered_and_closed(server):
    with RawConnection(server) as c:
        c.send(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert c.answer().body.strip() == b"ok"
        assert c.is_closed()


def test_head_has_the_headers_only(server):
    with RawConnection(server) as c:
        c.send(message("HEAD", "/api/v1/songs/1") + message("GET", "/api/v1/songs/1"))
        head, full = c.answer(bodiless=True), c.answer()
        assert head.headers["content-length"] == str(len(full.body)) and head.headers["etag"] == full.headers["etag"]


def test_expect_continue_is_heeded(server):
    with RawConnection(server) as c:
        body = b'{"filename":"Queen - Innuendo"}'
        c.send(post("parse", body, "Expect: 100-continue")[:-len(body)])
        assert c.head()[0] == 100
        c.send(body)
        assert c.answer().json["title"] == "Innuendo"


def test_chunked_body_is_read(server):
    with RawConnection(server) as c:
        c.send(b"POST /api/v1/parse HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b'{"filena', b'me":"Queen - ', b'Innuendo"}'):
            c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        c.send(b"0\r\n\r\n")
        assert c.answer().json["title"] == "Innuendo"


def test_client_that_shut_its_side_still_gets_all_answers(server):
    with RawConnection(server) as c:
        c.send(message("GET", "/api/v1/songs/1") * 20)
        c.end()
        assert [c.answer().status for _ in range(20)] == [200] * 20
        assert c.is_closed()


def test_connection_65_takes_the_place_of_the_most_silent(server):
    held = []
    try:
        for _ in range(64):
            held.append(RawConnection(server))
            held[-1].send(message("GET", "/healthz"))
        assert [c.answer().status for c in held] == [200] * 64
        silent = held.pop(0)
        for c in held:                   # all the others speak once more
            c.send(message("GET", "/healthz"))
            assert c.answer().status == 200
        with RawConnection(server) as late:
            late.send(message("GET", "/healthz"))
            assert late.answer().status == 200
            assert silent.is_closed()
            for c in held:
                c.send(message("GET", "/healthz"))
                assert c.answer().status == 200
        silent.close()
    finally:
        for c in held:
            c.close()
    wait_for(lambda: exchange(server, message("GET", "/healthz")).status == 200, "room for connections")


def test_storm_of_connections_is_survived(server):
    """Far more than the limit at once: each is answered, refused or closed, none hangs."""
    ends = []
    for _ in range(300):
        host, port = server.address.rsplit(":", 1)
        s = socket.create_connection((host, int(port)), 30)
        ends.append(s)
    for s in ends:
        try:
            s.sendall(message("GET", "/healthz", "Connection: close"))
        except OSError:
            pass
    for s in ends:
        s.settimeout(120)
        try:
            data = s.recv(65536)
        except ConnectionResetError:
            data = b""
        assert data == b"" or data.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
        s.close()
    wait_for(lambda: exchange(server, message("GET", "/healthz")).status == 200, "room for connections")


def test_client_that_reads_nothing_does_not_stop_others(server):
    with RawConnection(server) as c:
        c.sock.setblocking(False)
        data, sent = post("parse", {"filenames": ["Queen - Innuendo " + "x" * 100] * 1000}), 0
        end = time.monotonic() + 3
        while time.monotonic() < end and sent < 4 * KIB * KIB:
            try:
                sent += c.sock.send(data[sent % len(data):])
            except BlockingIOError:
                break
        assert server.get("progress")["total"] == 2


def test_unix_socket_answers_any_host_and_has_mode_0660(server):
    assert oct(server.socket.stat().st_mode & 0o777) == "0o660"
    answer = exchange(server, message("GET", "/api/v1/songs", host="whatever"), path=server.socket)
    assert answer.status == 200 and len(answer.json["songs"]) == 2
