// Telling a person what happened: a message that can be undone, and one sentence at a time for a screen reader.
import { h } from "./dom.js";
import { t } from "./text.js";

const CALM_MS = 10000;      // between two sentences of the live region
const STAYS_MS = 12000;
const AT_MOST = 3;

let last = 0, waiting = null, timer = null;

/** Says it to a screen reader: at most one sentence every ten seconds, and of several the newest. */
export function say(sentence) {
  waiting = sentence;
  if (timer) return;
  timer = setTimeout(() => {
    timer = null;
    last = Date.now();
    document.getElementById("say").textContent = waiting;
  }, Math.max(100, last + CALM_MS - Date.now()));
}

/** A message at the edge; with action {label, run} it has a button. It stays while somebody is at it. */
export function toast(sentence, { bad = false, action = null } = {}) {
  const box = document.getElementById("toasts");
  const close = () => { clearTimeout(off); el.remove(); };
  const el = h("div", { class: "toast" + (bad ? " bad" : "") }, h("span", {}, sentence),
    h("span", { class: "row" },
      action && h("button", { type: "button", onclick: () => { close(); action.run(); } }, action.label),
      h("button", { type: "button", class: "plain", onclick: close, "aria-label": t("toast.close") }, "×")));
  let off;
  const leave = () => { off = setTimeout(() => el.matches(":hover, :focus-within") ? leave() : close(), STAYS_MS); };
  while (box.children.length >= AT_MOST) box.firstChild.remove();
  box.append(el);
  leave();
  say(sentence);
}

/** What went wrong, for catch(). */
export function fail(e) {
  if (e && e.name === "AbortError") return;
  if (!e || e.status === undefined) console.error(e);
  toast(e && e.sentence || String(e && e.message || e), { bad: true });
}
