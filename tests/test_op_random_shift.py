"""The random shift, against slices and sets of starts that NumPy finds by trying them all."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from scipy.stats import chisquare

from augment_ops.core.registry import build
from augment_ops.core.steps import output_spec
from augment_ops.random_shift import RandomShift
from schemas.errors import UserError
from schemas.window import UNKNOWN_TIME_NS, P
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
    rows,
)
from tests.windows import CASES, NAN, RATE, SPEC, START_NS, TWO, Quake, make, picks_of, windows

LENGTH_S, MARGIN_S, AT_S, REACH_S = 10.0, 3.0, 4.0, 1.0
SIZE = round(LENGTH_S * RATE)
STARTS = np.arange(SPEC.samples - SIZE + 1)
OPS = {
    mode: one_step(RandomShift(LENGTH_S, mode, AT_S, REACH_S, MARGIN_S))
    for mode in ("none", "limited", "full")
}


def padding(window):
    """Return how many samples outside the record a crop from each start holds."""
    at = np.flatnonzero(window["valid"].any(axis=1))
    outside = (np.arange(SPEC.samples) < at[0]) | (np.arange(SPEC.samples) > at[-1])
    return np.array([outside[start : start + SIZE].sum() for start in STARTS])


def allowed_starts(mode, window):
    """Return the starts that the mode allows and that crop the fewest samples of padding."""
    at = window["pick_sample"][window["pick_phase"] == P].min() - STARTS
    if mode == "full":
        margin = MARGIN_S * RATE
        allowed = (at >= margin) & (at <= SIZE - 1 - margin)
    else:
        reach = REACH_S * RATE if mode == "limited" else 0.5
        allowed = np.abs(at - AT_S * RATE) <= reach
    few = padding(window)
    return STARTS[allowed & (few == few[allowed].min())]


@pytest.mark.parametrize("mode", OPS)
@pytest.mark.parametrize("case", ["p_and_s", "padded", "short_record"])
def test_starts_are_those_that_the_mode_allows(mode, case):
    drawn = compiled(OPS[mode], CASES[case], epochs=1000)["step/samples"]
    allowed = allowed_starts(mode, CASES[case])
    assert set(drawn) == set(allowed)
    if len(allowed) > 1:
        counts = [np.count_nonzero(drawn == start) for start in allowed]
        assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("mode", OPS)
@pytest.mark.parametrize("case", CASES)
def test_labels_move_with_the_samples(mode, case):
    before = CASES[case]
    for made in assert_sound(OPS[mode], before):
        start = int(made["step/samples"])
        for name in ("waveform", "valid"):
            np.testing.assert_array_equal(made[name], before[name][start : start + SIZE])
        kept = picks_of(made)
        for key, (at, polarity) in picks_of(before).items():
            inside = start <= at <= start + SIZE - 1
            assert (key in kept) == inside
            if inside:
                assert kept[key] == (np.float32(at) - np.float32(start), polarity)
                there = made["waveform"][round(kept[key][0])]
                np.testing.assert_array_equal(there, before["waveform"][round(at)])
        assert made["start_time_ns"] == START_NS + round(start / RATE * 1e9)


def test_runs_everywhere():
    assert_runs_everywhere(OPS["full"], CASES["two_events"])


@pytest.mark.parametrize("mode", OPS)
def test_draws_anew_in_each_epoch(mode):
    assert (changes(OPS[mode], CASES["two_events"]) > 1) == (mode != "none")


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(OPS["full"], window):
        start = int(made["step/samples"])
        assert padding(window)[start] <= SIZE
        np.testing.assert_array_equal(made["waveform"], window["waveform"][start : start + SIZE])
        kept = set(picks_of(made))
        inside = {k for k, (at, _) in picks_of(window).items() if 0 <= at - start <= SIZE - 1}
        assert kept == inside
        onsets = window["event_p_sample"] - np.float32(start)
        seen = made["event_id"] != b""
        np.testing.assert_array_equal(made["event_p_sample"][seen], onsets[seen])


def test_s_outside_is_no_pick_but_its_onset_is_kept():
    window = make(quakes=[Quake(p=400.0, s=400.0 + SIZE, coda=790.0)])
    (made,) = rows(compiled(OPS["none"], window, epochs=1))
    assert [phase for _, phase in picks_of(made)] == [P]
    assert made["event_s_sample"][0] == AT_S * RATE + SIZE
    assert made["event_coda_end_sample"][0] == 790.0 - made["step/samples"]


def test_event_that_ended_before_is_cleared_and_slots_keep_their_numbers():
    gone = replace(TWO[0], p=50.0, s=60.0, coda=90.0)
    # Its picks lie in a gap: the crop is placed by the second event.
    window = make(quakes=[gone, TWO[1]], gaps=[(45, 65, None)])
    (made,) = rows(compiled(OPS["none"], window, epochs=1))
    assert made["event_id"].tolist() == [b"", b"second", b""]
    assert np.isnan(made["event_p_sample"][0]) and np.isnan(made["event_magnitude"][0])
    assert {event for event, _ in picks_of(made)} == {1}


def test_noise_is_cropped_anywhere_or_about_the_middle():
    starts = {
        mode: set(compiled(OPS[mode], CASES["noise"], epochs=1000)["step/samples"]) for mode in OPS
    }
    middle, reach = (SPEC.samples - SIZE) / 2, REACH_S * RATE
    assert starts["none"] == {middle}
    assert starts["limited"] == set(np.arange(middle - reach, middle + reach + 1))
    assert len(starts["full"]) > 0.5 * len(STARTS) and starts["full"] <= set(STARTS)


def test_unknown_start_time_stays_unknown():
    window = {**CASES["p_and_s"], "start_time_ns": np.int64(UNKNOWN_TIME_NS)}
    assert eager(OPS["none"], window)["start_time_ns"] == UNKNOWN_TIME_NS


@pytest.mark.parametrize("fraction", [0.0, 0.4, 0.6])
def test_without_a_margin_p_is_still_inside(fraction):
    steps = one_step(RandomShift(LENGTH_S, "full", AT_S, margin_s=0.0))
    window = make(quakes=[Quake(p=400 + fraction, s=NAN)])
    out = compiled(steps, window, epochs=1500)
    at = out["pick_sample"][:, 0]
    assert np.isfinite(at).all() and len(np.unique(at)) == SIZE - (fraction > 0)


def test_limited_shift_never_loses_p():
    steps = one_step(RandomShift(LENGTH_S, "limited", 1.0, max_shift_s=9.0))
    at = compiled(steps, CASES["p_and_s"], epochs=500)["pick_sample"][:, 0]
    assert np.isfinite(at).all() and at.min() < RATE and at.max() > 9.5 * RATE


def test_crop_of_the_whole_window_changes_nothing_but_the_draw():
    window = CASES["two_events"]
    out = eager(one_step(RandomShift(SPEC.samples / RATE)), window)
    assert out.pop("step/samples") == 0
    assert_same(out, window, but=["event_snr_db"])


def test_positions_are_exact_in_windows_of_millions_of_samples():
    count, p = 2**23 + 3000, 2**23 + 1001
    wave = np.zeros((count, 3), np.float32)
    wave[p] = 1.0
    window = {**CASES["p_and_s"], "waveform": wave, "valid": np.ones(wave.shape, bool)}
    window = {name: tf.constant(value) for name, value in window.items()}
    for name, at in (("pick_sample", p), ("event_p_sample", p)):
        window[name] = tf.where(tf.range(window[name].shape[0]) == 0, float(at), NAN)
    out = RandomShift(LENGTH_S, "none", AT_S)(window, tf.constant([1, 2], tf.int64))
    assert np.flatnonzero(out["waveform"][:, 0]).tolist() == [AT_S * RATE]
    assert out["pick_sample"][0] == AT_S * RATE


def test_refuses_lengths_and_places_that_cannot_be():
    for length in (SPEC.samples / RATE + 1, 0.1 / RATE):
        with pytest.raises(UserError, match="length_s"):
            output_spec(SPEC, one_step(RandomShift(length, p_at_s=0.0, margin_s=0.0)))
    for wrong in ({"p_at_s": LENGTH_S}, {"margin_s": LENGTH_S}, {"mode": "half"}):
        with pytest.raises(UserError, match="offline"):
            build(RandomShift, {"length_s": LENGTH_S, **wrong}, "offline")
