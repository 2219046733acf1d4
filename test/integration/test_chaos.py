"""Providers that lie, stall and refuse, all at once and at random: no crash, no wrong "not found", limits kept, memory bounded.

SONGBOOKD_CHAOS_SECONDS sets how long (default 12 s); SONGBOOKD_CHAOS_SEED repeats a run.
"""
import os
import random
import time

from conftest import wait_for
from fake.catalogue import Catalogue
from fake.providers import FakeProviders

SECONDS = float(os.environ.get("SONGBOOKD_CHAOS_SECONDS", 12))
SEED = int(os.environ.get("SONGBOOKD_CHAOS_SEED", random.randrange(100000)))
KINDS = ["429", "503rate", "503busy", "503search", "500", "html", "truncated", "deep", "types", "error29", "redirect", "huge", "drip", "reset", "hang"]
# "404", "403" and "key" say something true in their way (not there, go away) and have tests of their own


def memory_of(d):
    return int([line for line in open("/proc/%d/status" % d.process.pid) if line.startswith("VmRSS")][0].split()[1])


def test_no_fault_of_a_provider_becomes_not_found(make_daemon):
    print("SONGBOOKD_CHAOS_SEED=%d" % SEED)
    dice = random.Random(SEED)
    fake = FakeProviders(Catalogue(any_share=1.0), limits=False, latency=(0.0, 0.1), seed=SEED).start()
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=50", "--set", "musicbrainz.rate=50", "--set", "enrichment.max_attempts=9"])
    for i in range(200):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    try:
        d.start()
        d.wait_listed(200)
        end, first, worst, rounds = time.monotonic() + SECONDS, memory_of(d), 0, 0
        while time.monotonic() < end:
            fake.heal()
            for provider in ("lastfm", "musicbrainz"):
                for kind in dice.sample(KINDS, 4):
                    fake.fail(provider, kind, share=dice.uniform(0.02, 0.25))
            rounds += 1
            if rounds % 5 == 0:       # a rest of minutes must not keep the test from its faults
                d.kill()
                d.start()
            time.sleep(dice.uniform(0.2, 0.8))
            worst = max(worst, memory_of(d))
            assert d.get("health")["name"] == "songbookd"
        songs = d.songs_list()
        wrong = [s for s in songs if s.get("reason") == "not_found"]
        assert not wrong, wrong[:3]
        assert len(songs) == 200
        p = d.get("progress")
        print("%d rounds, %d and %d requests, %d enriched, %d failed; memory %d -> at most %d KiB; providers %s" % (
            rounds, fake.requests("lastfm"), fake.requests("musicbrainz"), p["by_status"]["enriched"], p["by_status"]["enrichment_failed"], first, worst,
            {k: v["state"] for k, v in p["providers"].items()}))
        assert worst < first + 256 * 1024, "memory grows: %d -> %d KiB" % (first, worst)
        fake.heal()
        wait_for(lambda: d.get("progress")["total"] == 200, "the library")
        d.stop()
    finally:
        if d.process and d.process.poll() is None:
            d.kill()
        fake.stop()
