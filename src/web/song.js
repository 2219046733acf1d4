// How a song is shown and changed, wherever it appears.
import { h, raw, english } from "./dom.js";
import { t, has, number } from "./text.js";
import { get, post, request } from "./api.js";
import { toast, fail } from "./tell.js";

/** What the owner likes: which name stands first. Set from the settings. */
export const likes = { order: "artist-title", reviewBelow: 0.85 };

const BANDS = [
  [1, "verified", "green"], [0.85, "high", "green"], [0.7, "medium", "yellow"], [0.6, "parsed", "yellow"],
  [0.4, "review", "orange"], [0.2, "low", "orange"], [0, "needs", "red"],
];

export const bandOf = (confidence) => BANDS.find(([from]) => confidence >= from - 1e-9) || BANDS[6];

/** "High confidence 0.93": a word, a number, a shape and a colour. */
export function sure(confidence) {
  const [, key, colour] = bandOf(confidence);
  return h("span", { class: "sure " + colour }, t("label." + key) + " " + number(confidence, 2));
}

export const fileName = (song) => song.file_path.slice(song.file_path.lastIndexOf("/") + 1);

/** Artist and title in the order the owner likes. */
export function names(song) {
  const title = raw(song.title || fileName(song));
  if (!song.artist) return [title];
  const by = raw(song.artist, { class: "by" });
  return likes.order === "title-artist" ? [title, " – ", by] : [by, " – ", title];
}

export const plainName = (song) =>
  (!song.artist ? [song.title || fileName(song)] : likes.order === "title-artist" ? [song.title, song.artist] : [song.artist, song.title]).join(" – ");

const facts = (song) => [song.year, song.genre, song.variant, song.language].filter(Boolean);

/** A row of a list: what it is called, how sure, and always the real name of the file. */
export function songRow(song) {
  return h("li", { class: "song", "data-id": song.id },
    h("a", { class: "what", href: "#/song/" + song.id }, names(song)),
    sure(song.confidence),
    raw(fileName(song), { class: "file" }),
    h("span", { class: "facts" }, facts(song).map((f, i) => [i ? " · " : "", raw(f)]),
      song.present ? null : [" ", h("span", { class: "tag" }, t("song.gone"))],
      song.duplicate ? [" ", h("span", { class: "tag" }, t("song.duplicate"))] : null));
}

/* --- what changes ------------------------------------------------------------------------ */

/** Which words of a and b are not in the other, by the longest common run of words; two lists of [word, isOther]. */
export function compare(a, b) {
  const x = (a || "").split(/(\s+)/), y = (b || "").split(/(\s+)/);
  const same = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--)
    for (let j = y.length - 1; j >= 0; j--)
      same[i][j] = x[i] === y[j] ? same[i + 1][j + 1] + 1 : Math.max(same[i + 1][j], same[i][j + 1]);
  const left = [], right = [];
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { left.push([x[i++], false]); right.push([y[j++], false]); }
    else if (j >= y.length || (i < x.length && same[i + 1][j] >= same[i][j + 1])) left.push([x[i++], true]);
    else right.push([y[j++], true]);
  }
  return [left, right];
}

const marked = (words, tag) => h("bdi", {}, words.map(([word, other]) => (other && word.trim() ? h(tag, {}, word) : word)));

export const FIELDS = ["artist", "title", "year", "genre", "variant"];

/** Two descriptions side by side, what differs marked in both; one where nothing differs. fields: which to show. */
export function sides(before, after, headBefore, headAfter, fields = ["artist", "title", "year", "genre"]) {
  const left = [], right = [];
  let differs = false;
  for (const f of fields) {
    const a = before[f] === null || before[f] === undefined ? "" : String(before[f]);
    const b = after[f] === null || after[f] === undefined ? "" : String(after[f]);
    if (!a && !b) continue;
    const [x, y] = compare(a, b);
    differs = differs || a !== b;
    left.push(h("dt", {}, t("field." + f)), h("dd", {}, a ? marked(x, "del") : "–"));
    right.push(h("dt", {}, t("field." + f)), h("dd", {}, b ? marked(y, "ins") : "–"));
  }
  return h("div", { class: "sides" },
    differs && h("section", { class: "side" }, h("h3", {}, headBefore), h("dl", {}, left)),
    h("section", { class: "side" }, h("h3", {}, headAfter), h("dl", {}, right)));
}

/* --- candidates -------------------------------------------------------------------------- */

export const sourceName = (source) =>
  ({ lastfm: "Last.fm", musicbrainz: "MusicBrainz", listenbrainz: "ListenBrainz" })[source] || (source ? t("source." + source) : "–");

const SHOWN = 5, READ = 20;       // the daemon counts rejected ones, too

/**
 * The best candidates of a song that nobody rejected. ask: the services are asked first; words: with {artist, title} instead of its
 * own names, and what they answer goes first. Answers {suggestions, complete}.
 */
export async function readCandidates(id, ask, words) {
  const path = "songs/" + id + "/suggestions?limit=" + READ;
  const { suggestions, complete } = ask ? await post(path, words) : { complete: true, ...await get(path) };
  return { suggestions: suggestions.filter((c) => !c.rejected).slice(0, SHOWN), complete };
}

/** The list of candidates; take(c) and refuse(c) are the buttons; with keys they are numbered. */
export function candidateList(candidates, take, refuse) {
  return h("ol", { class: "candidates" }, candidates.map((c, i) => h("li", {},
    h("span", {}, h("kbd", { "aria-hidden": "true" }, i + 1), " ", names(c), c.year ? [" (", raw(c.year), ")"] : null, c.genre ? [" · ", raw(c.genre)] : null),
    h("span", { class: "why" }, t("candidate.why", { source: sourceName(c.source), score: number(c.score, 2) }), " ", has("why." + c.rule) ? t("why." + c.rule) : english(c.reason)),
    h("span", { class: "act" },
      h("button", { type: "button", onclick: () => take(c), "aria-label": t("act.accept") + ": " + plainName(c) }, t("act.accept")),
      refuse && h("button", { type: "button", class: "plain", onclick: () => refuse(c), "aria-label": t("act.reject") + ": " + plainName(c) }, t("act.reject"))))));
}

/* --- changing one ------------------------------------------------------------------------ */

/** Why a change was not taken back. */
export const failBack = (e) => (e.status === 409 ? toast(t("history.later"), { bad: true }) : fail(e));

/** Sends a change, says so and offers the way back from this one; answers {data, etag} or throws. */
export async function change(method, path, body, etag, then) {
  const answer = await request(method, path, body, { etag }), { batch, id } = answer.data;
  toast(t("song.saved", { name: plainName(answer.data) }), {
    action: batch && { label: t("act.undo"),
      run: () => post("undo", { batch, song_id: id }).then(() => { toast(t("song.undone")); if (then) then(); }).catch(failBack) },
  });
  return answer;
}
