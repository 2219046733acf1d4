"""Chromium, headless, as a person at the dashboard; it keeps what the console and the network said."""
import json
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.common.action_chains import ActionChains

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
             "--disable-domain-reliability", "--no-default-browser-check", "--lang=en"]


def find_chromium():
    return shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    def __init__(self, light=False, width=1280, height=900):
        self.home = tempfile.mkdtemp(prefix="songbookd-browser-")
        options = Options()
        for argument in ARGUMENTS + ["--user-data-dir=" + self.home, "--window-size=%d,%d" % (width, height)]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.add_experimental_option("prefs", {"intl.accept_languages": "en"})
        chromium, driver = find_chromium()
        options.binary_location = chromium
        self.driver = webdriver.Chrome(service=Service(driver), options=options)
        self.driver.set_page_load_timeout(120)
        self.driver.set_script_timeout(120)
        self.console, self.requests = [], []
        self.scheme("light" if light else "dark")

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- as the device is ---
    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def size(self, width, height, mobile=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    # --- looking ---
    def open(self, url):
        self.driver.get(url)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        found = self.all(selector)
        return found[0] if found else None

    def text(self, selector):
        """The visible text, read in one step, so that a redraw in between cannot disturb; '' when there is none."""
        return self.js("const e = document.querySelector(arguments[0]); return e ? e.innerText : '';", selector)

    def focused(self):
        return self.js("const e = document.activeElement; return e.id || e.dataset.act || e.tagName;")

    # --- acting ---
    def click(self, selector):
        """As a click does, also when the page redraws at that moment."""
        done = self.js("const e = document.querySelector(arguments[0]); if (!e || e.disabled) return false; e.click(); return true;", selector)
        assert done, "nothing to click at " + selector

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def type(self, selector, text):
        element = self.one(selector)
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(text)

    def go(self, address):
        """Another view of the loaded page."""
        self.js("location.hash = arguments[0];", address)

    # --- what was said ---
    def listen(self):
        """Takes over what console and network said since the last call."""
        self.console += self.driver.get_log("browser")
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])

    def complaints(self, allowed=()):
        """Errors of the console, and CSP reports, without those a test provoked."""
        self.listen()
        return [e["message"] for e in self.console if e["level"] in ("SEVERE", "WARNING") and not any(a in e["message"] for a in allowed)]
