"""The worker's life around the happy way: ends at awkward moments, --once and its exit codes."""
import os
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import Stopwatch, wait_for


class Locked:
    """Another program holds the database's write lock."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=300, check_same_thread=False)
        self.db.execute("BEGIN IMMEDIATE")

    def release(self):
        self.db.execute("ROLLBACK")
        self.db.close()


def ends_within(d, seconds):
    watch = Stopwatch()
    d.process.send_signal(signal.SIGTERM)
    code = d.wait()
    assert watch.stop() < 2 * seconds, d.log     # doubled for the sanitizers on a busy machine
    assert "ERROR: " not in d.log and "runtime error" not in d.log, d.log
    return code


def test_term_while_it_starts(make_daemon, fake):
    d = make_daemon(fake=fake)
    d.start()
    d.stop()
    lock = Locked(d.database)
    d.start(ready=False)
    wait_for(lambda: "database=" in d.log, "the start")
    time.sleep(0.3)   # it waits for the lock, which nothing tells
    assert ends_within(d, 2.0) == 0
    lock.release()


def test_term_while_an_edit_waits_for_the_store(daemon, fake):
    daemon.args += ["--events", "-"]
    daemon.add_song("Adele - Rolling in the Deep.mp4")
    daemon.start()
    daemon.wait_done()
    song = daemon.song("Adele")
    tag = daemon.request("GET", "songs/%d" % song["id"]).headers["etag"]
    lock = Locked(daemon.database)
    waits = daemon.get("progress")["store"]["waiting_writes"]
    asked = threading.Thread(target=lambda: pytest.raises(Exception, daemon.request, "POST", "songs/%d/requeue" % song["id"],
                                                           headers={"If-Match": tag}))
    settings = threading.Thread(target=lambda: pytest.raises(Exception, daemon.request, "PATCH", "settings", {"lastfm.rate": 50}))
    asked.start()
    settings.start()
    time.sleep(0.3)   # both wait behind the lock
    assert waits == 0
    daemon.process.send_signal(signal.SIGTERM)
    time.sleep(1.0)   # past the grace for requests: only the store is left to end
    lock.release()
    assert daemon.wait() == 0
    assert "ERROR: " not in daemon.log and "runtime error" not in daemon.log, daemon.log
    assert "stopped" in daemon.log


def test_term_while_nobody_reads_the_events(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--events", "-", "--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    for i in range(300):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    read, write = os.pipe()
    d.log, d.address, d.stdout = "", None, b""
    d.process = subprocess.Popen(d.command(), env=d.environment(), stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    d._lines = d._out = threading.Thread(target=d._read_log, args=(d.process,), daemon=True)
    d._lines.start()
    try:
        wait_for(lambda: d.address, "the daemon to listen")
        wait_for(lambda: d.get("progress")["total_processed"] > 100, "events that fill the pipe")
        assert ends_within(d, 2.0) == 0
        checked = sqlite3.connect(d.database).execute("SELECT count(*) FROM enrichment_queue WHERE in_flight <> 0").fetchone()
        assert checked == (0,)
    finally:
        os.close(read)


def test_closed_stdout_is_complained_about_once(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--events", "-", "--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    for i in range(30):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    read, write = os.pipe()
    d.log, d.address, d.stdout = "", None, b""
    d.process = subprocess.Popen(d.command(), env=d.environment(), stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.close(read)
    d._lines = d._out = threading.Thread(target=d._read_log, args=(d.process,), daemon=True)
    d._lines.start()
    wait_for(lambda: d.address, "the daemon to listen")
    d.wait_done()
    d.stop()
    assert d.log.count("cannot write events") == 1, d.log


def test_once_counts_failures_of_this_run_only(daemon, fake):
    for i in range(3):
        daemon.add_song("Nobody %d - Unheard Of %d.mp4" % (i, i))
    daemon.start()
    daemon.wait_done()
    assert daemon.post("worker/stop").json["changed"]
    daemon.stop()
    daemon.add_song("Nobody 9 - Unheard Of 9.mp4")
    daemon.start("--once", ready=False)
    assert daemon.wait() == 3, daemon.log
    daemon.start("--once", ready=False)
    assert daemon.wait() == 0, daemon.log


def test_once_without_any_provider_is_stuck(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.enabled=no",
                                         "--set", "listenbrainz.enabled=no", "--wait", "1"])
    d.add_song("Adele - Rolling in the Deep.mp4")
    d.start("--once", ready=False)
    assert d.wait() == 75, d.log
    assert "no provider is usable" in d.log
    d.args.remove("1")
    d.args.remove("--wait")                      # a machine that stands still for a second must not count as stuck
    d.start("--once", "--set", "lastfm.enabled=yes", ready=False)
    assert d.wait() == 0, d.log


def test_second_signal_ends_at_once(daemon, fake):
    daemon.add_song("Adele - Rolling in the Deep.mp4")
    daemon.start()
    daemon.wait_done()
    song = daemon.song("Adele")
    lock = Locked(daemon.database)
    asked = threading.Thread(target=lambda: pytest.raises(Exception, daemon.request, "PATCH", "settings", {"lastfm.rate": 50}))
    asked.start()
    time.sleep(0.2)
    daemon.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "stopping on signal" in daemon.log, "the first signal")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait() == 128 + signal.SIGTERM
    lock.release()
    assert song["metadata_status"] == "enriched"
