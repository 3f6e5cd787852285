"""Resampled rate, against `scipy.signal.resample_poly` down and up."""

import numpy as np
import pytest
from hypothesis import given
from scipy.signal import resample_poly
from scipy.stats import chisquare

from augment_ops.resample_rate import ResampleRate
from tests.run_steps import (
    assert_runs_everywhere,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
)
from tests.span_truth import assert_close, assert_labels_stay, assert_pairs_follow
from tests.windows import CASES, RATE, SHORT, make, windows

FACTORS = (2, 3, 5)
STEPS = one_step(ResampleRate(FACTORS))


def check(made, window):
    """Compare with SciPy, with the line through both ends of each span taken off."""
    factor = int(made["step/factor"])
    truth = np.zeros(window["waveform"].shape)
    for component, valid in enumerate(window["valid"].T):
        at = np.flatnonzero(valid)
        if not at.size:
            continue
        wave = window["waveform"][:, component].astype(np.float64)
        span = np.arange(at[0], at[-1] + 1)
        line = np.interp(span, at[[0, -1]], wave[at[[0, -1]]])
        left = np.zeros(len(wave))
        left[span] = np.interp(span, at, wave[at]) - line
        there = resample_poly(resample_poly(left, 1, factor), factor, 1)
        truth[span, component] = there[span] + line
    assert_close(made["waveform"], np.where(window["valid"], truth, 0.0))
    assert_labels_stay(made, window)


@pytest.mark.parametrize("case", CASES)
def test_it_is_resample_poly(case):
    for made in assert_sound(STEPS, CASES[case]):
        check(made, CASES[case])


@pytest.mark.parametrize("factor", [4, 8, 30])
def test_other_factors(factor):
    check(eager(one_step(ResampleRate((factor,))), CASES["padded"]), CASES["padded"])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(STEPS, window, epochs=2):
        check(made, window)


@pytest.mark.parametrize("recorded", [(0, 1), (50, 51), (98, 100)])
def test_spans_of_a_sample_or_two_stay(recorded):
    window = make(SHORT, recorded=recorded)
    made = eager(STEPS, window, spec=SHORT)
    np.testing.assert_array_equal(made["waveform"], window["waveform"])


def test_what_the_lower_rate_holds_stays_and_the_rest_goes():
    time = np.arange(800) / RATE
    for factor in FACTORS:
        steps = one_step(ResampleRate((factor,)))
        highest = RATE / 2 / factor
        for hz, kept in ((0.5 * highest, 1.0), (1.5 * highest, 0.0)):
            window = make(scale=0.0)
            wave = np.sin(2 * np.pi * hz * time)[:, None]
            window["waveform"] = np.repeat(wave, 3, axis=1).astype(np.float32)
            made = eager(steps, window)["waveform"]
            # Not delayed by a part of a sample either.
            np.testing.assert_allclose(made[200:600], kept * wave[200:600] * [1, 1, 1], atol=4e-3)


def test_factors_are_drawn_alike():
    drawn = compiled(STEPS, CASES["noise"], epochs=300)["step/factor"]
    factors, counts = np.unique(drawn, return_counts=True)
    assert factors.tolist() == list(FACTORS) and chisquare(counts).pvalue > 0.001


def test_pairs_follow_and_runs_everywhere_and_draws_anew():
    assert_pairs_follow(STEPS[0].op)
    assert_runs_everywhere(STEPS, CASES["gaps"])
    assert changes(STEPS, CASES["two_events"], epochs=32) == len(FACTORS)
