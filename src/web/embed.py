#!/usr/bin/env python3
"""Turns the files of the dashboard into one C file: their bytes, plain and gzipped, with types and ETags.

usage: embed.py OUTPUT FOLDER FILE...     the path of each FILE below FOLDER is its path below /web/
"""
import gzip
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def array(name, data):
    lines = [",".join(map(str, data[i:i + 40])) for i in range(0, len(data), 40)]
    return "static const unsigned char %s[] = {\n%s\n};\n" % (name, ",\n".join(lines) or "0")


def main():
    output, folder, *files = sys.argv[1:]
    arrays, rows = [], []
    for n, file in enumerate(sorted(files)):
        with open(file, "rb") as f:
            data = f.read()
        packed = gzip.compress(data, 9, mtime=0)
        arrays += [array("plain_%d" % n, data), array("packed_%d" % n, packed)]
        rows.append('    {"%s", "%s", "%s", {(const char *)plain_%d, %d}, {(const char *)packed_%d, %d}},\n' % (
            os.path.relpath(file, folder), TYPES[os.path.splitext(file)[1]], hashlib.sha256(data).hexdigest()[:16],
            n, len(data), n, len(packed)))
    with open(output, "w") as out:
        out.write('/* Made by src/web/embed.py. */\n#include "web/web.h"\n\n')
        out.write("\n".join(arrays))
        out.write("\nconst struct web_file web_files[] = {\n" + "".join(rows) + "    {0},\n};\n")


if __name__ == "__main__":
    main()
