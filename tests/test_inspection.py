"""Inspection: what is refused, and why, on records with planted faults."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.inspection import clipped_share, inspect, read_window
from pipelines.reference import Inspected, Rejected
from schemas.errors import UserError
from schemas.snr import snr_db
from tests.builders import inspected, listed, phasenet_folder, recipe_of, wave

ROW = {"fname": "NC_S0_2010010101000000.npz", "itp": 2500, "its": 2800, "channels": "HHZ"}


def looked_at(folder, samples, kind, **more):
    """Inspect the first window of a kind of a folder with one record."""
    phasenet_folder(folder, [ROW], [samples])
    recipe = recipe_of(folder, **more)
    found = next(item for item in listed(recipe) if item.kind == kind)
    return found, recipe, inspect(found, recipe)


def reason(found):
    assert isinstance(found, Rejected) and found.stage == "inspect" and "\n" not in found.reason
    return found.reason


def test_a_sound_event_passes_with_its_snr(tmp_path):
    samples = wave(0, onset=2500, gain=10.0)
    reference, recipe, found = looked_at(tmp_path, samples, "event")
    assert isinstance(found, Inspected) and found.live == "ENZ"
    window = read_window(reference, recipe)
    again = snr_db(window["waveform"], window["valid"], window["event_p_sample"][0], 100.0)
    assert found.snr_db == (again,)
    expected = 20 * np.log10(samples[2500:3000].std() / samples[1950:2450].std())
    assert abs(again - expected) < 0.1


def test_sound_noise_passes(tmp_path):
    reference, _, found = looked_at(tmp_path, wave(0, onset=2500), "noise")
    assert isinstance(found, Inspected) and found.reference == reference and found.snr_db == ()


def test_live_components_are_told(tmp_path):
    samples = wave(0, onset=2500)
    samples[:, :2] = 0.0
    assert looked_at(tmp_path, samples, "event")[2].live == "Z"


@pytest.mark.parametrize("column", [0, 1, 2])
def test_an_event_hidden_in_noise_is_refused(tmp_path, column):
    samples = wave(0)
    samples[600:900, column] *= 8.0
    told = reason(looked_at(tmp_path, samples, "noise")[2])
    assert told.startswith(f"hidden event: on {'ENZ'[column]} the largest 3 s")
    assert isinstance(looked_at(tmp_path, samples, "event")[2], Inspected)
    raised = {"min_length_s": 10, "max_std_ratio": 9}
    assert isinstance(looked_at(tmp_path, samples, "noise", noise=raised)[2], Inspected)
    off = {"min_length_s": 10, "max_std_ratio": None}
    assert isinstance(looked_at(tmp_path, samples * 1.0, "noise", noise=off)[2], Inspected)


def test_a_hidden_event_outside_the_window_is_no_matter(tmp_path):
    samples = wave(0)
    samples[3000:3300] *= 50.0
    how = {"preparation": {"detrend": "none"}}
    assert isinstance(looked_at(tmp_path, samples, "noise", **how)[2], Inspected)


def by_hand(trace):
    """Count samples that stand in a run of three or more at an extreme."""
    low, high, count, run = min(trace), max(trace), 0, 0
    if low == high or all(value in (low, high) for value in trace):
        return 0.0
    for value in [*trace, None]:
        if value is not None and value in (low, high):
            run += 1
            continue
        count += run if run >= 3 else 0
        run = 0
    return count / len(trace)


@given(st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_the_clipped_share_is_that_of_a_hand_count(rows):
    samples = np.array(rows)
    expected = max(by_hand(column) for column in samples.T.tolist())
    assert clipped_share(samples) == pytest.approx(expected)


def test_what_is_not_recorded_is_not_clipped():
    samples = np.random.default_rng(0).normal(size=(100, 1)).clip(-0.5, 0.5)
    expected = clipped_share(samples)
    gapped = np.concatenate([samples, np.full((50, 1), np.nan)])
    valid = np.isfinite(gapped)
    assert clipped_share(gapped, valid) == expected > 0.0
    low = np.where(valid, gapped, -1e9)
    assert clipped_share(low, valid) == expected
    assert clipped_share(low, np.zeros_like(valid)) == 0.0


def test_a_clipped_record_is_refused(tmp_path):
    samples = wave(0, onset=2500)
    samples = samples.clip(-300.0, 300.0)
    share = max(by_hand(column) for column in samples.T.tolist())
    assert 0.1 < share < 0.5
    limit = {"inspect": {"max_clipped_share": round(share - 0.01, 4)}}
    told = reason(looked_at(tmp_path, samples, "event", **limit)[2])
    assert told.startswith(f"{share:.4f} of the samples are clipped, expected at most")
    limit = {"inspect": {"max_clipped_share": round(share + 0.01, 4)}}
    assert isinstance(looked_at(tmp_path, samples, "event", **limit)[2], Inspected)


def test_a_weak_event_is_refused(tmp_path):
    samples = wave(0, onset=2500, gain=2.0)
    (measured,) = looked_at(tmp_path, samples, "event")[2].snr_db
    over, under = ({"inspect": {"min_snr_db": measured + d}} for d in (0.1, -0.1))
    told = reason(looked_at(tmp_path, samples, "event", **over)[2])
    assert told.startswith(f"SNR is {measured:.1f} dB, expected at least inspect.min_snr_db")
    assert isinstance(looked_at(tmp_path, samples, "event", **under)[2], Inspected)
    assert isinstance(looked_at(tmp_path, samples, "noise", **over)[2], Inspected)


def test_an_event_whose_snr_is_unknown_is_refused_only_if_one_is_asked_for(tmp_path):
    # Half of the noise's 5 s must be recorded, and 0.5 s are left free before P.
    samples = wave(0, onset=290)
    row = {**ROW, "itp": 290, "its": 600}
    phasenet_folder(tmp_path, [row], [samples])
    for limits, kept in (({}, True), ({"min_snr_db": -50.0}, False)):
        recipe = recipe_of(tmp_path, inspect=limits)
        found = inspect(listed(recipe)[0], recipe)
        assert isinstance(found, Inspected) == kept
        assert kept or "SNR is nan dB" in reason(found)


def test_a_short_record_is_refused(tmp_path):
    samples, row = wave(0, 400, onset=200), {**ROW, "itp": 200, "its": 300}
    samples[:, :2] = 0.0  # the best component counts
    phasenet_folder(tmp_path, [row], [samples])
    for share, kept in ((0.26, False), (0.24, True)):  # 4 s of 16 are there
        recipe = recipe_of(tmp_path, inspect={"min_valid_share": share})
        found = inspect(listed(recipe)[0], recipe)
        assert isinstance(found, Inspected) == kept
        assert kept or reason(found).startswith("0.250 of the samples are recorded")


def test_a_file_or_label_that_is_bad_is_refused(tmp_path):
    reference, recipe, found = looked_at(tmp_path, wave(0, onset=2500), "event")
    (tmp_path / ROW["fname"]).unlink()
    assert reason(inspect(reference, recipe)).endswith(f"{ROW['fname']}: no such file")
    with pytest.raises(UserError, match="no such file"):
        read_window(reference, recipe)
    samples = wave(0)
    samples[100, 1] = np.nan
    assert "1 samples are not finite" in reason(looked_at(tmp_path, samples, "event")[2])


def test_an_event_without_a_pick_in_its_window_is_refused(tmp_path):
    how = {"window": {"length_s": 16, "p_at_s": 8, "max_picks": 4, "max_events": 2}}
    reference, recipe, found = looked_at(tmp_path, wave(0, onset=2500), "event", **how)
    assert isinstance(found, Inspected)
    far = type(reference)(**{**reference.__dict__, "start_s": 0.0})
    assert reason(inspect(far, recipe)) == "no pick lies on a recorded sample of the window"


def test_a_split_is_given(tmp_path):
    shares = {"split": {"shares": {"test": 1.0}}}
    assert looked_at(tmp_path, wave(0, onset=2500), "event", **shares)[2].split == "test"
    assert inspected("t").split == "train"
