#!/usr/bin/env python3
"""Pictures of every view of the dashboard, at phone and desktop width, dark and light.

usage: screenshots.py FOLDER [VIEW ...]     VIEW as in the address: library, review, song ...
The daemon comes from the folder in SONGBOOKD_BUILD (default build-test); the library is the demonstration's.
"""
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from conftest import Browser, FakeProviders, shared, wait_for  # noqa: E402
from fake.catalogue import Catalogue, Song  # noqa: E402
from fake.demo import SONGS, make_library  # noqa: E402

SIZES = {"desktop": (1280, 860, False), "phone": (390, 844, True)}
VIEWS = ["progress", "library", "song", "review", "worklist", "bulk", "history", "songbook", "settings", "devices", "more", "book"]
UNSURE = ["Under Pressure - Live - Queen.mp4", "Halo - Beyonce.mp4", "Fernando - Abba (karaoke).mp4", "Army of Me - Bjork.mp4"]


def read(browser):
    wait_for(lambda: browser.one("main h1") and not browser.one("main [aria-busy]"), "the view to be read")
    browser.js("return new Promise((done) => setTimeout(done, 600));")


def show(browser, daemon, view):
    """Brings the view to where it has something to show."""
    if view == "book":                                   # the page for guests and paper
        browser.open("http://%s/songbook" % daemon.address)
    else:
        browser.go("#/" + {"progress": "", "song": "song/%d" % daemon.song("Bohemian")["id"]}.get(view, view))
    read(browser)
    for selector in {"devices": ["#pair"], "bulk": ["#bulk-preview"]}.get(view, []):
        browser.click(selector)
        read(browser)
    for _ in range(12 if view == "review" else 0):       # the first of the pile whose suggestion changes something
        if browser.one("#review .candidates") and browser.one("#review ins") or not browser.one("[data-act=skip]"):
            break
        browser.click("[data-act=skip]")
        read(browser)


def take(browser, daemon, folder, views):
    for scheme in ("dark", "light"):
        browser.scheme(scheme)
        for name, size in SIZES.items():
            browser.size(*size)
            browser.cdp("Emulation.setTouchEmulationEnabled", enabled=size[2], maxTouchPoints=1)
            browser.open("http://%s/" % daemon.address)
            browser.js("localStorage.clear();")
            browser.driver.refresh()
            read(browser)
            for view in views:
                show(browser, daemon, view)
                picture = folder / ("%s-%s-%s.png" % (view, name, scheme))
                browser.driver.save_screenshot(str(picture))
                print(picture, flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, views = pathlib.Path(sys.argv[1]), sys.argv[2:] or VIEWS
    folder.mkdir(parents=True, exist_ok=True)
    fake = FakeProviders(Catalogue([Song(a, t, y, [g]) for _, a, t, y, g in SONGS if a]), limits=False, latency=(0.05, 0.2)).start()
    with tempfile.TemporaryDirectory(prefix="songbookd-shots-") as home:
        daemon = shared.Daemon(home, fake, args=["--set", "lastfm.rate=2", "--set", "musicbrainz.rate=0.5"])
        make_library(str(daemon.songs))
        for name in UNSURE:
            daemon.add_song(name)
        browser = Browser()
        try:
            daemon.start()
            daemon.wait_listed(len(SONGS) + len(UNSURE))
            wait_for(lambda: daemon.get("progress")["by_status"]["enriched"] >= 9, "some work to be done")
            take(browser, daemon, folder, views)
        finally:
            browser.close()
            daemon.stop()
            fake.stop()


if __name__ == "__main__":
    main()
