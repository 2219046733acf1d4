// One song: its values and locks, suggestions, why it is so, its history. Saving makes it Verified.
import { h, fill, icon, raw, english } from "./dom.js";
import { t, tn, has } from "./text.js";
import { get, post, request } from "./api.js";
import { live } from "./live.js";
import { toast, fail, say } from "./tell.js";
import { FIELDS, candidateList, readCandidates, change, fileName, names, sides, sure, plainName } from "./song.js";
import { changeList } from "./view_history.js";

const LOAD_FROM = 0.6;        // suggestions are asked for by themselves from this confidence on

export function view(parameters, go, id) {
  const page = h("div", { class: "two" });
  const head = h("section", { class: "card" }), form = h("form", { class: "card", novalidate: true });
  const conflict = h("div", {}), hints = h("section", { class: "card", "aria-labelledby": "h-hints" });
  const why = h("details", { class: "card" }), past = h("section", { class: "card", "aria-labelledby": "h-past" });
  const inputs = {}, path = "songs/" + id;
  let song = null, etag = null, candidates = [], ownWords = "", closed = false;

  /* --- reading --- */
  async function read() {
    if (closed) return;          // the message that undoes outlives the page
    try {
      const answer = await request("GET", path);
      if (closed) return;
      song = answer.data;
      etag = answer.etag;
      draw();
      readHints(false);
      readPast();
    } catch (e) {
      if (closed) return;
      if (e.status === 404) fill(page, h("p", {}, t("song.unknown")));
      else fail(e);
    }
  }

  function draw() {
    document.title = plainName(song) + " – songbookd";
    drawHead();
    drawForm();
    if (why.open) readWhy();
  }

  function drawHead() {
    fill(head, h("div", { class: "head" }, h("h1", {}, names(song)), sure(song.confidence)),
      h("p", {}, h("span", { class: "soft small" }, t("song.file"), " "), raw(song.file_path, { class: "file" })),
      h("p", { class: "soft small" }, t("status." + song.metadata_status), song.reason && has("reason." + song.reason) ? " – " + t("reason." + song.reason) : "",
        song.vendor ? [" · ", t("field.vendor"), ": ", raw(song.vendor)] : null,
        song.sung ? [" · ", tn("review.sung", song.sung)] : null,
        song.present ? null : [" · ", h("span", { class: "tag" }, t("song.gone"))],
        song.duplicate ? [" · ", h("a", { href: "#/library?duplicate=true&q=" + encodeURIComponent(song.title || "") }, t("song.duplicate"))] : null));
  }

  /* --- the form --- */
  function field(name) {
    const locked = song.locked.includes(name);
    inputs[name] = h("input", { id: "f-" + name, name, value: song[name] === null ? "" : String(song[name]), autocomplete: "off", spellcheck: "false",
      inputmode: name === "year" ? "numeric" : null, maxlength: name === "year" ? 4 : 500, dir: "auto", "aria-describedby": "e-" + name });
    return h("div", {}, h("div", { class: "field" },
      h("label", { for: "f-" + name }, t("field." + name), inputs[name]),
      h("button", { type: "button", "aria-pressed": String(locked), "data-lock": name, title: t(locked ? "song.unlock" : "song.lock"),
        "aria-label": t("song.lock_field", { field: t("field." + name) }), onclick: () => lock(name, locked) },
      icon(locked ? "lock" : "open"))),
    h("p", { class: "error small", id: "e-" + name }));
  }

  function drawForm() {
    const unsaved = Object.fromEntries(Object.entries(inputs).filter(([n, i]) => i.dataset.touched).map(([n, i]) => [n, i.value]));
    fill(form, h("h2", {}, t("song.values")), conflict, h("div", { class: "fields" }, FIELDS.map(field)),
      h("div", { class: "row" },
        h("button", { class: "main", type: "submit", id: "save" }, t("song.save")),
        h("button", { type: "button", id: "swap", onclick: swap }, t("act.swap")),
        h("button", { type: "button", id: "tidy", onclick: tidy }, t("act.tidy")),
        song.metadata_status !== "manual" && h("button", { type: "button", id: "verify", onclick: () => save({ verified: true }) }, t("act.verify"))),
      h("p", { class: "soft small" }, t("song.save_means")));
    for (const [n, v] of Object.entries(unsaved)) { inputs[n].value = v; inputs[n].dataset.touched = "1"; }
    for (const i of Object.values(inputs)) i.addEventListener("input", () => { i.dataset.touched = "1"; });
  }

  const put = (name, value) => { inputs[name].value = value ?? ""; inputs[name].dataset.touched = "1"; };

  function swap() {
    const { artist, title } = inputs, a = artist.value;
    put("artist", title.value);
    put("title", a);
  }

  /** What the name says, read by the daemon's own rules. */
  async function tidy() {
    try {
      const guess = await post("parse", { filename: fileName(song) });
      if (closed) return;
      for (const f of ["artist", "title", "variant"]) if (guess[f] !== null || f !== "artist") put(f, guess[f]);
      if (guess.year && !inputs.year.value) put("year", guess.year);
      say(t("song.tidied"));
    } catch (e) { fail(e); }
  }

  function changed() {
    const body = {};
    for (const f of FIELDS) {
      const now = inputs[f].value.trim(), was = song[f] === null ? "" : String(song[f]);
      if (inputs[f].dataset.touched && now !== was) body[f] = now === "" ? null : f === "year" ? (/^\d+$/.test(now) ? Number(now) : now) : now;
    }
    return body;
  }

  function drawErrors(errors) {
    for (const f of FIELDS) document.getElementById("e-" + f).textContent = "";
    for (const e of errors) {
      const at = document.getElementById("e-" + (e.pointer || "").slice(1));
      if (at) at.textContent = e.detail;
    }
  }

  async function save(body) {
    drawErrors([]);
    try {
      const answer = await change("PATCH", path, body, etag, read);
      accepted(answer);
    } catch (e) {
      if (closed) fail(e);
      else if (e.status === 412) await clash(() => body, () => save(body));
      else if (e.errors && e.errors.some((x) => x.pointer)) { drawErrors(e.errors); say(e.sentence); }
      else fail(e);
    }
  }

  function accepted(answer) {
    if (closed) return;
    song = answer.data;
    etag = answer.etag || '"v' + song.version + '"';
    for (const i of Object.values(inputs)) delete i.dataset.touched;
    fill(conflict);
    draw();
    readPast();
  }

  /** Somebody else was quicker: shows both and lets the person choose. mine(): the values that again() changes. */
  async function clash(mine, again) {
    const answer = await request("GET", path).catch(fail);
    if (!answer || closed) return;
    etag = answer.etag;
    song = answer.data;
    fill(conflict, h("div", { class: "note bad", role: "alert", id: "conflict" }, h("p", {}, t("conflict.sentence")),
      sides(song, { ...song, ...mine() }, t("conflict.theirs"), t("conflict.mine"), FIELDS),
      h("div", { class: "row" },
        h("button", { type: "button", class: "main", id: "keep-mine", onclick: again }, t("conflict.keep_mine")),
        h("button", { type: "button", id: "take-theirs", onclick: () => accepted(answer) }, t("conflict.take_theirs")))));
  }

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const body = changed();
    save(Object.keys(body).length ? { ...body, verified: true } : { verified: true });
  });

  function lock(name, locked) {
    change("PATCH", path, locked ? { unlock: [name] } : { lock: [name] }, etag, read).then((answer) => {
      if (closed) return;
      song = answer.data;
      etag = answer.etag || '"v' + song.version + '"';
      fill(conflict);
      draw();
      form.querySelector("[data-lock=" + name + "]").focus();
      readPast();
    }).catch((e) => (e.status === 412 && !closed ? clash(() => ({}), () => lock(name, locked)) : fail(e)));
  }

  /* --- suggestions --- */
  /** Whether somebody would answer: asking by ourselves must not end in an error. */
  const canAsk = () => live.progress && live.progress.state === "running" && Object.values(live.progress.providers).some((p) => p.usable);

  async function readHints(ask, words) {
    try {
      const answer = await readCandidates(id, ask, words);
      if (closed) return;
      candidates = answer.suggestions;
      drawHints(!ask || answer.complete ? "" : t(words ? "hints.own_incomplete" : "hints.incomplete"));
      if (!ask && !candidates.length && song.confidence >= LOAD_FROM && song.metadata_status !== "manual" && canAsk()) readHints(true);
    } catch (e) {
      drawHints(ask ? e.sentence || String(e) : "");
    }
  }

  function drawHints(note) {
    const own = h("input", { id: "own", dir: "auto", autocomplete: "off", value: ownWords || [song.artist, song.title].filter(Boolean).join(" - ") });
    fill(hints, h("div", { class: "head" }, h("h2", { id: "h-hints" }, t("hints.title")),
      h("button", { type: "button", id: "ask", onclick: (e) => { e.target.disabled = true; readHints(true); } }, t("hints.ask"))),
    note && h("p", { class: "error" }, note),
    candidates.length ? candidateList(candidates, take, refuse) : h("p", { class: "soft" }, t("hints.none")),
    h("details", { open: Boolean(ownWords) }, h("summary", {}, t("hints.own_words")),
      h("form", { class: "row", onsubmit: (e) => { e.preventDefault(); askOwn(own.value); } },
        h("label", {}, t("hints.own_label"), own), h("button", {}, t("hints.own_ask"))),
      h("p", { class: "soft small" }, t("hints.own_means"))));
  }

  /** The services are asked with the person's words; the song stays as it is until one of the answers is taken. */
  async function askOwn(words) {
    ownWords = words;
    try {
      const guess = await post("parse", { filename: words });
      if (closed) return;
      await readHints(true, { artist: guess.artist, title: guess.title || words });
    } catch (e) { fail(e); }
  }

  /** What accepting it changes: locked fields and those it knows nothing of stay. */
  const madeOf = (c) => ({ artist: c.artist, title: c.title, ...Object.fromEntries(["year", "genre"].filter((f) => c[f] && !song.locked.includes(f)).map((f) => [f, c[f]])) });

  function take(c) {
    change("POST", path + "/accept", { candidate: c.id }, etag, read).then((a) => { accepted(a); readHints(false); })
      .catch((e) => (e.status === 412 && !closed ? clash(() => madeOf(c), () => take(c)) : fail(e)));
  }

  function refuse(c) {
    request("POST", path + "/reject", { candidate: c.id }).then((a) => { accepted(a); readHints(false); toast(t("hints.rejected")); }).catch(fail);
  }

  /* --- why and history --- */
  async function readWhy() {
    try {
      const { story } = await get(path + "/explain");
      fill(why, h("summary", {}, t("song.why")), h("ol", {}, story.map((s) => h("li", {}, english(s)))));
    } catch (e) { fail(e); }
  }

  async function readPast() {
    try {
      const { changes } = await get("changes?limit=20&song_id=" + id);
      fill(past, h("h2", { id: "h-past" }, t("song.history")), changes.length ? changeList(changes, read, false) : h("p", { class: "soft" }, t("history.none")));
    } catch { /* the rest of the page stands without it */ }
  }

  fill(why, h("summary", {}, t("song.why")));
  why.addEventListener("toggle", () => { if (why.open) readWhy(); });
  fill(page, form, h("div", { class: "fields" }, hints));
  read();

  return {
    title: t("nav.song"),
    destroy() { closed = true; },
    el: [h("p", {}, h("a", { href: "#/library", onclick: (e) => { if (history.length > 1) { e.preventDefault(); history.back(); } } }, "← ", t("song.back"))), head, page, why, past],
    on(kind, data) {
      if (kind === "gap") readAgain();
      if (kind !== "song" || data.song.id !== Number(id) || !song || data.song.version <= song.version) return;
      if (isTouched()) { drawStale(data.song); return; }
      song = data.song;
      etag = '"v' + song.version + '"';
      draw();
      readHints(false);
      readPast();
    },
  };

  /** While somebody is typing, the older version stays the basis: saving then shows both. */
  function isTouched() {
    return Object.values(inputs).some((i) => i.dataset.touched);
  }

  async function readAgain() {
    if (!song || !isTouched()) { read(); return; }
    const now = await get(path).catch(() => null);
    if (now && now.version > song.version) drawStale(now);
  }

  function drawStale(now) {
    fill(conflict, h("p", { class: "note" }, t("conflict.meanwhile", { name: plainName(now) })));
  }
}
