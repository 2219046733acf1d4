"""One decision about many songs over HTTP against the real daemon: the preview is what is then done."""
import http.client
import sqlite3
import threading

import pytest

from conftest import started, wait_for
from fake.catalogue import Catalogue, Song
from fake.providers import FakeProviders


def preview(d, **body):
    answer = d.post("bulk", {**body, "preview": True})
    assert answer.status == 200, answer.body
    return answer.json


def do(d, fingerprint, **body):
    return d.post("bulk", {**body, "fingerprint": fingerprint})


def values(song):
    return {k: song[k] for k in ("artist", "title", "year", "genre")}


def everything(d):
    return {s["id"]: s for s in d.songs_list()}


def test_verify_does_what_the_preview_showed_as_one_undo(still):
    started(still, "ABBA - Waterloo.mp4", "Toto - Africa.mp4", "Track 9.mp4", "Nena - Leuchtturm.mp4")
    before = everything(still)
    least = min(s["confidence"] for s in before.values())
    want = {"filter": {"min_confidence": round(least + 0.01, 2), "source": "name"}, "action": "verify"}
    still.patch(1, verified=True)                                     # a person's song is left alone
    shown = preview(still, **want)
    ids = [row["song"]["id"] for row in shown["songs"]]
    assert shown["count"] == len(ids) and 1 not in ids and ids
    done = do(still, shown["fingerprint"], **want)
    assert done.status == 200 and done.json["count"] == len(ids)
    after = everything(still)
    for song_id, song in after.items():
        assert (song["metadata_status"] == "manual") == (song_id in ids or song_id == 1)
    for row in shown["songs"]:
        assert {k: row["after"][k] for k in ("artist", "title", "year", "genre")} == values(after[row["song"]["id"]])
    assert {c["batch"] for c in still.get("changes?batch=%d" % done.json["batch"])["changes"]} == {done.json["batch"]}
    assert sorted(still.post("undo", {"batch": done.json["batch"]}).json["song_ids"]) == ids
    assert {i: s["metadata_status"] for i, s in everything(still).items() if i != 1} == {i: s["metadata_status"] for i, s in before.items() if i != 1}


def test_a_preview_that_is_not_true_any_more_is_refused(still):
    started(still, "ABBA - Waterloo.mp4", "Toto - Africa.mp4")
    want = {"filter": {}, "action": "verify"}
    shown = preview(still, **want)
    still.patch(2, genre="Rock")
    refused = do(still, shown["fingerprint"], **want)
    assert (refused.status, refused.json["code"]) == (409, "changed")
    assert all(s["metadata_status"] == "parsed" for s in still.songs_list())
    assert do(still, preview(still, **want)["fingerprint"], **{**want, "action": "swap"}).status == 409
    still.add_song("New - Comer.mp4")
    shown = preview(still, **want)
    still.post("scan")
    still.wait_listed(3)
    assert do(still, shown["fingerprint"], **want).status == 409
    again = preview(still, **want)
    assert again["count"] == 3 and do(still, again["fingerprint"], **want).status == 200
    assert do(still, again["fingerprint"], **want).status == 409


def test_accept_takes_the_best_candidate_of_the_named_provider(still, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(still, "Queen - Innuendo.mp4", "ABBA - Dancing Queen.mp4", "Nobody - Knows This.mp4")
    still.post("worker/start")
    still.wait_done()
    still.post("worker/pause")
    best = {}
    for song_id in everything(still):
        rows = [r for r in still.get("songs/%d/suggestions?limit=20" % song_id)["suggestions"] if r["source"] == "musicbrainz" and r["score"] >= 0.9]
        if rows:
            best[song_id] = rows[0]
    want = {"filter": {}, "action": "accept", "source": "musicbrainz", "min_score": 0.9}
    shown = preview(still, **want)
    assert {row["song"]["id"]: row["after"]["candidate"] for row in shown["songs"]} == {i: r["id"] for i, r in best.items()} and best
    assert do(still, shown["fingerprint"], **want).json["count"] == len(best)
    after = everything(still)
    for row in shown["songs"]:
        assert {k: row["after"][k] for k in ("artist", "title", "year", "genre")} == values(after[row["song"]["id"]])
        assert after[row["song"]["id"]]["reason"] == "accepted"
    assert still.post("bulk", {"filter": {}, "action": "verify", "source": "lastfm", "preview": True}).status == 422


def test_swap_turns_names_round_and_requeue_asks_again(still):
    started(still, "ABBA - Waterloo.mp4", "Track 9.mp4")
    before = everything(still)
    want = {"filter": {}, "action": "swap"}
    shown = preview(still, **want)
    assert [row["song"]["id"] for row in shown["songs"]] == [i for i, s in before.items() if s["artist"] and s["title"]]
    assert do(still, shown["fingerprint"], **want).status == 200
    song = still.song("Waterloo.mp4")
    assert (song["artist"], song["title"]) == (before[song["id"]]["title"], before[song["id"]]["artist"])
    want = {"filter": {}, "action": "requeue"}
    done = do(still, preview(still, **want)["fingerprint"], **want).json
    assert (done["count"], done["queued"] + done["already"], done["batch"]) == (2, 2, None)


def test_the_preview_is_paged_and_counts_everything(still):
    started(still, *["Band %02d - Tune %02d.mp4" % (i, i) for i in range(23)])
    seen, after, marks = [], None, set()
    while True:
        page = preview(still, filter={}, action="verify", limit=5, **({"after": after} if after else {}))
        assert page["count"] == 23 and len(page["songs"]) <= 5
        marks.add(page["fingerprint"])
        seen += [row["song"]["id"] for row in page["songs"]]
        after = page["next"]
        if after is None:
            break
    assert seen == sorted(everything(still)) and len(marks) == 1


@pytest.mark.parametrize("body", [{}, {"filter": {}}, {"filter": {}, "action": "delete", "preview": True}, {"filter": {}, "action": "verify"},
                                  {"filter": {"colour": 1}, "action": "verify", "preview": True}, {"filter": [], "action": "verify", "preview": True},
                                  {"filter": {}, "action": "verify", "fingerprint": "abc"}, {"filter": {}, "action": "accept", "source": "nobody", "preview": True},
                                  {"filter": {}, "action": "accept", "min_score": 2, "preview": True}, {"filter": {"limit": 3}, "action": "verify", "preview": True}])
def test_a_bulk_change_says_what_it_wants(still, body):
    still.start()
    assert still.post("bulk", body).status == 422


def test_people_and_the_worker_may_write_while_it_runs(make_daemon):
    """2,000 songs are verified while others are edited: whatever the answer, it is all of the preview or nothing."""
    count = 2000
    known = FakeProviders(Catalogue([]), limits=False).start()
    try:
        d = make_daemon(fake=known, args=["--set", "enrichment.autostart=no"])
        started(d, *["Band %04d - Tune %04d.mp4" % (i, i) for i in range(count)])
        want = {"filter": {}, "action": "verify"}
        for attempt in range(3):
            shown = preview(d, **want)
            assert shown["count"] == count
            answers = []
            thread = threading.Thread(target=lambda: answers.append(do(d, shown["fingerprint"], **want)))
            thread.start()
            if attempt < 2:
                d.patch(count - attempt, genre="Meanwhile %d" % attempt)
            thread.join()
            manual = d.get("progress")["by_status"]["manual"]
            if answers[0].status == 200:
                assert manual == count
                assert d.post("undo", {"batch": answers[0].json["batch"]}).status in (200, 409)
                if d.get("progress")["by_status"]["manual"]:
                    d.post("undo", {"since": "2020-01-01", "actor": "person"})
            else:
                assert (answers[0].status, answers[0].json["code"], manual) == (409, "changed", 0)
        assert d.get("worklist")["total"] == count
    finally:
        known.stop()


MANY = 4000


def quietly(call, *args):
    try:
        return call(*args)
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_bulk_change_that_is_cut_off_is_taken_back_at_the_next_start(still, end):
    """All of the preview is done or nothing, also when the process is killed or told to end in the middle of it."""
    started(still, *["Band %04d - Tune %04d.mp4" % (i, i) for i in range(MANY)])
    want = {"filter": {}, "action": "verify"}
    cut = 0
    for attempt in range(4):
        before = {s["id"]: values(s) for s in still.songs_list()}
        shown, answers = preview(still, **want), []
        assert shown["count"] == MANY

        thread = threading.Thread(target=lambda: answers.append(quietly(lambda: do(still, shown["fingerprint"], **want))))
        thread.start()
        wait_for(lambda: answers or still.get("progress")["by_status"]["manual"] > 0, "its beginning")
        still.kill() if end == "kill" else still.stop()
        thread.join()
        db = sqlite3.connect(still.database)
        left = db.execute("SELECT count(*) FROM songs WHERE metadata_status = 'manual'").fetchone()[0]
        db.close()
        answered = answers[0] and answers[0].status == 200
        assert left or not answered
        cut += 0 < left < MANY
        still.start()
        progress = still.get("progress")
        done = progress["by_status"]["manual"]
        if answered:
            assert done == MANY                        # nothing acknowledged is lost
        assert done in (0, MANY), "half of it is done"
        if 0 < left < MANY:
            assert done == 0 and "was cut off when the last run ended" in still.log
            assert progress["queue_remaining"] == MANY
        if done == MANY:
            still.post("undo", {"since": "2020-01-01", "actor": "person"})
        assert {s["id"]: values(s) for s in still.songs_list()} == before
        if cut:
            break
    assert cut, "it was never in the middle: the test showed nothing"
    still.stop()
    still.start()
    assert "was cut off" not in still.log              # once is enough
    assert do(still, preview(still, **want)["fingerprint"], **want).status == 200
    still.stop()
    still.start()
    assert still.get("progress")["by_status"]["manual"] == MANY


def test_an_undo_that_is_cut_off_is_finished_by_the_same_request(still):
    started(still, *["Band %04d - Tune %04d.mp4" % (i, i) for i in range(MANY)])
    want, cut = {"filter": {}, "action": "verify"}, 0
    for attempt in range(4):
        batch = do(still, preview(still, **want)["fingerprint"], **want).json["batch"]
        thread = threading.Thread(target=lambda: quietly(still.post, "undo", {"batch": batch}))
        thread.start()
        wait_for(lambda: still.get("progress")["by_status"]["manual"] < MANY, "its beginning")
        still.kill()
        thread.join()
        still.start()
        left = still.get("progress")["by_status"]["manual"]
        if left:
            assert still.post("undo", {"batch": batch}).json["count"] == left
        assert still.get("progress")["by_status"]["manual"] == 0
        cut += 0 < left < MANY
        if cut:
            break
    assert cut, "it was never in the middle: the test showed nothing"


def test_a_bulk_change_that_fails_in_the_middle_is_taken_back_at_once(still):
    started(still, *["Band %04d - Tune %04d.mp4" % (i, i) for i in range(450)])
    before = everything(still)
    db = sqlite3.connect(still.database, timeout=60)
    db.execute("CREATE TRIGGER broken BEFORE UPDATE OF metadata_status ON songs WHEN new.id = 333 AND new.metadata_status = 'manual'"
               " BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END")
    want = {"filter": {}, "action": "verify"}
    shown = preview(still, **want)
    failed = do(still, shown["fingerprint"], **want)
    assert failed.status >= 500, failed.body
    assert still.get("progress")["by_status"]["manual"] == 0
    assert {i: values(s) for i, s in everything(still).items()} == {i: values(s) for i, s in before.items()}
    db.execute("DROP TRIGGER broken")
    db.close()
    assert do(still, preview(still, **want)["fingerprint"], **want).status == 200
    still.stop()
    still.start()
    assert still.get("progress")["by_status"]["manual"] == 450 and "was cut off" not in still.log
