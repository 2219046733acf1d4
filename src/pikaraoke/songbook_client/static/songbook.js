/* Fills the sections of songbook_client. No markup is made from what comes over the network: everything is set as text. */
(function () {
  "use strict";

  var INTERVAL_MS = 2000;
  var BUTTONS = {running: ["pause", "stop"], paused: ["resume", "stop"], stopped: ["start"]};

  function field(root, name) {
    return root.querySelector('[data-songbook-field="' + name + '"]');
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text; /* a screen reader is told of changes only */
  }

  function json(url, options) {
    return fetch(url, Object.assign({credentials: "same-origin"}, options)).then(function (answer) {
      return answer.json().then(function (value) {
        if (!answer.ok) throw new Error(value.error || String(answer.status));
        return value;
      });
    });
  }

  /* --- the section of info.html: asks every 2 s while it is open and seen ------------------------------------ */

  function progressSection(root) {
    var timer = null, asking = false, number = new Intl.NumberFormat(document.documentElement.lang || undefined);

    function show(p) {
      var done = Math.max(0, p.total - p.queue_remaining + p.dating_remaining), buttons = BUTTONS[p.state] || [];
      setText(field(root, "state"), p.state_text);
      setText(field(root, "message"), p.message);
      field(root, "message").hidden = !p.message;
      field(root, "numbers").hidden = p.state === "unavailable";
      root.querySelector("progress").value = p.percent;
      setText(field(root, "count"), number.format(done) + "/" + number.format(p.total) + " (" + p.percent.toFixed(1) + "%)");
      setText(field(root, "enriched"), number.format(p.total_enriched));
      setText(field(root, "failed"), number.format(p.total_failed));
      setText(field(root, "remaining"), number.format(p.queue_remaining));
      setText(field(root, "eta"), p.eta_text);
      field(root, "eta-row").hidden = !p.eta_text;
      root.querySelectorAll("[data-songbook-command]").forEach(function (button) {
        button.hidden = buttons.indexOf(button.dataset.songbookCommand) < 0;
        button.disabled = false;
      });
    }

    function failed(error) {
      setText(field(root, "message"), error.message);
      field(root, "message").hidden = false;
    }

    function seen() {
      return root.isConnected && root.open && !document.hidden;
    }

    function next() {
      clearTimeout(timer);
      timer = seen() ? setTimeout(ask, INTERVAL_MS) : null;
    }

    function ask() {
      if (asking || !seen()) return;
      asking = true;
      json(root.dataset.progressUrl).then(show, failed).then(function () {
        asking = false;
        next();
      });
    }

    function command(event) {
      var button = event.target.closest("[data-songbook-command]");
      if (!button) return;
      button.disabled = true;
      json(button.dataset.url, {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}).then(show, function (error) {
        button.disabled = false;
        failed(error);
      });
    }

    root.addEventListener("toggle", ask);
    root.addEventListener("click", command);
    document.addEventListener("visibilitychange", ask);
    ask();
  }

  /* --- the list of edit.html ------------------------------------------------------------------------------------- */

  function nameField(root) {
    var form = root.closest("form") || document;
    return form.querySelector('[name="new_file_name"]') || document.querySelector('[name="new_file_name"]');
  }

  function pathOf(root) {
    var hidden = document.querySelector('[name="old_file_name"]');
    return root.dataset.path || (hidden ? hidden.value : "");
  }

  function span(name, text) {
    var element = document.createElement("span");
    element.className = name;
    element.textContent = text;
    return element;
  }

  function entry(root, s) {
    var li = document.createElement("li"), button = document.createElement("button");
    var more = [s.year, s.genre, s.source_text].filter(Boolean).join(", ");
    li.appendChild(span("songbook-name", s.display));
    if (s.label_text) li.appendChild(span("songbook-label songbook-" + s.colour, s.label_text + " (" + s.score + "%)"));
    if (more) li.appendChild(span("songbook-more", more));
    button.type = "button";
    button.className = "button is-small";
    button.textContent = root.dataset.useText;
    button.addEventListener("click", function () {
      var input = nameField(root);
      if (!input) return;
      input.value = s.file_name;
      input.dispatchEvent(new Event("input", {bubbles: true}));
      input.focus();
    });
    li.appendChild(button);
    return li;
  }

  function suggestionSection(root) {
    json(root.dataset.url + "?path=" + encodeURIComponent(pathOf(root))).then(function (answer) {
      var list = field(root, "list");
      setText(field(root, "message"), answer.message);
      list.textContent = "";
      answer.suggestions.forEach(function (s) { list.appendChild(entry(root, s)); });
    }, function (error) {
      setText(field(root, "message"), error.message);
    });
  }

  /* --- start: also when the host swaps pages without loading them anew ---------------------------------------------- */

  function start() {
    document.querySelectorAll("[data-songbook]").forEach(function (root) {
      if (root.dataset.songbookReady) return;
      root.dataset.songbookReady = "yes";
      (root.dataset.songbook === "progress" ? progressSection : suggestionSection)(root);
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
