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
