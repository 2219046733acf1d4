"""The database file as a whole: check, backup and restore, schemas of older versions, and files that are not what they should be."""
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest

from conftest import BUILD, clean_environment, wait_for

STORED = pathlib.Path(__file__).resolve().parents[1] / "data/databases"


def ctl(*args):
    done = subprocess.run([str(BUILD / "songbookctl"), *map(str, args)], capture_output=True, text=True, timeout=300, env=clean_environment())
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def check(path):
    return ctl("check", "--database", path)


def bytes_of(path):
    return pathlib.Path(path).read_bytes()


@pytest.fixture
def library(daemon, fake):
    """A daemon that knows five songs, one edited, and works on."""
    for name in ("ABBA - Dancing Queen", "Queen - Bohemian Rhapsody", "Adele - Rolling in the Deep", "Oasis - Wonderwall", "No One - Ever Heard"):
        daemon.add_song(name + ".mp4")
    daemon.start()
    daemon.wait_done()
    assert daemon.patch(daemon.song("Wonderwall")["id"], artist="My Oasis").status == 200
    return daemon


# --- check ---------------------------------------------------------------------------------------------

def test_check_finds_nothing_wrong_beside_a_working_daemon_and_without_it(library):
    done = check(library.database)
    assert done.returncode == 0 and "5 songs" in done.stdout, done.stderr
    library.stop()
    assert check(library.database).returncode == 0


BROKEN = {
    "a count that lies": ("UPDATE counts SET n = n + 1 WHERE key = 'manual'", "counts differ"),
    "a queue count that lies": ("UPDATE counts SET n = 3 WHERE key = 'asked 1'", "counts differ"),
    "a search index that lost a song": ("INSERT INTO songs_fts(songs_fts, rowid, words) SELECT 'delete', id, words FROM songs LIMIT 1", "search index"),
    "a queue row without its song": ("INSERT INTO enrichment_queue(song_id) VALUES (99999)", "belongs to"),
    "a manual song that is not certain": ("UPDATE songs SET confidence = 0.5 WHERE metadata_status = 'manual'", "set by hand"),
    "a song both present and missing": ("UPDATE songs SET missing_since = '2026-01-01T00:00:00Z' WHERE id = 1", "present and missing"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_check_finds(library, what):
    library.stop()
    sql, words = BROKEN[what]
    db = sqlite3.connect(library.database)
    db.execute(sql)
    db.commit()
    db.close()
    done = check(library.database)
    assert done.returncode == 1 and words in done.stderr, (done.returncode, done.stderr)


def test_check_finds_damaged_pages(library):
    library.stop()
    size = os.path.getsize(library.database)
    with open(library.database, "r+b") as f:
        for page in range(3, size // 4096, 2):
            f.seek(page * 4096)
            f.write(os.urandom(4096))
    assert check(library.database).returncode in (1, 78)


def test_check_of_nothing_says_so(tmp_path):
    done = check(tmp_path / "nowhere.db")
    assert done.returncode == 78 and "there is no database" in done.stderr
    assert not (tmp_path / "nowhere.db").exists()


# --- backup and restore -----------------------------------------------------------------------------------

def test_backup_of_a_working_daemon_is_whole_and_restores(library, tmp_path):
    copy = tmp_path / "copy.db"
    done = ctl("backup", "--database", library.database, copy)
    assert done.returncode == 0 and done.stdout.strip() == str(copy), done.stderr
    assert oct(copy.stat().st_mode & 0o777) == "0o600"
    assert check(copy).returncode == 0
    assert library.patch(library.song("Wonderwall")["id"], artist="Spoiled").status == 200
    refused = ctl("restore", "--database", library.database, copy)
    assert refused.returncode == 75 and "stop songbookd first" in refused.stderr
    library.stop()
    done = ctl("restore", "--database", library.database, copy)
    assert done.returncode == 0, done.stderr
    aside = done.stdout.split("'")[1]
    assert b"Spoiled" in bytes_of(aside) and check(aside).returncode == 0
    library.start()
    assert library.song("Wonderwall")["artist"] == "My Oasis"


def test_backup_never_overwrites(library, tmp_path):
    there = tmp_path / "there"
    there.write_text("mine")
    done = ctl("backup", "--database", library.database, there)
    assert done.returncode == 1 and "is there already" in done.stderr
    assert there.read_text() == "mine"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("there.")]


def test_backup_while_songs_are_edited_is_one_moment(library, tmp_path):
    import threading
    over = threading.Event()
    song = library.song("Wonderwall")["id"]

    def edit():
        n = 0
        while not over.is_set():
            n += 1
            library.patch(song, artist="Edit %d" % n, title="Edit %d" % n)
    editor = threading.Thread(target=edit)
    editor.start()
    try:
        for n in range(5):
            assert ctl("backup", "--database", library.database, tmp_path / ("b%d" % n)).returncode == 0
    finally:
        over.set()
        editor.join()
    for n in range(5):
        assert check(tmp_path / ("b%d" % n)).returncode == 0
        artist, title = sqlite3.connect(tmp_path / ("b%d" % n)).execute("SELECT artist, title FROM songs WHERE id = ?", (song,)).fetchone()
        assert artist == title or artist == "My Oasis"


def test_restore_of_what_is_no_backup_changes_nothing(library, tmp_path):
    library.stop()
    before = bytes_of(library.database)
    foreign, cut = tmp_path / "foreign.db", tmp_path / "cut.db"
    sqlite3.connect(foreign).execute("CREATE TABLE t(x)")
    cut.write_bytes(before[:len(before) // 2])
    text = tmp_path / "text"
    text.write_text("no database\n" * 100)
    for bad in (foreign, cut, text, tmp_path / "nowhere", tmp_path):
        done = ctl("restore", "--database", library.database, bad)
        assert done.returncode in (1, 78) and "songbookctl: " in done.stderr, (bad, done)
    assert bytes_of(library.database) == before
    assert sorted(p.name for p in library.home.iterdir() if "restore" in p.name or "XXXX" in p.name) == []


def test_restore_takes_the_wal_of_the_damaged_database_along(library, tmp_path):
    copy = tmp_path / "copy.db"
    assert ctl("backup", "--database", library.database, copy).returncode == 0
    library.kill()
    with open(library.database, "r+b") as f:
        f.write(b"\0" * 4096)
    done = ctl("restore", "--database", library.database, copy)
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(str(library.database) + "-wal")
    library.start()
    assert library.song("Wonderwall")["artist"] == "My Oasis"
    assert check(library.database).returncode == 0


# --- older versions -----------------------------------------------------------------------------------------

# what nobody confirmed may be read better by a newer version
SONGS = """SELECT id, file_path, metadata_status, locked, iif(sure, artist, ''), iif(sure, title, ''), iif(sure, confidence, 0), iif(sure, year, 0),
 iif(sure, genre, '') FROM (SELECT *, metadata_status IN ('manual', 'enriched') AS sure FROM songs) ORDER BY id"""


def schema(db):
    """Tables with their columns, indexes and triggers."""
    out = {}
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"):
        out[kind, name] = [c[1:6] for c in db.execute("PRAGMA table_xinfo('%s')" % name)] if kind == "table" else sql
    return out


@pytest.mark.parametrize("stored", sorted(STORED.glob("*.sql")), ids=lambda p: p.stem)
def test_databases_of_every_version_move_forward(make_daemon, fake, stored):
    d = make_daemon(fake=fake, args=["--set", "enrichment.autostart=no"])
    db = sqlite3.connect(d.database)
    db.executescript(stored.read_text())
    version, = db.execute("PRAGMA user_version").fetchone()
    rows = db.execute(SONGS).fetchall()
    queue = db.execute("SELECT song_id, priority FROM enrichment_queue ORDER BY song_id").fetchall()
    changes = db.execute("SELECT id, field, old_value, new_value FROM changes ORDER BY id").fetchall()
    db.close()
    assert len(rows) >= 5 and queue and changes, "the stored database shows nothing"
    d.folders = ["/srv/karaoke"]             # where the stored songs lie: waited for, they are kept
    d.start()
    assert d.get("health")["name"] == "songbookd"
    d.stop()
    fresh = make_daemon("fresh", fake=fake)
    fresh.start()
    fresh.stop()
    now, new = sqlite3.connect(d.database), sqlite3.connect(fresh.database)
    assert schema(now) == schema(new)
    assert now.execute("PRAGMA user_version").fetchone() == new.execute("PRAGMA user_version").fetchone()
    assert now.execute(SONGS).fetchall() == rows
    assert now.execute("SELECT song_id, priority FROM enrichment_queue ORDER BY song_id").fetchall() == queue
    assert now.execute("SELECT id, field, old_value, new_value FROM changes ORDER BY id").fetchall() == changes
    assert check(d.database).returncode == 0, check(d.database).stderr
    if version < new.execute("PRAGMA user_version").fetchone()[0]:
        kept = "%s.v%d.backup" % (d.database, version)
        assert sqlite3.connect(kept).execute("PRAGMA user_version").fetchone() == (version,)
        assert "is kept in" in d.log and check(kept).returncode == 0


def test_without_room_for_a_backup_the_schema_is_not_changed(make_daemon, fake):
    d = make_daemon(fake=fake)
    oldest = sorted(STORED.glob("*.sql"))[0]
    db = sqlite3.connect(d.database)
    db.executescript(oldest.read_text())
    before = db.execute("PRAGMA user_version").fetchone()
    db.close()
    os.mkdir("%s.v%d.backup" % (d.database, before[0]))      # the name is taken by something that cannot be replaced
    d.start(ready=False)
    assert d.wait() != 0
    assert "backed up" in d.log
    assert sqlite3.connect(d.database).execute("PRAGMA user_version").fetchone() == before


# --- files that are not what they should be --------------------------------------------------------------------

def damaged(path):
    with open(path, "r+b") as f:
        f.seek(5000)
        f.write(os.urandom(3000))


def cut(path):
    os.truncate(path, os.path.getsize(path) - 4096 * 3)


def foreign(path):
    os.remove(path)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other(x)")
    db.commit()
    db.close()


def newer(path):
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9999")
    db.commit()
    db.close()


def text(path):
    path.write_text("just some notes\n" * 500)


REFUSED = {"damaged": (damaged, "restore a backup"), "cut short": (cut, "restore a backup"), "foreign": (foreign, "name another file"),
           "newer": (newer, "update it"), "text": (text, "name another file")}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_database_is_refused_with_what_to_do_and_never_touched(library, what):
    library.stop()
    spoil, words = REFUSED[what]
    spoil(library.database)
    before = bytes_of(library.database)
    for suffix in ("-wal", "-shm"):
        assert not os.path.exists(str(library.database) + suffix)
    library.start(ready=False)
    assert library.wait() == 78, library.log
    assert words in library.log
    assert bytes_of(library.database) == before
    done = ctl("backup", "--database", library.database, library.home / "copy.db")
    assert done.returncode in (1, 78), done
    library.process = None


def test_database_locked_by_another_program_is_waited_for(library):
    library.stop()
    db = sqlite3.connect(library.database, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    library.start(ready=False)
    wait_for(lambda: "database=" in library.log, "the start")
    db.execute("ROLLBACK")
    db.close()
    code = wait_for(lambda: library.address or library.process.poll(), "the start to go on, or to give up with a word")
    assert isinstance(code, str) or "locked" in library.log, library.log
    if library.process.poll() is not None:
        library.process = None


def test_database_in_use_is_refused(library, make_daemon, fake):
    other = make_daemon("other", fake=fake)
    other.database = library.database
    other.start(ready=False)
    assert other.wait() == 1
    assert "in use by another songbookd" in other.log
    other.process = None
    shutil.rmtree(other.home)
