"""A measured run of the daemon over a made-up library: what it asked for, how long it took, which limits it kept.

`speed` raises the daemon's rates and shortens the fakes' windows alike, so that a short run is the long one in small.
"""
import random
import sqlite3
import time

from conftest import Daemon
from fake import hostile, judge
from fake.catalogue import Catalogue, Song
from fake.providers import FakeProviders, Limit, Windows

SYLLABLES = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "wi", "xo", "zu", "ka", "le", "mi", "no", "ru"]


def word(rng, syllables=3):
    return "".join(rng.choice(SYLLABLES) for _ in range(syllables)).capitalize()


def made_up_songs(count, seed=7):
    """Distinct (artist, title) pairs of two words each; no word is in common use."""
    rng, seen, pairs = random.Random(seed), set(), []
    while len(pairs) < count:
        pair = ("%s %s" % (word(rng), word(rng, 4)), "%s %s" % (word(rng, 4), word(rng)))
        if pair not in seen:
            seen.add(pair)
            pairs.append(pair)
    return pairs


def misspelt(text):
    """Two letters in the middle of the longest word change places."""
    longest = max(text.split(), key=len)
    i = len(longest) // 2
    while longest[i] == longest[i + 1]:
        i -= 1
    return text.replace(longest, longest[:i] + longest[i + 1] + longest[i] + longest[i + 2:])


class Measured:
    def __init__(self, home, count, known=1.0, fuzzy=0.0, token=True, speed=1.0, shed=0.0, patience=1.0):
        self.count, self.speed, self.shed, self.token, self.patience = count, speed, shed, token, patience
        self.pairs = made_up_songs(count)
        self.exact = self.pairs[:round(count * known)]
        self.fuzzy = self.pairs[len(self.exact):len(self.exact) + round(count * fuzzy)]
        songs = [Song(a, t, 1960 + i % 60, ["rock"]) for i, (a, t) in enumerate(self.exact)]
        songs += [Song(misspelt(a), t, 1990, ["pop"]) for a, t in self.fuzzy]
        self.fake = FakeProviders(Catalogue(songs), latency=(0.05 / speed, 0.25 / speed))
        slack = 0 if speed == 1 else 0.03     # the network's jitter does not shrink with the windows
        self.fake.limits = {"lastfm": Limit(5, 1.0 / speed), "musicbrainz": Limit(1, 1.0 / speed - slack),
                            "listenbrainz": Windows(30, 10.0 / speed)}
        if shed:
            self.fake.fail("search", "503search", share=shed)
            self.fake.fail("dates", "503search", share=shed)
        self.fake.start()
        rates = ["--set", "musicbrainz.rate=%g" % speed, "--set", "listenbrainz.rate=%g" % speed]
        self.daemon = Daemon(home, self.fake, key=False, token=token, args=rates)
        for artist, title in self.pairs:
            self.daemon.add_song("%s - %s (Karaoke).mp4" % (artist, title))
        self.figures = {}
        self.asked_again = None

    def requests(self):
        return {e: self.fake.requests(e) for e in ("lookup", "labs", "metadata", "dates", "search")}

    def look(self, sql):
        db = sqlite3.connect("file:%s?mode=ro" % self.daemon.database, uri=True)
        try:
            return db.execute(sql).fetchone()[0]
        finally:
            db.close()

    def _wait(self, what, condition, limit):
        while not condition():
            if time.monotonic() - self.began > limit:
                raise AssertionError("%s takes longer than %d s: %s" % (what, limit, self.daemon.get("progress")))
            time.sleep(0.05)
        self.figures[what] = time.monotonic() - self.began

    def run(self, dating=False, limit=4 * 3600):
        """True when everything known got its name. Figures are in seconds of this run; times `speed` they are real ones."""
        d = self.daemon
        self.began = time.monotonic()
        d.start("--wait", "600")
        self._wait("listed", lambda: d.get("progress")["total"] == self.count, limit)
        wanted = len(self.exact)
        self._wait("named", lambda: d.get("progress")["by_status"]["enriched"] >= wanted, limit)
        self.at_named = self.requests()
        self._wait("genre and quick year", lambda: self.look(
            "SELECT count(*) FROM songs WHERE metadata_status = 'enriched' AND year IS NOT NULL AND genre IS NOT NULL") >= wanted, limit)
        self.at_dated = self.requests()
        self._wait("all names done with", lambda: (p := d.get("progress"))["queue_remaining"] == p["dating_remaining"], limit)
        self.progress = d.get("progress")
        self.at_done = self.requests()
        if dating:
            self._wait("dated by search", lambda: d.get("progress")["queue_remaining"] == 0, limit)
            self.progress = d.get("progress")
        self.at_end = self.requests()
        enriched = self.look("SELECT count(*) FROM songs WHERE metadata_status = 'enriched'")
        d.stop()
        if dating:
            d.start()
            d.wait_done()
            self.asked_again = sum(self.requests().values()) - sum(self.at_end.values())
            d.stop()
        self.fake.stop()
        return enriched == len(self.exact) + len(self.fuzzy)

    def windows(self):
        """The most arrivals in windows of 1, 5 and 10 s at the real pace; MusicBrainz allows 1, 5 and 10, ListenBrainz 30 in 10."""
        return {p: [self.fake.worst_window(p, s / self.speed) for s in (1, 5, 10)] for p in ("musicbrainz", "listenbrainz")}

    def report(self):
        yield "%d songs, %s token, speed %g, %d known exactly, %d under another spelling, %d nowhere, %.0f %% of the searches shed" % (
            self.count, "with" if self.token else "without", self.speed, len(self.exact), len(self.fuzzy),
            self.count - len(self.exact) - len(self.fuzzy), 100 * self.shed)
        for what, seconds in self.figures.items():
            yield "  %-22s after %8.1f s%s" % (what, seconds, "" if self.speed == 1 else " (%.0f s at the real pace)" % (seconds * self.speed))
        for name, requests in (("genre and quick year", self.at_dated), ("all names done with", self.at_done), ("the end", self.at_end)):
            bulk = sum(n for e, n in requests.items() if e != "search")
            yield "  requests at '%s': %d in bulk, %d searches %s" % (name, bulk, requests["search"], requests)
        yield "  the daemon counts %s requests, %s of them to date, %.3f a song named" % (
            self.progress["requests"], self.progress["dating_requests"], self.progress["requests_per_song"])
        yield "  most arrivals in 1, 5, 10 s: %s; limits broken: %d" % (self.windows(), len(self.fake.broken))
        if self.asked_again is not None:
            yield "  asked again by a second run: %d" % self.asked_again


def run_hostile(home, lastfm, listenbrainz=True, seed=11):
    """The verdict on the hostile catalogue, with or without a Last.fm key."""
    cases, catalogue = hostile.make(seed)
    fake = FakeProviders(catalogue, limits=False).start()
    rates = [part for p in ("lastfm", "musicbrainz", "listenbrainz") for part in ("--set", p + ".rate=300")]
    d = Daemon(home, fake, key=lastfm, args=rates + ([] if listenbrainz else ["--set", "listenbrainz.enabled=no"]))
    try:
        for case in cases:
            d.add_song(case.name + ".mp4")
        d.start()
        d.wait_listed(len(cases))
        d.wait_done(600)
        songs = {s["file_path"].rsplit("/", 1)[1][:-4]: s for s in d.songs_list()}
        suggestions = {name: [(x["artist"], x["title"]) for x in d.get("songs/%d/suggestions?limit=5" % s["id"])["suggestions"]]
                       for name, s in songs.items()}
    finally:
        d.stop()
        fake.stop()
    return judge.Verdict(cases, songs, suggestions)
