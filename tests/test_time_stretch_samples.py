"""The samples of time stretching, against sinusoids in closed form and SciPy's resampling."""

import numpy as np
import pytest
from scipy import signal
from scipy.interpolate import CubicSpline

from augment_ops.time_stretch import TimeStretch
from tests.run_steps import compiled, eager, one_step, rows
from tests.windows import CASES, make

MIDDLE = one_step(TimeStretch((0.7, 1.6), "middle"))
# The interpolator's taps reach so far.
TAPS = 24


def places_of(made):
    """Return the places in the window that the stretched samples come from."""
    return 399.5 + (np.arange(800) - 399.5) / np.float64(made["step/factor"])


def sinusoids(places, shares):
    """Return sinusoids of some shares of the Nyquist frequency at any places."""
    phases = [np.pi * share * places + 1.7 * n for n, share in enumerate(shares)]
    return np.sum(np.cos(phases), axis=0)[:, None] * [1.0, 2.0, 3.0] + 50.0


@pytest.mark.parametrize("factor", [0.7, 0.9, 1.0, 1.01, 1.3, 1.6])
def test_sinusoids_that_the_new_rate_holds_are_exact(factor):
    steps = one_step(TimeStretch((factor, factor), "middle"))
    highest = min(factor - 0.16, 0.9)
    window = make(scale=0.0)
    window["waveform"] = sinusoids(np.arange(800.0), [0.03, 0.4, highest]).astype(np.float32)
    made = eager(steps, window)
    places = places_of(made)
    sure = (places > TAPS) & (places < 799 - TAPS)
    truth = sinusoids(places[sure], [0.03, 0.4, highest])
    # The interpolator's 60 dB, of three components at once.
    np.testing.assert_allclose(made["waveform"][sure], truth, atol=0.01)


def test_what_the_new_rate_does_not_hold_is_gone():
    steps, window = one_step(TimeStretch((0.7, 0.7), "middle")), make(scale=0.0)
    window["waveform"] = sinusoids(np.arange(800.0), [0.72, 0.85]).astype(np.float32)
    made = eager(steps, window)["waveform"][300:500]
    np.testing.assert_allclose(made, np.broadcast_to(50.0, made.shape), atol=0.02)


def test_noise_agrees_with_scipy():
    window = CASES["noise"]
    sos = signal.cheby2(12, 80, 0.5, output="sos")
    smooth = signal.sosfiltfilt(sos, window["waveform"], axis=0)
    window = {**window, "waveform": smooth.astype(np.float32)}
    fine = CubicSpline(np.arange(800 * 16) / 16, signal.resample(smooth, 800 * 16))
    for made in rows(compiled(MIDDLE, window)):
        places = places_of(made)
        # SciPy's resampling takes the window for a circle.
        sure = (places > 100) & (places < 700)
        if made["step/factor"] > 0.7:
            np.testing.assert_allclose(made["waveform"][sure], fine(places[sure]), atol=0.01)


def test_gaps_grow_with_everything_and_are_bridged_for_the_taps():
    window = make(scale=0.0, gaps=[(390, 410, None)])
    window["waveform"] = np.where(window["valid"], 7.0, 0.0).astype(np.float32)
    made = eager(one_step(TimeStretch((1.5, 1.5), "middle")), window)
    assert (~made["valid"][:, 0]).sum() == pytest.approx(1.5 * 21, abs=1)
    np.testing.assert_allclose(made["waveform"][made["valid"]], 7.0, rtol=1e-6)
