"""A hostile web page in a real browser: it reads nothing and changes nothing, also when its name is bound to our address."""
import http.server
import json
import threading

import pytest

import browser as browser_module
from browser import Browser, find_chromium

PAGE = b"<!doctype html><title>A nice page</title><h1>Look at this cat</h1>"
TRIES = """
const [target, done] = [arguments[0], arguments[arguments.length - 1]];
const told = {};
const note = (name, promise) => Promise.race([promise, new Promise(r => setTimeout(() => r('nothing'), 8000))])
    .then(v => { told[name] = v; }, e => { told[name] = 'refused'; });
const read = r => r.text().then(t => r.type === 'opaque' ? 'opaque' : 'READ ' + r.status + ' ' + t.slice(0, 80));
const json = {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'};
const simple = (path, body) => fetch(target + path, {method: 'POST', mode: 'no-cors', body, headers: {'Content-Type': 'text/plain'}}).then(read);
const element = (tag, set) => new Promise(r => { const e = document.createElement(tag); e.onload = () => r('loaded'); e.onerror = () => r('refused');
                                                 set(e); document.body.append(e); });
Promise.all([
  note('get', fetch(target + '/api/v1/songs').then(read)),
  note('get_no_cors', fetch(target + '/api/v1/songs', {mode: 'no-cors'}).then(read)),
  note('get_with_cookies', fetch(target + '/api/v1/settings', {credentials: 'include'}).then(read)),
  note('post_text', simple('/api/v1/worker/pause', '{}')),
  note('post_beacon', Promise.resolve(String(navigator.sendBeacon(target + '/api/v1/worker/stop', new Blob(['{}'], {type: 'text/plain'}))))),
  note('post_json', fetch(target + '/api/v1/worker/pause', json).then(read)),
  note('patch', fetch(target + '/api/v1/songs/1', {method: 'PATCH', headers: {'Content-Type': 'application/json', 'If-Match': '*'}, body: '{"artist":"Evil"}'}).then(read)),
  note('stream', new Promise(r => { const s = new EventSource(target + '/api/v1/events'); s.onmessage = () => r('READ'); s.onopen = () => r('READ');
                                    s.onerror = () => { s.close(); r('refused'); }; })),
  note('socket', new Promise(r => { const s = new WebSocket(target.replace('http', 'ws') + '/api/v1/events'); s.onopen = () => r('READ'); s.onerror = () => r('refused'); })),
  note('script', element('script', e => { e.src = target + '/api/v1/songs'; })),
  note('image', element('img', e => { e.src = target + '/api/v1/songs'; })),
  note('frame', element('iframe', e => { e.src = target + '/'; }).then(() => {
      const f = document.querySelector('iframe'); try { return f.contentDocument ? 'READ ' + f.contentDocument.title : 'refused'; } catch (e) { return 'refused'; } })),
  note('form', new Promise(r => { const f = document.createElement('form'); f.method = 'post'; f.enctype = 'text/plain'; f.target = 'hole';
      f.action = target + '/api/v1/worker/stop'; const i = document.createElement('input'); i.name = '{"a":"'; i.value = '"}'; f.append(i);
      const h = document.createElement('iframe'); h.name = 'hole'; document.body.append(h, f); f.submit(); setTimeout(() => r('sent'), 1000); })),
]).then(() => done(JSON.stringify(told)));
"""


@pytest.fixture
def evil():
    """A page of a stranger at http://evil.test:PORT/; that name leads to 127.0.0.1, as a rebound one would."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://evil.test:%d/" % server.server_address[1]
    server.shutdown()


@pytest.fixture
def stranger(monkeypatch):
    if not all(find_chromium()):
        pytest.fail("chromium and chromedriver are needed: deps/install-packages test")
    monkeypatch.setattr(browser_module, "ARGUMENTS", [*browser_module.ARGUMENTS, "--host-resolver-rules=MAP evil.test 127.0.0.1"])
    b = Browser()
    yield b
    b.close()


@pytest.fixture
def victim(daemon):
    for i in range(3):
        daemon.add_song("Artist A%02d - Song number %02d.mp4" % (i, i))
    daemon.start()
    daemon.wait_done()
    before = daemon.songs_list(), daemon.get("changes")
    yield daemon
    assert daemon.get("progress")["state"] == "running", "a stranger stopped the worker"
    assert (daemon.songs_list(), daemon.get("changes")) == before, "a stranger changed something"


def nothing_was_read(told):
    read = {name: value for name, value in told.items() if value.startswith("READ")}
    assert not read, read


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_page_of_a_stranger_reads_and_changes_nothing(victim, stranger, evil, host):
    stranger.open(evil)
    told = json.loads(stranger.driver.execute_async_script(TRIES, "http://%s:%s" % (host, victim.address.rsplit(":", 1)[1])))
    assert len(told) == 13, told
    nothing_was_read(told)
    for name in ("get", "get_with_cookies", "post_json", "patch", "stream", "socket", "script", "image"):
        assert told[name] in ("refused", "nothing"), (name, told)


def test_name_that_is_bound_to_our_address_reads_and_changes_nothing(victim, stranger):
    origin = "http://evil.test:" + victim.address.rsplit(":", 1)[1]
    stranger.open(origin + "/")
    assert "does not answer for the host" in stranger.text("body")
    told = json.loads(stranger.driver.execute_async_script("""
        const done = arguments[arguments.length - 1], told = {};
        const ask = (name, path, o) => fetch(path, o).then(r => r.text().then(t => { told[name] = r.status + ' ' + t.slice(0, 60); }), () => { told[name] = 'refused'; });
        const json = {'Content-Type': 'application/json'};
        Promise.all([ask('songs', '/api/v1/songs'), ask('settings', '/api/v1/settings'), ask('page', '/'), ask('health', '/healthz'), ask('events', '/api/v1/events'),
          ask('stop', '/api/v1/worker/stop', {method: 'POST', headers: json, body: '{}'}),
          ask('edit', '/api/v1/songs/1', {method: 'PATCH', headers: {...json, 'If-Match': '*'}, body: '{"artist":"Evil"}'})])
          .then(() => done(JSON.stringify(told)));"""))
    assert len(told) == 7, told
    assert all(value.startswith("421 ") or value == "refused" for value in told.values()), told


def test_page_of_a_stranger_cannot_show_ours_in_a_frame(victim, stranger, evil):
    stranger.open(evil)
    stranger.js("const f = document.createElement('iframe'); f.src = 'http://%s/'; document.body.append(f);" % victim.address)
    stranger.driver.implicitly_wait(0)
    stranger.driver.switch_to.frame(stranger.one("iframe"))
    shown = stranger.js("return document.querySelector('main h1') === null && location.href;")
    assert shown and not shown.startswith("http://" + victim.address), "the dashboard can be framed: clicks could be stolen"
