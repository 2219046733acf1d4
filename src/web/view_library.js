// Search and filter the library; pages by cursor, so that 100,000 songs are as light as fifty.
import { h, fill, raw, settled, calmly } from "./dom.js";
import { t, tn, number, has } from "./text.js";
import { get, query } from "./api.js";
import { fail, say } from "./tell.js";
import { songRow, sourceName } from "./song.js";

const PAGE = 50;
const ENOUGH = 8;            // short pages are followed at most that often for one page shown
const SORTS = ["artist", "title", "-confidence", "confidence", "-updated", "-added", "-year", "year"];
const STATUSES = ["manual", "enriched", "parsed", "pending", "enrichment_failed"];
const BANDS = [["0.85", ""], ["0.7", "0.8499"], ["0.6", "0.6999"], ["0.4", "0.5999"], ["0.2", "0.3999"], ["", "0.1999"]];
const BAND_KEYS = ["high", "medium", "parsed", "review", "low", "needs"];
const SOURCES = ["name", "musicbrainz", "lastfm", "listenbrainz", "person"];
const FLAGS = ["no_year", "no_genre", "order_unsure", "duplicate"];
const KNOWN = ["q", "status", "min_confidence", "max_confidence", "below", "decade", "genre", "genre_group", "language", "vendor", "source", "reason", "presence",
  "added_since", "sort", "year", "min_year", "max_year", ...FLAGS];

/** A filter in words, as tags. */
export function filterTags(filter) {
  const said = { status: (v) => t("status." + v), presence: () => t("song.gone"), reason: (v) => (has("reason." + v) ? t("reason." + v) : v),
    min_confidence: (v) => t("field.confidence") + " ≥ " + v, max_confidence: (v) => t("field.confidence") + " ≤ " + v,
    below: (v) => t("field.confidence") + " < " + v,
    min_year: (v) => t("field.year") + " ≥ " + v, max_year: (v) => t("field.year") + " ≤ " + v, q: (v) => "“" + v + "”",
    source: sourceName, language: languageName, decade: (v) => t("library.decade", { year: v }), added_since: (v) => t("songbook.since") + " " + v };
  for (const f of FLAGS) said[f] = () => t("worklist." + f);
  return Object.entries(filter).filter(([k]) => k !== "sort").map(([k, v]) => [" ", h("span", { class: "tag" }, raw(said[k] ? said[k](v) : v))]);
}

export function languageName(code) {
  try { return new Intl.DisplayNames([document.documentElement.lang], { type: "language" }).of(code) || code; } catch { return code; }
}

/** The filters of a view as GET /songs takes them. */
export function filterOf(parameters) {
  const out = {};
  for (const k of KNOWN) if (parameters.get(k)) out[k] = FLAGS.includes(k) ? "true" : parameters.get(k);
  return out;
}

/** Reads one page; short pages are followed. Answers {songs, next}. */
export async function readPage(filter, cursor, limit, signal) {
  let songs = [], next = cursor;
  for (let i = 0; i < ENOUGH; i++) {
    const page = await get("songs" + query({ ...filter, limit: limit - songs.length, cursor: next }), { signal });
    songs = songs.concat(page.songs);
    next = page.next;
    if (!next || songs.length >= limit) break;
  }
  return { songs, next };
}

function select(name, value, options, change) {
  return h("select", { id: "f-" + name, name, onchange: (e) => change(name, e.target.value) },
    options.map(([v, text]) => h("option", { value: v, selected: v === (value || "") }, text)));
}

const labelled = (text, control) => h("label", {}, text, control);

export function view(parameters, go) {
  const actions = h("p", { class: "row" });
  const list = h("ul", { class: "list", id: "songs" }), foot = h("div", { class: "head" }), chips = h("div", { class: "row" });
  const facets = h("div", { class: "fields" });
  let filter = filterOf(parameters), cursors = [null], next = null, reading = null, shown = [];

  const search = h("input", { type: "search", id: "q", value: filter.q || "", placeholder: t("library.search"), "aria-label": t("library.search"),
    autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });

  function set(name, value) {
    if (value) filter[name] = value; else delete filter[name];
    cursors = [null];
    go("library", filter);        // replaces the address: back leads to the view before
    drawChips();
    read();
  }

  async function read() {
    if (reading) reading.abort();
    const mine = reading = new AbortController();
    list.setAttribute("aria-busy", "true");
    try {
      const page = await readPage({ sort: "artist", ...filter }, cursors[cursors.length - 1], PAGE, mine.signal);
      if (mine !== reading) return;         // a newer question is under way: not every browser can abort this one
      next = page.next;
      shown = page.songs;
      draw();
    } catch (e) {
      if (mine !== reading) return;
      fail(e);
    }
    list.removeAttribute("aria-busy");
  }

  function draw() {
    fill(list, shown.map((s) => songRow(s)));
    if (!shown.length) fill(list, h("li", { class: "soft" }, next ? t("library.looking") : t("library.none")));
    const turn = (to) => { to(); read().then(() => { document.getElementById("main").focus(); scrollTo(0, 0); }); };
    fill(foot,
      h("span", { class: "soft number" }, t("library.page", { n: number(cursors.length) })),
      h("span", { class: "row" },
        h("button", { type: "button", id: "page-back", disabled: cursors.length < 2, onclick: () => turn(() => cursors.pop()) }, t("library.back")),
        h("button", { type: "button", id: "page-next", disabled: !next, onclick: () => turn(() => cursors.push(next)) }, t("library.next"))));
  }

  function drawChips() {
    const named = { presence: () => t("song.gone"), reason: () => (has("reason." + filter.reason) ? t("reason." + filter.reason) : filter.reason),
      below: () => t("field.confidence") + " < " + filter.below, year: () => filter.year, added_since: () => t("songbook.since") + " " + filter.added_since };
    for (const f of FLAGS) named[f] = () => t("worklist." + f);
    fill(chips, Object.keys(named).filter((k) => filter[k]).map((k) => h("button", { type: "button", onclick: () => set(k, "") },
      named[k](), h("span", { "aria-hidden": "true" }, "×"), h("span", { class: "unseen" }, t("library.remove_filter")))));
    const { sort, ...conditions } = filter;
    fill(actions, h("a", { class: "button", href: "#/bulk" + query(conditions) }, t("library.bulk")),
      h("a", { class: "button", href: "#/songbook" + query(conditions) }, t("nav.songbook")));
  }

  function setBand(name, value) {
    const [min, max] = value ? BANDS[value] : ["", ""];
    if (max) filter.max_confidence = max; else delete filter.max_confidence;
    set("min_confidence", min);
  }

  function drawFacets(known) {
    const any = ["", t("library.any")];
    const band = BANDS.findIndex(([min, max]) => (filter.min_confidence || "") === min && (filter.max_confidence || "") === max);
    const menu = (name, rows, text) => rows && rows.length || filter[name]
      ? labelled(t("field." + name), select(name, filter[name], [any, ...withPresent(name, rows || [], text)], set)) : null;
    const withPresent = (name, rows, text) => {
      const out = rows.map((r) => [String(r.value), text(r.value) + " (" + number(r.count) + ")"]);
      return !filter[name] || out.some(([v]) => v === filter[name]) ? out : [[filter[name], text(filter[name])], ...out];
    };
    fill(facets,
      labelled(t("field.status"), select("status", filter.status, [any, ...STATUSES.map((s) => [s, t("status." + s)])], set)),
      labelled(t("field.confidence"), select("band", band < 0 ? "" : String(band),
        [any, ...BAND_KEYS.map((k, i) => [String(i), t("label." + k)])], setBand)),
      menu("decade", known.decades, (d) => t("library.decade", { year: d })),
      menu("genre_group", known.genre_groups, (v) => v), menu("genre", known.genres, (v) => v), menu("language", known.languages, languageName),
      menu("vendor", known.vendors, (v) => v),
      labelled(t("field.source"), select("source", filter.source, [any, ...SOURCES.map((s) => [s, sourceName(s)])], set)),
      labelled(t("library.more"), select("more", "", [any, ...FLAGS.map((f) => [f, t("worklist." + f)]), ["gone", t("song.gone")]],
        (n, v) => { if (v === "gone") set("presence", "absent"); else if (v) set(v, "true"); facets.querySelector("[name=more]").value = ""; })),
      labelled(t("library.sort"), select("sort", filter.sort || "artist", SORTS.map((s) => [s, t("sort." + s)]), set)));
  }

  search.addEventListener("input", settled(150, () => set("q", search.value.trim())));
  drawFacets({});
  get("facets").then(drawFacets).catch(() => {});
  drawChips();
  read().then(() => say(next ? tn("library.shown_more", shown.length) : tn("library.shown", shown.length)));
  const again = calmly(1500, read);

  return {
    title: t("nav.library"),
    el: [
      h("h1", {}, t("nav.library")),
      h("div", { class: "card", role: "search" }, search,
        h("details", { open: innerWidth > 640 }, h("summary", {}, t("library.filters")), facets), chips),
      h("section", { class: "card", "aria-label": t("library.results") }, list, foot),
      actions,
    ],
    on(kind, data) {
      if (kind === "gap") again();
      if (kind !== "song") return;
      const i = shown.findIndex((s) => s.id === data.song.id);
      if (i < 0) return;
      shown[i] = data.song;
      const row = list.children[i], focused = row && row.contains(document.activeElement);
      const fresh = songRow(data.song);
      fresh.classList.add("fresh");
      if (row) row.replaceWith(fresh);
      if (focused) fresh.querySelector("a").focus();
    },
    destroy() { if (reading) reading.abort(); reading = null; },
  };
}
