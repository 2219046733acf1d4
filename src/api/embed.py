#!/usr/bin/env python3
"""Writes a JSON file as a C array, without blanks, with the version of the program in info.version.

usage: embed.py IN.json OUT.c OUT.h NAME VERSION
"""
import json
import sys

source, out_c, out_h, name, version = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    document = json.load(f)
document["info"]["version"] = version
data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
rows = [", ".join("%d" % (b if b < 128 else b - 256) for b in data[i:i + 30]) for i in range(0, len(data), 30)]
with open(out_c, "w") as f:
    f.write('#include "%s.h"\n\nconst char %s[] = {\n    %s};\nconst size_t %s_size = sizeof %s;\n'
            % (name, name, ",\n    ".join(rows), name, name))
with open(out_h, "w") as f:
    f.write("/* Written at the build; returns the text without a NUL at its end. */\n#pragma once\n#include <stddef.h>\n\n"
            "extern const char %s[];\nextern const size_t %s_size;\n" % (name, name))
