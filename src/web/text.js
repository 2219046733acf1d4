// Words in the reader's language. A catalogue is a flat object; "key#one", "key#other" ... are plural forms.
// English is what stands in lang/en.json; only one other catalogue is ever loaded.

export const LANGUAGES = {
  en: "English", de: "Deutsch", es: "Español", fi: "Suomi", fr: "Français", id: "Bahasa Indonesia", it: "Italiano",
  ja: "日本語", ko: "한국어", nb: "Norsk bokmål", nl: "Nederlands", pt_BR: "Português (Brasil)", ru: "Русский", th: "ไทย",
  zh_Hans: "简体中文", zh_Hant: "繁體中文",
};

let texts = {};
let tag = "en";
let rules = new Intl.PluralRules("en");

/** The language the reader chose, else the first of the browser's that we have. */
export function wanted() {
  const chosen = remembered("language");
  if (chosen && LANGUAGES[chosen]) return chosen;
  for (const l of navigator.languages || [navigator.language || "en"]) {
    const parts = l.toLowerCase().split("-"), [first] = parts;
    if (first === "zh") return !parts.includes("hans") && parts.some((p) => ["hant", "tw", "hk", "mo"].includes(p)) ? "zh_Hant" : "zh_Hans";
    if (first === "pt") return "pt_BR";
    if (first === "no" || first === "nn") return "nb";
    if (LANGUAGES[first]) return first;
  }
  return "en";
}

export async function load(language) {
  for (const l of [language, "en"]) {
    try {
      const response = await fetch("/web/lang/" + l + ".json");
      if (!response.ok) continue;
      texts = await response.json();
      tag = l.replace("_", "-");
      break;
    } catch { /* the next one, or the keys themselves */ }
  }
  rules = new Intl.PluralRules(tag);
  document.documentElement.lang = tag;
  document.documentElement.dir = texts["meta.direction"] || "ltr";
  for (const el of document.querySelectorAll("[data-t]")) el.textContent = t(el.dataset.t);
  for (const el of document.querySelectorAll("[data-t-label]")) el.setAttribute("aria-label", t(el.dataset.tLabel));
}

function put(text, values) {
  return text.replace(/\{(\w+)\}/g, (all, name) => (values && name in values ? values[name] : all));
}

export const has = (key) => key in texts;

/** The text of that key, with {name} replaced from values. */
export function t(key, values) {
  return put(texts[key] ?? key, values);
}

/** The plural form for count; {n} is the count as the language writes it. */
export function tn(key, count, values) {
  const form = texts[key + "#" + rules.select(count)] ?? texts[key + "#other"] ?? key;
  return put(form, { n: number(count), ...values });
}

export const number = (n, digits = 0) =>
  new Intl.NumberFormat(tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n);

export const percent = (n) => new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 1 }).format(n / 100);

export function time(iso) {
  return iso ? new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso)) : "–";
}

/** "2 hours 5 minutes", never finer than a person needs. */
export function duration(seconds) {
  const unit = (n, u) => new Intl.NumberFormat(tag, { style: "unit", unit: u, unitDisplay: "long" }).format(n);
  if (seconds < 90) return unit(Math.max(1, Math.round(seconds)), "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return unit(minutes, "minute");
  const hours = Math.floor(minutes / 60), rest = minutes % 60;
  return hours >= 24 ? unit(Math.round(minutes / 1440), "day") : rest ? unit(hours, "hour") + " " + unit(rest, "minute") : unit(hours, "hour");
}

export const language = () => tag;

/** Small wishes of this browser: language, theme, shortcuts, place in the pile. */
export function remembered(name) {
  try { return localStorage.getItem("songbookd." + name); } catch { return null; }
}

export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem("songbookd." + name);
    else localStorage.setItem("songbookd." + name, value);
  } catch { /* a browser that keeps nothing still works */ }
}
