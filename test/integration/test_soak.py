"""Weeks of a library in a short while: songs come, change, move and go, day after day. Memory, files and descriptors stay as they were.

Both clocks of the daemon are turned on by a day at a time, so that what it does daily happens. SONGBOOKD_SOAK_DAYS and
SONGBOOKD_SOAK_SONGS (a day) set how much; test/long/run gives it 100,000 songs.
"""
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from conftest import BUILD, clean_environment, wait_for

DAYS = int(os.environ.get("SONGBOOKD_SOAK_DAYS", 6))
SONGS = int(os.environ.get("SONGBOOKD_SOAK_SONGS", 150))
SEED = int(os.environ.get("SONGBOOKD_SOAK_SEED", 7))
WAL_MOST = 9 << 20
KEEP_DAYS = max(2, DAYS // 8)          # what the worker changed is kept for so long


def ask(d, sql):
    """Short looks only: who reads all the time keeps the WAL from being used anew."""
    db = sqlite3.connect("file:%s?mode=ro" % d.database, uri=True)
    value = db.execute(sql).fetchone()[0]
    db.close()
    return value


def oldest_change(d, now):
    """Of the worker and the scan; in days."""
    at_ms = ask(d, "SELECT at_ms FROM changes INDEXED BY changes_when WHERE actor <> 'person' ORDER BY at_ms LIMIT 1")
    return (now - at_ms / 1000) / 86400


def figures(d):
    status = dict(line.split(":", 1) for line in open("/proc/%d/status" % d.process.pid))
    size = lambda p: os.path.getsize(p) if os.path.exists(p) else 0   # noqa: E731
    return {"memory": int(status["VmRSS"].split()[0]), "descriptors": len(os.listdir("/proc/%d/fd" % d.process.pid)),
            "wal": size(str(d.database) + "-wal"), "events": size(d.home / "events") + size(d.home / "events.1"), "database": size(d.database)}


def test_weeks_of_changes_leave_nothing_behind(make_daemon, fake, tmp_path):
    library = next((str(p) for p in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    dice, clock, names, serial = random.Random(SEED), tmp_path / "clock", {}, 0
    clock.write_text("+0")
    fake.catalogue.any_share = 0.7
    rates = [part for name in ("lastfm", "musicbrainz", "listenbrainz") for part in ("--set", name + ".rate=1000")]
    d = make_daemon(fake=fake, args=[*rates, "--events", str(tmp_path / "d" / "events"), "--set", "library.watch=no",
                                     "--set", "changes.keep_days=%d" % KEEP_DAYS],
                    env={"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                         "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"})
    d.start()
    days = []
    for day in range(DAYS):
        clock.write_text("+%dd" % day)
        for _ in range(SONGS):                                       # come
            serial += 1
            names[serial] = d.add_song("%d/Band %d - Tune %d.mp4" % (serial % 40, serial % 977, serial))
        known = list(names)
        for n in dice.sample(known, len(known) // 20):              # change
            with open(names[n], "ab") as f:
                f.write(b"more")
            os.utime(names[n], (time.time() - 100 - n, time.time() - 100 - n))
        for n in dice.sample(known, len(known) // 20):              # move
            new = os.fsencode(d.songs) + b"/moved/%d/" % (n % 13) + os.path.basename(names[n])
            os.makedirs(os.path.dirname(new), exist_ok=True)
            if new != names[n]:
                os.rename(names[n], new)
                names[n] = new
        for n in dice.sample(known, len(known) // 20):              # go
            os.remove(names.pop(n))
        d.post("scan")
        wait_for(lambda: d.get("progress")["total"] == len(names) and not d.get("scan")["running"], "day %d to be seen" % day, 900)
        d.wait_done(900)
        if day % 3 == 2:
            assert d.post("forget", {"song_ids": None}).json["forgotten"] > 0
        now = time.time() + day * 86400
        wait_for(lambda: oldest_change(d, now) < KEEP_DAYS + 1.5, "old changes to be forgotten")
        busy = figures(d)["wal"]               # it grows while reader and writer work without a pause between them
        wait_for(lambda: figures(d)["wal"] <= WAL_MOST, "the WAL to be small at rest")
        days.append({**figures(d), "busy_wal": busy})
        print("day %d: %d songs %s, changes of %d days: %d" % (day, len(names), days[-1], oldest_change(d, now),
                                                               ask(d, "SELECT count(*) FROM changes WHERE actor <> 'person'")))
        sys.stdout.flush()
    first, last = days[len(days) // 3], days[-1]
    grown = 2 * 1024 * len(names) / SONGS / 64
    assert last["descriptors"] <= first["descriptors"] + 3
    assert last["memory"] < first["memory"] * 1.5 + 40 * 1024 + grown, (first, last)
    assert max(day["busy_wal"] for day in days) <= 16 * WAL_MOST and last["events"] <= 70 << 20
    d.stop()                                                        # closes every handle, or says so
    assert "handles were left open" not in d.log
    done = subprocess.run([str(BUILD / "songbookctl"), "check", "--database", str(d.database)], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stderr
    shutil.rmtree(d.songs)
    assert sqlite3.connect(d.database).execute("SELECT count(*) FROM songs WHERE present").fetchone() == (len(names),)
