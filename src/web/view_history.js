// The log of changes: who changed what, and the way back for one, a batch, or a source since a time.
import { h, fill, raw, calmly } from "./dom.js";
import { t, tn, time, has, number } from "./text.js";
import { get, post, query } from "./api.js";
import { toast, fail } from "./tell.js";
import { failBack, plainName, sourceName } from "./song.js";

export const undoneText = (answer) => tn("history.undid", answer.count ?? answer.song_ids.length)
  + (answer.kept ? " " + tn("history.kept", answer.kept) : "");

function undo(body, then) {
  return post("undo", body).then((answer) => { toast(undoneText(answer)); then(); }).catch(failBack);
}

/** A stored value in the reader's words where it is one of ours. */
function value(field, v) {
  if (v === null || v === undefined || v === "") return h("span", { class: "soft" }, "–");
  if (field === "confidence" && isFinite(v)) return number(Number(v), 2);
  if (field === "source") return sourceName(v);
  if (field === "metadata_status") return t("status." + v);
  if (field === "reason") return has("reason." + v) ? t("reason." + v) : h("span", { class: "soft" }, "–");   // a rule's key: see "why?"
  return raw(v);
}

const fieldName = (f) => (has("field." + f) ? t("field." + f) : f);

/* The log knows numbers; people know names. Asked once for each song that is shown. */
const called = new Map();

function songLink(id) {
  const a = h("a", { href: "#/song/" + id }, called.get(id) || t("history.song", { id }));
  if (!called.has(id)) {
    called.set(id, "");
    waiting.push([id, a]);
    if (waiting.length === 1) nameNext();
  } else if (!called.get(id)) {
    waiting.push([id, a]);
  }
  return a;
}

const waiting = [];

async function nameNext() {
  while (waiting.length) {
    const [id, a] = waiting[0];
    if (!called.get(id)) {
      try { called.set(id, plainName(await get("songs/" + id))); } catch { called.delete(id); }
    }
    if (called.get(id)) a.textContent = called.get(id);
    waiting.shift();
  }
}
const who = (c) => t("actor." + c.actor) + (c.source && c.source !== "name" && c.source !== "person" ? " (" + sourceName(c.source) + ")" : "");

const ORDER = ["artist", "title", "variant", "year", "genre", "confidence", "metadata_status", "source"];
const place = (c) => (ORDER.indexOf(c.field) + ORDER.length + 1) % (ORDER.length + 1);

/** What a person wants to see of a change: the rule that decided stands in "why?". */
const told = (group) => {
  const shown = group.filter((c) => c.field !== "reason" || has("reason." + c.new));
  return (shown.length ? shown : group).sort((a, b) => place(a) - place(b));
};

/** Rows that belong together (same batch and song) as one entry. */
function grouped(changes) {
  const groups = [];
  for (const c of changes) {
    const last = groups[groups.length - 1];
    if (last && last[0].batch === c.batch && last[0].song_id === c.song_id) last.push(c);
    else groups.push([c]);
  }
  return groups;
}

export function changeList(changes, then, withSong) {
  return h("ul", { class: "list" }, grouped(changes).map((g) => h("li", {},
    h("div", { class: "head keep" },
      h("span", { class: "small soft" }, time(g[0].time), " · ", who(g[0]), g[0].undone ? [" · ", h("span", { class: "tag" }, t("history.undone"))] : null),
      g[0].undone ? null : h("button", { type: "button", "data-undo": g[0].batch,
        "aria-label": t("act.undo") + ": " + g.map((c) => fieldName(c.field)).join(", "),
        onclick: () => undo({ batch: g[0].batch, song_id: g[0].song_id }, then) }, t("act.undo"))),
    withSong && h("p", {}, songLink(g[0].song_id)),
    h("dl", { class: "facts-list" }, told(g).map((c) => [h("dt", {}, fieldName(c.field)), h("dd", {}, value(c.field, c.old), " → ", value(c.field, c.new))])))));
}

export function view(parameters, go) {
  const list = h("div", {}), foot = h("div", { class: "row" });
  const filter = { actor: parameters.get("actor") || "", source: parameters.get("source") || "", batch: parameters.get("batch") || "" };
  let shown = [], next = null;

  async function read(before) {
    try {
      const page = await get("changes" + query({ limit: 50, before, ...filter }));
      shown = before ? shown.concat(page.changes) : page.changes;
      next = page.next;
      draw();
    } catch (e) { fail(e); }
  }

  function draw() {
    fill(list, shown.length ? changeList(shown, () => read(), true) : h("p", { class: "soft" }, t("history.none")));
    fill(foot, next && h("button", { type: "button", onclick: () => read(next) }, t("history.more")),
      filter.batch && h("button", { type: "button", onclick: () => undo({ batch: Number(filter.batch) }, read) }, t("history.undo_batch")));
  }

  const pick = (name, options) => h("select", { id: "f-" + name, onchange: (e) => { filter[name] = e.target.value; filter.batch = ""; go("history", filter); read(); } },
    options.map(([v, text]) => h("option", { value: v, selected: v === filter[name] }, text)));

  const since = h("input", { type: "datetime-local", id: "since" });
  const bySource = h("select", { id: "undo-source" }, ["lastfm", "musicbrainz", "listenbrainz", "person"].map((s) => h("option", { value: s }, sourceName(s))));
  function undoSince(e) {
    e.preventDefault();
    if (!since.value) { since.focus(); return; }
    const source = bySource.value, from = new Date(since.value).toISOString().slice(0, 19) + "Z";
    undo({ ...(source === "person" ? { actor: "person" } : { source }), since: from }, read);
  }

  read();
  return {
    title: t("nav.history"),
    el: [h("h1", {}, t("nav.history")),
      h("section", { class: "card" }, h("div", { class: "fields" },
        h("label", {}, t("history.actor"), pick("actor", [["", t("library.any")], ...["person", "worker", "scan"].map((a) => [a, t("actor." + a)])])),
        h("label", {}, t("field.source"), pick("source", [["", t("library.any")], ...["lastfm", "musicbrainz", "listenbrainz"].map((s) => [s, sourceName(s)])])))),
      h("section", { class: "card", "aria-label": t("nav.history") }, list, foot),
      h("details", { class: "card" }, h("summary", {}, t("history.since_title")),
        h("form", { class: "fields", onsubmit: undoSince }, h("label", {}, t("field.source"), bySource), h("label", {}, t("history.since"), since),
          h("label", {}, h("span", {}, "\u00a0"), h("button", {}, t("history.since_do")))),
        h("p", { class: "soft small" }, t("history.since_means")))],
    on: ((calm) => (kind) => { if (kind === "song" || kind === "gap") calm(); })(calmly(2000, () => { if (shown.length <= 50 && scrollY < 200 && !list.contains(document.activeElement)) read(); })),
  };
}
