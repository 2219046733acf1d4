#!/usr/bin/env python3
"""Scores how songbookctl reads names whose artist and title are known.

usage: test/score.py TRUTH.tsv [--library] [--by origin|vendor|lang|order|category] [--wrong] [--hold] [--build FOLDER]

TRUTH: a tab-separated table with a header: name, artist, title, and as far as known origin, vendor, lang, order, category,
alt_artist, alt_title (a second acceptable value). An empty artist states that the name holds none. A name is right when artist
and title are both equal to the truth, or to its second value, after folding. --wrong lists what is not; --hold fails unless the
figures of the test set (test/data/names.tsv) hold.
"""
import collections
import csv
import pathlib
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What --hold asks for: the least that is right (all; mean over origins), the most that is swapped, per cent, and the promise.
LEAST_RIGHT, LEAST_MEAN, MOST_SWAPPED, MOST_PROMISED, LEAST_AUC = 97.0, 96.0, 1.5, 0.03, 0.75


def fold(text):
    text = unicodedata.normalize("NFKC", text or "").casefold().replace("&", " and ")
    kept = []
    for c in text:
        if c in "'`\u00b4\u2018\u2019\u02bc.":
            continue
        kept.append(c if unicodedata.category(c)[0] in "LNM" else " ")
    text = " ".join("".join(kept).split())
    return text[4:] if text.startswith("the ") and len(text) > 4 else text


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def judge(truth, guess):
    """a, t: artist, title equal; b: both; la, lt, lb: the second value counts as well; sw: the two exchanged."""
    artist, title = fold(guess["artist"]), fold(guess["title"])
    artists, titles = {fold(truth["artist"])}, {fold(truth["title"])}
    strict = artist in artists, title in titles
    if truth.get("alt_artist"):
        artists.add(fold(truth["alt_artist"]))
    if truth.get("alt_title"):
        titles.add(fold(truth["alt_title"]))
    lenient = artist in artists, title in titles
    both = all(lenient)
    return {"a": strict[0], "t": strict[1], "b": all(strict), "la": lenient[0], "lt": lenient[1], "lb": both,
            "sw": bool(truth["artist"]) and not both and title in artists and artist in titles}


def auc(pairs):
    """The chance that a right name has a higher confidence than a wrong one; ties count half."""
    right = sum(1 for _, y in pairs if y)
    wrong = len(pairs) - right
    if not right or not wrong:
        return float("nan")
    pairs, rank, i = sorted(pairs), 0.0, 0
    while i < len(pairs):
        j = i
        while j < len(pairs) and pairs[j][0] == pairs[i][0]:
            j += 1
        rank += sum(1 for k in range(i, j) if pairs[k][1]) * (i + 1 + j) / 2
        i = j
    return (rank - right * (right + 1) / 2) / (right * wrong)


def parse(build, names, library):
    out = subprocess.run([build / "songbookctl", "parse", "--tsv", *(["--library"] if library else [])],
                         input="\n".join(names) + "\n", text=True, capture_output=True, check=True).stdout
    return list(csv.DictReader(out.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def line(name, rows):
    n = len(rows)
    share = ["%6.1f" % (100.0 * sum(r[k] for r in rows) / n) for k in ("a", "t", "b", "la", "lt", "lb", "sw")]
    return "%-24s %6d  %s  %s  %s" % (name[:24], n, " ".join(share[:3]), " ".join(share[3:6]), share[6])


def report(rows, by, names):
    print("%-24s %6s  %20s  %20s  %6s   (per cent)" % ("", "", "strict: art  title both", "lenient: art title both", "swap"))
    print(line("all", rows))
    groups = collections.defaultdict(list)
    for r in rows:
        groups["category " + (r["truth"].get("category") or "-")].append(r)
    other = [r for r in rows if r["truth"].get("category") != "legacy"]
    if other and len(other) < len(rows):
        print(line("all but legacy", other))
    for k in sorted(groups):
        print(line("  " + k, groups[k]))
    groups = collections.defaultdict(list)
    for r in rows:
        groups[r["truth"].get(by) or "-"].append(r)
    for k in sorted(groups, key=lambda k: -len(groups[k])):
        print(line("  %s %s" % (by, k), groups[k]))
    means = [100.0 * sum(r["lb"] for r in g) / len(g) for g in groups.values() if len(g) >= 5]
    mean = sum(means) / len(means) if means else float("nan")
    print("mean over %s (5 or more names): %.1f" % (by, mean))
    return mean


def calibration(rows):
    print("\nconfidence   names   mean  right")
    over = 0.0
    for d in range(10):
        b = [r for r in rows if d / 10 <= r["confidence"] < (d + 1) / 10 or (d == 9 and r["confidence"] == 1)]
        if not b:
            continue
        mean, right = sum(r["confidence"] for r in b) / len(b), sum(r["lb"] for r in b) / len(b)
        if len(b) >= 100:
            over = max(over, mean - right)
        print("  %.1f-%.1f  %6d  %.3f  %.3f" % (d / 10, (d + 1) / 10, len(b), mean, right))
    pooled = sum(r["confidence"] - r["lb"] for r in rows) / len(rows)
    area = auc([(r["confidence"], r["lb"]) for r in rows])
    print("promise: mean confidence minus right %+.3f, worst tenth of 100 or more %+.3f; area under the curve %.3f" % (
        pooled, over, area))
    return pooled, over, area


def hold(rows, mean, promise):
    right = 100.0 * sum(r["lb"] for r in rows) / len(rows)
    swapped = 100.0 * sum(r["sw"] for r in rows) / len(rows)
    pooled, over, area = promise
    broken = [text for bad, text in [
        (right < LEAST_RIGHT, "right %.1f < %.1f" % (right, LEAST_RIGHT)),
        (mean < LEAST_MEAN, "mean over origins %.1f < %.1f" % (mean, LEAST_MEAN)),
        (swapped > MOST_SWAPPED, "swapped %.1f > %.1f" % (swapped, MOST_SWAPPED)),
        (pooled > MOST_PROMISED or over > 0.07, "promises %+.3f more than it keeps, in a tenth %+.3f" % (pooled, over)),
        (area < LEAST_AUC, "area under the curve %.3f < %.3f" % (area, LEAST_AUC))] if bad]
    if broken:
        sys.exit("the figures do not hold: " + "; ".join(broken))


def main():
    args, build, by = sys.argv[1:], ROOT / "build", "origin"
    for option in ("--build", "--by"):
        if option in args:
            i = args.index(option)
            if option == "--build":
                build = pathlib.Path(args[i + 1]).resolve()
            else:
                by = args[i + 1]
            del args[i:i + 2]
    files = [a for a in args if not a.startswith("--")]
    if len(files) != 1:
        sys.exit(__doc__)
    truth = read(files[0])
    guesses = parse(build, [t["name"] for t in truth], "--library" in args)
    if len(guesses) != len(truth):
        sys.exit("%d names, %d answers" % (len(truth), len(guesses)))
    rows = [{**judge(t, g), "truth": t, "confidence": float(g["confidence"])} for t, g in zip(truth, guesses)]
    mean = report(rows, by, guesses)
    promise = calibration(rows)
    if "--wrong" in args:
        for r, g in zip(rows, guesses):
            if not r["lb"]:
                print("%s\n    read   %s / %s (%s, %s)\n    truth  %s / %s" % (r["truth"]["name"], g["artist"], g["title"], g["reason"],
                      g["confidence"], r["truth"]["artist"], r["truth"]["title"]))
    if "--hold" in args:
        hold(rows, mean, promise)


if __name__ == "__main__":
    main()
