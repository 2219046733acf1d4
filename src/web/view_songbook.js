// The list for the guests: choose what goes in, then print it or take it along as a table.
import { h, fill } from "./dom.js";
import { t, number } from "./text.js";
import { get, query } from "./api.js";
import { filterOf, filterTags, languageName } from "./view_library.js";

export function view(parameters) {
  const { sort, ...base } = filterOf(parameters);
  const form = h("form", { class: "card", onsubmit: (e) => e.preventDefault() }), links = h("div", { class: "row" });
  const options = (rows) => rows.map(([v, text]) => h("option", { value: v }, text));
  const by = h("select", { name: "by" }, options([["artist", t("field.artist")], ["title", t("field.title")]]));
  const columns = h("select", { name: "columns" }, options([["2", "2"], ["3", "3"], ["1", "1"]]));
  const decade = h("select", { name: "decade" }, options([["", t("library.any")]]));
  const language = h("select", { name: "language" }, options([["", t("library.any")]]));
  const genre = h("select", { name: "genre" }, options([["", t("library.any")]]));
  const group = h("select", { name: "genre_group" }, options([["", t("library.any")]]));
  const which = h("select", { name: "which" }, options([["", t("songbook.all")], ["verified", t("songbook.verified")],
    ["0.85", t("songbook.from", { n: number(0.85, 2) })], ["0.6", t("songbook.from", { n: number(0.6, 2) })]]));
  const since = h("input", { name: "since", type: "date" }), title = h("input", { name: "title", placeholder: t("songbook.heading_example"), dir: "auto" });

  function address(format) {
    const sure = which.value;
    return "/api/v1/songbook" + query({ ...base, format, by: by.value, columns: format === "html" ? columns.value : "", decade: decade.value || base.decade, language: language.value || base.language,
      genre_group: group.value || base.genre_group, genre: genre.value || base.genre, verified: sure === "verified" ? "true" : "", min_confidence: sure && sure !== "verified" ? sure : base.min_confidence,
      added_since: since.value || base.added_since, title: format === "html" ? title.value : "" });
  }

  function draw() {
    fill(links, h("a", { class: "button main-link", id: "book-html", href: address("html"), target: "_blank", rel: "noopener" }, t("songbook.open")),
      h("a", { class: "button", id: "book-csv", href: address("csv"), download: "songbook.csv" }, "CSV"),
      h("a", { class: "button", id: "book-json", href: address("json"), download: "songbook.json" }, "JSON"));
  }

  fill(form, Object.keys(base).length ? h("p", {}, t("bulk.filter"), filterTags(base)) : null, h("div", { class: "fields" },
    h("label", {}, t("songbook.by"), by), h("label", {}, t("songbook.columns"), columns), h("label", {}, t("songbook.which"), which),
    h("label", {}, t("field.decade"), decade), h("label", {}, t("field.language"), language), h("label", {}, t("field.genre_group"), group), h("label", {}, t("field.genre"), genre),
    h("label", {}, t("songbook.since"), since), h("label", {}, t("songbook.heading"), title)), links,
    h("p", { class: "soft small" }, t("songbook.means")));
  form.addEventListener("input", draw);
  draw();
  get("facets").then((f) => {
    for (const d of f.decades || []) decade.append(h("option", { value: d.value }, t("library.decade", { year: d.value })));
    for (const l of f.languages || []) language.append(h("option", { value: l.value }, languageName(l.value)));
    for (const g of f.genre_groups || []) group.append(h("option", { value: g.value }, g.value));
    for (const g of f.genres || []) genre.append(h("option", { value: g.value }, g.value));
  }).catch(() => {});

  return { title: t("nav.songbook"), el: [h("h1", {}, t("nav.songbook")), form] };
}
