// The first view: how far it is, how long it takes, what the services say; start, pause, resume, stop, rescan.
import { h, fill, calmly, withDetails } from "./dom.js";
import { t, tn, number, percent, duration, has } from "./text.js";
import { get, post, patch } from "./api.js";
import { live } from "./live.js";
import { say, toast, fail } from "./tell.js";

const STATUSES = ["manual", "enriched", "parsed", "pending", "enrichment_failed"];

function headline(p) {
  if (!p.total) return t("progress.empty");
  if (p.scan && p.scan.running && !p.queue_remaining) return t("progress.reading");
  if (!p.queue_remaining) return t("progress.done");
  if (p.state === "paused") return t("progress.paused");
  if (p.state === "stopped") return t("progress.stopped");
  if (p.offline) return t("progress.offline");
  return t(p.queue_remaining === p.dating_remaining ? "progress.dating" : "progress.running");
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
  const bad = ["refused", "failing", "offline", "key_refused", "locked"].includes(p.state);
  return h("li", {},
    h("p", {}, bad ? h("span", { class: "sure orange" }, "") : null, " ", providerSentence(p)),
    h("p", { class: "small soft number" }, t("provider.counts", {
      requests: number(p.requests), found: number(p.found), missed: number(p.not_found), trouble: number(p.refused + p.failed) })));
}

/** PiKaraoke beside us: what is followed, the offer to fill its empty fields, what was and what was not written and why. */
function pikaraokeRows(k) {
  const p = k.publish, held = p.held.reduce((n, x) => n + x.songs, 0);
  const button = p.wanted || p.possible ? h("button", { type: "button", "data-publish": p.wanted ? "off" : "on",
    onclick: () => patch("settings", { "pikaraoke.publish": !p.wanted }).catch(fail) }, t("pikaraoke." + (p.wanted ? "off" : "on"))) : null;
  return [
    k.state === "following" ? h("p", {}, t("pikaraoke.following", { n: number(k.songs) })) : withDetails(t("pikaraoke." + (k.state === "absent" ? "gone" : k.state)), k.sentence),
    p.offered ? h("p", {}, t("pikaraoke.offer")) : k.state !== "following" ? null
      : p.state === "held" ? withDetails(t("pikaraoke.held"), p.sentence) : p.possible ? null : withDetails(t("pikaraoke.impossible"), p.sentence),
    p.wanted || p.published ? h("p", { class: "number" }, t("pikaraoke.counts", {
      published: number(p.published), waiting: number(p.waiting), held: number(held) })) : null,
    p.held.length ? h("ul", { class: "list" }, p.held.map((x) => h("li", {}, t("pikaraoke." + x.reason, { n: number(x.songs) })))) : null,
    button ? h("div", { class: "row" }, button) : null,
  ];
}

export function view() {
  const bar = h("progress", { max: 100, "aria-labelledby": "headline" });
  const head = h("h1", { id: "headline" });
  const share = h("span", { class: "big" }), done = h("span", { class: "number" }), left = h("p", { class: "number soft" });
  const numbers = h("dl", { class: "numbers" }), providers = h("ul", { class: "list" }), scan = h("p", { class: "soft small" });
  const problem = h("div", {}), beside = h("div", { class: "tight" });
  const besideCard = h("section", { class: "card", "aria-labelledby": "h-pikaraoke", hidden: true },
    h("h2", { id: "h-pikaraoke" }, t("pikaraoke.title")), beside);
  let besideDrawn = "";
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

  /* Built once and changed in place: who stands on one of them with the keyboard stays there. */
  const counts = {};
  for (const [key, text, address] of [...STATUSES.map((s) => [s, t("status." + s), "status=" + s]), ["queue", t("progress.queue")], ["absent", t("progress.absent"), "presence=absent"]]) {
    counts[key] = address ? h("a", { href: "#/library?" + address }) : h("span", {});
    numbers.append(h("div", {}, h("dt", {}, text), h("dd", {}, counts[key])));
  }

  function drawNumbers(p) {
    const now = { ...p.by_status, queue: p.queue_remaining, absent: p.library.absent };
    for (const key of Object.keys(counts)) {
      counts[key].textContent = number(now[key]);
      counts[key].closest("div").hidden = !now[key] && (key === "pending" || key === "absent");
    }
  }

  function drawScan(s) {
    const trouble = s && s.problem || "";
    if (problem.dataset.said !== trouble) {
      problem.dataset.said = trouble;
      fill(problem, trouble ? h("div", { class: "note bad" }, withDetails(t("scan.problem"), trouble),
        h("p", {}, h("button", { type: "button", onclick: () => post("scan", { accept_missing: true }).catch(fail) }, t("scan.accept_missing")))) : null);
    }
    scan.textContent = !s ? "" : s.running ? tn("scan.running", s.files) : s.young ? tn("scan.young", s.young) : tn("scan.last", s.files);
  }

  /** Drawn anew only when something changed, so that a button keeps its focus. */
  function drawBeside(p) {
    const k = p.pikaraoke, seen = JSON.stringify([k && [k.state, k.folder, k.songs, k.sentence, k.publish.wanted, k.publish.state, k.publish.offered,
      k.publish.possible, k.publish.sentence, k.publish.published, k.publish.waiting, k.publish.held], p.held, p.machine.hold]);
    if (seen === besideDrawn) return;
    besideDrawn = seen;
    const told = k && (k.state === "absent" ? Boolean(k.folder) : k.state !== "off");     // never seen: nothing to say
    besideCard.hidden = !told && !p.held;
    const hadFocus = beside.contains(document.activeElement);
    fill(beside, p.held ? h("div", { class: "note" }, withDetails(t("machine." + (p.machine.hold === "stop" ? "stop" : "slow")), p.held)) : null, told ? pikaraokeRows(k) : null);
    if (hadFocus) beside.querySelector("button")?.focus();
  }

  function speak(p) {
    const tens = Math.floor(p.percent / 10);
    if (saidState !== null && (saidState !== p.state || saidTens !== tens)) say(headline(p) + " " + counted(p));
    saidState = p.state;
    saidTens = tens;
  }

  /** Songs that wait for nothing but their date count as done, as in the bar's share. */
  const named = (p) => Math.max(0, p.total - (p.queue_remaining - p.dating_remaining));
  const counted = (p) => t("progress.counted", { done: number(named(p)), total: number(p.total) });

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
    drawBeside(p);
    fill(providers, Object.values(p.providers).map(providerRow));
    speak(p);
  }

  const drawCalmly = calmly(100, draw);
  const review = h("p", {});
  const readReview = () => get("worklist").then((w) => fill(review, w.review.count
    ? h("a", { class: "button", href: "#/review" }, tn("progress.review", w.review.count)) : null)).catch(() => {});
  const readCalmly = calmly(2000, readReview);

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
      besideCard,
    ],
    on(kind) {
      if (kind === "progress") drawCalmly();
      if (kind === "song" || kind === "gap") readCalmly();
    },
  };
}
