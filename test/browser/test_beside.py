"""PiKaraoke on the dashboard: what is followed, the offer to publish, what is held back and why."""
from conftest import wait_for
from fake.pikaraoke import StandIn


def test_publishing_is_offered_switched_and_explained(daemon, visit, tmp_path):
    songs = tmp_path / "pksongs"
    songs.mkdir()
    for i in range(3):
        (songs / ("Artist A%02d - Song number %02d.mp4" % (i, i))).write_bytes(b"x")
    stand_in = StandIn(tmp_path / "pk" / "pikaraoke.db", songs)
    stand_in.scan()
    stand_in.write(("UPDATE songs SET artist = 'Foreign' WHERE id = 1",))
    daemon.args += ["--pikaraoke-db", stand_in.database]
    daemon.folders = []
    daemon.start()
    b = visit()
    wait_for(lambda: "Its song list is followed: 3" in b.text("main"), "the list to be shown")
    assert "can be filled" in b.text("main")
    b.click("[data-publish=on]")
    wait_for(lambda: "Published 2, waiting 0, held back 1" in b.text("main"), "the counts")
    assert "1: artist or title there are somebody else's" in b.text("main")
    assert stand_in.db.execute("SELECT count(*) FROM songs WHERE artist LIKE 'Artist%'").fetchone() == (2,)
    b.click("[data-publish=off]")
    wait_for(lambda: b.one("[data-publish=on]"), "the switch to be off")
    assert daemon.get("pikaraoke")["publish"]["state"] == "off"
    stand_in.close()


def test_what_is_sung_often_comes_first_in_the_review_and_says_so(daemon, visit, tmp_path):
    songs = tmp_path / "pksongs"
    songs.mkdir()
    for n in ("Zebra - Zoo", "Abba - Waterloo", "Toto - Africa"):
        (songs / (n + ".mp4")).write_bytes(b"x")
    stand_in = StandIn(tmp_path / "pk" / "pikaraoke.db", songs)
    stand_in.scan()
    for _ in range(12):
        stand_in.start_song(next(r for r in stand_in.songs() if "Zebra" in r[1]))
        stand_in.end_song()
    daemon.args += ["--pikaraoke-db", stand_in.database, "--set", "enrichment.autostart=no"]
    daemon.folders = []
    daemon.start()
    wait_for(lambda: [s["sung"] for s in daemon.get("songs?q=zebra")["songs"]] == [12], "the plays to be counted")
    b = visit("review?below=1")
    wait_for(lambda: "Zebra" in b.text("#review h2"), "the song that is sung most")
    assert "sung 12 times" in b.text("#review")
    b.click("#review h2 a")
    wait_for(lambda: "sung 12 times" in b.text("main"), "its page to say so, too")
    stand_in.close()


def test_what_pikaraoke_makes_us_wait_for_is_said_in_the_readers_language(daemon, visit, browser, tmp_path):
    (tmp_path / "pk").mkdir()
    (tmp_path / "pk" / "pikaraoke.db").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    daemon.add_song("Artist A00 - Song number 00.mp4")
    daemon.args += ["--pikaraoke-db", tmp_path / "pk" / "pikaraoke.db"]
    daemon.start()
    visit()
    browser.js("localStorage.setItem('songbookd.language', 'de');")
    browser.driver.refresh()
    wait_for(lambda: "Die Datenbank kann nicht benutzt werden." in browser.text("main"), "the German sentence")
    assert "is no SQLite database" in browser.text("main [lang=en]")     # the details, as the service says them


def test_without_pikaraoke_nothing_is_said_of_it(daemon, visit):
    daemon.add_song("Artist A00 - Song number 00.mp4")
    daemon.args += ["--pikaraoke-db", "none"]
    daemon.start()
    b = visit()
    wait_for(lambda: "1 of 1 songs" in b.text("main"), "the song to be done")
    assert "PiKaraoke" not in b.text("main")
