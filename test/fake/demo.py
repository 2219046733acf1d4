#!/usr/bin/env python3
"""The demonstration that deps/quickstart runs without a folder: made-up files and fake providers.

Everything lives in a temporary folder that is removed at the end; nothing leaves this machine.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fake.catalogue import Catalogue, Song
from fake.providers import FakeProviders

SONGS = [
    # file name, artist, title, year, genre; without artist the providers do not know it
    ("ABBA - Dancing Queen (Karaoke Version)---aBcDeFgHi01.mp4", "ABBA", "Dancing Queen", 1976, "pop"),
    ("Bohemian Rhapsody in the style of Queen karaoke video with lyrics---aBcDeFgHi02.mp4", "Queen", "Bohemian Rhapsody", 1975, "rock"),
    ("Rolling in the Deep - Adele | Karaoke Version | KaraFun [aBcDeFgHi03].mp4", "Adele", "Rolling in the Deep", 2010, "soul"),
    ("Billie Jean (Originally Performed By Michael Jackson) [Karaoke].mp4", "Michael Jackson", "Billie Jean", 1982, "pop"),
    ("beyonce - halo (karaoke).mp4", "Beyoncé", "Halo", 2008, "r&b"),
    ("AC DC - Highway To Hell - Karaoke Version from Zoom Karaoke.mp4", "AC/DC", "Highway to Hell", 1979, "hard rock"),
    ("Bjork - Army of Me (Instrumental).webm", "Björk", "Army of Me", 1995, "electronic"),
    ("Wonderwall - Oasis - Karaoke.mp4", "Oasis", "Wonderwall", 1995, "britpop"),
    ("P!nk - So What (Karaoke Lyrics).mp4", "P!nk", "So What", 2008, "pop rock"),
    ("Buoys, The - Timothy.zip", "The Buoys", "Timothy", 1970, "rock"),
    ("UB40 - Red Red Wine (Karaoke).mp4", "UB40", "Red Red Wine", 1983, "reggae"),
    ("Stand By Me - Ben E King (karaoke).mp4", "Ben E. King", "Stand by Me", 1961, "soul"),
    ("Toto_-_Africa.mp3", "Toto", "Africa", 1982, "rock"),
    # names no artist: what the providers know is only proposed
    ("Hotel California karaoke.mkv", "Eagles", "Hotel California", 1976, "rock"),
    ("Nena - 99 Luftballons (Karaoke).mp4", "Nena", "99 Luftballons", 1983, "new wave"),
    ("Edith Piaf - La vie en rose karaoke.mp4", "Édith Piaf", "La Vie en rose", 1947, "chanson"),
    ("Shakira - Hips Don't Lie ft. Wyclef Jean [Karaoke].mp4", "Shakira", "Hips Don't Lie", 2005, "latin pop"),
    ("Aunt Hilda's birthday song.mp4", None, None, None, None),
    ("track 07.mp3", None, None, None, None),
]


def make_file(folder, name):
    path = os.path.join(folder, name)
    with open(path, "wb"):
        pass
    os.utime(path, (1e9, 1e9))      # long complete: a file that just appeared is waited for


def make_library(folder):
    for name, *_ in SONGS:
        make_file(folder, name)
        if name.endswith(".mp3"):
            make_file(folder, name[:-4] + ".cdg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--songbookd", required=True, help="the program to run")
    parser.add_argument("args", nargs="*", help="further arguments for it (after --)")
    args = parser.parse_args()

    home = tempfile.mkdtemp(prefix="songbookd-demo-")
    library = os.path.join(home, "songs")
    os.mkdir(library)
    make_library(library)
    catalogue = Catalogue([Song(a, t, y, [g]) for _, a, t, y, g in SONGS if a])
    fake = FakeProviders(catalogue, latency=(0.05, 0.2), limits=False).start()
    print("\nThis is a DEMONSTRATION: %d made-up files, fake providers on this machine, nothing is sent to the\n"
          "network. For your own songs: deps/quickstart /path/to/your/karaoke/folder\n"
          "While it runs, open http://127.0.0.1:5560/ in a browser or, in another terminal:\n"
          "    build/songbookctl --socket %s/socket songs\n"
          "End it with Ctrl-C.\n" % (len(SONGS), home), file=sys.stderr, flush=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith("SONGBOOKD_") and not k.startswith("LISTENBRAINZ")}
    env["LASTFM_API_KEY"] = fake.lastfm_key
    env["LISTENBRAINZ_TOKEN"] = fake.token
    daemon = subprocess.Popen(
        [args.songbookd, "--config", os.devnull, "--database", os.path.join(home, "songbook.db"), "--socket", os.path.join(home, "socket"),
         *[part for setting in fake.settings for part in ("--set", setting)], "--set", "musicbrainz.rate=4",
         "--pikaraoke-db", "none", *args.args, library], env=env, start_new_session=True)
    # In a session of its own it hears nothing of Ctrl-C and of a closed terminal: every end comes from here, once.
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda number, frame: daemon.poll() is None and daemon.terminate())
    code = daemon.wait()
    fake.stop()
    shutil.rmtree(home, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
