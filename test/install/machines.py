"""Clean Debian systems in folders: made once a suite and kept as an archive, unpacked for each test, removed after it.

A Machine boots systemd as process 1 where the kernel lets us (systemd-nspawn), else it is a plain chroot. Needs root, mmdebstrap
and a mirror; `why_not()` says what is missing.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build-package"
MIRROR = os.environ.get("SONGBOOKD_MIRROR", "http://deb.debian.org/debian")
RELEASES = {"bookworm": "12", "trixie": "13"}
# What a Raspberry Pi OS has anyhow; the package's own dependencies are for apt to find.
BASE = "systemd,systemd-sysv,dbus,libpam-systemd,curl,procps,util-linux,passwd"
QEMU = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}


# A mirror that is slower than this is as good as none: the tests that need it are skipped, and CI ends in time.
CHROOT_SECONDS, ARCHIVE_SECONDS, BUILD_SECONDS, LIFE_SECONDS = 180, 120, 600, 420


class Unavailable(Exception):
    """A system cannot be made here, through no fault of the package."""


def why_not():
    """What keeps these tests from running, or None."""
    if os.geteuid() != 0:
        return "chroots need root"
    for tool in ("mmdebstrap", "systemd-nspawn", "lintian", "dpkg-deb"):
        if not shutil.which(tool):
            return "%s is not installed (deps/install-packages package)" % tool
    if subprocess.run(["unshare", "--mount", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode:
        return "nothing can be mounted here, as a chroot needs it (an unprivileged container?)"
    try:
        urllib.request.urlopen(MIRROR + "/dists/bookworm/InRelease", timeout=20).close()
    except OSError as e:
        return "the mirror %s cannot be reached: %s" % (MIRROR, e)
    return None


def running_suite():
    release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return release.get("VERSION_CODENAME", "")


def ran(*command, **kw):
    return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", **kw)


def call(*command, **kw):
    done = ran(*command, **kw)
    if done.returncode:
        raise AssertionError("%s: exit %d\n%s" % (" ".join(map(str, command)), done.returncode, done.stdout[-4000:]))
    return done.stdout


def build(suite, arch, *options):
    """Builds the package; returns the .deb and what was said. Unavailable when there is no chroot to build it in."""
    limit = [] if options else ["timeout", "-k", "30", CHROOT_SECONDS + BUILD_SECONDS]     # tests under qemu take their time
    seconds = {} if options else {"SONGBOOKD_CHROOT_SECONDS": str(CHROOT_SECONDS)}
    done = ran(*limit, ROOT / "deps/package", *options, suite, arch, env={**os.environ, **seconds})
    if done.returncode == 69:
        raise Unavailable(done.stdout.splitlines()[-1])
    if done.returncode:
        raise AssertionError("deps/package %s %s: exit %d\n%s" % (suite, arch, done.returncode, done.stdout[-4000:]))
    found = sorted((WORK / suite).glob("songbookd_*_%s.deb" % arch), key=os.path.getmtime)
    return found[-1], done.stdout


def lintian(deb):
    """lintian's findings that are errors or warnings, as lines."""
    done = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", str(deb)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:"))]


def wrong_names(suite, deb):
    """Libraries that the package should depend on under that suite's name, and does not."""
    depends = call("dpkg-deb", "-f", deb, "Depends")
    return [n for n in (("libuv1", "libcurl4") if suite == "bookworm" else ("libuv1t64", "libcurl4t64", "libllhttp9.2"))
            if n + " " not in depends]


def archive(suite):
    path = WORK / ("base-%s-%08x.tar" % (suite, zlib.crc32(BASE.encode())))
    if not path.exists():
        WORK.mkdir(exist_ok=True)
        part = path.with_suffix(".part.tar")
        done = ran("timeout", "-k", "30", ARCHIVE_SECONDS, "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--include=" + BASE,
                   suite, part, "deb %s %s main" % (MIRROR, suite))
        if done.returncode:
            part.unlink(missing_ok=True)
            raise Unavailable("no clean %s could be made from %s: %s" % (suite, MIRROR, done.stdout.strip()[-300:]))
        part.rename(path)
    return path


def older(deb, folder, suite):
    """The same package with a lower version, to upgrade from."""
    tree, out = folder / "tree", folder / "old.deb"
    call("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    lines = [("Version: 0.0.1-1~deb%s" % RELEASES[suite]) if x.startswith("Version:") else x for x in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    call("dpkg-deb", "--root-owner-group", "-b", tree, out)
    shutil.rmtree(tree)
    return out


class Machine:
    """A clean system of one suite in a temporary folder; use as a context."""

    def __init__(self, suite):
        self.suite = suite

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="songbookd-machine-", dir=WORK if WORK.exists() else None))
        call("tar", "-x", "--numeric-owner", "-f", archive(self.suite), "-C", self.folder)
        shutil.copy("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        (self.folder / "etc/apt/sources.list").write_text("deb %s %s main\n" % (MIRROR, self.suite))
        (self.folder / "in").mkdir()
        return self

    def __exit__(self, *_):
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=False)

    def chroot(self, *command):
        for place, kind in (("proc", "proc"), ("dev/shm", "tmpfs")):
            (self.folder / place).mkdir(exist_ok=True)
            call("mount", "-t", kind, kind, self.folder / place)
        try:
            env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root", "TERM": "dumb"}
            done = subprocess.run(["unshare", "--pid", "--fork", "chroot", str(self.folder), *command], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIFE_SECONDS, env=env)
            return done.returncode, done.stdout
        finally:
            for place in ("dev/shm", "proc"):
                subprocess.run(["umount", "-l", str(self.folder / place)], check=False)

    def boot(self, script):
        """Boots, runs the script (a path inside) once the system is up, powers off; returns its output, or None when systemd cannot be
        process 1 here."""
        unit = self.folder / "etc/systemd/system/scenario.service"
        unit.write_text("[Unit]\nAfter=multi-user.target network.target\n[Service]\nType=oneshot\nTimeoutStartSec=%d\n"
                        "ExecStart=/bin/sh -c '%s > /in/log 2>&1; echo \"exit $?\" >> /in/log'\nExecStopPost=/bin/systemctl poweroff --no-block\n"
                        "[Install]\nWantedBy=scenario.target\n" % (LIFE_SECONDS, script))
        (self.folder / "etc/systemd/system/scenario.target").write_text("[Unit]\nRequires=multi-user.target scenario.service\nAfter=multi-user.target\n")
        # old kernels' control groups: systemd 257 wants to be told that it is meant
        words = ["systemd.unit=scenario.target"]
        if not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
            words += ["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
        log = self.folder / "in/log"
        with open(self.folder / "console", "wb") as console:
            done = subprocess.run(["systemd-nspawn", "--quiet", "-D", str(self.folder), "--register=no", "--keep-unit", "--private-users=no",
                                   "--resolv-conf=off", "--private-network", "-b", "--", *words], stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                  timeout=LIFE_SECONDS + 60)
        if not log.exists():
            tail = (self.folder / "console").read_text(errors="replace")[-1500:]
            print("systemd did not come up as process 1 (exit %d): %s" % (done.returncode, tail))
            return None
        return log.read_text(errors="replace")


def schema_of_program():
    """The newest schema, from the table of steps; the number of the first step is 1."""
    import re
    text = (ROOT / "src/store/migrations.c").read_text()
    return max(int(n) for n in re.findall(r"^    \{(\d+),", text, re.M))


def old_database(path):
    """A songbook of the first schema where the tree has one; returns its schema, or None."""
    import sqlite3
    found = sorted((ROOT / "test/data/databases").glob("schema-*.sql"))
    if not found:
        return None
    db = sqlite3.connect(path)
    db.executescript(found[0].read_text())
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.commit()
    db.close()
    return version


def scenario(suite, deb):
    """Installs, uses, upgrades, removes and purges the package; returns (lines, booted)."""
    with Machine(suite) as m:
        place = m.folder / "in"
        shutil.copy(deb, place / "new.deb")
        older(deb, place, suite)
        shutil.copy(ROOT / "test/install/scenario.sh", place / "scenario.sh")
        schema = old_database(place / "old.db")
        if schema is not None and schema < schema_of_program():
            (place / "expect-backup").touch()
        code, said = m.chroot("sh", "-c", "apt-get update -q && apt-get install -y -q --download-only /in/new.deb")
        if code and "Failed to fetch" in said:
            raise Unavailable("the packages that songbookd needs cannot be fetched from %s: %s" % (MIRROR, said[-300:]))
        assert code == 0, said
        said = m.boot("/in/scenario.sh /in")
        booted = said is not None
        if not booted:
            _, said = m.chroot("/in/scenario.sh", "/in")
        return said.splitlines(), booted
