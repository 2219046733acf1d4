"""Providers that refuse, fail and lie: no wrong "not found", no lost song, no attempt for a refusal."""
import pytest

from conftest import wait_for

REFUSALS = {"lastfm": ["429"], "musicbrainz": ["429", "503rate", "503busy", "503search"]}
FAILURES = ["500", "html", "truncated", "deep", "types", "huge", "reset", "redirect"]


def lonely(make_daemon, fake, provider, **more):
    """A daemon that asks only this provider, with one song it knows."""
    others = [o for o in ("lastfm", "musicbrainz", "listenbrainz") if o != provider]
    off = [part for o in others for part in ("--set", o + ".enabled=no")]
    d = make_daemon(fake=fake, args=[*off, "--set", provider + ".rate=50"], **more)
    d.add_song("ABBA - Dancing Queen (Karaoke).mp4")
    return d


@pytest.mark.parametrize("provider,kind", [(p, k) for p, kinds in REFUSALS.items() for k in kinds])
def test_a_refusal_costs_no_attempt_and_the_song_is_found_later(make_daemon, fake, provider, kind):
    fake.fail(provider, kind)
    d = lonely(make_daemon, fake, provider)
    d.start()
    wait_for(lambda: d.get("progress")["providers"][provider]["refused"] >= 1, "the refusal")
    song = d.song("Dancing")
    assert song["metadata_status"] == "parsed"
    fake.heal()
    wait_for(lambda: d.song("Dancing")["metadata_status"] == "enriched", "the song to be found later")
    assert d.song("Dancing")["enrichment_attempts"] == 1


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("provider", ["lastfm", "musicbrainz"])
def test_a_failure_counts_one_attempt_and_the_song_stays_queued(make_daemon, fake, provider, kind):
    fake.fail(provider, kind, count=4 if kind == "redirect" else 1)   # three redirects are followed
    fake.fail(provider, "hang")                      # a slow test finds the next attempt under way, not answered
    d = lonely(make_daemon, fake, provider)
    d.start()
    wait_for(lambda: d.get("progress")["providers"][provider]["failed"] == 1, "the failure")
    song = d.song("Dancing")
    assert song["metadata_status"] == "parsed" and song["enrichment_attempts"] in (1, 2)
    assert d.get("progress")["queue_remaining"] == 1
    fake.heal()
    d.post("songs/%d/requeue" % song["id"])          # a person need not wait for the retry
    wait_for(lambda: d.song("Dancing")["metadata_status"] == "enriched", "the next attempt")


def test_error_29_rests_for_minutes_slows_down_and_costs_no_attempt(make_daemon, fake):
    fake.fail("lastfm", "error29", count=1)
    d = lonely(make_daemon, fake, "lastfm")
    d.start()
    lane = wait_for(lambda: (p := d.get("progress")["providers"]["lastfm"])["refused"] and p, "the refusal")
    assert lane["state"] == "refused" and lane["retry_in_seconds"] > 60
    assert lane["rate_per_second"] <= 1.0
    wait_for(lambda: d.song("Dancing")["enrichment_attempts"] == 0, "the attempt, counted before the request, to be taken back")
    assert d.song("Dancing")["metadata_status"] == "parsed"
    d.kill()
    d.start()                                         # the rest is remembered
    lane = wait_for(lambda: (p := d.get("progress"))["total"] and p["providers"]["lastfm"], "the library")
    assert lane["state"] == "refused" and lane["retry_in_seconds"] > 50
    assert fake.requests("lastfm") == 1


def test_three_failures_give_up_and_keep_the_parsed_values(make_daemon, fake):
    fake.fail("musicbrainz", "500")
    d = lonely(make_daemon, fake, "musicbrainz")
    d.start()
    song = wait_for(lambda: (s := d.song("Dancing"))["metadata_status"] == "enrichment_failed" and s, "giving up", 60)
    assert song["reason"] == "gave_up" and song["enrichment_attempts"] == 3
    assert {song["artist"], song["title"]} == {"ABBA", "Dancing Queen"}
    fake.heal()
    assert d.post("songs/%d/requeue" % song["id"]).status == 200
    wait_for(lambda: d.song("Dancing")["metadata_status"] == "enriched", "the person's wish", 60)


def test_a_refused_key_is_told_and_everything_else_goes_on(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=50", "--set", "musicbrainz.rate=50"], env={"LASTFM_API_KEY": "wrong" * 6})
    for name in ("ABBA - Dancing Queen.mp4", "Adele - Rolling in the Deep.mp4", "No One - Ever Heard.mp4"):
        d.add_song(name)
    d.start()
    d.wait_done()
    assert d.get("progress")["providers"]["lastfm"]["state"] == "key_refused"
    assert d.song("Dancing")["metadata_status"] == "enriched"
    assert d.song("Ever Heard")["reason"] == "not_found"
    assert fake.requests("lastfm") <= 4


def test_without_a_lastfm_key_musicbrainz_does_the_work(make_daemon, fake):
    d = make_daemon(fake=fake, key=False, args=["--set", "musicbrainz.rate=50"])
    d.add_song("ABBA - Dancing Queen.mp4")
    d.start()
    d.wait_done()
    song = d.song("Dancing")
    assert (song["metadata_status"], song["year"]) == ("enriched", 1976)
    assert d.get("progress")["providers"]["lastfm"]["state"] == "needs_key"
    assert fake.requests("lastfm") == 0


def test_a_karaoke_brand_is_refused(make_daemon, fake):
    from fake.catalogue import Song
    fake.catalogue.add(Song("Ameritz Karaoke Band", "Some Rare Tune", 2010))
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=50", "--set", "musicbrainz.rate=50"])
    d.add_song("Some Rare Tune (In the Style of Real Singer) [Karaoke].mp4")
    d.start()
    d.wait_done()
    song = d.song("Rare Tune")
    assert song["artist"] == "Real Singer" and song["metadata_status"] == "enrichment_failed"


def test_songs_with_the_same_names_are_asked_once(make_daemon, fake):
    d = make_daemon(fake=fake, args=["--set", "lastfm.rate=50", "--set", "musicbrainz.rate=50", "--set", "listenbrainz.rate=50"])
    for i in range(6):
        d.add_song("ABBA - Dancing Queen (Karaoke)---aBcDeFgHi%02d.mp4" % i)
    d.start()
    d.wait_done()
    assert all(s["metadata_status"] == "enriched" for s in d.songs_list())
    assert [fake.requests(e) for e in ("lookup", "metadata", "dates", "search")] == [1, 1, 1, 1]
    assert fake.requests("lastfm") == 0          # nothing is left for it


def test_a_year_of_lastfm_is_never_invented(make_daemon, fake):
    d = lonely(make_daemon, fake, "lastfm")
    d.start()
    d.wait_done()
    song = d.song("Dancing")
    assert song["metadata_status"] == "enriched" and song["year"] is None
    assert 0.70 <= song["confidence"] <= 0.84


def test_limits_are_kept_at_the_real_rates(make_daemon):
    from fake.catalogue import Catalogue
    from fake.providers import FakeProviders
    strict = FakeProviders(Catalogue(any_share=1.0), limits=True, latency=(0.05, 0.25)).start()
    try:
        d = make_daemon(fake=strict)
        for i in range(40):
            d.add_song("Band %d - Tune %d.mp4" % (i, i))
        d.start()
        wait_for(lambda: strict.requests("lastfm") >= 35 and strict.requests("musicbrainz") >= 6, "requests", 60)
        assert strict.worst_window("lastfm", 1.0) <= 5
        assert strict.worst_window("musicbrainz", 1.0) <= 1
        assert strict.peak["musicbrainz"] == 1
        assert strict.broken == []
    finally:
        d.stop()
        strict.stop()


def test_limits_are_kept_across_a_restart_loop(make_daemon):
    from fake.catalogue import Catalogue
    from fake.providers import FakeProviders
    strict = FakeProviders(Catalogue(any_share=1.0), limits=True).start()
    try:
        d = make_daemon(fake=strict)
        for i in range(40):
            d.add_song("Band %d - Tune %d.mp4" % (i, i))
        for _ in range(4):
            seen = strict.requests("lastfm")
            d.start()
            wait_for(lambda: strict.requests("lastfm") > seen + 1, "requests")
            d.kill()
        assert strict.worst_window("lastfm", 1.0) <= 5
        assert strict.worst_window("musicbrainz", 1.0) <= 1
        assert strict.broken == []
    finally:
        strict.stop()
    d.process = None
