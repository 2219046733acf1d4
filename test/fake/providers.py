#!/usr/bin/env python3
"""Fake Last.fm, MusicBrainz and ListenBrainz (with its labs) on 127.0.0.1: they answer in the real shapes, enforce
the real limits, record when each request arrived, and misbehave on command.

Roots: http://127.0.0.1:PORT/2.0/, http://127.0.0.1:PORT/ws/2, and http://127.0.0.1:PORT for ListenBrainz and its labs.
Faults and arrivals are kept for providers (lastfm, musicbrainz, listenbrainz) and for endpoints: search and dates
(MusicBrainz), lookup, labs and metadata (ListenBrainz).
Control (from tests): the FakeProviders object, or over HTTP: GET /_fake/arrivals, POST /_fake/control
with {"latency": [low, high], "faults": {"lastfm": [{"kind": "500", "share": 1, "count": 3}]}}.
"""
import argparse
import asyncio
import json
import random
import re
import selectors
import ssl
import sys
import threading
import time
import urllib.parse

if __package__ in (None, ""):
    import os
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from fake.catalogue import Catalogue, Song, fold, lookup_key, lucene_pairs
else:
    from .catalogue import Catalogue, Song, fold, lookup_key, lucene_pairs

PROVIDERS = ("lastfm", "musicbrainz", "listenbrainz")
ENDPOINTS = ("api", "search", "dates", "lookup", "labs", "metadata")
REASONS = {200: "OK", 301: "Moved Permanently", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


class Limit:
    """At most `most` arrivals in any window of `seconds`. A request that was read late, because this process had no turn, may have
    arrived at any moment since `earliest`: only what certainly came too soon is refused."""

    def __init__(self, most, seconds):
        self.most, self.seconds, self.times = most, seconds, []

    def arrive(self, now, earliest):
        self.times = [t for t in self.times if now - t < self.seconds]
        if len(self.times) >= self.most:
            return False
        self.times.append(earliest)
        return True


class Windows:
    """At most `most` arrivals in each window of `seconds`, aligned to the clock: ListenBrainz' way of counting."""

    def __init__(self, most, seconds):
        self.most, self.seconds, self.window, self.count = most, seconds, None, 0

    def arrive(self, now, earliest):
        if int(now // self.seconds) != self.window:
            self.window, self.count = int(now // self.seconds), 0
        self.count += 1
        return self.count <= self.most

    def headers(self, now):
        return [("X-RateLimit-Limit", str(self.most)), ("X-RateLimit-Remaining", str(max(0, self.most - self.count))),
                ("X-RateLimit-Reset-In", str(int(self.seconds - now % self.seconds) + 1))]


class Watchful(selectors.DefaultSelector):
    """Remembers when it last looked: what is read now was not there three looks ago (one until the stream takes the bytes,
    one until its reader runs)."""

    def __init__(self):
        super().__init__()
        self.looks = [time.monotonic()] * 3

    def select(self, timeout=None):
        ready = super().select(timeout)
        self.looks = [*self.looks[1:], time.monotonic()]
        return ready


class Reply:
    def __init__(self, status=200, body=b"", content_type="application/json", headers=()):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        self.content_type = content_type
        self.headers = list(headers)


def lastfm_error(code, message, status=200):
    return Reply(status, {"message": message, "error": code})


class FakeProviders:
    """Start with start(), stop with stop(); usable from another thread meanwhile."""

    def __init__(self, catalogue=None, lastfm_key="k" * 32, limits=True, latency=(0.0, 0.0), tls=None, seed=1,
                 token="11111111-2222-3333-4444-555555555555", speed=1):
        self.catalogue = catalogue or Catalogue()
        self.lastfm_key = lastfm_key
        self.latency = latency
        self.tls = tls                        # (cert file, key file) or None
        self.random = random.Random(seed)
        self.speed = speed                    # seconds that pass for us in one of the machine, for a daemon whose clock runs so fast
        self.token = token                    # of ListenBrainz
        self.faults = {name: [] for name in PROVIDERS + ENDPOINTS}
        self.arrivals = {name: [] for name in PROVIDERS + ENDPOINTS}
        self.earliest = {name: [] for name in PROVIDERS + ENDPOINTS}   # when each may have arrived, where this process was slow
        self.asked = {name: [] for name in PROVIDERS + ENDPOINTS}   # what each request asked for
        self.poison = None                    # a pair with this text breaks ListenBrainz' matcher
        self.failed = []                      # (fault, endpoint, what was asked) of each question that got a fault
        self.broken = []                      # limits that a client did not keep
        self.user_agents = set()
        self.in_flight = {name: 0 for name in PROVIDERS}
        self.peak = {name: 0 for name in PROVIDERS}
        self.limits = {"lastfm": Limit(5, 1.0), "musicbrainz": Limit(1, 1.0), "listenbrainz": Windows(30, 10.0)} if limits else {}
        self.port = None

    # --- life ---------------------------------------------------------------------------
    def start(self, port=0):
        ready = threading.Event()
        self._want_port = port
        self.thread = threading.Thread(target=self._main, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()
        if self.port is None:
            raise RuntimeError("the fake providers could not listen")
        return self

    def stop(self):
        self.loop.call_soon_threadsafe(self._stop.set)
        self.thread.join()

    def _main(self, ready):
        self._selector = Watchful()
        loop = asyncio.SelectorEventLoop(self._selector)
        try:
            loop.run_until_complete(self._serve(ready))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    async def _look_often(self):
        """While limits are enforced: keeps the doubt about when a request arrived small."""
        while True:
            await asyncio.sleep(0.004)

    async def _serve(self, ready):
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
        try:
            server = await asyncio.start_server(self._client, "127.0.0.1", self._want_port, ssl=context)
            self.port = server.sockets[0].getsockname()[1]
        finally:
            ready.set()
        if self.limits:
            self.ticker = asyncio.create_task(self._look_often())
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    @property
    def root(self):
        return "%s://127.0.0.1:%d" % ("https" if self.tls else "http", self.port)

    @property
    def lastfm_url(self):
        return self.root + "/2.0/"

    @property
    def musicbrainz_url(self):
        return self.root + "/ws/2"

    @property
    def settings(self):
        """What songbookd has to be told to ask here."""
        return ["lastfm.url=" + self.lastfm_url, "musicbrainz.url=" + self.musicbrainz_url, "listenbrainz.url=" + self.root,
                "listenbrainz.labs_url=" + self.root]

    # --- what tests ask -------------------------------------------------------------------
    def requests(self, provider):
        return len(self.arrivals[provider])

    def worst_window(self, provider, seconds=1.0):
        """The most arrivals that certainly came in one window of that length."""
        times, earliest, worst, first = self.arrivals[provider], self.earliest[provider], 0, 0
        for i, t in enumerate(times):
            while t - earliest[first] >= seconds:
                first += 1
            worst = max(worst, i - first + 1)
        return worst

    def fail(self, provider, kind, share=1.0, count=None):
        """From now on that share of the provider's requests (at most count) gets this fault."""
        self.faults[provider].append({"kind": kind, "share": share, "count": count})

    def heal(self):
        for rules in self.faults.values():
            rules.clear()

    # --- HTTP -----------------------------------------------------------------------------
    async def _client(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                arrived, earliest = time.monotonic() * self.speed, self._selector.looks[0] * self.speed
                lines = head.decode("latin-1").split("\r\n")
                method, target, _ = lines[0].split(" ", 2)
                headers = {k.strip().lower(): v.strip() for k, _, v in (l.partition(":") for l in lines[1:] if l)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(method, target, headers, body, (arrived, earliest), writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ssl.SSLError, ValueError):
            pass
        finally:
            writer.close()

    async def _answer(self, method, target, headers, body, arrived, writer):
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path.startswith("/_fake/"):
            return await self._send(writer, self._control(url.path, body))
        provider, endpoint = self._place(url.path, query)
        if provider is None:
            return await self._send(writer, Reply(404, {"error": "no such root"}))
        for name in (provider, endpoint):
            self.arrivals[name].append(arrived[0])
            self.earliest[name].append(arrived[1])
            self.asked[name].append(query if method == "GET" else body)
        self.user_agents.add(headers.get("user-agent", ""))
        self.in_flight[provider] += 1
        self.peak[provider] = max(self.peak[provider], self.in_flight[provider])
        try:
            reply = self._refusal(provider, headers, arrived)
            if reply is None:
                fault = self._fault(provider) or self._fault(endpoint)
                if fault:
                    self.failed.append((fault, endpoint, self.asked[endpoint][-1]))
                    return await self._misbehave(fault, provider, target, writer)
                await asyncio.sleep(self.random.uniform(*self.latency) / self.speed)
                reply = (self._lastfm(query) if provider == "lastfm" else
                         self._musicbrainz(url.path, query) if provider == "musicbrainz" else
                         self._listenbrainz(endpoint, method, headers, body))
            if provider == "listenbrainz" and endpoint != "labs" and provider in self.limits:
                reply.headers += self.limits[provider].headers(arrived[0])
        finally:
            self.in_flight[provider] -= 1
        return await self._send(writer, reply)

    @staticmethod
    def _place(path, query):
        """(provider, endpoint) that a path belongs to."""
        if path.startswith("/2.0"):
            return "lastfm", "api"
        if path.startswith("/ws/2"):
            return "musicbrainz", "dates" if query.get("query", "").startswith("rid:") else "search"
        names = {"/1/metadata/lookup/": "lookup", "/acr-lookup/json": "labs", "/1/metadata/recording/": "metadata"}
        return ("listenbrainz", names[path]) if path in names else (None, None)

    async def _send(self, writer, reply, keep=True):
        head = "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%sConnection: %s\r\n\r\n" % (
            reply.status, REASONS.get(reply.status, "x"), reply.content_type, len(reply.body),
            "".join("%s: %s\r\n" % h for h in reply.headers), "keep-alive" if keep else "close")
        writer.write(head.encode() + reply.body)
        await writer.drain()
        return keep

    def _control(self, path, body):
        if path == "/_fake/arrivals":
            return Reply(200, {"arrivals": self.arrivals, "broken": self.broken, "peak": self.peak})
        if path == "/_fake/control":
            wish = json.loads(body)
            self.latency = tuple(wish.get("latency", self.latency))
            for provider, rules in wish.get("faults", {}).items():
                self.faults[provider] = rules
            return Reply(200, {})
        return Reply(404, {"error": "no such control"})

    # --- limits ---------------------------------------------------------------------------
    def _refusal(self, provider, headers, now):
        limit = self.limits.get(provider)
        if limit and not limit.arrive(*now):
            self.broken.append((provider, now[0]))
            return self._rate_reply(provider)
        if provider == "musicbrainz" and not headers.get("user-agent"):
            return Reply(403, {"error": "Your application has not identified itself"}, headers=[("x-ratelimit-who", "ua-missing")])
        return None

    @staticmethod
    def _rate_reply(provider):
        if provider == "lastfm":
            return lastfm_error(29, "Rate limit exceeded: your IP has made too many requests", 429)
        if provider == "listenbrainz":      # it names no Retry-After
            return Reply(429, {"code": 429, "error": "You have exceeded your rate limit. See the headers."},
                         headers=[("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset-In", "1")])
        return Reply(503, {"error": "Your requests are exceeding the allowable rate limit."},
                     headers=[("x-ratelimit-zone", "ws ip=127.0.0.1"), ("x-ratelimit-remaining", "0"), ("Retry-After", "1")])

    # --- faults ---------------------------------------------------------------------------
    def _fault(self, provider):
        for rule in self.faults[provider]:
            if rule.get("count") == 0 or self.random.random() >= rule.get("share", 1.0):
                continue
            if rule.get("count") is not None:
                rule["count"] -= 1
            return rule["kind"]
        return None

    async def _misbehave(self, kind, provider, target, writer):
        busy = {"error": "The web server is busy just now. Please come back later."}
        plain = {
            "401": lambda: Reply(401, {"code": 401, "error": "You need to provide an Authorization header."}),
            "403": lambda: lastfm_error(10, "Invalid API key", 403) if provider == "lastfm" else
                   Reply(403, {"code": 403, "error": "identify yourself"}),
            "404": lambda: Reply(404, {"error": "Not Found"}),
            "429": lambda: Reply(429, {"error": "slow down"}, headers=[("Retry-After", "1")]),
            "503rate": lambda: self._rate_reply(provider),
            "503busy": lambda: Reply(503, busy, headers=[("x-ratelimit-zone", "global"), ("Retry-After", "0")]),
            "503search": lambda: Reply(503, busy, headers=[("x-ratelimit-zone", "search-global"), ("x-ratelimit-who", "search-shed"),
                                                           ("Retry-After", "0")]),
            "500": lambda: Reply(500, {"error": "oops"}),
            "html": lambda: Reply(200, b"<!doctype html><title>Sign in to the network</title>", "text/html"),
            "truncated": lambda: Reply(200, b'{"recordings":[{"id":"0","title":"Hal'),
            "deep": lambda: Reply(200, b'{"track":' + b"[" * 100000 + b"]" * 100000 + b"}"),
            "types": lambda: Reply(200, {"track": [1, "two"], "recordings": {"id": 7}, "error": {"x": []}, "results": "FIXME"}),
            "error29": lambda: lastfm_error(29, "Rate limit exceeded"),
            "key": lambda: lastfm_error(10, "Invalid API key - You must be granted a valid key by last.fm", 403),
            "redirect": lambda: Reply(301, b"", headers=[("Location", target)]),
        }
        if kind in plain:
            return await self._send(writer, plain[kind]())
        if kind == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52428800\r\n\r\n")
            for _ in range(800):
                writer.write(b" " * 65536)
                await writer.drain()
            return False
        if kind == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(600):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.2 / self.speed)
            return False
        if kind == "reset":
            writer.transport.abort()
            return False
        if kind == "hang":
            await asyncio.sleep(60 / self.speed)
            return False
        raise ValueError("unknown fault " + kind)

    # --- Last.fm ----------------------------------------------------------------------------
    def _lastfm(self, query):
        if query.get("api_key") != self.lastfm_key:
            return lastfm_error(10, "Invalid API key - You must be granted a valid key by last.fm", 403)
        method = query.get("method", "").lower()
        if method == "track.getinfo":
            song = self.catalogue.find(query.get("artist", ""), query.get("track", ""), "lastfm")
            if not song:
                return lastfm_error(6, "Track not found", 200)
            return Reply(200, {"track": {
                "name": song.title, "url": "https://www.last.fm/music/x", "duration": "0",
                "listeners": str(song.listeners), "playcount": str(song.listeners * 7),
                "artist": {"name": song.artist, "url": "https://www.last.fm/music/x"},
                "toptags": {"tag": [{"name": g, "url": "https://www.last.fm/tag/x"} for g in [*song.tags, *song.genres, "seen live"]]}}})
        if method == "track.search":
            found = [s for s in self.catalogue.find_title(query.get("track", "")) if "lastfm" in s.known_to]
            if query.get("artist"):
                found = [s for s in found if fold(s.artist) == fold(query["artist"])]
            rows = [{"name": s.title, "artist": s.artist, "url": "x", "streamable": "FIXME", "listeners": str(s.listeners), "mbid": ""}
                    for s in found]
            return Reply(200, {"results": {"opensearch:totalResults": str(len(rows)), "trackmatches": {"track": rows}, "@attr": {}}})
        return lastfm_error(3, "Invalid Method - No method with that name in this package", 400)

    # --- ListenBrainz -------------------------------------------------------------------------
    def _listenbrainz(self, endpoint, method, headers, body):
        try:
            asked = json.loads(body) if method == "POST" else None
            if endpoint == "lookup":
                return self._lookup(headers, asked["recordings"])
            if endpoint == "labs":
                return self._labs(asked)
            return self._metadata(asked["recording_mbids"])
        except (ValueError, KeyError, TypeError):
            return Reply(400, {"code": 400, "error": "Bad request"})

    def _lookup(self, headers, pairs):
        if headers.get("authorization") != "Token " + self.token:
            return Reply(401, {"code": 401, "error": "Invalid authorization token." if "authorization" in headers else
                               "You need to provide an Authorization header."})
        if self.poison and any(self.poison in p["artist_name"] + p["recording_name"] for p in pairs):
            return Reply(500, {"code": 500, "error": "Server failed to lookup recording"})
        if len(pairs) > 50:
            return Reply(400, {"code": 400, "error": "Number of recordings in request body exceeds maximum permitted. (50)"})
        for i, pair in enumerate(pairs):     # one bad item fails the whole batch
            if not pair["artist_name"] or not pair["recording_name"] or len(pair["artist_name"] + pair["recording_name"]) > 250:
                return Reply(400, {"code": 400, "error": "Recording %d: a name is missing or too long" % i})
        rows, last = [], {}
        for i, pair in enumerate(pairs):
            rows.append({"artist_name_arg": pair["artist_name"], "recording_name_arg": pair["recording_name"],
                         "release_name_arg": None, "index": i})
            last[lookup_key(pair["artist_name"], pair["recording_name"])] = i
        for key, i in last.items():          # of equal pairs only the last is answered
            song = self.catalogue.find_exactly(pairs[i]["artist_name"], pairs[i]["recording_name"])
            if song:
                rows[i].update(self._match(song), recording_arg=pairs[i]["recording_name"])
        return Reply(200, rows)

    def _labs(self, pairs):
        if self.poison and any(self.poison in p["artist_credit_name"] + p["recording_name"] for p in pairs):
            return Reply(500, {})
        if not isinstance(pairs, list) or any(not p["artist_credit_name"] or not p["recording_name"] for p in pairs):
            return Reply(400, b"<!doctype html><title>400 Bad Request</title>", "text/html")
        last = {lookup_key(p["artist_credit_name"], p["recording_name"]): i for i, p in enumerate(pairs)}
        rows = []
        for i in last.values():
            song = self.catalogue.find_exactly(pairs[i]["artist_credit_name"], pairs[i]["recording_name"])
            if song:
                rows.append({"index": i, "artist_credit_arg": pairs[i]["artist_credit_name"],
                             "recording_arg": pairs[i]["recording_name"], **self._match(song)})
        self.random.shuffle(rows)            # misses absent, rows in no order
        return Reply(200, rows)

    @staticmethod
    def _match(song):
        return {"artist_credit_name": song.credit, "release_name": song.album or song.title, "recording_name": song.title,
                "artist_credit_id": 1, "artist_mbids": [song.mbid[::-1]], "release_mbid": song.mbid, "recording_mbid": song.mbid}

    def _metadata(self, mbids):
        if len(mbids) > 1000:
            return Reply(400, {"code": 400, "error": "Maximum number of recording mbids exceeded"})
        answer = {}
        for mbid in mbids:
            song = self.catalogue.by_mbid.get(mbid)
            if song:
                tags = [{"tag": g, "count": 9 - i, "genre_mbid": song.mbid} for i, g in enumerate(song.genres)]
                answer[mbid] = {
                    "recording": {"name": song.title, "rels": [], "isrcs": None},
                    "artist": {"name": song.credit, "artist_credit_id": 1, "artists": []},
                    "tag": {"recording": tags, "artist": [{"tag": "seen live", "count": 90}], "release_group": []},
                    "release": {"mbid": song.mbid, "name": song.album or song.title, "album_artist_name": song.artist,
                                **({"year": song.reissue or song.year} if song.year else {})}}
        return Reply(200, answer)

    # --- MusicBrainz --------------------------------------------------------------------------
    def _musicbrainz(self, path, query):
        if not path.rstrip("/").endswith("/recording"):
            return Reply(404, {"error": "Not Found"})
        text = query.get("query", "")
        if not text.strip():
            return Reply(400, {"error": "You submitted a blank search query. Please try again."})
        if text.startswith("rid:"):
            found = [self.catalogue.by_mbid[m] for m in re.findall(r"[0-9a-f-]{36}", text) if m in self.catalogue.by_mbid]
            self.random.shuffle(found)       # the order of a relative score, not of the question
        else:
            found = self.catalogue.search(lucene_pairs(text))
        limit = int(query.get("limit", 25))
        limit = limit if 1 <= limit <= 100 else 25
        return Reply(200, {"created": "2026-01-01T00:00:00.000Z", "count": len(found), "offset": 0,
                           "recordings": [self._recording(s) for s in found[:limit]]})

    @staticmethod
    def _recording(song):
        credit = [{"name": song.artist, "artist": {"id": song.mbid[::-1], "name": song.artist, "sort-name": song.artist,
                                                   "aliases": [{"name": a, "sort-name": a} for a in song.aliases]}}]
        if song.guests:
            joint, _, guest = song.guests.strip().partition(" ")
            credit[0]["joinphrase"] = " %s " % joint
            credit.append({"name": guest, "artist": {"id": song.mbid, "name": guest, "sort-name": guest}})
        row = {"id": song.mbid, "score": 100, "title": song.title, "length": None, "video": None, "artist-credit": credit,
               "tags": [{"count": 3, "name": g} for g in [*song.genres, *song.tags]],
               "releases": [{"id": song.mbid, "title": r.title, "status": r.status, "count": 1, "date": r.date,
                             "release-group": {"id": song.mbid, "title": r.title, "primary-type": r.primary,
                                               **({"secondary-types": [r.secondary]} if r.secondary else {})}}
                            for r in song.releases]}
        if song.disambiguation:
            row["disambiguation"] = song.disambiguation
        dates = sorted(r.date for r in song.releases if r.date)
        if dates:
            row["first-release-date"] = dates[0]
        return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--any", type=float, default=0.7, metavar="SHARE", help="share of all pairs that are known (default 0.7)")
    parser.add_argument("--latency", type=float, nargs=2, default=(0.0, 0.0), metavar=("LOW", "HIGH"), help="seconds")
    parser.add_argument("--no-limits", action="store_true", help="answer at any rate")
    args = parser.parse_args()
    fake = FakeProviders(Catalogue(any_share=args.any), limits=not args.no_limits, latency=tuple(args.latency)).start(args.port)
    print("\n".join([*fake.settings, "LASTFM_API_KEY=" + fake.lastfm_key, "LISTENBRAINZ_TOKEN=" + fake.token]), flush=True)
    try:
        fake.thread.join()
    except KeyboardInterrupt:
        fake.stop()


if __name__ == "__main__":
    main()
