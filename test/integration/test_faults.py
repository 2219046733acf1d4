"""What the machine does to us: failing system calls, a full or read-only disk, no descriptors, clocks that jump, dead names, lost folders.

Each ends in words, loses nothing, and needs no restart where the cause goes away.
"""
import http.client
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from conftest import BUILD, Daemon, clean_environment, wait_for

SONGS = ["ABBA - Dancing Queen", "Queen - Bohemian Rhapsody", "Adele - Rolling in the Deep", "Oasis - Wonderwall", "AC⧸DC - Highway to Hell"]


def fill(d):
    for name in SONGS:
        d.add_song(name + ".mp4")


def check(database):
    done = subprocess.run([str(BUILD / "songbookctl"), "check", "--database", str(database)], capture_output=True, text=True, timeout=300,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr


def is_fine(d):
    """No crash and no sanitizer's word; ends what still runs."""
    if d.process.poll() is None:
        d.process.send_signal(signal.SIGTERM)
    code = d.wait()
    assert code >= 0, "died of signal %d\n%s" % (-code, d.log)
    assert "ERROR: " not in d.log and "runtime error" not in d.log, d.log
    return code


def all_comes_back(d):
    """Without the fault the same database is whole, every song is there and gets done."""
    d.start()
    d.wait_listed(len(SONGS))
    d.wait_done()
    assert all(s["metadata_status"] in ("enriched", "manual") for s in d.songs_list()), d.songs_list()
    d.stop()
    check(d.database)


# --- system calls that fail ------------------------------------------------------------------------------------

class Injected(Daemon):
    inject = None

    def command(self, *more):
        if not self.inject:
            return super().command(*more)
        call = self.inject.split(":")[0]
        return ["strace", "-D", "-f", "-qq", "-o", str(self.home / "trace"), "-e", "trace=" + call, "-e", "inject=" + self.inject,
                *super().command(*more)]

    def environment(self):
        return {**super().environment(), **({"ASAN_OPTIONS": "detect_leaks=0"} if self.inject else {})}

    def given(self):
        return (self.home / "trace").read_text(errors="replace").count("(INJECTED)")


def strace_can_inject():
    if not shutil.which("strace"):
        return False
    done = subprocess.run(["strace", "-D", "-f", "-o", os.devnull, "-e", "inject=getppid:error=EIO", "true"], capture_output=True, text=True)
    return done.returncode == 0 and not done.stderr.strip()


INJECTIONS = [
    "pwrite64:error=ENOSPC:when=3+5", "pwrite64:error=EIO:when=150+40", "pwrite64:error=ENOSPC:when=200+", "pread64:error=EIO:when=8+9",
    "fdatasync:error=EIO:when=2+2", "fdatasync:error=EIO:when=9+", "fsync:error=EIO:when=1+", "ftruncate:error=EIO:when=1+",
    "openat:error=EMFILE:when=45+3", "openat:error=EACCES:when=50+4", "openat:error=ENFILE:when=60+2", "unlink:error=EACCES:when=1+",
    "getdents64:error=EIO:when=1+", "newfstatat:error=EIO:when=12+3", "fstat:error=EIO:when=30+5", "flock:error=EIO:when=1",
    "inotify_init1:error=EMFILE:when=1", "inotify_add_watch:error=ENOSPC:when=1+",
    "accept4:error=EMFILE:when=1+2", "accept4:error=ECONNABORTED:when=2+2", "socket:error=EMFILE:when=3+2", "connect:error=ENETUNREACH:when=1+2",
    "connect:error=ECONNREFUSED:when=1+", "sendto:error=ECONNRESET:when=1+2", "recvfrom:error=ECONNRESET:when=1+3", "writev:error=EPIPE:when=2+3",
    "getsockopt:error=EBADF:when=1+3", "setsockopt:error=EINVAL:when=1+2", "mkdir:error=EACCES:when=1+",
    "fcntl:error=EINVAL:when=20+9", "rename:error=EIO:when=1+", "getrandom:error=EAGAIN:when=1+", "statx:error=EIO:when=1+",
]


@pytest.mark.parametrize("inject", INJECTIONS)
def test_failing_system_call_costs_nothing(tmp_path, fake, inject):
    if not strace_can_inject():
        pytest.skip("strace cannot inject here")
    d = Injected(tmp_path, fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    fill(d)
    d.inject = inject
    try:
        d.start(ready=False)
        watch_until = time.monotonic() + 3
        while d.process.poll() is None and time.monotonic() < watch_until:
            try:
                if d.address:
                    progress = d.request("GET", "progress", connection=d.connection(2)).json
                    if progress["total"] == len(SONGS) and progress["queue_remaining"] == 0:
                        break
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        code = is_fine(d)
        assert code == 0 or "songbookd: " in d.log or "error" in d.log, d.log    # it says why it ended
    finally:
        if d.process.poll() is None:
            d.process.kill()
    d.inject = None
    all_comes_back(d)


# --- disks ---------------------------------------------------------------------------------------------------------

class SmallDisk:
    """A disk of its own in memory; needs the right to mount."""

    def __init__(self, place, size="3m"):
        self.place = str(place)
        os.makedirs(self.place, exist_ok=True)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", self.place], capture_output=True).returncode:
            pytest.skip("no right to mount a disk here")

    def remount(self, how):
        subprocess.run(["mount", "-o", "remount," + how, self.place], check=True)

    def fill_up(self):
        with open(self.place + "/ballast", "wb") as f:
            try:
                while True:
                    f.write(b"\0" * 65536)
                    f.flush()
            except OSError:
                pass

    def make_room(self):
        os.remove(self.place + "/ballast")

    def unmount(self):
        subprocess.run(["umount", "-l", self.place], capture_output=True)


@pytest.fixture
def disk(tmp_path):
    d = SmallDisk(tmp_path / "disk")
    yield d
    d.unmount()


def on_disk(make_daemon, fake, disk):
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    d.database = pathlib.Path(disk.place) / "songbook.db"
    fill(d)
    return d


def test_full_disk_is_told_loses_nothing_and_recovers_without_restart(make_daemon, fake, disk):
    d = on_disk(make_daemon, fake, disk)
    d.start()
    d.wait_done()
    song = d.song("Wonderwall")
    disk.fill_up()
    full = wait_for(lambda: (a := d.patch(song["id"], artist="x" * 500)).status != 200 and a, "the disk to be full")
    assert full.status == 507 and "space" in full.json["detail"], full.body
    kept = d.get("songs/%d" % song["id"])
    for i in range(20):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    d.post("scan")
    wait_for(lambda: "stored" in (d.get("scan")["problem"] or ""), "the scan to say that nothing can be stored")
    assert d.get("health")["name"] == "songbookd"
    disk.make_room()
    wait_for(lambda: d.patch(song["id"], artist="After").status == 200, "edits to work again")
    assert kept["artist"] != "After"
    d.wait_listed(len(SONGS) + 20)       # tried again by itself
    d.stop()
    check(d.database)


def test_full_disk_at_the_very_start_is_told(make_daemon, fake, disk):
    d = on_disk(make_daemon, fake, disk)
    disk.fill_up()
    d.start(ready=False)
    assert d.wait() != 0
    assert "space" in d.log or "No space" in d.log, d.log
    disk.make_room()
    all_comes_back(d)


def test_read_only_disk_is_told_and_recovers(make_daemon, fake, disk):
    d = on_disk(make_daemon, fake, disk)
    d.start()
    d.wait_done()
    song = d.song("Wonderwall")
    d.stop()
    disk.remount("ro")
    d.start(ready=False)
    assert d.wait() != 0
    assert "songbookd: " in d.log and "Read-only" in d.log, d.log
    disk.remount("rw")
    d.start()
    assert d.patch(song["id"], artist="After").status == 200


def test_once_says_75_when_nothing_can_be_stored(make_daemon, fake):
    d = make_daemon(fake=fake)
    d.start()
    d.stop()
    db = sqlite3.connect(d.database)
    db.execute("CREATE TRIGGER broken BEFORE INSERT ON songs BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END")
    db.commit()
    fill(d)
    d.start("--once", "--wait", "2", ready=False)
    assert d.wait() == 75, d.log
    db.execute("DROP TRIGGER broken")
    db.commit()
    db.close()
    d.start("--once", ready=False)
    assert d.wait() == 0, d.log


def test_once_does_not_wait_for_a_folder_that_answers_nothing(tmp_path, fake):
    if not strace_can_inject():
        pytest.skip("strace cannot inject here")
    d = Injected(tmp_path, fake)
    fill(d)
    d.inject = "getdents64:delay_enter=%d" % 10e6
    d.start("--once", "--wait", "3", ready=False)
    assert d.wait() == 75, d.log
    assert "nothing could advance for 3 s" in d.log and "library read" not in d.log


# --- memory and descriptors ----------------------------------------------------------------------------------------

def test_out_of_memory_ends_with_one_line_and_loses_nothing(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    fill(d)
    d.start()
    d.wait_done()
    song = d.song("Wonderwall")
    assert d.patch(song["id"], artist="Kept").status == 200
    room = int(re.search(r"VmSize:\s+(\d+)", pathlib.Path("/proc/%d/status" % d.process.pid).read_text()).group(1)) * 1024
    if room > 1 << 40:
        pytest.skip("under a sanitizer the address space says nothing")
    resource.prlimit(d.process.pid, resource.RLIMIT_AS, (room + (1 << 20), room + (1 << 20)))
    body = {"filenames": ["Queen - Innuendo " + "x" * 200] * 1900}
    for _ in range(100):
        try:
            d.post("parse", body)
        except (OSError, http.client.HTTPException):
            break
    assert d.wait() == -signal.SIGABRT
    assert d.log.count("out of memory") == 1, d.log
    d.start()
    assert d.song("Wonderwall")["artist"] == "Kept"


def test_without_descriptors_it_lives_and_comes_back(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    fill(d)
    d.start()
    d.wait_done()
    used = len(os.listdir("/proc/%d/fd" % d.process.pid))
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (used + 6, 4096))
    held = []
    host, port = d.address.rsplit(":", 1)
    for _ in range(40):
        s = socket.create_connection((host, int(port)), 30)
        held.append(s)
    shed = 0
    for s in held:                       # whom there is no descriptor for is sent away, not left waiting
        s.settimeout(0.2)
        try:
            shed += s.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            shed += 1
    assert shed >= 30, shed
    d.add_song("Late - Comer.mp4")
    for s in held:
        s.close()
    wait_for(lambda: d.request("GET", "health", connection=d.connection(5)).status == 200, "answers again")
    d.post("scan")
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
    d.wait_listed(len(SONGS) + 1)


# --- clocks -----------------------------------------------------------------------------------------------------------

def faketime_library():
    for place in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return str(place)


def test_clock_that_jumps_by_years_changes_nothing(make_daemon, fake, tmp_path):
    library = faketime_library()
    if not library:
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    fake.catalogue.any_share = 1.0
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=20", "--set", "musicbrainz.rate=20", "--set", "library.watch=no"], env={
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"})
    for i in range(60):
        d.add_song("Band %d - Tune %d.mp4" % (i, i))
    d.start()
    stream = d.connection()
    stream.request("GET", "/api/v1/events")
    for jump in ("+10y", "-10y", "+300d", "-20y", "+0"):
        seen = fake.requests("lastfm") + fake.requests("musicbrainz")
        clock.write_text(jump)
        d.post("scan")
        wait_for(lambda: d.get("progress")["queue_remaining"] == 0 or fake.requests("lastfm") + fake.requests("musicbrainz") > seen + 3,
                 "work to go on after the clock jumped by " + jump)
        assert d.get("health")["name"] == "songbookd"
    d.wait_listed(60)
    d.wait_done()
    assert all(s["metadata_status"] == "enriched" for s in d.songs_list())
    assert d.get("scan")["problem"] in (None, "")
    assert len(fake.asked["lastfm"]) <= 60 + 8, "songs were asked again"
    stream.close()
    # started in the past, as a Pi without a battery does, on what was stored in the future
    d.stop()
    d.env["FAKETIME_TIMESTAMP_FILE"] = str(tmp_path / "past")
    (tmp_path / "past").write_text("-25y")
    d.add_song("New - One.mp4", age=60)
    d.start()
    d.wait_listed(61)
    d.wait_done()
    assert d.song("New - One")["metadata_status"] == "enriched"


# --- names and folders ----------------------------------------------------------------------------------------------------

def test_dead_name_server_is_offline_and_no_failure(make_daemon):
    """A name server that takes questions and never answers; in a mount namespace of its own."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no right to change the name server here")
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        silent.bind(("127.0.0.99", 53))
    except OSError:
        pytest.skip("port 53 is not to be had")
    d = make_daemon(args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.url=http://songbookd-test.example/ws/2"])
    resolv, hosts = d.home / "resolv.conf", d.home / "nsswitch.conf"
    resolv.write_text("nameserver 127.0.0.99\noptions timeout:2 attempts:1\n")
    hosts.write_text("hosts: files dns\n")
    fill(d)
    command = Daemon.command(d)
    script = "mount --bind '%s' /etc/resolv.conf && mount --bind '%s' /etc/nsswitch.conf; exec \"$@\"" % (resolv, hosts)
    d.command = lambda *more: ["unshare", "-m", "sh", "-c", script, "sh", *command]
    d.start()
    wait_for(lambda: d.get("progress")["offline"], "the daemon to notice that it is offline")
    assert d.get("progress")["queue_remaining"] == len(SONGS)
    assert d.get("progress")["by_status"]["enrichment_failed"] == 0
    d.process.send_signal(signal.SIGTERM)
    assert d.wait() == 0, d.log
    silent.close()
    db = sqlite3.connect(d.database)     # what was begun is given back at the end, or at the next start
    assert db.execute("SELECT sum(enrichment_attempts) FROM songs WHERE id NOT IN (SELECT song_id FROM enrichment_queue"
                      " WHERE in_flight)").fetchone() in ((0,), (None,))


def test_folder_that_is_unplugged_and_comes_back_loses_nothing(daemon, fake):
    fill(daemon)
    daemon.start()
    daemon.wait_done()
    edited = daemon.song("Wonderwall")["id"]
    assert daemon.patch(edited, artist="Mine").status == 200
    away = daemon.home / "away"
    for empty in (False, True):          # not there at all; an empty mount point
        os.rename(daemon.songs, away)
        if empty:
            daemon.songs.mkdir()
        daemon.post("scan")
        wait_for(lambda: (s := daemon.get("scan"))["problem"] and not s["running"], "the scan to say what is wrong")
        assert daemon.get("progress")["total"] == len(SONGS)
        assert daemon.song("Wonderwall")["artist"] == "Mine"
        if empty:
            daemon.songs.rmdir()
        os.rename(away, daemon.songs)
        daemon.post("scan")
        wait_for(lambda: not (s := daemon.get("scan"))["problem"] and not s["running"], "the scan to be fine again")
        assert daemon.get("progress")["total"] == len(SONGS)
    daemon.add_song("After - Return.mp4")
    daemon.post("scan")
    daemon.wait_listed(len(SONGS) + 1)
