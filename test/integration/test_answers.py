"""Answers of providers carried from one songbookd to another."""
import json
import subprocess

from conftest import BUILD, clean_environment

CTL = str(BUILD / "songbookctl")
NAMES = ("ABBA - Dancing Queen.mp3", "Queen - Bohemian Rhapsody.mp3", "Nobody - Knows This One.mp3")


def ctl(daemon, *args, given=None):
    done = subprocess.run([CTL, "--socket", str(daemon.socket), *args], capture_output=True, text=True, input=given, env=clean_environment())
    assert "runtime error" not in done.stderr and "ERROR: " not in done.stderr
    return done


def worked(make_daemon, fake, name):
    d = make_daemon(name, fake=fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    for song in NAMES:
        d.add_song(song)
    return d


def outcome(d):
    return {(s["artist"], s["title"], s["year"], s["genre"], s["metadata_status"]) for s in d.songs_list()}


def test_second_machine_asks_nothing_again(make_daemon, fake, tmp_path):
    first = worked(make_daemon, fake, "first")
    first.start()
    first.wait_done()
    done = ctl(first, "answers", "export", str(tmp_path / "answers"))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "answers").read_text().splitlines()]
    assert lines[0] == {"songbookd": "answers", "format": 1} and len(lines) > 3
    assert "mp3" not in (tmp_path / "answers").read_text()
    second = worked(make_daemon, fake, "second")
    second.start("--set", "enrichment.autostart=no")
    second.wait_listed(3)
    done = ctl(second, "answers", "import", str(tmp_path / "answers"))
    assert done.returncode == 0 and "%d answers taken" % (len(lines) - 1) in done.stderr, done.stderr
    before = {n: p["requests"] for n, p in first.get("progress")["providers"].items()}
    assert sum(before.values()) > 0
    arrived = {n: len(times) for n, times in fake.arrivals.items()}
    assert arrived["lastfm"] and arrived["musicbrainz"] and arrived["listenbrainz"]
    second.post("worker/start")
    second.wait_done()
    assert {n: len(times) for n, times in fake.arrivals.items()} == arrived, "the services were asked again"
    asked = {n: p["requests"] for n, p in second.get("progress")["providers"].items()}
    assert sum(asked.values()) == 0, asked
    assert outcome(second) == outcome(first)


def test_answers_come_in_pages_and_all_of_them(make_daemon, fake):
    d = worked(make_daemon, fake, "d")
    d.start()
    d.wait_done()
    whole = d.get("answers?limit=500")
    assert whole["next"] is None
    found, cursor = [], ""
    while cursor is not None:
        page = d.get("answers?limit=1" + ("&cursor=" + percent(cursor) if cursor else ""))
        found += page["answers"]
        cursor = page["next"]
    assert found == whole["answers"] and len(found) >= 3
    assert d.request("GET", "answers?cursor=nonsense").status == 422
    assert d.request("GET", "answers?limit=0").status == 422


def percent(text):
    import urllib.parse
    return urllib.parse.quote(text, safe="")


def answer(**changes):
    one = {"provider": "lastfm", "artist": "abba", "title": "dancingqueen", "at": "2026-01-31T12:00:00Z",
           "candidates": [{"artist": "ABBA", "title": "Dancing Queen", "genres": ["pop"], "year": 0}]}
    return {**one, **changes}


def test_newer_answer_counts_and_an_older_one_is_left(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    assert daemon.post("answers", {"answers": [answer()]}).json == {"stored": 1, "kept": 0}
    assert daemon.post("answers", {"answers": [answer(candidates=None)]}).json == {"stored": 0, "kept": 1}
    assert daemon.post("answers", {"answers": [answer(at="2025-01-31T12:00:00Z", candidates=None)]}).json == {"stored": 0, "kept": 1}
    assert daemon.get("answers")["answers"][0]["candidates"]
    assert daemon.post("answers", {"answers": [answer(at="2026-02-01T12:00:00Z", candidates=None)]}).json == {"stored": 1, "kept": 0}
    assert daemon.get("answers")["answers"][0]["candidates"] is None


def test_answer_from_the_future_counts_as_now(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    assert daemon.post("answers", {"answers": [answer(at="2099-01-01T00:00:00Z")]}).status == 200
    assert daemon.get("answers")["answers"][0]["at"] < "2099"


def test_nonsense_is_refused_as_a_whole(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    for bad in ({"provider": "nobody"}, {"artist": "ABBA"}, {"artist": "a\x1fb"}, {"title": 7}, {"at": "yesterday"}, {"candidates": "x"},
                {"artist": "a" * 3000}):
        got = daemon.post("answers", {"answers": [answer(title="fine"), answer(**bad)]}, )
        assert got.status == 422, (bad, got.body)
        assert got.json["errors"][0]["pointer"] == "/answers/1", got.body
    assert daemon.get("answers")["answers"] == []
    assert daemon.request("GET", "answers?bogus=1").json["errors"][0]["parameter"] == "bogus"
    assert daemon.post("answers", {"answers": [{}] * 501}).status == 422
    assert daemon.post("answers", {"answers": {}}).status == 422


def test_import_of_another_file_says_so(daemon, tmp_path):
    daemon.start("--set", "enrichment.autostart=no")
    done = ctl(daemon, "answers", "import", given='{"a":1}\n')
    assert done.returncode == 1 and "answers export" in done.stderr
    done = ctl(daemon, "answers", "import", given='{"songbookd":"answers","format":1}\n{"provider":"nobody"}\n')
    assert done.returncode == 1 and "line 2" in done.stderr
    assert ctl(daemon, "answers", "import", str(tmp_path / "none")).returncode == 1
    assert ctl(daemon, "answers", "carry").returncode == 2


def test_many_answers_go_in_several_requests(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    lines = ['{"songbookd":"answers","format":1}'] + [json.dumps(answer(title="song%d" % i)) for i in range(1000)]
    done = ctl(daemon, "answers", "import", given="\n".join(lines) + "\n")
    assert done.returncode == 0 and "1000 answers taken" in done.stderr
    out = ctl(daemon, "answers", "export")
    assert len(out.stdout.splitlines()) == 1001
    again = ctl(daemon, "answers", "import", given=out.stdout)
    assert "0 answers taken, 1000 known already" in again.stderr
