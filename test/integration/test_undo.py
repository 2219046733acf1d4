"""The way back over HTTP against the real daemon: one song, a batch, all of somebody since a time, everything."""
import random
import sqlite3
import time

import pytest

from conftest import started, wait_for
from fake.catalogue import Song

VISIBLE = ("artist", "title", "variant", "year", "genre", "confidence", "label", "metadata_status", "reason", "source", "locked")


def seen(d):
    return {s["id"]: {k: s[k] for k in VISIBLE} for s in d.songs_list("presence=all")}


def latest(d, song_id):
    return d.get("changes?song_id=%d&limit=1" % song_id)["changes"][0]


def undo(d, **body):
    answer = d.post("undo", body)
    assert answer.status == 200, answer.body
    return answer.json


def now_of(d):
    """The daemon's wall clock lies in whole seconds behind its own: the next second is after everything so far."""
    last = d.get("changes?limit=1")["changes"]
    moment = time.gmtime(time.time() + 1)
    wait_for(lambda: time.gmtime() >= moment, "the next second")
    assert last is not None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)


def test_one_song_of_a_batch_and_by_one_of_its_changes(still):
    started(still, "ABBA - Waterloo.mp4", "Toto - Africa.mp4", "Nena - Leuchtturm.mp4")
    before = seen(still)
    done = still.post("bulk", {"filter": {}, "action": "verify", "preview": True}).json
    batch = still.post("bulk", {"filter": {}, "action": "verify", "fingerprint": done["fingerprint"]}).json["batch"]
    assert {s["metadata_status"] for s in still.songs_list()} == {"manual"}
    assert undo(still, batch=batch, song_id=2)["song_ids"] == [2]
    assert seen(still)[2] == before[2]
    change = latest(still, 3)
    assert undo(still, change=change["id"])["song_ids"] == [3]
    assert seen(still)[3] == before[3] and still.get("songs/1")["metadata_status"] == "manual"
    assert undo(still, batch=batch)["song_ids"] == [1]
    assert seen(still) == before
    assert still.post("undo", {"batch": batch}).status == 409
    assert still.post("undo", {"batch": batch, "song_id": 99}).status == 404
    assert still.post("undo", {"change": 99999}).status == 404


def test_all_of_one_source_since_a_time(still, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(still, "Queen - Innuendo.mp4", "ABBA - Dancing Queen.mp4", "Oasis - Wonderwall.mp4")
    before = seen(still)
    still.post("worker/start")
    still.wait_done()
    still.post("worker/pause")
    enriched = seen(still)
    assert all(v["metadata_status"] == "enriched" for v in enriched.values())
    still.patch(2, genre="My own")
    result = undo(still, actor="worker", since="2020-01-01")
    assert result["count"] == 3 and result["batch"] is None
    after = seen(still)
    for song_id in (1, 3):
        assert after[song_id] == before[song_id]
    assert after[2]["genre"] == "My own" and after[2]["locked"] == ["genre"]        # a person's word stays
    assert (after[2]["metadata_status"], after[2]["year"]) == ("parsed", None)
    assert undo(still, actor="worker", since="2020-01-01")["count"] == 0
    undo(still, batch=result["undo_batch"])                                         # and the undo can be undone
    again = seen(still)
    assert again[1] == enriched[1] and again[3] == enriched[3]


def test_what_was_before_the_time_stays(still):
    started(still, "ABBA - Waterloo.mp4")
    still.patch(1, artist="First", genre="Pop")
    moment = now_of(still)
    middle = seen(still)
    still.patch(1, artist="Second")
    still.patch(1, artist="Third", year=1999)
    assert undo(still, actor="person", since=moment)["song_ids"] == [1]
    assert seen(still) == middle


def test_a_source_is_told_from_another(still, fake):
    started(still, "ABBA - Dancing Queen.mp4", "Oasis - Wonderwall.mp4")
    still.post("worker/start")
    still.wait_done()
    still.post("worker/pause")
    sources = {c["source"] for c in still.get("changes?limit=500")["changes"] if c["actor"] == "worker"}
    assert sources and sources <= {"lastfm", "musicbrainz", "listenbrainz", None}
    before = seen(still)
    assert undo(still, source="nobody", since="2020-01-01")["count"] == 0
    assert seen(still) == before
    for source in sources - {None}:
        page = still.get("changes?limit=500&actor=worker&source=" + source)["changes"]
        assert page and {c["source"] for c in page} == {source}


def test_the_log_is_filtered(still):
    started(still, "ABBA - Waterloo.mp4", "Toto - Africa.mp4")
    still.patch(1, genre="Pop")
    moment = now_of(still)
    still.patch(2, genre="Rock")
    assert {c["song_id"] for c in still.get("changes?since=" + moment)["changes"]} == {2}
    batch = latest(still, 2)["batch"]
    assert {c["batch"] for c in still.get("changes?batch=%d" % batch)["changes"]} == {batch}
    assert still.get("changes?actor=scan")["changes"] == []
    assert still.request("GET", "changes?actor=nobody").status == 422
    assert still.request("GET", "changes?since=soon").status == 422
    assert still.request("GET", "changes?colour=red").status == 422


@pytest.mark.parametrize("body", [{}, {"batch": 1, "change": 2}, {"since": "soon"}, {"actor": "worker"}, {"since": "2020-01-01", "actor": "god"}, {"since": "2020-01-01", "actor": "scan"},
                                  {"batch": "one"}, {"change": 0}, {"song_id": 1}, {"since": "2020-01-01", "source": 7}])
def test_an_undo_says_what_it_wants(still, body):
    still.start()
    assert still.post("undo", body).status == 422


def test_undoing_everything_gives_back_what_the_names_said(still, fake):
    """A random life: edits, locks, verdicts, the worker, bulk changes, undos and redos; then all of it is taken back."""
    dice = random.Random(5)
    for artist, title, year in (("Queen", "Innuendo", 1991), ("Toto", "Africa", 1982), ("Nena", "Leuchtturm", 1983)):
        fake.catalogue.add(Song(artist, title, year, ["pop"]))
    started(still, "Queen - Innuendo.mp4", "Toto - Africa (Live).mp4", "Nena - Leuchtturm.mp4", "ABBA - Dancing Queen.mp4", "Nobody - Knows This.mp4",
            "Track 9.mp4")
    before = seen(still)
    still.post("worker/start")
    for _ in range(60):
        song = dice.choice(list(before))
        what = dice.randrange(8)
        if what == 0:
            still.patch(song, artist="Artist %d" % dice.randrange(5))
        elif what == 1:
            still.patch(song, genre=dice.choice(["Pop", "Rock", None]), year=dice.choice([1980, 1990, None]))
        elif what == 2:
            still.patch(song, verified=True)
        elif what == 3:
            still.patch(song, **{dice.choice(["lock", "unlock"]): ["year", "variant"]})
        elif what == 4:
            rows = still.get("songs/%d/suggestions" % song)["suggestions"]
            if rows:
                still.post("songs/%d/%s" % (song, dice.choice(["accept", "reject"])), {"candidate": dice.choice(rows)["id"]})
        elif what == 5:
            changes = still.get("changes?limit=20&song_id=%d" % song)["changes"]
            if changes:
                still.post("undo", {"batch": dice.choice(changes)["batch"]})       # refused where a later change stands on it
        elif what == 6:
            still.post("songs/%d/requeue" % song)
        else:
            action = {"filter": {"below": 0.9}, "action": dice.choice(["verify", "swap"])}
            preview = still.post("bulk", {**action, "preview": True}).json
            still.post("bulk", {**action, "fingerprint": preview["fingerprint"]})
    still.wait_done()
    still.post("worker/pause")
    wait_for(lambda: all(p["in_flight"] == 0 for p in still.get("progress")["providers"].values()), "answers under way")
    assert seen(still) != before
    lived = seen(still)
    result = undo(still, since="2020-01-01")
    assert seen(still) == before
    undo(still, batch=result["undo_batch"])
    assert seen(still) == lived
    undo(still, since="2020-01-01")
    assert seen(still) == before


def test_a_large_batch_is_taken_back_in_steps_or_not_at_all(still):
    count = 450
    started(still, *["Band %03d - Tune %03d.mp4" % (i, i) for i in range(count)])
    before = seen(still)
    preview = still.post("bulk", {"filter": {}, "action": "verify", "preview": True}).json
    assert preview["count"] == count
    batch = still.post("bulk", {"filter": {}, "action": "verify", "fingerprint": preview["fingerprint"]}).json["batch"]
    still.patch(440, artist="Changed since")
    assert still.post("undo", {"batch": batch}).status == 409
    assert still.get("songs/1")["metadata_status"] == "manual"                    # nothing was done
    undo(still, batch=latest(still, 440)["batch"])
    result = undo(still, batch=batch)
    assert (result["count"], result["kept"], len(result["song_ids"])) == (count, 0, count)
    assert seen(still) == before
    db = sqlite3.connect(still.database)
    assert db.execute("SELECT count(DISTINCT batch) FROM changes WHERE source = 'undo' AND undoes = ?", (batch,)).fetchone() == (1,)
    db.close()


def test_the_workers_old_changes_are_forgotten_and_persons_stay(still, fake):
    started(still, "ABBA - Dancing Queen.mp4")
    still.post("worker/start")
    still.wait_done()
    still.patch(1, genre="Mine")
    still.stop()
    db = sqlite3.connect(still.database)
    keep = db.execute("SELECT sql FROM sqlite_master WHERE name = 'changes_stay'").fetchone()[0]
    db.execute("DROP TRIGGER changes_stay")
    db.execute("UPDATE changes SET at_ms = at_ms - 366 * 24 * 3600 * 1000")
    db.execute(keep)
    assert {a for a, in db.execute("SELECT DISTINCT actor FROM changes")} == {"person", "worker"}
    db.commit()
    db.close()
    still.start()
    wait_for(lambda: {c["actor"] for c in still.get("changes?limit=500")["changes"]} == {"person"}, "old changes to be forgotten")
    assert still.get("songs/1")["genre"] == "Mine"
