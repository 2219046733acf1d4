// Pairing: a code for another device, the list of those that may come in, and the door as it looks from outside.
import { h, fill, withDetails } from "./dom.js";
import { t, time, duration } from "./text.js";
import { get, post } from "./api.js";
import { toast, fail, say } from "./tell.js";

export function view() {
  const list = h("ul", { class: "list" }), shown = h("div", {});
  let ends = 0, clock = null;

  async function read() {
    try {
      const { devices } = await get("devices");
      fill(list, devices.length ? devices.map(row) : h("li", { class: "soft" }, t("devices.none")));
    } catch (e) { fail(e); }
  }

  const row = (d) => h("li", { class: "head" },
    h("span", {}, h("strong", {}, h("bdi", {}, d.name || t("devices.unnamed"))), d.this ? [" ", h("span", { class: "tag" }, t("devices.this"))] : null,
      h("br"), h("span", { class: "soft small" }, t("devices.seen", { paired: time(d.paired_at), seen: time(d.last_seen_at) }))),
    h("button", { type: "button", onclick: () => post("devices/" + d.id + "/revoke").then(() => { toast(t("devices.revoked")); read(); }).catch(fail) }, t("devices.revoke")));

  async function code() {
    try {
      const c = await post("pair/code", {});
      ends = Date.now() + c.expires_in * 1000;
      const left = h("p", { class: "soft", id: "pair-left" });
      const count = () => {
        const s = Math.round((ends - Date.now()) / 1000);
        if (s > 0) { left.textContent = t("devices.expires", { time: duration(s) }); return; }
        clearInterval(clock);
        fill(shown, h("p", {}, t("devices.expired")));
      };
      clearInterval(clock);
      clock = setInterval(count, 1000);
      fill(shown, h("div", { class: "two" },
        h("div", {}, h("p", {}, t("devices.type_code")), h("p", { class: "code", id: "pair-code" }, c.code), left,
          c.reachable ? h("p", {}, h("bdi", { class: "file" }, c.url)) : h("div", { class: "note" }, withDetails(t("devices.unreachable"), c.hint))),
        c.qr_svg && h("img", { class: "qr", alt: t("devices.qr", { url: c.url }), src: "data:image/svg+xml," + encodeURIComponent(c.qr_svg) })));
      count();
      say(t("devices.type_code") + " " + c.code);
    } catch (e) { fail(e); }
  }

  read();
  return {
    title: t("nav.devices"),
    el: [h("h1", {}, t("nav.devices")),
      h("section", { class: "card" }, h("p", {}, t("devices.means")), h("div", {}, h("button", { type: "button", class: "main", id: "pair", onclick: code }, t("devices.new"))), shown),
      h("section", { class: "card", "aria-label": t("nav.devices") }, list)],
    destroy() { clearInterval(clock); },
  };
}

/** The door: what somebody sees who is not let in yet. The code may come with the address (#pair=...). */
export function door(session, given, entered) {
  const code = h("input", { id: "code", value: given || "", autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", required: true, placeholder: "XXXX-XXXX" });
  const name = h("input", { id: "device-name", autocomplete: "off", placeholder: t("door.name_example"), dir: "auto" });
  const error = h("p", { class: "error", role: "alert" });

  async function enter(e) {
    if (e) e.preventDefault();
    error.textContent = "";
    try {
      await post("pair", { code: code.value.trim(), ...(name.value.trim() ? { name: name.value.trim() } : {}) });
      entered();
    } catch (x) {
      error.textContent = x.code === "wrong_code" ? t("door.wrong") : x.code === "too_many" ? t("door.too_many") : x.sentence || String(x);
      code.focus();
    }
  }

  return [h("h1", {}, t("door.title")),
    h("form", { class: "card", onsubmit: enter }, h("p", {}, t("door.means")),
      h("label", {}, t("door.code"), code), h("label", {}, t("door.name"), name), error,
      h("div", {}, h("button", { class: "main", id: "enter" }, t("door.enter")))),
    session && session.guest_songbook ? h("p", {}, h("a", { class: "button", href: "/songbook" }, t("door.songbook"))) : null];
}
