"""From a folder of karaoke files to a clean songbook, and what must not harm it."""
import os
import sqlite3
import time

from conftest import wait_for


def fill(d):
    d.add_song("ABBA - Dancing Queen (Karaoke Version)---aBcDeFgHi01.mp4")
    d.add_song("Bohemian Rhapsody in the style of Queen karaoke [aBcDeFgHi02].mp4")
    d.add_song("Wonderwall - Oasis (Karaoke).mp4")
    d.add_song("Nobody Knows - This One Song (Karaoke).mp4")
    d.add_song("pair.mp3")
    d.add_song("pair.cdg")
    return 5


def test_every_song_gets_names_year_and_genre(daemon, fake):
    count = fill(daemon)
    daemon.start()
    progress = daemon.wait_done()
    assert progress["total"] == count
    song = daemon.song("Dancing Queen")
    assert (song["artist"], song["title"], song["year"], song["genre"]) == ("ABBA", "Dancing Queen", 1976, "Pop")
    assert song["genre_group"] == "Pop"
    assert song["metadata_status"] == "enriched" and song["confidence"] >= 0.90
    assert song["youtube_id"] == "aBcDeFgHi01"
    swapped = daemon.song("Wonderwall")
    assert (swapped["artist"], swapped["title"]) == ("Oasis", "Wonderwall")


def test_a_song_nobody_knows_keeps_its_parsed_values(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    song = daemon.song("This One Song")
    assert song["metadata_status"] == "enrichment_failed" and song["reason"] == "not_found"
    assert {song["artist"], song["title"]} == {"Nobody Knows", "This One Song"}
    assert 0.40 <= song["confidence"] < 0.85


def test_the_year_is_the_first_release_not_the_reissue(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    assert daemon.song("Bohemian")["year"] == 1975


def test_pair_of_mp3_and_cdg_is_one_song(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    assert daemon.song("/pair.mp3")["format"] == "cdg"


def test_songs_are_listed_without_any_network(make_daemon):
    d = make_daemon(args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.url=http://127.0.0.1:9/ws/2"])
    fill(d)
    d.start()
    d.wait_listed(5)
    song = d.song("Dancing Queen")
    assert song["metadata_status"] == "parsed" and song["title"]
    wait_for(lambda: d.get("progress")["offline"], "the daemon to notice that it is offline")
    assert d.get("progress")["queue_remaining"] == 5
    assert d.song("Dancing Queen")["enrichment_attempts"] == 0


def test_a_restart_goes_on_where_it_was(daemon, fake):
    for i in range(40):
        daemon.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
    fake.catalogue.any_share = 1.0
    daemon.args += ["--set", "musicbrainz.rate=20"]
    daemon.start()
    wait_for(lambda: 3 < daemon.get("progress")["total_processed"], "some songs to be done")
    done = daemon.get("progress")["total_processed"]
    daemon.kill()
    asked_before = fake.requests("musicbrainz")
    daemon.start()
    daemon.wait_done()
    songs = daemon.songs_list()
    assert len(songs) == 40 and all(s["metadata_status"] == "enriched" for s in songs)
    # what was done is not asked again, apart from what was in flight
    assert fake.requests("musicbrainz") - asked_before <= 40 - done + 4


def test_a_second_run_asks_nothing_again(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    daemon.stop()
    before = fake.requests("lastfm") + fake.requests("musicbrainz")
    daemon.start()
    daemon.wait_done()
    assert fake.requests("lastfm") + fake.requests("musicbrainz") == before


def test_a_manual_edit_survives_enrichment_and_restart(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_listed(5)
    song = daemon.song("Dancing Queen")
    answer = wait_for(lambda: (a := daemon.patch(song["id"], artist="My Band", title="My Title")).status != 412 and a,
                      "a moment between two answers of providers")
    assert answer.status == 200
    assert answer.json["metadata_status"] == "manual" and answer.json["confidence"] == 1.0
    daemon.post("songs/%d/requeue" % song["id"])
    daemon.wait_done()
    daemon.kill()
    daemon.start()
    daemon.wait_done()
    song = daemon.song("Dancing Queen")
    assert (song["artist"], song["title"], song["metadata_status"]) == ("My Band", "My Title", "manual")


def test_pause_stops_requests_and_survives_a_restart(daemon, fake):
    for i in range(60):
        daemon.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
    daemon.args += ["--set", "lastfm.rate=20", "--set", "musicbrainz.rate=20"]
    daemon.start()
    wait_for(lambda: fake.requests("lastfm") > 3, "requests")
    assert daemon.post("worker/pause").json == {"changed": True, "state": "paused"}
    wait_for(lambda: all(p["in_flight"] == 0 for p in daemon.get("progress")["providers"].values()), "answers under way")
    seen = fake.requests("lastfm") + fake.requests("musicbrainz")
    daemon.stop()
    daemon.start()
    daemon.wait_listed(60)
    assert daemon.get("progress")["state"] == "paused"
    assert fake.requests("lastfm") + fake.requests("musicbrainz") == seen
    assert daemon.post("worker/resume").json == {"changed": True, "state": "running"}
    daemon.wait_done()


def test_a_moved_file_keeps_its_song(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    song = daemon.song("Dancing Queen")
    daemon.patch(song["id"], genre="Disco")
    old = song["file_path"]
    new = old.replace("/songs/", "/songs/sub/")
    os.mkdir(os.path.dirname(new))
    os.rename(old, new)
    daemon.post("scan")
    wait_for(lambda: daemon.get("songs/%d" % song["id"])["file_path"] == new, "the move to be seen")
    assert daemon.get("songs/%d" % song["id"])["genre"] == "Disco"
    assert len(daemon.songs_list()) == 5


def test_a_missing_file_is_absent_never_deleted(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    song = daemon.song("This One Song")
    os.remove(song["file_path"])
    daemon.post("scan")
    wait_for(lambda: daemon.get("progress")["total"] == 4, "the song to be absent")
    assert daemon.get("songs/%d" % song["id"])["present"] is False


def test_more_than_half_missing_changes_nothing_and_says_so(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    for song in daemon.songs_list()[:4]:
        os.remove(song["file_path"])
    daemon.post("scan")
    wait_for(lambda: daemon.get("scan")["problem"], "the scan to say what is wrong")
    assert daemon.get("progress")["total"] == 5


def test_a_new_file_is_listed_and_asked_first(daemon, fake):
    for i in range(600):
        daemon.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
    daemon.args += ["--set", "lastfm.rate=8", "--set", "musicbrainz.rate=8"]
    daemon.start()
    daemon.wait_listed(600)
    daemon.add_song("Adele - Rolling in the Deep (Karaoke).mp4", age=3)
    wait_for(lambda: any("Rolling" in s["file_path"] for s in daemon.songs_list()), "the new file to be listed")
    wait_for(lambda: daemon.song("Rolling")["metadata_status"] == "enriched", "the new song to be asked first")
    assert daemon.get("progress")["queue_remaining"] > 50


def test_names_that_are_hostile_are_listed_and_escaped(daemon, fake):
    names = [b"new\nline - song.mp4", b'quote" <b>markup<\\b> & - x.mp4', b"bad \xff\xfe utf8 - y.mp4", b"\xe2\x80\xae bidi - z.mp4",
             b"n" * 251 + b".mp4", b"tab\there - a.mp4", b"esc \x1b[31m - b.mp4"]
    for name in names:
        daemon.add_song(name)
    daemon.start()
    daemon.wait_done()
    songs = daemon.songs_list()
    assert len(songs) == len(names)
    from urllib.parse import unquote_to_bytes
    assert {os.path.basename(unquote_to_bytes(s["file_uri"][7:])) for s in songs} == set(names)
    for line in daemon.log.splitlines():
        assert "\x1b" not in line and (line[:4].isdigit() or not line), line


def test_once_works_until_the_queue_is_empty(daemon, fake):
    fill(daemon)
    daemon.start("--once", ready=False)
    assert daemon.wait() == 3, daemon.log      # one song is known to nobody
    db = sqlite3.connect(daemon.database)
    assert db.execute("SELECT count(*) FROM enrichment_queue").fetchone() == (0,)
    assert db.execute("SELECT count(*) FROM songs WHERE metadata_status = 'enriched'").fetchone()[0] >= 3


def test_once_with_everything_known_exits_0(daemon, fake):
    daemon.add_song("ABBA - Dancing Queen (Karaoke).mp4")
    daemon.start("--once", ready=False)
    assert daemon.wait() == 0, daemon.log


def test_once_that_cannot_advance_exits_75_and_keeps_the_queue(make_daemon):
    d = make_daemon(args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.url=http://127.0.0.1:9/ws/2"])
    fill(d)
    d.start("--once", "--wait", "1", ready=False)
    assert d.wait() == 75, d.log
    db = sqlite3.connect(d.database)
    assert db.execute("SELECT count(*) FROM enrichment_queue").fetchone() == (5,)


def test_once_waits_for_a_young_file(daemon, fake):
    daemon.add_song("ABBA - Dancing Queen (Karaoke).mp4", age=0)
    daemon.start("--once", ready=False)
    assert daemon.wait() == 0, daemon.log
    db = sqlite3.connect(daemon.database)
    assert db.execute("SELECT count(*) FROM songs").fetchone() == (1,)


def test_events_on_stdout_are_json_lines_in_order(daemon, fake):
    import json
    fill(daemon)
    daemon.start("--once", "--events", "-", ready=False)
    daemon.wait()
    events = [json.loads(line) for line in daemon.stdout.decode().splitlines()]
    assert events[0]["event"] == "hello" and events[-1]["event"] == "shutdown"
    seqs = [e["seq"] for e in events[1:]]
    assert seqs == sorted(seqs) and len(set(seqs)) == len(seqs)
    assert any(e["event"] == "song" and e["song"]["artist"] == "ABBA" for e in events)


def test_event_numbers_never_go_back_after_kill(daemon, fake):
    daemon.add_song("ABBA - Dancing Queen (Karaoke).mp4")
    last = 0
    for _ in range(3):
        daemon.start()
        daemon.wait_done()
        c = daemon.connection()
        c.request("GET", "/api/v1/events?since=%d" % last if last else "/api/v1/events")
        response = c.getresponse()
        import json
        first = json.loads(response.readline())
        assert first["event"] == "hello"
        if last:
            gap = json.loads(response.readline())
            assert gap["event"] == "gap" and gap["seq"] > last
        c.close()
        assert first["seq"] > last
        last = first["seq"]
        daemon.kill()
