"""Data gaps, against the runs of lost samples that NumPy counts."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import chisquare, kstest

from augment_ops.data_gap import DataGap
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, RATE, SHORT, SPEC, Quake, make, picks_of, windows

WIDE = one_step(DataGap((1, 3), (2.0, 10.0)))
APART = one_step(DataGap((1, 3), (2.0, 10.0), "one"))
PAIR = one_step(DataGap((2, 2), (2.0, 10.0), "one"))
HIDDEN = {
    (fill, components): one_step(DataGap((1, 3), (2.0, 10.0), components, fill))
    for fill, components in (("last", "one"), ("linear", "all"))
}
OPEN = {"one": APART, "all": WIDE}
SINGLE = one_step(DataGap((1, 1), (0.5, 8.0)))
EPOCHS = 500


def runs(lost):
    """Return [first, behind] of each run of true values of a row."""
    edges = np.diff(np.concatenate([[0], lost.astype(int), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def check(made, window):
    """Compare with the window whose lost samples are zeroed by NumPy; return those samples."""
    lost = window["valid"] & ~made["valid"]
    assert not (made["valid"] & ~window["valid"]).any()
    np.testing.assert_array_equal(made["waveform"], np.where(lost, 0.0, window["waveform"]))
    assert made["step/gap_samples"] == lost.any(axis=1).sum()
    kept = picks_of(made)
    for key, (at, polarity) in picks_of(window).items():
        beneath = made["valid"][int(np.round(at))]
        assert (key in kept) == beneath.any()
        if key in kept:
            assert kept[key] == (at, polarity if beneath[2] else 0)
    return lost


def check_hidden(hidden, plain, window, fill):
    """Compare with the window whose plain gaps NumPy fills."""
    same = [name for name in hidden if name not in ("waveform", "valid", "event_snr_db")]
    assert_same({n: hidden[n] for n in same}, {n: plain[n] for n in same})
    lost = window["valid"] & ~plain["valid"]
    time = np.arange(len(lost))
    for component in range(3):
        there = np.flatnonzero(plain["valid"][:, component])
        expected = plain["waveform"][:, component].copy()
        valid = plain["valid"][:, component].copy()
        gone = np.flatnonzero(lost[:, component])
        if there.size:
            wave = window["waveform"][there, component].astype(np.float64)
            before = np.searchsorted(there, gone) - 1
            filled = {"linear": np.interp(time, there, wave)[gone], "last": wave[before.clip(0)]}
            expected[gone], valid[gone] = filled[fill], True
        np.testing.assert_array_equal(hidden["valid"][:, component], valid)
        made = hidden["waveform"][:, component]
        scale = np.abs(window["waveform"]).max()
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-6 * scale)
        # What is recorded is the same to the bit, and so is a repeated value.
        exact = there if fill == "linear" else time
        np.testing.assert_array_equal(made[exact], expected[exact])
    return lost


@pytest.mark.parametrize("fill, components", HIDDEN)
@pytest.mark.parametrize("case", CASES)
def test_hidden_gaps_are_filled_and_marked_valid(fill, components, case):
    hidden = assert_sound(HIDDEN[fill, components], CASES[case], epochs=8)
    plain = rows(compiled(OPEN[components], CASES[case], epochs=8))
    found = [check_hidden(*both, CASES[case], fill).any() for both in zip(hidden, plain)]
    assert any(found)


@given(windows())
def test_any_window_with_hidden_gaps_stays_sound(window):
    for (fill, components), steps in HIDDEN.items():
        plain = rows(compiled(OPEN[components], window, epochs=3))
        for both in zip(assert_sound(steps, window, epochs=3), plain):
            check_hidden(*both, window, fill)


def test_picks_go_with_the_samples_that_a_fill_hides():
    before = CASES["p_and_s"]
    steps = HIDDEN["linear", "all"]
    out = compiled(steps, before, epochs=EPOCHS)
    np.testing.assert_array_equal(
        out["valid"], np.broadcast_to(before["valid"], out["valid"].shape)
    )
    assert 0 < sum(not picks_of(made) for made in rows(out)) < EPOCHS


@pytest.mark.parametrize("steps", [WIDE, APART], ids=["all", "one"])
@pytest.mark.parametrize("case", CASES)
def test_samples_in_the_gaps_are_lost_and_their_picks_with_them(steps, case):
    for made in assert_sound(steps, CASES[case]):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for steps in (WIDE, APART):
        for made in assert_sound(steps, window, epochs=3):
            check(made, window)
            assert made["step/gaps"] in (0, 1, 2, 3)


@given(windows(spec=SHORT))
def test_any_short_window_stays_sound(window):
    for made in assert_sound(WIDE, window, epochs=3, spec=SHORT):
        check(made, window)


def test_gaps_take_all_components_or_one_each():
    before = CASES["two_events"]
    for made in rows(compiled(WIDE, before, epochs=EPOCHS)):
        lost = check(made, before)
        assert (lost.all(axis=1) == lost.any(axis=1)).all()
        assert 1 <= len(runs(lost[:, 0])) <= made["step/gaps"]
    struck = set()
    for made in rows(compiled(APART, before, epochs=EPOCHS)):
        lost = check(made, before)
        assert 1 <= sum(len(runs(column)) for column in lost.T) <= made["step/gaps"]
        struck |= set(np.flatnonzero(lost.any(axis=0)))
    assert struck == {0, 1, 2}


def test_a_pick_stays_while_one_component_shows_it():
    before = CASES["two_events"]
    left = [
        [len(picks_of(made)) for made in rows(compiled(steps, before, epochs=EPOCHS))]
        for steps in (WIDE, PAIR)
    ]
    assert min(left[0]) < len(picks_of(before)) and set(left[1]) == {len(picks_of(before))}
    unsure = compiled(PAIR, before, epochs=EPOCHS)["pick_polarity"] == 0
    assert unsure.sum() > (before["pick_polarity"] == 0).sum() * EPOCHS


def test_gap_on_the_one_live_component_removes_the_pick():
    made = rows(compiled(APART, CASES["z_only"], epochs=EPOCHS))
    assert any(not picks_of(each) for each in made)
    assert all(each["step/gap_samples"] > 0 for each in made)


def test_counts_reach_both_ends_evenly():
    gaps, counts = np.unique(
        compiled(WIDE, CASES["noise"], epochs=EPOCHS)["step/gaps"], return_counts=True
    )
    assert gaps.tolist() == [1, 2, 3] and chisquare(counts).pvalue > 0.001


def test_lengths_are_log_uniform_and_places_uniform():
    out = compiled(SINGLE, CASES["noise"], epochs=EPOCHS)
    spans = np.concatenate([runs(~valid[:, 0]) for valid in out["valid"]])
    assert len(spans) == EPOCHS
    lengths = (spans[:, 1] - spans[:, 0]) / RATE
    low, high = SINGLE[0].op.duration_s
    assert low <= lengths.min() and lengths.max() <= high
    # Whole samples: half of one is let go, or the steps would show.
    share = np.log(lengths / low) / np.log(high / low)
    assert kstest(share, "uniform").statistic < 0.08
    places = spans[:, 0] / (SPEC.samples - (spans[:, 1] - spans[:, 0]))
    assert places.min() >= 0 and places.max() <= 1
    assert kstest(places, "uniform").pvalue > 0.001


def test_a_gap_may_reach_the_first_and_the_last_sample():
    size = SHORT.samples - 1
    steps = one_step(DataGap((1, 1), (size / RATE, size / RATE)))
    out = compiled(steps, make(SHORT), epochs=64, spec=SHORT)
    assert {int(np.flatnonzero(valid[:, 0])[0]) for valid in out["valid"]} == {0, size}


def test_a_window_is_never_emptied():
    steps = one_step(DataGap((1, 1), (SPEC.samples / RATE, 2 * SPEC.samples / RATE)))
    for made in rows(compiled(steps, CASES["p_and_s"])):
        assert made.pop("step/gaps") == 0 and made.pop("step/gap_samples") == 0
        assert_same(made, CASES["p_and_s"], but=["event_snr_db"])


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(APART, CASES["two_events"])
    assert_runs_everywhere(HIDDEN["linear", "all"], CASES["gaps"], epochs=2)
    assert changes(APART, make(quakes=[Quake()]), epochs=8) == 8
