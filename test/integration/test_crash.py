"""kill -9 at any moment under load: no acknowledged edit is lost, no song, no count, and nothing is asked twice that was stored."""
import http.client
import os
import random
import sqlite3
import threading
import time

from fake.catalogue import Catalogue
from fake.providers import FakeProviders

ROUNDS = int(os.environ.get("SONGBOOKD_CRASH_ROUNDS", 25))
SEED = int(os.environ.get("SONGBOOKD_CRASH_SEED", time.time_ns() % 100000))
INTERRUPTED_MAX = 5           # a song that is in flight at so many crashes is given up: it may be their cause
SONGS_AT_FIRST, SONGS_EACH_ROUND = 120, 15
STATUSES = {"pending", "parsed", "enriched", "manual", "enrichment_failed", "absent"}


class Editor:
    """Edits songs without pause and keeps what was acknowledged; what was under way at the crash may be in or not."""

    def __init__(self, daemon, dice):
        self.daemon, self.dice = daemon, dice
        self.acknowledged, self.open = {}, {}
        self.count = 0

    def run_until(self, end):
        while time.monotonic() < end:
            try:
                self._edit()
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.01)

    def _edit(self):
        songs = self.daemon.get("songs?limit=500")["songs"]
        if not songs:
            return
        song = self.dice.choice(songs)
        self.count += 1
        value = "Edited %d" % self.count
        self.open[song["id"]] = self.open.get(song["id"], set()) | {value}
        answer = self.daemon.request("PATCH", "songs/%d" % song["id"], {"artist": value}, headers={"If-Match": '"v%d"' % song["version"]})
        if answer.status == 200:
            self.acknowledged[song["id"]] = value
            self.open.pop(song["id"])
        elif answer.status == 412:      # the worker was quicker; refused for certain
            self.open[song["id"]].discard(value)


def check_database(path, editor):
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    artists = dict(db.execute("SELECT id, artist FROM songs"))
    for song, value in editor.acknowledged.items():
        assert artists[song] in {value} | editor.open.get(song, set()), (song, value, artists[song])
    counts = {k: n for k, n in db.execute("SELECT key, n FROM counts WHERE n <> 0") if k in STATUSES or k.startswith("asked ")}
    rows = dict(db.execute("SELECT iif(present, metadata_status, 'absent'), count(*) FROM songs GROUP BY 1"))
    rows.update(db.execute("SELECT 'asked ' || asked, count(*) FROM enrichment_queue GROUP BY 1"))
    assert counts == rows
    lost = db.execute("SELECT file_path, metadata_status FROM songs WHERE metadata_status IN ('pending', 'parsed')"
                      " AND id NOT IN (SELECT song_id FROM enrichment_queue)").fetchall()
    assert lost == []
    index = db.execute("SELECT count(*) FROM songs s WHERE NOT EXISTS (SELECT 1 FROM songs_fts f WHERE f.rowid = s.id)").fetchone()
    assert index == (0,)
    listed = {p for p, in db.execute("SELECT file_path FROM songs")}
    db.close()
    return listed


def check_api(d, editor):
    """The same through the front door: acknowledged edits, and counts that are those of the songs."""
    songs = d.songs_list()
    by_id = {s["id"]: s for s in songs}
    for song, value in editor.acknowledged.items():
        assert by_id[song]["artist"] in {value} | editor.open.get(song, set()), (song, value, by_id[song]["artist"])
        assert by_id[song]["confidence"] == 1.0
    p = d.get("progress")
    assert sum(p["by_status"].values()) == p["total"] >= len(songs) > 0
    assert p["by_status"]["manual"] >= len(editor.acknowledged)


def test_killed_at_random_moments_under_load(make_daemon):
    print("SONGBOOKD_CRASH_SEED=%d" % SEED)
    dice = random.Random(SEED)
    fake = FakeProviders(Catalogue(any_share=0.7), limits=False, latency=(0.0, 0.05), seed=SEED).start()
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=40", "--set", "musicbrainz.rate=40", "--set", "listenbrainz.rate=40"])
    editor = Editor(d, dice)
    names = ["Band %d - Tune %d (Karaoke).mp4" % (i % 71, i) for i in range(SONGS_AT_FIRST + SONGS_EACH_ROUND * ROUNDS)]
    listed = set()

    def add(count):
        for _ in range(count):
            d.add_song(names.pop())
    total = len(names)
    try:
        add(SONGS_AT_FIRST)
        for n in range(ROUNDS):
            if n % 4 == 3:               # one in four dies while it starts
                d.start(ready=False)
                time.sleep(dice.uniform(0.0, 0.4))
                d.kill()
                add(SONGS_EACH_ROUND)
                continue
            d.start()
            if listed:
                check_api(d, editor)
            end = time.monotonic() + dice.uniform(0.0, 1.2)
            writers = [threading.Thread(target=editor.run_until, args=(end,))]
            for w in writers:
                w.start()
            add(SONGS_EACH_ROUND)
            try:
                d.post("scan")
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(max(0, end - time.monotonic()))
            d.kill()
            for w in writers:
                w.join()
            assert "ERROR: " not in d.log and "runtime error" not in d.log, d.log
            now = check_database(d.database, editor)
            assert listed <= now, "songs were lost: %s" % (listed - now)
            listed = now
        d.start()
        d.post("scan")
        d.wait_listed(total)
        d.wait_done(120)
        songs = d.songs_list()
        assert len(songs) == total
        assert {s["metadata_status"] for s in songs} <= {"enriched", "manual", "enrichment_failed"}
        failed = [s["reason"] for s in songs if s["metadata_status"] == "enrichment_failed"]
        assert set(failed) <= {"not_found", "gave_up"}
        assert failed.count("gave_up") <= ROUNDS / INTERRUPTED_MAX * 4, failed      # at most four songs are in flight at a kill
        assert editor.acknowledged, "no edit was acknowledged: the test showed nothing"
        d.stop()
        check_database(d.database, editor)
        check_repeats(fake)
        print("%d edits acknowledged, %d and %d requests" % (len(editor.acknowledged), fake.requests("lastfm"), fake.requests("musicbrainz")))
    finally:
        if d.process and d.process.poll() is None:
            d.kill()
        fake.stop()


def check_repeats(fake):
    """What was stored is not asked again: only songs that were in flight at a kill, for which several questions may have been asked."""
    for provider in ("lastfm", "musicbrainz"):
        asked = [tuple(sorted(q.items())) for q in fake.asked[provider]]
        repeated = len(asked) - len(set(asked))
        print("%s: %d of %d requests were repeated, at most %d in flight" % (provider, repeated, len(asked), fake.peak[provider]))
        assert repeated <= ROUNDS * (fake.peak[provider] + 4), (provider, repeated, len(asked), fake.peak[provider])
