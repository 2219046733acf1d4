"""What the compiler and linker put around our programs is really there."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SONGBOOKD_BUILD", ROOT / "build-test")).resolve()


def readelf(*args):
    return subprocess.run(["readelf", *map(str, args)], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("program", ["songbookd", "songbookctl"])
def test_programs_are_hardened(program):
    path = BUILD / program
    assert "DYN (" in readelf("-h", path), "not position independent"
    segments, dynamic = readelf("-lW", path), readelf("-dW", path)
    stack = [line for line in segments.splitlines() if "GNU_STACK" in line]
    assert stack and "RWE" not in stack[0], "the stack is executable"
    assert "GNU_RELRO" in segments and ("BIND_NOW" in dynamic or "NOW" in dynamic), "relocations stay writable"
    assert not [line for line in segments.splitlines() if "LOAD" in line and "RWE" in line], "memory both writable and executable"
    assert "__stack_chk_fail" in readelf("-sW", path), "no stack protector"
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
