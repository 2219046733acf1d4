// What is left to do: counts that lead to lists. The daemon counts rows; nothing here remembers.
import { h, fill, calmly } from "./dom.js";
import { t, tn, number, has } from "./text.js";
import { get, post, query } from "./api.js";
import { toast, fail } from "./tell.js";

export function view() {
  const list = h("ul", { class: "list" }), review = h("div", {});

  function row(l) {
    const requeue = l.count > 0 && l.key.startsWith("failed_");
    return h("li", { class: "head", "data-key": l.key },
      h("a", { href: "#/library" + query(l.filter) }, has("worklist." + l.key) ? t("worklist." + l.key) : l.sentence),
      h("span", { class: "row" },
        requeue && h("button", { type: "button", "aria-label": t("worklist.requeue") + ": " + t("worklist." + l.key), onclick: () => post("queue", { filter: l.filter, demand: "asked" })
          .then((a) => toast(tn("worklist.requeued", a.queued))).catch(fail) }, t("worklist.requeue")),
        h("strong", { class: "number" }, number(l.count))));
  }

  function count(l) {
    const at = list.querySelector("[data-key=" + l.key + "] strong");
    if (at) at.textContent = number(l.count);
  }

  async function read() {
    try {
      const work = await get("worklist");
      if (!review.contains(document.activeElement)) fill(review, h("div", { class: "head" },
        h("a", { href: "#/review" }, tn("progress.review", work.review.count)),
        h("strong", { class: "number" }, number(work.review.count))));
      // with the keyboard on one of them only the numbers change
      if (list.contains(document.activeElement)) for (const l of work.lists) count(l);
      else fill(list, work.lists.map(row));
    } catch (e) { fail(e); }
  }

  read();
  const again = calmly(2000, read);
  return {
    title: t("nav.worklist"),
    el: [h("h1", {}, t("nav.worklist")), h("section", { class: "card" }, review), h("section", { class: "card", "aria-label": t("nav.worklist") }, list)],
    on(kind) { if (["song", "gap", "scan"].includes(kind)) again(); },
  };
}
