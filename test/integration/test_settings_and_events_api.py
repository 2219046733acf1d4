"""Settings and events over HTTP against the real daemon."""
import json
import os
import socket
import threading
import time

import pytest

from conftest import wait_for


@pytest.fixture
def plain(make_daemon, fake):
    """Without a key and without rates on the command line, so that the API may set them."""
    return make_daemon(fake=fake, key=False)



def settings(d, changes):
    return d.request("PATCH", "settings", changes)


# --- settings -------------------------------------------------------------------------------------


def test_setting_is_applied_kept_and_removed(plain):
    plain.start()
    before = plain.get("settings")["lastfm.rate"]
    assert (before["value"], before["origin"]) == (5, "default")
    after = settings(plain, {"lastfm.rate": 3, "musicbrainz.enabled": False})
    assert after.status == 200
    assert (after.json["lastfm.rate"]["value"], after.json["lastfm.rate"]["origin"]) == (3, "setting")
    assert plain.get("progress")["providers"]["musicbrainz"]["state"] == "disabled"
    plain.stop()
    plain.start()
    assert plain.get("settings")["lastfm.rate"]["value"] == 3
    assert plain.get("settings")["musicbrainz.enabled"]["value"] is False
    removed = settings(plain, {"lastfm.rate": None, "musicbrainz.enabled": None}).json
    assert (removed["lastfm.rate"]["value"], removed["lastfm.rate"]["origin"]) == (5, "default")
    assert removed["musicbrainz.enabled"]["value"] is True


def test_command_line_and_environment_win_over_settings(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=7"], env={"SONGBOOKD_MUSICBRAINZ_RATE": "9"})
    d.start()
    shown = settings(d, {"lastfm.rate": 3, "musicbrainz.rate": 0.5}).json
    assert (shown["lastfm.rate"]["value"], shown["lastfm.rate"]["origin"]) == (7, "command line")
    assert (shown["musicbrainz.rate"]["value"], shown["musicbrainz.rate"]["origin"]) == (9, "environment")


def test_settings_are_changed_all_or_none(plain):
    plain.start()
    answer = settings(plain, {"lastfm.rate": 3, "musicbrainz.rate": "fast", "shoe.size": 44, "database.path": "/tmp/x"})
    assert answer.status == 422
    assert {e["pointer"] for e in answer.json["errors"]} == {"/musicbrainz.rate", "/shoe.size", "/database.path"}
    assert plain.get("settings")["lastfm.rate"]["origin"] == "default"


def test_secret_is_never_shown_kept_in_a_private_file_and_used(plain, fake):
    plain.add_song("ABBA - Dancing Queen.mp4")
    plain.start()
    plain.wait_done()
    assert fake.requests("lastfm") == 0
    assert plain.get("settings")["API_KEYS.lastfm"]["value"] == "not set"
    answer = settings(plain, {"API_KEYS.lastfm": fake.lastfm_key})
    assert answer.status == 200
    assert (answer.json["API_KEYS.lastfm"]["value"], answer.json["API_KEYS.lastfm"]["origin"]) == ("set", "setting")
    keys = plain.home / "songbookd.keys"
    assert oct(os.stat(keys).st_mode & 0o777) == "0o600" and fake.lastfm_key in keys.read_text()
    assert plain.post("settings/test", {"provider": "lastfm"}).json["ok"] is True
    plain.post("queue", {"filter": {}, "again": True})
    plain.wait_done()
    wait_for(lambda: any(q.get("api_key") == fake.lastfm_key for q in fake.asked["lastfm"]), "the key to be used")
    plain.stop()
    secret = fake.lastfm_key.encode()
    for name in os.listdir(plain.home):
        path = plain.home / name
        if path.is_file() and path != keys:
            assert secret not in path.read_bytes(), name
    assert fake.lastfm_key not in plain.log
    plain.start()
    shown = plain.request("GET", "settings")
    assert shown.json["API_KEYS.lastfm"]["value"] == "set" and secret not in shown.body
    assert settings(plain, {"API_KEYS.lastfm": None}).json["API_KEYS.lastfm"]["value"] == "not set"
    assert fake.lastfm_key not in keys.read_text()


def test_wrong_key_is_told_by_the_test_and_the_state(plain, fake):
    plain.start()
    settings(plain, {"API_KEYS.lastfm": "0" * 32})
    told = plain.post("settings/test", {"provider": "lastfm"}).json
    assert told["ok"] is False and told["kind"] == "key"
    assert plain.post("settings/test", {"provider": "musicbrainz"}).json["ok"] is True


def test_a_test_tells_why_nothing_is_asked(make_daemon):
    d = make_daemon(args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.url=http://127.0.0.1:9/ws/2"])
    d.add_song("ABBA - Dancing Queen.mp4")
    d.start()
    wait_for(lambda: d.get("progress")["offline"], "the daemon to notice that it is offline")
    for _ in range(3):     # asked, and not asked because it rests: both times it is the network
        told = d.post("settings/test", {"provider": "musicbrainz"}).json
        assert (told["ok"], told["kind"]) == (False, "offline"), told
    assert d.post("settings/test", {"provider": "lastfm"}).json["kind"] == "disabled"
    assert d.get("progress")["eta_seconds"] is None, "nobody knows when the network comes back"


def test_a_test_without_a_key_says_so(make_daemon, fake):
    d = make_daemon(fake=fake, key=False)
    d.start("--set", "enrichment.autostart=no")
    assert d.post("settings/test", {"provider": "lastfm"}).json["kind"] == "needs_key"


def test_new_rate_is_used_at_once(make_daemon, fake):
    fake.catalogue.any_share = 1.0
    d = make_daemon(fake=fake, args=["--set", "musicbrainz.enabled=no"])
    for i in range(300):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    d.start()
    settings(d, {"lastfm.rate": 0.01})
    d.wait_listed(300)
    seen = fake.requests("lastfm")
    assert seen < 250
    settings(d, {"lastfm.rate": 100})
    d.wait_done()
    assert fake.requests("lastfm") >= 300


def test_every_setting_says_what_it_is(plain):
    plain.start()
    for name, row in plain.get("settings").items():
        assert set(row) >= {"value", "origin", "unit", "help", "live", "secret"}, name
        assert row["help"] and isinstance(row["live"], bool)
        if row["secret"]:
            assert row["value"] in ("set", "not set")


def test_providers_say_their_state(make_daemon, fake):
    d = make_daemon(fake=fake, key=False, args=["--set", "listenbrainz.enabled=no"])
    d.start()
    rows = {p["name"]: p for p in d.get("providers")["providers"]}
    assert rows["lastfm"]["state"] == "needs_key" and rows["musicbrainz"]["state"]


# --- events ---------------------------------------------------------------------------------------


class Listener:
    """Reads a stream of events in a thread of its own."""

    def __init__(self, daemon, query="", **headers):
        self.connection = daemon.connection(timeout=300)
        self.connection.connect()
        self.sock = self.connection.sock
        self.connection.request("GET", "/api/v1/events" + query, headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.response = self.connection.getresponse()
        self.lines, self.ended = [], False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for line in iter(self.response.readline, b""):
                self.lines.append(line.decode())
        except (OSError, ValueError, AttributeError):
            pass
        self.ended = True

    @property
    def events(self):
        if "event-stream" in self.response.headers["content-type"]:
            return [json.loads(line[6:]) for line in list(self.lines) if line.startswith("data: ") and line.endswith("\n")]
        return [json.loads(line) for line in list(self.lines) if line.endswith("\n")]

    def wait(self, kind, count=1, check=lambda e: True):
        return wait_for(lambda: (found := [e for e in self.events if e["event"] == kind and check(e)])[count - 1:] and found,
                        "%d events '%s'" % (count, kind))

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.connection.close()


@pytest.fixture
def listen():
    made = []

    def make(*args, **kw):
        made.append(Listener(*args, **kw))
        return made[-1]
    yield make
    for listener in made:
        listener.close()


def test_events_come_as_json_lines(daemon, listen):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    daemon.wait_listed(1)
    stream = listen(daemon)
    assert stream.response.headers["content-type"].startswith("application/x-ndjson")
    hello = stream.wait("hello")[0]
    assert stream.events[0] == hello and hello["name"] == "songbookd" and hello["api"] == 1 and "oldest" in hello
    daemon.post("worker/start")
    song = stream.wait("song", check=lambda e: e["song"]["metadata_status"] == "enriched")[-1]["song"]
    assert (song["artist"], song["title"]) == ("ABBA", "Dancing Queen")
    stream.wait("worker", check=lambda e: e.get("state") == "running")
    progress = stream.wait("progress", check=lambda e: e["queue_remaining"] == 0)[-1]
    assert {k for k in daemon.get("progress")} <= set(progress) | {"loop"}
    settings(daemon, {"log.level": "info"})
    assert stream.wait("settings")[0]["changed"] == ["log.level"]
    daemon.post("scan")
    stream.wait("scan", check=lambda e: e["state"] == "finished")
    seqs = [e["seq"] for e in stream.events[1:]]
    assert seqs == sorted(set(seqs)) and all(e["time"].endswith("Z") for e in stream.events)
    daemon.stop()
    stream.wait("shutdown")
    wait_for(lambda: stream.ended, "the end of the stream")


def test_events_come_as_server_sent_events_and_resume(daemon, listen):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.start()
    daemon.wait_done()
    stream = listen(daemon, Accept="text/event-stream")
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    stream.wait("hello")
    for i in range(5):
        daemon.patch(1, artist="Artist %d" % i)
    stream.wait("song", 5)
    blocks = [b for b in "".join(stream.lines).split("\n\n") if "data: " in b]
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        data = json.loads(fields["data"])
        assert data["event"] == fields["event"]
        if data["event"] != "heartbeat":
            assert int(fields["id"]) == data["seq"]
    songs = [e for e in stream.events if e["event"] == "song"]
    stream.close()
    resumed = listen(daemon, Accept="text/event-stream", Last_Event_ID=str(songs[1]["seq"]))
    again = resumed.wait("song", 3)
    assert again[:3] == songs[2:5]
    by_query = listen(daemon, "?since=%d" % songs[2]["seq"], Last_Event_ID=str(songs[0]["seq"]))
    assert by_query.wait("song", 2)[:2] == songs[3:5]


def test_what_is_not_held_any_more_is_a_gap(daemon, listen):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.start()
    daemon.wait_done()
    seq = listen(daemon).wait("hello")[0]["seq"]
    stream = listen(daemon, "?since=1")
    gap = stream.wait("gap")[0]
    assert gap["from"] <= 2 and gap["to"] >= gap["from"] and stream.events.index(gap) == 1
    ahead = listen(daemon, "?since=%d" % (seq + 2 ** 40))
    assert ahead.wait("gap")


def test_stream_17_is_refused(daemon, listen):
    daemon.start()
    streams = [listen(daemon) for _ in range(16)]
    for stream in streams:
        stream.wait("hello")
    assert daemon.request("GET", "events").status == 503
    streams.pop().close()
    wait_for(lambda: (s := listen(daemon)).response.status == 200, "room for a stream")


def test_progress_is_coalesced_but_state_changes_are_not(daemon, fake, listen):
    fake.catalogue.any_share = 1.0
    for i in range(150):
        daemon.add_song("Band %d - Tune %d.mp4" % (i, i))
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    daemon.wait_listed(150)
    stream = listen(daemon)
    stream.wait("hello")
    began = time.monotonic()
    for _ in range(10):
        daemon.post("worker/start")
        daemon.post("worker/pause")
    stream.wait("worker", 20)
    daemon.post("worker/start")
    daemon.wait_done(60)
    stream.wait("progress", check=lambda e: e["queue_remaining"] == 0)
    told = len([e for e in stream.events if e["event"] == "progress"])
    assert told <= 4 * (time.monotonic() - began) + 2, told
    assert len([e for e in stream.events if e["event"] == "song" and e["song"]["metadata_status"] == "enriched"]) >= 150


def test_client_may_leave_a_stream_at_any_time(daemon, listen):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.start()
    for _ in range(30):
        listen(daemon).close()
    assert daemon.get("health")["name"] == "songbookd"
    wait_for(lambda: daemon.request("GET", "health").status == 200, "the daemon")


def test_heads_of_streams_end(daemon):
    daemon.start()
    answer = daemon.request("HEAD", "events")
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/x-ndjson")
