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


def test_without_pikaraoke_nothing_is_said_of_it(daemon, visit):
    daemon.add_song("Artist A00 - Song number 00.mp4")
    daemon.args += ["--pikaraoke-db", "none"]
    daemon.start()
    b = visit()
    wait_for(lambda: "1 of 1 songs" in b.text("main"), "the song to be done")
    assert "PiKaraoke" not in b.text("main")
