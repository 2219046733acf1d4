"""The real daemon on free ports in a temporary folder, and the fake providers beside it.

Tests wait for conditions (`wait_for`), never for time. The programs come from the folder in SONGBOOKD_BUILD
(default build-test).
"""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test"))
BUILD = pathlib.Path(os.environ.get("SONGBOOKD_BUILD", ROOT / "build-test")).resolve()

import contract  # noqa: E402
from fake.catalogue import Catalogue, Song  # noqa: E402
from fake.providers import FakeProviders  # noqa: E402

# a mirror's URL may be asked faster than the public servers
FAST = ["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100", "--set", "listenbrainz.rate=100"]
PATIENCE = float(os.environ.get("SONGBOOKD_TEST_PATIENCE", 120))


class Stopwatch:
    """Seconds of which this machine was really running: a virtual machine that stands still, or gives us no turn, is no
    fault of the daemon. Counted in short ticks of a thread; a tick that took long counts as a short one."""
    TICK, MOST = 0.02, 0.1

    def __init__(self):
        self.seconds, self._over = 0.0, threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        last = time.monotonic()
        while not self._over.wait(self.TICK):
            now = time.monotonic()
            self.seconds += min(now - last, self.MOST)
            last = now

    def stop(self):
        self._over.set()
        return self.seconds


def wait_for(condition, what="the condition", seconds=PATIENCE):
    """Returns the first true value of condition(); fails after a generous while, in which a pause of the machine counts little."""
    left, last = seconds, time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        now = time.monotonic()
        left -= min(now - last, 1.0)
        last = now
        if left < 0:
            raise AssertionError("waited %d s in vain for %s" % (seconds, what))
        time.sleep(0.02)


class Secrets:
    """Every key and token that a test gives to a program, and every place where one came out again."""
    planted, leaks = set(), []
    KEPT_IN = ("songbookd.keys", ".conf", "token", "trace", ".sock", "sock", ".lastfm", ".listenbrainz")   # where they may stand

    @classmethod
    def plant(cls, value):
        if isinstance(value, str) and len(value) >= 16:
            cls.planted.add(value.encode())

    @classmethod
    def look(cls, where, data):
        if isinstance(data, str):
            data = data.encode("utf-8", "replace")
        for key in cls.planted:
            if data and key in data:
                cls.leaks.append("%s: ...%r..." % (where, data[max(0, data.index(key) - 60):data.index(key) + 20]))

    @classmethod
    def look_into(cls, folder):
        """Database, events, whatever a daemon wrote beside them."""
        for path in pathlib.Path(folder).rglob("*"):
            if path.is_file() and not path.name.endswith(cls.KEPT_IN) and path.stat().st_size < 64 << 20:
                try:
                    cls.look(path.name, path.read_bytes())
                except OSError:
                    pass


@pytest.fixture(autouse=True)
def no_key_comes_out():
    """In no answer, log, event, error, file or output of a program: for every test there is."""
    Secrets.leaks.clear()
    yield
    assert not Secrets.leaks, "a key came out again:\n" + "\n".join(Secrets.leaks)


_run = subprocess.run


def run_and_look(*args, **kw):
    done = _run(*args, **kw)
    for name in ("stdout", "stderr"):
        Secrets.look(name + " of a program", getattr(done, name))
    return done


subprocess.run = run_and_look


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()
        Secrets.look("answer", self.body)
        Secrets.look("header of an answer", repr(self.headers))

    @property
    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def clean_environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SONGBOOKD_", "LASTFM", "LISTENBRAINZ"))}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
    env.update(extra or {})
    return env


class Daemon:
    """One songbookd over the folder `songs` below `home`."""

    def __init__(self, home, fake=None, key=True, args=(), env=None, folders=None, token=True):
        self.home = pathlib.Path(home)
        self.songs = self.home / "songs"
        self.songs.mkdir(exist_ok=True)
        self.database = self.home / "songbook.db"
        self.socket = self.home / "sock"
        self.fake, self.key, self.token, self.args, self.env = fake, key, token, list(args), dict(env or {})
        self.folders = folders if folders is not None else [str(self.songs)]
        self.process = None
        self.log = ""

    # --- files ------------------------------------------------------------------------
    def add_song(self, name, size=0, age=60, folder=None):
        """Makes a file whose last change lies `age` seconds back; name may be bytes."""
        base = os.fsencode(folder or self.songs)
        path = os.path.join(base, os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(b"x" * size)
        when = time.time() - age
        os.utime(path, (when, when))
        return path

    # --- life -------------------------------------------------------------------------
    def command(self, *more):
        options = ["--config", os.devnull, "--database", str(self.database), "--socket", str(self.socket), "--listen", "127.0.0.1:0"]
        if self.fake:
            options += [part for setting in self.fake.settings for part in ("--set", setting)]
        else:
            options += ["--set", "listenbrainz.enabled=no"]     # nothing leaves this machine
        return [str(BUILD / "songbookd"), *options, *self.args, *more, *self.folders]

    def environment(self):
        env = clean_environment(self.env)
        if self.fake and self.key:
            env.setdefault("LASTFM_API_KEY", self.fake.lastfm_key)
        if self.fake and self.token:
            env.setdefault("LISTENBRAINZ_TOKEN", self.fake.token)
        for name in ("LASTFM_API_KEY", "LISTENBRAINZ_TOKEN"):
            Secrets.plant(env.get(name))
        for arg in self.args:
            if str(arg).startswith("server.token_file="):
                try:
                    Secrets.plant(pathlib.Path(arg.split("=", 1)[1]).read_text().strip())
                except OSError:
                    pass
        return env

    def start(self, *more, ready=True):
        self.log = ""
        self.address = None
        self.process = subprocess.Popen(self.command(*more), env=self.environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines = threading.Thread(target=self._read_log, args=(self.process,), daemon=True)
        self._lines.start()
        self.stdout = b""
        self._out = threading.Thread(target=self._read_out, args=(self.process,), daemon=True)
        self._out.start()
        if ready:
            wait_for(lambda: self.address or self.process.poll() is not None, "the daemon to listen")
            assert self.address, "the daemon did not start:\n" + self.log
        return self

    def _read_log(self, process):
        for line in process.stderr:
            text = line.decode("utf-8", "replace")
            Secrets.look("log", line)
            self.log += text
            if "listening address=http://" in text:
                self.address = text.split("address=http://")[1].strip()

    def _read_out(self, process):
        for chunk in iter(lambda: process.stdout.read1(65536), b""):
            self.stdout += chunk
        Secrets.look("stdout of the daemon", self.stdout)

    def wait(self, seconds=PATIENCE):
        code = self.process.wait(seconds)
        self._lines.join(PATIENCE)
        self._out.join(PATIENCE)
        Secrets.look_into(self.home)
        return code

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            code = self.wait()
            assert code == 0, "exit code %d\n%s" % (code, self.log)
        assert "ERROR: " not in self.log and "runtime error" not in self.log, self.log

    def kill(self):
        self.process.kill()
        self.wait()

    # --- talking ------------------------------------------------------------------------
    def connection(self, timeout=PATIENCE):
        host, port = self.address.rsplit(":", 1)
        return http.client.HTTPConnection(host, int(port), timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None, raw=None):
        c = connection or self.connection()
        send = dict(headers or {})
        for name, value in (body.items() if isinstance(body, dict) and method == "PATCH" else ()):
            if str(name).startswith("API_KEYS."):
                Secrets.plant(value)
        data = raw
        if body is not None or method in ("POST", "PATCH"):
            data = json.dumps(body if body is not None else {}).encode() if raw is None else raw
            send.setdefault("Content-Type", "application/json")
        c.request(method, path if path.startswith("/") else "/api/v1/" + path, data, send)
        answer = Answer(c.getresponse())
        if connection is None:
            c.close()
        contract.check(method, path if path.startswith("/") else "/api/v1/" + path, body, answer)
        return answer

    def get(self, path, **kw):
        answer = self.request("GET", path, **kw)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def post(self, path, body=None, **kw):
        return self.request("POST", path, body, **kw)

    def patch(self, song_id, **fields):
        """With the ETag read right before; again when the worker changed the song just between the two."""
        for _ in range(20):
            tag = self.request("GET", "songs/%d" % song_id).headers["etag"]
            answer = self.request("PATCH", "songs/%d" % song_id, fields, headers={"If-Match": tag})
            if answer.status != 412:
                break
        return answer

    def songs_list(self, query=""):
        """Every song of all pages."""
        found, cursor = [], ""
        while True:
            page = self.get("songs?limit=500" + ("&" + query if query else "") + cursor)
            found += page["songs"]
            if not page["next"]:
                return found
            cursor = "&cursor=" + page["next"]

    def song(self, part):
        """The one song whose file name holds `part`, when it is listed."""
        found = wait_for(lambda: [s for s in self.songs_list() if part in s["file_path"]], "a song with '%s' in its name" % part)
        assert len(found) == 1, (part, found)
        return found[0]

    def wait_listed(self, count):
        return wait_for(lambda: self.get("progress")["total"] == count, "%d songs to be listed" % count)

    def wait_done(self, seconds=PATIENCE):
        """Until the library is read and the queue is empty."""
        return wait_for(lambda: (p := self.get("progress"))["queue_remaining"] == 0 and not p["scan"]["running"] and p["total"] and p,
                        "the queue to be empty", seconds)


def pytest_sessionfinish(session):
    """A worker process tells what its tests asked. An operation of the API that nobody asks is described in vain: it fails a whole run."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["asked"] = sorted(contract.asked)
    elif is_whole(session.config) and not session.testsfailed and contract.operations() - contract.asked:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def is_whole(config):
    here = pathlib.Path(__file__).resolve().parent
    return [pathlib.Path(a).resolve() for a in config.args] == [here] and not config.option.keyword and not config.option.collectonly


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    contract.asked.update(tuple(x) for x in getattr(node, "workeroutput", {}).get("asked", []))


def pytest_terminal_summary(terminalreporter):
    never = sorted(contract.operations() - contract.asked)
    terminalreporter.write_line("operations of the API that fit their description: %d; not asked: %s"
                                % (len(contract.asked), ", ".join("%s %s" % x for x in never) or "none"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows the log of its daemon."""
    report = (yield).get_result()
    d = item.funcargs.get("daemon") if hasattr(item, "funcargs") else None
    if report.failed and getattr(d, "log", ""):
        report.sections.append(("log of the daemon", d.log[-8000:]))


@pytest.fixture
def fake():
    providers = FakeProviders(Catalogue([
        Song("ABBA", "Dancing Queen", 1976, ["pop", "disco"]),
        Song("Queen", "Bohemian Rhapsody", 1975, ["rock"], reissue=2011),
        Song("Adele", "Rolling in the Deep", 2010, ["soul"]),
        Song("Oasis", "Wonderwall", 1995, ["britpop"]),
        Song("AC/DC", "Highway to Hell", 1979, ["hard rock"]),
    ]), limits=False).start()
    yield providers
    providers.stop()


@pytest.fixture
def daemon(tmp_path, fake):
    """Not started: tests add songs first, then daemon.start()."""
    d = Daemon(tmp_path, fake, args=FAST)
    yield d
    d.stop()


@pytest.fixture
def make_daemon(tmp_path):
    made = []

    def make(name="d", **kw):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        made.append(Daemon(home, **kw))
        return made[-1]
    yield make
    for d in made:
        d.stop()


@pytest.fixture
def still(make_daemon, fake):
    """A daemon whose worker waits for `worker/start`."""
    return make_daemon(fake=fake, args=["--set", "enrichment.autostart=no", "--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])


def started(d, *names):
    for name in names:
        d.add_song(name)
    d.start()
    d.wait_listed(len(names))
    wait_for(lambda: not d.get("scan")["running"], "the end of the scan")
    return d
