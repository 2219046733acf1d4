"""Songs over HTTP against the real daemon: lists, search, edits, suggestions, undo, the queue."""
import os
import sqlite3
import threading
from urllib.parse import quote

from conftest import started, wait_for
from fake.catalogue import Catalogue, Song
from fake.providers import FakeProviders


def ids_of(d, query):
    return [s["id"] for s in d.get("songs?" + query)["songs"]]


def song_of(answer):
    """The song in the answer to a change."""
    return {k: v for k, v in answer.json.items() if k != "batch"}


# --- ETags ----------------------------------------------------------------------------------------


def test_etag_changes_with_the_song_and_304_spares_the_body(still):
    started(still, "ABBA - Dancing Queen.mp4")
    first = still.request("GET", "songs/1")
    tag = first.headers["etag"]
    for sent in (tag, "W/" + tag, '"other", ' + tag, "*"):
        again = still.request("GET", "songs/1", headers={"If-None-Match": sent})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert still.request("GET", "songs/1", headers={"If-None-Match": '"v0"'}).status == 200
    edited = still.request("PATCH", "songs/1", {"artist": "ABBA"}, headers={"If-Match": tag})
    assert edited.status == 200 and edited.headers["etag"] != tag
    assert still.request("GET", "songs/1", headers={"If-None-Match": tag}).json == song_of(edited)
    assert still.request("PATCH", "songs/1", {"artist": "B"}, headers={"If-Match": tag}).status == 412
    assert still.request("PATCH", "songs/1", {"artist": "B"}, headers={"If-Match": edited.headers["etag"]}).status == 200
    assert still.request("PATCH", "songs/1", {"artist": "C"}, headers={"If-Match": "*"}).status == 200


def test_an_edit_answers_whether_another_file_holds_the_song_now(still):
    started(still, "ABBA - Dancing Queen.mp4", "Queen - Innuendo.mp4")
    other = next(s["id"] for s in still.songs_list() if s["title"] == "Innuendo")
    joined = still.patch(other, artist="ABBA", title="Dancing Queen").json
    assert joined["duplicate"] and still.get("songs/%d" % other)["duplicate"]
    left = still.patch(other, artist="Queen").json
    assert not left["duplicate"] and not still.get("songs/%d" % other)["duplicate"]


def test_what_is_typed_is_stored_composed_and_without_marks_that_turn_text(still):
    started(still, "ABBA - Dancing Queen.mp4")
    assert still.patch(1, artist="Beyonce\u0301", title=" a\u202eb ", genre="Forro\u0301").status == 200
    song = still.get("songs/1")
    assert (song["artist"], song["title"], song["genre"]) == ("Beyonc\u00e9", "ab", "Forr\u00f3")
    assert still.patch(1, title="\u202e").status == 422


def test_of_two_edits_with_the_same_etag_one_wins(still):
    started(still, "ABBA - Dancing Queen.mp4")
    tag = still.request("GET", "songs/1").headers["etag"]
    results = []

    def edit(i):
        results.append((still.request("PATCH", "songs/1", {"artist": "Artist %d" % i}, headers={"If-Match": tag}).status, i))
    threads = [threading.Thread(target=edit, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(status for status, _ in results) == [200] + [412] * 7
    assert still.get("songs/1")["artist"] == "Artist %d" % [i for status, i in results if status == 200][0]


def test_artist_or_title_makes_manual_another_field_is_locked(still):
    started(still, "ABBA - Dancing Queen.mp4", "Queen - Innuendo.mp4", "Oasis - Wonderwall.mp4")
    manual = still.patch(1, artist="  Abba  ").json
    assert (manual["artist"], manual["metadata_status"], manual["confidence"], manual["label"]) == ("Abba", "manual", 1.0, "Verified")
    locked = still.patch(2, year=1991, genre="Rock").json
    assert locked["metadata_status"] == "parsed" and set(locked["locked"]) == {"year", "genre"} and locked["year"] == 1991
    verified = still.patch(3, verified=True).json
    assert (verified["metadata_status"], verified["confidence"]) == ("manual", 1.0)
    assert still.patch(2, unlock=["year"]).json["locked"] == ["genre"]
    assert still.patch(2, genre=None).json["genre"] is None


def test_locked_year_and_manual_names_survive_the_worker(still):
    started(still, "ABBA - Dancing Queen.mp4", "Adele - Rolling in the Deep.mp4")
    adele = still.song("Adele")["id"]
    abba = still.song("ABBA")["id"]
    still.patch(abba, year=2000)
    still.patch(adele, title="Rolling")
    still.post("worker/start")
    still.wait_done()
    song = still.get("songs/%d" % abba)
    assert (song["year"], song["genre"], song["metadata_status"]) == (2000, "Pop", "enriched")
    song = still.get("songs/%d" % adele)
    assert (song["title"], song["metadata_status"]) == ("Rolling", "manual")


# --- lists ----------------------------------------------------------------------------------------


def test_search_finds_names_however_they_are_typed(still):
    native = {"Beyoncé - Halo": ["beyonce", "BEYONCÉ", "beyonc", "halo bey", "beyonce\u0301"],
              "AC⧸DC - Thunderstruck": ["ac dc", "ac/dc", "AC/DC thunder", "ac"],
              "Björk - Army of Me": ["bjork", "BJÖRK army", "björk"],
              "Mo\u0308torhead - Ace of Spades": ["motorhead", "Motörhead ace"],
              "Guns N' Roses - Patience": ["guns n roses", "guns n' roses", "patience guns"],
              "P!nk - So What": ["p!nk", "so what"],
              "Кино - Группа крови": ["кино", "КИНО крови"],
              "宇多田ヒカル - First Love": ["宇多田", "first love"],
              "Earth, Wind & Fire - September": ["earth wind fire", "earth, wind & fire", "sept wind"]}
    started(still, *[name + " (Karaoke).mp4" for name in native])
    for name, queries in native.items():
        for q in queries:
            found = still.get("songs?q=" + quote(q))["songs"]
            assert [s["file_path"] for s in found if os.path.basename(s["file_path"]).startswith(name)], (q, name)
    assert ids_of(still, "q=" + quote("beyonce thunderstruck")) == []
    for q in ("", " ", "'", '"', '"bey', "*", "-", "NEAR(", "a OR b", "%", "col:halo", "(" * 50, "\\"):
        assert still.request("GET", "songs?q=" + quote(q)).status == 200, q


def test_filters_of_the_list(still, fake):
    names = ["ABBA - Dancing Queen---aBcDeFgHi01.mp4", "Queen - Bohemian Rhapsody [aBcDeFgHi02].mp4", "Nobody Knows - Lost Song.mp4",
             "Adele - Rolling in the Deep.mp4"]
    started(still, *names)
    still.post("worker/start")
    still.wait_done()
    abba, queen, nobody, adele = (still.song(part)["id"] for part in ("ABBA", "Rhapsody", "Nobody", "Adele"))
    still.patch(adele, verified=True)
    assert ids_of(still, "status=manual") == [adele]
    assert set(ids_of(still, "status=enriched")) == {abba, queen}
    assert ids_of(still, "status=enrichment_failed") == [nobody]
    assert ids_of(still, "min_confidence=1") == [adele]
    assert ids_of(still, "max_confidence=0.69") == [nobody]
    assert ids_of(still, "year=1976") == [abba]
    assert ids_of(still, "genre=rock") == ids_of(still, "genre=ROCK") == [queen]
    assert ids_of(still, "youtube_id=aBcDeFgHi02") == [queen]
    assert ids_of(still, "path=" + quote(str(still.songs / names[2]))) == [nobody]
    assert ids_of(still, "path=" + quote(still.get("songs/%d" % abba)["file_uri"])) == [abba]
    assert ids_of(still, "year=1976&status=manual") == []
    assert ids_of(still, "q=queen&year=1976") == [abba]
    for sort, key in (("artist", "artist"), ("title", "title"), ("confidence", "confidence")):
        values = [s[key] for s in still.get("songs?sort=" + sort)["songs"]]
        assert values == sorted(values)
        assert [s[key] for s in still.get("songs?sort=-" + sort)["songs"]] == sorted(values, reverse=True)
    os.remove(still.get("songs/%d" % abba)["file_path"])
    still.post("scan")
    wait_for(lambda: ids_of(still, "presence=absent") == [abba], "the song to be absent")
    assert abba not in ids_of(still, "") and len(ids_of(still, "presence=all")) == 4
    assert ids_of(still, "youtube_id=aBcDeFgHi01") == [abba]
    assert still.post("forget", {"song_ids": [abba, queen]}).json == {"forgotten": 1}
    assert still.request("GET", "songs/%d" % abba).status == 404 and still.request("GET", "songs/%d" % queen).status == 200


def test_bytes_that_are_no_utf8_are_found_by_their_uri(still):
    started(still, b"Caf\xe9 - Song.mp4")
    song = still.get("songs")["songs"][0]
    assert "\ufffd" in song["file_path"] and song["file_uri"].endswith("/Caf%E9%20-%20Song.mp4")
    assert ids_of(still, "path=" + quote(song["file_uri"], safe="")) == [song["id"]]
    assert still.post("queue", {"paths": [song["file_uri"]]}).json["unknown"] == []


def test_pages_have_no_gaps_or_doubles_while_the_worker_writes(make_daemon):
    count = 1200
    known = FakeProviders(Catalogue(any_share=0.8), limits=False).start()
    try:
        d = make_daemon(fake=known, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
        for i in range(count):
            d.add_song("Band %d - Tune %d (Karaoke).mp4" % (i % 97, i))
        d.start()
        d.wait_listed(count)
        everything = {s["id"] for s in d.songs_list()}
        assert len(everything) == count
        before = d.get("progress")["total_processed"]
        for query in ("limit=100", "limit=7&sort=-id", "limit=500", "limit=83&sort=id&q=tune"):
            found, path = [], "/api/v1/songs?" + query
            while path:
                answer = d.request("GET", path)
                assert answer.status == 200
                page = answer.json
                found += [s["id"] for s in page["songs"]]
                path = None
                if page["next"]:
                    assert 'rel="next"' in answer.headers["link"]
                    path = answer.headers["link"].split(">")[0][1:]
            assert len(found) == count and set(found) == everything, query
        assert wait_for(lambda: d.get("progress")["total_processed"] > before, "the worker to have written meanwhile")
        d.post("worker/pause")
        wait_for(lambda: all(p["in_flight"] == 0 for p in d.get("progress")["providers"].values()), "answers under way")
        for query in ("limit=111&sort=artist", "limit=50&sort=-title", "limit=64&sort=confidence", "limit=99&sort=-updated", "limit=77&sort=-artist&q=ba"):
            found, cursor = [], ""
            while cursor is not None:
                page = d.get("songs?" + query + ("&cursor=" + quote(cursor) if cursor else ""))
                found += [s["id"] for s in page["songs"]]
                cursor = page["next"]
            assert len(found) == count and set(found) == everything, query
        d.stop()
    finally:
        known.stop()


# --- suggestions, explain, undo --------------------------------------------------------------------


def test_suggestions_are_stored_accepted_and_rejected(still, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(still, "Queen - Innuendo (Karaoke).mp4")
    assert still.get("songs/1/suggestions") == {"suggestions": []}
    assert still.post("songs/1/suggestions").json["code"] == "worker_not_running"
    still.post("worker/start")
    still.wait_done()
    asked = fake.requests("lastfm") + fake.requests("musicbrainz")
    rows = still.get("songs/1/suggestions?limit=20")["suggestions"]
    assert rows and all(r["artist"] == "Queen" and r["title"] == "Innuendo" for r in rows)
    assert [r["score"] for r in rows] == sorted((r["score"] for r in rows), reverse=True)
    assert {"id", "artist", "title", "year", "genre", "source", "score", "display", "rule", "reason", "rejected"} <= set(rows[0])
    assert fake.requests("lastfm") + fake.requests("musicbrainz") == asked
    dated = [r for r in rows if r["year"] == 1991][0]
    accepted = still.post("songs/1/accept", {"candidate": dated["id"]})
    assert accepted.status == 200
    assert (accepted.json["metadata_status"], accepted.json["confidence"], accepted.json["year"]) == ("manual", 1.0, 1991)
    refused = still.post("songs/1/reject", {"candidate": dated["id"]})
    assert refused.status == 200 and refused.json["metadata_status"] == "manual"     # only undo takes a person's word back
    assert [r["rejected"] for r in still.get("songs/1/suggestions?limit=20")["suggestions"] if r["id"] == dated["id"]] == [True]
    assert still.post("songs/1/accept", {"candidate": 99999}).status == 404


def test_rejected_candidate_is_not_taken_again(still, fake):
    started(still, "Queen - Bohemian Rhapsody.mp4")
    still.post("worker/start")
    still.wait_done()
    assert still.get("songs/1")["metadata_status"] == "enriched"
    for row in still.get("songs/1/suggestions?limit=20")["suggestions"]:
        assert still.post("songs/1/reject", {"candidate": row["id"]}).status == 200
    song = still.get("songs/1")
    assert (song["metadata_status"], song["year"], song["source"]) == ("parsed", None, "name")
    still.post("songs/1/requeue")
    still.wait_done()
    song = still.get("songs/1")
    assert song["metadata_status"] != "enriched" and song["year"] is None


def test_asking_now_answers_with_the_list(still, fake):
    started(still, "Adele - Rolling in the Deep.mp4")
    still.post("worker/start")
    answer = still.post("songs/1/suggestions?limit=3", {})
    assert answer.status == 200 and answer.json["complete"] is True
    assert answer.json["suggestions"][0]["artist"] == "Adele" and len(answer.json["suggestions"]) <= 3


def test_own_words_find_suggestions_and_leave_the_song_alone(still, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(still, "Adele - Rolling in the Deep.mp4")
    still.post("worker/start")
    still.wait_done()
    before = still.get("songs/1")
    asked = fake.requests("lastfm"), fake.requests("musicbrainz")
    answer = still.post("songs/1/suggestions?limit=3", {"artist": "Queen", "title": "Innuendo"})
    assert answer.status == 200 and answer.json["complete"] is True
    assert (fake.requests("lastfm"), fake.requests("musicbrainz")) > asked
    first = answer.json["suggestions"][0]
    assert (first["artist"], first["title"]) == ("Queen", "Innuendo") and first["score"] > 0.9
    assert still.get("songs/1") == before and before["artist"] == "Adele"
    taken = still.post("songs/1/accept", {"candidate": first["id"]}).json
    assert (taken["artist"], taken["title"], taken["metadata_status"]) == ("Queen", "Innuendo", "manual")
    refused = still.post("songs/1/suggestions", {"artist": "Queen"})
    assert refused.status == 422 and refused.json["errors"][0]["pointer"] == "/title"
    still.post("worker/pause")
    assert still.post("songs/1/suggestions", {"title": "Innuendo"}).json["code"] == "worker_not_running"


def test_explain_tells_the_story(still, fake):
    started(still, "ABBA - Dancing Queen.mp4")
    still.post("worker/start")
    still.wait_done()
    still.patch(1, artist="Abba")
    told = still.get("songs/1/explain")
    assert told["id"] == 1 and told["song"]["artist"] == "Abba"
    chosen = {f["field"]: f for f in told["fields"] if f["chosen"]}
    assert chosen["artist"]["source"] == "person" and chosen["artist"]["value"] == "Abba"
    assert {"name", "listenbrainz", "musicbrainz", "person"} <= {f["source"] for f in told["fields"]}
    assert all(f["rule"] and f["at"] for f in told["fields"])
    assert told["candidates"] and told["changes"] and len(told["story"]) >= 3
    assert "Dancing Queen.mp4" in told["story"][0]


def test_undo_puts_back_what_was(still):
    started(still, "ABBA - Dancing Queen.mp4")
    before = still.get("songs/1")
    still.patch(1, artist="Somebody", year=1999)
    batch = still.get("changes?song_id=1&limit=1")["changes"][0]["batch"]
    undone = still.post("undo", {"batch": batch})
    assert undone.status == 200
    written = still.get("changes?song_id=1&limit=1")["changes"][0]["batch"]
    assert undone.json == {"batch": batch, "undo_batch": written, "count": 1, "kept": 0, "song_ids": [1]}
    after = still.get("songs/1")
    for field in ("artist", "title", "year", "confidence", "metadata_status", "locked"):
        assert after[field] == before[field], field
    assert any(c["undone"] for c in still.get("changes?song_id=1")["changes"])
    assert still.post("undo", {"batch": 99999}).status == 404
    still.patch(1, artist="First")
    first = still.get("changes?song_id=1&limit=1")["changes"][0]["batch"]
    still.patch(1, artist="Second")
    assert still.post("undo", {"batch": first}).status == 409
    assert still.get("songs/1")["artist"] == "Second"


def test_a_change_says_the_batch_that_undoes_it_and_nothing_else(still, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(still, "Queen - Innuendo.mp4")
    still.post("worker/start")
    still.wait_done()
    enriched = still.get("songs/1")
    candidate = still.get("songs/1/suggestions?limit=20")["suggestions"][0]["id"]
    mine, other = still.patch(1, artist="Mine").json, still.patch(1, genre="Jazz").json       # the newest is not the one to undo
    assert still.post("undo", {"batch": mine["batch"]}).json["song_ids"] == [1]
    song = still.get("songs/1")
    assert (song["artist"], song["metadata_status"], song["genre"]) == (enriched["artist"], "enriched", "Jazz")
    assert still.post("undo", {"batch": other["batch"]}).status == 200 and still.get("songs/1")["genre"] == enriched["genre"]
    accepted = still.post("songs/1/accept", {"candidate": candidate}).json
    assert still.post("undo", {"batch": accepted["batch"]}).status == 200 and still.get("songs/1")["metadata_status"] == "enriched"
    assert still.patch(1, verified=True).json["batch"] > accepted["batch"]
    assert still.patch(1, verified=True).json["batch"] is None                                # it was so already
    assert still.post("songs/1/reject", {"candidate": candidate}).json["batch"] is None       # a person's word stays


def test_the_batch_of_a_refused_suggestion_brings_it_back(still):
    started(still, "Queen - Bohemian Rhapsody.mp4")
    still.post("worker/start")
    still.wait_done()
    before = still.get("songs/1")
    assert before["metadata_status"] == "enriched"
    ids = [c["id"] for c in still.get("songs/1/suggestions?limit=20")["suggestions"]]
    batch = [b for b in (still.post("songs/1/reject", {"candidate": c}).json["batch"] for c in ids) if b][-1]
    assert still.get("songs/1")["metadata_status"] == "parsed"
    assert still.post("undo", {"batch": batch}).status == 200
    assert [still.get("songs/1")[f] for f in ("artist", "title", "year", "genre")] == [before[f] for f in ("artist", "title", "year", "genre")]


def test_changes_are_paged_backwards(still):
    started(still, "ABBA - Dancing Queen.mp4")
    for i in range(12):
        still.patch(1, artist="Artist %d" % i)
    seen, before = [], None
    while True:
        page = still.get("changes?limit=5" + ("&before=%d" % before if before else ""))
        seen += [c["id"] for c in page["changes"]]
        before = page["next"]
        if before is None:
            break
    assert seen == sorted(set(seen), reverse=True) and len(seen) >= 12


# --- queue ----------------------------------------------------------------------------------------


def queue_rows(d):
    db = sqlite3.connect("file:%s?mode=ro" % d.database, uri=True)
    rows = dict(db.execute("SELECT song_id, priority FROM enrichment_queue"))
    db.close()
    return rows


def test_queue_by_ids_paths_and_filter(still):
    started(still, "A - One.mp4", "B - Two.mp4", "C - Three.mp4", "D - Four.mp4")
    still.post("worker/start")
    still.wait_done()
    still.post("worker/pause")
    one, two, three, four = (still.song(n)["id"] for n in ("One", "Two", "Three", "Four"))
    assert still.post("queue", {"song_ids": [one, 99999]}).json == {"queued": 1, "already": 0, "unknown": [99999]}
    path = still.get("songs/%d" % two)["file_path"]
    assert still.post("queue", {"paths": [path, "/no/where.mp4"]}).json == {"queued": 1, "already": 0, "unknown": ["/no/where.mp4"]}
    assert still.post("queue", {"filter": {"q": "three"}, "priority": 5}).json == {"queued": 1, "already": 0, "unknown": []}
    assert still.post("queue", {"filter": {"status": "enrichment_failed"}}).json == {"queued": 1, "already": 3, "unknown": []}
    assert still.post("queue", {"pikaraoke_ids": [7]}).json["unknown"] == [7]
    assert queue_rows(still) == {one: 0, two: 0, three: 5, four: 0}
    still.post("queue", {"song_ids": [four], "demand": "soon"})
    still.post("queue", {"song_ids": [three], "priority": 1})
    assert queue_rows(still) == {one: 0, two: 0, three: 5, four: 30}
    assert still.get("progress")["queue_remaining"] == 4


def test_what_is_wanted_soon_is_asked_first(still, fake):
    started(still, *["Band %d - Tune %d.mp4" % (i, i) for i in range(30)])
    last = still.song("Tune 17")["id"]
    still.post("queue", {"song_ids": [last], "demand": "soon"})
    still.post("worker/start")
    still.wait_done()
    assert "tune 17" in str(fake.asked["lastfm"][0]).lower()


# --- names ----------------------------------------------------------------------------------------


def test_parse_one_and_two_thousand(still):
    still.start()
    one = still.post("parse", {"filename": "Queen - Innuendo (Karaoke Version)---aBcDeFgHiJk.mp4"}).json
    assert (one["artist"], one["title"], one["youtube_id"]) == ("Queen", "Innuendo", "aBcDeFgHiJk")
    assert one["tidy"] == {"artist_title": "Queen - Innuendo", "title_artist": "Innuendo - Queen"}
    names = ["Band %d - Tune %d (Karaoke).mp4" % (i % 900, i // 900) for i in range(2000)]
    many = still.post("parse", {"filenames": names, "library": True})
    assert many.status == 200
    assert [{r["artist"], r["title"]} for r in many.json["results"]] == [{"Band %d" % (i % 900), "Tune %d" % (i // 900)} for i in range(2000)]
    assert still.get("progress")["total"] == 0
    for hostile in ("", " ", "---", "a" * 5000, "\u202ebidi - x", "<b>x</b> - y", "x\u0000"[:1], "🎤 - 🎵", ".mp4"):
        assert still.post("parse", {"filename": hostile}).status == 200, hostile
