// One decision for many songs. What is previewed is exactly what is done: the daemon refuses when it changed meanwhile.
import { h, fill, raw } from "./dom.js";
import { t, tn } from "./text.js";
import { post } from "./api.js";
import { toast, fail, say } from "./tell.js";
import { fileName, names, sourceName, sure } from "./song.js";
import { filterOf, filterTags } from "./view_library.js";

const NUMBERS = ["min_confidence", "max_confidence", "below", "year", "min_year", "max_year", "decade"];
const FLAGS = ["no_year", "no_genre", "order_unsure", "duplicate"];
const PAGE = 50;

/** A filter as JSON has it, from one as an address has it. */
export function jsonFilter(filter) {
  const out = {};
  for (const [k, v] of Object.entries(filter)) if (k !== "sort") out[k] = NUMBERS.includes(k) ? Number(v) : FLAGS.includes(k) ? v === "true" : v;
  return out;
}

export function view(parameters, go) {
  const base = filterOf(parameters), given = Object.keys(base).length > 0;
  const action = h("select", { id: "bulk-action" }, ["accept", "verify", "swap", "requeue"].map((a) => h("option", { value: a }, t("bulk." + a))));
  const level = h("input", { id: "bulk-level", type: "number", min: 0, max: 1, step: 0.01, value: 0.85 });
  const source = h("select", { id: "bulk-source" }, [["", t("library.any")], ...["lastfm", "musicbrainz", "listenbrainz", "name"].map((s) => [s, sourceName(s)])]
    .map(([v, text]) => h("option", { value: v }, text)));
  const result = h("section", { class: "card", id: "bulk-result", tabindex: "-1", "aria-label": t("bulk.preview"), hidden: true });
  let previewed = null, shown = [];

  function body(preview) {
    const filter = jsonFilter(base), out = { action: action.value, preview, filter };
    if (action.value === "accept") {
      out.min_score = Number(level.value);
      if (source.value) out.source = source.value;
    } else if (action.value === "verify") {
      if (level.value !== "") filter.min_confidence = Math.max(filter.min_confidence || 0, Number(level.value));
      if (source.value) filter.source = source.value;
    }
    return out;
  }

  async function preview(e) {
    if (e) e.preventDefault();
    try {
      const request = body(true);
      const answer = await post("bulk", { ...request, limit: PAGE });
      previewed = { request, ...answer };
      shown = answer.songs;
      draw();
      result.focus();
      say(tn("bulk.count", answer.count));
    } catch (e2) { fail(e2); }
  }

  /** The next page of the preview; a page may be short or even empty although there is a next one. */
  async function more() {
    const before = shown.length;
    while (previewed && previewed.next && shown.length === before) {
      const answer = await post("bulk", { ...previewed.request, limit: PAGE, after: previewed.next }).catch(fail);
      if (!answer) return;
      if (answer.fingerprint !== previewed.fingerprint) { toast(t("bulk.changed"), { bad: true }); preview(); return; }
      shown = shown.concat(answer.songs);
      previewed.next = answer.next;
    }
    draw();
  }

  async function run() {
    const { request, fingerprint } = previewed;
    try {
      const answer = await post("bulk", { ...request, preview: false, fingerprint });
      previewed = null;
      fill(result, h("h2", {}, tn("bulk.done", answer.count)), h("div", { class: "row" },
        answer.batch ? h("button", { type: "button", id: "bulk-undo", onclick: () => back(answer.batch) }, t("bulk.undo")) : null,
        h("a", { class: "button", href: "#/library" }, t("nav.library"))));
      result.focus();
      say(tn("bulk.done", answer.count));
    } catch (e) {
      if (e.status === 409) { toast(t("bulk.changed"), { bad: true }); preview(); }
      else fail(e);
    }
  }

  const back = (batch) => post("undo", { batch }).then((a) => {
    toast(tn("history.undid", a.count ?? a.song_ids.length));
    fill(result, h("p", {}, tn("history.undid", a.count ?? a.song_ids.length)));
  }).catch(fail);

  /** What becomes of a song: new names behind an arrow, a new year or genre after them. */
  function row({ song, after }) {
    const renamed = after && (after.artist !== song.artist || after.title !== song.title);
    const more = after ? ["year", "genre"].filter((f) => after[f] && after[f] !== song[f]).map((f) => [" · ", h("strong", {}, raw(after[f]))]) : [];
    return h("li", { "data-id": song.id },
      h("div", { class: "head" }, h("span", {}, names(song), renamed ? [" → ", h("strong", {}, names(after))] : null, more), sure(song.confidence)),
      raw(fileName(song), { class: "file soft" }));
  }

  function draw() {
    result.hidden = false;
    fill(result, h("h2", { id: "bulk-count" }, tn("bulk.count", previewed.count)),
      previewed.count ? h("div", { class: "row" }, h("button", { type: "button", class: "main", id: "bulk-do", onclick: run }, tn("bulk.do", previewed.count))) : null,
      h("ul", { class: "list" }, shown.map(row)),
      previewed.next ? h("button", { type: "button", id: "bulk-more", onclick: more }, t("history.more")) : null);
  }

  function stale() { result.hidden = true; previewed = null; }
  function fit() {
    stale();
    const used = ["accept", "verify"].includes(action.value);
    level.disabled = source.disabled = !used;
  }
  action.addEventListener("change", fit);
  for (const el of [level, source]) el.addEventListener("input", stale);

  return {
    title: t("bulk.title"),
    el: [h("h1", {}, t("bulk.title")),
      h("form", { class: "card", onsubmit: preview },
        h("p", { class: "soft" }, t("bulk.means")),
        given ? h("p", {}, t("bulk.filter"), " ", filterTags(base)) : null,
        h("div", { class: "fields" }, h("label", {}, t("bulk.action"), action), h("label", {}, t("bulk.level"), level), h("label", {}, t("field.source"), source)),
        h("div", {}, h("button", { class: "main", id: "bulk-preview" }, t("bulk.preview")))),
      result],
  };
}
