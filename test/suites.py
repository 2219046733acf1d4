#!/usr/bin/env python3
"""Builds and runs every suite, and ends with one line 'N passed, N failed' that counts them all.

A suite that cannot be built, or that ends without counting, counts as one failure. Called by
test/run, which installs what is needed first.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"        # Debian's: the one that has Debian's pytest
CLANG_DEBUG = "-Dc_args=-gdwarf-4"   # Debian 12's valgrind cannot read clang's newer debug information
FUZZ_SECONDS = int(os.environ.get("SONGBOOKD_FUZZ_SECONDS", 20))


def call(command, env=None, **kw):
    print("+ " + " ".join(map(str, command)), flush=True)
    return subprocess.run(list(map(str, command)), cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, **kw)


def build(folder, compiler, *options, targets=()):
    """True when the folder holds an up-to-date build."""
    folder = ROOT / folder
    known = (folder / "build.ninja").exists()     # maybe of an older version, with other options
    setup = ["meson", "configure", folder] if known else ["meson", "setup", folder, ROOT]
    if call([*setup, "-Dwerror=true", *options], env={"CC": compiler}, stdout=subprocess.DEVNULL).returncode:
        return False
    return call(["ninja", "-C", folder, *targets], stdout=subprocess.DEVNULL).returncode == 0


def count_cmocka(log):
    """Sums what the test programs say of themselves; one that fails without a word of it (it crashed) counts once."""
    passed = failed = 0
    for line in log.read_text(errors="replace").splitlines():
        test = json.loads(line)
        said = test.get("stdout", "") + test.get("stderr", "")
        ok = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", said))
        ran = sum(int(n) for n in re.findall(r"\[==========\] (?:\w+: )?(\d+) test\(s\) run\.", said))
        passed += ok
        failed += max(ran - ok, 0 if test["result"] in ("OK", "SKIP") else 1)
    return passed, failed


def unit(folder, env=None, names=(), wrapper=()):
    result = call(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", *wrapper, *names],
                  env={"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", **(env or {})})
    log = ROOT / folder / "meson-logs" / ("testlog-valgrind.json" if wrapper else "testlog.json")
    passed, failed = count_cmocka(log)
    return passed, failed + (1 if result.returncode and not failed else 0)


def suite_unit_gcc():
    """unit tests, gcc with ASan and UBSan"""
    if not build("build-test", "gcc", "-Db_sanitize=address,undefined"):
        return 0, 1
    return unit("build-test")


def suite_unit_clang():
    """unit tests, clang"""
    if not build("build-clang", "clang", CLANG_DEBUG):
        return 0, 1
    return unit("build-clang")


def suite_valgrind():
    """unit tests of the pure rooms and the store under valgrind: uninitialised reads, which the sanitizers do not see"""
    if not build("build-clang", "clang", CLANG_DEBUG):
        return 0, 1
    return unit("build-clang", names=["base", "fold", "match", "provider", "config", "store", "evidence", "events"],
                wrapper=["--wrap=valgrind -q --error-exitcode=99 --leak-check=full"])


def suite_tsan():
    """the store queue under ThreadSanitizer"""
    if not build("build-tsan", "clang", "-Db_sanitize=thread", "-Db_lundef=false", targets=["test/unit/test_dbq"]):
        return 0, 1
    return unit("build-tsan", {"TSAN_OPTIONS": "halt_on_error=1"}, ["dbq"])


def fuzz(fuzzer):
    """Runs one fuzzer on its seeds and what earlier runs found; its words go to a file and are shown when it fails."""
    name = fuzzer.name.replace("fuzz_", "")
    corpus, log = ROOT / "build-fuzz" / ("corpus-" + name), ROOT / "build-fuzz" / (fuzzer.name + ".log")
    seeds, words = ROOT / "test/fuzz" / ("seeds_" + name), ROOT / "test/fuzz" / (name + ".dict")
    corpus.mkdir(exist_ok=True)
    with open(log, "wb") as out:
        rc = call([fuzzer, "-max_total_time=%d" % FUZZ_SECONDS, "-max_len=70000", "-timeout=120", "-rss_limit_mb=2048", "-verbosity=0",
                   "-print_final_stats=1", "-artifact_prefix=%s/" % (ROOT / "build-fuzz"), *(["-dict=%s" % words] if words.exists() else []),
                   corpus, *([seeds] if seeds.is_dir() else [])], stdout=out, stderr=out).returncode
    lines = log.read_text(errors="replace").splitlines()
    shown = lines[-100:] if rc else [line for line in lines if "number_of_executed_units" in line]
    print("\n".join(shown), flush=True)
    return rc == 0


def suite_fuzz():
    """each fuzzer for a short while, libFuzzer with ASan and UBSan"""
    if not build("build-fuzz", "clang", "-Dfuzz=true", "-Dtests=false", "-Db_sanitize=address,undefined", "-Db_lundef=false"):
        return 0, 1
    sources = {p.stem for p in (ROOT / "test/fuzz").glob("fuzz_*.c")}
    fuzzers = sorted(p for p in (ROOT / "build-fuzz/test/fuzz").glob("fuzz_*") if p.is_file() and os.access(p, os.X_OK))
    missing = sources - {p.name for p in fuzzers}
    if missing:
        print("not built, see test/fuzz/meson.build: " + " ".join(sorted(missing)))
    passed = sum(fuzz(fuzzer) for fuzzer in fuzzers)
    return passed, len(fuzzers) - passed + len(missing)


def pytest(folder, env=None, options=()):
    report = ROOT / "build-test" / ("pytest-%s.xml" % folder.replace("/", "-"))
    report.unlink(missing_ok=True)
    ended = call([PYTHON, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--junitxml", report, *options, folder],
                 env={"SONGBOOKD_BUILD": str(ROOT / "build-test"), **(env or {})}).returncode
    if not report.exists():
        return 0, 1
    root = ET.parse(report).getroot()
    totals = {k: sum(int(s.get(k, 0)) for s in root.iter("testsuite")) for k in ("tests", "failures", "errors", "skipped")}
    failed = totals["failures"] + totals["errors"]
    # a run may also fail as a whole: no test in it, or an operation of the API that none of them asked
    return totals["tests"] - failed - totals["skipped"], failed or int(ended != 0 or not totals["tests"])


def suite_names():
    """how well names are read: the figures of the test set hold, alone and with the library"""
    if not build("build-test", "gcc", "-Db_sanitize=address,undefined"):
        return 0, 1
    score = [PYTHON, "test/score.py", "test/data/names.tsv", "--hold", "--build", "build-test"]
    failed = sum(call([*score, *how]).returncode != 0 for how in ([], ["--library"]))
    return 2 - failed, failed


def suite_layout():
    """the house: layers, tables against documents, shell scripts"""
    if not build("build-test", "gcc", "-Db_sanitize=address,undefined"):
        return 0, 1
    return pytest("test/layout")


def suite_integration():
    """the real daemon against fake providers, under ASan and UBSan"""
    if not build("build-test", "gcc", "-Db_sanitize=address,undefined"):
        return 0, 1
    return pytest("test/integration", options=["-n", "2", "--dist", "loadscope"])   # they mostly wait


def suite_browser():
    """the dashboard in Debian's Chromium, against the real daemon and fake providers"""
    if not build("build-test", "gcc", "-Db_sanitize=address,undefined"):
        return 0, 1
    return pytest("test/browser")


def suite_install():
    """units, pages and completion; the package of this suite in a clean system (all suites: test/install/matrix)"""
    if not build("build-test", "gcc", "-Db_sanitize=address,undefined"):
        return 0, 1
    return pytest("test/install")


SUITES = {
    "unit-gcc": suite_unit_gcc,
    "unit-clang": suite_unit_clang,
    "valgrind": suite_valgrind,
    "tsan": suite_tsan,
    "names": suite_names,
    "layout": suite_layout,
    "integration": suite_integration,
    "browser": suite_browser,
    "install": suite_install,
    "fuzz": suite_fuzz,
}


def main():
    names = sys.argv[1:] or list(SUITES)
    unknown = [n for n in names if n not in SUITES]
    if unknown:
        sys.exit("there is no suite '%s'; the suites are: %s" % (unknown[0], " ".join(SUITES)))
    lines, passed, failed = [], 0, 0
    for name in names:
        print("\n=== %s: %s" % (name, SUITES[name].__doc__), flush=True)
        began = time.monotonic()
        p, f = SUITES[name]()
        passed, failed = passed + p, failed + f
        lines.append("%-12s %5d passed %3d failed  %4d s  %s" % (name, p, f, time.monotonic() - began, SUITES[name].__doc__))
    print("\n=== suites that ran\n" + "\n".join(lines) + "\n")
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
