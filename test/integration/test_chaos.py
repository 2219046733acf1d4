"""Providers that lie, stall and refuse, all at once and at random: no crash, no leak, no wrong failure, limits kept, memory bounded.

The daemon's clock runs SPEED times as fast as the machine's, with the real rates, rests and time-outs: SONGBOOKD_CHAOS_SECONDS of its clock
(default 240, four minutes in twelve seconds) are looked at. SONGBOOKD_CHAOS_SEED repeats the dice.
"""
import json
import os
import random
import re
import time

import pytest

from conftest import wait_for
from fake.catalogue import Catalogue
from fake.providers import FakeProviders, Windows
from turned import TurnedClock, faketime_library

SPEED = 20
SECONDS = float(os.environ.get("SONGBOOKD_CHAOS_SECONDS", 240))
SEED = int(os.environ.get("SONGBOOKD_CHAOS_SEED", random.randrange(100000)))
REFUSALS = {"429", "503rate", "503busy", "503search", "error29"}
COMMON = ["429", "503rate", "503busy", "503search", "500", "html", "truncated", "deep", "types", "redirect", "huge", "drip", "reset", "hang"]
# "403" and "key" say something true in their way (go away) and have tests of their own; so does "404" at Last.fm and MusicBrainz (not there)
KINDS = {"api": COMMON + ["error29"], "search": COMMON, "dates": COMMON, "lookup": COMMON + ["404"], "labs": COMMON + ["404"],
         "metadata": COMMON + ["404"]}
OUTAGES = ["500", "hang", "html", "reset", "503busy"]
AT_A_TIME = 40
# what the pace allows in half a minute, and one more second (a hiccup of the machine of 50 ms is one of its clock), and three for
# one that was redirected at its end: those are paid for later
BUDGETS = {"lastfm": 4.9 * 31 + 4, "musicbrainz": 31 / 1.1 + 4, "listenbrainz": 0.98 * 31 + 4}


def memory_of(d):
    return int([line for line in open("/proc/%d/status" % d.process.pid) if line.startswith("VmRSS")][0].split()[1])


class Chaos:
    """The dice: other faults every few seconds, at times a provider that is away altogether."""

    def __init__(self, fake, dice, clock):
        self.fake, self.dice, self.clock, self.tried, self.next, self.rounds, self.outages = fake, dice, clock, set(), 0, 0, 0

    def turn(self):
        if self.clock.seconds() < self.next:
            return False
        self.fake.heal()
        for endpoint, kinds in KINDS.items():
            for kind in self.dice.sample(kinds, 4):
                self.fake.fail(endpoint, kind, share=self.dice.uniform(0.02, 0.2))
        if self.dice.random() < 0.2:
            self.fake.faults[self.dice.choice(list(KINDS))][:] = [{"kind": self.dice.choice(OUTAGES), "share": 1.0, "count": None}]
            self.outages += 1
        self.rounds += 1
        self.next = self.clock.seconds() + self.dice.uniform(5, 40)
        return True


def title_of(asked):
    """Of a question about one song; "" for a question about several."""
    text = asked.decode() if isinstance(asked, bytes) else json.dumps(asked)
    tunes = set(re.findall(r"Tune (\d+)|tune (\d+)", text))
    return "".join(tunes.pop()) if len(tunes) == 1 else ""


def check_failures(d, fake):
    """No song is said not to exist; who was given up failed three times by itself at every provider."""
    songs = d.songs_list()
    assert [s for s in songs if s.get("reason") == "not_found"] == []
    alone = [title_of(asked) for kind, _, asked in fake.failed if kind not in REFUSALS]
    gave_up = [s for s in songs if s.get("reason") == "gave_up"]
    for song in gave_up:
        number = re.search(r"Tune (\d+)", song["file_path"]).group(1)
        assert alone.count(number) >= 3, (song, alone.count(number))
    return songs, gave_up


@pytest.mark.skipif(not faketime_library(), reason="libfaketime is not installed")
def test_faults_of_all_providers_at_random_make_no_wrong_failure(make_daemon):
    print("SONGBOOKD_CHAOS_SEED=%d" % SEED)
    dice = random.Random(SEED)
    fake = FakeProviders(Catalogue(any_share=1.0), latency=(0.0, 0.6), seed=SEED, speed=SPEED)
    fake.limits = {"listenbrainz": Windows(30, 10.0)}
    fake.start()
    d = make_daemon(fake=fake)
    clock = TurnedClock(d, SPEED)
    chaos = Chaos(fake, dice, clock)
    count, first, worst, starts = 0, None, 0, 0
    try:
        while clock.seconds() < SECONDS:
            if not d.process or (chaos.turn() and chaos.rounds % 6 == 0):     # a rest of ten minutes must not keep the test from its faults
                if d.process:
                    d.kill()
                    d.token = not d.token                                        # with a token the lookup is asked, without one the labs
                clock.set()
                d.start()
                starts += 1
                first = first or memory_of(d)
            if sum(d.get("progress")["by_status"][s] for s in ("pending", "parsed")) < AT_A_TIME:
                for _ in range(AT_A_TIME):
                    d.add_song("Band %d - Tune %d.mp4" % (count, count))
                    count += 1
                d.post("scan")
                d.wait_listed(count)
                d.post("queue", {"song_ids": dice.sample(range(1, count + 1), AT_A_TIME // 2), "priority": 20})   # these are asked for everywhere
            time.sleep(0.1)
            worst = max(worst, memory_of(d))
        songs, gave_up = check_failures(d, fake)
        fake.heal()
        chaos.next = float("inf")
        p = d.get("progress")
        print("%d seconds of its clock, %d rounds, %d outages, %d starts; %d songs, %d enriched, %d given up; memory %d -> at most %d KiB" % (
            clock.seconds(), chaos.rounds, chaos.outages, starts, count, p["by_status"]["enriched"], len(gave_up), first, worst))
        print("requests: %s; faults met: %d of %d kinds at %d endpoints, %d in all; most in 30 s: %s" % (
            {e: fake.requests(e) for e in KINDS}, len({k for k, _, _ in fake.failed}), len({k for ks in KINDS.values() for k in ks}),
            len({e for _, e, _ in fake.failed}), len(fake.failed), {p: fake.worst_window(p, 30) for p in BUDGETS}))
        assert len(songs) == count == p["total"]
        for provider, most in BUDGETS.items():
            assert fake.worst_window(provider, 30) <= most, provider
        assert fake.broken == []
        assert worst < first + 128 * 1024, "memory grows: %d -> %d KiB" % (first, worst)
        wait_for(lambda: d.get("progress")["by_status"]["enriched"] + len(gave_up) == count, "every song to be named once all are well", 600)
        check_failures(d, fake)
        d.stop()
    finally:
        if d.process and d.process.poll() is None:
            d.kill()
        fake.stop()
