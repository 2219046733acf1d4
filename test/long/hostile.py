#!/usr/bin/env python3
"""The hostile catalogue: how many wrong songs are accepted, how many right ones are found, how many years are right.

usage: test/long/hostile.py [--lastfm] [--no-listenbrainz] [--seed 11]

Uses the build in SONGBOOKD_BUILD (default build/).
"""
import argparse
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SONGBOOKD_BUILD", str(ROOT / "build"))
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "test/integration")]
from fake.measure import run_hostile  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lastfm", action="store_true", help="with a key for Last.fm")
    parser.add_argument("--no-listenbrainz", action="store_true")
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="songbookd-hostile-") as home:
        verdict = run_hostile(home, args.lastfm, not args.no_listenbrainz, args.seed)
    print("\n".join(verdict.report()))


if __name__ == "__main__":
    main()
