"""GET /metrics and GET /api/v1/openapi.json."""
import json
import os
import pathlib
import re

import contract
from conftest import wait_for

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
LINE = re.compile(r'^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>(?:[a-z_]+="[^"\\\n]*",?)+)\})? (?P<value>-?[0-9.e+-]+|NaN)$')


def scrape(daemon):
    """{(name, labels): value} and {name: type}; checks the form of every line."""
    answer = daemon.request("GET", "/metrics")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values, types, helped, last = {}, {}, set(), None
    for line in answer.body.decode().split("\n")[:-1]:
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in helped, "two blocks of %s" % name
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("counter", "gauge") and name in helped
            types[name] = last = kind and name
        else:
            m = LINE.match(line)
            assert m, line
            assert m["name"] == last, "%s stands outside of its block" % line
            assert types[m["name"]] != "counter" or m["name"].endswith("_total"), line
            key = (m["name"], m["labels"] or "")
            assert key not in values, "twice: %s" % line
            values[key] = float(m["value"])
    return values, types


def test_metrics_tell_what_progress_tells(daemon):
    for name in ("ABBA - Dancing Queen.mp3", "Queen - Bohemian Rhapsody.mp3", "Nobody Knows This One.mp3"):
        daemon.add_song(name)
    daemon.start()
    daemon.wait_done()
    values, _ = scrape(daemon)
    progress = daemon.get("progress")
    assert values["songbookd_songs", 'status="enriched"'] == progress["by_status"]["enriched"] == 2
    assert values["songbookd_songs", 'status="enrichment_failed"'] == 1
    assert values["songbookd_queue_songs", ""] == 0
    assert values["songbookd_worker_state", 'state="running"'] == 1 and values["songbookd_worker_state", 'state="stopped"'] == 0
    for name, p in progress["providers"].items():
        label = 'provider="%s"' % name
        assert values["songbookd_provider_requests_total", label] == p["requests"]
        assert values["songbookd_provider_answers_total", label + ',outcome="not_found"'] == p["not_found"]
        assert values["songbookd_provider_usable", label] == p["usable"]
        assert sum(v for (n, lab), v in values.items() if n == "songbookd_provider_state" and label in lab) == 1
    bands = {lab: v for (n, lab), v in values.items() if n == "songbookd_confidence_songs"}
    assert len(bands) == 8 and sum(bands.values()) == 3
    high = sum(1 for s in daemon.songs_list() if 0.9 <= s["confidence"] < 1)
    assert bands['band="0.90"'] == high
    assert values["songbookd_database_bytes", ""] == os.stat(daemon.database).st_size or values["songbookd_database_wal_bytes", ""] > 0
    assert values["process_resident_memory_bytes", ""] > 1e6 and values["process_cpu_seconds_total", ""] > 0


def test_metrics_cover_what_an_owner_watches(daemon):
    daemon.add_song("ABBA - Dancing Queen.mp3")
    daemon.start()
    daemon.wait_done()
    _, types = scrape(daemon)
    counted = "/proc/self/io" if os.path.exists("/proc/self/io") else None
    wanted = {"requests": "songbookd_provider_requests_total", "waits": "songbookd_provider_wait_seconds",
              "breaker": "songbookd_provider_state", "queue": "songbookd_queue_songs", "songs by status": "songbookd_songs",
              "confidence": "songbookd_confidence_songs", "loop lag": "songbookd_loop_worst_turn_seconds",
              "lock time": "songbookd_store_worst_transaction_seconds", "lock of PiKaraoke": "songbookd_pikaraoke_lock_seconds_total",
              "database size": "songbookd_database_bytes", **({"bytes written": "songbookd_disk_written_bytes_total"} if counted else {})}
    assert {what: name for what, name in wanted.items() if name not in types} == {}
    assert [n for n in types if re.search(r"_(ms|kb|mb|minutes|percent)(_|$)", n)] == [], "base units"


def test_metrics_name_no_song_and_bound_their_lines(daemon):
    for i in range(30):
        daemon.add_song("Artist%d - Secret Title %d.mp3" % (i, i))
    daemon.start("--set", "enrichment.autostart=no")
    daemon.wait_listed(30)
    text = daemon.request("GET", "/metrics").body.decode()
    assert "Secret" not in text and "Artist1" not in text and str(daemon.home) not in text
    assert len(text.split("\n")) < 300


def test_metrics_count_what_goes_to_the_disk(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    before, _ = scrape(daemon)
    for i in range(300):
        daemon.add_song("Artist%d - Title %d.mp3" % (i, i))
    daemon.post("scan")
    daemon.wait_listed(300)
    after, _ = scrape(daemon)
    key = ("songbookd_store_transactions_total", "")
    assert after[key] > before[key]
    if ("songbookd_disk_written_bytes_total", "") in after:     # kernels without task I/O accounting do not tell
        with open("/proc/%d/io" % daemon.process.pid) as f:
            now = dict(line.split(": ") for line in f.read().splitlines())
        wait_for(lambda: scrape(daemon)[0]["songbookd_disk_written_bytes_total", ""] >= int(now["write_bytes"]), "the count")


def expressions(value):
    """Every expression in an alert file or a dashboard, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [inner] if key == "expr" else expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def examples():
    """{file: its expressions} of what docs/ offers for Prometheus and Grafana."""
    alerts = re.findall(r"^ +expr: (.+)$", (DOCS / "prometheus-alerts.yml").read_text(), re.M)
    dashboard = list(expressions(json.loads((DOCS / "grafana-dashboard.json").read_text())))
    assert len(alerts) >= 7 and len(dashboard) >= 15
    return {"prometheus-alerts.yml": alerts, "grafana-dashboard.json": dashboard}


def misses_of(expression, types, labels):
    """What the expression names and /metrics has not: metrics, labels, and values of labels."""
    for name, selectors in re.findall(r"\b((?:songbookd|process)_\w+)(?:\{([^}]*)\})?", expression):
        if name not in types:
            yield name
        for label, words in re.findall(r'(\w+)[=!]~?"([^"]*)"', selectors):
            for word in words.split("|"):
                if '%s="%s"' % (label, word) not in labels.get(name, ""):
                    yield '%s{%s="%s"}' % (name, label, word)
    said = " ".join(labels.values())
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        for label in group.split(", "):
            if label not in ("instance", "job") and '%s="' % label not in said:      # these two are Prometheus' own
                yield "label " + label


def test_alert_rules_and_dashboard_name_only_what_is_there(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    values, types = scrape(daemon)
    labels = {}
    for name, text in values:
        labels[name] = labels.get(name, "") + " " + text
    if not any(name == "songbookd_disk_written_bytes_total" for name, _ in values):
        types["songbookd_disk_written_bytes_total"] = "counter"     # kernels without task I/O accounting do not tell
    for place, lines in examples().items():
        for line in lines:
            assert list(misses_of(line, types, labels)) == [], "%s: %s" % (place, line)
    # the check itself sees what is wrong
    assert list(misses_of('sum by (nobody) (songbookd_provider_state{state=~"ok|tired"}) > songbookd_none', types, labels)) == [
        'songbookd_provider_state{state="tired"}', "songbookd_none", "label nobody"]


def test_metrics_need_the_token_where_there_is_one(make_daemon):
    d = make_daemon()
    token = d.home / "token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    d.start("--set", "server.token_file=%s" % token)
    assert d.request("GET", "/metrics").status == 401
    assert d.request("GET", "/metrics", headers={"Authorization": "Bearer 0123456789abcdef"}).status == 200


def test_openapi_is_told_as_it_lies_in_the_source(daemon):
    daemon.start()
    told = daemon.get("openapi.json")
    assert told["info"]["version"] == daemon.get("health")["version"]
    told["info"]["version"] = contract.DOCUMENT["info"]["version"]
    assert told == contract.DOCUMENT


def test_openapi_document_is_sound():
    ids = [o["operationId"] for item in contract.DOCUMENT["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids)) > 25
    text = json.dumps(contract.DOCUMENT)
    for name in set(re.findall(r'"\$ref": "([^"]+)"', text)):
        assert contract.resolve({"$ref": name}), name
    for schema in contract.DOCUMENT["components"]["schemas"].values():
        contract.jsonschema.Draft202012Validator.check_schema(schema)
    for path, item in contract.DOCUMENT["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path)), path


def test_the_files_of_the_dashboard_fit_their_description(daemon):
    daemon.start("--set", "enrichment.autostart=no")
    page = daemon.request("GET", "/").body.decode()
    for path in ("/web/app.js", "/web/style.css", "/web/icon.svg", "/web/lang/en.json"):
        assert daemon.request("GET", path).status == 200, path
    assert "/web/" in page and daemon.request("GET", "/web/none.js").status == 404
