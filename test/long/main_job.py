#!/usr/bin/env python3
"""The main job on a list of real names: every song listed, every queue row done or failed for a stated reason.

usage: test/long/main_job.py FILE [--kills 3]

FILE is a tab-separated table with a header and the columns `name` and `ytid` (may be empty). Each name becomes an empty file: without its
extension, "/" as "⧸", "---ID" where ytid is given, ".mp4". The fake providers know seven of ten pairs, at raised rates. songbookd --once is
killed --kills times on the way and started again. Uses the build in SONGBOOKD_BUILD (default build/).
"""
import argparse
import csv
import os
import pathlib
import random
import re
import sqlite3
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SONGBOOKD_BUILD", str(ROOT / "build"))
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "test/integration")]
from conftest import Daemon, wait_for  # noqa: E402
from fake.catalogue import Catalogue  # noqa: E402
from fake.providers import FakeProviders  # noqa: E402


def make_files(d, table):
    names = set()
    with open(table, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            stem = re.sub(r"\.(mp4|mp3|zip|mkv|avi|webm|mov|cdg|kar|mid|flv|txt)$", "", row["name"], flags=re.I).replace("/", "⧸")
            names.add((stem + ("---" + row["ytid"] if row.get("ytid") else "")) + ".mp4")
    kept = [n for n in names if len(os.fsencode(n)) <= 255 and not n.startswith(".")]
    for name in kept:
        d.add_song(name)
    return len(kept), len(names)


def count(db, sql):
    return db.execute(sql).fetchone()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--kills", type=int, default=3)
    args = parser.parse_args()
    fake = FakeProviders(Catalogue(any_share=0.7), limits=False, latency=(0.01, 0.05)).start()
    with tempfile.TemporaryDirectory(prefix="songbookd-main-job-") as home:
        d = Daemon(home, fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
        files, distinct = make_files(d, args.file)
        print("%d files of %d distinct names" % (files, distinct), flush=True)
        began = time.monotonic()
        for kill in range(args.kills):
            d.start("--once")
            step = files * (kill + 1) // (args.kills + 1)
            wait_for(lambda: d.process.poll() is not None or d.get("progress")["queue_remaining"] <= files - step
                     and d.get("progress")["total"] == files, "a part of the work", 600)
            time.sleep(random.random() / 5)
            left = d.get("progress")["queue_remaining"]
            d.kill()
            print("killed with %d songs waiting, after %d requests" % (left, fake.requests("lastfm") + fake.requests("musicbrainz")), flush=True)
        d.start("--once", ready=False)
        code = d.wait(1200)
        requests = {p: fake.requests(p) for p in ("lastfm", "musicbrainz")}
        fake.stop()
        print("\n".join(l for l in d.log.splitlines() if " main: " in l), "\nexit code %d after %.0f s" % (code, time.monotonic() - began))
        db = sqlite3.connect(d.database)
        listed = count(db, "SELECT count(*) FROM songs WHERE present = 1")
        waiting = count(db, "SELECT count(*) FROM enrichment_queue")
        print("listed %d of %d; waiting %d; requests %s" % (listed, files, waiting, requests))
        for status, reason, n in db.execute("SELECT metadata_status, CASE metadata_status WHEN 'enrichment_failed' THEN reason END, count(*) FROM songs GROUP BY 1, 2"):
            print("  %-18s %-10s %5d" % (status, reason or "", n))
        print("integrity_check: %s" % count(db, "PRAGMA integrity_check"))
        unstated = count(db, "SELECT count(*) FROM songs WHERE metadata_status = 'enrichment_failed' AND coalesce(reason, '') NOT IN ('not_found', 'gave_up')")
        db.close()
        good = listed == files and waiting == 0 and unstated == 0 and code in (0, 3)
        print("every song listed, every queue row done or failed for a stated reason: %s" % ("yes" if good else "NO"))
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
