"""The hostile catalogue: what stands before the right song, looks like it, or is all there is of an unknown one."""
import pytest

from fake.measure import run_hostile


@pytest.mark.parametrize("lastfm", [False, True])
def test_wrong_songs_are_not_accepted_and_right_ones_are_found(tmp_path, lastfm):
    verdict = run_hostile(tmp_path, lastfm)
    told = "\n".join(verdict.report())
    shares = verdict.shares()
    assert len(verdict.known) + len(verdict.unknown) >= 300 and 5 * len(verdict.unknown) >= len(verdict.known) + len(verdict.unknown)
    assert verdict.sure >= 200, told
    assert shares["wrong at 0.85 or above"] <= 0.01 and shares["unknown accepted"] == 0, told
    assert shares["known enriched rightly"] >= 0.93, told
    assert shares["right song suggested"] >= 0.97, told
    assert shares["year right"] >= 0.95 and shares["years of a reissue"] == 0, told
    assert shares["genre wrong"] == 0, told
