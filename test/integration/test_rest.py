"""A service that has nothing to do leaves the disk alone: it writes nothing, and neither does the kernel because of it."""
import os
import pathlib
import time

import pytest

from conftest import wait_for

DAYS = 3 * 86400 * 10**9


def times_and_sizes(folder):
    """What the disk holds of each file and folder, the time of last access with it."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in ["."] + names:
            s = os.lstat(os.path.join(path, name))
            found[os.path.join(path, name)] = (s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_atime_ns)
    return found


def look_long_unused(folder):
    """A time of last access older than a day is brought up to date by most systems at the next reading."""
    for path, _, names in os.walk(folder):
        for name in ["."] + names:
            place = os.path.join(path, name)
            s = os.lstat(place)
            os.utime(place, ns=(time.time_ns() - DAYS, s.st_mtime_ns))


def test_a_look_through_the_folders_that_finds_nothing_new_writes_nothing(daemon):
    for name in ("ABBA - Dancing Queen.mp3", "more/Queen - Bohemian Rhapsody.mp4", "Nobody - Knows This.mp4"):
        daemon.add_song(name)
    daemon.start()
    daemon.wait_done()
    wal = daemon.database.with_name("songbook.db-wal")
    wait_for(lambda: wal.stat().st_size == 0, "the write-ahead log to be emptied")
    look_long_unused(daemon.home)
    before, stored = times_and_sizes(daemon.home), daemon.get("progress")["store"]["transactions"]
    first = daemon.get("scan")["finished_at"]
    for _ in range(2):
        daemon.post("scan")
        wait_for(lambda: not daemon.get("scan")["running"], "the end of the scan")
    assert len(daemon.songs_list()) == 3
    daemon.get("songs?q=queen")
    assert daemon.get("scan")["finished_at"] >= first
    assert daemon.get("progress")["store"]["transactions"] == stored
    after = times_and_sizes(daemon.home)
    assert {p: (was, after.get(p)) for p, was in before.items() if after.get(p) != was} == {}
    assert after.keys() == before.keys()


def test_the_log_gets_less_than_a_line_a_minute_beside_the_scans(make_daemon, fake):
    """Minutes of half a second each."""
    library = next((str(p) for p in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    d = make_daemon(fake=fake, args=["--set", "library.rescan_minutes=1"],
                    env={"LD_PRELOAD": library, "FAKETIME": "+0 x120", "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"})
    d.add_song("ABBA - Dancing Queen.mp3")
    d.start()
    d.wait_done()
    wal = d.database.with_name("songbook.db-wal")
    wait_for(lambda: wal.stat().st_size == 0, "the write-ahead log to be emptied")
    stored, begun = d.get("progress")["store"]["transactions"], d.log.count("\n")
    minutes = 12
    wait_for(lambda: sum("full scan finished" in line for line in d.log.split("\n")[begun:]) >= minutes, "%d scans" % minutes)
    others = [line for line in d.log.split("\n")[begun:-1] if "full scan finished" not in line]
    assert len(others) < minutes, others
    assert d.get("progress")["store"]["transactions"] == stored
