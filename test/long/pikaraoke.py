#!/usr/bin/env python3
"""Beside PiKaraoke for longer than CI has time: 60 s of a party with both at work, a hundred kills, and where random stops hit.

usage: test/long/pikaraoke.py [--seconds 60] [--kills 100] [--stops 1000]

The first two are tests of test/integration/test_pikaraoke.py with other numbers. The third publishes without end, stops the daemon
(SIGSTOP) at random moments and looks whether PiKaraoke could take its lock: it may be held no more often than the share of time that
the daemon says it held it. Uses the build in SONGBOOKD_BUILD (default build-test/).
"""
import argparse
import math
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SONGBOOKD_BUILD", str(ROOT / "build-test"))
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "test/integration")]
from conftest import Daemon, wait_for  # noqa: E402
from fake.pikaraoke import StandIn  # noqa: E402

SONGS = 4000


def tests(args):
    env = {**os.environ, "SONGBOOKD_PIKARAOKE_SECONDS": str(args.seconds), "SONGBOOKD_PIKARAOKE_KILLS": str(args.kills),
           "SONGBOOKD_TEST_PATIENCE": "120"}
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test/integration/test_pikaraoke.py",
                           "-k", "party or kill_9"], cwd=ROOT, env=env).returncode


def keep_publishing(path, number):
    """Every song gets another genre, so that every row there has to be written once more."""
    db = sqlite3.connect(path, timeout=30)
    db.execute("UPDATE songs SET genre = ?", ("Genre %d" % number,))
    db.commit()
    db.close()


def is_locked(probe):
    try:
        probe.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    probe.execute("ROLLBACK")
    return False


def stops(count):
    dice = random.Random()
    with tempfile.TemporaryDirectory(prefix="songbookd-stops-") as home:
        home = pathlib.Path(home)
        songs = home / "pksongs"
        songs.mkdir()
        for i in range(SONGS):
            (songs / ("Band %d - Tune %d---%011d.mp4" % (i % 97, i, i))).touch()
        stand_in = StandIn(home / "pk" / "pikaraoke.db", songs)
        stand_in.scan()
        d = Daemon(home, args=["--pikaraoke-db", stand_in.database, "--set", "enrichment.autostart=no", "--set", "pikaraoke.publish=yes",
                               "--set", "pikaraoke.machine_root=%s" % os.devnull], folders=[])
        d.start()
        wait_for(lambda: d.get("pikaraoke")["publish"]["published"] == SONGS, "the first round", 300)
        probe = sqlite3.connect(stand_in.database, timeout=0, isolation_level=None)
        hits, number, began = 0, 0, time.monotonic()
        before = d.get("pikaraoke")["publish"]["summed_lock_ms"]
        for i in range(count):
            if i % 40 == 0:
                number += 1
                keep_publishing(d.database, number)
                d.request("PATCH", "settings", {"log.level": "info"})     # a commit of its own, which it notices
            time.sleep(0.02 + dice.random() * 0.1)
            os.kill(d.process.pid, signal.SIGSTOP)
            hits += is_locked(probe)
            os.kill(d.process.pid, signal.SIGCONT)
        seconds = time.monotonic() - began
        p = d.get("pikaraoke")["publish"]
        share = (p["summed_lock_ms"] - before) / 1000 / seconds
        expected = share * count
        most = expected + 3 * math.sqrt(expected) + 3
        print("stops: %d, lock held at %d of them; the daemon says it was held %.3f %% of the time, so %.1f were to be expected (at most %.0f);"
              " longest %.1f ms, %d transactions" % (count, hits, share * 100, expected, most, p["longest_lock_ms"], p["transactions"]))
        probe.close()
        d.stop()
        stand_in.close()
        return 0 if hits <= most else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--stops", type=int, default=1000)
    args = parser.parse_args()
    failed = stops(args.stops) if args.stops else 0
    failed |= tests(args) if args.seconds and args.kills else 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
