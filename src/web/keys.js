// Single keys. They work where nobody is typing, and not at all where the reader switched them off.
import { remembered, remember } from "./text.js";

const sets = new Map();

export const enabled = () => remembered("keys") !== "off";

export function enable(on) {
  remember("keys", on ? null : "off");
  document.body.classList.toggle("no-keys", !on);
}

/** Adds a set of keys {key: run}; answers a function that takes it away. */
export function keys(name, set) {
  sets.set(name, set);
  return () => { if (sets.get(name) === set) sets.delete(name); };
}

function isTyping(el) {
  return el && (el.matches("input:not([type=checkbox]), select, textarea, [contenteditable]") || el.closest("dialog"));
}

document.addEventListener("keydown", (e) => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.repeat || !enabled() || isTyping(e.target)) return;
  for (const set of [...sets.values()].reverse()) {
    const run = set[e.key] || set[e.key.toLowerCase()];
    if (!run) continue;
    e.preventDefault();
    run();
    return;
  }
});
