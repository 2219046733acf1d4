"""The songbook over HTTP against the real daemon: a page to print, CSV, JSON; guests."""
import base64
import csv
import hashlib
import html.parser
import io
import re
import sqlite3
import subprocess
import time
from urllib.parse import quote

from conftest import BUILD, clean_environment, PATIENCE, started, wait_for


class Reader(html.parser.HTMLParser):
    """The page as a list of (tag, text); refuses tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.attributes = [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attributes):
        self.attributes += [k for k, _ in attributes]
        if tag not in ("meta",):
            self.open.append(tag)
        self.rows.append((tag, ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and data.strip():
            tag, text = self.rows[-1]
            self.rows[-1] = (tag, text + data)

    def texts(self, *tags):
        return [text.strip() for tag, text in self.rows if tag in tags]


def page(d, query="", path="/api/v1/songbook"):
    answer = d.request("GET", path + query)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer, Reader(answer.body.decode())


def rows(d, query=""):
    answer = d.request("GET", "songbook?format=csv" + query)
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert b"\r\n" in answer.body and b"\n" not in answer.body.replace(b"\r\n", b"")
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def test_by_artist_with_letters_and_by_title(still):
    started(still, "Queen - Innuendo.mp4", "ABBA - Waterloo.mp4", "ABBA - Dancing Queen.mp4", "Björk - Army of Me.mp4", "2 Unlimited - No Limit.mp4")
    _, by_artist = page(still)
    assert by_artist.texts("h2") == ["#", "A", "B", "Q"]
    assert by_artist.texts("h3") == ["2 Unlimited", "ABBA", "Björk", "Queen"]
    assert by_artist.texts("li") == ["No Limit", "Dancing Queen", "Waterloo", "Army of Me", "Innuendo"]
    _, by_title = page(still, "?by=title")
    assert by_title.texts("h2") == ["A", "D", "I", "N", "W"] and by_title.texts("h3") == []
    assert by_title.texts("li")[0] == "Björk - Army of Me"
    still.request("PATCH", "settings", {"dashboard.order": "title-artist"})
    _, turned = page(still, "?by=title&title=Friday+night&columns=3")
    assert turned.texts("li")[0] == "Army of Me - Björk" and turned.texts("h1") == ["Friday night"]


def test_filters_of_songs_and_only_the_verified(still):
    started(still, "Queen - Innuendo.mp4", "ABBA - Waterloo.mp4", "Toto - Africa.mp4")
    still.patch(still.song("Waterloo")["id"], verified=True, year=1974)
    assert page(still, "?verified=true")[1].texts("li") == ["Waterloo"]
    assert page(still, "?decade=1970")[1].texts("small")[0] == "1974"
    assert page(still, "?min_confidence=1")[1].texts("h3") == ["ABBA"]
    assert len(page(still, "?added_since=2020-01-01")[1].texts("li")) == 3
    assert page(still, "?added_since=2099-01-01")[1].texts("li") == []
    assert [r["title"] for r in rows(still, "&q=afr")] == ["Africa"]
    assert [s["title"] for s in still.get("songbook?format=json&verified=true")["songs"]] == ["Waterloo"]
    assert still.get("songbook?format=json&q=nothing") == {"songs": []}
    for bad in ("?format=pdf", "?by=year", "?columns=4", "?sort=id", "?limit=3", "?cursor=x", "?colour=red", "?verified=1"):
        assert still.request("GET", "/api/v1/songbook" + bad).status == 422, bad


def test_the_page_loads_nothing_and_runs_nothing(still):
    started(still, "Queen - Innuendo.mp4")
    answer, read = page(still)
    policy = answer.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", answer.body.decode(), re.S).group(1)
    assert "'sha256-%s'" % base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert not {"src", "href", "style", "onclick"} & set(read.attributes)
    assert "@media print" in style and "columns:2" in style and "columns:3" in style


NASTY = ['=HYPERLINK("http://evil")', "+1+1", "-2", "@SUM(A1)", 'say "hi", ok', "<script>alert(1)</script> & 'co'", "مرحبا", "a\u202eb"]


def test_names_are_text_everywhere(still):
    started(still, *["Band - Tune %d.mp4" % i for i in range(len(NASTY))])
    for i, name in enumerate(NASTY):
        assert still.patch(i + 1, title=name, artist=name).status == 200
    kept = [n.replace("\u202e", "") for n in NASTY]      # what turns the text behind it round is nobody's name
    answer, read = page(still)
    assert b"<script" not in answer.body and "script" not in read.open
    assert sorted(read.texts("li")) == sorted(kept)
    cells = sorted(r["title"] for r in rows(still))
    assert cells == sorted("'" + n if n[0] in "=+-@" else n for n in kept)
    assert sorted(s["title"] for s in still.get("songbook?format=json")["songs"]) == sorted(kept)


def fill(d, count):
    d.start()
    d.wait_listed(0)
    d.stop()
    folder = d.home / "not-there"
    db = sqlite3.connect(d.database)
    db.executemany("INSERT INTO songs(file_path, artist, title, artist_key, title_key, words, source, reason, confidence, metadata_status, created_at,"
                   " updated_at) VALUES (?, ?, ?, ?, ?, ?, 'name', 'separator', 0.65, 'parsed', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')",
                   [("%s/%05d.mp4" % (folder, i), "Band %05d" % (i // 3), "Tune %05d" % i, "band %05d" % (i // 3), "tune %05d" % i,
                     "band %05d tune %05d" % (i // 3, i)) for i in range(count)])
    db.execute("INSERT INTO songs_fts(songs_fts) VALUES ('rebuild')")
    db.commit()
    db.close()
    d.folders = [str(folder)]
    d.start()


def test_a_large_songbook_comes_whole_while_others_are_served(still):
    fill(still, 10000)
    for path, count in (("songbook", None), ("songbook?format=csv", None), ("songbook?format=json", None), ("songbook?by=title", None)):
        began = time.monotonic()
        answer = still.request("GET", path)
        took = time.monotonic() - began
        print("%s: %d bytes in %.2f s" % (path, len(answer.body), took))
        if "json" in path:
            assert len(answer.json["songs"]) == 10000
        elif "csv" in path:
            assert answer.body.count(b"\r\n") == 10001
        else:
            read = Reader(answer.body.decode())
            assert read.texts("li") == ["Tune %05d" % i if "title" not in path else "Band %05d - Tune %05d" % (i // 3, i) for i in range(10000)]
    assert [r["title"] for r in rows(still, "&q=09999")] == ["Tune 09999"]


def test_a_reader_that_goes_away_leaves_nothing_behind(still):
    fill(still, 5000)
    for _ in range(20):
        c = still.connection()
        c.request("GET", "/api/v1/songbook?format=json")
        c.getresponse().read(1000)
        c.close()
    assert len(still.get("songbook?format=json")["songs"]) == 5000
    assert still.request("HEAD", "songbook").status == 200


def locked(make_daemon, tmp_path, *args):
    token = tmp_path / "token"
    token.write_text("a-token-of-enough-letters\n")
    token.chmod(0o600)
    return make_daemon(args=["--set", "server.token_file=%s" % token, "--set", "enrichment.autostart=no", *args])


def test_guests_read_the_songbook_only_where_the_owner_lets_them(make_daemon, tmp_path):
    d = locked(make_daemon, tmp_path)
    owner = {"Authorization": "Bearer a-token-of-enough-letters"}
    d.add_song("Queen - Innuendo.mp4")
    d.start()
    wait_for(lambda: d.request("GET", "progress", headers=owner).json["total"] == 1, "the song")
    assert d.request("GET", "/songbook").status == 401
    assert d.get("session")["guest_songbook"] is False
    assert d.request("PATCH", "settings", {"dashboard.guests": True}, headers=owner).status == 200
    answer, read = page(d, path="/songbook")
    assert read.texts("li") == ["Innuendo"] and b"/songs/" not in answer.body
    assert d.get("session")["guest_songbook"] is True
    for path in ("/api/v1/songbook", "/api/v1/songs", "/songbook/", "/songbook/x", "/api/v1/songbook?format=csv"):
        assert d.request("GET", path).status in (401, 404), path
    assert d.request("GET", "/songbook?format=csv").status == 422
    for condition in ("path=" + quote(str(d.songs / "Queen - Innuendo.mp4")), "status=parsed", "q=innuendo", "presence=absent"):
        assert d.request("GET", "/songbook?" + condition).status == 422, condition      # which files there are is nobody's affair
        assert d.request("GET", "/songbook?" + condition, headers=owner).status == 200, condition
    assert page(d, path="/songbook?language=de&by=title")[0].status == 200
    assert d.request("PATCH", "settings", {"dashboard.guests": None}, headers=owner).status == 200
    assert d.request("GET", "/songbook").status == 401


def test_songbookctl_exports(still, tmp_path):
    started(still, "Queen - Innuendo.mp4", "ABBA - Waterloo.mp4")

    def ctl(*args):
        return subprocess.run([str(BUILD / "songbookctl"), "--socket", str(still.socket), *args], env=clean_environment(), capture_output=True,
                              text=True, timeout=PATIENCE)
    table = list(csv.DictReader(io.StringIO(ctl("export").stdout, newline="")))
    assert [r["title"] for r in table] == ["Waterloo", "Innuendo"]
    assert "Innuendo" in ctl("export", "--format", "html", "by=title").stdout
    target = tmp_path / "book.json"
    assert ctl("export", "--format", "json", "--output", str(target), "q=abba").returncode == 0
    assert '"title":"Waterloo"' in target.read_text() and "Innuendo" not in target.read_text()
    assert ctl("export", "--output", str(target)).returncode == 1            # a file that exists is left alone
    assert ctl("export", "colour=red").returncode == 1
    assert ctl("export", "red").returncode == 2
    assert ctl("export", "--format", "pdf").returncode == 1
