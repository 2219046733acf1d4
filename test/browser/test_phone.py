"""Other devices and other uses: pairing, guests, settings and keys, the worklist, the songbook."""
import csv
import http.client
import io
import json

import axe
import pytest

from conftest import Run, shared, wait_for

SECRET = "5" * 32


def start(daemon, names, *args):
    for n in names:
        daemon.add_song(n)
    daemon.args += ["--set", "enrichment.autostart=no", *args]
    daemon.start()


@pytest.fixture
def guarded(daemon, tmp_path):
    """A daemon that wants to know who asks, with its Unix socket for the host."""
    token = tmp_path / "token"
    token.write_text("t" * 40 + "\n")
    token.chmod(0o600)
    start(daemon, ["Abba - Waterloo.mp4", "Adele - Hello.mp4"], "--set", "server.token_file=" + str(token))
    return daemon


def on_socket(daemon, method, path, body=None):
    connection = shared.UnixConnection(str(daemon.socket))
    connection.request(method, path, json.dumps(body or {}) if method != "GET" else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def arrive(browser, daemon, path="/"):
    Run.origins.add("http://" + daemon.address)
    browser.open("http://%s%s" % (daemon.address, path))


def test_unpaired_device_sees_a_door_and_nothing_else(guarded, browser, expects):
    arrive(browser, guarded)
    wait_for(lambda: browser.one("#code"), "the door")
    assert "Waterloo" not in browser.js("return document.documentElement.innerHTML;")
    assert "songs:" not in browser.js("return document.documentElement.outerHTML;")
    expects.append("403")
    browser.type("#code", "AAAA-AAAA")
    browser.click("#enter")
    wait_for(lambda: "wrong or has expired" in browser.text("main"), "the refusal")
    source, why = axe.script()
    if source:
        browser.js(source)
        found = browser.driver.execute_async_script("const done = arguments[0]; axe.run(document).then((r) => done(r.violations.map((v) => v.id + v.help)));")
        assert found == []


def test_phone_is_paired_by_the_address_of_the_picture_and_shut_out_again(guarded, browser, expects):
    expects += ["401", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    status, code = on_socket(guarded, "POST", "/api/v1/pair/code", {"name": "phone"})
    assert status == 200 and "<svg" in code["qr_svg"]
    browser.size(390, 844, True)
    arrive(browser, guarded, "/#" + code["url"].split("#")[1] if "#" in code.get("url") or "" else "/#pair=" + code["code"])
    wait_for(lambda: browser.js("const c = document.getElementById('code'); return c ? c.value.replace('-', '') : '';") == code["code"].replace("-", ""),
             "the code in the form")
    browser.type("#device-name", "Anna's phone")
    browser.click("#enter")
    wait_for(lambda: "Stopped" in browser.text("#link"), "the dashboard")
    assert code["code"].replace("-", "") not in browser.driver.current_url
    cookie = [c for c in browser.driver.get_cookies() if c["httpOnly"]]
    assert len(cookie) == 1 and cookie[0]["sameSite"] == "Strict"
    assert browser.js("return document.cookie;") == ""
    browser.go("#/library")
    wait_for(lambda: "Waterloo" in browser.text("#songs"), "the library")
    browser.go("#/devices")
    wait_for(lambda: "Anna's phone" in browser.text("main") and "this device" in browser.text("main"), "the list of devices")
    status, listed = on_socket(guarded, "GET", "/api/v1/devices")
    status, _ = on_socket(guarded, "POST", "/api/v1/devices/%d/revoke" % listed["devices"][0]["id"])
    assert status == 200
    browser.go("#/library")
    wait_for(lambda: browser.one("#code"), "the door again")


def test_host_gets_a_code_with_a_picture(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    visit("devices")
    wait_for(lambda: "No device" in browser.text("main"), "the list")
    browser.click("#pair")
    wait_for(lambda: browser.text("#pair-code"), "the code")
    picture = wait_for(lambda: browser.js("const i = document.querySelector('.qr'); return i && i.complete && [i.naturalWidth, i.alt];"), "the picture")
    assert picture[0] > 0 and picture[1]


def test_that_no_other_device_reaches_us_is_said_in_the_readers_language(daemon, visit, browser):
    start(daemon, [])
    visit("devices")
    browser.js("localStorage.setItem('songbookd.language', 'de');")
    browser.driver.refresh()
    wait_for(lambda: browser.one("#pair"), "the button")
    browser.click("#pair")
    wait_for(lambda: "Andere Geräte erreichen diesen Dienst nicht" in browser.text("main .note"), "why there is no address")


def test_guests_read_the_songbook_only_where_the_owner_lets_them(guarded, browser, expects):
    expects.append("401")

    def status(path):
        host, port = guarded.address.rsplit(":", 1)
        c = http.client.HTTPConnection(host, int(port))
        c.request("GET", path)
        return c.getresponse().status

    assert status("/songbook") == 401
    assert on_socket(guarded, "PATCH", "/api/v1/settings", {"dashboard.guests": True})[0] == 200
    wait_for(lambda: status("/songbook") == 200, "the guests' page")
    assert status("/api/v1/songs") == 401
    wait_for(lambda: on_socket(guarded, "GET", "/api/v1/progress")[1]["total"] == 2, "the songs")
    arrive(browser, guarded, "/songbook")
    wait_for(lambda: "Waterloo" in browser.text("body"), "the songbook")
    source, why = axe.script()
    if source:
        browser.js(source)
        found = browser.driver.execute_async_script("const done = arguments[0]; axe.run(document).then((r) => done(r.violations.map((v) => v.id + ': ' + v.help)));")
        assert found == []


def test_key_is_set_tested_replaced_and_never_shown(daemon, visit, browser, fake):
    daemon.key = False
    fake.lastfm_key = SECRET
    start(daemon, ["Abba - Waterloo.mp4"])
    visit("settings")
    at = "[id='s-API_KEYS.lastfm']"
    wait_for(lambda: browser.one(at), "the field")
    assert browser.js("return document.querySelector(arguments[0]).placeholder;", at) == "not set"
    browser.type(at, SECRET)
    browser.js("document.querySelector(arguments[0]).form.requestSubmit();", at)
    wait_for(lambda: browser.js("return document.querySelector(arguments[0]).placeholder;", at) == "set", "the key to be stored")
    assert daemon.get("settings")["API_KEYS.lastfm"]["value"] == "set"
    assert browser.js("return document.querySelector(arguments[0]).value;", at) == ""
    browser.js("[...document.querySelector(arguments[0]).form.querySelectorAll('button')].find((b) => b.textContent === 'Test').click();", at)
    wait_for(lambda: "It works" in browser.text("#toasts"), "the test request")
    visit("settings")
    wait_for(lambda: browser.one(at), "the field")
    assert SECRET not in browser.js("return document.documentElement.outerHTML;")
    browser.js("[...document.querySelector(arguments[0]).form.querySelectorAll('button')].find((b) => b.textContent === 'Remove').click();", at)
    wait_for(lambda: daemon.get("settings")["API_KEYS.lastfm"]["value"] == "not set", "the key to be gone")


def test_setting_is_changed_shows_its_origin_and_is_taken_back(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    visit("library")
    wait_for(lambda: browser.text("#songs .what") == "Abba – Waterloo", "the usual order")
    visit("settings", fresh=False)
    wait_for(lambda: browser.one("[id='s-dashboard.order']"), "the option")
    browser.js("const s = document.querySelector(\"[id='s-dashboard.order']\"); s.value = 'title-artist'; s.dispatchEvent(new Event('change'));")
    wait_for(lambda: daemon.get("settings")["dashboard.order"]["origin"] == "setting", "the setting")
    wait_for(lambda: "set here" in browser.js("return document.querySelector(\"[id='s-dashboard.order']\").closest('li').innerText;"), "its origin")
    visit("library", fresh=False)
    wait_for(lambda: browser.text("#songs .what") == "Waterloo – Abba", "the other order")


def test_options_say_where_they_are_changed_in_the_readers_language(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4"])
    visit("settings")
    row = lambda name: browser.js("return [...document.querySelectorAll('li')].find((l) => l.querySelector('code')?.textContent === arguments[0]).innerText;", name)  # noqa: E731
    wait_for(lambda: browser.one("[id='s-pikaraoke.publish']"), "the switch for publishing")
    assert "default" in row("library.watch") and "changed in the configuration file" in row("library.watch")
    assert "from the command line" in row("library.folders") and str(daemon.songs) in row("library.folders")
    assert "changed in the configuration file" not in row("library.folders"), "the command line decides"
    assert "changed in the configuration file" not in row("lastfm.rate")
    browser.js("localStorage.setItem('songbookd.language', 'de');")
    browser.driver.refresh()
    wait_for(lambda: browser.one("[id='s-lastfm.rate']"), "the option again")
    assert "Takt der Anfragen an Last.fm" in row("lastfm.rate")
    assert "Konfigurationsdatei" in row("library.watch")


def test_worklist_counts_lead_to_their_lists(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4", "Adele - Hello.mp4", "Abba - Waterloo (Karaoke).mp4"])
    daemon.wait_listed(3)
    assert daemon.patch(daemon.song("Hello")["id"], year=2015).status == 200
    visit("worklist")
    wait_for(lambda: "2" in browser.text("[data-key=no_year] strong"), "the count")
    browser.click("[data-key=no_year] a")
    wait_for(lambda: len(browser.all("#songs .song")) == 2, "the list behind the count")
    assert "Hello" not in browser.text("#songs")


def test_songbook_links_give_a_page_to_print_and_a_table(daemon, visit, browser):
    start(daemon, ["Abba - Waterloo.mp4", "=HYPERLINK(1) - Evil.mp4"])
    daemon.wait_listed(2)
    song = daemon.song("Waterloo")
    assert daemon.patch(song["id"], artist="ABBA", title="Waterloo", year=1974).status == 200
    visit("songbook")
    links = {f: browser.js("return document.getElementById('book-' + arguments[0]).getAttribute('href');", f) for f in ("html", "csv", "json")}
    rows = list(csv.reader(io.StringIO(daemon.request("GET", links["csv"]).body.decode("utf-8-sig"))))
    assert any("ABBA" in r for r in rows) and not any(cell.startswith("=") for r in rows for cell in r)
    assert len(json.loads(daemon.request("GET", links["json"]).body)["songs"]) == 2
    browser.js("const s = document.querySelector('[name=which]'); s.value = 'verified'; s.dispatchEvent(new Event('input', {bubbles: true}));")
    href = browser.js("return document.getElementById('book-html').getAttribute('href');")
    arrive(browser, daemon, href)
    wait_for(lambda: "Waterloo" in browser.text("body"), "the page")
    assert "Evil" not in browser.text("body"), "only what a person verified"
