"""songbookctl against the real daemon, through the Unix socket and over TCP, and offline."""
import json
import os
import re
import subprocess
import threading

import pytest

from conftest import BUILD, clean_environment, started, wait_for
from fake.catalogue import Song


class Result:
    def __init__(self, done):
        self.code, self.raw = done.returncode, done.stdout
        self.out, self.err = done.stdout.decode("utf-8", "strict"), done.stderr.decode("utf-8", "strict")
        assert "ERROR: " not in self.err and "runtime error" not in self.err, self.err

    @property
    def json(self):
        return json.loads(self.out)


def run(*args, stdin=b"", env=None):
    return Result(subprocess.run([str(BUILD / "songbookctl"), *map(str, args)], input=stdin, capture_output=True, timeout=300,
                                 env=clean_environment(env)))


@pytest.fixture
def ctl(daemon):
    """Runs songbookctl through the daemon's socket; the worker waits for 'start'."""
    daemon.args += ["--set", "enrichment.autostart=no"]

    def call(*args, code=0, **kw):
        result = run("--socket", daemon.socket, *args, **kw)
        assert result.code == code, (args, result.code, result.out, result.err)
        return result
    return call


def commands():
    text = run("--help").out
    return re.findall(r"^  ([a-z]+) +", text.split("Commands:")[1].split("Options:")[0], re.M)


# --- usage ----------------------------------------------------------------------------------------


def test_help_lists_the_promised_commands_and_fits_a_terminal():
    promised = """status start pause resume stop scan queue songs show explain edit accept reject suggest undo events settings
                  forget parse""".split()
    assert set(promised) <= set(commands())
    assert max(map(len, run("--help").out.splitlines())) <= 80


def test_every_command_has_its_help():
    for name in commands():
        result = run(name, "--help")
        assert result.code == 0 and result.out.startswith("Usage: songbookctl " + name), name
        assert max(map(len, result.out.splitlines())) <= 90


@pytest.mark.parametrize("args", [[], ["dance"], ["--colour"], ["status", "--colour"], ["status", "now"], ["show"], ["show", "one"], ["show", "0"],
                                  ["show", "1", "2"], ["edit", "1"], ["edit", "1", "colour=red"], ["edit", "1", "year=long ago"], ["accept", "1"],
                                  ["queue", "1", "--all"], ["queue", "--priority", "3"], ["songs", "--limit", "0"], ["events", "--since", "x"],
                                  ["settings", "a", "--unset", "b"], ["parse", "a", "b"], ["parse", "--tsv", "--json"], ["--socket"],
                                  ["--socket", "/a", "--url", "http://127.0.0.1:1", "status"], ["--url", "ftp://x", "status"]])
def test_wrong_usage_is_2_with_a_way_to_the_help(args):
    result = run(*args)
    assert result.code == 2 and result.out == ""
    assert result.err.startswith("songbookctl: ") and result.err.count("\n") == 1


def test_no_daemon_is_69(tmp_path):
    for args in (["--socket", tmp_path / "none"], ["--url", "http://127.0.0.1:9"]):
        for command in (["status"], ["songs"], ["events"], ["edit", "1", "artist=A"]):
            result = run(*args, *command)
            assert result.code == 69 and result.out == "" and str(args[1]) in result.err, (args, command, result.err)


# --- each command once ------------------------------------------------------------------------------


def test_status_of_the_worker_and_its_commands(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    shown = ctl("status").out
    assert re.search(r"^worker +stopped$", shown, re.M) and re.search(r"^queue +1$", shown, re.M)
    assert ctl("start").out == "running\n"
    assert ctl("start").out == "running (it was so before)\n"
    daemon.wait_done()
    assert ctl("pause").out == "paused\n"
    assert ctl("resume").out == "running\n"
    assert ctl("stop", "--json").json == {"changed": True, "state": "stopped"}
    assert ctl("status", "--json").json["by_status"]["enriched"] == 1
    assert "songbookd" in ctl("health").out


def test_start_without_a_usable_provider_is_1(make_daemon):
    d = make_daemon(args=["--set", "enrichment.autostart=no", "--set", "musicbrainz.enabled=no", "--set", "lastfm.enabled=no"])
    d.start()
    result = run("--socket", d.socket, "start")
    assert result.code == 1 and result.err.startswith("songbookctl: ")


def test_scan_finds_new_files(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    daemon.add_song("Adele - Rolling in the Deep.mp4")
    assert ctl("scan").code == 0
    daemon.wait_listed(2)
    assert ctl("scan", "--accept-missing", "--json").json == {"started": True}


def test_queue_counts_and_fills(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4", "Adele - Rolling in the Deep.mp4")
    assert ctl("queue").out == "2\n"
    assert ctl("queue", "--json").json == {"queue_remaining": 2}
    assert ctl("queue", "1", "77", "--json").json == {"queued": 0, "already": 1, "unknown": [77]}
    assert ctl("queue", "--all", "--priority", "5", "--json").json["already"] == 2
    assert ctl("queue", "--failed", "--json").json == {"queued": 0, "already": 0, "unknown": []}


def test_songs_are_listed_filtered_and_paged(daemon, ctl):
    started(daemon, *["Band %d - Tune %d.mp4" % (i, i) for i in range(120)])
    rows = ctl("songs", "--limit", "10").out.splitlines()
    assert len(rows) == 11 and rows[0].split()[:2] == ["ID", "CONF"] and max(map(len, rows)) <= 80
    assert len(ctl("songs", "--all").out.splitlines()) == 121
    first = ctl("songs")
    assert len(first.out.splitlines()) == 51 and "--cursor" in first.err
    cursor = first.err.split("'")[1]
    assert len(ctl("songs", "--cursor", cursor, "--all").out.splitlines()) == 71
    assert len(ctl("songs", "--q", "tune 77").out.splitlines()) == 2
    assert len(ctl("songs", "--status", "enriched").out.splitlines()) == 1
    assert len(ctl("songs", "--json", "--limit", "3").json["songs"]) == 3
    refused = ctl("songs", "--status", "good", code=1)
    assert "status" in refused.err and refused.out == ""


def test_songs_takes_the_conditions_of_export(daemon, ctl):
    started(daemon, "ABBA - Waterloo.mp4", "Queen - Innuendo.mp4")
    ctl("edit", "1", "year=1974")
    found = ctl("songs", "decade=1970", "--json").json["songs"]
    assert [s["year"] for s in found] == [1974]
    assert "NAME=VALUE" in ctl("songs", "waterloo", code=2).err
    assert "no such condition" in ctl("songs", "colour=red", code=1).err


def test_show_explain_and_edit(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    assert re.search(r"^title +Dancing Queen$", ctl("show", "1").out, re.M)
    assert "no song 9" in ctl("show", "9", code=1).err
    edited = ctl("edit", "1", "artist=Abba", "year=1976", "genre=", "--json").json
    assert (edited["artist"], edited["year"], edited["genre"], edited["metadata_status"]) == ("Abba", 1976, None, "manual")
    assert "Abba" in ctl("explain", "1").out
    assert ctl("explain", "1", "--json").json["id"] == 1
    assert ctl("edit", "1", "verified=yes").code == 0
    refused = ctl("edit", "1", "title=", code=1)
    assert "/title" in refused.err and "needs a title" in refused.err
    assert "1976" in ctl("changes", "--limit", "10").out
    assert len(ctl("changes", "--limit", "1", "--json").json["changes"]) == 1


def test_edit_that_another_one_overtakes_is_refused_and_told(daemon, ctl):
    """Both read the song before either writes: the one that comes second may not overwrite the first unseen."""
    started(daemon, "ABBA - Dancing Queen.mp4")
    codes = []

    def edit(i):
        codes.append((run("--socket", daemon.socket, "edit", "1", "artist=Artist %d" % i), i))
    for _ in range(3):
        threads = [threading.Thread(target=edit, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert {r.code for r, _ in codes} <= {0, 1} and 0 in {r.code for r, _ in codes}
    for result, _ in codes:
        if result.code == 1:
            assert "changed meanwhile" in result.err
    assert daemon.get("songs/1")["artist"] in {"Artist %d" % i for r, i in codes if r.code == 0}


def test_suggestions_are_listed_taken_and_refused(daemon, ctl, fake):
    fake.catalogue.add(Song("Queen", "Innuendo", 1991, ["rock"]))
    started(daemon, "Queen - Innuendo.mp4")
    assert len(ctl("suggest", "1").out.splitlines()) == 1
    assert "not running" in ctl("suggest", "1", "--ask", code=1).err
    ctl("start")
    assert "Innuendo" in ctl("suggest", "1", "--ask").out
    daemon.wait_done()
    before = daemon.get("songs/1")
    own = ctl("suggest", "1", "artist=Adele", "title=Rolling in the Deep").out.splitlines()
    assert "Adele" in own[1] and daemon.get("songs/1") == before
    assert "'year=1' is none of artist=, title=" in ctl("suggest", "1", "year=1", code=2).err
    assert "title" in ctl("suggest", "1", "artist=Adele", code=1).err
    ctl("suggest", "1", "artist=Queen", "title=Innuendo")
    rows = ctl("suggest", "1", "--limit", "20", "--json").json["suggestions"]
    assert [r for r in rows if str(r["id"]) in ctl("suggest", "1", "--limit", "20").out] == rows
    assert ctl("accept", "1", rows[0]["id"], "--json").json["metadata_status"] == "manual"
    assert ctl("reject", "1", rows[0]["id"]).code == 0
    assert "no suggestion 9999" in ctl("accept", "1", "9999", code=1).err


def test_undo_takes_the_latest_or_a_named_batch_back(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    ctl("edit", "1", "artist=First")
    batch = ctl("changes", "--limit", "1", "--json").json["changes"][0]["batch"]
    ctl("edit", "1", "year=1999")
    assert ctl("undo").code == 0
    assert daemon.get("songs/1")["year"] is None and daemon.get("songs/1")["artist"] == "First"
    assert ctl("undo", str(batch)).code == 0
    assert daemon.get("songs/1")["artist"] == "ABBA"
    assert ctl("undo", "99999", code=1).err.startswith("songbookctl: ")


def test_undo_goes_back_step_by_step_beyond_a_large_batch(daemon, ctl):
    started(daemon, *("Band %d - Tune %d.mp4" % (i, i) for i in range(140)))
    before = daemon.get("songs/1")["artist"]
    ctl("edit", "1", "artist=First")
    shown = daemon.post("bulk", {"filter": {}, "action": "verify", "preview": True}).json
    done = daemon.post("bulk", {"filter": {}, "action": "verify", "fingerprint": shown["fingerprint"]})
    assert done.json["count"] >= 139
    ctl("undo")
    ctl("undo")
    assert daemon.get("songs/1")["artist"] == before and daemon.get("progress")["by_status"]["manual"] == 0
    assert "undo --since" in ctl("undo", code=1).err


def test_forget_takes_absent_songs_only(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4", "Adele - Rolling in the Deep.mp4", "Queen - Innuendo.mp4")
    gone = daemon.song("Adele")
    os.remove(gone["file_path"])
    ctl("scan")
    daemon.wait_listed(2)
    assert ctl("forget", "1", "--json").json == {"forgotten": 1 if gone["id"] == 1 else 0}
    assert ctl("forget", "--yes", "--json").json == {"forgotten": 0 if gone["id"] == 1 else 1}
    assert len(daemon.songs_list("presence=all")) == 2


def test_providers_are_listed_with_their_state(daemon, ctl):
    started(daemon)
    shown = ctl("providers").out
    assert re.search(r"^lastfm +ok +98 +Last.fm answers$", shown, re.M), shown
    assert {p["name"] for p in ctl("providers", "--json").json["providers"]} >= {"lastfm", "musicbrainz"}


def test_settings_are_shown_changed_and_tested(make_daemon, fake):
    d = make_daemon(fake=fake, key=False)
    d.start()

    def ctl(*args, **kw):
        return run("--socket", d.socket, "settings", *args, **kw)
    table = ctl().out
    assert re.search(r"^lastfm\.rate +default +5$", table, re.M) and max(map(len, table.splitlines())) <= 80
    assert ctl("lastfm.rate").out == "5\n"
    assert ctl("lastfm.rate=2.5").code == 0 and ctl("lastfm.rate").out == "2.5\n"
    assert ctl("--unset", "lastfm.rate").code == 0 and ctl("lastfm.rate").out == "5\n"
    assert ctl("lastfm.enabled=no").code == 0 and ctl("lastfm.enabled").out == "no\n"
    assert ctl("lastfm.enabled=yes").code == 0
    nearest = ctl("lastfm.rat")
    assert nearest.code == 1 and "lastfm.rate" in nearest.err
    refused = ctl("lastfm.rate=fast")
    assert refused.code == 1 and "lastfm.rate" in refused.err
    secret = ctl("API_KEYS.lastfm=-", stdin=fake.lastfm_key.encode() + b"\n")
    assert secret.code == 0 and fake.lastfm_key not in secret.out + secret.err
    assert ctl("API_KEYS.lastfm").out == "set\n"
    assert re.search(r"^ok: yes$", ctl("--test", "lastfm").out, re.M)
    assert fake.lastfm_key not in ctl("--json").out
    ctl("API_KEYS.lastfm=-", stdin=b"0f1e2d3c4b5a69788796a5b4c3d2e1f0\n")
    refused = ctl("--test", "lastfm")
    assert refused.code == 1 and re.search(r"^ok: no$", refused.out, re.M)


def test_everything_works_over_tcp_too(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    url = "http://" + daemon.address
    for args in (["status"], ["start"], ["songs"], ["show", "1"], ["edit", "1", "artist=Abba"], ["undo"], ["scan"], ["queue", "--all"], ["settings"],
                 ["events"], ["providers"], ["changes"], ["explain", "1"], ["stop"]):
        result = run("--url", url, *args)
        assert result.code == 0, (args, result.err)


# --- events ---------------------------------------------------------------------------------------


def events_of(text):
    return [json.loads(line) for line in text.splitlines()]


def test_events_end_behind_the_newest_and_go_on_from_since(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    ctl("edit", "1", "artist=One")
    held = events_of(ctl("events").out)
    song = [e for e in held if e["event"] == "song" and e["song"]["artist"] == "One"][-1]
    ctl("edit", "1", "artist=Two")
    later = events_of(ctl("events", "--since", str(song["seq"])).out)
    assert [e["song"]["artist"] for e in later if e["event"] == "song"] == ["Two"]
    assert all(e["seq"] >= song["seq"] for e in later)
    newest = events_of(ctl("events").out)[-1]["seq"]
    assert [e for e in events_of(ctl("events", "--since", str(newest)).out) if e["event"] == "song"] == []


def test_followed_events_come_as_they_happen_until_the_daemon_ends(daemon, ctl):
    started(daemon, "ABBA - Dancing Queen.mp4")
    follower = subprocess.Popen([str(BUILD / "songbookctl"), "--socket", str(daemon.socket), "events", "--follow"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=clean_environment())
    assert json.loads(follower.stdout.readline())["event"] == "hello"
    ctl("edit", "1", "artist=One")
    for line in follower.stdout:
        event = json.loads(line)
        if event["event"] == "song":
            break
    assert event["song"]["artist"] == "One"
    daemon.stop()
    rest = [json.loads(line) for line in follower.stdout]
    assert rest[-1]["event"] == "shutdown"
    assert follower.wait(300) == 0
    follower.stdout.close()
    follower.stderr.close()


# --- hostile names --------------------------------------------------------------------------------


HOSTILE = [b"new\nline - song.mp4", b"esc \x1b[31mred\x1b]0;title\x07 - b.mp4", b"bad \xff\xfe utf8 - y.mp4", "bidi \u202egnos - z.mp4".encode(),
           "c1 \u009b31m - x.mp4".encode(), b"tab\there - a.mp4", b"n" * 200 + b" - long.mp4", "宇多田ヒカル - First Love 🎤.mp4".encode(), b"- -- --.mp4",
           b"del \x7f - d.mp4"]


def test_no_name_drives_the_terminal(daemon, ctl):
    started(daemon, *HOSTILE)
    ids = [s["id"] for s in daemon.songs_list()]
    commands = [["songs", "--all"], ["events"], ["changes"], ["status"], ["scan"]]
    for i in ids:
        commands += [["show", i], ["explain", i], ["edit", i, "verified=yes"]]
    commands += [["changes"], ["songs", "--q", "\x1b[31m"], ["settings", "\x1b[31m=1"], ["show", "\x1b[31m"], ["\x1b]0;x\x07"]]
    for args in commands:
        result = run("--socket", daemon.socket, *args)
        for text in (result.out, result.err):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), (args, text)
        if args[0] == "songs":
            assert len(result.out.splitlines()) <= len(ids) + 1


# --- offline --------------------------------------------------------------------------------------


NAMES = [b"Queen - Innuendo (Karaoke Version)---aBcDeFgHiJk.mp4", b"Caf\xe9 - Song.mp4", b"\xff\xfe", b"", b"tab\there - x", b"n" * 5000,
         "Björk - Jóga".encode(), b"nul\x00inside - y"]


def test_parse_reads_names_offline_as_tsv():
    result = run("parse", "--tsv", stdin=b"\n".join(NAMES) + b"\n")
    assert result.code == 0
    lines = result.out.split("\n")
    assert lines[-1] == "" and len(lines) == len(NAMES) + 2
    head = lines[0].split("\t")
    assert head == "name artist title confidence variant vendor year youtube_id category reason".split()
    rows = [dict(zip(head, line.split("\t"))) for line in lines[1:-1]]
    assert all(line.count("\t") == len(head) - 1 for line in lines[:-1])
    assert (rows[0]["artist"], rows[0]["title"], rows[0]["youtube_id"]) == ("Queen", "Innuendo", "aBcDeFgHiJk")
    assert rows[1]["name"] == "Caf\ufffd - Song.mp4" and rows[1]["title"] == "Song"
    assert (rows[6]["artist"], rows[6]["title"]) == ("Björk", "Jóga")
    assert all(0 <= float(r["confidence"]) <= 1 for r in rows)


def test_parse_reads_names_offline_as_json(tmp_path):
    names = tmp_path / "names"
    names.write_bytes(b"\r\n".join(NAMES))          # no line end behind the last one
    result = run("parse", "--json", names)
    assert result.code == 0
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert len(rows) == len(NAMES) and rows[0]["tidy"]["artist_title"] == "Queen - Innuendo"
    assert rows[-1]["name"].startswith("nul")
    assert run("parse", tmp_path / "none").code == 1
    assert run("parse", "--tsv", os.devnull).out.count("\n") == 1
    assert run("parse", stdin=b"Queen - Innuendo\n").out.splitlines()[1].split()[1:3] == ["Queen", "Innuendo"]


def test_parse_needs_neither_daemon_nor_home():
    result = run("parse", "--tsv", stdin=b"A - B\n", env={"HOME": "/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"})
    assert result.code == 0


def test_output_that_cannot_be_written_is_1():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(BUILD / "songbookctl"), "parse", "--tsv"], input=b"A - B\n" * 10, stdout=full, stderr=subprocess.PIPE,
                              env=clean_environment(), timeout=300)
    assert done.returncode == 1 and done.stderr.startswith(b"songbookctl: ")
