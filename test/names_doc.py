#!/usr/bin/env python3
"""Writes the tables of docs/names.md from those of src/song/, or checks that they agree.

usage: test/names_doc.py [--write]
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOC = ROOT / "docs/names.md"
BEGIN, END = "<!-- begin of tables -->\n", "<!-- end of tables -->"
ORDER = {"A": "artist first", "T": "title first", "O": "open"}
KINDS = [("STYLE", "the artist follows"), ("BY", "the artist may follow"), ("FEAT", "a guest follows"),
         ("NOISE", "says that this is karaoke, and nothing of the song"), ("INSTR", "the same, of a backing track"),
         ("LEAD", "noise in front of noise"), ("WEAK", "noise behind noise; a word of a title elsewhere"),
         ("VARIANT", "another recording or another karaoke cut"), ("KEY", "a musical key follows"),
         ("SOURCE", "a film, album or show follows or precedes")]


def rows(name, pattern):
    found = []
    for line in (ROOT / "src/song" / name).read_text(encoding="utf-8").splitlines():
        m = re.match(pattern, line)
        if m:
            found.append(m.groups())
    if not found:
        sys.exit("no rows in src/song/%s" % name)
    return found


def rules():
    text = (ROOT / "src/song/title_rules.c").read_text(encoding="utf-8")
    out = ["| rule | confidence | says | example |", "|---|---|---|---|"]
    for key, low, high, reason, example in re.findall(
            r'\{"(\w+)", ([\d.]+), ([\d.]+),\s*"((?:[^"\\]|\\.)*)",\s*(NULL|"(?:[^"\\]|\\.)*")\}', text):
        shown = "what other names settle" if example == "NULL" else "`%s`" % example[1:-1].replace('\\"', '"').replace("|", "¦")
        out.append("| `%s` | %s-%s | %s | %s |" % (key, low, high, reason.replace("%s", "..."), shown))
    return out


def vendors():
    by_name = collections.OrderedDict()
    for alias, name, a, b, c, alone in rows("vendors.c", r'\s*\{"((?:[^"\\]|\\.)*)", "([^"]+)", \{(\w), (\w), (\w)\}, (\w+)\},'):
        by_name.setdefault(name, []).append((alias, (a, b, c)))
    out = ["| vendor | with a dash | with a pipe | with a colon | recognised by |", "|---|---|---|---|---|"]
    for name in sorted(by_name, key=str.casefold):
        orders = by_name[name][0][1]
        aliases = ", ".join("`%s`" % alias for alias, _ in by_name[name][:6])
        more = len(by_name[name]) - 6
        out.append("| %s | %s | %s | %s | %s%s |" % (name, *(ORDER[o] for o in orders), aliases, ", %d more" % more if more > 0 else ""))
    return out


def phrases():
    count, languages, sample = collections.Counter(), collections.defaultdict(set), collections.defaultdict(list)
    for text, kind, language in rows("phrases.c", r'\s*\{"((?:[^"\\]|\\.)*)", PHRASE_(\w+), "(\w*)",'):
        count[kind] += 1
        languages[kind].add(language or "any")
        if len(sample[kind]) < 4 and text.isascii():
            sample[kind].append(text)
    out = ["| kind | rows | what it does | languages | for example |", "|---|---|---|---|---|"]
    for kind, what in KINDS:
        out.append("| %s | %d | %s | %s | %s |" % (kind, count[kind], what, " ".join(sorted(languages[kind])),
                                                  ", ".join("`%s`" % s for s in sample[kind])))
    return out


def artists():
    text = (ROOT / "src/song/artists.c").read_text(encoding="utf-8")
    names, words = text[text.index("names[] = {"):text.index("words[] = {")], text[text.index("words[] = {"):text.index("clang-format on")]
    return ["%d names nobody means anything else by, and %d that are ordinary words as well." % (
        len(re.findall(r'"[^"]+"', names)), len(re.findall(r'"[^"]+"', words)))]


def tables():
    parts = [("### Rules", rules()), ("### Vendors", vendors()), ("### Phrases", phrases()), ("### Known artists", artists())]
    return "\n".join("%s\n\n%s\n" % (head, "\n".join(lines)) for head, lines in parts)


def main():
    doc = DOC.read_text(encoding="utf-8")
    head, rest = doc.split(BEGIN)
    old, tail = rest.split(END)
    new = tables()
    if "--write" in sys.argv:
        DOC.write_text(head + BEGIN + new + END + tail, encoding="utf-8")
    elif old != new:
        sys.exit("the tables of docs/names.md are not those of src/song/: run test/names_doc.py --write")


if __name__ == "__main__":
    main()
