"""What the host and the service manager read: units, manual pages, completion, --help. Needs no root and no network."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SONGBOOKD_BUILD", ROOT / "build-test")).resolve()
UNIT = ROOT / "deps/systemd/songbookd.service"
EXPOSURE_MAX = 1.4


def run(*command, **kw):
    return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)


def need(tool):
    if not shutil.which(tool):
        pytest.skip("%s is not installed" % tool)


def test_exposure_of_the_service_is_low():
    need("systemd-analyze")
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT).stdout
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert score, said
    assert float(score[1]) <= EXPOSURE_MAX, said


@pytest.mark.parametrize("unit", ["songbookd.service", "songbookd-user.service"])
def test_systemd_knows_every_line_of_the_unit(unit, tmp_path):
    need("systemd-analyze")
    program = tmp_path / "songbookd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    # the program is not installed here, nor its pages
    text = (ROOT / "deps/systemd" / unit).read_text().replace("/usr/bin/songbookd", str(program))
    text = re.sub(r"^Documentation=.*$", "", text, flags=re.M)
    place = tmp_path / "songbookd.service"
    place.write_text(text)
    done = run("systemd-analyze", *(["--user"] if "user" in unit else []), "verify", place,
               env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
    about = [line for line in done.stdout.splitlines() if "songbookd" in line]
    assert about == [], done.stdout


@pytest.mark.parametrize("unit", ["songbookd.service", "songbookd-user.service"])
def test_the_singers_come_first(unit):
    """Idle for the disk, little weight beside the others, first to go when memory ends; and it is watched."""
    said = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deps/systemd" / unit).read_text(), re.M))
    assert said["IOSchedulingClass"] == "idle" and int(said["Nice"]) >= 5 and int(said["CPUWeight"]) <= 50 and int(said["OOMScoreAdjust"]) > 0
    assert int(said["MemoryHigh"].rstrip("M")) < int(said["MemoryMax"].rstrip("M")) <= 128
    assert said["Type"] == "notify" and int(said["WatchdogSec"]) > 0 and "78" in said["RestartPreventExitStatus"].split()


def test_the_user_service_asks_for_no_credential_of_the_system():
    """systemd 252 refuses to start it then: /etc/credstore is closed to users."""
    assert not re.search(r"^LoadCredential", (ROOT / "deps/systemd/songbookd-user.service").read_text(), re.M)
    assert len(re.findall(r"^LoadCredential=songbookd\.\w+$", UNIT.read_text(), re.M)) == 2


def test_the_dropin_keeps_what_older_systemd_does_not_know():
    """Names that systemd 252 does not parse stand in the drop-in and nowhere else."""
    newer = re.findall(r"^(\w+)=", (ROOT / "deps/systemd/newer-systemd.conf").read_text(), re.M)
    old = UNIT.read_text() + (ROOT / "deps/systemd/songbookd-user.service").read_text()
    assert "RestartSteps" in newer
    for name in ("RestartSteps", "RestartMaxDelaySec", "PrivatePIDs"):
        assert not re.search(r"^%s=" % name, old, re.M)
    assert "notify-reload" not in old and "disconnected" not in old


@pytest.mark.parametrize("page", ["songbookd.8", "songbookctl.1", "songbookd.conf.5"])
def test_manual_page_is_sound_and_complete(page):
    need("mandoc")
    place = BUILD / "docs/man" / page
    done = run("mandoc", "-Tlint", "-Wwarning", place)
    assert done.returncode == 0, done.stdout
    text = re.sub(r".\x08", "", run("mandoc", "-Tascii", "-Owidth=78", place).stdout)
    assert "@" not in "".join(line for line in text.splitlines() if line.startswith("@"))
    for section in ("NAME", "DESCRIPTION", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
        assert re.search(r"^%s" % section, text, re.M), section
    if page == "songbookd.8":
        for heading in ("SIGNALS", "ENVIRONMENT"):
            assert re.search(r"^%s" % heading, text, re.M)
        wanted = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", run(BUILD / "songbookd", "--help").stdout, re.M)
        assert len(wanted) > 10 and [w for w in wanted if w not in text] == []
        for code in (0, 1, 2, 3, 75, 78):
            assert re.search(r"^ +%d +\w" % code, text, re.M), code
    if page == "songbookd.conf.5":
        section = None
        for name in re.findall(r"^  ([A-Za-z_]+\.[a-z_]+)=", run(BUILD / "songbookd", "--help").stdout, re.M):
            section, key = name.split(".")
            part = text.split("[%s]" % section, 1)[1].split("\n   [", 1)[0]
            assert re.search(r"^ +%s = " % key, part, re.M), name
        assert section
    if page == "songbookctl.1":
        names = commands()
        assert len(names) > 15 and [n for n in names if not re.search(r"^ +%s\b" % n, text, re.M)] == []
        for name in names:
            wanted = set(re.findall(r"--[a-z][a-z-]*", run(BUILD / "songbookctl", name, "--help").stdout))
            assert [w for w in wanted if not re.search(re.escape(w) + r"(?![a-z-])", text)] == [], name
        for code in (0, 1, 2, 69, 75, 78):
            assert re.search(r"^ +%d +\w" % code, text, re.M), code


def commands():
    said = run(BUILD / "songbookctl", "--help").stdout
    return re.findall(r"^  ([a-z]+) ", said.split("Commands:")[1].split("Options:")[0], re.M)


@pytest.mark.parametrize("program", ["songbookd", "songbookctl"])
def test_help_fits_a_terminal(program):
    said = run(BUILD / program, "--help").stdout
    assert [line for line in said.splitlines() if len(line) > 80] == []


def test_help_of_every_command_fits_a_terminal():
    for name in commands():
        done = run(BUILD / "songbookctl", name, "--help")
        assert done.returncode == 0 and "songbookctl %s" % name in done.stdout
        assert [line for line in done.stdout.splitlines() if len(line) > 80] == [], name


def completed(*words):
    """What bash offers for the last word."""
    script = ('. %s; COMP_WORDS=(%s); COMP_CWORD=%d; _%s; printf "%%s\\n" "${COMPREPLY[@]}"'
              % (BUILD / "docs/man/songbookctl", " ".join("'%s'" % w for w in words), len(words) - 1, words[0]))
    return run("bash", "-c", script, cwd="/").stdout.split("\n")[:-1]


def test_bash_completes_commands_options_and_values():
    need("bash")
    assert set(commands()) <= set(completed("songbookctl", ""))
    assert completed("songbookctl", "stat") == ["status"]
    assert "--min-confidence" in completed("songbookctl", "songs", "--")
    assert completed("songbookctl", "--socket", "/x", "songs", "--status", "man") == ["manual"]
    assert completed("songbookctl", "settings", "lastfm.r") == ["lastfm.rate="]
    assert completed("songbookctl", "settings", "--test", "mus") == ["musicbrainz"]
    assert completed("songbookd", "--set", "library.res") == ["library.rescan_minutes="]
    assert completed("songbookd", "--onc") == ["--once"]
    assert not [w for w in completed("songbookd", "--set", "") if w.startswith("API_KEYS")], "keys have no place on the command line"


def test_zsh_reads_its_completion():
    need("zsh")
    done = run("zsh", "-n", BUILD / "docs/man/_songbookctl")
    assert done.returncode == 0 and not done.stdout
    text = (BUILD / "docs/man/_songbookctl").read_text()
    assert [c for c in commands() if "'%s:" % c not in text] == []


def test_fish_completes_commands_and_options(tmp_path):
    need("fish")
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "TERM": "dumb"}
    done = run("fish", "--no-config", "-c", "source %s; complete -C 'songbookctl sta'; complete -C 'songbookctl songs --min'" %
               (BUILD / "docs/man/songbookctl.fish"), env=env)
    assert "status" in done.stdout and "start" in done.stdout and "--min-confidence" in done.stdout, done.stdout
