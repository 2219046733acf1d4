// Every option with its origin and a sentence; keys go in and never come out. What cannot change here says where it can.
import { h, fill, english } from "./dom.js";
import { t, has, LANGUAGES, wanted, remember, remembered, load } from "./text.js";
import { get, patch, post } from "./api.js";
import { toast, fail } from "./tell.js";
import { enabled, enable } from "./keys.js";
import { useSettings } from "./likes.js";
import { sourceName } from "./song.js";
import { applyTheme } from "./theme.js";

const GROUPS = [["keys", ["API_KEYS."]], ["services", ["lastfm.", "musicbrainz.", "listenbrainz.", "enrichment."]], ["dashboard", ["dashboard.", "changes."]],
  ["library", ["library.", "pikaraoke."]], ["service", ["server.", "database.", "events.", "log."]]];
const TESTED = { "API_KEYS.lastfm": "lastfm", "API_KEYS.listenbrainz": "listenbrainz", "musicbrainz.contact": "musicbrainz" };
/* Options whose sentence the catalogues know; the others speak the daemon's English. */
const SENTENCES = { "API_KEYS.lastfm": "option.api_lastfm", "API_KEYS.listenbrainz": "option.api_listenbrainz", "musicbrainz.contact": "option.contact",
  "pikaraoke.publish": "option.publish", "dashboard.order": "option.order", "dashboard.review_below": "option.review_below",
  "dashboard.guests": "option.guests", "changes.keep_days": "option.keep_days", "library.folders": "option.folders", "library.watch": "option.watch" };
for (const p of ["lastfm", "musicbrainz", "listenbrainz"]) {
  SENTENCES[p + ".enabled"] = "option.enabled";
  SENTENCES[p + ".rate"] = "option.rate";
}
const sentenceOf = (name, o) => (SENTENCES[name] ? t(SENTENCES[name], { name: sourceName(name.split(".")[0]) }) : english(o.help));
const CHOICES = { "dashboard.order": ["artist-title", "title-artist"] };

/* --- one option --- */
function control(name, o) {
  const id = "s-" + name, attributes = { id, name, "aria-describedby": id + "-help" };
  if (CHOICES[name]) return h("select", attributes, CHOICES[name].map((v) => h("option", { value: v, selected: v === o.value }, t("order." + v))));
  if (typeof o.value === "boolean") return h("input", { ...attributes, type: "checkbox", checked: o.value });
  if (o.secret) return h("input", { ...attributes, type: "password", autocomplete: "off",
    placeholder: o.value === "set" ? t("settings.is_set") : t("settings.not_set") });
  if (typeof o.value === "number") return h("input", { ...attributes, type: "number", step: "any", value: o.value });
  return h("input", { ...attributes, value: o.value ?? "", autocomplete: "off", spellcheck: "false" });
}

const shownValue = (o) => (Array.isArray(o.value) ? o.value.join("\n") : typeof o.value === "boolean" ? t(o.value ? "settings.yes" : "settings.no") : o.value === "" || o.value === null ? "–" : String(o.value));

function valueOf(input, o) {
  if (input.type === "checkbox") return input.checked;
  if (input.type === "number") return Number(input.value);
  return input.value.trim();
}

export function view() {
  const page = h("div", { class: "stack" }), rows = new Map();     // name -> its row, and as what it was drawn

  async function set(name, value) {
    try {
      draw(await patch("settings", { [name]: value }), name);
      toast(t(value === null ? "settings.removed" : "settings.saved", { name }));
      const at = document.getElementById("s-" + name);
      if (at) at.focus();
    } catch (e) { fail(e); }
  }

  async function test(provider) {
    try {
      const answer = await post("settings/test", { provider });
      toast(answer.ok ? t("settings.test_ok") : t("settings.test_bad", { detail: has("test." + answer.kind) ? t("test." + answer.kind) : answer.detail }), { bad: !answer.ok });
    } catch (e) { fail(e); }
  }

  /** The sentence is the label: nobody knows the names by heart. */
  function option(name, o) {
    const id = "s-" + name, sentence = sentenceOf(name, o), forced = ["environment", "command line"].includes(o.origin);
    const small = h("p", { class: "soft small", id: id + "-help" }, h("code", {}, name), " · ", t("origin." + o.origin.replace(" ", "_")), o.unit ? [" · ", english(o.unit)] : "",
      o.live || forced ? "" : " · " + t("settings.elsewhere"));
    if (!o.live) return h("li", { class: "option" }, h("div", {}, h("p", {}, sentence), small), h("code", { class: "value" }, shownValue(o)));
    const input = control(name, o), isBox = input.type === "checkbox";
    const send = () => { const v = valueOf(input, o); if (!(o.secret && v === "")) set(name, v); };
    if (isBox || input.tagName === "SELECT") input.addEventListener("change", send);
    else input.addEventListener("input", () => { input.dataset.typed = "1"; });
    return h("li", {}, h("form", { class: "option", onsubmit: (e) => { e.preventDefault(); send(); } },
      h("div", {}, h("label", { class: "sentence", for: id }, sentence), small, forced ? h("p", { class: "small" }, t("settings.forced")) : null),
      h("div", { class: "row" }, h("span", { class: isBox ? null : "grow" }, input),
        isBox || input.tagName === "SELECT" ? null : h("button", {}, t(o.secret ? (o.value === "set" ? "settings.replace" : "settings.set") : "song.save")),
        o.origin === "setting" && h("button", { type: "button", onclick: () => set(name, null) }, t(o.secret ? "settings.remove" : "settings.reset")),
        TESTED[name] && h("button", { type: "button", onclick: () => test(TESTED[name]) }, t("settings.test")))));
  }

  function add(name, o) {
    const el = option(name, o);
    rows.set(name, { el, drawn: JSON.stringify(o) });
    return el;
  }

  /** Where somebody is typing, or stands with the keyboard, a row stays as it is. */
  function redraw(name, o) {
    const { el, drawn } = rows.get(name);
    if (drawn !== JSON.stringify(o) && !el.contains(document.activeElement) && !el.querySelector("[data-typed]")) el.replaceWith(add(name, o));
  }

  /** sent: the option that was just set. */
  function draw(all, sent) {
    useSettings(all);
    if (rows.has(sent)) rows.get(sent).el.replaceWith(add(sent, all[sent]));
    if (rows.size) { for (const n of rows.keys()) redraw(n, all[n]); return; }
    const left = new Set(Object.keys(all));
    fill(page, GROUPS.map(([key, starts]) => {
      const names = Object.keys(all).filter((n) => left.has(n) && starts.some((s) => n.startsWith(s)));
      names.forEach((n) => left.delete(n));
      return names.length ? h("section", { class: "card", "aria-labelledby": "h-" + key }, h("h2", { id: "h-" + key }, t("settings." + key)),
        h("ul", { class: "list" }, names.map((n) => add(n, all[n])))) : null;
    }));
  }

  const read = () => get("settings").then(draw).catch(fail);
  read();
  return {
    title: t("nav.settings"),
    el: [h("h1", {}, t("nav.settings")), browserCard(), page],
    on(kind) { if (kind === "settings" || kind === "gap") read(); },
  };
}

/** What only this browser knows: language, colours, keys. */
export function browserCard() {
  const language = h("select", { id: "language", onchange: (e) => { remember("language", e.target.value); load(e.target.value).then(() => dispatchEvent(new Event("hashchange"))); } },
    Object.entries(LANGUAGES).map(([v, name]) => h("option", { value: v, selected: v === wanted(), lang: v.replace("_", "-") }, name)));
  const theme = h("select", { id: "theme", onchange: (e) => applyTheme(e.target.value) },
    ["auto", "dark", "light"].map((v) => h("option", { value: v, selected: v === (remembered("theme") || "auto") }, t("theme." + v))));
  const unchecked = t("meta.checked") === "no";
  return h("section", { class: "card", "aria-labelledby": "h-browser" }, h("h2", { id: "h-browser" }, t("settings.browser")),
    h("div", { class: "fields" }, h("label", {}, t("settings.language"), language), h("label", {}, t("settings.theme"), theme)),
    unchecked ? h("p", { class: "soft small" }, t("settings.unchecked")) : null,
    h("label", { class: "inline" }, h("input", { type: "checkbox", id: "use-keys", checked: enabled(), onchange: (e) => enable(e.target.checked) }), t("keys.use")),
    h("p", { class: "row" }, h("a", { class: "button", href: "#/devices" }, t("nav.devices"))));
}
