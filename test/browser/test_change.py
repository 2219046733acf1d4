"""Changing songs: in one window and another, against a newer version, by keyboard alone, many at once."""
import json

from selenium.webdriver.common.keys import Keys

from conftest import wait_for


def start(daemon, names, worker=False):
    for n in names:
        daemon.add_song(n)
    if not worker:
        daemon.args += ["--set", "enrichment.autostart=no"]
    daemon.start()
    daemon.wait_listed(len(names))
    if worker:
        daemon.wait_done(60)


def value(browser, field):
    return browser.js("const i = document.getElementById('f-' + arguments[0]); return i ? i.value : null;", field)


def open_song(visit, daemon, part, fresh=True):
    song = daemon.song(part)
    b = visit("song/%d" % song["id"], fresh)
    wait_for(lambda: value(b, "title") == (song["title"] or ""), "the form")
    return song


def fields(song):
    return {k: song[k] for k in ("artist", "title", "year", "genre", "variant")}


def test_saving_makes_a_song_verified_and_undo_brings_it_back(daemon, visit, browser):
    start(daemon, ["Dancing Quen - Abba.mp4"])
    before = open_song(visit, daemon, "Quen")
    browser.type("#f-artist", "ABBA")
    browser.type("#f-title", "Dancing Queen")
    browser.type("#f-year", "1976")
    browser.click("#save")
    after = wait_for(lambda: (s := daemon.song("Quen"))["metadata_status"] == "manual" and s, "the edit")
    assert (after["artist"], after["title"], after["year"], after["confidence"]) == ("ABBA", "Dancing Queen", 1976, 1.0)
    wait_for(lambda: "Verified 1.00" in browser.text("main"), "the page to say Verified")
    wait_for(lambda: browser.one(".toast button"), "the offer to undo")
    browser.click(".toast button")
    wait_for(lambda: fields(daemon.song("Quen")) == fields(before), "the values of before")
    wait_for(lambda: value(browser, "title") == before["title"], "the page to show them")


def test_refused_value_is_said_at_its_field(daemon, visit, browser, expects):
    expects.append("422")
    start(daemon, ["Abba - Waterloo.mp4"])
    open_song(visit, daemon, "Waterloo")
    browser.type("#f-year", "12")
    browser.click("#save")
    wait_for(lambda: "1000 to 2100" in browser.text("#e-year"), "the daemon's sentence at the field")
    assert daemon.song("Waterloo")["metadata_status"] != "manual"


def test_swap_tidy_and_lock(daemon, visit, browser):
    start(daemon, ["Waterloo - Abba (Karaoke Version).mp4"])
    song = open_song(visit, daemon, "Waterloo")
    browser.click("#swap")
    assert (value(browser, "artist"), value(browser, "title")) == (song["title"], song["artist"])
    browser.click("#tidy")
    wait_for(lambda: (value(browser, "artist"), value(browser, "title")) == (song["artist"], song["title"]), "what the name says")
    browser.click("[data-lock=genre]")
    wait_for(lambda: daemon.song("Waterloo")["locked"] == ["genre"], "the lock")
    wait_for(lambda: browser.js("return document.querySelector('[data-lock=genre]').getAttribute('aria-pressed');") == "true", "the pressed button")


def test_edit_in_one_window_appears_in_another(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4", "Adele - Hello.mp4"])
    open_song(visit, daemon, "Waterloo")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("window")
    visit("library")
    wait_for(lambda: "Waterloo" in browser.text("#songs"), "the list")
    browser.driver.switch_to.window(first)
    browser.type("#f-title", "Waterloo Forever")
    browser.click("#save")
    wait_for(lambda: daemon.song("Waterloo")["title"] == "Waterloo Forever", "the edit")
    browser.driver.switch_to.window([w for w in browser.driver.window_handles if w != first][0])
    wait_for(lambda: "Waterloo Forever" in browser.text("#songs"), "the other window to show it")


def test_stale_edit_gets_a_conflict_and_both_ways_out(daemon, visit, browser, expects):
    expects.append("412")
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    browser.type("#f-title", "Mine")
    assert daemon.patch(song["id"], title="Theirs").status == 200
    wait_for(lambda: "Theirs" in browser.text("main form"), "the notice that it changed elsewhere")
    assert value(browser, "title") == "Mine", "what was typed is kept"
    browser.click("#save")
    wait_for(lambda: browser.one("#conflict"), "the conflict")
    assert "Theirs" in browser.text("#conflict") and "Mine" in browser.text("#conflict")
    assert daemon.song("Waterloo")["title"] == "Theirs", "nothing was overwritten"
    browser.click("#keep-mine")
    wait_for(lambda: daemon.song("Waterloo")["title"] == "Mine", "mine, now that I know")
    wait_for(lambda: not browser.one("#conflict"), "the conflict to be gone")
    browser.type("#f-title", "Mine again")
    assert daemon.patch(song["id"], title="Theirs again").status == 200
    wait_for(lambda: "Theirs again" in browser.text("main form"), "the notice")
    browser.click("#save")
    wait_for(lambda: browser.one("#take-theirs"), "the conflict")
    browser.click("#take-theirs")
    wait_for(lambda: value(browser, "title") == "Theirs again", "theirs in the form")


def test_why_and_history_of_a_song(daemon, visit, browser):
    start(daemon, ["Artist A00 - Song number 00 (Karaoke).mp4"], worker=True)
    open_song(visit, daemon, "A00")
    browser.js("document.querySelector('main details.card summary').click();")
    wait_for(lambda: "was listed" in browser.text("main details.card"), "the story")
    wait_for(lambda: browser.all("main [data-undo]"), "the history with its way back")


def test_suggestion_is_accepted_and_rejected_for_ever(daemon, visit, browser):
    start(daemon, ["Artist A00 - Song number 00 (Karaoke).mp4"], worker=True)
    open_song(visit, daemon, "A00")
    song = daemon.song("A00")["id"]

    def offered():
        return [c for c in daemon.get("songs/%d/suggestions?limit=20" % song)["suggestions"] if not c["rejected"]]

    count = wait_for(lambda: len(offered()), "suggestions")
    wait_for(lambda: browser.all(".candidates li"), "the list")
    browser.click(".candidates .act button")
    wait_for(lambda: daemon.song("A00")["metadata_status"] == "manual", "the accepted suggestion")
    wait_for(lambda: len(browser.all(".candidates li")) == min(count, 5), "the list as it is after that")
    browser.click(".candidates .act button.plain")
    wait_for(lambda: len(offered()) == count - 1, "the rejected one to be gone")
    wait_for(lambda: len(browser.all(".candidates li")) == min(count - 1, 5), "the list without it")


def test_own_words_are_asked_about(daemon, visit, browser, fake):
    fake.catalogue.add(__import__("fake.catalogue").catalogue.Song("The Real One", "Hotel Something", 1976, ["rock"]))
    start(daemon, ["zzz 123 unreadable.mkv"], worker=True)
    open_song(visit, daemon, "zzz")
    before = daemon.song("zzz")
    browser.click("details:has(#own) summary")
    browser.type("#own", "The Real One - Hotel Something")
    browser.click("details:has(#own) form button")
    wait_for(lambda: "Hotel Something" in browser.text(".candidates"), "what the services know about those words")
    assert daemon.song("zzz")["metadata_status"] != "manual" and daemon.song("zzz")["title"] == before["title"]
    assert browser.js("return document.querySelector('#own').value;") == "The Real One - Hotel Something"
    browser.click(".candidates .act button")
    wait_for(lambda: daemon.song("zzz")["metadata_status"] == "manual", "the accepted suggestion")
    song = daemon.song("zzz")
    assert (song["artist"], song["title"]) == ("The Real One", "Hotel Something")


# --- review ----------------------------------------------------------------------------------

def reviewed(browser):
    return browser.js("const a = document.querySelector('#review h2 a'); return a ? Number(a.hash.split('/')[2]) : null;")


def settled(browser):
    return browser.js("return !document.querySelector('#review[aria-busy]');")


def test_review_of_fifty_by_keyboard_only(daemon, visit, browser):
    names = ["Song number %02d - Somebody %02d.mp4" % (i, i) for i in range(50)]
    start(daemon, names)
    before = {s["id"]: s for s in daemon.songs_list()}
    visit("")
    browser.keys("g", "r")                      # no pointer from here on
    wait_for(lambda: "50 songs left" in browser.text("#remaining"), "the pile")
    keys = ["v", "s", "e", "v", "s"]
    done = {}
    for n in range(50):
        song = wait_for(lambda: settled(browser) and reviewed(browser), "song %d" % n)
        key = keys[n % 5]
        browser.keys(key)
        if key == "e":
            wait_for(lambda: browser.focused() == "r-artist", "the form with the cursor in it")
            browser.keys("Typed by hand", Keys.ENTER)
        done[song] = key
        wait_for(lambda: settled(browser) and reviewed(browser) != song, "the next one after song %d" % n)
    assert len(done) == 50
    wait_for(lambda: "Nothing is left" in browser.text("#review"), "the end of the pile")
    for song in daemon.songs_list():
        was = before[song["id"]]
        expected = {"v": (was["artist"], was["title"]), "s": (was["title"], was["artist"]), "e": ("Typed by hand", was["title"])}[done[song["id"]]]
        assert (song["artist"], song["title"]) == expected and song["metadata_status"] == "manual"


def test_review_skips_are_kept_on_reload_and_undo_goes_back(daemon, visit, browser):
    start(daemon, ["One - Two.mp4", "Three - Four.mp4", "Five - Six.mp4"])
    visit("review")
    first = wait_for(lambda: reviewed(browser), "the first song")
    browser.keys("n")
    second = wait_for(lambda: (r := reviewed(browser)) and r != first and r, "the second")
    visit("review")
    wait_for(lambda: reviewed(browser) == second, "the same place after a reload")
    was = daemon.get("songs/%d" % second)
    browser.keys("s")
    third = wait_for(lambda: settled(browser) and (r := reviewed(browser)) and r != second and r, "the third")
    assert daemon.get("songs/%d" % second)["metadata_status"] == "manual"
    browser.keys("u")
    wait_for(lambda: reviewed(browser) == second, "the song that was undone")
    assert fields(daemon.get("songs/%d" % second)) == fields(was)
    browser.keys("n")
    wait_for(lambda: reviewed(browser) == third, "the third again")


def test_review_takes_the_numbered_suggestion_and_reject_never_comes_again(daemon, visit, browser, fake):
    fake.catalogue.add(__import__("fake.catalogue").catalogue.Song("The Real One", "Hotel Something", 1976, ["rock"]))
    start(daemon, ["Hotel Something karaoke.mkv"], worker=True)
    visit("review")
    song = wait_for(lambda: reviewed(browser), "the song")
    wait_for(lambda: browser.all("#review .candidates li"), "what was suggested")
    assert "The Real One" in browser.text("#review .sides")
    browser.keys("x")
    wait_for(lambda: any(c["rejected"] for c in daemon.get("songs/%d/explain" % song)["candidates"]), "the rejection")
    left = [c for c in daemon.get("songs/%d/suggestions" % song)["suggestions"] if not c["rejected"]]
    if left:
        wait_for(lambda: len(browser.all("#review .candidates li")) == len(left), "the others")
        browser.keys("1")
        wait_for(lambda: daemon.get("songs/%d" % song)["artist"] == left[0]["artist"], "the suggestion with that number")


def test_keys_can_be_switched_off_and_are_listed(daemon, visit, browser):
    start(daemon, ["One - Two.mp4"])
    visit("review")
    wait_for(lambda: reviewed(browser), "the song")
    browser.keys("?")
    wait_for(lambda: browser.one("dialog[open]"), "the list of keys")
    for word in ("Accept", "Swap", "Auto-format", "Edit", "Skip", "Reject", "Undo"):
        assert word in browser.text("dialog")
    browser.click("dialog input[type=checkbox]")
    # a browser that is very busy may miss a key; a person presses it again
    wait_for(lambda: not browser.one("dialog") or browser.keys(Keys.ESCAPE), "the list to close")
    browser.keys("v")
    browser.keys("?")
    assert browser.js("return new Promise((r) => setTimeout(() => r(document.querySelector('dialog') === null), 300));")
    assert daemon.song("One")["metadata_status"] != "manual"


# --- many at once -------------------------------------------------------------------------------

def listed_ids(browser, selector):
    return browser.js("return [...document.querySelectorAll(arguments[0] + ' li[data-id]')].map((l) => Number(l.dataset.id));", selector)


def test_bulk_does_exactly_what_its_preview_shows(daemon, visit, browser):
    start(daemon, ["Song number %02d - Artist %c%02d.mp4" % (i, 65 + i % 26, i) for i in range(30)]
          + ["Nobody knows %d - Not this %d.mp4" % (i, i) for i in range(30, 100)], worker=True)
    before = {s["id"]: s for s in daemon.songs_list()}
    visit("bulk")
    browser.js("const s = document.getElementById('bulk-action'); s.value = 'verify'; s.dispatchEvent(new Event('change'));")
    browser.js("const l = document.getElementById('bulk-level'); l.value = '0.3'; l.dispatchEvent(new Event('input'));")
    browser.click("#bulk-preview")
    wait_for(lambda: browser.one("#bulk-count"), "the preview")
    said = int(browser.text("#bulk-count").split()[0])
    while browser.one("#bulk-more"):
        n = len(listed_ids(browser, "#bulk-result"))
        browser.click("#bulk-more")
        wait_for(lambda: len(listed_ids(browser, "#bulk-result")) > n, "the next page of the preview")
    shown = set(listed_ids(browser, "#bulk-result"))
    assert len(shown) == said > 50
    browser.click("#bulk-do")
    wait_for(lambda: "Done for" in browser.text("#bulk-result"), "it to be done")
    after = {s["id"]: s for s in daemon.songs_list()}
    assert {i for i, s in after.items() if s["metadata_status"] == "manual"} == shown
    assert all(fields(after[i]) == fields(before[i]) for i in after)
    browser.click("#bulk-undo")
    wait_for(lambda: all(s["metadata_status"] == before[s["id"]]["metadata_status"] for s in daemon.songs_list()), "all of it to be undone")
    assert json.dumps([fields(s) for s in daemon.songs_list()]) == json.dumps([fields(before[s["id"]]) for s in daemon.songs_list()])


def test_bulk_refuses_when_the_set_changed_after_the_preview(daemon, visit, browser, expects):
    expects.append("409")
    start(daemon, ["Song %d - Artist %d.mp4" % (i, i) for i in range(5)])
    visit("bulk")
    browser.js("const s = document.getElementById('bulk-action'); s.value = 'swap'; s.dispatchEvent(new Event('change'));")
    browser.click("#bulk-preview")
    wait_for(lambda: "5 songs" in browser.text("#bulk-count"), "the preview")
    song = daemon.song("Song 3")
    assert daemon.patch(song["id"], title="Decided").status == 200
    browser.click("#bulk-do")
    wait_for(lambda: "4 songs" in browser.text("#bulk-count"), "a new preview in place of the deed")
    assert sum(s["metadata_status"] == "manual" for s in daemon.songs_list()) == 1
