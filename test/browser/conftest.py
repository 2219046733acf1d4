"""One Chromium for the whole run, and the real daemon over a small library with the fakes beside it.

What console and network said is gathered over all tests; test_z_whole_run.py judges it at the end. A test that provokes
complaints (a daemon that is killed, a refused edit) names them with `expects`.
"""
import importlib.util
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "test/browser"), str(ROOT / "test/integration")]
spec = importlib.util.spec_from_file_location("integration_conftest", ROOT / "test/integration/conftest.py")
shared = importlib.util.module_from_spec(spec)
sys.modules["integration_conftest"] = shared
spec.loader.exec_module(shared)

from browser import Browser, find_chromium  # noqa: E402
from fake.catalogue import Catalogue, Song  # noqa: E402
from fake.providers import FakeProviders  # noqa: E402

no_key_comes_out = shared.no_key_comes_out       # an autouse fixture: here, too

os.environ.setdefault("SE_OFFLINE", "true")      # selenium looks for no driver on the network
PATIENCE = float(os.environ.get("SONGBOOKD_TEST_PATIENCE", 60))


def wait_for(condition, what="the condition", seconds=PATIENCE):
    return shared.wait_for(condition, what, seconds)


def known_songs(count):
    """Names whose order of artist and title is open, and what the services know about them."""
    return [Song("Artist %c%02d" % (65 + i % 26, i), "Song number %02d" % i, 1960 + i % 60, ["pop"]) for i in range(count)]


class Run:
    """What the browsers of the whole run asked for and complained about."""
    origins, requests, complaints = set(), [], []


@pytest.fixture(scope="session")
def run():
    return Run


@pytest.fixture(scope="session")
def chromium():
    if not all(find_chromium()):
        pytest.fail("chromium and chromedriver are needed: deps/install-packages test")
    b = Browser()
    yield b
    b.close()


@pytest.fixture
def expects():
    """Parts of console messages that this test provokes."""
    return []


@pytest.fixture
def browser(chromium, expects):
    chromium.open("about:blank")
    chromium.size(1280, 900)
    chromium.scheme("dark")
    chromium.listen()
    chromium.console, chromium.requests = [], []
    yield chromium
    # the page is left first: what it says while its daemon ends is not a fault
    chromium.listen()
    while len(chromium.driver.window_handles) > 1:
        chromium.driver.switch_to.window(chromium.driver.window_handles[-1])
        chromium.driver.close()
    chromium.driver.switch_to.window(chromium.driver.window_handles[0])
    Run.complaints += chromium.complaints(expects)
    Run.requests += chromium.requests
    try:
        chromium.js("localStorage.clear()")
    except Exception:                             # the test may have left the page
        pass
    chromium.open("about:blank")


@pytest.fixture
def fake():
    providers = FakeProviders(Catalogue(known_songs(60)), limits=False).start()
    yield providers
    providers.stop()


@pytest.fixture
def daemon(tmp_path, fake):
    """Not started: tests add songs first, then daemon.start()."""
    d = shared.Daemon(tmp_path, fake, args=["--set", "lastfm.rate=100", "--set", "musicbrainz.rate=100"])
    yield d
    d.stop()


@pytest.fixture
def visit(browser, daemon):
    """Opens a view of the running daemon's page and waits until it is drawn."""
    def go(view="", fresh=True):
        Run.origins.add("http://" + daemon.address)
        if fresh or not browser.driver.current_url.startswith("http://" + daemon.address):
            browser.open("http://%s/#/%s" % (daemon.address, view))
        else:
            browser.go("#/" + view)
        wait_for(lambda: browser.js("return document.querySelector('main h1') !== null && location.hash.startsWith('#/' + arguments[0]);",
                                    view.split("?")[0]), "the view '%s'" % view)
        return browser
    return go


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows the log of its daemon and a picture of the page."""
    report = (yield).get_result()
    d, b = (item.funcargs.get(n) if hasattr(item, "funcargs") else None for n in ("daemon", "browser"))
    if report.failed and d is not None and d.log:
        report.sections.append(("log of the daemon", d.log[-4000:]))
    if report.failed and b is not None:
        picture = pathlib.Path(os.environ.get("SONGBOOKD_BUILD", ROOT / "build-test")) / ("browser-%s.png" % item.name.replace("/", "_"))
        try:
            b.driver.save_screenshot(str(picture))
            report.sections.append(("page", "%s\n%s\npicture: %s" % (b.driver.current_url, b.text("body")[:3000], picture)))
        except Exception as e:
            report.sections.append(("page", "could not be read: %s" % e))
