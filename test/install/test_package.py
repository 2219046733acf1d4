"""The package of this machine's suite: what is in it, lintian, and its life in a clean system.

The short form of the matrix (test/install/matrix): one suite, one architecture. Skipped, with the reason, where no chroot can be
made.
"""
import subprocess

import machines
import pytest

SUITE = machines.running_suite()
ARCH = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
reason = machines.why_not() or (SUITE not in machines.RELEASES and "no recipe for the suite '%s'" % SUITE)
pytestmark = pytest.mark.skipif(bool(reason), reason=str(reason))


def or_skip(make, *args):
    try:
        return make(*args)
    except machines.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture(scope="module")
def deb():
    return or_skip(machines.build, SUITE, ARCH)[0]


@pytest.fixture(scope="module")
def files(deb):
    """{path: mode} of the package."""
    lines = machines.call("dpkg-deb", "-c", deb).splitlines()
    return {line.split()[5].lstrip("."): (line.split()[0], line.split()[1]) for line in lines}


def test_package_holds_program_unit_pages_and_completion(files):
    unit = "/usr/lib/systemd/system" if SUITE != "bookworm" else "/lib/systemd/system"
    wanted = ["/usr/bin/songbookd", "/usr/bin/songbookctl", unit + "/songbookd.service", "/usr/lib/systemd/user/songbookd.service",
              "/usr/lib/sysusers.d/songbookd.conf", "/usr/share/man/man8/songbookd.8.gz", "/usr/share/man/man1/songbookctl.1.gz",
              "/usr/share/man/man5/songbookd.conf.5.gz", "/usr/share/bash-completion/completions/songbookctl",
              "/usr/share/bash-completion/completions/songbookd", "/usr/share/zsh/vendor-completions/_songbookctl",
              "/usr/share/fish/vendor_completions.d/songbookctl.fish", "/usr/share/doc/songbookd/copyright",
              "/usr/share/doc/songbookd/examples/newer-systemd.conf"]
    assert [w for w in wanted if w not in files] == []
    assert all(owner == "root/root" for _, owner in files.values())
    assert not [f for f, (mode, _) in files.items() if "s" in mode or (mode[0] != "l" and mode[8] == "w")]


def test_package_depends_on_the_libraries_of_its_suite(deb):
    assert machines.wrong_names(SUITE, deb) == []


def test_programs_are_hardened(deb, tmp_path):
    machines.call("dpkg-deb", "-x", deb, tmp_path)
    for program in ("songbookd", "songbookctl"):
        said = machines.call("readelf", "-W", "-h", "-d", "-l", tmp_path / "usr/bin" / program)
        assert "DYN (" in said and "BIND_NOW" in said and "GNU_RELRO" in said


def test_lintian_finds_no_error_and_no_warning(deb):
    assert machines.lintian(deb) == []


def test_two_builds_are_the_same_bytes(deb):
    first = deb.read_bytes()
    again, _ = machines.build(SUITE, ARCH)
    assert again == deb and again.read_bytes() == first


def test_life_of_the_package_in_a_clean_system(deb):
    lines, booted = or_skip(machines.scenario, SUITE, deb)
    print("\n".join(lines))
    assert [x for x in lines if x.startswith("FAILED")] == []
    assert "ok end" in lines and len([x for x in lines if x.startswith("ok ")]) >= (50 if booted else 20)
