"""Lists over HTTP against the real daemon: filters, sorts, the worklist, the review."""
import sqlite3
from urllib.parse import quote, urlencode

import pytest

from conftest import started, wait_for
from fake.catalogue import Song


def titles(d, **query):
    return [s["title"] for s in every(d, **query)]


def every(d, **query):
    """All songs of a filter, whatever the pages hold."""
    found, cursor = [], None
    while True:
        page = d.get("songs?" + urlencode({"limit": 3, **query, **({"cursor": cursor} if cursor else {})}))
        found += page["songs"]
        cursor = page["next"]
        if cursor is None:
            return found


def lists(d):
    return {row["key"]: row for row in d.get("worklist")["lists"]}


def as_query(filter_):
    return {k: str(v).lower() if isinstance(v, bool) else v for k, v in filter_.items()}


# --- search ------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed,name", [
    ("beyonce", "Beyoncé - Halo.mp4"), ("BEYONCÉ", "Beyoncé - Halo.mp4"), ("ac dc", "AC-DC - Thunderstruck.mp4"), ("acdc", "AC⧸DC - Thunderstruck.mp4"),
    ("ac/dc", "AC⧸DC - Thunderstruck.mp4"), ("pink", "P!nk - So What.mp4"), ("p!nk", "P!nk - So What.mp4"), ("o connor", "Sinéad O'Connor - Mandinka.mp4"),
    ("oconnor", "Sinéad O'Connor - Mandinka.mp4"), ("sinead o'connor", "Sinéad O’Connor - Mandinka.mp4"), ("bjork", "Björk - Army of Me.mp4"),
    ("björk", "Björk - Army of Me.mp4"), ("motley crue", "Mötley Crüe - Kickstart My Heart.mp4")])
def test_search_finds_plain_and_native_spellings(still, typed, name):
    started(still, name, "Someone Else - Another Tune.mp4")
    found = still.get("songs?q=" + quote(typed))["songs"]
    assert [s["file_path"].rsplit("/", 1)[1] for s in found] == [name]


# --- filters -----------------------------------------------------------------------------------


def dated(d, *songs):
    """Files with year and genre set by a person."""
    started(d, *["%s - %s.mp4" % (a, t) for a, t, _, _ in songs])
    for _, title, year, genre in songs:
        assert d.patch(d.song(title)["id"], year=year, genre=genre).status == 200


def test_years_decades_and_genres(still):
    dated(still, ("ABBA", "Waterloo", 1974, "Pop"), ("Queen", "Innuendo", 1991, "Rock"), ("Toto", "Africa", 1982, "Rock"), ("Nena", "Leuchtturm", 1983, None),
          ("Unknown", "Nothing", None, None))
    assert titles(still, decade=1980, sort="year") == ["Africa", "Leuchtturm"]
    assert titles(still, min_year=1982, max_year=1991, sort="-year") == ["Innuendo", "Leuchtturm", "Africa"]
    assert titles(still, max_year=1982, sort="year") == ["Waterloo", "Africa"]
    assert titles(still, no_year="true") == ["Nothing"]
    assert sorted(titles(still, no_genre="true")) == ["Leuchtturm", "Nothing"]
    assert sorted(titles(still, genre="rock")) == ["Africa", "Innuendo"]
    assert titles(still, genre="rock", decade=1990) == ["Innuendo"]
    assert titles(still, sort="year")[0] == "Nothing" and titles(still, sort="-year")[-1] == "Nothing"
    assert still.request("GET", "songs?decade=1985").status == 422
    assert still.request("GET", "songs?no_year=maybe").status == 422
    assert titles(still, no_year="false", decade=1970) == ["Waterloo"]


def test_language_vendor_source_and_reason(still, fake):
    names = ["Leuchtturm (im Stil von Nena).mp4", "ABBA - Dancing Queen (Sing King Karaoke).mp4", "Nobody - Knows This.mp4"]
    started(still, *names)
    still.post("worker/start")
    still.wait_done()
    by_language = [s for s in every(still) if s["language"]]
    for song in by_language:
        assert song["id"] in [s["id"] for s in every(still, language=song["language"])]
    assert by_language and every(still, language="xx") == []
    vendor = [s["vendor"] for s in every(still) if s["vendor"]][0]
    assert [s["vendor"] for s in every(still, vendor=vendor.upper())] == [vendor]
    assert all(s["source"] == "name" for s in every(still, source="name"))
    enriched = [s["id"] for s in every(still, status="enriched")]
    assert enriched and [s["id"] for s in every(still) if s["source"] in ("lastfm", "musicbrainz", "listenbrainz")] == enriched
    assert titles(still, reason="not_found", status="enrichment_failed") == [s["title"] for s in every(still, status="enrichment_failed")]


def test_added_since_and_order_of_listing(still):
    started(still, "A - First.mp4", "B - Second.mp4")
    assert len(every(still, added_since="2020-01-01")) == 2
    assert every(still, added_since="2099-01-01T00:00:00Z") == []
    assert titles(still, sort="added") == titles(still, sort="id")
    assert titles(still, sort="-added") == titles(still, sort="-id")
    assert still.request("GET", "songs?added_since=yesterday").status == 422
    assert all(s["added_at"].startswith("20") for s in every(still))


def test_below_excludes_what_it_names(still):
    started(still, "Queen - Innuendo.mp4", "Track 7.mp4")
    sure = [s for s in every(still)]
    for song in sure:
        shown = song["confidence"]
        assert song["id"] not in [s["id"] for s in every(still, below=shown)]
        assert song["id"] in [s["id"] for s in every(still, below=round(shown + 0.01, 2))]
        assert song["id"] in [s["id"] for s in every(still, min_confidence=shown, max_confidence=shown)]
    assert every(still, below=0) == []
    assert still.get("review?below=0")["songs"] == []
    assert still.request("POST", "bulk", {"filter": {"below": 0}, "action": "verify", "preview": True}).json["count"] == 0


def test_rare_matches_among_many_are_all_found_over_short_pages(still):
    """7,000 songs and three matches far apart: no request looks at everything, together they find each once."""
    still.start()
    still.wait_listed(0)
    still.stop()
    folder = still.home / "not-there"      # a folder that does not exist is waited for: presence stays as it is
    db = sqlite3.connect(still.database)
    db.executemany("INSERT INTO songs(file_path, artist, title, artist_key, title_key, words, source, reason, confidence, metadata_status, created_at,"
                   " updated_at) VALUES (?, ?, ?, ?, ?, ?, 'name', ?, 0.65, 'parsed', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')",
                   [("%s/%05d.mp4" % (folder, i), "Band %05d" % i, "Tune", "band %05d" % i, "tune", "band %05d tune" % i,
                     "rare" if i in (3, 6500, 12990) else "separator") for i in range(13000)])
    db.commit()
    db.close()
    still.folders = [str(folder)]
    still.start()
    for sort in ("id", "artist", "title", "-artist", "confidence", "updated", "year", "added", "review"):
        found, pages, cursor = [], 0, ""
        while cursor is not None:
            page = still.get("songs?limit=50&reason=rare&sort=%s%s" % (sort, "&cursor=" + quote(cursor) if cursor else ""))
            found += [s["artist"] for s in page["songs"]]
            cursor, pages = page["next"], pages + 1
        assert sorted(found) == ["Band 00003", "Band 06500", "Band 12990"], sort
        assert pages == 3, sort


# --- the worklist ---------------------------------------------------------------------------------


def test_worklist_counts_lead_to_their_lists(still, fake):
    names = ["ABBA - Dancing Queen.mp4", "ABBA - Dancing Queen (Karaoke).mp4", "Nobody - Knows This.mp4", "Ben Folds - Ben Folds Five.mp4", "Gone - Soon.mp4"]
    started(still, *names)
    still.post("worker/start")
    still.wait_done()
    (still.songs / "Gone - Soon.mp4").unlink()
    still.post("scan", {"accept_missing": True})
    wait_for(lambda: still.get("progress")["library"]["absent"] == 1, "the missing file to be noticed")
    rows = lists(still)
    assert set(rows) == {"no_year", "no_genre", "order_unsure", "duplicate", "failed_not_found", "failed_gave_up", "gone"}
    for key, row in rows.items():
        assert row["count"] == len(every(still, **as_query(row["filter"]))), key
        assert row["sentence"]
    assert rows["gone"]["count"] == 1 and rows["duplicate"]["count"] == 2 and rows["failed_not_found"]["count"] >= 1
    assert {s["title"] for s in every(still, duplicate="true")} == {"Dancing Queen"}
    review = still.get("worklist")["review"]
    assert review["below"] == 0.85 and review["count"] == len(every(still, sort="review", **review["filter"]))


def test_a_duplicate_ends_when_one_of_two_is_renamed_or_gone(still):
    started(still, "Toto - Africa.mp4", "Toto - Africa (Karaoke).mp4", "Toto - Africa (Live).mp4", "Toto - Rosanna.mp4")
    assert lists(still)["duplicate"]["count"] == 2                      # a live version is another recording
    first = still.song("Africa.mp4")
    assert first["duplicate"] is True
    still.patch(first["id"], title="Hold the Line")
    assert lists(still)["duplicate"]["count"] == 0
    assert all(s["duplicate"] is False for s in every(still))
    still.patch(first["id"], title="Rosanna")
    assert lists(still)["duplicate"]["count"] == 2
    (still.songs / "Toto - Rosanna.mp4").unlink()
    still.post("scan")
    wait_for(lambda: lists(still)["gone"]["count"] == 1, "the missing file to be noticed")
    assert lists(still)["duplicate"]["count"] == 0


# --- the review ----------------------------------------------------------------------------------


def test_review_shows_what_is_wanted_first_and_then_the_least_sure(still):
    started(still, "Queen - Innuendo.mp4", "Track 7.mp4", "ABBA - Waterloo.mp4", "Toto - Africa.mp4")
    wanted, soon = still.song("Waterloo")["id"], still.song("Africa")["id"]
    still.post("queue", {"song_ids": [wanted], "demand": "asked"})
    still.post("queue", {"song_ids": [soon], "demand": "soon"})
    page = still.get("review?below=1")
    assert [row["wanted"] for row in page["songs"]] == ["soon", "asked", None, None]
    assert [row["song"]["id"] for row in page["songs"][:2]] == [soon, wanted]
    rest = [row["song"]["confidence"] for row in page["songs"][2:]]
    assert rest == sorted(rest) and len(rest) == 2
    assert page["remaining"] == 4 and page["next"] is None
    one_by_one, cursor = [], ""
    while cursor is not None:
        step = still.get("review?below=1&limit=1" + ("&cursor=" + quote(cursor) if cursor else ""))
        one_by_one += [row["song"]["id"] for row in step["songs"]]
        cursor = step["next"]
    assert one_by_one == [row["song"]["id"] for row in page["songs"]]
    still.patch(soon, verified=True)
    assert still.get("review?below=1")["remaining"] == 3
    assert still.request("GET", "review?sort=id").status == 422
    assert still.request("GET", "review?presence=absent").status == 422
    assert still.get("review?q=waterloo&below=1")["remaining"] is None


def test_review_shows_before_and_after_with_what_changes(still, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(still, "Queen - Innuendo.mp4")
    still.post("worker/start")
    still.wait_done()
    still.patch(1, year=1990)
    row = still.get("review?below=1")["songs"][0]
    assert row["before"] == {"artist": "Queen", "title": "Innuendo", "year": 1990, "genre": row["song"]["genre"]}
    after = row["after"]
    assert (after["artist"], after["title"]) == ("Queen", "Innuendo") and after["source"] in ("lastfm", "musicbrainz", "listenbrainz")
    assert after["changes"] == (["year"] if after["year"] == 1991 else [])
    assert row["tidy"]["artist_title"] == "Queen - Innuendo" and row["tidy"]["title_artist"] == "Innuendo - Queen"
    assert row["suggestions"] == len(still.get("songs/1/suggestions?limit=20")["suggestions"])
    still.post("songs/1/reject", {"candidate": after["candidate"]})
    again = still.get("review?below=1")["songs"][0]
    assert again["suggestions"] == row["suggestions"] - 1
    assert again["after"] is None or again["after"]["candidate"] != after["candidate"]


def test_the_threshold_of_the_review_is_a_setting(still):
    started(still, "Queen - Innuendo.mp4", "Track 7.mp4")
    settings = still.request("PATCH", "settings", {"dashboard.review_below": 0.5}).json
    assert settings["dashboard.review_below"]["value"] == 0.5
    low = [s["id"] for s in every(still) if s["confidence"] < 0.5]
    page = still.get("review")
    assert page["below"] == 0.5 and [row["song"]["id"] for row in page["songs"]] == low
    assert page["remaining"] == len(low) == still.get("worklist")["review"]["count"]
    assert still.request("PATCH", "settings", {"dashboard.review_below": 2}).status == 422
    assert still.request("PATCH", "settings", {"dashboard.order": "sideways"}).status == 422


def test_a_group_of_genres_finds_all_that_belong_to_it(still):
    dated(still, ("ABBA", "Waterloo", 1974, "Pop"), ("Queen", "Innuendo", 1991, "Hard Rock"), ("Toto", "Africa", 1982, "rock"), ("Nena", "Leuchtturm", 1983, "Children's Music"),
          ("Blur", "Parklife", 1994, "Britpop"), ("Unknown", "Nothing", None, None), ("Odd", "Thing", None, "Kitchen Noise"))
    assert sorted(titles(still, genre_group="Rock")) == ["Africa", "Innuendo"]
    assert sorted(titles(still, genre_group="pop", sort="artist")) == ["Parklife", "Waterloo"]
    assert titles(still, genre_group="Children's") == ["Leuchtturm"]
    assert titles(still, genre_group="Rock", decade=1990) == ["Innuendo"]
    assert titles(still, genre_group="Jazz") == []
    assert {s["genre_group"] for s in every(still, genre_group="rock")} == {"Rock"}
    found = still.get("facets")["genre_groups"]
    assert sorted((f["value"], f["count"]) for f in found) == [("Children's", 1), ("Pop", 2), ("Rock", 2)]
    for facet in found:
        assert len(every(still, genre_group=facet["value"])) == facet["count"]
    refused = still.request("GET", "songs?genre_group=Kitchen")
    assert refused.status == 422 and refused.json["errors"][0]["parameter"] == "genre_group"
    preview = still.post("bulk", {"filter": {"genre_group": "Rock", "presence": "present"}, "action": "requeue", "preview": True}).json
    assert preview["count"] == 2


# --- facets --------------------------------------------------------------------------------------


def test_facets_name_what_there_is(still):
    dated(still, ("ABBA", "Waterloo", 1974, "Pop"), ("Queen", "Innuendo", 1991, "Rock"), ("Toto", "Africa", 1982, "Rock"), ("Nena", "Leuchtturm", 1983, "pop"),
          ("Unknown", "Nothing", None, None))
    found = still.get("facets")
    assert found["decades"] == [{"value": 1980, "count": 2}, {"value": 1970, "count": 1}, {"value": 1990, "count": 1}]
    assert sorted((f["value"].lower(), f["count"]) for f in found["genres"]) == [("pop", 2), ("rock", 2)]
    assert found["languages"] == found["vendors"] == []
    assert found["sources"] == [{"value": "name", "count": 5}]
    for facet in found["decades"]:
        assert len(every(still, decade=facet["value"])) == facet["count"]
    still.patch(1, genre="Other")
    assert still.get("facets") == found                       # kept for a while
    assert still.request("GET", "facets?colour=red").status == 422


def test_facets_of_many_songs_are_counted_in_steps(still):
    still.start()
    still.wait_listed(0)
    still.stop()
    db = sqlite3.connect(still.database)
    db.executemany("INSERT INTO songs(file_path, title, genre, vendor, year, language, confidence, metadata_status, created_at, updated_at)"
                   " VALUES (?, 'T', ?, ?, ?, ?, 0.65, 'parsed', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')",
                   [("/x/%05d.mp4" % i, "Genre %02d" % (i % 70), "A" if i % 3 else "B", 1950 + i % 50, "de" if i < 30000 else None) for i in range(45000)])
    db.commit()
    db.close()
    still.folders = [str(still.home / "not-there")]
    still.start()
    found = still.get("facets")
    assert found["languages"] == [{"value": "de", "count": 30000}]
    assert found["vendors"] == [{"value": "A", "count": 30000}, {"value": "B", "count": 15000}]
    assert found["decades"] == [{"value": y, "count": 9000} for y in sorted((1950, 1960, 1970, 1980, 1990), key=str)]
    assert len(found["genres"]) == 50 and {f["count"] for f in found["genres"]} <= {642, 643}
