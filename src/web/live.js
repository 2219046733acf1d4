// What happens in the daemon, as it happens: the event stream where there is one, else a poll each second or two.
// One clock looks every second whether we still hear something; it also notices that the machine slept.
import { get } from "./api.js";

const KINDS = ["hello", "song", "progress", "worker", "provider", "scan", "settings", "gap", "heartbeat", "shutdown"];
const POLL_MS = 1000;          // looked at once a second: no number becomes older than two while the worker works
const PATIENCE_MS = 8000;      // then the page says that the service does not answer
const SILENCE_MS = 25000;      // a heartbeat comes every 15 s
const SLEPT_MS = 6000;         // the clock ticks every second; a longer pause was a sleep
const HIDDEN_MS = 30000;       // a hidden page gives its connection back: browsers have six for all windows
const STREAM_AGAIN_MS = 3000;

export const live = { progress: null, mode: "connecting" };

const listeners = new Set();
let source = null, seq = null, ticked = 0, heard = 0, told = 0, asked = 0, tried = 0, hidden = 0, asking = false, away = false;

/** f(kind, data) for every event, for "mode" when the connection changed, and "gap" when lists have to be read again. */
export function listen(f) {
  listeners.add(f);
  return () => listeners.delete(f);
}

function tell(kind, data) {
  for (const f of [...listeners]) f(kind, data);
}

function become(mode) {
  if (live.mode === mode) return;
  live.mode = mode;
  tell("mode", mode);
}

function take(progress) {
  live.progress = progress;
  told = Date.now();
  tell("progress", progress);
}

/** Reads the numbers now; says whether the daemon answered. */
export async function refresh() {
  if (asking) return;
  asking = true;
  asked = Date.now();
  try {
    take(await get("progress", { patience: PATIENCE_MS }));
    if (away) { away = false; tell("gap", { reason: "the service was away" }); }
    if (live.mode !== "live") become("poll");
  } catch (e) {
    if (e.status === 401) become("locked");
    else if (e.name !== "AbortError") { away = true; become("down"); drop(); }
  } finally {
    asking = false;
  }
}

function drop() {
  if (source) source.close();
  source = null;
}

function lost() {
  drop();
  if (live.mode === "live") become("connecting");
  tried = Date.now();
  refresh();
}

function onEvent(message) {
  const data = JSON.parse(message.data);
  heard = Date.now();
  if (data.event !== "heartbeat" && data.event !== "hello") seq = data.seq;
  if (data.event === "hello") {
    if (seq === null) seq = data.seq;
    become("live");
    refresh();
  } else if (data.event === "progress") {
    take(data);
  } else if (data.event === "shutdown") {
    lost();
  } else {
    tell(data.event, data);
    if (["worker", "provider", "scan", "gap"].includes(data.event)) refresh();
  }
}

function open() {
  drop();
  tried = heard = Date.now();
  source = new EventSource("/api/v1/events" + (seq === null ? "" : "?since=" + seq));
  for (const kind of KINDS) source.addEventListener(kind, onEvent);
  source.onerror = lost;
}

function works() {
  const p = live.progress;
  return p && (p.state === "running" && p.queue_remaining > 0 || p.scan && p.scan.running);
}

function tick() {
  const now = Date.now();
  if (now - ticked > SLEPT_MS && ticked) { open(); refresh(); }
  ticked = now;
  if (document.hidden && hidden && now - hidden > HIDDEN_MS) { drop(); return; }
  if (live.mode === "locked") return;
  if (source && now - heard > SILENCE_MS) lost();
  const quiet = now - Math.max(told, asked);
  if (quiet >= POLL_MS && (live.mode !== "live" || works())) refresh();
  if (!source && live.mode !== "down" && now - tried > STREAM_AGAIN_MS) open();
}

function onVisibility() {
  hidden = document.hidden ? Date.now() : 0;
  if (document.hidden) return;
  refresh();
  if (!source) open();
}

export function start() {
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("pagehide", drop);
  addEventListener("pageshow", (e) => { if (e.persisted) { open(); refresh(); } });
  addEventListener("online", () => refresh());
  setInterval(tick, 1000);
  open();
  return refresh();
}
