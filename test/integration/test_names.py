"""Names decided by the whole library, through the real daemon and the client."""
import subprocess

import pytest

from conftest import BUILD, wait_for

TITLES = ["Paper Boats", "Velvet Tide", "Amber Sail", "Cold Anchor", "Salt Lantern", "Quiet Pier"]
NAMES = ["%s - Zorvo Kelt.mp4" % t for t in TITLES]


@pytest.fixture
def still(make_daemon, fake):
    """A daemon whose worker waits: what is decided is decided by the names."""
    return make_daemon(fake=fake, args=["--set", "enrichment.autostart=no"])


def song_of(d, title):
    return next((s for s in d.get("songs?limit=500")["songs"] if title in s["file_path"]), None)


def is_judged(d, title):
    song = song_of(d, title)
    return bool(song) and song["artist"] == "Zorvo Kelt" and song["title"] == title and song["confidence"] >= 0.70


def test_songs_of_one_artist_settle_each_others_order(still):
    for name in NAMES:
        still.add_song(name)
    still.start()
    wait_for(lambda: all(is_judged(still, t) for t in TITLES), "the verdict of the library")
    song = song_of(still, TITLES[0])
    assert song["metadata_status"] == "parsed" and song["order_unsure"] is False and song["label"] == "Medium confidence"
    why = still.get("songs/%d/explain" % song["id"])
    assert "stands beside 5 other titles" in str(why)


def test_a_song_that_comes_later_is_settled_by_those_that_were_there(still):
    for name in NAMES[1:]:
        still.add_song(name)
    still.start()
    wait_for(lambda: all(is_judged(still, t) for t in TITLES[1:]), "the verdict of the library")
    still.add_song(NAMES[0])
    still.post("scan")
    wait_for(lambda: is_judged(still, TITLES[0]), "the verdict on the new song")


def test_what_a_person_decided_is_not_judged(still):
    still.add_song(NAMES[0])
    still.start()
    still.wait_listed(1)
    song = song_of(still, TITLES[0])
    still.patch(song["id"], artist=TITLES[0], title="Zorvo Kelt")
    for name in NAMES[1:]:
        still.add_song(name)
    still.post("scan")
    wait_for(lambda: all(is_judged(still, t) for t in TITLES[1:]), "the verdict of the library")
    song = song_of(still, TITLES[0])
    assert (song["artist"], song["title"], song["metadata_status"]) == (TITLES[0], "Zorvo Kelt", "manual")


def test_verdicts_stand_after_a_restart_without_another_write(still):
    for name in NAMES:
        still.add_song(name)
    still.start()
    wait_for(lambda: all(is_judged(still, t) for t in TITLES), "the verdict of the library")
    versions = {s["id"]: s["version"] for s in still.songs_list()}
    still.stop()
    still.start()
    wait_for(lambda: not still.get("scan")["running"] and still.get("scan")["finished_at"], "the scan")
    still.add_song("Last Light - Zorvo Kelt.mp4")
    still.post("scan")
    wait_for(lambda: is_judged(still, "Last Light"), "the verdict on one more")
    later = {s["id"]: s["version"] for s in still.songs_list()}
    assert all(is_judged(still, t) for t in TITLES)
    # the sentence counts partners, so a new song may be told; the values are not written before that
    assert all(later[i] >= v for i, v in versions.items())


def test_parse_lets_names_be_evidence_when_asked_to(still):
    still.start()
    alone = still.post("parse", {"filenames": NAMES, "library": False}).json["results"]
    assert all(g["is_ambiguous"] and g["rule"] == "separator" for g in alone)
    together = still.post("parse", {"filenames": NAMES, "library": True}).json["results"]
    assert [(g["artist"], g["title"], g["rule"]) for g in together] == [("Zorvo Kelt", t, "library") for t in TITLES]
    assert all(g["tidy"] == {"artist_title": "Zorvo Kelt - " + t, "title_artist": t + " - Zorvo Kelt"}
               for g, t in zip(together, TITLES))


def test_two_thousand_names_come_back_in_order_and_do_not_hold_the_loop(still):
    still.start()
    names = ["Tune Number %d - Group of %d (Karaoke).mp4" % (i, i % 97) for i in range(2000)]
    got = still.post("parse", {"filenames": names, "library": True}).json["results"]
    assert [g["title"] for g in got] == ["Tune Number %d" % i for i in range(2000)]
    assert still.post("parse", {"filenames": names + ["one more"]}).status == 422


def test_the_client_reads_a_list_with_and_without_the_library(tmp_path):
    def read(*flags):
        out = subprocess.run([BUILD / "songbookctl", "parse", "--tsv", *flags], input="\n".join(NAMES) + "\n", text=True,
                             capture_output=True, check=True, timeout=300).stdout
        return [line.split("\t") for line in out.splitlines()[1:]]

    assert {row[9] for row in read()} == {"separator"}
    assert [(row[1], row[2], row[9]) for row in read("--library")] == [("Zorvo Kelt", t, "library") for t in TITLES]
