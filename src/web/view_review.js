// Review of the unsure, one after the other: before and after side by side, one key for each decision.
// The place in the pile (what was skipped, where we are) is kept in this browser, so a reload goes on there.
import { h, fill, raw } from "./dom.js";
import { t, tn, number, has, remember, remembered } from "./text.js";
import { get, post, request, query } from "./api.js";
import { live } from "./live.js";
import { toast, fail, say } from "./tell.js";
import { candidateList, failBack, readCandidates, fileName, likes, names, sides, sourceName, sure, plainName } from "./song.js";
import { keys } from "./keys.js";

const AHEAD = 20;
const SKIPS_KEPT = 2000;

export function view(parameters, go) {
  const saved = JSON.parse(remembered("review") || "{}");
  let below = Number(parameters.get("below")) || saved.below || likes.reviewBelow;
  const skipped = new Set(saved.below === below ? saved.skipped : []);
  const done = [];                   // what was decided here, newest last: the way back
  let decided = saved.below === below ? saved.decided || 0 : 0;
  let pile = [], next = null, total = 0, candidates = [], busy = false, closed = false;
  let generation = 0, filling = null;         // which reading of the pile counts; the one that is under way

  const count = h("p", { class: "soft number", id: "remaining" });
  const bar = h("progress", { max: 1, "aria-label": t("review.progress") });
  const card = h("section", { class: "card", id: "review", tabindex: "-1", "aria-label": t("nav.review") });
  const level = h("input", { id: "below", type: "number", min: 0.05, max: 1, step: 0.05, value: below });
  level.addEventListener("change", () => {
    below = Math.min(1, Math.max(0.05, Number(level.value) || 0.85));
    skipped.clear();
    decided = 0;
    keep();
    restart();
  });

  const keep = () => remember("review", JSON.stringify({ below, decided, skipped: [...skipped].slice(-SKIPS_KEPT) }));
  const current = () => pile[0];
  const editing = () => current() && current().draft;       // of a row: what was typed, field by field; null while nobody edits it

  /* --- the pile --- */
  async function readOn(mine) {
    while (pile.length < AHEAD / 2 && !closed) {
      const page = await get("review" + query({ below, limit: AHEAD, cursor: next }));
      if (mine !== generation) return;
      const known = new Set(pile.map((r) => r.song.id));
      pile = pile.concat(page.songs.filter((r) => !skipped.has(r.song.id) && !known.has(r.song.id) && !done.some((d) => d.id === r.song.id)));
      total = page.remaining + decided;
      next = page.next;
      if (!next) break;
    }
  }

  /** One reading at a time: who wants more meanwhile waits for the same. */
  async function more() {
    const mine = filling = filling || readOn(generation);
    try { await mine; } catch (e) { fail(e); }
    if (filling === mine) filling = null;
  }

  /** Reads the pile from its beginning; what an older reading still brings counts no more. */
  async function restart() {
    const mine = ++generation;
    filling = next = null;
    pile = [];
    await more();
    if (mine === generation) draw();
  }

  function turn() {
    if (closed) return;
    draw();
    card.focus({ preventScroll: true });
    if (innerWidth < 640) scrollTo(0, 0);
  }

  /** That song is done with here, wherever it lies by now. The next one is shown at once: keys are meant for what is seen. */
  async function leave(row) {
    pile = pile.filter((r) => r.song.id !== row.song.id);
    row.draft = null;
    const shown = current(), wait = !shown && (next || filling);
    if (!wait) turn();
    if (shown && shown.stale) await reread(shown).then(draw);
    if (wait || (next && pile.length < AHEAD / 2)) await more();
    if (wait) turn();
  }

  /* --- one song --- */
  async function drawCandidates(row, at) {
    const { suggestions } = await readCandidates(row.song.id).catch(() => ({ suggestions: [] }));      // the decision needs none
    if (row !== current()) return;
    candidates = suggestions;
    fill(at, candidates.length ? [h("h2", {}, t("hints.title")), candidateList(candidates, take)] : [h("p", { class: "soft" }, t("hints.none")),
      live.progress && live.progress.state === "running" ? h("div", {}, h("button", { type: "button", onclick: (e) => ask(row, e.target) }, t("hints.ask"))) : null]);
  }

  async function ask(row, button) {
    button.disabled = true;
    try { await post("songs/" + row.song.id + "/suggestions"); await reread(row); } catch (e) { fail(e); }
    if (row === current()) draw();
  }

  function whyFirst(row) {
    return [row.wanted ? h("span", { class: "tag" }, t("wanted." + row.wanted)) : null,
      row.song.sung ? h("span", { class: "tag" }, tn("review.sung", row.song.sung)) : null];
  }

  const act = (key, name, run, main) => h("button", { type: "button", class: main ? "main" : null, "data-act": name, onclick: run }, t("act." + name), h("kbd", { "aria-hidden": "true" }, key));

  function drawEmpty() {
    if (!skipped.size) { decided = 0; keep(); }      // the pile is done: the next one is counted anew
    fill(card, h("h2", {}, skipped.size ? tn("review.skipped", skipped.size) : t("review.empty")),
      skipped.size ? h("button", { type: "button", class: "main", id: "skipped", onclick: () => { skipped.clear(); keep(); restart(); } }, t("review.again"))
        : h("p", { class: "soft" }, t("review.empty_means")));
  }

  function draw() {
    if (closed) return;
    const row = current();
    count.textContent = tn("review.remaining", Math.max(0, total - decided)) + (skipped.size ? " · " + tn("review.skipped", skipped.size) : "");
    bar.max = Math.max(1, total);
    bar.value = decided;
    candidates = [];
    if (!row) { if (!filling) drawEmpty(); return; }
    const hints = h("div", { class: "tight" }), focused = card.contains(document.activeElement) ? document.activeElement.id || "review" : null;
    // nothing suggested: the other order is what may be wrong, and without an artist there is none
    const after = row.after || (row.before.artist ? { ...row.before, artist: row.before.title, title: row.before.artist } : row.before);
    const head = !row.after && !row.before.artist ? null : row.after ? t("review.after", { source: sourceName(row.after.source), score: number(row.after.score, 2) }) : t("review.after_swap");
    fill(card,
      h("div", { class: "head" }, h("h2", {}, h("a", { href: "#/song/" + row.song.id }, names(row.song))), h("span", { class: "row" }, whyFirst(row), sure(row.song.confidence))),
      h("p", {}, h("span", { class: "soft small" }, t("song.file"), " "), raw(fileName(row.song), { class: "file" })),
      row.draft ? editForm(row) : [head ? sides(row.before, after, t("review.before"), head) : null,
        h("div", { class: "row acts" },
          row.after ? act("A", "accept", accept, true) : null,
          act("V", "verify", verify, !row.after), row.before.artist ? act("S", "swap", swap) : null, act("F", "tidy", tidy), act("E", "edit", edit),
          act("N", "skip", skip), row.after ? act("X", "reject", reject) : null, done.length ? act("U", "undo", undo) : null),
        hints]);
    if (focused) (document.getElementById(focused) || card).focus({ preventScroll: true });
    if (!row.draft) drawCandidates(row, hints);
  }

  /* --- decisions: each ends this song and can be undone --- */
  async function decide(method, path, body) {
    const row = current();
    if (!row || busy) return;
    busy = true;
    card.setAttribute("aria-busy", "true");
    try {
      const answer = await request(method, "songs/" + row.song.id + path, body, { etag: '"v' + row.song.version + '"' });
      done.push({ id: row.song.id, row, batch: answer.data.batch });
      decided++;
      keep();
      say(t("song.saved", { name: plainName(answer.data) }));
      await leave(row);
    } catch (e) {
      if (e.status === 412) toast(t("conflict.sentence"), { bad: true });
      else fail(e);
      if (e.status === 412 || e.status === 404) await reread(row).then(draw);      // 404: the song is gone, or only the suggestion
    } finally {
      busy = false;
      card.removeAttribute("aria-busy");
    }
  }

  /** The song as it is now, with the best suggestion of now; one that is gone leaves the pile. */
  async function reread(row) {
    row.stale = false;
    try {
      const song = await get("songs/" + row.song.id), [best] = (await readCandidates(row.song.id)).suggestions;
      row.song = song;
      row.before = { artist: song.artist, title: song.title, year: song.year, genre: song.genre };
      row.after = best ? { ...best, candidate: best.id } : null;
    } catch (e) {
      if (e.status === 404) await leave(row);
      else fail(e);
    }
  }

  const accept = () => current() && current().after && decide("POST", "/accept", { candidate: current().after.candidate });
  const take = (c) => decide("POST", "/accept", { candidate: c.id });
  const verify = () => decide("PATCH", "", { verified: true });
  const swap = () => current() && current().before.artist && decide("PATCH", "", { artist: current().before.title, title: current().before.artist });

  async function tidy() {
    const row = current();
    if (!row || busy) return;
    const guess = await post("parse", { filename: fileName(row.song) }).catch(fail);
    if (guess && guess.title && row === current()) { row.draft = { artist: guess.artist, title: guess.title, ...(row.before.year ? {} : { year: guess.year }) }; edit(); }
  }

  function edit() {
    if (!current() || closed) return;
    current().draft = current().draft || {};
    draw();
    card.querySelector("input").select();
  }

  function editForm(row) {
    const start = { ...row.before, ...row.draft };
    const field = (f) => h("label", {}, t("field." + f), h("input", { id: "r-" + f, value: start[f] ?? "", oninput: (e) => { row.draft[f] = e.target.value; },
      dir: "auto", autocomplete: "off", spellcheck: "false", inputmode: f === "year" ? "numeric" : null }));
    const submit = (e) => {
      e.preventDefault();
      const body = { verified: true };
      for (const f of Object.keys(row.draft)) {
        const v = String(row.draft[f] ?? "").trim();
        if (v !== String(row.before[f] ?? "")) body[f] = v === "" ? null : f === "year" ? Number(v) || v : v;
      }
      decide("PATCH", "", body);
    };
    const cancel = () => { row.draft = null; draw(); card.focus(); };
    return h("form", { onsubmit: submit, onkeydown: (e) => { if (e.key === "Escape") { e.preventDefault(); cancel(); } } },
      h("fieldset", {}, h("div", { class: "fields" }, ["artist", "title", "year", "genre"].map(field)),
        h("div", { class: "row" }, h("button", { class: "main" }, t("song.save")), h("button", { type: "button", onclick: cancel }, t("act.cancel")))));
  }

  function skip() {
    const row = current();
    if (!row || busy) return;
    skipped.add(row.song.id);
    keep();
    leave(row);
  }

  async function reject() {
    const row = current();
    if (!row || !row.after || busy) return;
    busy = true;
    try {
      await post("songs/" + row.song.id + "/reject", { candidate: row.after.candidate });
      toast(t("hints.rejected"));
      await reread(row);
      draw();
      card.focus();
    } catch (e) { fail(e); } finally { busy = false; }
  }

  async function undo() {
    const last = done[done.length - 1];
    if (!last || busy) return;
    busy = true;
    try {
      if (last.batch) await post("undo", { batch: last.batch, song_id: last.id });
      done.pop();
      decided = Math.max(0, decided - 1);
      keep();
      await reread(last.row);
      pile = [last.row, ...pile.filter((r) => r.song.id !== last.id)];
      say(t("song.undone"));
      draw();
      card.focus();
    } catch (e) {
      if (e.status === 409) { done.pop(); draw(); }       // somebody built on it: the way back goes on before it
      failBack(e);
    } finally { busy = false; }
  }

  const off = keys("review", {
    a: accept, v: verify, s: swap, f: tidy, e: edit, n: skip, ArrowRight: skip, x: reject, u: undo,
    1: () => candidates[0] && take(candidates[0]), 2: () => candidates[1] && take(candidates[1]), 3: () => candidates[2] && take(candidates[2]),
    4: () => candidates[3] && take(candidates[3]), 5: () => candidates[4] && take(candidates[4]),
  });

  restart();
  return {
    title: t("nav.review"),
    el: [
      h("div", { class: "head" }, h("h1", {}, t("nav.review")), h("label", { class: "inline" }, t("review.below"), level)),
      h("div", {}, bar, count), card,
      h("p", { class: "row" }, h("a", { class: "button", href: "#/bulk" }, t("review.bulk")),
        h("button", { type: "button", class: "plain", onclick: () => document.dispatchEvent(new Event("show-keys")) }, t("keys.title"))),
    ],
    on(kind, data) {
      if (kind === "gap" && !editing()) restart();
      if (kind !== "song" || busy) return;
      const row = pile.find((r) => r.song.id === data.song.id);
      if (!row || data.song.version <= row.song.version) return;
      const settled = data.song.metadata_status === "manual" || data.song.confidence >= below || !data.song.present;
      if (row !== current()) { if (settled) pile = pile.filter((r) => r !== row); else row.stale = true; return; }
      if (!row.draft) reread(row).then(draw);
    },
    destroy() { closed = true; off(); },
  };
}
