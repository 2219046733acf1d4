"""One process, no threads of our own: every thread that is created belongs to libuv's pool, also with host names and TLS."""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from conftest import Daemon, wait_for
from fake.catalogue import Catalogue
from fake.providers import FakeProviders

POOL = 4                      # libuv's default size
CALL = re.compile(r"^(\d+) +(clone3?|v?fork)\(")
HOSTS = re.compile(r'^(\d+) +openat\([^,]+, "/etc/hosts"')


class Traced(Daemon):
    """The daemon under strace, which stands beside it (-D), so that signals reach the daemon."""

    @property
    def trace(self):
        return self.home / "trace"

    def command(self, *more):
        return ["strace", "-D", "-f", "-qq", "-o", str(self.trace), "-e", "trace=clone,clone3,vfork,fork,openat", *super().command(*more)]

    def environment(self):
        # the leak checker attaches with ptrace itself, and makes a thread for it
        return {**super().environment(), "ASAN_OPTIONS": "detect_leaks=0"}


def strace_works():
    if not shutil.which("strace"):
        return "strace is not installed"
    done = subprocess.run(["strace", "-D", "-f", "-o", os.devnull, "-e", "trace=clone", "true"], capture_output=True, text=True)
    return "" if done.returncode == 0 and not done.stderr.strip() else "strace cannot trace here: " + done.stderr.strip()


def host_name():
    """A name of this machine that has to be looked up, and leads back to 127.0.0.1."""
    name = socket.gethostname()
    try:
        addresses = {a[4][0] for a in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:
        addresses = set()
    return name if "127.0.0.1" in addresses and name != "localhost" else None


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name], check=True, capture_output=True)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_only_the_pool_makes_threads(tmp_path):
    reason, name = strace_works(), host_name()
    if reason or not name:
        pytest.skip(reason or "this machine's name does not resolve to 127.0.0.1")
    cert = make_certificate(tmp_path, name)
    fake = FakeProviders(Catalogue(any_share=0.8), limits=False, latency=(0.0, 0.05), tls=cert).start()
    root = "https://%s:%d" % (name, fake.port)
    d = Traced(tmp_path, fake, args=["--set", "lastfm.url=%s/2.0/" % root, "--set", "musicbrainz.url=%s/ws/2" % root, "--set", "lastfm.ca_file=" + cert[0],
                                     "--set", "musicbrainz.ca_file=" + cert[0], "--set", "lastfm.rate=50", "--set", "musicbrainz.rate=50"])
    try:
        for i in range(60):
            d.add_song("Band %d - Tune %d.mp4" % (i, i))
        d.start()
        d.wait_done(120)
        assert d.get("progress")["by_status"]["enriched"] > 30
        assert fake.requests("lastfm") >= 60 and fake.requests("musicbrainz") > 0
        d.post("parse", {"filenames": ["A - B"] * 1000})
        d.process.send_signal(signal.SIGTERM)
        assert d.wait() == 0, d.log
        assert "ERROR: " not in d.log and "runtime error" not in d.log, d.log
    finally:
        if d.process and d.process.poll() is None:
            d.kill()
        fake.stop()
    lines = wait_for(lambda: (t := d.trace.read_text()) and t.splitlines(), "the trace")
    calls = [line for line in lines if CALL.match(line)]
    assert len(calls) <= POOL, calls
    assert all("CLONE_THREAD" in call for call in calls), calls
    main = str(d.process.pid)
    assert {CALL.match(call).group(1) for call in calls} == {main}
    lookups = {HOSTS.match(line).group(1) for line in lines if HOSTS.match(line)}
    assert lookups and main not in lookups, "names are looked up on the pool, not on the loop: %s" % lookups
