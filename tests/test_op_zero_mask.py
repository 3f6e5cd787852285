"""Zero mask, against the samples that NumPy hides and fades itself."""

import numpy as np
import pytest
from hypothesis import given
from scipy.ndimage import distance_transform_edt
from scipy.signal.windows import tukey
from scipy.stats import chisquare, kstest

from augment_ops.zero_mask import ZeroMask
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
from tests.windows import CASES, RATE, SHORT, SPEC, make, picks_of, tensors, windows

TAPER = 20
HARD = one_step(ZeroMask((1, 3), (2.0, 10.0)))
SOFT = one_step(ZeroMask((1, 3), (2.0, 10.0), TAPER / RATE))
SINGLE = one_step(ZeroMask((1, 1), (0.5, 8.0)))
EPOCHS = 400


def check(made, window, taper=0):
    """Compare with the window that NumPy masks where samples are no longer valid."""
    hidden = (window["valid"] & ~made["valid"]).any(axis=1)
    assert not (made["valid"] & ~window["valid"]).any()
    assert not made["valid"][hidden].any()
    assert made["step/masked_samples"] == hidden.sum()
    faded = made["waveform"] != window["waveform"]
    if not taper:
        assert not faded[~hidden].any()
    elif hidden.any() and window["valid"].all():
        # Masks lie where samples are lost, so the way to them is known.
        away = np.minimum(distance_transform_edt(~hidden), taper + 1)
        weight = np.sin(0.5 * np.pi * away / (taper + 1)) ** 2
        truth = window["waveform"] * weight[:, None]
        np.testing.assert_allclose(made["waveform"], truth, atol=1e-6 * np.abs(truth).max())
    kept = picks_of(made)
    for key, (at, polarity) in picks_of(window).items():
        beneath = made["valid"][int(np.round(at))]
        assert (key in kept) == beneath.any()
        if key in kept:
            assert kept[key] == (at, polarity)


@pytest.mark.parametrize("case", CASES)
def test_samples_under_masks_are_hidden_and_their_picks_with_them(case):
    for made in assert_sound(HARD, CASES[case]):
        check(made, CASES[case])
    for made in assert_sound(SOFT, CASES[case]):
        check(made, CASES[case], TAPER)


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(HARD, window, epochs=3):
        check(made, window)
    for made in assert_sound(SOFT, window, epochs=3):
        check(made, window, TAPER)


def test_fading_stays_valid_beside_a_mask():
    window = make(scale=0.0)
    window["waveform"] += np.float32(1.0)
    made = rows(compiled(one_step(ZeroMask((1, 1), (5.0, 5.0), TAPER / RATE)), window, epochs=16))
    whole = 0
    for each in made:
        assert (~each["valid"]).sum(axis=0).tolist() == [5 * RATE] * 3
        start = np.flatnonzero(~each["valid"][:, 0])[0]
        if TAPER < start < SPEC.samples - 100 - TAPER:
            # A Tukey window of its rise and fall alone, without the zeros at its ends.
            fall = tukey(2 * TAPER + 3, 1.0)[TAPER + 2 : -1]
            np.testing.assert_allclose(each["waveform"][start - TAPER : start, 0], fall, atol=1e-6)
            assert each["valid"][start - TAPER : start].all()
            whole += 1
    assert whole > 4


def test_picks_are_removed_only_under_a_mask():
    before = CASES["two_events"]
    left = [len(picks_of(made)) for made in rows(compiled(HARD, before, epochs=EPOCHS))]
    assert min(left) < len(picks_of(before)) == max(left)


def test_counts_lengths_and_places():
    counts = np.unique(
        compiled(HARD, CASES["noise"], epochs=EPOCHS)["step/masks"], return_counts=True
    )
    assert counts[0].tolist() == [1, 2, 3] and chisquare(counts[1]).pvalue > 0.001
    out = compiled(SINGLE, CASES["noise"], epochs=EPOCHS)
    hidden = ~out["valid"].all(axis=2)
    lengths = hidden.sum(axis=1)
    low, high = (seconds * RATE for seconds in SINGLE[0].op.duration_s)
    # Whole samples: half of one is let go, or the steps would show.
    assert low <= lengths.min() and lengths.max() <= high
    assert kstest(np.log(lengths / low) / np.log(high / low), "uniform").statistic < 0.08
    places = hidden.argmax(axis=1) / (SPEC.samples - lengths)
    assert kstest(places, "uniform").pvalue > 0.001


def test_a_window_is_never_emptied():
    for spec, window in ((SPEC, CASES["padded"]), (SHORT, make(SHORT))):
        steps = one_step(ZeroMask((1, 1), (spec.samples / RATE,) * 2, 0.5))
        made = eager(steps, window, spec=spec)
        assert made.pop("step/masks") == 0 and made.pop("step/masked_samples") == 0
        assert_same(made, window, but=["event_snr_db"])


def test_pairs_still_show_what_was_hidden():
    window = tensors(CASES["p_and_s"])
    out = HARD[0].op({**window, "clean_waveform": window["waveform"]}, np.array([1, 2], np.int64))
    np.testing.assert_array_equal(out["clean_waveform"], window["waveform"])
    assert (out["waveform"].numpy() != window["waveform"].numpy()).any()


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(SOFT, CASES["two_events"], epochs=2)
    assert changes(SOFT, CASES["two_events"]) == changes(HARD, CASES["two_events"]) == 8
    soft, hard = (eager(steps, CASES["noise"]) for steps in (SOFT, HARD))
    assert_same(soft, hard, but=["waveform"])
    assert (soft["waveform"] != hard["waveform"]).any()
