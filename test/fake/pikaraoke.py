#!/usr/bin/env python3
"""A stand-in for PiKaraoke: one process, one thread, one SQLite connection with its default timeout of five seconds, and the
statements, pragmas and habits that PiKaraoke has with its database. It shares no code with it.

As a library: StandIn(database, folder) in the test's own process. As a program: a process of its own that takes one command a
line on stdin ("scan", "play", "end", "rename", "delete", "download", "folder PATH", "restart", "load SECONDS", "quit") and answers each
with one line of JSON: {"ok", "error", "worst_ms", "worst_lock_ms", "errors"}.
"""
import json
import os
import random
import re
import sqlite3
import sys
import time
import uuid

EXTENSIONS = (".mp4", ".mp3", ".zip", ".mkv", ".avi", ".webm", ".mov")

TABLES = """
CREATE TABLE IF NOT EXISTS songs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_path TEXT UNIQUE NOT NULL,
    youtube_id TEXT,
    format TEXT NOT NULL,
    artist TEXT,
    title TEXT,
    variant TEXT,
    year INTEGER,
    genre TEXT,
    metadata_status TEXT DEFAULT 'pending',
    enrichment_attempts INTEGER DEFAULT 0,
    last_enrichment_attempt TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS metadata (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT UNIQUE NOT NULL,
    name TEXT,
    started_at TEXT DEFAULT CURRENT_TIMESTAMP,
    ended_at TEXT
);
CREATE TABLE IF NOT EXISTS plays (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    song_id INTEGER REFERENCES songs(id) ON DELETE SET NULL,
    youtube_id TEXT,
    song_title TEXT NOT NULL,
    performer TEXT NOT NULL,
    played_at TEXT DEFAULT CURRENT_TIMESTAMP,
    ended_at TEXT,
    completed INTEGER DEFAULT 0
);
CREATE INDEX IF NOT EXISTS idx_youtube_id ON songs(youtube_id);
CREATE INDEX IF NOT EXISTS idx_artist ON songs(artist);
CREATE INDEX IF NOT EXISTS idx_title ON songs(title);
CREATE INDEX IF NOT EXISTS idx_metadata_status ON songs(metadata_status);
CREATE INDEX IF NOT EXISTS idx_plays_session_played_at ON plays(session_id, played_at);
CREATE INDEX IF NOT EXISTS idx_plays_played_at ON plays(played_at);
CREATE INDEX IF NOT EXISTS idx_plays_performer ON plays(performer COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS idx_plays_song ON plays(song_id);
"""

# What its relatives add to the same file; the number is the user_version they leave.
PROFILES = {
    "v1": (1, []),
    "v2": (2, ["ALTER TABLE songs ADD COLUMN suggested_genre TEXT", "ALTER TABLE songs ADD COLUMN suggested_year INTEGER",
               "ALTER TABLE songs ADD COLUMN suggested_score INTEGER", "ALTER TABLE songs ADD COLUMN metadata_country TEXT"]),
    "fork": (7, ["ALTER TABLE songs ADD COLUMN metadata_sources TEXT", "ALTER TABLE songs ADD COLUMN audio_sha256 TEXT",
                 "CREATE TABLE song_artifacts (song_id INTEGER, kind TEXT)"]),
    "unknown": (12, ["ALTER TABLE songs ADD COLUMN something_new TEXT"]),
}


def youtube_id(stem):
    found = re.search(r"---([A-Za-z0-9_-]{11})$", stem) or re.search(r"\s*\[([A-Za-z0-9_-]{11})\]$", stem)
    return found.group(1) if found else None


class StandIn:
    def __init__(self, database, folder, profile="v1"):
        self.database, self.folder, self.profile = str(database), str(folder), profile
        self.worst = self.worst_lock = 0.0     # seconds that one write took, and that its first statement waited for the lock
        self.waits = False
        self.errors = []
        self.play = None
        self.open()

    # --- its start --------------------------------------------------------------------------
    def open(self):
        os.makedirs(os.path.dirname(self.database), exist_ok=True)
        self.db = sqlite3.connect(self.database, check_same_thread=False)
        self.db.isolation_level = None
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA foreign_keys=ON")
        self.db.executescript(TABLES)
        version, changes = PROFILES[self.profile]
        if self.profile != "v1":
            have = {r[1] for r in self.db.execute("PRAGMA table_info(songs)")}
            tables = {r[0] for r in self.db.execute("SELECT name FROM sqlite_master")}
            for change in changes:
                if change.split()[5 if change.startswith("ALTER") else 2] not in have | tables:
                    self.db.execute(change)
        self.db.execute("PRAGMA user_version = %d" % version)
        self.session = self.timed(self._start_night)

    def _start_night(self):
        self.begin()
        self.run("UPDATE plays SET ended_at = CURRENT_TIMESTAMP WHERE ended_at IS NULL")
        row = self.run("INSERT INTO sessions(uuid) VALUES (?)", (str(uuid.uuid4()),)).lastrowid
        self.db.execute("COMMIT")
        return row

    def close(self):
        self.db.close()

    def restart(self):
        self.close()
        self.play = None
        self.open()

    def timed(self, work):
        """Every write goes through here: how long it stood still, and whether it failed as PiKaraoke would."""
        began = time.monotonic()
        try:
            return work()
        except sqlite3.OperationalError as e:
            self.errors.append(str(e))
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        finally:
            self.worst = max(self.worst, time.monotonic() - began)

    def begin(self):
        """Deferred: the first statement, always a write, takes the lock."""
        self.db.execute("BEGIN")
        self.waits = True

    def run(self, sql, values=()):
        began = time.monotonic()
        done = self.db.execute(sql, values)
        if self.waits:
            self.worst_lock = max(self.worst_lock, time.monotonic() - began)
        self.waits = False
        return done

    def write(self, *statements):
        def work():
            self.begin()
            for statement in statements:
                self.run(*statement)
            self.db.execute("COMMIT")
        self.timed(work)

    # --- its scanner ----------------------------------------------------------------------------
    def files(self):
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if os.path.splitext(name)[1].lower() in EXTENSIONS:
                    found.append(os.path.join(folder, name))
        return found

    def row_of(self, path):
        stem, extension = os.path.splitext(os.path.basename(path))
        kind = extension[1:].lower()
        beside = {"mp3": ".cdg", "mp4": ".ass"}.get(kind)
        if beside and any(os.path.exists(os.path.splitext(path)[0] + e) for e in (beside, beside.upper())):
            kind = beside[1:]
        return path, youtube_id(stem), kind

    def scan(self):
        disk = set(self.files())
        rows = {p for p, in self.db.execute("SELECT file_path FROM songs")}
        gone, new = rows - disk, disk - rows
        by_base = {}
        for path in gone:
            by_base.setdefault(os.path.basename(path), [[], []])[0].append(path)
        for path in new:
            by_base.setdefault(os.path.basename(path), [[], []])[1].append(path)
        moves = [(a[0], b[0]) for a, b in by_base.values() if len(a) == 1 and len(b) == 1]
        gone -= {a for a, _ in moves}
        new -= {b for _, b in moves}
        last = self.db.execute("SELECT value FROM metadata WHERE key = 'last_scan_directory'").fetchone()
        same_folder = last is not None and last[0] == self.folder
        if same_folder and rows and len(gone) * 2 > len(rows):
            gone = set()
        ready = [self.row_of(p) for p in sorted(new)]

        def apply():
            self.begin()
            for old, path in moves:
                self.run("UPDATE songs SET file_path = ?, updated_at = CURRENT_TIMESTAMP WHERE file_path = ?", (path, old))
            for path in gone:
                self.run("DELETE FROM songs WHERE file_path = ?", (path,))
            for row in ready:
                self.run("INSERT OR IGNORE INTO songs(file_path, youtube_id, format) VALUES (?, ?, ?)", row)
            self.db.execute("COMMIT")
        if moves or gone or ready:
            self.timed(apply)
        if not same_folder:
            self.write(("INSERT OR REPLACE INTO metadata(key, value) VALUES ('last_scan_directory', ?)", (self.folder,)))

    # --- what singers and the host do ------------------------------------------------------------------
    def songs(self):
        return self.db.execute("SELECT id, file_path, youtube_id FROM songs").fetchall()

    def start_song(self, row):
        song, path, video = row
        self.write(("INSERT INTO plays(session_id, song_id, youtube_id, song_title, performer) VALUES (?, ?, ?, ?, ?)",
                    (self.session, song, video, os.path.basename(path), "Singer")))
        self.play = self.db.execute("SELECT max(id) FROM plays").fetchone()[0]

    def end_song(self):
        if self.play:
            self.write(("UPDATE plays SET ended_at = CURRENT_TIMESTAMP, completed = 1 WHERE id = ?", (self.play,)))
        self.play = None

    def rename(self, path, name):
        """As its edit page does: same folder, same id suffix."""
        stem, extension = os.path.splitext(os.path.basename(path))
        video = youtube_id(stem)
        new = os.path.join(os.path.dirname(path), name + ("---" + video if video else "") + extension)
        os.rename(path, new)
        self.write(("UPDATE songs SET file_path = ?, updated_at = CURRENT_TIMESTAMP WHERE file_path = ?", (new, path)))
        return new

    def delete(self, path):
        if os.path.exists(path):
            os.unlink(path)
        self.write(("DELETE FROM songs WHERE file_path = ?", (path,)))

    def download(self, name):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(b"video")
        self.write(("INSERT OR IGNORE INTO songs(file_path, youtube_id, format) VALUES (?, ?, ?)", self.row_of(path)))
        return path

    def change_folder(self, folder):
        self.folder = str(folder)
        self.scan()

    def reset_user_version(self):
        self.timed(lambda: self.db.execute("PRAGMA user_version = %d" % PROFILES[self.profile][0]))

    # --- a party -------------------------------------------------------------------------------------------
    def load(self, seconds, dice, pause=0.01):
        """Everything above in a mixed order for so long; returns how many writes there were."""
        end, done, number = time.monotonic() + seconds, 0, 0
        while time.monotonic() < end:
            rows, deed = self.songs(), dice.random()
            number += 1
            if deed < 0.35 and rows:
                self.end_song()
                self.start_song(dice.choice(rows))
            elif deed < 0.55:
                self.end_song()
            elif deed < 0.65 and rows:
                _, path, _ = dice.choice(rows)
                if os.path.exists(path):
                    self.rename(path, "Band %d - Renamed %d" % (dice.randrange(50), number))
            elif deed < 0.70 and len(rows) > 20:
                self.delete(dice.choice(rows)[1])
            elif deed < 0.85:
                self.download("Band %d - Fresh %d---%011d.mp4" % (dice.randrange(50), number, dice.randrange(10**11)))
            elif deed < 0.93:
                self.scan()
            elif deed < 0.97:
                self.reset_user_version()
            else:
                self.restart()
            done += 1
            time.sleep(dice.random() * pause)
        return done

    def schema(self):
        return self.db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def main():
    stand_in = StandIn(sys.argv[1], sys.argv[2], *(sys.argv[3:4]))
    dice = random.Random(int(os.environ.get("STAND_IN_SEED", 1)))
    print(json.dumps({"ok": True}), flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        answer = {"ok": True}
        try:
            if word == "quit":
                break
            if word == "scan":
                stand_in.scan()
            elif word == "play":
                stand_in.start_song(dice.choice(stand_in.songs()))
            elif word == "end":
                stand_in.end_song()
            elif word == "download":
                stand_in.download(rest)
            elif word == "folder":
                stand_in.change_folder(rest)
            elif word == "restart":
                stand_in.restart()
            elif word == "load":
                answer["writes"] = stand_in.load(float(rest), dice)
            else:
                answer = {"ok": False, "error": "no such command"}
        except sqlite3.Error as e:
            answer = {"ok": False, "error": str(e)}
        answer.update(worst_ms=stand_in.worst * 1000, worst_lock_ms=stand_in.worst_lock * 1000, errors=stand_in.errors)
        print(json.dumps(answer), flush=True)
    stand_in.close()


if __name__ == "__main__":
    main()
