"""The plug is pulled: the trace of a real daemon's writes and syncs, replayed up to any moment. What was acknowledged is there."""
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess

import pytest

from conftest import Daemon, wait_for
from power import Disk, read_trace, strace_command

SEED = int(os.environ.get("SONGBOOKD_POWER_SEED", random.randrange(100000)))
EDITS = int(os.environ.get("SONGBOOKD_POWER_EDITS", 12))
CUTS = int(os.environ.get("SONGBOOKD_POWER_CUTS", 60))
STATUSES = {"pending", "parsed", "enriched", "manual", "enrichment_failed", "absent"}


class Traced(Daemon):
    @property
    def trace(self):
        return self.home.parent / "trace"

    def command(self, *more):
        return [*strace_command(self.trace), *super().command(*more)]

    def environment(self):
        return {**super().environment(), "ASAN_OPTIONS": "detect_leaks=0"}


def strace_works():
    if not shutil.which("strace"):
        return False
    done = subprocess.run(["strace", "-D", "-f", "-o", os.devnull, "true"], capture_output=True, text=True)
    return done.returncode == 0 and not done.stderr.strip()


@pytest.fixture
def story(tmp_path, fake):
    """A daemon that is filled, edited, commanded, given a key and ended, with what it wrote and what it answered."""
    if not strace_works():
        pytest.skip("strace cannot trace here")
    home = tmp_path / "home"
    home.mkdir()
    d = Traced(home, fake, args=["--set", "lastfm.rate=50", "--set", "musicbrainz.rate=50"])
    for i in range(30):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    fake.catalogue.any_share = 0.7
    try:
        d.start()
        d.wait_listed(30)
        songs = d.songs_list()
        edited = {}
        for n in range(EDITS):
            song = songs[n]["id"]
            edited[song] = "Edited %d" % n
            wait_for(lambda: d.patch(song, artist=edited[song]).status == 200, "an edit")
        assert d.request("PATCH", "settings", {"API_KEYS.lastfm": "0123456789abcdef0123456789abcdef"}).status == 200
        assert d.request("PATCH", "settings", {"musicbrainz.rate": 7}).status == 200
        assert d.post("worker/pause").json["changed"]
        assert d.post("queue", {"song_ids": [songs[-1]["id"]], "priority": 77}).status == 200
        d.process.send_signal(signal.SIGTERM)
        assert d.wait() == 0, d.log
    finally:
        if d.process.poll() is None:
            d.kill()
    return d, read_trace(d.trace), edited, songs[-1]["id"]


def answers(calls):
    """(index, text) of each answer with success."""
    for i, c in enumerate(calls):
        if c.name in ("write", "writev", "sendto", "sendmsg") and c.strings:
            text = b"".join(c.strings)
            if text.startswith(b"HTTP/1.1 2"):
                yield i, text


def acknowledged(calls, edited, last):
    """What each answer promised: [(index, check(database folder))]."""
    promises, by_value = [], {v: k for k, v in edited.items()}

    def row(sql, want):
        def look(folder):
            got = sqlite3.connect(folder / "songbook.db").execute(sql).fetchone()
            assert got == want, (sql, got, want)
        return look

    def key_file(folder):
        assert b"0123456789abcdef0123456789abcdef" in (folder / "songbookd.keys").read_bytes()
    for i, text in answers(calls):
        value = re.search(rb'"artist":"(Edited \d+)"', text)
        if value and b"ETag" in text and b'"metadata_status":"manual"' in text:
            value = value.group(1).decode()
            promises.append((i, row("SELECT artist, metadata_status FROM songs WHERE id = %d" % by_value[value], (value, "manual"))))
        elif b'"state":"paused"' in text and b'"changed":true' in text:
            promises.append((i, row("SELECT value FROM enrichment_state WHERE key = 'worker_paused'", ("true",))))
        elif b'"queued":' in text and b'"already":' in text:
            promises.append((i, row("SELECT max(priority) FROM enrichment_queue WHERE song_id = %d" % last, (77,))))
        elif b"musicbrainz.rate" in text and b'"value":7' in text.replace(b" ", b""):
            promises.append((i, row("SELECT value FROM settings WHERE key = 'musicbrainz.rate'", ("7",))))
        elif b"API_KEYS.lastfm" in text and b'"set"' in text:
            promises.append((i, key_file))
    return promises


def cut(calls, at, root, folder, dice, share, syncs=True):
    disk = Disk(root, syncs)
    for c in calls[:at]:
        disk.replay(c)
    # what another thread began before the answer may have touched the disk, too
    disk.write_image(folder, dice, share)
    return disk


def check_whole(folder):
    path = folder / "songbook.db"
    if not path.exists() or path.stat().st_size == 0:
        return None
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    if db.execute("PRAGMA user_version").fetchone() == (0,):
        return None                    # not made yet
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    rows = dict(db.execute("SELECT iif(present, metadata_status, 'absent'), count(*) FROM songs GROUP BY 1"))
    rows.update(db.execute("SELECT 'asked ' || asked, count(*) FROM enrichment_queue GROUP BY 1"))
    assert {k: n for k, n in db.execute("SELECT key, n FROM counts WHERE n <> 0") if k in STATUSES or k.startswith("asked ")} == rows
    return db


def test_what_was_acknowledged_survives_a_power_cut(story, tmp_path):
    daemon, calls, edited, last = story
    print("SONGBOOKD_POWER_SEED=%d" % SEED)
    dice = random.Random(SEED)
    folder = tmp_path / "cut"
    promises = acknowledged(calls, edited, last)
    assert len(promises) >= EDITS + 3, "the trace shows too few answers: %d" % len(promises)
    first_answer = next(answers(calls))[0]
    moments = [i for i, _ in promises] + [dice.randrange(len(calls)) for _ in range(CUTS)] + [len(calls)]
    for at in moments:
        for share in (0.0, dice.random(), 1.0):     # nothing, some, all of what was not synced
            disk = cut(calls, at, daemon.home, folder, dice, share)
            db = check_whole(folder)
            if at > first_answer:      # else numbers of events would be given away twice
                assert db and db.execute("SELECT value FROM enrichment_state WHERE key = 'start_count'").fetchone() == ("1",)
            for i, look in promises:
                if i <= at:
                    look(folder)
    print("%d cuts, %d answers, %d writes, %d syncs" % (3 * len(moments), len(promises), disk.n_writes, disk.n_syncs))


def test_the_model_notices_missing_syncs(story, tmp_path):
    """A disk that ignores syncs and keeps nothing loses every edit: else the test above could not fail."""
    daemon, calls, edited, last = story
    promises = acknowledged(calls, edited, last)
    folder = tmp_path / "cut"
    cut(calls, promises[-1][0], daemon.home, folder, random.Random(1), 0.0, syncs=False)
    lost = 0
    for _, look in promises:
        try:
            look(folder)
        except Exception:
            lost += 1
    assert lost == len(promises)
