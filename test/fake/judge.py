"""How the daemon did with the hostile catalogue: the figures that are promised, counted against the truth."""
from .catalogue import fold

SURE = 0.85


def right(case, artist, title):
    """Guests and subtitles aside."""
    a, t = fold(artist or ""), fold((title or "").split(" (")[0])
    names = fold(case.artist)
    return t == fold(case.title.split(" (")[0]) and (a == names or a.startswith(names + " feat ") or a.startswith(names + " ft "))


class Verdict:
    def __init__(self, cases, songs, suggestions):
        """songs: by file name without extension; suggestions: lists of (artist, title) by the same."""
        self.known = [c for c in cases if c.known]
        self.unknown = [c for c in cases if not c.known]
        self.wrong, self.unsure_wrong, self.missed, self.not_suggested, self.wrong_years, self.missing_years = [], [], [], [], [], []
        self.reissue_years, self.wrong_genres, self.accepted_unknown = [], [], []
        self.sure = self.dated = 0
        for c in cases:
            self._judge(c, songs[c.name], suggestions[c.name])

    def _judge(self, c, s, suggested):
        enriched = s["metadata_status"] == "enriched"
        good = right(c, s["artist"], s["title"])
        self.sure += enriched and s["confidence"] >= SURE
        row = (c.kind, c.name, s["artist"], s["title"], s["confidence"], s["year"], s["reason"])
        if not c.known:
            if enriched and s["confidence"] >= SURE:
                self.accepted_unknown.append(row)
                self.wrong.append(row)
            elif enriched:
                self.unsure_wrong.append(row)
            return
        if enriched and not good:
            (self.wrong if s["confidence"] >= SURE else self.unsure_wrong).append(row)
        if not (enriched and good):
            self.missed.append(row)
        if not any(right(c, a, t) for a, t in suggested) and not (enriched and good):
            self.not_suggested.append(row)
        if c.genre and s["genre"] != c.genre:
            self.wrong_genres.append(row + (s["genre"],))
        if c.year is None:
            return
        if c.year == 0:
            if s["year"]:
                self.wrong_years.append(row)
        elif enriched and good:
            self.dated += 1
            if not s["year"]:
                self.missing_years.append(row)
            elif s["year"] != c.year:
                self.wrong_years.append(row + (c.year,))
                if s["year"] > c.year:
                    self.reissue_years.append(row + (c.year,))

    def shares(self):
        n = len(self.known)
        return {
            "wrong at 0.85 or above": len(self.wrong) / max(1, self.sure),
            "unknown accepted": len(self.accepted_unknown),
            "known enriched rightly": 1 - len(self.missed) / n,
            "right song suggested": 1 - len(self.not_suggested) / n,
            "year right": 1 - (len(self.wrong_years) + len(self.missing_years)) / max(1, self.dated),
            "years of a reissue": len(self.reissue_years),
            "genre wrong": len(self.wrong_genres),
        }

    def report(self):
        yield "%d songs, %d of them unknown to every provider; %d enriched at %.2f or above" % (
            len(self.known) + len(self.unknown), len(self.unknown), self.sure, SURE)
        for what, value in self.shares().items():
            yield "  %-24s %s" % (what, "%.1f %%" % (100 * value) if isinstance(value, float) else value)
        for what in ("wrong", "unsure_wrong", "missed", "not_suggested", "wrong_years", "missing_years", "wrong_genres"):
            for row in getattr(self, what):
                yield "  %s: %s" % (what, " | ".join(str(x) for x in row))
