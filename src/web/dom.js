// Building elements. Text only ever becomes text: names of files and answers of services come from strangers.

/** h("p", {class: "x", onclick: f}, "text", node, [more]); null, undefined and false are left out. */
export function h(tag, attributes, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") el[name] = value;
    else el.setAttribute(name, value === true ? "" : String(value));
  }
  add(el, children);
  return el;
}

export function add(el, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    el.append(child instanceof Node ? child : String(child));
  }
  return el;
}

/** Replaces what el holds. */
export function fill(el, ...children) {
  el.replaceChildren();
  return add(el, children);
}

/** A text of strangers: its own direction, nothing around it is turned. */
export function raw(text, attributes) {
  return h("bdi", attributes, text === null || text === undefined || text === "" ? "–" : text);
}

/** What the daemon says in English, whatever the page's language is: a screen reader reads it as such. */
export function english(text, attributes) {
  return h("bdi", { ...attributes, lang: "en" }, text);
}

/** What is so, in the reader's language, and below it the daemon's own words with the details. */
export const withDetails = (sentence, details) => h("p", {}, sentence, h("br"), english(details, { class: "soft small" }));

const ICONS = {
  lock: "M6 11h12v9H6zM9 11V7a3 3 0 0 1 6 0v4",
  open: "M6 11h12v9H6zM9 11V7a3 3 0 0 1 5.6-1.5",
};

/** A small drawing; what it means stands beside it in words. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Runs f at most once in ms, and at last with the newest arguments. */
export function calmly(ms, f) {
  let timer = null, args;
  return (...now) => {
    args = now;
    if (timer) return;
    timer = setTimeout(() => { timer = null; f(...args); }, ms);
  };
}

/** Runs f when it was not called for ms. */
export function settled(ms, f) {
  let timer;
  return (...args) => { clearTimeout(timer); timer = setTimeout(() => f(...args), ms); };
}
