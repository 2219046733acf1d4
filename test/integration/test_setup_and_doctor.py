"""songbookctl setup and doctor: what they find and what they advise."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from conftest import BUILD, clean_environment, wait_for

SONGBOOKD, CTL = str(BUILD / "songbookd"), str(BUILD / "songbookctl")


def ctl(home, *args, **env):
    done = subprocess.run([CTL, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=clean_environment({"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_RUNTIME_DIR": str(home),
                                                 "STATE_DIRECTORY": str(home / "state"),
                                                 "CONFIGURATION_DIRECTORY": str(home / ".config/songbookd"), **env}))
    assert "runtime error" not in done.stderr and "ERROR: " not in done.stderr, done.stderr
    return done


@pytest.fixture
def home(tmp_path):
    """A home in which PiKaraoke was used."""
    h = tmp_path / "pi"
    (h / "pikaraoke-songs").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "b.cdg"):
        (h / "pikaraoke-songs" / name).touch()
    (h / ".pikaraoke").mkdir()
    (h / ".pikaraoke/pikaraoke.db").touch()
    return h


def test_setup_finds_pikaraoke_and_writes_a_configuration_that_is_good(home):
    done = ctl(home, "setup", "--home", str(home))
    assert done.returncode == 0, done.stderr
    assert str(home / "pikaraoke-songs") in done.stdout and "3 files and folders" in done.stdout
    conf = home / ".config/songbookd/songbookd.conf"
    text = conf.read_text()
    assert "\nfolders = %s/pikaraoke-songs\n" % home in text
    assert "\ndatabase = %s/.pikaraoke/pikaraoke.db\n" % home in text
    checked = subprocess.run([SONGBOOKD, "--config", str(conf), "--check-config"], capture_output=True, text=True, env=clean_environment())
    assert checked.returncode == 0, checked.stderr


def test_setup_comments_every_option_and_every_default_is_accepted(home):
    text = ctl(home, "setup", "--dry-run", "--home", str(home)).stdout
    assert not (home / ".config").exists()
    names = [line.split("=")[0].strip(" ") for line in
             subprocess.run([SONGBOOKD, "--help"], capture_output=True, text=True).stdout.split("SONGBOOKD_<SECTION>_<KEY>:")[1].splitlines()
             if "=" in line and line.startswith("  ") and line[2] != " "]
    assert len(names) > 25
    section, seen = None, {}
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and not line.startswith("# "):
            key, value = line.lstrip("#").split("=", 1)
            seen["%s.%s" % (section, key.strip())] = value.strip()
    assert set(names) == set(seen)
    conf = home / "all.conf"
    conf.write_text("\n".join(line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()) + "\n")
    checked = subprocess.run([SONGBOOKD, "--config", str(conf), "--check-config"], capture_output=True, text=True, env=clean_environment())
    assert checked.returncode == 0, checked.stderr


def test_setup_keeps_a_configuration_and_force_keeps_it_aside(home):
    conf = home / ".config/songbookd/songbookd.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("[lastfm]\nrate = 2\n")
    done = ctl(home, "setup", "--home", str(home))
    assert done.returncode == 0 and "stays" in done.stdout and conf.read_text() == "[lastfm]\nrate = 2\n"
    assert ctl(home, "setup", "--home", str(home), "--force").returncode == 0
    assert "folders" in conf.read_text()
    assert (conf.parent / "songbookd.conf.old").read_text() == "[lastfm]\nrate = 2\n"
    assert sorted(p.name for p in conf.parent.iterdir()) == ["songbookd.conf", "songbookd.conf.old"]


def test_setup_without_pikaraoke_says_what_to_write_and_writes_the_rest(tmp_path):
    done = ctl(tmp_path, "setup", "--home", str(tmp_path))
    assert done.returncode == 0 and "not found" in done.stdout
    steps = done.stdout[done.stdout.index("next "):].splitlines()
    assert "folders = DIR" in steps[0] and steps[1].strip().startswith("then ") and "doctor" in steps[1]
    text = (tmp_path / ".config/songbookd/songbookd.conf").read_text()
    assert "\n#folders =\n" in text


def test_setup_after_pikaraoke_came_says_how_its_folder_gets_in(home):
    """The package came first and found nothing: its configuration names no folder."""
    ctl(home, "setup", "--home", str(home.parent))
    done = ctl(home, "setup", "--home", str(home))
    assert done.returncode == 0 and "names no song folder: --force" in done.stdout
    done = ctl(home, "setup", "--home", str(home), "--force")
    assert "\nfolders = %s/pikaraoke-songs\n" % home in (home / ".config/songbookd/songbookd.conf").read_text()


def test_setup_writes_where_songbookd_reads(home):
    ctl(home, "setup", "--home", str(home))
    conf = home / ".config/songbookd/songbookd.conf"
    conf.write_text("[nonsense]\nx = 1\n")
    done = subprocess.run([SONGBOOKD, "--check-config"], capture_output=True, text=True,
                          env=clean_environment({"CONFIGURATION_DIRECTORY": str(conf.parent)}))
    assert done.returncode == 78 and str(conf) in done.stderr


PLAIN_USER = 12345


@pytest.fixture
def closed_home():
    """A home of a plain user, whose song folder is closed to everybody."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("cannot become another user here")
    h = pathlib.Path(tempfile.mkdtemp(prefix="songbookd-home-", dir="/tmp"))
    (h / "pikaraoke-songs").mkdir()
    for place in (h, h / "pikaraoke-songs"):
        os.chown(place, PLAIN_USER, PLAIN_USER)
    os.chmod(h, 0o755)
    os.chmod(h / "pikaraoke-songs", 0)
    yield h
    shutil.rmtree(h)


def as_plain_user(home, *args):
    done = subprocess.run(["setpriv", "--reuid", str(PLAIN_USER), "--regid", str(PLAIN_USER), "--clear-groups", CTL, *args],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=clean_environment({"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_RUNTIME_DIR": str(home)}))
    if "Permission denied" in done.stderr and not done.stdout:
        pytest.skip("the program lies where another user cannot run it")
    return done


def test_setup_tells_the_owner_of_a_closed_folder_how_to_open_it(closed_home):
    done = as_plain_user(closed_home, "setup")
    assert "  chmod u+rx '%s/pikaraoke-songs'" % closed_home in done.stdout and "sudo" not in done.stdout
    os.chown(closed_home / "pikaraoke-songs", 0, 0)
    done = as_plain_user(closed_home, "setup")
    assert "  sudo chmod o+rx '%s/pikaraoke-songs'" % closed_home in done.stdout


def test_doctor_tells_a_closed_folder_and_the_service_of_that_user(closed_home):
    as_plain_user(closed_home, "setup")
    done = as_plain_user(closed_home, "--json", "--socket", str(closed_home / "nowhere"), "doctor")
    found = {f["check"]: f for f in json.loads(done.stdout)}
    assert found["song folder"]["grade"] == "bad" and "Permission denied" in found["song folder"]["finding"]
    assert "'songbookctl setup' tells" in found["song folder"]["remedy"]
    assert found["configuration"]["finding"] == str(closed_home / ".config/songbookd/songbookd.conf")
    booted = os.path.isdir("/run/systemd/system")
    assert ("systemctl --user start songbookd" if booted else "start it: songbookd") in found["service"]["remedy"]


def test_setup_writes_no_path_that_the_configuration_would_cut(home):
    odd = home.parent / "Sing ;along"
    home.rename(odd)
    done = ctl(odd, "setup", "--home", str(odd))
    assert done.returncode == 0 and "make a link" in done.stdout
    conf = odd / ".config/songbookd/songbookd.conf"
    assert "\n#folders =\n" in conf.read_text()
    checked = subprocess.run([SONGBOOKD, "--config", str(conf), "--check-config"], capture_output=True, text=True, env=clean_environment())
    assert checked.returncode == 0, checked.stderr


def test_setup_tells_when_it_cannot_write(home):
    blocked = home / ".config"
    blocked.write_text("a file where a folder should be")
    done = ctl(home, "setup", "--home", str(home))
    assert done.returncode == 1 and "cannot be written" in done.stderr


def doctor(home, *args, **env):
    done = ctl(home, *args, "--json", "doctor", "--config", os.devnull, **env)
    return done.returncode, {f["check"]: f for f in json.loads(done.stdout)}


def test_doctor_without_a_daemon_names_it_and_fails(home):
    code, found = doctor(home, "--socket", str(home / "nowhere"))
    assert code == 1
    assert found["service"]["grade"] == "bad" and "songbookd" in found["service"]["remedy"]
    assert found["song folder"]["grade"] == "ok" and str(home / "pikaraoke-songs") in found["song folder"]["finding"]
    for check in ("configuration", "clock", "database", "disk space", "network", "keys", "limits", "PiKaraoke"):
        assert check in found, check


def test_doctor_beside_a_working_daemon_finds_nothing_bad(home, daemon):
    daemon.add_song("ABBA - Dancing Queen.mp3")
    daemon.start()
    daemon.wait_done()
    code, found = doctor(home, "--socket", str(daemon.socket))
    assert code == 0, found
    assert found["service"]["grade"] == "ok" and found["lastfm"]["grade"] == "ok" and found["musicbrainz"]["grade"] == "ok"
    assert found["network"]["grade"] == "ok"
    assert str(daemon.songs) in found["song folder"]["finding"]
    assert str(daemon.database) in found["database"]["finding"]


def test_doctor_tells_a_refused_key(home, make_daemon, fake):
    d = make_daemon(fake=fake, key=False)
    d.env["LASTFM_API_KEY"] = "f" * 32
    d.start()
    code, found = doctor(home, "--socket", str(d.socket))
    assert code == 1 and found["lastfm"]["grade"] == "bad" and "API_KEYS.lastfm=-" in found["lastfm"]["remedy"]
    assert "f" * 32 not in json.dumps(found)


def test_doctor_tells_an_empty_and_a_missing_folder(home, make_daemon):
    (home / "empty").mkdir()
    d = make_daemon(folders=[str(home / "empty"), str(home / "gone")])
    d.start("--set", "enrichment.autostart=no")
    done = ctl(home, "--socket", str(d.socket), "--json", "doctor", "--config", os.devnull)
    found = [f for f in json.loads(done.stdout) if f["check"] == "song folder"]
    assert any("is empty" in f["finding"] and "mounted" in f["remedy"] for f in found), found
    assert any(f["grade"] == "bad" and "gone" in f["finding"] for f in found), found
    assert len(found) == 2, "one line each"


def test_doctor_without_any_folder_says_what_to_write(tmp_path):
    code, found = doctor(tmp_path, "--socket", str(tmp_path / "nowhere"))
    assert found["song folder"]["grade"] == "bad" and "none is named" in found["song folder"]["finding"]
    assert "folders = DIR" in found["song folder"]["remedy"]


def test_doctor_without_a_network_says_so_and_blames_no_service(home, make_daemon):
    d = make_daemon(args=["--set", "lastfm.enabled=no", "--set", "musicbrainz.url=http://127.0.0.1:9/ws/2"])
    d.add_song("ABBA - Dancing Queen.mp3")
    d.start()
    for _ in range(2):     # also while it rests
        code, found = doctor(home, "--socket", str(d.socket))
        assert code == 0, found
        assert found["network"]["grade"] == "warn" and "Wi-Fi" in found["network"]["remedy"]
        assert "asked us to wait" not in found["musicbrainz"]["finding"]
        wait_for(lambda: d.get("progress")["offline"], "the daemon to notice that it is offline")


def test_doctor_tells_the_errors_of_the_configuration(home):
    conf = home / "bad.conf"
    conf.write_text("[lastfm]\nraet = 1\nrate = x\n")
    done = ctl(home, "--socket", str(home / "nowhere"), "--json", "doctor", "--config", str(conf))
    found = {f["check"]: f for f in json.loads(done.stdout)}
    assert found["configuration"]["grade"] == "bad" and "bad.conf:2" in found["configuration"]["finding"]
    assert "more" in found["configuration"]["finding"]


def test_doctor_tells_a_file_that_is_no_database(home):
    (home / "state").mkdir()
    (home / "state/songbook.db").write_text("no database at all, but longer than sixteen bytes")
    code, found = doctor(home, "--socket", str(home / "nowhere"))
    assert code == 1 and found["database"]["grade"] == "bad" and "restore" in found["database"]["remedy"]


def test_doctor_tells_any_key_in_a_file_that_all_can_read(home):
    conf = home / "own.conf"
    token = "".join("0123456789abcdef"[i % 16] for i in range(36))
    conf.write_text("[API_KEYS]\nlistenbrainz = %s\n" % token)
    for mode, grade in ((0o644, "warn"), (0o600, "ok")):
        conf.chmod(mode)
        done = ctl(home, "--socket", str(home / "nowhere"), "--json", "doctor", "--config", str(conf))
        found = {f["check"]: f for f in json.loads(done.stdout)}["keys"]
        assert found["grade"] == grade and token not in done.stdout
        assert ("API_KEYS.listenbrainz" in found["finding"]) == (grade == "warn")


def test_doctor_tells_keys_that_lie_open(home):
    (home / "state").mkdir()
    keys = home / "state/songbookd.keys"
    keys.write_text("")
    keys.chmod(0o644)
    _, found = doctor(home, "--socket", str(home / "nowhere"))
    assert found["keys"]["grade"] == "bad" and "chmod 600" in found["keys"]["remedy"]


def test_doctor_speaks_in_lines(home):
    done = ctl(home, "--socket", str(home / "nowhere"), "doctor", "--config", os.devnull)
    lines = done.stdout.splitlines()
    assert len(lines) >= 9 and all(line.split()[0] in ("ok", "note", "warn", "BAD") for line in lines)


# --- each check says what is wrong ------------------------------------------------------------------------------------------

def test_doctor_tells_a_clock_that_was_never_set(home):
    if not shutil.which("faketime"):
        pytest.skip("faketime is not installed")
    done = subprocess.run(["faketime", "2020-01-01 00:00:00", CTL, "--socket", str(home / "nowhere"), "doctor", "--config", os.devnull],
                          capture_output=True, text=True, env=clean_environment({"HOME": str(home), "STATE_DIRECTORY": str(home),
                                                                                 "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}))
    line = [x for x in done.stdout.splitlines() if x[6:].startswith("clock")][0]
    assert line.startswith("BAD ") and "2020-01-01" in line and "timedatectl set-ntp true" in line


@pytest.mark.parametrize("options, grade, words", [("size=3m", "bad", "make room"), ("ro", "bad", "read-only")])
def test_doctor_tells_a_disk_on_which_nothing_can_be_stored(home, options, grade, words):
    place = home / "state"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        _, found = doctor(home, "--socket", str(home / "nowhere"))
    finally:
        subprocess.run(["umount", place], check=True)
    assert found["disk space"]["grade"] == grade and words in found["disk space"]["finding"] + found["disk space"]["remedy"]


def test_doctor_tells_limits_that_are_too_low(home):
    done = subprocess.run(["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh", CTL, "--socket", str(home / "nowhere"), "doctor", "--config", os.devnull],
                          capture_output=True, text=True, env=clean_environment({"HOME": str(home), "STATE_DIRECTORY": str(home)}))
    line = [x for x in done.stdout.splitlines() if x[6:].startswith("limits")][0]
    assert line.startswith("warn ") and "64 open files" in line and "ulimit" in line


def test_doctor_tells_a_list_of_pikaraoke_that_is_closed_to_it(closed_home):
    (closed_home / ".pikaraoke").mkdir()
    database = closed_home / ".pikaraoke/pikaraoke.db"
    database.touch(0o600)      # root's: PiKaraoke was run with sudo
    done = as_plain_user(closed_home, "--json", "--socket", str(closed_home / "nowhere"), "doctor")
    found = {f["check"]: f for f in json.loads(done.stdout)}
    assert found["PiKaraoke"]["grade"] == "warn" and str(database) in found["PiKaraoke"]["finding"]
    assert "same user" in found["PiKaraoke"]["remedy"]
