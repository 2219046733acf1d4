#!/usr/bin/env python3
"""Naming a large library in bulk: how many requests, how long, which limits were kept.

usage: test/long/bulk.py [--songs 10000] [--no-token] [--speed 1] [--shed 0] [--known 1 --fuzzy 0] [--dating]

Makes a library of distinct songs whose order is open, lets the fake providers know the share --known exactly and --fuzzy under a
slightly different name, and runs songbookd until every name is done with. --speed raises the rates and the fakes' limits alike: 1 is the
real pace. --shed is the share of its searches that MusicBrainz refuses at random. With --dating it goes on until every song is dated, and
runs once more to see that nothing is asked again. Uses the build in SONGBOOKD_BUILD (default build/).
"""
import argparse
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SONGBOOKD_BUILD", str(ROOT / "build"))
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "test/integration")]
from fake.measure import Measured  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--songs", type=int, default=10000)
    parser.add_argument("--no-token", action="store_true")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--shed", type=float, default=0.0)
    parser.add_argument("--known", type=float, default=1.0)
    parser.add_argument("--fuzzy", type=float, default=0.0)
    parser.add_argument("--dating", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="songbookd-bulk-") as home:
        m = Measured(home, args.songs, known=args.known, fuzzy=args.fuzzy, token=not args.no_token, speed=args.speed, shed=args.shed)
        good = m.run(dating=args.dating)
        print("\n".join(m.report()))
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
