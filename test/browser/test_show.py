"""What is shown, and to whom: names of strangers as text, search and pages, small screens, a checker, no script."""
import gzip
import json
import re
import urllib.request

import axe
import pytest

from conftest import wait_for

VIEWS = ["", "library", "song/%d", "review", "worklist", "bulk", "history", "songbook", "settings", "devices", "more"]

HOSTILE = [
    "<img src=x onerror=alert(1)> - <script>alert(2)</script>.mp4",
    "\"quoted\" & 'single' - &lt;b&gt; &amp; ${7*7} {{7*7}}.mp4",
    "\u202egnp.exe - \u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd.mp4",
    "\u0645\u0631\u062d\u0628\u0627 - \u0628\u0627\u0644\u0639\u0627\u0644\u0645.mp4",
    ("x" * 120 + " - " + "y" * 127 + ".mp4")[:251] + ".mp4",
    b"broken \xff\xfe bytes - in the name.mp4",
    "javascript:alert(3) - data:text_html,hello.mp4",
]


def start(daemon, names):
    for n in names:
        daemon.add_song(n)
    daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    daemon.wait_listed(len(names))


def test_names_of_strangers_are_shown_as_text(daemon, visit, browser):
    assert max(len(n if isinstance(n, bytes) else n.encode()) for n in HOSTILE) == 255
    start(daemon, HOSTILE)
    visit("library")
    wait_for(lambda: len(browser.all("#songs .song")) == len(HOSTILE), "the list")
    songs = {s["id"]: s for s in daemon.songs_list()}
    for view in ["library", "review", "history", "bulk"] + ["song/%d" % i for i in songs]:
        visit(view, fresh=False)
        if view.startswith("song/"):
            name = songs[int(view[5:])]["file_path"]
            wait_for(lambda: browser.js("return document.querySelector('main .file')?.textContent;") == name, "the whole real name")
        assert browser.js("return [...document.querySelectorAll('main img, main script, main iframe')].length;") == 0, view
        assert browser.js("return document.documentElement.scrollWidth <= innerWidth;"), "%s is wider than the window" % view
    visit("library", fresh=False)
    wait_for(lambda: len(browser.all("#songs .song")) == len(HOSTILE), "the list")
    shown = set(browser.js("return [...document.querySelectorAll('#songs .file')].map((e) => e.textContent);"))
    assert shown == {s["file_path"].rsplit("/", 1)[1] for s in songs.values()}


def test_every_language_is_shown_whole_with_its_plural_forms(daemon, visit, browser):
    import json
    start(daemon, ["One - Two.mp4", "Three - Four.mp4", "Five - Six.mp4", "Seven - Eight.mp4", "Nine - Ten.mp4"])
    visit("settings")
    tags = wait_for(lambda: browser.js("return [...document.querySelectorAll('#language option')].map((o) => o.value);"), "the languages")
    assert len(tags) == 16
    for tag in tags:
        texts = json.loads((axe.ROOT / "src/web/lang" / (tag + ".json")).read_text())
        forms = browser.js("return new Intl.PluralRules(arguments[0].replace('_', '-')).resolvedOptions().pluralCategories;", tag)
        assert {k.split("#")[1] for k in texts if "#" in k} == set(forms), tag
        browser.js("localStorage.setItem('songbookd.language', arguments[0]);", tag)
        browser.open("about:blank")
        for view in ("settings", "worklist", "progress", "review"):
            visit(view if view != "progress" else "", fresh=view == "settings")
            wait_for(lambda: browser.text("h1") and not browser.one("main [aria-busy]"), "the view")
            assert browser.js("return document.documentElement.lang;") == tag.replace("_", "-")
            left = [k for k in re.findall(r"\b[a-z]+\.[a-z_]+\b", browser.text("main")) if k in texts]
            assert left == [], (tag, view)
        key = "review.remaining#" + browser.js("return new Intl.PluralRules(arguments[0].replace('_', '-')).select(5);", tag)
        wait_for(lambda: texts[key].replace("{n}", "5") in browser.text("#remaining"), "five songs in " + tag)


SEARCHES = [("beyonce", "Beyonc\u00e9"), ("beyonc\u00e9", "Beyonc\u00e9"), ("ac dc", "AC/DC"), ("acdc", "AC/DC"), ("ac/dc", "AC/DC"), ("pink", "P!nk"),
            ("p!nk", "P!nk"), ("o connor", "Sin\u00e9ad O'Connor"), ("o'connor", "Sin\u00e9ad O'Connor"), ("sinead", "Sin\u00e9ad O'Connor"),
            ("bjork", "Bj\u00f6rk"), ("bj\u00f6rk", "Bj\u00f6rk"), ("BJORK", "Bj\u00f6rk"), ("\u0431\u0438-2", "\u0411\u0438-2"), ("\u5b87\u591a\u7530", "\u5b87\u591a\u7530\u30d2\u30ab\u30eb")]


def test_search_ignores_case_accents_and_punctuation(daemon, visit, browser):
    names = ["Beyonc\u00e9 - Halo", "AC_DC - Thunderstruck", "P!nk - So What", "Sin\u00e9ad O'Connor - Mandinka", "Bj\u00f6rk - Joga",
             "\u0411\u0438-2 - \u041f\u043e\u043b\u043a\u043e\u0432\u043d\u0438\u043a", "\u5b87\u591a\u7530\u30d2\u30ab\u30eb - First Love", "Queen - Innuendo"]
    start(daemon, [n + ".mp4" for n in names])
    song = daemon.song("Thunderstruck")
    assert daemon.patch(song["id"], artist="AC/DC").status == 200
    visit("library")
    wait_for(lambda: len(browser.all("#songs .song")) == len(names), "the list")
    missed = []
    for words, artist in SEARCHES:
        browser.js("const q = document.getElementById('q'); q.value = arguments[0]; q.dispatchEvent(new Event('input'));", words)
        try:
            wait_for(lambda: browser.js("""const rows = [...document.querySelectorAll('#songs .song .what')].map((e) => e.textContent);
                return rows.length === 1 && rows[0].includes(arguments[0]);""", artist), "'%s' alone" % artist, 15)
        except AssertionError:
            missed.append((words, artist, browser.text("#songs")[:80]))
    assert missed == []


def test_pages_turn_by_cursor_and_filters_stay_in_the_address(daemon, visit, browser):
    start(daemon, ["Artist %03d - Title %03d.mp4" % (i, i) for i in range(120)])
    visit("library")
    wait_for(lambda: len(browser.all("#songs .song")) == 50, "the first page, and no more of the library")
    names = lambda: browser.js("return [...document.querySelectorAll('#songs .what')].map((a) => a.textContent);")  # noqa: E731
    first = names()            # not the visible text: the browser lays out only what is near the window
    browser.click("#page-next")
    wait_for(lambda: "Artist 050" in browser.text("#songs"), "the second page")
    browser.click("#page-next")
    wait_for(lambda: "Artist 100" in browser.text("#songs") and len(browser.all("#songs .song")) == 20, "the last page")
    assert browser.js("return document.getElementById('page-next').disabled;")
    browser.click("#page-back")
    wait_for(lambda: "Artist 050" in browser.text("#songs"), "back")
    browser.click("#page-back")
    wait_for(lambda: names() == first, "the first page again")
    browser.js("const s = document.getElementById('f-sort'); s.value = 'title'; s.dispatchEvent(new Event('change'));")
    browser.js("const q = document.getElementById('q'); q.value = 'title 07'; q.dispatchEvent(new Event('input'));")
    wait_for(lambda: len(browser.all("#songs .song")) == 10, "the search")
    address = browser.driver.current_url
    assert "q=title+07" in address and "sort=title" in address
    browser.open("about:blank")
    browser.open(address)
    wait_for(lambda: len(browser.all("#songs .song")) == 10, "the same list from the address")


def test_groups_of_genres_filter_library_and_songbook(daemon, visit, browser):
    start(daemon, ["Queen - Innuendo.mp4", "Blur - Parklife.mp4", "Toto - Africa.mp4"])
    daemon.wait_listed(3)
    for title, genre in (("Innuendo", "Hard Rock"), ("Parklife", "Britpop"), ("Africa", "Rock")):
        assert daemon.patch(daemon.song(title)["id"], genre=genre).status == 200
    visit("library")
    wait_for(lambda: browser.one("#f-genre_group [value=Rock]"), "the menu of groups")
    assert "Rock (2)" in browser.js("return document.querySelector('#f-genre_group [value=Rock]').textContent;")
    browser.js("const s = document.getElementById('f-genre_group'); s.value = 'Rock'; s.dispatchEvent(new Event('change'));")
    wait_for(lambda: len(browser.all("#songs .song")) == 2 and "Parklife" not in browser.text("#songs"), "the songs of the group")
    assert "genre_group=Rock" in browser.driver.current_url
    visit("songbook?genre_group=Rock", fresh=False)
    wait_for(lambda: browser.one("[name=genre_group] [value=Pop]"), "the menu of groups")
    href = lambda: browser.js("return document.getElementById('book-json').getAttribute('href');")  # noqa: E731
    assert len(json.loads(daemon.request("GET", href()).body)["songs"]) == 2
    browser.js("const s = document.querySelector('[name=genre_group]'); s.value = 'Pop'; s.dispatchEvent(new Event('input', {bubbles: true}));")
    assert [s["title"] for s in json.loads(daemon.request("GET", href()).body)["songs"]] == ["Parklife"]


def test_every_view_fits_320_pixels(daemon, visit, browser):
    start(daemon, ["One - Two.mp4", "A very long name of an artist that goes on - Averylongwordwithoutanybreak" + "x" * 60 + ".mp4"])
    song = daemon.song("One")["id"]
    browser.size(320, 256)            # 1280 x 1024 at 400 % zoom
    for view in VIEWS:
        visit(view % song if "%" in view else view)
        wait_for(lambda: not browser.one("main [aria-busy]"), "the view to be read")
        wide = browser.js("""return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
            && !e.closest(".unseen, .skip, option, .scroll, svg")).map((e) => e.tagName + "." + e.className).slice(0, 5);""")
        assert wide == [] and browser.js("return document.documentElement.scrollWidth <= innerWidth;"), (view, wide)


def violations(browser, where):
    result = browser.driver.execute_async_script("""const done = arguments[0];
        axe.run(document).then((r) => done(r.passes.length > 10 ? r.violations : "nothing was checked")).catch((e) => done(String(e)));""")
    assert isinstance(result, list), result
    return ["%s: %s: %s: %s" % (where, v["id"], v["help"], [n["html"][:120] for n in v["nodes"]][:3]) for v in result]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_accessibility_checker_finds_nothing(daemon, visit, browser, scheme):
    source, why = axe.script()
    if not source:
        pytest.skip("NOT CHECKED: axe-core %s could not be had: %s" % (axe.VERSION, why))
    start(daemon, ["One - Two.mp4", "Waterloo - Abba (Karaoke).mp4", "Not a name.mp4"])
    song = daemon.song("Waterloo")["id"]
    assert daemon.patch(song, year=1974).status == 200
    browser.scheme(scheme)
    found = []
    for view in VIEWS:
        for width in (1280, 390):
            browser.size(width, 844)
            visit(view % song if "%" in view else view)
            wait_for(lambda: not browser.one("main [aria-busy]"), "the view to be read")
            if view == "devices":
                browser.click("#pair")
                wait_for(lambda: browser.one("#pair-code"), "a code")
            if view == "bulk":
                browser.click("#bulk-preview")
                wait_for(lambda: browser.one("#bulk-count"), "a preview")
            browser.js(source)
            found += violations(browser, "%s at %d" % (view, width))
    browser.keys("?")
    wait_for(lambda: browser.one("dialog[open]"), "the list of keys")
    found += violations(browser, "keys")
    assert found == []


def test_focus_is_visible_and_reaches_everything(daemon, visit, browser):
    from selenium.webdriver.common.keys import Keys
    start(daemon, ["One - Two.mp4"])
    visit("song/%d" % daemon.song("One")["id"])
    wait_for(lambda: browser.one("#save") and browser.one("#ask"), "the song")
    wanted = set(browser.js("""return [...document.querySelectorAll("a[href], button, input, select, summary")].filter((e) => !e.disabled && e.checkVisibility()
        && !e.closest("details:not([open]) > :not(summary)")).map((e, i) => (e.dataset.stop = i, String(i)));"""))
    browser.js("document.activeElement.blur();")
    seen = set()
    for _ in range(len(wanted) + 5):
        browser.keys(Keys.TAB)
        stop, outline = browser.js("const e = document.activeElement, s = getComputedStyle(e); return [e.dataset.stop || '', s.outlineStyle + ' ' + s.outlineWidth];")
        if stop:
            seen.add(stop)
            assert outline == "solid 3px", browser.focused()
    assert wanted <= seen


def test_reduced_motion_is_heeded(daemon, visit, browser):
    start(daemon, ["One - Two.mp4"])
    browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    visit("library")
    wait_for(lambda: browser.one(".song"), "the list")
    browser.js("document.querySelector('.song').classList.add('fresh');")
    assert browser.js("return getComputedStyle(document.querySelector('.song')).animationName;") == "none"


def test_live_region_says_at_most_one_sentence_in_ten_seconds(daemon, visit, browser):
    start(daemon, ["One - Two.mp4"])
    visit("")
    browser.js("""window.said = []; new MutationObserver(() => window.said.push([performance.now(), document.getElementById("say").textContent]))
        .observe(document.getElementById("say"), {childList: true, characterData: true, subtree: true});""")
    for word in ("start", "pause", "resume", "stop", "start", "stop"):
        wait_for(lambda: browser.one("[data-command=%s]" % word), "the button")
        browser.click("[data-command=%s]" % word)
    wait_for(lambda: len(browser.js("return window.said;")) >= 2, "two sentences")
    times = [t for t, _ in browser.js("return window.said;")]
    assert all(b - a >= 9900 for a, b in zip(times, times[1:])), times


def fetch(daemon, path, **headers):
    request = urllib.request.Request("http://" + daemon.address + path, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as e:
        return e.code, dict(e.headers), e.read()


def test_without_script_the_page_says_how_the_library_stands(daemon):
    start(daemon, ["One - Two.mp4", "Three - Four.mp4"])
    status, headers, body = fetch(daemon, "/")
    page = re.search(r"<noscript>(.*?)</noscript>", body.decode(), re.S).group(1)
    assert status == 200 and "2 songs" in page and "/api/v1/songbook?format=html" in page


def test_files_of_the_page_have_types_tags_and_a_strict_policy(daemon):
    start(daemon, ["One - Two.mp4"])
    _, headers, body = fetch(daemon, "/")
    policy = headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"):
        assert part in policy
    assert "unsafe" not in policy and headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    names = re.findall(r'(?:src|href)="(/web/[^"]+)"', body.decode())
    assert "/web/app.js" in names and "/web/style.css" in names
    types = {".js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    for name in names:
        status, headers, body = fetch(daemon, name)
        assert status == 200 and headers["Content-Type"] == types[name[-3:]], name
        again = fetch(daemon, name, **{"If-None-Match": headers["ETag"]})
        assert again[0] == 304 and again[2] == b""
        packed = fetch(daemon, name, **{"Accept-Encoding": "gzip"})
        assert packed[1]["Content-Encoding"] == "gzip" and __import__("gzip").decompress(packed[2]) == body and packed[1]["ETag"] != headers["ETag"]
    assert fetch(daemon, "/web/nothing.js")[0] == 404 and fetch(daemon, "/web/..%2fapp.js")[0] == 404


def test_policy_lets_no_text_become_markup_and_nothing_come_from_elsewhere(daemon, visit, browser, expects):
    expects += ["TrustedHTML", "Trusted Type", "Content Security Policy"]
    start(daemon, ["One - Two.mp4"])
    visit("")
    tried = browser.js("""const out = [];
        try { document.body.innerHTML = "<b>x</b>"; out.push("markup"); } catch { out.push("refused"); }
        try { document.write("<b>x</b>"); out.push("written"); } catch { out.push("refused"); }
        return out;""")
    assert tried == ["refused", "refused"]
    loaded = browser.driver.execute_async_script("""const done = arguments[0], i = new Image();
        i.onload = () => done("loaded"); i.onerror = () => done("refused"); i.src = "http://127.0.0.1:9/x.png";""")
    assert loaded == "refused"
    browser.listen()
    browser.requests.remove("http://127.0.0.1:9/x.png")       # reported by the browser although the policy kept it from being sent


def test_what_a_browser_loads_weighs_less_than_150_kilobytes(daemon, visit, browser):
    """As it is sent, and in the heaviest language; unpacked it may be a little more, comments and all."""
    start(daemon, ["One - Two.mp4"])
    visit("")
    loaded = dict(browser.js("""
        const files = performance.getEntriesByType("resource").filter((e) => e.name.includes("/web/"));
        return [...files, ...performance.getEntriesByType("navigation")].map((e) => [e.name, e.encodedBodySize]);"""))
    assert len(loaded) > 15 and sum("/lang/" in n for n in loaded) == 1, "only the language in use"
    texts = [p.read_bytes() for p in (axe.ROOT / "src/web/lang").glob("*.json")]
    sent = sum(w for n, w in loaded.items() if "/lang/" not in n) + max(len(gzip.compress(t)) for t in texts)
    unpacked = sum(len(fetch(daemon, n[n.index("/", 8):])[2]) for n in loaded if "/lang/" not in n) + max(map(len, texts))
    print("sent %d bytes, unpacked %d" % (sent, unpacked))
    assert 20000 < sent < 75000 and unpacked < 170000
