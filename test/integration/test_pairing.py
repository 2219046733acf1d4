"""Pairing a browser with the real daemon: codes, cookies, what they open, and how they are taken away."""
import json
import re
import sqlite3
import subprocess
import threading

import pytest

from conftest import BUILD, PATIENCE, UnixConnection, clean_environment

TOKEN = "a-token-of-enough-letters"


@pytest.fixture
def locked(make_daemon, tmp_path):
    """A daemon that asks every TCP client for a token."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    return make_daemon(args=["--set", "server.token_file=" + str(token), "--set", "enrichment.autostart=no"])


def by_socket(d, method, path, body=None):
    return d.request(method, path, body, connection=UnixConnection(str(d.socket)))


def new_code(d, **body):
    answer = by_socket(d, "POST", "pair/code", body)
    assert answer.status == 200, answer.body
    return answer.json


def paired(d, name="phone"):
    answer = d.post("pair", {"code": new_code(d)["code"], "name": name}, headers={"Origin": "http://" + d.address})
    assert answer.status == 200, answer.body
    return answer.headers["set-cookie"].split(";")[0], answer


def own(d, cookie, **more):
    return {"Cookie": cookie, "Origin": "http://" + d.address, **more}


def test_a_code_buys_a_cookie_that_opens_everything(locked):
    locked.start()
    assert locked.request("GET", "progress").status == 401
    cookie, answer = paired(locked, "Anna's phone")
    flags = answer.headers["set-cookie"]
    assert re.fullmatch(r"songbook_device=\d+\.[0-9a-f]{64}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Strict", flags)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["device"]["name"] == "Anna's phone" and answer.json["device"]["this"] is True
    assert locked.request("GET", "progress", headers={"Cookie": cookie}).status == 200
    assert locked.request("GET", "progress", headers={"Cookie": "other=1; " + cookie + "; more=2"}).status == 200
    assert locked.post("scan", headers=own(locked, cookie)).status == 202
    session = locked.get("session", headers={"Cookie": cookie})
    assert (session["authorized"], session["by"], session["device"]["name"]) == (True, "device", "Anna's phone")


def test_session_tells_everyone_how_they_stand(locked):
    locked.start()
    assert locked.get("session")["authorized"] is False
    assert locked.get("session", headers={"Authorization": "Bearer " + TOKEN})["by"] == "token"
    assert locked.get("session", headers={"Authorization": "Bearer wrong"})["authorized"] is False
    assert by_socket(locked, "GET", "session").json["by"] == "socket"


def test_without_a_token_this_machine_needs_no_pairing(make_daemon):
    d = make_daemon().start()
    assert d.get("session")["by"] == "local"
    assert d.post("pair/code").json["reachable"] is False


def test_a_code_serves_once(locked):
    locked.start()
    code = new_code(locked)["code"]
    results = []

    def attempt():
        results.append(locked.post("pair", {"code": code}).status)
    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [200] + [403] * 5
    assert locked.post("pair", {"code": code}).json["code"] == "wrong_code"


def test_a_code_is_read_as_people_type_it(locked):
    locked.start()
    code = new_code(locked)["code"]
    assert re.fullmatch(r"[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}", code)
    assert locked.post("pair", {"code": " " + code.lower().replace("-", " ") + " "}).status == 200


def test_guessing_is_slowed_down(locked):
    locked.start()
    codes = [locked.post("pair", {"code": "AAAA-%04d" % i}) for i in range(31)]
    assert [c.status for c in codes] == [403] * 30 + [429]
    assert codes[-1].json["code"] == "too_many" and codes[-1].headers["retry-after"] == "60"
    assert locked.post("pair", {"code": new_code(locked)["code"]}).status == 429


def test_only_who_may_ask_gets_a_code(locked):
    locked.start()
    assert locked.post("pair/code").status == 401
    assert locked.post("pair/code", headers={"Authorization": "Bearer " + TOKEN}).status == 200
    cookie, _ = paired(locked)
    assert locked.post("pair/code", headers=own(locked, cookie)).status == 200


def test_secrets_are_stored_nowhere(locked):
    locked.start()
    cookie, _ = paired(locked)
    secret = cookie.split(".", 1)[1]
    locked.stop()
    for path in locked.home.glob("songbook.db*"):
        assert secret.encode() not in path.read_bytes(), path
    assert secret not in locked.log
    db = sqlite3.connect(locked.database)
    assert len(db.execute("SELECT secret_hash FROM devices").fetchone()[0]) == 64
    db.close()
    locked.start()
    assert locked.request("GET", "progress", headers={"Cookie": cookie}).status == 200


@pytest.mark.parametrize("spoil", [lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"), lambda c: c[:-1], lambda c: c + "0", lambda c: "songbook_device=",
                                   lambda c: "songbook_device=1", lambda c: "songbook_device=99." + c.split(".")[1], lambda c: "songbook_device=1.",
                                   lambda c: c.replace("songbook_device", "xsongbook_device"), lambda c: "songbook_device=-1." + c.split(".")[1]])
def test_a_spoilt_cookie_opens_nothing(locked, spoil):
    locked.start()
    cookie, _ = paired(locked)
    assert locked.request("GET", "progress", headers={"Cookie": spoil(cookie)}).status == 401


def test_changes_by_cookie_need_our_own_page(locked):
    locked.start()
    cookie, _ = paired(locked)
    assert locked.post("scan", headers={"Cookie": cookie}).status == 403
    assert locked.post("scan", headers={"Cookie": cookie, "Origin": "http://evil.example"}).status == 403
    assert locked.post("scan", headers={"Cookie": cookie, "Origin": "null"}).status == 403
    assert locked.post("scan", headers={"Cookie": cookie, "Sec-Fetch-Site": "same-site"}).status == 403
    assert locked.post("scan", headers=own(locked, cookie, **{"Content-Type": "text/plain"})).status == 415
    assert locked.post("scan", headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}).status == 202


def test_devices_are_listed_and_revoked(locked):
    locked.start()
    first, one = paired(locked, "first")
    second, two = paired(locked, "second")
    rows = locked.get("devices", headers={"Cookie": second})["devices"]
    assert [(r["name"], r["this"]) for r in rows] == [("first", False), ("second", True)]
    assert all(r["paired_at"] and r["last_seen_at"] for r in rows)
    gone = one.json["device"]["id"]
    assert locked.post("devices/%d/revoke" % gone, headers=own(locked, second)).json == {"revoked": True}
    assert locked.request("GET", "progress", headers={"Cookie": first}).status == 401
    assert locked.request("GET", "progress", headers={"Cookie": second}).status == 200
    assert locked.post("devices/%d/revoke" % gone, headers=own(locked, second)).status == 404
    locked.stop()
    locked.start()
    assert locked.request("GET", "progress", headers={"Cookie": first}).status == 401
    assert [r["name"] for r in locked.get("devices", headers={"Cookie": second})["devices"]] == ["second"]


def test_a_revoked_device_hears_nothing_more(locked):
    locked.start()
    cookie, one = paired(locked, "phone")
    c = locked.connection(PATIENCE)
    c.request("GET", "/api/v1/events", headers={"Cookie": cookie})
    stream = c.getresponse()
    assert stream.status == 200 and json.loads(stream.readline())["event"] == "hello"
    assert by_socket(locked, "POST", "devices/%d/revoke" % one.json["device"]["id"]).status == 200
    locked.add_song("Queen - Innuendo.mp4")
    by_socket(locked, "POST", "scan")
    assert b"Innuendo" not in stream.read()              # and it ends


def test_a_name_that_the_owner_lists_is_answered_also_behind_a_proxy(locked):
    locked.start("--set", "server.hosts=party.example:8443")
    owner = {"Authorization": "Bearer " + TOKEN, "Host": "party.example:8443"}
    assert locked.request("GET", "progress", headers=owner).status == 200
    assert locked.request("GET", "progress", headers={**owner, "Host": "party.example"}).status == 421
    assert locked.request("GET", "progress", headers={**owner, "Host": "other.example:8443"}).status == 421
    assert locked.post("scan", headers={**owner, "Origin": "https://party.example:8443"}).status == 202
    assert locked.post("scan", headers={**owner, "Origin": "https://other.example:8443"}).status == 403


def test_songbookctl_sends_the_token(locked, tmp_path):
    locked.start()
    call = [str(BUILD / "songbookctl"), "--url", "http://" + locked.address]

    def run(*args):
        return subprocess.run([*call, *args], env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE)
    assert run("status").returncode == 1 and "token" in run("status").stderr
    assert run("--token-file", str(tmp_path / "token"), "status").returncode == 0
    assert run("events", "--token-file", str(tmp_path / "token")).returncode == 0
    (tmp_path / "token").chmod(0o644)
    refused = run("--token-file", str(tmp_path / "token"), "status")
    assert refused.returncode == 78 and "chmod 600" in refused.stderr and TOKEN not in refused.stderr


def test_no_more_devices_than_a_household_has(locked):
    locked.start()
    for i in range(32):
        paired(locked, "device %d" % i)
    assert locked.post("pair", {"code": new_code(locked)["code"]}).status == 409


def test_the_code_comes_as_a_picture_and_as_an_address(locked):
    locked.start()
    code = new_code(locked, name="tablet")
    plain = code["code"].replace("-", "")
    assert code["url"] == "http://%s/#pair=%s" % (locked.address, plain) and code["expires_in"] == 600
    assert code["qr_svg"].startswith("<svg ") and code["qr_svg"].endswith("</svg>")
    lines = code["qr_text"].split("\n")[:-1]
    assert len({len(line) for line in lines}) == 1 and len(lines) * 2 >= len(lines[0]) - 1
    assert code["reachable"] is False and "server.listen" in code["hint"]
    assert locked.post("pair", {"code": plain}).json["device"]["name"] == "tablet"


def ctl(d, *args):
    env = clean_environment()
    return subprocess.run([str(BUILD / "songbookctl"), "--socket", str(d.socket), *args], env=env, capture_output=True, text=True, timeout=PATIENCE)


def test_songbookctl_pairs_lists_and_revokes(locked):
    locked.start()
    done = ctl(locked, "pair", "--name", "tablet")
    assert done.returncode == 0 and "█" in done.stdout
    code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", done.stdout).group()
    assert locked.post("pair", {"code": code}).json["device"]["name"] == "tablet"
    assert "tablet" in ctl(locked, "pair", "--list").stdout
    assert ctl(locked, "pair", "--revoke", "1").returncode == 0
    assert "tablet" not in ctl(locked, "pair", "--list").stdout
    assert ctl(locked, "pair", "--revoke", "1").returncode == 1
    assert ctl(locked, "pair", "--revoke", "1", "--list").returncode == 2
