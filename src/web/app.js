// The frame: which view is shown, what the connection is like, keys, and the door for those not let in yet.
// Views are modules with view(parameters, go, id) -> {title, el, on(kind, data), destroy()}.
import { h, fill } from "./dom.js";
import { t, tn, load, wanted } from "./text.js";
import { get, query, whenLockedOut } from "./api.js";
import { live, listen, start } from "./live.js";
import { say } from "./tell.js";
import { enabled, enable, keys } from "./keys.js";
import { useSettings } from "./likes.js";
import { applyTheme } from "./theme.js";
import * as progress from "./view_progress.js";
import * as library from "./view_library.js";
import * as review from "./view_review.js";
import * as song from "./view_song.js";
import * as worklist from "./view_worklist.js";
import * as bulk from "./view_bulk.js";
import * as history from "./view_history.js";
import * as songbook from "./view_songbook.js";
import * as settings from "./view_settings.js";
import * as devices from "./view_devices.js";

const more = {
  view: () => ({ title: t("nav.more"), el: [h("h1", {}, t("nav.more")), h("nav", { class: "card", "aria-label": t("nav.more") },
    ["worklist", "bulk", "history", "settings", "devices"].map((v) => h("a", { class: "button", href: "#/" + v }, t("nav." + v))),
    h("button", { type: "button", onclick: showKeys }, t("keys.title")))] }),
};

const VIEWS = { progress, library, review, song, worklist, bulk, history, songbook, settings, devices, more };
const UNDER = { song: "library", bulk: "review", devices: "settings" };
const main = document.getElementById("main");
let shown = null, first = true, locked = false;

/* --- addresses: #/library?q=x, #/song/17 --- */
function address() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  return { name: VIEWS[name] ? name : "progress", id, parameters: new URLSearchParams(search || "") };
}

/** Puts a filter into the address without building the view anew. */
function go(name, parameters) {
  window.history.replaceState(null, "", "#/" + name + query(parameters));
}

function show() {
  const { name, id, parameters } = address();
  if (locked) return;
  if (shown && shown.destroy) shown.destroy();
  shown = VIEWS[name].view(parameters, go, id);
  document.title = shown.title + " – songbookd";
  fill(main, shown.el);
  for (const a of document.querySelectorAll("#nav a")) {
    if (a.dataset.view === name || a.dataset.view === UNDER[name]) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  drawLink();
  if (!first) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
  first = false;
}

/* --- the connection, always in words --- */
function drawLink() {
  const el = document.getElementById("link"), p = live.progress;
  const left = p ? p.queue_remaining - p.dating_remaining : 0;       // as the bar counts: who waits only for a date is done
  el.classList.toggle("bad", live.mode === "down");
  if (live.mode === "down") el.textContent = t("link.down");
  else if (live.mode === "connecting" && !p) el.textContent = t("link.connecting");
  else el.textContent = p ? t("state." + p.state) + (left ? " · " + tn("link.left", left) : "") + (live.mode === "poll" ? " · " + t("link.poll") : "") : "";
}

/* --- keys --- */
const JUMPS = { p: "", l: "library", r: "review", w: "worklist", b: "songbook", h: "history", o: "settings" };
let jumping = 0;

function jump(key) {
  if (Date.now() - jumping > 1500 || !(key in JUMPS)) return false;
  jumping = 0;
  location.hash = "#/" + JUMPS[key];
  return true;
}

function search() {
  if (address().name !== "library") location.hash = "#/library";
  setTimeout(() => { const q = document.getElementById("q"); if (q) q.focus(); }, 50);
}

const LISTED = [["?", "keys.help"], ["/", "keys.search"], ["g p", "nav.progress"], ["g l", "nav.library"], ["g r", "nav.review"], ["g w", "nav.worklist"],
  ["g b", "nav.songbook"], ["g h", "nav.history"], ["g o", "nav.settings"]];
const LISTED_REVIEW = [["A", "act.accept"], ["1 – 5", "keys.candidate"], ["V", "act.verify"], ["S", "act.swap"], ["F", "act.tidy"], ["E", "act.edit"],
  ["N", "act.skip"], ["X", "act.reject"], ["U", "act.undo"]];

function showKeys() {
  const before = document.activeElement;
  const rows = (list) => h("table", {}, h("tbody", {}, list.map(([k, text]) => h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, k)), h("td", {}, t(text))))));
  const dialog = h("dialog", { "aria-labelledby": "h-keys" }, h("div", {}, h("h2", { id: "h-keys", tabindex: "-1", autofocus: true }, t("keys.title")),
    h("div", { class: "keys" }, rows(LISTED), h("div", {}, h("h3", {}, t("nav.review")), rows(LISTED_REVIEW))),
    h("label", { class: "inline" }, h("input", { type: "checkbox", checked: enabled(), onchange: (e) => enable(e.target.checked) }), t("keys.use")),
    h("div", {}, h("button", { type: "button", class: "main", onclick: () => dialog.close() }, t("keys.close")))));
  dialog.addEventListener("close", () => { dialog.remove(); if (before) before.focus(); });
  document.body.append(dialog);
  dialog.showModal();
}

function useKeys() {
  const set = { "?": showKeys, "/": search, g: () => { jumping = Date.now(); } };
  keys("everywhere", set);
  document.addEventListener("keydown", (e) => { if (jumping && !e.ctrlKey && !e.metaKey && e.key !== "g" && jump(e.key)) { e.preventDefault(); e.stopImmediatePropagation(); } }, true);
  document.addEventListener("show-keys", showKeys);
  enable(enabled());
}

/* --- the door --- */
/** Whether we are let in; else the door is shown in place of any view. */
async function knock() {
  const pair = /^#pair=([\w-]+)/.exec(location.hash);
  let session = { authorized: true };
  try { session = await get("session"); } catch { /* not reachable now: the views say so */ }
  if (session.authorized) {
    if (pair) window.history.replaceState(null, "", "#/");       // a code is not for the eyes of who comes later
    return true;
  }
  locked = true;
  if (shown && shown.destroy) shown.destroy();
  shown = null;
  document.title = t("door.title") + " – songbookd";
  document.getElementById("nav").hidden = true;
  fill(main, devices.door(session, pair && pair[1], () => { window.history.replaceState(null, "", "#/"); location.reload(); }));
  return false;
}

async function begin() {
  applyTheme();
  await load(wanted());
  if (!(await knock())) return;
  whenLockedOut.call = () => { if (!locked) knock().catch(() => {}); };
  useKeys();
  listen((kind, data) => {
    if (kind === "progress" || kind === "mode") drawLink();
    if (kind === "mode" && data === "down") say(t("link.down"));
    if (kind === "settings") get("settings").then(useSettings).catch(() => {});
    if (shown && shown.on) shown.on(kind, data);
  });
  document.getElementById("skip").addEventListener("click", (e) => { e.preventDefault(); main.focus(); });
  addEventListener("hashchange", show);
  await Promise.allSettled([start(), get("settings").then(useSettings)]);
  show();
  drawLink();
}

begin();
