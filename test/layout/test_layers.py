"""The layout shows the architecture: which room may include which, and where each library is used."""
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
MAY_USE = {
    "base": [],
    "song": ["base"],
    "config": ["base"],
    "store": ["base", "song"],
    "net": ["base"],
    "provider": ["base", "song"],
    "work": ["base", "song", "config", "store", "net", "provider"],
    "web": ["base"],
    "api": ["base", "song", "config", "store", "net", "provider", "work", "web"],
    "ctl": ["base", "song", "config", "store"],
    "daemon": ["base", "song", "config", "store", "net", "provider", "work", "api"],
}
ONLY_IN = {
    "sqlite3.h": "store",
    "curl/curl.h": "net",
    "llhttp.h": "net",
    "ini.h": "config",
    "qrencode.h": "api",
    "openssl/sha.h": "api",
    "openssl/evp.h": "api",
    "utf8proc.h": ("base", "song", "ctl"),   # ctl: how wide a text is on a terminal
}


def includes(path):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.M)


def sources():
    return sorted(p for p in SRC.rglob("*.[ch]"))


def test_every_metric_stands_in_the_document():
    """A name, or a family such as songbookd_worker_*_total."""
    told = re.findall(r"`((?:songbookd|process)_[\w*]+)", (ROOT / "docs/api.md").read_text())
    names = set(re.findall(r'"(songbookd_\w+)"', (SRC / "api/metrics.c").read_text()))
    assert len(names) > 30
    assert sorted(n for n in names if not any(re.fullmatch(t.replace("*", r"\w+"), n) for t in told)) == []


def test_rooms_use_only_the_rooms_below_them():
    bad = []
    for path in sources():
        room = path.relative_to(SRC).parts[0]
        if room not in MAY_USE:
            continue
        for name in includes(path):
            other = name.split("/")[0]
            if other in MAY_USE and other != room and other not in MAY_USE[room]:
                bad.append("%s includes %s" % (path.relative_to(ROOT), name))
    assert not bad, "\n".join(bad)


def test_each_library_is_included_in_one_room():
    bad = []
    for path in sources():
        room = path.relative_to(SRC).parts[0]
        for name in includes(path):
            if name in ONLY_IN and room not in ONLY_IN[name]:
                bad.append("%s includes %s" % (path.relative_to(ROOT), name))
    assert not bad, "\n".join(bad)


def test_every_room_has_its_paragraph_in_the_architecture():
    text = (ROOT / "docs/architecture.md").read_text()
    rooms = [p.name for p in SRC.iterdir() if p.is_dir() and any(p.iterdir())]
    assert [r for r in rooms if "src/%s/" % r not in text] == []


def test_every_route_has_its_section_in_the_api_document():
    text = (ROOT / "docs/api.md").read_text()
    rows = re.findall(r'\{HTTP_(\w+), (V1 )?"([^"]+)"', (SRC / "api/routes.c").read_text())
    routes = ["### %s %s%s" % (method, "/api/v1" if base else "", path) for method, base, path in rows]
    assert len(routes) > 20
    missing = [r for r in routes if r not in text.split("\n")]
    assert missing == []


def test_every_route_is_described_for_programs():
    described = json.loads((SRC / "api/openapi.json").read_text())["paths"]
    have = {(m.upper(), path) for path, item in described.items() for m in item}
    rows = re.findall(r'\{HTTP_(\w+), (V1 )?"([^"]+)"', (SRC / "api/routes.c").read_text())
    want = {(m, re.sub(r":(\w+)", r"{\1}", ("/api/v1" if base else "") + path)) for m, base, path in rows}
    assert want == have, "src/api/openapi.json and the route table differ"


def test_every_option_stands_in_the_configuration_document():
    text = (ROOT / "docs/configuration.md").read_text()
    names = re.findall(r'\{\s*(?:\.name = )?"([A-Za-z_]+\.[a-z_]+)"', (SRC / "config/options.c").read_text())
    assert len(names) > 20
    assert [n for n in names if "`%s`" % n not in text] == []


def test_top_level_holds_only_what_the_readme_names():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    top = {t.split("/")[0] for t in tracked if t}
    allowed = {"src", "deps", "test", "docs", "meson.build", "meson_options.txt", "README.md", "LICENSE", "CHANGELOG.md"}
    assert {t for t in top if not t.startswith(".")} <= allowed


def test_no_promise_is_hidden_in_a_comment():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    hits = [str(p.relative_to(ROOT)) for p in sources() if words.search(p.read_text())]
    assert hits == []


def tracked(*patterns):
    done = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_lines_of_c_fit_130_columns():
    bad = ["%s:%d" % (p.relative_to(ROOT), n) for p in tracked("src/*.c", "src/*.h", "test/unit/*.[ch]", "test/fuzz/*.c")
           for n, line in enumerate(p.read_text().splitlines(), 1) if len(line) > 130]
    assert bad == []


def test_sources_hold_no_tabs_and_no_blanks_at_the_end_of_lines():
    bad = ["%s:%d" % (p.relative_to(ROOT), n) for p in tracked("*.c", "*.h", "*.py", "*.build", "*.md")
           for n, line in enumerate(p.read_text().split("\n"), 1) if line != line.rstrip() or "\t" in line]
    assert bad == []


def test_shell_scripts_can_be_read_by_the_shell():
    scripts = [p for d in ("deps", "test", ".ci") for p in tracked(d) if p.read_bytes().startswith(b"#!/bin/sh")]
    assert len(scripts) >= 3
    for script in scripts:
        done = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert script.stat().st_mode & 0o111, "%s is not executable" % script


def test_links_between_documents_lead_somewhere():
    dead = []
    for doc in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", doc.read_text()):
            if "://" not in target and not target.startswith("/") and not (doc.parent / target).exists():
                dead.append("%s: %s" % (doc.relative_to(ROOT), target))
    assert dead == []


def test_every_unit_test_and_fuzzer_is_built():
    built = (ROOT / "test/unit/meson.build").read_text() + (ROOT / "test/fuzz/meson.build").read_text()
    missing = [p.name for p in tracked("test/unit/test_*.c") if "'%s'" % p.name not in built]
    missing += [p.name for p in tracked("test/fuzz/fuzz_*.c") if "'%s':" % p.stem[5:] not in built]
    assert missing == []


def test_every_source_file_is_built():
    lists = "".join(p.read_text() for p in tracked("meson.build", "src/*meson.build"))
    assert [str(p.relative_to(ROOT)) for p in tracked("src/*.c") if "'%s'" % p.name not in lists and "/%s'" % p.name not in lists] == []


def test_names_md_shows_the_tables_of_the_code():
    done = subprocess.run([ROOT / "test/names_doc.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
