#!/usr/bin/env python3
"""The measurements of test/bench/run. Every figure is printed with what it is compared with, in the same run.

Needs a release build in build/. Uses only 127.0.0.1 and temporary folders; each bench ends by itself.
"""
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SONGBOOKD_BUILD", str(ROOT / "build"))
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "test/integration")]
from conftest import BUILD, Daemon, wait_for  # noqa: E402
from fake.catalogue import Catalogue  # noqa: E402
from fake.pikaraoke import StandIn  # noqa: E402
from fake.providers import FakeProviders  # noqa: E402

TEMP = os.environ.get("SONGBOOKD_BENCH_DIR")    # where the libraries are made; default the system's
FILES = int(os.environ.get("SONGBOOKD_BENCH_FILES", 100000))


def say(text):
    print(text, flush=True)


def fill(folder, count):
    """Empty files with names of every shape, made in the same way in every run; aged so that they are complete."""
    shapes = ["Band of %05d - Tune Number %05d (Karaoke Version)---%s.mp4",
              "Tune Number %05d - Singer %05d | Karaoke Version | KaraFun [%s].mp4",
              "Song %05d in the style of Artist %05d karaoke---%s.mp4", "Group_%05d_-_Track_%05d_%s.webm"]
    old = time.time() - 3600
    for i in range(count):
        ident = "%011d" % i
        path = os.path.join(folder, shapes[i % len(shapes)] % (i // 7, i, ident))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        os.utime(path, (old, old))


class Place:
    """A temporary home for a daemon, removed at the end."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="songbookd-bench-", dir=TEMP))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def memory_kb(pid):
    rows = (line.partition(":") for line in open("/proc/%d/status" % pid))
    return {key: int(value.split()[0]) for key, _, value in rows if key in ("VmRSS", "VmHWM")}


def make_tls(home):
    cert, key = str(home / "cert.pem"), str(home / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


def worst_gap(times, below):
    return sum(1 for a, b in zip(times, times[1:]) if b - a < below)


# --- budget -----------------------------------------------------------------------------------
def bench_budget():
    """share of the request budget that is used, and the limits"""
    for low, high in ((0.05, 0.25), (0.4, 1.2)):
        fake = FakeProviders(Catalogue(any_share=1.0), limits=False, latency=(low, high)).start()
        with Place() as home:
            d = Daemon(home, fake)
            for i in range(200):
                d.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
            d.start()
            wait_for(lambda: fake.requests("lastfm") >= 150, "150 requests", 120)
            times = list(fake.arrivals["lastfm"])
            mb = list(fake.arrivals["musicbrainz"])
            d.stop()
            rate = (len(times) - 1) / (times[-1] - times[0])
            say("budget: answers after %.0f+-%.0f ms: Last.fm %.2f requests/s = %.1f %% of 5/s (at least 97)"
                % ((low + high) * 500, (high - low) * 500, rate, rate * 20))
            say("        most in any second %d (5); in flight %d" % (fake.worst_window("lastfm"), fake.peak["lastfm"]))
            say("        MusicBrainz %.2f requests/s; two within a second: %d (0); in flight %d (1)"
                % ((len(mb) - 1) / (mb[-1] - mb[0]) if len(mb) > 1 else 0, worst_gap(mb, 1.0), fake.peak["musicbrainz"]))
        fake.stop()


def bench_songs():
    """1,000 songs that the providers know, at the real limits"""
    for what, args in (("all providers", []), ("without ListenBrainz", ["--set", "listenbrainz.enabled=no"])):
        fake = FakeProviders(Catalogue(any_share=1.0), limits=True, latency=(0.05, 0.25)).start()
        with Place() as home:
            d = Daemon(home, fake, args=args)
            for i in range(1000):
                d.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
            began = time.monotonic()
            d.start()
            wait_for(lambda: d.get("progress")["by_status"]["enriched"] >= 1000, "1,000 enriched songs", 900)
            say("songs: 1,000 songs named in %.0f s (under 300), %s; refused for the rate: %s (none)"
                % (time.monotonic() - began, what, fake.broken or "none"))
            d.stop()
        fake.stop()


# --- scan ---------------------------------------------------------------------------------------
def scan_ms(d):
    """Duration of the last scan as the daemon measured it; asked seldom, so that asking does not disturb."""
    while (s := d.get("scan"))["running"] or not s["finished_at"]:
        time.sleep(0.2)
    return s["duration_ms"]


def floor(*args):
    out = subprocess.run([str(BUILD / "floor_scan"), *map(str, args)], capture_output=True, text=True, check=True).stdout
    return float(out.split()[0]), out.strip()


def bench_scan():
    """first scan and unchanged rescan against a plain C loop"""
    with Place() as home:
        d = Daemon(home, args=["--set", "enrichment.autostart=no", "--set", "library.watch=no"])
        fill(d.songs, FILES)
        os.listdir(d.songs)
        firsts, floors, agains, again_floors, written = [], [], [], [], 0
        for _ in range(5):
            for f in home.glob("songbook.db*"):
                f.unlink()
            d.start()
            firsts.append(scan_ms(d))
            d.wait_listed(FILES)
            before = transactions_at_rest(d)
            d.post("scan")    # it runs when this is answered
            agains.append(scan_ms(d))
            written += transactions(d) - before
            d.stop()
            for f in home.glob("floor.db*"):
                f.unlink()
            ms, text = floor("fill", d.songs, d.database, home / "floor.db")
            floors.append(ms)
            again_floors.append(floor("again", d.songs, d.database)[0])
        say("scan: %d files, five rounds; floor: %s" % (FILES, text.split(": ", 1)[1]))
        say("      first scan with parsing %s ms, floor %s ms: ratio %.2f of the medians (at most 1.8)"
            % (rounded(firsts), rounded(floors), statistics.median(firsts) / statistics.median(floors)))
        say("      unchanged rescan %s ms, floor %s ms: ratio %.2f (at most 1.3); transactions written: %d (0)"
            % (rounded(agains), rounded(again_floors), statistics.median(agains) / statistics.median(again_floors), written))
        size = sum(f.stat().st_size for f in home.glob("songbook.db*"))
        say("      database %.0f MB, %.2f kB a song" % (size / 1e6, size / 1e3 / FILES))


def transactions(d):
    return d.get("progress")["store"]["transactions"]


def transactions_at_rest(d):
    """Once the names of the whole library are decided, which takes some more of them."""
    last = -1
    while last != (now := transactions(d)):
        last = now
        time.sleep(1.5)
    return now


def rounded(values):
    return "/".join("%.0f" % v for v in values)


# --- latency ------------------------------------------------------------------------------------
PATHS = ["/api/v1/health", "/api/v1/progress", "/api/v1/songs?limit=50"]
CONNECTIONS, RATE = 50, 500


def start_load(address, seconds=600):
    return subprocess.Popen([str(ROOT / "build/load"), *address.rsplit(":", 1), str(CONNECTIONS), str(RATE), str(seconds), *PATHS],
                            stdout=subprocess.PIPE, text=True)


def end_load(process):
    """{path: (count, p50, p99, worst)} in ms, of PATHS asked in turn by the same connections."""
    process.terminate()
    out = process.communicate()[0]
    assert process.returncode == 0, "the load ended early: " + out
    return {r[0]: (int(r[1]), *map(float, r[2:])) for r in map(str.split, out.splitlines())}


def latency_round():
    with Place() as home:
        cert, key = make_tls(home)
        fake = FakeProviders(Catalogue(any_share=1.0), limits=False, latency=(0.05, 0.25), tls=(cert, key)).start()
        d = Daemon(home, fake, args=["--set", "lastfm.ca_file=" + cert, "--set", "musicbrainz.ca_file=" + cert])
        fill(d.songs, FILES)
        d.start()
        running = start_load(d.address)
        while (now := d.get("progress"))["scan"]["running"] or not now["scan"]["finished_at"]:
            time.sleep(0.2)
        times = end_load(running)
        asked = fake.requests("lastfm") + fake.requests("musicbrainz")
        d.stop()
        fake.stop()
    return times, now, asked


def bench_latency():
    """answers while a first scan and a full-rate enrichment over https run"""
    ratios = {p: [] for p in PATHS}
    for _ in range(3):
        times, now, asked = latency_round()
        say("latency: first scan of %d files in %d ms, %d answers over https meanwhile; %d requests a second on %d connections"
            % (now["scan"]["files"], now["scan"]["duration_ms"], asked, RATE, CONNECTIONS))
        for path in PATHS:
            count, p50, p99, worst = times[path]
            ratios[path].append(p99 / times[PATHS[0]][2])
            say("         %-22s %5d times: p50 %.2f ms, p99 %.2f ms, worst %.1f ms; p99 %.2f of that of /health"
                % (path, count, p50, p99, worst, ratios[path][-1]))
        say("         worst loop turn %.2f ms of CPU (at most 5), %.2f ms on the wall; worst transaction %d ms"
            % (now["loop"]["worst_turn_cpu_ms"], now["loop"]["worst_turn_ms"], now["store"]["worst_transaction_ms"]))
    say("latency: medians of the three rounds: p99 of /progress %.2f, of /songs %.2f times that of /health (at most 3)"
        % tuple(statistics.median(ratios[p]) for p in PATHS[1:]))


# --- the dashboard ----------------------------------------------------------------------------------
TYPED = ("b", "ba", "band", "band of 0", "band of 012", "band of 01234", "tune", "tune number 00", "tune number 01230", "singer 077", "s", "song in",
         "artist 099", "karaoke", "0", "04", "no such name")


NOTHING = "one song, beside them"      # one row read on the pool: what machine and scheduler take


def dashboard_asks(d, connection):
    """(kind, server's milliseconds) of what a person at the dashboard causes."""
    times = []

    def ask(kind, path):
        for k, p in ((NOTHING, "songs/1"), (kind, path)):
            answer = d.request("GET", p, connection=connection)
            assert answer.status == 200, (p, answer.body)
            times.append((k, float(re.search(r"app;dur=([\d.]+)", answer.headers["server-timing"]).group(1))))
        return answer.json
    for path in ("progress", "worklist", "songs?limit=50&sort=artist", "review?limit=20"):
        ask("first view", path)
    for text in TYPED:
        ask("search as you type", "songs?limit=50&sort=artist&q=" + text.replace(" ", "%20"))
    for start in ("songs?limit=50&sort=artist", "songs?limit=50&sort=-confidence", "songs?limit=50&sort=title&q=tune", "review?limit=20"):
        path = start
        for _ in range(8):
            following = ask("page turn", path)["next"]
            if following is None:
                break
            path = start + "&cursor=" + following
    for path in ("no_year=true", "no_genre=true&sort=title", "order_unsure=true", "duplicate=true", "vendor=karafun", "genre_group=rock&sort=artist", "decade=1980", "below=0.7&sort=confidence",
                 "status=enriched&sort=artist", "language=de", "source=lastfm&sort=artist", "presence=absent", "added_since=2026-01-01&sort=-added"):
        ask("filters", "songs?limit=50&" + path)
    return times


def bench_dashboard():
    """the dashboard's requests while a full-rate enrichment runs"""
    fake = FakeProviders(Catalogue(any_share=1.0), limits=False, latency=(0.05, 0.25)).start()
    with Place() as home:
        d = Daemon(home, fake)
        fill(d.songs, FILES)
        d.start()
        scan_ms(d)
        before = fake.requests("lastfm") + fake.requests("musicbrainz")
        connection, began, times, best = d.connection(), time.monotonic(), [], {}
        for _ in range(20):
            of_round = dashboard_asks(d, connection)
            times += of_round
            for i, (kind, ms) in enumerate(of_round):     # the same request of each round: what it takes when nobody else has the core
                best[kind, i] = min(ms, best.get((kind, i), ms))
        took = time.monotonic() - began
        asked = fake.requests("lastfm") + fake.requests("musicbrainz") - before
        say("dashboard: %d songs, %d requests in %.0f s, %.1f requests a second to the providers meanwhile; time in the server"
            % (d.get("progress")["total"], len(times) // 2, took, asked / took))
        for kind in ("first view", "search as you type", "page turn", "filters", NOTHING):
            of_kind = sorted(ms for k, ms in times if k == kind)
            say("           %-21s %5d times: p50 %.2f ms, p99 %.2f ms (below 10), worst %.2f ms"
                % (kind, len(of_kind), statistics.median(of_kind), of_kind[len(of_kind) * 99 // 100], of_kind[-1]))
        undisturbed = {kind: max(ms for (k, _), ms in best.items() if k == kind) for kind, _ in best}
        say("           the best of the 20 rounds for each request, the dearest of them: %s"
            % ", ".join("%s %.2f ms" % (kind, ms) for kind, ms in undisturbed.items()))
        d.stop()
    fake.stop()


# --- the songbook -----------------------------------------------------------------------------------
BOOK = 10000
BOOKS = {"the page, by artist": "format=html", "the page, by title, 3 columns": "format=html&by=title&columns=3", "CSV": "format=csv", "JSON": "format=json",
         "JSON of a search": "format=json&q=tune"}


def whole(connection, path):
    """(ms until the last byte was read, the body)"""
    began = time.perf_counter()
    connection.request("GET", "/api/v1/" + path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (path, answer.status)
    return (time.perf_counter() - began) * 1000, body


def page_through(connection):
    """The same songs as a client would fetch them without the songbook: pages of 500. (ms, bytes)"""
    ms, size, path, n = 0, 0, "songs?limit=500&sort=artist", 0
    while path:
        took, body = whole(connection, path)
        page = json.loads(body)
        ms, size, n = ms + took, size + len(body), n + len(page["songs"])
        path = page["next"] and "songs?limit=500&sort=artist&cursor=" + page["next"]
    assert n == BOOK
    return ms, size


def book_round(connection, times):
    for kind, query in BOOKS.items():
        ms, body = whole(connection, "songbook?" + query)
        times.setdefault(kind, []).append((ms, len(body), whole(connection, "health")[0]))
    times.setdefault("pages of 500", []).append((*page_through(connection), whole(connection, "health")[0]))


def bench_songbook():
    """the whole songbook as a page, CSV and JSON: at rest, and while a full-rate enrichment runs"""
    fake = FakeProviders(Catalogue(any_share=1.0), limits=False, latency=(0.05, 0.25)).start()
    with Place() as home:
        d = Daemon(home, fake)
        fill(d.songs, BOOK)
        for state in ("at rest", "while it works"):
            d.args = ["--set", "enrichment.autostart=no"] if state == "at rest" else []
            d.start()
            d.wait_listed(BOOK)
            if state != "at rest":
                d.post("worker/start")
            connection, times = d.connection(), {}
            for _ in range(10):
                book_round(connection, times)
            say("songbook: %d songs, %s, until the last byte is read, ten times" % (BOOK, state))
            for kind, rows in times.items():
                ms = sorted(r[0] for r in rows)
                say("          %-30s median %.0f ms, worst %.0f ms (below 1000), %.1f MB; /health beside it %.2f ms"
                    % (kind, statistics.median(ms), ms[-1], rows[0][1] / 1e6, statistics.median(r[2] for r in rows)))
            d.stop()
    fake.stop()


# --- memory and rest ------------------------------------------------------------------------------
EMULATOR = os.environ.get("SONGBOOKD_EMULATOR", "").split()     # "qemu-aarch64-static -L SYSROOT": for a build of another machine


class Emulated(Daemon):
    def command(self, *more):
        return [*EMULATOR, *super().command(*more)]


def translated_kb(pid):
    """What the emulator holds of translated code: the only memory that it writes and executes."""
    kb, counts = 0, False
    for line in open("/proc/%d/smaps" % pid):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = line.split()[1].startswith("rwx")
        elif counts and line.startswith("Rss:"):
            kb += int(line.split()[1])
    return kb


def bench_memory():
    """resident memory"""
    with Place() as home:
        cert, key = make_tls(home)
        fake = FakeProviders(Catalogue(any_share=1.0), limits=False, tls=(cert, key)).start()
        for count, limit in ((10000, 20), (FILES, 30)):
            sub = home / str(count)
            sub.mkdir()
            d = Emulated(sub, fake, args=["--set", "lastfm.ca_file=" + cert, "--set", "musicbrainz.ca_file=" + cert])
            fill(d.songs, count)
            d.start()
            wait_for(lambda: d.get("progress")["total"] == count, "%d songs to be listed" % count, 600)
            wait_for(lambda: fake.requests("lastfm") > 3 and fake.requests("musicbrainz") > 1, "TLS requests")
            running = start_load(d.address) if count > 10000 else None
            time.sleep(5)
            used = memory_kb(d.process.pid)
            if running:
                end_load(running)
            say("memory: %d songs after TLS requests%s: RSS %.1f MB (at most %d), peak %.1f MB"
                % (count, ", 50 connections" if count > 10000 else "", used["VmRSS"] / 1024, limit, used["VmHWM"] / 1024))
            if EMULATOR:
                say("        with the emulator, whose translated code takes %.1f MB of it" % (translated_kb(d.process.pid) / 1024))
            d.stop()
            fake.arrivals["lastfm"].clear()
            fake.arrivals["musicbrainz"].clear()
        fake.stop()


def switches(pid):
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", open(t / "status").read(), re.M).group(1))
               for t in pathlib.Path("/proc/%d/task" % pid).iterdir())


def bench_idle():
    """wake-ups at rest"""
    fake = FakeProviders(Catalogue(any_share=1.0), limits=False).start()
    with Place() as home:
        d = Daemon(home, fake, args=["--set", "lastfm.rate=200", "--set", "musicbrainz.rate=200"])
        for i in range(20):
            d.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
        d.start()
        d.wait_done()
        pid = d.process.pid
        # it comes to rest within a few seconds (tidying, the last connection's time-out)
        wait_for(lambda: quiet(pid), "rest", 90)
        before = switches(pid)
        time.sleep(10)
        say("idle: %d wake-ups in 10 s with the worker done and nobody connected (0)" % (switches(pid) - before))
        d.stop()
    fake.stop()


def quiet(pid):
    before = switches(pid)
    time.sleep(2)
    return switches(pid) == before


# --- beside PiKaraoke ---------------------------------------------------------------------------
LISTED = int(os.environ.get("SONGBOOKD_BENCH_LISTED", 40000))


class Meter:
    """Time, bytes to the disk and memory of the daemon since it was made."""

    def __init__(self, d):
        self.pid, self.began, self.bytes = d.process.pid, time.monotonic(), written_bytes(d.process.pid)

    def __str__(self):
        kb = memory_kb(self.pid)
        return "%.1f s, %.1f MB written (%.2f kB a song), RSS %.1f MB, peak %.1f MB" % (
            time.monotonic() - self.began, (written_bytes(self.pid) - self.bytes) / 1e6, (written_bytes(self.pid) - self.bytes) / 1e3 / LISTED,
            kb["VmRSS"] / 1024, kb["VmHWM"] / 1024)


def written_bytes(pid):
    return int(next(line.split()[1] for line in open("/proc/%d/io" % pid) if line.startswith("write_bytes")))


def writes_of(stand_in, end):
    """Plays songs as fast as it may until told; the worst wait in ms."""
    rows = stand_in.songs()
    stand_in.worst = stand_in.worst_lock = 0
    number = 0
    while not end():
        stand_in.start_song(rows[number % len(rows)])
        stand_in.end_song()
        number += 1
        time.sleep(0.02)
    return number * 2, stand_in.worst_lock * 1000, stand_in.worst * 1000


def bench_pikaraoke():
    """a list of PiKaraoke's followed, published, and its folder renamed"""
    with Place() as home:
        songs = home / "pksongs"
        songs.mkdir()
        fill(songs, LISTED)
        stand_in = StandIn(home / "pk" / "pikaraoke.db", songs)
        began = time.monotonic()
        stand_in.scan()
        own = time.monotonic() - began
        d = Daemon(home, args=["--pikaraoke-db", stand_in.database, "--set", "enrichment.autostart=no"], folders=[])
        d.start()
        m = Meter(d)
        wait_for(lambda: d.get("pikaraoke")["complete"], "the list to be read", 600)
        say("pikaraoke: %d songs; the stand-in's own first scan %.1f s\n      follow  %s" % (LISTED, own, m))
        began = time.monotonic()
        stand_in.download("Fresh - Song---%011d.mp4" % 7)
        wait_for(lambda: d.get("progress")["total"] == LISTED + 1, "the new song", 60)
        say("      one new song seen after %.1f s; a pass over the unchanged rest %d ms"
            % (time.monotonic() - began, d.get("pikaraoke")["last_pass_ms"]))
        size = sum(f.stat().st_size for f in (home / "pk").glob("pikaraoke.db*"))
        m = Meter(d)
        d.request("PATCH", "settings", {"pikaraoke.publish": True})
        published = lambda: d.get("pikaraoke")["publish"]["published"] > LISTED    # noqa: E731
        count, lock, worst = writes_of(stand_in, published)
        p = d.get("pikaraoke")["publish"]
        say("      publish %s" % m)
        say("      %d transactions; lock at most %.1f ms (20), in sum %.0f ms = %.2f %% of the time; found locked %d times, stalls %d"
            % (p["transactions"], p["longest_lock_ms"], p["summed_lock_ms"], p["summed_lock_ms"] / 10 / (time.monotonic() - m.began), p["busy"],
               p["stalls"]))
        say("      meanwhile %d writes of the stand-in, worst wait for the lock %.1f ms (250), worst write with its fsync %.1f ms, errors %d (0)"
            % (count, lock, worst, len(stand_in.errors)))
        say("      its database %.1f -> %.1f MB with its log" % (size / 1e6, sum(f.stat().st_size for f in (home / "pk").glob("pikaraoke.db*")) / 1e6))
        os.rename(songs, home / "renamed")
        m = Meter(d)
        began = time.monotonic()
        stand_in.change_folder(home / "renamed")
        own = time.monotonic() - began
        moved = "SELECT count(*) FROM songs WHERE file_path LIKE '%/renamed/%' AND present = 1"
        db = sqlite3.connect("file:%s?mode=ro" % d.database, uri=True)
        wait_for(lambda: db.execute(moved).fetchone()[0] > LISTED, "the songs to move", 600)
        db.close()
        say("      folder renamed (the stand-in took %.1f s): %s" % (own, m))
        d.stop()
        stand_in.close()


def bench_names():
    """reading names, the library as evidence"""
    out = subprocess.run([str(pathlib.Path(os.environ["SONGBOOKD_BUILD"]) / "names"), str(ROOT / "test/data/names.tsv")],
                         capture_output=True, text=True, errors="backslashreplace", check=True).stdout
    for row in out.splitlines():
        say("names: " + row)


# --- the card -------------------------------------------------------------------------------------
def disk_written(d):
    """Bytes that this daemon sent, or will send, to the disk."""
    rows = dict(line.split(": ") for line in open("/proc/%d/io" % d.process.pid).read().splitlines())
    return int(rows["write_bytes"])


def cpu_seconds(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def enrich_for(seconds, *options):
    """(enriched, bytes, transactions, CPU seconds) of a daemon that works so long at the default pace."""
    fake = FakeProviders(Catalogue(any_share=1.0), limits=False, latency=(0.05, 0.25)).start()
    with Place() as home:
        d = Daemon(home, fake, args=["--set", "listenbrainz.enabled=no", *options])
        fill(d.songs, 2000)
        d.start("--set", "enrichment.autostart=no")
        d.wait_listed(2000)
        wait_for(lambda: quiet(d.process.pid), "rest", 90)
        before, cpu, tx = disk_written(d), cpu_seconds(d.process.pid), transactions(d)
        d.post("worker/start")
        time.sleep(seconds)
        d.post("worker/stop")
        wait_for(lambda: quiet(d.process.pid), "rest", 90)
        p = d.get("progress")
        out = (p["by_status"]["enriched"], disk_written(d) - before, p["store"]["transactions"] - tx, cpu_seconds(d.process.pid) - cpu)
        d.stop()
    fake.stop()
    return out


def bench_card():
    """bytes written for an enriched song, gathered and each stored by itself"""
    if "write_bytes" not in open("/proc/self/io").read():
        say("card: this kernel does not count what a process writes")
        return
    songs, written, tx, cpu = enrich_for(40)
    alone, alone_written, alone_tx, _ = enrich_for(40, "--set", "enrichment.gather=no")
    say("card: at the default pace %d songs enriched in %d transactions: %.1f kB written a song (below 32), %.2f ms of CPU a song"
        % (songs, tx, written / 1e3 / songs, cpu * 1e3 / songs))
    say("      each stored by itself, %d songs in %d transactions: %.1f kB a song; ratio %.2f (at most 0.25)"
        % (alone, alone_tx, alone_written / 1e3 / alone, (written / songs) / (alone_written / alone)))


def marks(folder):
    """Size and times of all that lies there, that of last access with them: a changed one is written to the disk, too."""
    return {path: (s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_atime_ns)
            for path in [folder, *folder.rglob("*")] if (s := path.lstat())}


def bench_rest():
    """what is written at rest: to the disk and to the log"""
    fake = FakeProviders(Catalogue(any_share=1.0), limits=False).start()
    with Place() as home:
        d = Daemon(home, fake, args=["--set", "lastfm.rate=200", "--set", "musicbrainz.rate=200", "--set", "library.rescan_minutes=1"])
        for i in range(20):
            d.add_song("Band %d - Tune %d (Karaoke).mp4" % (i, i))
        d.start()
        d.wait_done()
        wait_for(lambda: quiet(d.process.pid), "rest", 90)
        before, lines, was = disk_written(d), d.log.count("\n"), marks(home)
        time.sleep(180)     # with three scans in it: none of them may write
        new = d.log.split("\n")[lines:-1]
        others = [line for line in new if "full scan finished" not in line]
        say("rest: in 180 s with a scan each minute %d bytes written to the disk (0); %d lines in the log for scans, %.2f others a minute (below 1)"
            % (disk_written(d) - before, len(new) - len(others), len(others) / 3))
        changed = [path.name for path, mark in marks(home).items() if was.get(path) != mark]
        say("      files and folders with another size or time, that of last access with them: %s (none)" % (" ".join(changed) or "none"))
        for line in others:
            say("      " + line)
        d.stop()
    fake.stop()


def bench_start():
    """start to the first answer, with a library of many songs"""
    with Place() as home:
        d = Daemon(home, args=["--set", "enrichment.autostart=no"])
        fill(d.songs, FILES)
        d.start()
        d.wait_listed(FILES)
        d.stop()
        times = []
        for _ in range(5):
            began = time.monotonic()
            d.start()
            d.request("GET", "songs?limit=50")
            times.append((time.monotonic() - began) * 1000)
            d.stop()
        say("start: %d songs: first answer with 50 songs after %s ms (a new process, the log read by Python)" % (FILES, rounded(times)))


BENCHES = {"names": bench_names, "scan": bench_scan, "latency": bench_latency, "dashboard": bench_dashboard, "songbook": bench_songbook,
           "memory": bench_memory, "idle": bench_idle, "card": bench_card, "rest": bench_rest, "start": bench_start,
           "budget": bench_budget, "songs": bench_songs, "pikaraoke": bench_pikaraoke}


def main():
    names = sys.argv[1:] or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            sys.exit("there is no bench '%s'; there are: %s" % (name, " ".join(BENCHES)))
    for name in names:
        BENCHES[name]()


if __name__ == "__main__":
    main()
