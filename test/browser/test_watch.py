"""The page tells the truth: while the worker works, when it is told to wait, and when the daemon dies."""
import re

from conftest import known_songs, wait_for


def add_songs(daemon, count=40):
    for s in known_songs(count):
        daemon.add_song("%s - %s (Karaoke).mp4" % (s.artist, s.title))


def slow(daemon):
    """A pace at which the work lasts longer than the test, one song after the other: nobody is asked about many at once."""
    daemon.args = ["--set", "lastfm.rate=4", "--set", "musicbrainz.rate=1", "--set", "listenbrainz.enabled=no"]


def percent(browser):
    return browser.js("const p = document.querySelector('main progress'); return p ? p.value : -1;")


def arrived(fake):
    return sum(len(a) for a in fake.arrivals.values())


def shown_count(browser, label):
    return browser.js("""const dt = [...document.querySelectorAll(".numbers dt")].find((x) => x.textContent === arguments[0]);
                         return dt ? dt.parentNode.querySelector("dd").textContent : null;""", label)


def command(browser, word):
    wait_for(lambda: browser.one("[data-command=%s]" % word), "the button '%s'" % word)
    browser.click("[data-command=%s]" % word)


def test_progress_moves_without_reload(daemon, visit):
    add_songs(daemon)
    slow(daemon)
    daemon.start()
    b = visit()
    b.js("window.sameP = document.querySelector('main progress');")
    seen = wait_for(lambda: (v := percent(b)) > 0 and v, "the bar to begin")
    wait_for(lambda: percent(b) > seen, "the bar to move on")
    assert b.js("return window.sameP === document.querySelector('main progress');"), "the page was built anew"
    text = b.text("main")
    assert re.search(r"\d+ of 40 songs", text) and "Last.fm answers" in text
    assert b.js("return document.querySelector('main progress').getAttribute('aria-labelledby');") == "headline"


def test_keyboard_stays_where_it_is_while_numbers_move(daemon, visit):
    add_songs(daemon)
    slow(daemon)
    daemon.start()
    b = visit()
    wait_for(lambda: percent(b) > 0, "the bar to begin")
    b.js("document.querySelector('.numbers a').focus(); window.kept = document.activeElement;")
    seen = percent(b)
    wait_for(lambda: percent(b) > seen, "the bar to move on")
    assert b.js("return document.activeElement === window.kept && window.kept.isConnected;")


def test_numbers_are_those_of_the_daemon_at_the_end(daemon, visit):
    add_songs(daemon)
    daemon.start()
    b = visit()
    daemon.wait_done(60)
    wait_for(lambda: "Every song is done" in b.text("h1"), "the page to say that all is done")
    by_status = daemon.get("progress")["by_status"]
    assert by_status["enriched"] == 40
    wait_for(lambda: shown_count(b, "Matched") == "40" and shown_count(b, "In the queue") == "0", "the counts")


def test_songs_that_only_wait_for_their_date_count_as_done_everywhere(daemon, visit):
    add_songs(daemon)
    daemon.args += ["--set", "musicbrainz.rate=0.05"]          # one date in twenty seconds
    daemon.start()
    b = visit()
    wait_for(lambda: "Confirming the years" in b.text("h1"), "the page to say what is left to do")
    assert "40 of 40 songs" in b.text("main") and percent(b) == 100
    assert b.text("#link") == "Running"                        # nobody is left
    assert int(shown_count(b, "In the queue")) > 0


def test_pause_stops_requests_and_resume_goes_on(daemon, visit, fake):
    add_songs(daemon)
    slow(daemon)
    daemon.start()
    b = visit()
    wait_for(lambda: arrived(fake) >= 2, "requests")
    command(b, "pause")
    wait_for(lambda: "Paused" in b.text("h1"), "the page to say it is paused")
    # What was under way when the button was pressed may still arrive; a second later nothing does. The fakes' own clock counts.
    waits = daemon.get("progress")
    assert waits["state"] == "paused"
    wait_for(lambda: all(p["in_flight"] == 0 for p in daemon.get("progress")["providers"].values()), "answers under way")
    before = arrived(fake)
    b.js("window.seenTicks = 0; setInterval(() => window.seenTicks++, 100);")
    wait_for(lambda: b.js("return window.seenTicks;") >= 15, "a second and a half in the browser")
    assert arrived(fake) == before
    command(b, "resume")
    wait_for(lambda: arrived(fake) > before, "requests after resume")
    wait_for(lambda: b.text("h1").startswith(("Looking up", "Confirming")), "the page to say that it works")


def test_stop_and_start_by_button(daemon, visit):
    add_songs(daemon, 10)
    slow(daemon)
    daemon.start()
    b = visit()
    command(b, "stop")
    wait_for(lambda: "Stopped" in b.text("h1") and daemon.get("progress")["state"] == "stopped", "stop")
    command(b, "start")
    wait_for(lambda: daemon.get("progress")["state"] == "running", "start")


def test_page_recovers_when_the_daemon_is_killed_and_started_again(daemon, visit, expects):
    expects += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"]
    add_songs(daemon, 10)
    daemon.start()
    b = visit()
    daemon.wait_done(60)
    wait_for(lambda: "Every song is done" in b.text("h1"), "the first truth")
    b.js("window.loadedOnce = true;")
    address = daemon.address
    daemon.kill()
    wait_for(lambda: "does not answer" in b.text("#link"), "the page to notice")
    for s in known_songs(14)[10:]:
        daemon.add_song("%s - %s (Karaoke).mp4" % (s.artist, s.title))
    daemon.args += ["--listen", address]
    daemon.start()
    daemon.wait_listed(14)
    daemon.wait_done(60)
    wait_for(lambda: "14 of 14 songs" in b.text("main"), "the page to tell the truth again")
    assert "does not answer" not in b.text("#link")
    assert b.js("return window.loadedOnce;"), "the page was loaded again"


def test_page_lives_by_polls_where_streams_fail(daemon, visit, expects):
    expects += ["503"]
    add_songs(daemon, 10)
    slow(daemon)
    daemon.start()
    streams = []
    for _ in range(16):                            # all the daemon gives
        c = daemon.connection()
        c.request("GET", "/api/v1/events")
        streams.append((c, c.getresponse()))
    b = visit()
    wait_for(lambda: "without live stream" in b.text("#link"), "the page to say that it polls")
    daemon.post("worker/pause")
    wait_for(lambda: "Paused" in b.text("h1"), "the poll to bring the news")
    for c, response in streams:
        response.close()
        c.close()
    wait_for(lambda: "without live stream" not in b.text("#link"), "the stream again")


def test_after_a_sleep_the_page_is_right_at_once(daemon, visit):
    """The machine sleeps: timers stand still, the connection is dead without a word."""
    add_songs(daemon, 6)
    daemon.start()
    b = visit()
    daemon.wait_done(60)
    wait_for(lambda: "Every song is done" in b.text("h1"), "the first truth")
    b.cdp("Page.setWebLifecycleState", state="frozen")
    daemon.post("worker/pause")
    daemon.add_song("Someone - Something new.mp4")
    daemon.post("scan")
    daemon.wait_listed(7)
    b.cdp("Page.setWebLifecycleState", state="active")
    wait_for(lambda: "6 of 7 songs" in b.text("main"), "the present numbers")


def test_new_file_appears_after_rescan(daemon, visit):
    add_songs(daemon, 3)
    daemon.args += ["--set", "library.watch=no"]
    daemon.start()
    b = visit()
    daemon.wait_listed(3)
    daemon.add_song("Zed - Quite New.mp4")
    b.js("[...document.querySelectorAll('main button')].find((x) => x.textContent === 'Rescan').click();")
    wait_for(lambda: "of 4 songs" in b.text("main"), "the new file")
