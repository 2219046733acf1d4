"""A daemon whose clock runs faster than the machine's: both its clocks, and every wait of it, by libfaketime.

An hour of rests, retries, time-outs and limits passes in minutes; reading, storing and the network take as long as ever.
"""
import os
import pathlib
import re
import subprocess
import time

from conftest import BUILD


def faketime_library():
    return next((str(p) for p in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


def preloaded():
    """The sanitizer comes first where the build has one: loaded behind another library it finds no leaks."""
    needed = subprocess.run(["ldd", str(BUILD / "songbookd")], capture_output=True, text=True).stdout
    return " ".join([*re.findall(r"=> (\S*libasan\S*)", needed), faketime_library()])


class TurnedClock:
    """Given to the daemon before each start(), so that its clock never goes back at a restart."""

    def __init__(self, daemon, speed):
        self.daemon, self.speed, self.began = daemon, speed, time.monotonic()

    def seconds(self):
        """How many have passed for the daemon."""
        return (time.monotonic() - self.began) * self.speed

    def set(self):
        ahead = (time.monotonic() - self.began) * (self.speed - 1)
        self.daemon.env.update({"LD_PRELOAD": preloaded(), "FAKETIME": "+%.3f x%g" % (ahead, self.speed), "NO_FAKE_STAT": "1",
                                "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16",
                                "LSAN_OPTIONS": "suppressions=%s:print_suppressions=0" % self._suppressions()})

    def _suppressions(self):
        path = os.path.join(self.daemon.home, "suppressions")
        with open(path, "w") as f:
            f.write("leak:libfaketime\n")
        return path
