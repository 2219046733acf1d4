"""A hostile catalogue: what makes matchers accept the wrong song, in small and made up.

Every name is invented from word lists; only the karaoke brands are called as brands are. `cases()` gives the files with their truth,
`catalogue()` what the providers know, which is full of things that stand before the right song or look like it.
"""
import random

from .catalogue import Catalogue, Release, Song

FIRST = ["Velvet", "Silver", "Copper", "Amber", "Hollow", "Crimson", "Paper", "Winter", "Marble", "Cobalt", "Ember", "Willow", "Saffron",
         "Granite", "Juniper", "Lantern", "Meadow", "Harbor", "Thistle", "Orchid"]
SECOND = ["Harbor", "Foxes", "Parade", "Engines", "Sparrows", "Cathedral", "Pilots", "Orchard", "Riders", "Compass", "Monarchs", "Wolves",
          "Island", "Choir", "Gardens", "Machine", "Sailors", "Carnival", "Senators", "Anchors"]
GIVEN = ["Lenora", "Marcellus", "Idra", "Tobin", "Calla", "Rufina", "Osric", "Delphine", "Ansel", "Brisa", "Corwin", "Elowen", "Farrin",
         "Gideon", "Hollis", "Ivara", "Jorun", "Keziah", "Lorcan", "Maribel"]
FAMILY = ["Ashdown", "Bellweather", "Castellane", "Drummond", "Everhart", "Fairlight", "Greystone", "Hawthorne", "Ingersoll", "Kingsley",
          "Larkspur", "Merriweather", "Northcott", "Oakenfeld", "Pemberley", "Quillon", "Ravenscar", "Stillwater", "Thornbury", "Underwood"]
OPENING = ["Carry Me", "Waiting For", "Under The", "Nothing But", "Letters To", "Running From", "Goodbye To", "Dreaming Of", "Back To",
           "Falling Through", "Somewhere In", "Never Leave", "Beyond The", "Lost Among", "Thinking About", "Home Across"]
CLOSING = ["River", "Morning", "Thunder", "Highway", "Mirror", "Ocean", "Valley", "Sunlight", "Shadows", "Mountain", "Stranger", "Railroad",
           "Telephone", "Diamond", "Moonrise", "Window"]
BRANDS = ["Ameritz Karaoke Band", "Zoom Karaoke", "Sunfly Karaoke", "Party Tyme Karaoke", "ProSound Karaoke Band", "Karaoke All Stars"]


class Case:
    def __init__(self, kind, name, artist, title, year=None, known=True, genre=None):
        self.kind, self.name, self.artist, self.title = kind, name, artist, title
        self.year, self.known, self.genre = year, known, genre


class Maker:
    def __init__(self, seed=11):
        self.rng = random.Random(seed)
        self.songs, self.files, self.used = [], [], set()

    # --- names that are used once ---------------------------------------------------------
    def _fresh(self, make):
        while True:
            name = make()
            if name not in self.used:
                self.used.add(name)
                return name

    def band(self):
        return self._fresh(lambda: "%s %s" % (self.rng.choice(FIRST), self.rng.choice(SECOND)))

    def person(self):
        return self._fresh(lambda: "%s %s" % (self.rng.choice(GIVEN), self.rng.choice(FAMILY)))

    def artist(self):
        return self.band() if self.rng.random() < 0.5 else self.person()

    def title(self):
        return self._fresh(lambda: "%s %s%s" % (self.rng.choice(OPENING), self.rng.choice(("Broken ", "Distant ", "Golden ", "", "Silent ")),
                                                self.rng.choice(CLOSING)))

    def year(self):
        return self.rng.randrange(1962, 2018)

    # --- parts ------------------------------------------------------------------------------
    def put(self, *songs):
        self.songs += songs

    def file(self, kind, name, artist, title, year=None, known=True, genre=None):
        self.files.append(Case(kind, name, artist, title, year, known, genre))

    def usual(self, artist, title, year, **more):
        """The right song: on an album of its year and on a later collection."""
        releases = [Release("%d-04-12" % year, "%s Album" % title), Release("%d" % (year + 15), "Greatest Hits", secondary="Compilation")]
        more.setdefault("canonical", self.rng.random() < 0.6)
        return Song(artist, title, year, more.pop("genres", ["rock"]), releases=more.pop("releases", releases), **more)

    def dashed(self, artist, title):
        return self.rng.choice(["%s - %s (Karaoke)", "%s - %s [Karaoke Version]", "%s - %s Karaoke", "%s - %s"]) % (artist, title)

    # --- songs that are known -----------------------------------------------------------------
    def brands_first(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(*[Song(b, t, y + 20, first=True, canonical=False) for b in self.rng.sample(BRANDS, 3)])
            self.put(Song(self.rng.choice(BRANDS), "%s (In the Style of %s) [Karaoke Version]" % (t, a), y + 20, first=True), self.usual(a, t, y))
            self.file("brands first", self.rng.choice([self.dashed(a, t), "%s (In the Style of %s) Karaoke" % (t, a)]), a, t, y)

    def tributes_first(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(Song("%s Tribute Band" % a, t, y - 1, first=True), Song("Tribute to %s" % a, t, y - 2, first=True),
                     Song("The %s Cover Band" % a, t, y - 2, first=True), self.usual(a, t, y))
            self.file("tributes first", self.dashed(a, t), a, t, y)

    def takes_first(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            live = [Release("%d-01-01" % (y - 1), "Live at the Hall", secondary="Live")]
            self.put(Song(a, t, y, first=True, canonical=False, disambiguation="live, %d-01-01: The Hall" % (y - 1), releases=live),
                     Song(a, "%s (Midnight Remix)" % t, y, first=True, canonical=False,
                          releases=[Release(str(y - 1), "Remixes", primary="EP", secondary="Remix")]),
                     Song(a, "%s (acoustic)" % t, y, first=True, canonical=False, releases=[Release(str(y - 1), "Unplugged")]))
            self.put(self.usual(a, t, y))
            self.file("live and remix first", self.dashed(a, t), a, t, y)

    def asked_live(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(self.usual(a, t, y))
            self.put(Song(a, "%s (live)" % t, y + 3, canonical=False, releases=[Release(str(y + 3), "Live", secondary="Live")]))
            self.file("a live take is wanted", "%s - %s (Live) Karaoke" % (a, t), a, t)

    def covers(self, n):
        for i in range(n):
            a, b, t, y = self.artist(), self.artist(), self.title(), self.year()
            self.put(Song(b, t, y + 11, first=True, releases=[Release(str(y + 11), "Songs I Love")]), self.usual(a, t, y))
            self.file("a cover first", self.dashed(a, t), a, t, y)
            if i % 2:
                self.file("the cover is wanted", self.dashed(b, t), b, t, y + 11)

    def same_titles(self, n):
        for i in range(n):
            t = self.title()
            several = [(self.artist(), self.year()) for _ in range(5)]
            self.put(*[self.usual(a, t, y, first=j < 2) for j, (a, y) in enumerate(several)])
            a, y = several[self.rng.randrange(5)]
            self.file("one title, five artists", self.dashed(a, t), a, t, y)

    def swapped(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(self.usual(a, t, y), Song(t, a, None, listeners=900, known_to=("lastfm",)))
            self.file("swapped", self.dashed(t, a), a, t, y)

    def reissues(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            late = y + 25
            shapes = [
                [Release(str(late), "%s Album (Deluxe Edition)" % t)],
                [Release(str(late), "%s Album (%d Remaster)" % (t, late))],
                [Release(str(late), "The Best Of", secondary="Compilation")],
                [Release(str(late), "%s Album" % t)],
            ]
            self.put(Song(a, t, late, disambiguation="%d remaster" % late if i % 2 else "", releases=shapes[i % 4], first=True),
                     self.usual(a, t, y, canonical=False, disambiguation="album take"))
            self.file("a reissue first", self.dashed(a, t), a, t, y)

    def bootlegs(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            releases = [Release(str(y - 3), "Basement Tapes", status="Bootleg"), Release(str(y - 2), "Advance", status="Promotion"),
                        Release("%d-09-01" % y, "%s Album" % t), Release(str(y + 9), "Hits", secondary="Compilation")]
            self.put(self.usual(a, t, y, releases=releases))
            self.file("a bootleg is earlier", self.dashed(a, t), a, t, y)

    def only_collections(self, n):
        """No official album, single or EP: the year cannot be known and must stay empty."""
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(self.usual(a, t, y, releases=[Release(str(y + 20), "Fifty Hits", secondary="Compilation")]))
            self.file("only on collections", self.dashed(a, t), a, t, 0)

    def junk_tags(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(self.usual(a, t, y, genres=["synth-pop"], tags=["seen live", "female vocalists", a, "favorites", str(y), "albums i own"]))
            self.file("junk tags", self.dashed(a, t), a, t, y, genre="Synth-Pop")

    def other_scripts(self, n):
        kana = ["あおいつき", "ほしのうみ", "かぜのまち", "ゆきあかり", "そらのはて", "みどりのもり"]
        for i in range(n):
            latin, native = self.person(), "%s%d号" % (kana[i % len(kana)], i)
            t, y = "%s%s" % (self.rng.choice(kana), "歌声"[: 1 + i % 2] + "一二三四五六七八九十"[i % 10]), self.year()
            self.put(self.usual(native, t, y, aliases=[latin, "%s Project" % latin], canonical=i % 2 == 0))
            self.put(Song("カラオケ歌っちゃ王", t, y + 10, first=True, canonical=False))
            self.file("another script", "%s - %s (カラオケ)" % (latin if i % 2 else native, t), native, t, y)

    def guests(self, n):
        for i in range(n):
            a, g, t, y = self.artist(), self.person(), self.title(), self.year()
            self.put(self.usual(a, t, y, guests=" feat. %s" % g))
            self.file("a guest", self.rng.choice(["%s - %s ft. %s (Karaoke)" % (a, t, g), "%s feat. %s - %s (Karaoke)" % (a, g, t),
                                                  self.dashed(a, t)]), a, t, y)

    def duets(self, n):
        for i in range(n):
            a, b, t, y = self.person(), self.person(), self.title(), self.year()
            self.put(self.usual("%s & %s" % (a, b), t, y))
            self.file("a duet", self.rng.choice(["%s & %s - %s (Karaoke)", "%s and %s - %s (Karaoke)"]) % (a, b, t), "%s & %s" % (a, b), t, y)

    def spelt_otherwise(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            word = max(a.split(), key=len)
            bad = word[:3] + word[4] + word[3] + word[5:]
            self.put(self.usual(a, t, y, canonical=False))
            self.file("misspelt", self.dashed(a.replace(word, bad), t), a, t, y)

    def signs(self, n):
        shapes = [("K$yra %s", "Ksyra %s"), ("The %s", "%s"), ("Rag'n'%s", "Rag’n’%s"), ("%s & Sons", "%s And Sons"), ("Mö%s", "Mo%s"),
                  ("A/C %s", "AC %s"), ("%s!", "%s"), ("P.O.D. %s", "POD %s")]
        for i in range(n):
            real, typed = shapes[i % len(shapes)]
            base, t, y = self.band().split()[1] + str(i), self.title(), self.year()
            self.put(self.usual(real % base, t, y))
            self.file("signs and articles", self.dashed(typed % base, t), real % base, t, y)

    def subtitles(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(self.usual(a, "%s (%s)" % (t, self.rng.choice(["All Night Long", "For You", "Tell Me Why"])), y, canonical=False))
            self.file("a subtitle", self.dashed(a, t), a, self.songs[-1].title, y)

    def no_artist(self, n):
        for i in range(n):
            a, t, y = self.artist(), self.title(), self.year()
            self.put(self.usual(a, t, y), *[self.usual(self.artist(), t, self.year()) for _ in range(2)])
            self.file("no artist in the name", "%s karaoke" % t, a, t, y)

    # --- songs that nobody knows ----------------------------------------------------------------
    def unknown(self, n):
        for i in range(n):
            a, t = self.artist(), self.title()
            kind = ["nothing like it", "the title by others", "only karaoke brands", "only tribute bands", "only a live take",
                    "a title like it", "an artist like it", "heard by a few", "only a remix", "the album's name"][i % 10]
            if kind == "the title by others":
                self.put(*[self.usual(self.artist(), t, self.year(), first=True) for _ in range(3)])
            elif kind == "only karaoke brands":
                self.put(*[Song(b, t, 2010, first=True) for b in self.rng.sample(BRANDS, 2)])
                self.put(Song(BRANDS[i % 6], "%s (Originally Performed by %s)" % (t, a), 2010), Song("%s Karaoke" % a, t, 2011))
            elif kind == "only tribute bands":
                self.put(Song("%s Tribute" % a, t, 2009), Song("A Tribute to %s" % a, t, 2009, first=True))
            elif kind == "only a live take":
                self.put(Song(a, t, 1999, known_to=("musicbrainz",), disambiguation="live, 1999-05-05: Park",
                              releases=[Release("1999", "Live", secondary="Live")]))
            elif kind == "a title like it":
                word = t.split()[-1]
                other = self.rng.choice([w for w in CLOSING if w != word])
                self.put(self.usual(a, t.replace(word, other), self.year()), self.usual(a, t + " Part 2", self.year()))
            elif kind == "an artist like it":
                first, last = a.split()
                self.put(self.usual(first[1:].capitalize() + " " + last, t, self.year()), self.usual("%s %s" % (last, last), t, self.year()))
            elif kind == "heard by a few":
                self.put(Song(a, t, None, listeners=self.rng.randrange(2, 400), known_to=("lastfm",)))
            elif kind == "only a remix":
                self.put(Song(a, "%s (Sunrise Remix)" % t, 2005), Song(a, "%s (Karaoke Version)" % t, 2005))
            elif kind == "the album's name":
                self.put(self.usual(a, self.title(), 1988, releases=[Release("1988", t)]))
            self.file("unknown: " + kind, self.rng.choice([self.dashed(a, t), self.dashed(a, t), "%s (In the Style of %s)" % (t, a)]), a, t, known=False)


def make(seed=11):
    """(cases, catalogue)"""
    m = Maker(seed)
    for part, n in ((m.brands_first, 28), (m.tributes_first, 20), (m.takes_first, 24), (m.asked_live, 4), (m.covers, 20), (m.same_titles, 16),
                    (m.swapped, 20), (m.reissues, 20), (m.bootlegs, 16), (m.only_collections, 6), (m.junk_tags, 10), (m.other_scripts, 16),
                    (m.guests, 16), (m.duets, 8), (m.spelt_otherwise, 14), (m.signs, 16), (m.subtitles, 8), (m.no_artist, 4), (m.unknown, 70)):
        part(n)
    return m.files, Catalogue(m.songs)
