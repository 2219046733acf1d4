/* Runs src/pikaraoke's script in a page of a few hand-made elements, with a hand-turned clock and scripted answers.
 * usage: node songbook_js_cases.js CASE       prints "ok CASE"; called by test_pyclient_pages.py */
"use strict";
const assert = require("assert");
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const SCRIPT = path.join(__dirname, "../../src/pikaraoke/songbook_client/static/songbook.js");

/* Just enough of an element; there is no way to make markup, so a script that tries fails. */
class Element {
  constructor(tag, attributes) {
    Object.assign(this, {tag, children: [], listeners: {}, dataset: {}, attributes: attributes || {}, parent: null, own: "", value: "",
                         hidden: false, disabled: false, open: false});
    for (const [name, value] of Object.entries(this.attributes))
      if (name.startsWith("data-")) this.dataset[name.slice(5).replace(/-(.)/g, (_, c) => c.toUpperCase())] = value;
  }
  appendChild(child) { child.parent = this; this.children.push(child); return child; }
  get textContent() { return this.own + this.children.map((c) => c.textContent).join(""); }
  set textContent(text) { this.children = []; this.own = String(text); }
  get isConnected() { return this.tag === "document" || (this.parent !== null && this.parent.isConnected); }
  matches(selector) {
    const m = /^([a-z]*)(?:\[([a-z_-]+)(?:="([^"]*)")?\])?$/.exec(selector);
    assert(m, "a selector the test does not know: " + selector);
    return (!m[1] || this.tag === m[1]) && (!m[2] || (m[2] in this.attributes && (m[3] === undefined || this.attributes[m[2]] === m[3])));
  }
  querySelectorAll(selector) {
    return this.children.flatMap((c) => (c.matches(selector) ? [c] : []).concat(c.querySelectorAll(selector)));
  }
  querySelector(selector) { return this.querySelectorAll(selector)[0] || null; }
  closest(selector) { return this.matches(selector) ? this : this.parent && this.parent.closest(selector); }
  addEventListener(type, f) { (this.listeners[type] = this.listeners[type] || []).push(f); }
  dispatchEvent(event) {
    event.target = event.target || this;
    (this.listeners[event.type] || []).forEach((f) => f(event));
    if (this.parent && event.bubbles !== false) this.parent.dispatchEvent(event);
  }
  click() { this.dispatchEvent({type: "click"}); }
  focus() {}
}

function page() {
  const document = new Element("document");
  document.documentElement = {lang: "en"};
  document.readyState = "complete";
  document.hidden = false;
  document.createElement = (tag) => new Element(tag);
  const world = {document, asked: [], answers: {}, timers: [], console, Intl, Promise, Object, Error, String, Math, Boolean, encodeURIComponent};
  world.Event = class { constructor(type, more) { Object.assign(this, {type}, more); } };
  world.setTimeout = (f, ms) => { world.timers.push({f, ms}); return world.timers[world.timers.length - 1]; };
  world.clearTimeout = (t) => { world.timers = world.timers.filter((x) => x !== t); };
  world.fetch = (url, options) => {
    world.asked.push({url, options});
    const answer = world.answers[url.split("?")[0]];
    if (answer === undefined) return Promise.reject(new Error("no network"));
    return Promise.resolve({ok: answer.status === undefined, status: answer.status || 200, json: () => Promise.resolve(answer)});
  };
  world.run = () => vm.runInNewContext(fs.readFileSync(SCRIPT, "utf8"), world);
  return world;
}

async function settle() {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

function section(world) {
  const root = world.document.appendChild(new Element("details", {"data-songbook": "progress", "data-progress-url": "/progress"}));
  for (const name of ["state", "message", "numbers", "count", "enriched", "failed", "remaining", "eta-row", "eta"])
    root.appendChild(new Element("p", {"data-songbook-field": name}));
  root.appendChild(new Element("progress"));
  for (const name of ["start", "resume", "pause", "stop"])
    root.appendChild(new Element("button", {"data-songbook-command": name, "data-url": "/" + name}));
  return root;
}

const RUNNING = {state: "running", state_text: "Running", message: "", total: 1000, queue_remaining: 803, dating_remaining: 50, percent: 24.7, total_enriched: 180,
                 total_failed: 67, eta_text: "3 min"};

function text(root, name) { return root.querySelector('[data-songbook-field="' + name + '"]').textContent; }

function buttons(root) {
  return root.querySelectorAll("[data-songbook-command]").filter((b) => !b.hidden).map((b) => b.dataset.songbookCommand);
}

const CASES = {
  async polls_while_open() {
    const world = page(), root = section(world);
    world.answers["/progress"] = RUNNING;
    world.run();
    await settle();
    assert.strictEqual(world.asked.length, 0);              /* closed: not a single question */
    root.open = true;
    root.dispatchEvent({type: "toggle"});
    await settle();
    assert.strictEqual(world.asked.length, 1);
    assert.deepStrictEqual(world.timers.map((t) => t.ms), [2000]);
    assert.strictEqual(text(root, "count"), "247/1,000 (24.7%)");
    assert.deepStrictEqual([text(root, "enriched"), text(root, "failed"), text(root, "remaining"), text(root, "eta")], ["180", "67", "803", "3 min"]);
    assert.strictEqual(root.querySelector("progress").value, 24.7);
    world.answers = {};                                     /* the network goes: it asks on, and says so */
    world.timers.shift().f();
    await settle();
    assert.strictEqual(text(root, "message"), "no network");
    assert.strictEqual(world.timers.length, 1);
    world.document.hidden = true;                           /* another tab */
    world.timers.shift().f();
    await settle();
    assert.deepStrictEqual([world.asked.length, world.timers.length], [2, 0]);
    world.document.hidden = false;
    world.answers["/progress"] = RUNNING;
    world.document.dispatchEvent({type: "visibilitychange"});
    await settle();
    assert.deepStrictEqual([world.asked.length, world.timers.length], [3, 1]);
    root.open = false;                                      /* closed again */
    world.timers.shift().f();
    await settle();
    assert.deepStrictEqual([world.asked.length, world.timers.length], [3, 0]);
    root.open = true;
    root.parent = null;                                     /* the host took the page away */
    root.dispatchEvent({type: "toggle"});
    await settle();
    assert.strictEqual(world.asked.length, 3);
    world.run();                                            /* and loaded the script once more */
    assert.strictEqual(world.document.listeners.visibilitychange.length, 1);
  },

  async buttons_follow_the_state() {
    const world = page(), root = section(world);
    root.open = true;
    for (const [state, shown] of [["running", ["pause", "stop"]], ["paused", ["resume", "stop"]], ["stopped", ["start"]], ["unavailable", []]]) {
      world.answers["/progress"] = Object.assign({}, RUNNING, {state});
      root.dispatchEvent({type: "toggle"});
      world.run();
      await settle();
      root.dispatchEvent({type: "toggle"});
      await settle();
      assert.deepStrictEqual(buttons(root), shown);
      assert.strictEqual(root.querySelector('[data-songbook-field="numbers"]').hidden, state === "unavailable");
    }
    world.answers["/pause"] = Object.assign({}, RUNNING, {state: "paused", state_text: "Paused"});
    const pause = root.querySelector('[data-songbook-command="pause"]');
    pause.click();
    assert.strictEqual(pause.disabled, true);               /* one click is one command */
    await settle();
    const sent = world.asked[world.asked.length - 1];
    assert.deepStrictEqual([sent.url, sent.options.method, sent.options.headers["Content-Type"]], ["/pause", "POST", "application/json"]);
    assert.deepStrictEqual([text(root, "state"), buttons(root)], ["Paused", ["resume", "stop"]]);
    world.answers["/stop"] = {status: 403, error: "Only an admin can do this."};
    root.querySelector('[data-songbook-command="stop"]').click();
    await settle();
    assert.strictEqual(text(root, "message"), "Only an admin can do this.");
  },

  async shows_names_as_text() {
    const world = page(), bad = "<img src=x onerror=alert(1)>";
    const root = world.document.appendChild(new Element("div", {"data-songbook": "suggestion", "data-path": "/s/a&b=c #1.mp4", "data-url": "/names",
                                                                "data-use-text": "Use"}));
    root.appendChild(new Element("p", {"data-songbook-field": "message"}));
    root.appendChild(new Element("ul", {"data-songbook-field": "list"}));
    world.answers["/names"] = {message: "", suggestions: [
      {display: bad, label_text: "High confidence", colour: "green", score: 93, year: 1976, genre: bad, source: "musicbrainz", source_text: "MusicBrainz", file_name: bad},
      {display: "B", label_text: "", colour: "", score: 40, year: null, genre: null, source: "", source_text: "", file_name: "B"}]};
    world.run();
    await settle();
    assert.strictEqual(world.asked[0].url, "/names?path=%2Fs%2Fa%26b%3Dc%20%231.mp4");
    const rows = root.querySelectorAll("li");
    assert.deepStrictEqual(rows.map((li) => li.children.map((c) => [c.tag, c.className, c.textContent])), [
      [["span", "songbook-name", bad], ["span", "songbook-label songbook-green", "High confidence (93%)"],
       ["span", "songbook-more", "1976, " + bad + ", MusicBrainz"], ["button", "button is-small", "Use"]],
      [["span", "songbook-name", "B"], ["button", "button is-small", "Use"]]]);
  },

  async uses_a_name() {
    const world = page(), form = world.document.appendChild(new Element("form"));
    const old = form.appendChild(new Element("input", {name: "old_file_name"})), name = form.appendChild(new Element("input", {name: "new_file_name"}));
    const root = form.appendChild(new Element("div", {"data-songbook": "suggestion", "data-path": "", "data-url": "/names", "data-use-text": "Use"}));
    root.appendChild(new Element("p", {"data-songbook-field": "message"}));
    root.appendChild(new Element("ul", {"data-songbook-field": "list"}));
    old.value = "/songs/x.mp4";
    world.answers["/names"] = {message: "", suggestions: [{display: "AC/DC - T", label_text: "", score: 1, file_name: "AC\uff0fDC - T"}]};
    world.run();
    await settle();
    assert.strictEqual(world.asked[0].url, "/names?path=%2Fsongs%2Fx.mp4");
    let told = 0;
    name.addEventListener("input", () => told++);
    root.querySelector("button").click();
    assert.deepStrictEqual([name.value, told], ["AC\uff0fDC - T", 1]);
  },
};

CASES[process.argv[2]]().then(() => console.log("ok " + process.argv[2]), (e) => { console.error(e); process.exit(1); });
