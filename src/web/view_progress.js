// The first view: how far it is, how long it takes, what the services say; start, pause, resume, stop, rescan.
import { h, fill, calmly } from "./dom.js";
import { t, tn, number, percent, duration, has } from "./text.js";
import { get, post } from "./api.js";
import { live } from "./live.js";
import { say, toast, fail } from "./tell.js";

const STATUSES = ["manual", "enriched", "parsed", "pending", "enrichment_failed"];

function headline(p) {
  if (!p.total) return t("progress.empty");
  if (p.scan && p.scan.running && !p.queue_remaining) return t("progress.reading");
  if (!p.queue_remaining) return t("progress.done");
  if (p.state === "paused") return t("progress.paused");
  if (p.state === "stopped") return t("progress.stopped");
  return p.offline ? t("progress.offline") : t("progress.running");
}

function timeLeft(p) {
  if (!p.queue_remaining) return "";
  if (p.state !== "running") return t("progress.waits");
  return p.eta_seconds === null ? t("progress.eta_unknown") : t("progress.eta", { time: duration(p.eta_seconds) });
}

/** The daemon's sentence in the reader's language where we know the state. */
export function providerSentence(p) {
  return has("provider." + p.state) ? t("provider." + p.state, { name: p.title, time: duration(Math.ceil(p.retry_in_seconds || 0)) }) : p.sentence;
}

function providerRow(p) {
  const bad = ["refused", "failing", "offline", "key_refused"].includes(p.state);
  return h("li", {},
    h("p", {}, bad ? h("span", { class: "sure orange" }, "") : null, " ", providerSentence(p)),
    h("p", { class: "small soft number" }, t("provider.counts", {
      requests: number(p.requests), found: number(p.found), missed: number(p.not_found), trouble: number(p.refused + p.failed) })));
}

export function view() {
  const bar = h("progress", { max: 100, "aria-labelledby": "headline" });
  const head = h("h1", { id: "headline" });
  const share = h("span", { class: "big" }), done = h("span", { class: "number" }), left = h("p", { class: "number soft" });
  const numbers = h("dl", { class: "numbers" }), providers = h("ul", { class: "list" }), scan = h("p", { class: "soft small" });
  const problem = h("div", {});
  const buttons = h("div", { class: "row" });
  let saidState = null, saidTens = null, drawn = "";

  const command = (what) => post("worker/" + what).then(tellWorker).catch(fail);
  const tellWorker = (answer) => say(t("state." + answer.state));

  function drawButtons(p) {
    const wanted = { stopped: ["start"], paused: ["resume", "stop"], running: ["pause", "stop"] }[p.state] || [];
    if (drawn === wanted.join()) return;
    drawn = wanted.join();
    const hadFocus = buttons.contains(document.activeElement);
    fill(buttons,
      wanted.map((w, i) => h("button", { type: "button", class: i ? null : "main", "data-command": w, onclick: () => command(w) }, t("worker." + w))),
      h("button", { type: "button", onclick: () => post("scan").then(() => toast(t("scan.started"))).catch(fail) }, t("scan.start")));
    if (hadFocus) buttons.firstChild.focus();
  }

  function drawNumbers(p) {
    const rows = STATUSES.map((s) => [s === "pending" && !p.by_status[s] ? null : s, p.by_status[s]]).filter(([s]) => s);
    fill(numbers, rows.map(([s, n]) => h("div", {}, h("dt", {}, t("status." + s)),
      h("dd", {}, h("a", { href: "#/library?status=" + s }, number(n))))),
      h("div", {}, h("dt", {}, t("progress.queue")), h("dd", {}, number(p.queue_remaining))),
      p.library.absent ? h("div", {}, h("dt", {}, t("progress.absent")), h("dd", {}, h("a", { href: "#/library?presence=absent" }, number(p.library.absent)))) : null);
  }

  function drawScan(s) {
    fill(problem, s && s.problem ? h("div", { class: "note bad" }, h("p", {}, s.problem),
      h("p", {}, h("button", { type: "button", onclick: () => post("scan", { accept_missing: true }).catch(fail) }, t("scan.accept_missing")))) : null);
    fill(scan, !s ? "" : s.running ? tn("scan.running", s.files) : s.young ? tn("scan.young", s.young) : tn("scan.last", s.files));
  }

  function speak(p) {
    const tens = Math.floor(p.percent / 10);
    if (saidState !== null && (saidState !== p.state || saidTens !== tens)) say(headline(p) + " " + counted(p));
    saidState = p.state;
    saidTens = tens;
  }

  const counted = (p) => t("progress.counted", { done: number(Math.max(0, p.total - p.queue_remaining)), total: number(p.total) });

  function draw() {
    const p = live.progress;
    if (!p) return;
    head.textContent = headline(p);
    bar.value = p.percent;
    bar.textContent = percent(p.percent);
    share.textContent = percent(p.percent);
    done.textContent = counted(p);
    const rate = p.rate_per_second >= 0.05 && p.state === "running" ? t("progress.rate", { n: number(p.rate_per_second, 1) }) : "";
    left.textContent = [timeLeft(p), rate].filter(Boolean).join(" · ");
    drawButtons(p);
    drawNumbers(p);
    drawScan(p.scan);
    fill(providers, Object.values(p.providers).map(providerRow));
    speak(p);
  }

  const drawCalmly = calmly(100, draw);
  const review = h("p", {});
  const readReview = () => get("worklist").then((w) => fill(review, w.review.count
    ? h("a", { class: "button", href: "#/review" }, tn("progress.review", w.review.count)) : null)).catch(() => {});

  draw();
  readReview();
  return {
    title: t("nav.progress"),
    el: [
      h("section", { class: "card", "aria-label": t("nav.progress") },
        h("div", { class: "head" }, head, share), bar,
        h("div", { class: "head" }, done, left), h("div", { class: "row" }, buttons, review), problem),
      h("section", { class: "card", "aria-labelledby": "h-songs" }, h("h2", { id: "h-songs" }, t("progress.songs")), numbers, scan),
      h("section", { class: "card", "aria-labelledby": "h-services" }, h("h2", { id: "h-services" }, t("progress.services")), providers),
    ],
    on(kind) {
      if (kind === "progress") drawCalmly();
      if (kind === "gap") readReview();
    },
  };
}
