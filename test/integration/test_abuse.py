"""Clients that misbehave, each kind for a while, and an honest dashboard beside them that must notice nothing.

SONGBOOKD_ABUSE multiplies how much (1 in the suite, more in the long run). Figures are printed.
"""
import http.client
import json
import os
import random
import resource
import select
import socket
import statistics
import struct
import threading
import time

import pytest

from conftest import wait_for
from raw_http import message

MUCH = float(os.environ.get("SONGBOOKD_ABUSE", 1))
SEED = int(os.environ.get("SONGBOOKD_ABUSE_SEED", random.randrange(100000)))
CALM_MS = float(os.environ.get("SONGBOOKD_ABUSE_MS", 50))
SLOWNESS = float(os.environ.get("SONGBOOKD_ABUSE_SLOWNESS", 8))   # sanitizers, and a busy machine; the long run measures a release build


class Honest(threading.Thread):
    """An open dashboard: one kept connection that asks, one stream that listens. A kept connection may be closed while it is silent,
    and a new one be told that all places are taken (only when all are at work): it asks again at once, and the time counts until
    it has its answer."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.d, self.over, self.times, self.wrong, self.tries = daemon, threading.Event(), [], [], 0
        self.stream = daemon.connection(600)
        self.stream.request("GET", "/api/v1/events")
        self.events = self.stream.getresponse()
        self.connection = daemon.connection(600)

    def run(self):
        n = 0
        while not self.over.wait(0.01):
            path = ("/api/v1/progress", "/api/v1/songs?limit=20", "/api/v1/health")[n % 3]
            n += 1
            began = time.monotonic()
            while (problem := self.problem(path)) and time.monotonic() - began < 5:
                self.tries += 1
            if problem:
                self.wrong.append((path, problem))
            self.times.append(time.monotonic() - began)

    def problem(self, path):
        """Asks; what is wrong with the answer, or None."""
        try:
            self.connection.request("GET", path)
            answer = self.connection.getresponse()
            answer.read()
            return None if answer.status == 200 else answer.status
        except (OSError, http.client.HTTPException) as e:
            self.connection.close()
            return repr(e)

    def end(self, what):
        wait_for(lambda: len(self.times) >= 3, "three answers")
        self.over.set()
        self.join()
        ms = sorted(1000 * t for t in self.times)
        print("%s: %d answers to the honest one, %d asked again, median %.1f ms, 99 %% %.1f ms, worst %.1f ms" % (
            what, len(ms), self.tries, statistics.median(ms), ms[int(len(ms) * 0.99) - 1], ms[-1]))
        assert not self.wrong, self.wrong[:5]
        assert statistics.median(ms) < CALM_MS * SLOWNESS, "the honest one waits"
        self.stream.close()


@pytest.fixture
def server(daemon, fake):
    for i in range(40):
        daemon.add_song("Band %d - Tune %d.mp4" % (i, i))
    fake.catalogue.any_share = 1.0
    daemon.start()
    daemon.wait_done()
    print("SONGBOOKD_ABUSE_SEED=%d" % SEED)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield daemon
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def dial(d, timeout=60):
    host, port = d.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout)


def quietly(call, *args):
    try:
        return call(*args)
    except OSError:
        return None


def connections_in_turn(d, dice):
    for n in range(int(5000 * MUCH)):
        s = dial(d)
        if n % 3:
            quietly(s.sendall, message("GET", "/healthz"))
        if n % 3 == 1:
            quietly(s.recv, 4096)
        if n % 7 == 0:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))    # a reset instead of a goodbye
        s.close()


def many_at_once(d, dice):
    for _ in range(max(1, int(2 * MUCH))):
        held = [s for s in (quietly(dial, d) for _ in range(1000)) if s]
        for s in held[::2]:
            quietly(s.sendall, message("GET", "/api/v1/songs?limit=500"))
        time.sleep(0.2)
        for s in held:
            s.close()


def slow_headers(d, dice):
    held = [dial(d) for _ in range(120)]
    text = b"GET /api/v1/songs HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 2000
    for at in range(int(30 * MUCH)):
        for s in held:
            quietly(s.send, text[at:at + 1])
        time.sleep(0.02)
    for s in held:
        s.close()


def endless_bodies(d, dice):
    for _ in range(int(6 * MUCH)):
        s = dial(d)
        quietly(s.sendall, b"POST /api/v1/parse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        while sent < 16 << 20 and quietly(s.sendall, b"4000\r\n" + b"[" * 0x4000 + b"\r\n") is None:
            sent += 0x4000
            if select.select([s], [], [], 0)[0]:
                break
        answer = quietly(s.recv, 4096)
        assert answer is None or answer == b"" or answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400", b"HTTP/1.1 503")), answer[:60]
        s.close()


def pipelines(d, dice):
    for _ in range(int(4 * MUCH)):
        s = dial(d)
        s.setblocking(False)
        data, got = message("GET", "/api/v1/health") * 3000, b""
        end = time.monotonic() + 20
        while time.monotonic() < end and (data or got.count(b"HTTP/1.1 200") < 3000):
            readable, writable, _ = select.select([s], [s] if data else [], [], 1)
            try:
                if writable:
                    data = data[s.send(data[:65536]):]
                if readable:
                    part = s.recv(1 << 20)
                    if not part:
                        break
                    got += part
            except BlockingIOError:
                pass
            except OSError:
                break
        s.close()


def half_closed(d, dice):
    held = []
    for n in range(int(200 * MUCH)):
        s = dial(d)
        quietly(s.sendall, message("GET", "/api/v1/songs")[:dice.randrange(1, 60)] if n % 2 else message("GET", "/api/v1/events"))
        quietly(s.shutdown, socket.SHUT_WR)
        held.append(s)
        if len(held) > 40:
            held.pop(0).close()
    for s in held:
        s.close()


def garbage(d, dice):
    starts = [b"", b"GET ", b"POST /api/v1/parse HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 40,
              b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", b"GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    for _ in range(int(1000 * MUCH)):
        s = dial(d)
        quietly(s.sendall, dice.choice(starts) + dice.randbytes(dice.randrange(0, 3000)))
        if dice.random() < 0.5:
            s.settimeout(0.01)
            quietly(s.recv, 4096)
        s.close()


def large_answers_unread(d, dice):
    held = []
    for _ in range(int(60 * MUCH)):
        s = dial(d)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        quietly(s.sendall, message("GET", "/api/v1/songs?limit=500") * 50)
        held.append(s)
    time.sleep(0.5)
    for s in held:
        s.close()


ABUSES = [connections_in_turn, many_at_once, slow_headers, endless_bodies, pipelines, half_closed, garbage, large_answers_unread]


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda f: f.__name__)
def test_honest_user_notices_nothing_of(server, abuse):
    honest = Honest(server)
    honest.start()
    try:
        abuse(server, random.Random(SEED))
    finally:
        honest.end(abuse.__name__)
    wait_for(lambda: server.request("GET", "health").status == 200, "room for a new client")
    memory = [line for line in open("/proc/%d/status" % server.process.pid) if line.startswith("VmRSS")][0].split()[1]
    print("memory afterwards: %d KiB" % int(memory))


def test_all_abuses_at_once(server):
    honest = Honest(server)
    honest.start()
    threads = [threading.Thread(target=abuse, args=(server, random.Random(SEED + n))) for n, abuse in enumerate(ABUSES)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    honest.end("all at once")
    assert server.get("progress")["total"] == 40


def test_slow_readers_of_the_stream_miss_nothing_silently(server, fake):
    """Each event number arrives, or a gap names it; who reads nothing at all is cut."""
    streams = []
    for n in range(8):
        s = dial(server)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(message("GET", "/api/v1/events"))
        streams.append(s)
    honest = Honest(server)
    honest.start()
    songs = [s["id"] for s in server.songs_list()]
    for n in range(int(400 * MUCH)):
        assert server.patch(songs[n % len(songs)], artist="Edit %d" % n, title="T" * 300).status == 200
    last = json.loads(server.request("GET", "progress").body)
    honest.end("slow readers of the stream")
    assert last["total"] == 40
    final = None
    for s in streams:                      # now they read
        s.settimeout(5)                    # what comes until then is looked at; more may come
        text, seqs = b"", []
        end = time.monotonic() + 60
        while time.monotonic() < end:
            part = quietly(s.recv, 65536)
            if not part:
                break
            text += part
            if b"Edit %d\"" % (int(400 * MUCH) - 1) in text:
                break
        expected = None
        for line in text.split(b"\n"):
            line = line.strip()
            if not line.startswith(b'{"seq"') or not line.endswith(b"}"):
                continue
            try:
                e = json.loads(line)
            except ValueError:
                continue                    # cut at the end
            if e["event"] in ("hello", "heartbeat"):
                expected = e["seq"] + 1 if expected is None else expected
                continue
            if e["event"] == "gap":
                assert e["from"] <= expected, (e, expected)
                expected = e["to"] + 1
                continue
            assert e["seq"] == expected, "number %s came where %s was due" % (e["seq"], expected)
            expected += 1
            seqs.append(e["seq"])
        assert seqs, "a stream told nothing"
        final = max(final or 0, seqs[-1])
        s.close()
    print("%d streams, last number %d" % (len(streams), final))
