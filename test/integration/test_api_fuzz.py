"""Bodies, queries and paths of the API, bent at random: an answer that says what is wrong, never a crash, never a 500, nothing broken.

Seeds: test/fuzz/seeds_api. SONGBOOKD_FUZZ_SECONDS sets how long (default 10 s), SONGBOOKD_FUZZ_SEED repeats a run.
"""
import http.client
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import time
import urllib.parse

from conftest import BUILD, ROOT, clean_environment

SECONDS = float(os.environ.get("SONGBOOKD_FUZZ_SECONDS", 10))
SEED = int(os.environ.get("SONGBOOKD_FUZZ_SEED", random.randrange(100000)))
SEEDS = [json.loads(line) for line in (pathlib.Path(ROOT) / "test/fuzz/seeds_api/requests.jsonl").read_text().splitlines()]
ODD = [None, True, False, 0, -1, 1, 2 ** 31, 2 ** 53, 2 ** 63, -2 ** 63, 10 ** 30, 0.5, 1e308, -0.0, "", " ", "x" * 5000, "\u0000", "\ud7ff", "é\u0301", "<script>alert(1)</script>",
       "'; DROP TABLE songs; --", "../../etc/passwd", "%00", "\r\nX-Evil: 1", "=cmd|' /C calc'!A0", "\u202etxt", [], {}, [[]], [None] * 3, {"a": {"b": [1]}}]
RAW = [b"", b"{", b"[]", b"null", b"true", b'"x"', b'{"a":1,}', b'{"a":1}{"b":2}', b"\xff\xfe", b'{"\xc3\x28":1}', b"[" * 5000, b'{"a":' * 3000, b"NaN", b'{"a":1e999}', b"\0",
       b'{"artist":"x","artist":"y"}']


def bend(dice, value, depth=0):
    """The value with one thing changed somewhere."""
    if isinstance(value, dict) and value and dice.random() < 0.8 and depth < 4:
        key = dice.choice(list(value))
        out = dict(value)
        way = dice.random()
        if way < 0.2:
            del out[key]
        elif way < 0.35:
            out[dice.choice(["", key + "s", key.upper(), "\u0000", "__proto__", "x" * 300])] = out[key]
        else:
            out[key] = bend(dice, out[key], depth + 1)
        return out
    if isinstance(value, list) and value and dice.random() < 0.6 and depth < 4:
        out = list(value)
        way = dice.random()
        if way < 0.3:
            return out * dice.choice([2, 100, 3000])
        out[dice.randrange(len(out))] = bend(dice, out[0], depth + 1)
        return out
    return dice.choice(ODD)


def bend_path(dice, path):
    place, _, query = path.partition("?")
    way = dice.random()
    if query and way < 0.6:
        pairs = query.split("&")
        at = dice.randrange(len(pairs))
        name = pairs[at].partition("=")[0]
        pairs[at] = name + "=" + urllib.parse.quote(str(dice.choice(ODD))[:1500], safe="" if dice.random() < 0.9 else "%")
        if dice.random() < 0.2:
            pairs.append(pairs[0])
        return place + "?" + "&".join(pairs)
    if way < 0.8:
        parts = place.split("/")
        parts[dice.randrange(1, len(parts))] = urllib.parse.quote(str(dice.choice(ODD))[:900], safe="")
        place = "/".join(parts)
    return place + ("?" + query if query else "")


def test_bent_requests_are_answered_and_break_nothing(daemon, fake):
    print("SONGBOOKD_FUZZ_SEED=%d" % SEED)
    dice = random.Random(SEED)
    fake.catalogue.any_share = 0.7
    for i in range(30):
        daemon.add_song("Band %d - Tune %d.mp4" % (i, i))
    daemon.start()
    daemon.wait_done()
    connection, tried, statuses = daemon.connection(300), 0, {}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        seed = dice.choice(SEEDS)
        path = bend_path(dice, seed["path"]) if dice.random() < 0.4 else seed["path"]
        headers, raw = {"Content-Type": "application/json"}, None
        if "body" in seed:
            body = bend(dice, seed["body"]) if dice.random() < 0.85 else seed["body"]
            raw = dice.choice(RAW) if dice.random() < 0.15 else json.dumps(body, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
        if seed["method"] == "PATCH" and dice.random() < 0.7:
            headers["If-Match"] = dice.choice(["*", '"v1"', '"v999"', "garbage", '"' + "x" * 500])
        try:
            connection.request(seed["method"], path, raw, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, OSError):
            assert daemon.process.poll() is None, daemon.log[-3000:]
            connection.close()
            continue
        tried += 1
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        assert answer.status < 500 or answer.status in (502, 503, 504), (seed["method"], path, raw and raw[:300], answer.status, text[:300])
        if answer.status >= 400 and answer.getheader("Content-Type", "").startswith("application/problem"):
            told = json.loads(text)
            assert told["detail"] and told["code"], told
        elif answer.getheader("Content-Type") == "application/json" and text:
            json.loads(text)
        assert answer.getheader("X-Evil") is None
    print("%d requests: %s" % (tried, dict(sorted(statuses.items()))))
    assert tried > 50 and daemon.get("health")["name"] == "songbookd"
    daemon.stop()
    assert sqlite3.connect(daemon.database).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    done = subprocess.run([str(BUILD / "songbookctl"), "check", "--database", str(daemon.database)], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stderr
