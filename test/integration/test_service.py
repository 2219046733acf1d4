"""What a service manager sees: the notify protocol, the watchdog, a reload, and the exit codes."""
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from conftest import wait_for


class Manager:
    """Receives what sd_notify sends; abstract or in the file system."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.setblocking(False)
        self.name, self.told = name, []

    def read(self):
        while True:
            try:
                self.told.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.told

    def lines(self):
        return [line for text in self.read() for line in text.split("\n")]

    def wait(self, line, count=1):
        wait_for(lambda: self.lines().count(line) >= count, "%r from the daemon; it told %r" % (line, self.told))

    def wait_status(self, part):
        wait_for(lambda: [x for x in self.lines() if x.startswith("STATUS=") and part in x], "a sentence with %r" % part)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    m = Manager(str(tmp_path / "notify") if request.param == "path" else "@songbookd-test-%d" % os.getpid())
    yield m
    m.socket.close()


def test_manager_hears_ready_status_watchdog_and_stopping(daemon, manager):
    daemon.env.update(NOTIFY_SOCKET=manager.name, WATCHDOG_USEC="200000")
    daemon.add_song("ABBA - Dancing Queen.mp3")
    daemon.start()
    manager.wait("READY=1")
    manager.wait("WATCHDOG=1", count=3)
    manager.wait_status("At rest: 1 songs, 1 enriched")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait() == 0
    manager.wait("STOPPING=1")
    lines = manager.lines()
    assert lines.index("READY=1") < lines.index("STOPPING=1")
    assert all(len(text) < 240 for text in manager.told)


def test_ready_is_told_only_when_the_api_answers(daemon, manager):
    daemon.env.update(NOTIFY_SOCKET=manager.name)
    daemon.start()
    manager.wait("READY=1")
    assert daemon.request("GET", "/healthz").status == 200


def test_a_watchdog_that_is_meant_for_another_process_is_not_fed(daemon, tmp_path):
    m = Manager(str(tmp_path / "n"))
    daemon.env.update(NOTIFY_SOCKET=m.name, WATCHDOG_USEC="20000", WATCHDOG_PID="1")
    daemon.start()
    daemon.process.send_signal(signal.SIGTERM)
    m.wait("STOPPING=1")
    assert "WATCHDOG=1" not in m.lines()
    daemon.wait()


@pytest.mark.parametrize("name", ["", "vsock:2:1", "/nowhere/at/all"])
def test_a_manager_that_cannot_be_reached_stops_nothing(daemon, name):
    daemon.env.update(NOTIFY_SOCKET=name, WATCHDOG_USEC="100000")
    daemon.start()
    assert daemon.get("health")["name"] == "songbookd"


def value(daemon, name):
    return daemon.get("settings")[name]["value"]


@pytest.fixture
def configured(daemon):
    """A daemon with a configuration file of its own."""
    daemon.args = []
    conf = daemon.home / "songbookd.conf"
    conf.write_text("[lastfm]\nrate = 4\n")
    daemon.args = ["--config", str(conf)]
    return daemon, conf


def test_reload_takes_what_may_change_and_names_what_may_not(configured, tmp_path):
    daemon, conf = configured
    m = Manager(str(tmp_path / "n"))
    daemon.env.update(NOTIFY_SOCKET=m.name)
    daemon.start()
    m.wait("READY=1")
    assert value(daemon, "lastfm.rate") == 4
    conf.write_text("[lastfm]\nrate = 3\n[library]\nrescan_minutes = 7\n[log]\nlevel = debug\n")
    daemon.process.send_signal(signal.SIGHUP)
    m.wait("READY=1", count=2)
    lines = m.lines()
    assert "RELOADING=1" in lines and [x for x in lines if x.startswith("MONOTONIC_USEC=")]
    assert value(daemon, "lastfm.rate") == 3 and value(daemon, "log.level") == "debug"
    assert value(daemon, "library.rescan_minutes") == 60
    assert "'library.rescan_minutes' has a new value in the file, which is taken at the next start" in daemon.log


def test_reload_uncovers_the_default_when_a_line_is_gone(configured):
    daemon, conf = configured
    daemon.start()
    conf.write_text("")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: value(daemon, "lastfm.rate") == 5, "the default")


@pytest.mark.parametrize("bad", ["[lastfm]\nrate = 3\nraet = 2\n", "[lastfm\nrate = 3\n", None])
def test_reload_of_a_bad_file_changes_nothing(configured, tmp_path, bad):
    daemon, conf = configured
    m = Manager(str(tmp_path / "n"))
    daemon.env.update(NOTIFY_SOCKET=m.name)
    daemon.start()
    m.wait("READY=1")
    if bad is None:
        conf.unlink()
    else:
        conf.write_text(bad)
    daemon.process.send_signal(signal.SIGHUP)
    m.wait("READY=1", count=2)
    wait_for(lambda: "the old configuration stays in force" in daemon.log, "the refusal")
    assert value(daemon, "lastfm.rate") == 4
    assert daemon.process.poll() is None


def test_a_rate_that_needs_a_mirror_is_refused_at_reload(make_daemon):
    d = make_daemon()
    conf = d.home / "songbookd.conf"
    conf.write_text("[musicbrainz]\nrate = 0.5\n[enrichment]\nautostart = no\n")
    d.args = ["--config", str(conf)]
    d.start()
    conf.write_text("[musicbrainz]\nrate = 50\n[enrichment]\nautostart = no\n")
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the old configuration stays in force" in d.log, "the refusal")
    assert value(d, "musicbrainz.rate") == 0.5


def test_many_reloads_at_once_end_with_the_last_file(configured):
    daemon, conf = configured
    daemon.start()
    for i in range(20):
        conf.write_text("[lastfm]\nrate = %d\n" % (1 + i % 2))
        daemon.process.send_signal(signal.SIGHUP)
    conf.write_text("[lastfm]\nrate = 2.5\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: value(daemon, "lastfm.rate") == 2.5, "the last file")


def test_keys_come_from_credentials_and_are_not_shown(make_daemon, fake):
    d = make_daemon(fake=fake, key=False)
    store = d.home / "credentials"
    store.mkdir()
    (store / "songbookd.lastfm").write_text(fake.lastfm_key + "\n")
    d.env["CREDENTIALS_DIRECTORY"] = str(store)
    d.start()
    shown = d.get("settings")["API_KEYS.lastfm"]
    assert shown["value"] == "set" and shown["origin"] == "file"
    assert d.post("settings/test", {"provider": "lastfm"}).json["ok"] is True
    assert fake.lastfm_key not in d.log


def test_the_journal_gets_its_levels_and_no_times(daemon):
    plain = daemon.command
    daemon.command = lambda *more: ["sh", "-c", "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$@\"", "sh", *plain(*more)]
    daemon.folders.append(str(daemon.home / "gone"))
    daemon.start()
    wait_for(lambda: "gone' does not exist" in daemon.log, "the warning")
    lines = daemon.log.splitlines()
    assert all(re.match(r"<[0-7]>\w+: ", line) for line in lines), lines
    assert [line for line in lines if line.startswith("<4>scan: folder")] and [line for line in lines if line.startswith("<6>main: listening")]


def test_it_is_a_whole_container(daemon):
    """Process 1 of its own world, without a service manager: Docker with no init, LXC. The kernel gives process 1 only the signals it asked for."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode:
        pytest.skip("no right to a world of processes here")
    plain = daemon.command
    hidden = "mount -t tmpfs none /run; exec \"$@\""     # no /run/systemd/system, no NOTIFY_SOCKET
    daemon.command = lambda *more: ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-c", hidden, "sh", *plain(*more)]
    daemon.add_song("ABBA - Dancing Queen.mp3")
    daemon.start()
    daemon.wait_done()
    assert daemon.song("Dancing Queen")["metadata_status"] == "enriched"
    outer = daemon.process.pid
    inner = int(pathlib.Path("/proc/%d/task/%d/children" % (outer, outer)).read_text().split()[0])
    assert "NSpid:\t%d\t1\n" % inner in pathlib.Path("/proc/%d/status" % inner).read_text()
    os.kill(inner, signal.SIGHUP)
    assert daemon.get("health")["name"] == "songbookd"
    os.kill(inner, signal.SIGTERM)
    assert daemon.wait() == 0
    assert daemon.log.rstrip().endswith("main: stopped"), daemon.log


def test_signals_in_the_midst_of_the_start_do_no_harm(daemon):
    daemon.start("--check-config", ready=False)
    assert daemon.wait() == 0
    daemon.start(ready=False)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait() in (0, -signal.SIGTERM)
