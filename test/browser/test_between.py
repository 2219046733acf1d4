"""What happens in between: answers that come late or in another order, another hand at the same song, a page that was left.

`hold` keeps answers that the daemon has given from the page until `release`; `settle` waits until the page has seen what is due.
"""
from selenium.webdriver.common.keys import Keys

from conftest import wait_for
from test_change import open_song, reviewed, settled, start, value

KNOWN = ["Artist A00 - Song number 00.mp4", "Artist B01 - Song number 01.mp4", "Artist C02 - Song number 02.mp4"]


def hold(browser, pattern):
    """Answers to requests whose "METHOD path" fits."""
    browser.js("""
        const pattern = new RegExp(arguments[0]), real = window.realFetch = window.realFetch || window.fetch;
        window.held = [];
        window.fetch = async (path, more = {}) => {
          const kept = window.held && pattern.test((more.method || "GET") + " " + path), answer = await real(path, more);
          if (kept && window.held) await new Promise((r) => window.held.push(r));
          return answer;
        };""", pattern)


def wait_held(browser, count=1):
    wait_for(lambda: browser.js("return window.held.length;") == count, "%d answers to hold" % count)


def release(browser):
    browser.js("const held = window.held; window.held = null; held.forEach((r) => r());")
    settle(browser)


def settle(browser):
    """Some rounds to the daemon: what the page had to do with answers it has is done, and so is what it asked for then."""
    browser.driver.execute_async_script("""const done = arguments[0], real = window.realFetch || window.fetch;
        const round = (n) => (n ? real("/healthz").then((r) => r.text()).then(() => round(n - 1)) : setTimeout(done));
        round(5);""")


def undo_by_message(browser):
    wait_for(lambda: browser.one(".toast button:not(.plain)"), "the offer to undo")
    browser.click(".toast button:not(.plain)")


def shown_genre(browser, genre):
    wait_for(lambda: value(browser, "genre") == genre, "the page to show the other hand's genre")


# --- the way back is the way back of what was named ------------------------------------------------

def test_undo_of_a_message_takes_back_what_it_named_and_not_the_newest(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    browser.type("#f-title", "Mine")
    browser.click("#save")
    wait_for(lambda: daemon.song("Waterloo")["title"] == "Mine", "the edit")
    assert daemon.patch(song["id"], genre="Jazz").status == 200
    shown_genre(browser, "Jazz")
    undo_by_message(browser)
    wait_for(lambda: "Undone" in browser.text("#toasts"), "it to be undone")
    now = daemon.song("Waterloo")
    assert (now["title"], now["genre"]) == (song["title"], "Jazz")


def test_undo_of_a_message_is_refused_when_somebody_built_on_it(daemon, visit, browser, expects):
    expects.append("409")
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    browser.type("#f-title", "Mine")
    browser.click("#save")
    wait_for(lambda: daemon.song("Waterloo")["title"] == "Mine", "the edit")
    assert daemon.patch(song["id"], title="Theirs").status == 200
    undo_by_message(browser)
    wait_for(lambda: "A later change stands on this one" in browser.text("#toasts"), "the refusal")
    assert daemon.song("Waterloo")["title"] == "Theirs"


def test_undo_in_review_takes_back_the_decision_and_not_the_newest(daemon, visit, browser, expects):
    expects.append("409")
    start(daemon, ["One - Two.mp4", "Three - Four.mp4"])
    visit("review")
    first = wait_for(lambda: reviewed(browser), "the first song")
    was = daemon.get("songs/%d" % first)
    browser.keys("s")
    second = wait_for(lambda: settled(browser) and (r := reviewed(browser)) and r != first and r, "the second")
    assert daemon.patch(first, genre="Jazz").status == 200
    browser.keys("u")
    wait_for(lambda: reviewed(browser) == first, "the first again")
    now = daemon.get("songs/%d" % first)
    assert (now["artist"], now["title"], now["genre"]) == (was["artist"], was["title"], "Jazz")
    assert "Jazz" in browser.text("#review")
    browser.keys("s")
    wait_for(lambda: settled(browser) and reviewed(browser) == second, "the second again")
    assert daemon.patch(first, title="Theirs").status == 200
    browser.keys("u")
    wait_for(lambda: "A later change stands on this one" in browser.text("#toasts"), "the refusal")
    assert reviewed(browser) == second and daemon.get("songs/%d" % first)["title"] == "Theirs"


# --- review: everything belongs to its song -----------------------------------------------------------

def suggestions(daemon, song):
    return daemon.get("songs/%d/suggestions" % song)["suggestions"]


def test_late_suggestions_of_a_skipped_song_are_not_behind_the_keys_of_the_next(daemon, visit, browser):
    start(daemon, KNOWN, worker=True)
    visit("library")
    hold(browser, "GET .*/suggestions")
    browser.go("#/review?below=1")
    first = wait_for(lambda: reviewed(browser), "the first song")
    wait_held(browser)
    browser.js("window.heldFirst = window.held; window.held = null;")
    browser.keys("n")
    second = wait_for(lambda: (r := reviewed(browser)) and r != first and r, "the second")
    wait_for(lambda: browser.all("#review .candidates li"), "its suggestions")
    browser.js("window.heldFirst.forEach((r) => r());")
    settle(browser)
    browser.keys("1")
    wait_for(lambda: settled(browser) and reviewed(browser) not in (first, second), "the decision")
    now, wanted = daemon.get("songs/%d" % second), suggestions(daemon, second)[0]
    assert (now["metadata_status"], now["artist"], now["title"]) == ("manual", wanted["artist"], wanted["title"])


def test_a_suggestion_that_is_gone_leaves_its_song_in_review(daemon, visit, browser, expects):
    expects.append("404")
    start(daemon, KNOWN[:2], worker=True)
    visit("review?below=1")
    song = wait_for(lambda: reviewed(browser), "the song")
    wait_for(lambda: browser.all("#review .candidates li"), "its suggestions")
    before = {c["id"] for c in suggestions(daemon, song)}
    other = "Song number 02"
    assert daemon.post("songs/%d/suggestions" % song, {"artist": "Artist C02", "title": other}).status == 200
    assert not before & {c["id"] for c in suggestions(daemon, song)}
    browser.keys("a")
    wait_for(lambda: settled(browser) and other in browser.text("#review .sides"), "what is suggested now")
    assert reviewed(browser) == song and daemon.get("songs/%d" % song)["metadata_status"] != "manual"


def test_what_is_typed_in_review_survives_a_conflict_and_overwrites_nothing_else(daemon, visit, browser, expects):
    expects.append("412")
    start(daemon, ["Abba - Waterloo.mp4"])
    visit("review")
    song = wait_for(lambda: reviewed(browser), "the song")
    browser.keys("e")
    wait_for(lambda: browser.focused() == "r-artist", "the form")
    browser.keys("Typed by hand")
    assert daemon.patch(song, genre="Jazz").status == 200
    browser.keys(Keys.ENTER)
    wait_for(lambda: "changed elsewhere" in browser.text("#toasts"), "the conflict")
    wait_for(lambda: settled(browser) and browser.js("return document.getElementById('r-genre').value;") == "Jazz", "theirs in what was left alone")
    assert browser.js("return document.getElementById('r-artist').value;") == "Typed by hand"
    assert browser.focused() == "r-artist"
    browser.keys(Keys.ENTER)
    now = wait_for(lambda: (s := daemon.get("songs/%d" % song))["metadata_status"] == "manual" and s, "the edit")
    assert (now["artist"], now["genre"]) == ("Typed by hand", "Jazz")


def lose_touch(browser, daemon):
    """The page believes that the service was away: lists are read again."""
    browser.js("""window.lost = 0;
        const before = window.fetch;
        window.fetch = (path, more) => {
          if (window.lost || !path.endsWith("/progress")) return before(path, more);
          window.lost = 1;
          return Promise.reject(new TypeError("lost"));
        };""")
    daemon.post("worker/start")                   # news: the page asks for the numbers
    wait_for(lambda: browser.js("return window.lost;"), "a poll that fails")


def test_a_pile_that_is_read_anew_during_a_decision_loses_no_song(daemon, visit, browser):
    start(daemon, ["One - Two.mp4", "Three - Four.mp4", "Five - Six.mp4"])
    visit("review")
    first = wait_for(lambda: reviewed(browser), "the first song")
    hold(browser, "PATCH .*songs")
    browser.keys("v")
    wait_held(browser)
    lose_touch(browser, daemon)
    second = wait_for(lambda: (r := reviewed(browser)) and r != first and r, "the pile, read anew")
    release(browser)
    wait_for(lambda: settled(browser), "the end of the decision")
    assert reviewed(browser) == second
    browser.keys("v")
    third = wait_for(lambda: settled(browser) and (r := reviewed(browser)) and r != second and r, "the third")
    assert {first, second, third} == {s["id"] for s in daemon.songs_list()}


def test_the_next_song_is_shown_although_the_pile_is_still_being_filled(daemon, visit, browser):
    """Else a key would decide a song that nobody has seen."""
    start(daemon, ["Song number %02d - Somebody %02d.mp4" % (i, i) for i in range(25)])
    visit("review")
    wait_for(lambda: "25 songs left" in browser.text("#remaining"), "the pile")
    hold(browser, "GET .*review")
    seen = []
    while not browser.js("return window.held.length;"):
        seen.append(reviewed(browser))
        assert len(seen) < 20, "more was never asked for"
        browser.keys("n")
        wait_for(lambda: reviewed(browser) != seen[-1], "the next song")
    assert len(set(seen)) == len(seen) > 5
    release(browser)


def test_of_two_levels_in_a_row_the_last_one_counts(daemon, visit, browser):
    start(daemon, ["One - Two.mp4", "Three - Four.mp4", "Five - Six.mp4"])
    visit("review")
    wait_for(lambda: "3 songs left" in browser.text("#remaining"), "the pile")
    level = "const l = document.getElementById('below'); l.value = arguments[0]; l.dispatchEvent(new Event('change'));"
    hold(browser, "GET .*review.*below=0.1")
    browser.js(level, "0.1")
    wait_held(browser)
    browser.js("document.getElementById('remaining').textContent = '';" + level, "0.9")
    wait_for(lambda: "3 songs left" in browser.text("#remaining") and reviewed(browser), "the pile of the last level")
    release(browser)
    assert "3 songs left" in browser.text("#remaining") and reviewed(browser)


# --- a song's page ------------------------------------------------------------------------------------

def test_undo_after_leaving_a_song_does_not_name_the_page_anew(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    browser.type("#f-title", "Mine")
    browser.click("#save")
    wait_for(lambda: daemon.song("Waterloo")["title"] == "Mine", "the edit")
    visit("library", fresh=False)
    undo_by_message(browser)
    wait_for(lambda: daemon.song("Waterloo")["title"] == song["title"], "it to be undone")
    wait_for(lambda: "Undone" in browser.text("#toasts"), "the page to say so")
    settle(browser)
    assert browser.driver.title == "Library – songbookd"


def test_a_song_that_arrives_after_its_page_was_left_does_not_name_the_page(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    song = daemon.song("Waterloo")["id"]
    visit("library")
    hold(browser, "GET .*songs/%d$" % song)
    browser.go("#/song/%d" % song)
    wait_held(browser)
    visit("library", fresh=False)
    release(browser)
    assert browser.driver.title == "Library – songbookd"


def test_what_is_refused_after_leaving_a_song_is_said_all_the_same(daemon, visit, browser, expects):
    expects.append("412")
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    browser.type("#f-title", "Mine")
    assert daemon.patch(song["id"], title="Theirs").status == 200
    wait_for(lambda: "Theirs" in browser.text("main form"), "the notice")
    hold(browser, "PATCH .*songs")
    browser.click("#save")
    wait_held(browser)
    visit("library", fresh=False)
    release(browser)
    wait_for(lambda: browser.one(".toast.bad"), "the refusal")
    assert daemon.song("Waterloo")["title"] == "Theirs"


def conflict_with(browser, daemon, song, **change):
    """Something typed keeps the older version on the page while another hand changes the song."""
    browser.type("#f-variant", "live")
    assert daemon.patch(song["id"], **change).status == 200
    wait_for(lambda: "Meanwhile" in browser.text("main form"), "the notice")


def test_save_mine_after_a_lock_locks(daemon, visit, browser, expects):
    expects.append("412")
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    conflict_with(browser, daemon, song, title="Theirs")
    browser.click("[data-lock=genre]")
    wait_for(lambda: browser.one("#keep-mine"), "the conflict")
    browser.click("#keep-mine")
    wait_for(lambda: daemon.song("Waterloo")["locked"] == ["genre"], "the lock")
    wait_for(lambda: not browser.one("#conflict"), "the conflict to be gone")
    assert daemon.song("Waterloo")["title"] == "Theirs" and value(browser, "variant") == "live"


def test_save_mine_after_a_suggestion_does_what_accepting_does(daemon, visit, browser, expects):
    expects.append("412")
    start(daemon, KNOWN[:1], worker=True)
    song = open_song(visit, daemon, "A00")
    wait_for(lambda: browser.all(".candidates li"), "the suggestions")
    conflict_with(browser, daemon, song, title="Theirs", year=1999, genre="Jazz")
    browser.click(".candidates .act button")
    wait_for(lambda: browser.one("#keep-mine"), "the conflict")
    browser.click("#keep-mine")
    wanted = suggestions(daemon, song["id"])[0]
    now = wait_for(lambda: (s := daemon.song("A00"))["title"] != "Theirs" and s, "the suggestion")
    assert (now["artist"], now["title"], now["year"], now["genre"]) == (wanted["artist"], wanted["title"], 1999, "Jazz")


def test_saving_after_a_conflict_leaves_alone_what_was_not_touched(daemon, visit, browser, expects):
    expects.append("412")
    start(daemon, ["Abba - Waterloo.mp4"])
    song = open_song(visit, daemon, "Waterloo")
    conflict_with(browser, daemon, song, title="Theirs")
    browser.click("#save")
    wait_for(lambda: browser.one("#conflict"), "the conflict")
    browser.click("#save")
    now = wait_for(lambda: (s := daemon.song("Waterloo"))["variant"] == "live" and s, "the edit")
    assert now["title"] == "Theirs"


# --- lists and settings -------------------------------------------------------------------------------

def test_an_older_search_never_wins_where_requests_cannot_be_aborted(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4", "Toto - Africa.mp4"])
    visit("library")
    wait_for(lambda: len(browser.all("#songs .song")) == 2, "the list")
    browser.js("AbortSignal.any = undefined;")       # as in browsers of 2022
    hold(browser, "GET .*songs.*q=waterloo")
    search = "const q = document.getElementById('q'); q.value = arguments[0]; q.dispatchEvent(new Event('input'));"
    browser.js(search, "waterloo")
    wait_held(browser)
    browser.js(search, "africa")
    wait_for(lambda: "Africa" in browser.text("#songs") and "Waterloo" not in browser.text("#songs"), "the newer answer")
    release(browser)
    assert "Africa" in browser.text("#songs") and "Waterloo" not in browser.text("#songs")


def test_a_half_typed_key_survives_other_settings(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    visit("settings")
    wait_for(lambda: browser.one("[id='s-API_KEYS.lastfm']"), "the options")
    typed = lambda: browser.js("return document.getElementById('s-API_KEYS.lastfm').value;")  # noqa: E731
    browser.type("[id='s-API_KEYS.lastfm']", "half a ke")
    browser.click("[id='s-musicbrainz.enabled']")
    wait_for(lambda: browser.one(".toast"), "the other option to be saved")
    wait_for(lambda: browser.focused() == "s-musicbrainz.enabled", "the keyboard at the option that was changed")
    assert typed() == "half a ke"
    browser.js("document.activeElement.blur();")
    assert daemon.request("PATCH", "settings", {"dashboard.order": "title-artist"}).status == 200
    wait_for(lambda: browser.js("return document.getElementById('s-dashboard.order').value;") == "title-artist", "what another window set")
    assert typed() == "half a ke"


def test_the_count_of_unsure_songs_follows_what_is_decided_elsewhere(daemon, visit, browser):
    start(daemon, ["One - Two.mp4", "Three - Four.mp4", "Five - Six.mp4"])
    visit("")
    wait_for(lambda: "Review 3 unsure songs" in browser.text("main"), "the count")
    assert daemon.patch(daemon.song("One")["id"], verified=True).status == 200
    wait_for(lambda: "Review 2 unsure songs" in browser.text("main"), "the count of now")


LANGUAGES = {
    "fil-PH": "en", "kok-IN": "en", "frr-DE,de": "de", "fi-FI": "fi", "ko-KR": "ko", "fr-CA": "fr", "DE": "de", "zh-Hans-HK": "zh_Hans", "zh-Hant-CN": "zh_Hant",
    "zh-HK": "zh_Hant", "zh-TW": "zh_Hant", "zh-MO": "zh_Hant", "zh-CN": "zh_Hans", "zh": "zh_Hans", "pt-PT": "pt_BR", "nn-NO": "nb", "no": "nb", "nb-NO": "nb",
    "tlh,ja-JP": "ja",
}


def test_language_is_chosen_by_its_whole_name(daemon, visit, browser):
    start(daemon, [])
    visit("")
    chosen = {wanted: browser.driver.execute_async_script("""const done = arguments[1];
        Object.defineProperty(navigator, "languages", { value: arguments[0].split(","), configurable: true });
        import("/web/text.js").then((text) => done(text.wanted()));""", wanted) for wanted in LANGUAGES}
    assert chosen == LANGUAGES
