"""Songs the fake providers know, and how they are found.

A catalogue is exact unless `any_share` is set: then that share of all pairs asked for (chosen by a
hash, the same in every run) is known as well, under the names asked for.
"""
import hashlib
import re
import unicodedata
import uuid


def fold(text):
    text = unicodedata.normalize("NFKD", text or "").casefold().replace("&", " and ")
    text = "".join(c for c in text if not unicodedata.combining(c) and c not in "'`’.")
    text = " ".join("".join(c if c.isalnum() else " " for c in text).split())
    return text[4:] if text.startswith("the ") and len(text) > 4 else text


def lookup_key(artist, title):
    """ListenBrainz' normalisation: every character that is no letter, digit or underscore goes, then accents."""
    text = re.sub(r"\W", "", (artist + title)).lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


class Release:
    def __init__(self, date, title, status="Official", primary="Album", secondary=None):
        self.date, self.title, self.status, self.primary, self.secondary = date, title, status, primary, secondary


class Song:
    def __init__(self, artist, title, year=None, genres=("rock",), listeners=100000, reissue=None, guests="", releases=None,
                 album=None, aliases=(), disambiguation="", first=False, canonical=True,
                 tags=(), known_to=("lastfm", "musicbrainz", "listenbrainz")):
        self.artist = artist
        self.title = title
        self.year = year
        self.genres = list(genres)
        self.listeners = listeners
        self.reissue = reissue          # a later compilation that carries the same recording
        self.guests = guests            # joined behind the artist in the credit: " feat. X"
        self.album = album
        self.tags = list(tags)          # what people put there that is no genre
        self.aliases = list(aliases)    # of the artist
        self.disambiguation = disambiguation
        self.first = first              # a search shows it before what fits better
        self.known_to = known_to
        self.canonical = canonical      # ListenBrainz' exact matcher leads to it
        self.releases = releases if releases is not None else self._usual_releases()
        self.mbid = str(uuid.uuid5(uuid.NAMESPACE_URL, "song:%s/%s/%s" % (fold(artist), fold(title), disambiguation)))

    @property
    def credit(self):
        return self.artist + self.guests

    def _usual_releases(self):
        found = []
        if self.reissue:
            found.append(Release(str(self.reissue), "Greatest Hits", secondary="Compilation"))
        if self.year:
            found.append(Release("%d-05-01" % self.year, self.title))
        return found


class Catalogue:
    def __init__(self, songs=(), any_share=0.0):
        self.any_share = any_share
        self.by_pair = {}
        self.by_title = {}
        self.by_mbid = {}
        self.by_lookup = {}
        self.words = {}                 # (field, word): songs
        for song in songs:
            self.add(song)

    def add(self, song):
        self.by_pair.setdefault((fold(song.artist), fold(song.title)), song)
        self.by_title.setdefault(fold(song.title), []).append(song)
        self.by_mbid[song.mbid] = song
        if song.canonical and "listenbrainz" in song.known_to:
            self.by_lookup.setdefault(lookup_key(song.credit, song.title), song)
        if "musicbrainz" not in song.known_to:
            return
        for field, text in (("title", song.title), ("artist", " ".join([song.credit, *song.aliases]))):
            for word in set(fold(text).split()):
                self.words.setdefault((field, word), []).append(song)

    def find(self, artist, title, provider="musicbrainz"):
        """Exact but for case, accents and signs."""
        pair = (fold(artist), fold(title))
        song = self.by_pair.get(pair)
        if song and provider not in song.known_to:
            return None
        if song or not all(pair) or not self._is_known(pair):
            return song
        song = Song(artist, title, 1960 + self._number(pair) % 60, ["pop"])
        return self.by_mbid.setdefault(song.mbid, song)

    def find_exactly(self, artist, title):
        """As ListenBrainz finds: letters and digits only, the whole credit."""
        song = self.by_lookup.get(lookup_key(artist, title))
        return song or (None if (fold(artist), fold(title)) in self.by_pair else self.find(artist, title))

    def find_title(self, title):
        return self.by_title.get(fold(title), [])

    def search(self, pairs):
        """As a search finds: at least one word of each field; the best first, behind what is marked so."""
        found, whole = {}, set()
        for artist, title in pairs:
            exact = self.find(artist, title) if artist else None
            hits = {exact: 2.0} if exact else {}
            wanted = {"title": set(fold(title).split()), "artist": set(fold(artist or "").split())}
            share = {}
            for field, words in wanted.items():
                for word in words:
                    for song in self.words.get((field, word), ()):
                        share.setdefault(song, {"title": 0, "artist": 0})[field] += 1
            for song, n in share.items():
                if n["title"] and (n["artist"] or not artist):
                    score = n["title"] / len(wanted["title"]) + (n["artist"] / len(wanted["artist"]) if artist else 0)
                    # longer texts weigh less, as in a search engine
                    score -= 0.01 * (len(fold(song.title).split()) + len(fold(song.artist).split()))
                    hits.setdefault(song, score)
                    if n["title"] == len(wanted["title"]):
                        whole.add(song)
            for song, score in hits.items():
                found[song] = max(score, found.get(song, 0))
        return sorted(found, key=lambda s: (not (s.first and s in whole), -found[s], s.mbid))

    @staticmethod
    def _number(pair):
        return int(hashlib.sha256("\x1f".join(pair).encode()).hexdigest()[:8], 16)

    def _is_known(self, pair):
        return self._number(pair) % 1000 < self.any_share * 1000


FIELD = re.compile(r'(recording|recordingaccent|artist|artistname|creditname):(?:"((?:[^"\\]|\\.)*)"|\(((?:[^()\\]|\\.)*)\)|(\S+))')


def lucene_pairs(query):
    """The (artist, title) pairs a query asks for: each recording: with the artist: beside it."""
    pairs, title, artist = [], None, None
    for field, quoted, grouped, bare in FIELD.findall(query):
        text = re.sub(r"\\(.)", r"\1", quoted or grouped or bare)
        if field.startswith("recording"):
            if title is not None:
                pairs.append((artist, title))
                artist = None
            title = text
        else:
            if artist is None:
                artist = text
            if title is not None:
                pairs.append((artist, title))
                title = artist = None
    if title is not None:
        pairs.append((artist, title))
    return pairs
