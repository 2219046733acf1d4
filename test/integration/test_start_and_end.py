"""Starting with bad input gets one sentence and the right exit code; ending is clean and quick."""
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import pytest

from conftest import BUILD, PATIENCE, ROOT, Stopwatch, clean_environment, wait_for


def run(*args, env=None, seconds=300):
    return subprocess.run([str(BUILD / "songbookd"), *map(str, args)], env=clean_environment(env), capture_output=True, text=True,
                          timeout=seconds, stdin=subprocess.DEVNULL)


def one_sentence(result, *words):
    lines = [l for l in result.stderr.splitlines() if l.startswith("songbookd:")]
    assert lines, result.stderr
    for word in words:
        assert word in result.stderr, (word, result.stderr)


def test_unknown_option_is_a_usage_error():
    r = run("--no-such-option")
    assert r.returncode == 2
    one_sentence(r, "--no-such-option", "--help")


def test_help_and_version_fit_a_terminal():
    r = run("--help")
    assert r.returncode == 0 and "--once" in r.stdout
    assert max(len(l) for l in r.stdout.splitlines()) <= 80
    assert run("--version").stdout.startswith("songbookd ")


def test_unknown_configuration_key_names_line_and_nearest(tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text("[server]\nlisten=127.0.0.1:0\n[lastfm]\nrat=3\n[musicbrainz]\nrate=fast\n")
    r = run("--config", conf, "--check-config")
    assert r.returncode == 78
    one_sentence(r, ":4:", "lastfm.rate", ":6:")


def test_good_configuration_is_called_good(tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text("[API_KEYS]\nlastfm = 0123456789abcdef0123456789abcdef\n[library]\nfolders=/one\nfolders=/two\n")
    r = run("--config", conf, "--check-config")
    assert r.returncode == 0, r.stderr


def test_public_address_without_token_is_refused(tmp_path):
    r = run("--config", os.devnull, "--database", tmp_path / "db", "--listen", "0.0.0.0:0", tmp_path)
    assert r.returncode == 78
    one_sentence(r, "token")
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize("mode,text,why", [(0o644, "t" * 40, "chmod 600"), (0o640, "t" * 40, "chmod 600"), (0o600, "zq7xw", "too short"),
                                           (0o600, "", "16 characters")])
def test_a_token_file_that_others_can_read_or_that_holds_little_is_refused(tmp_path, mode, text, why):
    token = tmp_path / "token"
    token.write_text(text)
    token.chmod(mode)
    r = run("--config", os.devnull, "--database", tmp_path / "db", "--set", "server.token_file=%s" % token, "--listen", "0.0.0.0:0", tmp_path)
    assert r.returncode == 78
    one_sentence(r, why)
    assert not text or text not in r.stderr


def test_a_key_on_the_command_line_is_refused(tmp_path):
    r = run("--config", os.devnull, "--set", "API_KEYS.lastfm=secret", tmp_path)
    assert r.returncode == 2
    one_sentence(r, "secret")


def test_foreign_or_damaged_database_is_refused_and_untouched(tmp_path):
    foreign = tmp_path / "foreign.db"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE other (x)")
    db.commit()
    db.close()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is no database at all" * 500)
    for path in (foreign, damaged):
        before = path.read_bytes()
        r = run("--config", os.devnull, "--database", path, "--socket", "none", "--listen", "127.0.0.1:0", tmp_path)
        assert r.returncode == 78, r.stderr
        one_sentence(r, str(path))
        assert path.read_bytes() == before


def test_database_from_a_newer_version_is_refused_and_untouched(daemon):
    daemon.start()
    daemon.stop()
    db = sqlite3.connect(daemon.database)
    db.execute("PRAGMA user_version = 9999")
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    before = daemon.database.read_bytes()
    daemon.start(ready=False)
    assert daemon.wait() == 78
    assert "newer" in daemon.log
    assert daemon.database.read_bytes() == before
    daemon.process = None


def test_port_in_use_is_said_and_exits_1(make_daemon):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        d = make_daemon(args=["--listen", "127.0.0.1:%d" % s.getsockname()[1]])
        d.start(ready=False)
        assert d.wait() == 1
        assert "another program listens" in d.log and "choose another" in d.log, d.log


def test_second_daemon_on_the_same_database_refuses(daemon, make_daemon):
    daemon.start()
    other = make_daemon("other")
    other.database = daemon.database
    other.start(ready=False)
    assert other.wait() == 1
    assert str(daemon.database) in other.log
    assert daemon.get("health")["name"] == "songbookd"


def test_second_daemon_on_the_same_socket_refuses(daemon, make_daemon):
    daemon.start()
    other = make_daemon("other")
    other.socket = daemon.socket
    other.start(ready=False)
    assert other.wait() == 1
    assert str(daemon.socket) in other.log
    assert daemon.get("health")["name"] == "songbookd"


def test_a_stale_socket_is_replaced(daemon):
    daemon.start()
    daemon.kill()
    assert daemon.socket.exists()
    daemon.start()
    assert daemon.get("health")["name"] == "songbookd"
    assert oct(os.stat(daemon.socket).st_mode & 0o777) == "0o660"
    daemon.stop()
    assert not daemon.socket.exists()


def test_the_folder_of_the_usual_socket_is_made(tmp_path):
    usual = tmp_path / "run" / "songbookd"
    with subprocess.Popen([str(BUILD / "songbookd"), "--config", os.devnull, "--database", tmp_path / "db", "--listen", "none",
                           "--set", "musicbrainz.enabled=no", "--set", "listenbrainz.enabled=no", tmp_path], env=clean_environment({"RUNTIME_DIRECTORY": str(usual)}),
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as daemon:
        wait_for((usual / "songbookd.sock").is_socket, "the socket")
        daemon.terminate()
        assert daemon.wait() == 0


def test_a_library_folder_that_does_not_exist_yet_is_waited_for(make_daemon, tmp_path):
    later = tmp_path / "later"
    d = make_daemon(folders=[str(later)], args=["--set", "musicbrainz.enabled=no"])
    d.start()
    wait_for(lambda: str(later) in (d.get("scan")["problem"] or ""), "the missing folder to be shown")
    later.mkdir()
    d.add_song("ABBA - Dancing Queen.mp4", folder=later)
    d.post("scan")
    d.wait_listed(1)


def test_once_does_not_wait_for_a_folder(tmp_path):
    r = run("--once", "--config", os.devnull, "--database", tmp_path / "db", tmp_path / "nowhere")
    assert r.returncode == 78
    one_sentence(r, "nowhere")


def test_term_ends_within_two_seconds_while_requests_hang(daemon, fake):
    fake.fail("lastfm", "hang")
    fake.fail("musicbrainz", "hang")
    fake.fail("listenbrainz", "hang")
    for i in range(20):
        daemon.add_song("Band %d - Tune %d.mp4" % (i, i))
    daemon.start()
    wait_for(lambda: fake.in_flight["lastfm"] > 0 or fake.in_flight["listenbrainz"] > 0, "a hanging request")
    watch = Stopwatch()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.log
    assert watch.stop() < 4    # 2 s, doubled for the sanitizers on a busy machine
    db = sqlite3.connect(daemon.database)
    assert db.execute("SELECT sum(enrichment_attempts), count(*) FROM songs").fetchone() == (0, 20)
    assert db.execute("SELECT count(*) FROM enrichment_queue").fetchone() == (20,)


def test_term_ends_quickly_with_dns_dead(make_daemon):
    # a name server that never answers: resolv.conf cannot be changed here, so the name is one that only
    # the network could resolve
    d = make_daemon(args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.url=https://songbookd-test.invalid/ws/2"])
    d.add_song("ABBA - Dancing Queen.mp4")
    d.start()
    wait_for(lambda: d.get("progress")["total"] == 1, "the song")
    watch = Stopwatch()
    d.process.send_signal(signal.SIGTERM)
    assert d.wait() == 0, d.log
    assert watch.stop() < 4


def test_keys_never_appear_in_any_output(daemon, fake):
    daemon.add_song("ABBA - Dancing Queen.mp4")
    daemon.args += ["--set", "log.level=debug", "--events", "-"]
    daemon.start()
    daemon.wait_done()
    answers = [daemon.request("GET", p).body.decode() for p in ("progress", "songs", "settings", "providers", "changes")]
    daemon.stop()
    for text in [daemon.log, daemon.stdout.decode(), *answers]:
        assert fake.lastfm_key not in text
    assert fake.lastfm_key.encode() not in daemon.database.read_bytes()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demonstration_follows_no_pikaraoke_and_ends_on_a_signal_to_itself(tmp_path, sign):
    """deps/quickstart without a folder; a supervisor knows the number of that process alone."""
    (tmp_path / ".pikaraoke").mkdir()
    (tmp_path / ".pikaraoke/pikaraoke.db").touch()
    log = open(tmp_path / "log", "w+")
    demo = subprocess.Popen([sys.executable, str(ROOT / "test/fake/demo.py"), "--songbookd", str(BUILD / "songbookd"), "--", "--listen", "127.0.0.1:0"],
                            env=clean_environment({"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}), stdout=log, stderr=log)
    try:
        said = lambda: (tmp_path / "log").read_text()
        wait_for(lambda: "library read" in said() or demo.poll() is not None, "the demonstration's songs")
        demo.send_signal(sign)
        assert demo.wait(PATIENCE) == 0, said()
    finally:
        if demo.poll() is None:
            demo.kill()
    assert "stopped" in said() and "pikaraoke.db" not in said()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("songbookd-demo-")] == []
