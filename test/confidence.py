#!/usr/bin/env python3
"""Fits the confidence of readings to names with known artist and title, and tells how it keeps its promise.

usage: test/confidence.py TRUTH.tsv ... [--write] [--build FOLDER]

TRUTH: tables as test/score.py reads them. Every name is read by songbookctl four times: alone and with the library, each with the
known artists and without (as if no artist stood in the table: what happens to names whose artist does not). A logistic regression
estimates the chance that artist and title are both right. The table that is printed comes from fits with one origin left out in
turn, each judged on the origin it has not seen, pooled. --write puts the weights of the fit to all origins into
src/song/title_model.c; build anew afterwards.
"""
import collections
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import score

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / "src/song/title_model.c"
KINDS = ["STATED", "SETTLED", "FROM_LIBRARY", "OPEN", "WEAK", "TITLE_ONLY"]
KIND_OF = {"phrase": 0, "by": 0, "library": 2, "separator": 3, "weak_separator": 4, "no_separator": 4, "title_only": 5}
WEIGHTS = ["base", "lean", "residue", "extra", "digits", "noise", "words"]
BAND = {"phrase": (.85, .89), "by": (.70, .84), "separator": (.60, .69), "weak_separator": (.40, .59), "no_separator": (.40, .59),
        "title_only": (.20, .39)}
SETTLED_BAND = (.70, .84)
FULL_BAND = [6, 6, 6, 4, 4, 3]   # full_band of title_model.c
ORIGIN_MAX = 250      # an origin counts as at most so many names: a large collection is one hand
BLIND = 0.3           # weight of a reading without known artists
RIDGE = 1.0


def read(build, names, *flags):
    out = subprocess.run([build / "songbookctl", "parse", "--json", *flags], input="\n".join(names) + "\n", text=True,
                         capture_output=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def features(guess):
    """(kind, values of the weights, as title_model.c makes them); None for an empty name."""
    v = guess["evidence"]
    if guess["rule"] == "empty":
        return None
    kind = KIND_OF.get(guess["rule"], 1)
    lean = float(v["catalogue"]) if kind == 5 else min(v["lean"], 8) / 4
    return kind, (1.0, round(lean * 8) / 8, min(v["residue"], 3), float(v["extra"]), float(v["digits"] > 0), float(v["noise"]),
                  min(v["words"], 12) / 4)


def solve(a, b):
    n = len(b)
    m = [row[:] + [b[i]] for i, row in enumerate(a)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[p] = m[p], m[i]
        for r in range(i + 1, n):
            f = m[r][i] / m[i][i]
            for c in range(i, n + 1):
                m[r][c] -= f * m[i][c]
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (m[i][n] - sum(m[i][c] * x[c] for c in range(i + 1, n))) / m[i][i]
    return x


def fit(cells):
    """cells: {values: [right, wrong]}. Weights by Newton's method; a ridge holds all but the base near zero, and half a wrong
    name is added, so that nothing is certain."""
    k = len(WEIGHTS)
    w = [1.0] + [0.0] * (k - 1)
    total = sum(sum(c) for c in cells.values()) or 1
    for _ in range(40):
        g, h = [0.0] * k, [[0.0] * k for _ in range(k)]
        for x, (right, wrong) in cells.items():
            n = right + wrong
            wrong += 0.5 * n / total
            right += 0.5 * n / total
            n = right + wrong
            p = 1 / (1 + math.exp(-max(-30, min(30, sum(a * b for a, b in zip(w, x))))))
            for i in range(k):
                g[i] += (right - n * p) * x[i]
                for j in range(k):
                    h[i][j] += n * p * (1 - p) * x[i] * x[j]
        for i in range(k):
            ridge = 0.05 if i == 0 else RIDGE
            g[i] -= ridge * w[i]
            h[i][i] += ridge
        step = solve(h, g)
        w = [a + max(-2, min(2, b)) for a, b in zip(w, step)]
        if max(map(abs, step)) < 1e-6:
            break
    return w


def fit_all(rows, without=None):
    cells = [collections.defaultdict(lambda: [0.0, 0.0]) for _ in KINDS]
    for r in rows:
        if r["origin"] != without and r["x"]:
            kind, x = r["x"]
            cells[kind][x][0 if r["right"] else 1] += r["weight"]
    return [fit(c) for c in cells]


def shown(rule, x, weights):
    """title_confidence"""
    if x is None:
        return 0.0
    z = sum(a * b for a, b in zip(weights[x[0]], x[1]))
    low, high = BAND.get(rule, SETTLED_BAND)
    at = max(0.0, min(1.0, z / FULL_BAND[x[0]]))
    return round(min(low + (high - low) * at, 1 / (1 + math.exp(-z))), 2)


def gather(build, files):
    truth = [t for f in files for t in score.read(f)]
    sizes = collections.Counter(t["origin"] for t in truth)
    rows = []
    for library in (False, True):
        for blind in (False, True):
            flags = ["--library"] * library + ["--blind"] * blind
            for f in files:
                part = score.read(f)
                for t, g in zip(part, read(build, [t["name"] for t in part], *flags)):
                    judged = score.judge(t, {"artist": g["artist"] or "", "title": g["title"] or ""})
                    rows.append({"origin": t["origin"], "rule": g["rule"], "x": features(g), "right": judged["lb"], "library": library,
                                 "blind": blind, "weight": min(1, ORIGIN_MAX / sizes[t["origin"]]) * (BLIND if blind else 1) / 2})
    return rows


def table(rows, title):
    pairs = [(r["shown"], r["right"]) for r in rows]
    print("\n%s: %d names, right %.3f, mean confidence %.3f, area under the curve %.3f" % (
        title, len(pairs), sum(y for _, y in pairs) / len(pairs), sum(c for c, _ in pairs) / len(pairs), score.auc(pairs)))
    print("| confidence | names | mean | right |\n|---|---|---|---|")
    for d in range(10):
        b = [(c, y) for c, y in pairs if d / 10 <= c < (d + 1) / 10]
        if b:
            print("| %.1f-%.1f | %d | %.3f | %.3f |" % (d / 10, (d + 1) / 10, len(b), sum(c for c, _ in b) / len(b),
                                                       sum(y for _, y in b) / len(b)))


def write(weights):
    text = MODEL.read_text()
    head, rest = text.split("/* begin of weights */\n")
    tail = rest.split("/* end of weights */")[1]
    body = "".join("    [%s] = {%s},\n" % (k, ", ".join("%.2f" % v for v in w)) for k, w in zip(KINDS, weights))
    MODEL.write_text(head + "/* begin of weights */\nstatic const struct weights weights[KIND_COUNT] = {\n" + body +
                     "};\n/* end of weights */" + tail)


def main():
    args = sys.argv[1:]
    build = ROOT / "build"
    if "--build" in args:
        i = args.index("--build")
        build = pathlib.Path(args[i + 1]).resolve()
        del args[i:i + 2]
    files = [a for a in args if not a.startswith("--")]
    if not files:
        sys.exit(__doc__)
    rows = gather(build, files)
    for origin in sorted({r["origin"] for r in rows}):
        weights = fit_all(rows, origin)
        for r in rows:
            if r["origin"] == origin:
                r["shown"] = shown(r["rule"], r["x"], weights)
    for library in (False, True):
        for blind in (False, True):
            table([r for r in rows if r["library"] == library and r["blind"] == blind],
                  "%s%s" % ("with the library" if library else "each alone", ", no artist known" if blind else ""))
    weights = fit_all(rows)
    print("\n%-13s %s" % ("", " ".join("%8s" % w for w in WEIGHTS)))
    for k, w in zip(KINDS, weights):
        print("%-13s %s" % (k, " ".join("%8.2f" % v for v in w)))
    if "--write" in args:
        write(weights)


if __name__ == "__main__":
    main()
