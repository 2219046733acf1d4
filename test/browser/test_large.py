"""A library of many songs on a phone: every page is a page, however much lies behind it. With SONGBOOKD_LONG=1 it holds 100,000 songs and the
figures are worth reading (-s shows them); the suite takes a few thousand. Nothing here is judged by the clock."""
import os
import statistics
import time

import pytest

from conftest import wait_for

LONG = bool(os.environ.get("SONGBOOKD_LONG"))
SONGS = 100000 if LONG else 3000
TURNS = 30
SHAPES = ["Band of %05d - Tune Number %05d (Karaoke Version)---%011d.mp4", "Tune Number %05d - Singer %05d | Karaoke Version | KaraFun [%011d].mp4",
          "Song %05d in the style of Artist %05d karaoke---%011d.mp4", "Group_%05d_-_Track_%05d_%011d.webm"]
TYPED = ["b", "ba", "ban", "band of 000", "tune", "tune number 012", "singer 0", "no such name", "karaoke", ""]

# Does something, and answers the milliseconds until the list is another one (or says that nothing fits) and was painted.
TIMED = """
const [act, done] = [arguments[0], arguments[1]], list = document.getElementById("songs"), began = performance.now();
let drawn = false;
const observer = new MutationObserver(() => { drawn = true; });
observer.observe(list, { childList: true });
const look = () => {
  if (!drawn || list.getAttribute("aria-busy")) { requestAnimationFrame(look); return; }
  observer.disconnect();
  requestAnimationFrame(() => done(performance.now() - began));
};
(new Function(act))();
requestAnimationFrame(look);
"""

# Scrolls from top to bottom as a thumb does; answers the milliseconds between the frames.
SCROLL = """
const done = arguments[0], frames = [];
let last = performance.now();
scrollTo(0, 0);
const step = (now) => {
  frames.push(now - last);
  last = now;
  const before = scrollY;
  scrollBy(0, 60);
  if (scrollY === before) done(frames.slice(1));
  else requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""


def fill(folder, count):
    old = time.time() - 3600
    for i in range(count):
        path = os.path.join(folder, SHAPES[i % len(SHAPES)] % (i // 7, i, i))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        os.utime(path, (old, old))


@pytest.fixture
def phone(browser):
    browser.size(390, 844, mobile=True)
    browser.cdp("Emulation.setCPUThrottlingRate", rate=4 if LONG else 1)      # a phone is that much slower than this machine
    browser.cdp("Performance.enable")
    yield browser
    browser.cdp("Performance.disable")
    browser.cdp("Emulation.setCPUThrottlingRate", rate=1)


def timed(browser, act):
    return browser.driver.execute_async_script(TIMED, act)


def nodes(browser):
    """What the page holds once everything unused is swept out: nodes, bytes of script."""
    browser.cdp("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in browser.cdp("Performance.getMetrics")["metrics"]}
    return metrics["Nodes"], metrics["JSHeapUsedSize"]


def answers(browser):
    """Bytes of each answer of lists that the page asked for."""
    return browser.js("return performance.getEntriesByType('resource').filter((e) => e.name.includes('/api/v1/songs?')).map((e) => e.decodedBodySize);")


def tell(what, times):
    times = sorted(times)
    print("\n%-22s %3d times: median %.0f ms, worst %.0f ms" % (what, len(times), statistics.median(times), times[-1]), end="", flush=True)


def rows(browser):
    """Counted in the page: selenium would hold on to every element it hands out."""
    return browser.js("return document.querySelectorAll('#songs .song').length;")


def open_library(daemon, visit, phone):
    daemon.args += ["--set", "enrichment.autostart=no", "--set", "library.watch=no"]
    fill(daemon.songs, SONGS)
    daemon.start()
    wait_for(lambda: daemon.get("progress")["total"] == SONGS, "the songs to be listed", 900 if LONG else 120)
    began = time.monotonic()
    visit("library")
    wait_for(lambda: rows(phone) == 50, "the first page")
    print("\n%d songs: the page and its first 50 songs after %.0f ms" % (SONGS, (time.monotonic() - began) * 1000), end="")


def test_many_songs_on_a_phone_are_searched_and_paged_with_bounded_weight(daemon, visit, phone):
    open_library(daemon, visit, phone)
    assert phone.js("return document.documentElement.scrollWidth;") <= 390
    typed = [timed(phone, "const q = document.getElementById('q'); q.value = %r; q.dispatchEvent(new Event('input'));" % text) for text in TYPED]
    tell("search as you type", typed)
    assert rows(phone) == 50, "the whole library again"
    before, turns = None, []
    for turn in range(TURNS):
        turns.append(timed(phone, "document.getElementById('page-next').click();"))
        assert rows(phone) == 50
        if turn == 4:
            before = nodes(phone)
    tell("page turn", turns)
    after = nodes(phone)
    print("\nnodes %d -> %d, script %.1f -> %.1f MB, from page 6 to page %d" % (before[0], after[0], before[1] / 1e6, after[1] / 1e6, TURNS + 1), end="")
    assert after[0] < before[0] * 1.5 and after[0] < 5000, "pages that were left are still held"
    assert after[1] < before[1] + 5e6
    sizes = answers(phone)
    print("\n%d answers, the largest %.0f kB, all together %.0f kB" % (len(sizes), max(sizes) / 1e3, sum(sizes) / 1e3))
    assert max(sizes) < 100000 and len(sizes) < 10 * (TURNS + len(TYPED)), "more than pages was loaded"


def test_many_songs_on_a_phone_are_scrolled_filtered_and_reviewed(daemon, visit, phone):
    open_library(daemon, visit, phone)
    frames = phone.driver.execute_async_script(SCROLL)
    tell("frame while scrolling", frames)
    filters = [timed(phone, "const s = document.getElementById('f-%s'); s.value = %r; s.dispatchEvent(new Event('change'));" % pair)
               for pair in (("sort", "title"), ("sort", "-added"), ("status", "parsed"), ("band", "5"), ("band", ""), ("sort", "artist"))]
    tell("sort or filter", filters)
    wait_for(lambda: rows(phone) == 50, "the list without a band")
    visit("review", fresh=False)
    wait_for(lambda: phone.one("#review [data-act=verify]"), "the first song of the pile")
    assert phone.js("return document.getElementsByTagName('*').length;") < 500
    visit("worklist", fresh=False)
    wait_for(lambda: phone.text("[data-key=no_year] strong").replace(",", "") == str(SONGS), "the counts")
    assert phone.js("return document.documentElement.scrollWidth;") <= 390
    print()
