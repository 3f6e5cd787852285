"""Frequency mask, against sinusoids, and a convolution whose kernel SciPy integrates."""

import numpy as np
import pytest
from hypothesis import given
from scipy.integrate import quad_vec
from scipy.signal import fftconvolve
from scipy.stats import kstest

from augment_ops.frequency_mask import FrequencyMask
from schemas.errors import UserError
from tests.run_steps import (
    assert_runs_everywhere,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
    rows,
)
from tests.span_truth import assert_close, assert_labels_stay, assert_pairs_follow, by_span
from tests.windows import CASES, RATE, SPEC, make, windows

WIDTHS, LOWS, EDGE = (0.5, 2.0), (1.0, 6.0), 0.5
STEPS = one_step(FrequencyMask(WIDTHS, LOWS, EDGE))


def removed(low, high, edge=EDGE, reach=SPEC.samples):
    """Return the kernel of what is taken out: the inverse transform of the band, by quadrature."""
    lag = np.arange(-reach + 1, reach) / RATE

    def share(hz):
        away = max(low - hz, hz - high, 0.0)
        return np.cos(0.5 * np.pi * min(away / edge, 1.0)) ** 2

    half = RATE / 2
    corners = [min(max(hz, 0.0), half) for hz in (low - edge, low, high, high + edge)]
    parts = [
        quad_vec(lambda hz: share(hz) * np.cos(2 * np.pi * hz * lag), a, b, epsabs=1e-9)[0]
        for a, b in zip(corners, corners[1:])
        if b > a
    ]
    return 2.0 * sum(parts) / RATE


def check(made, window):
    kernel = removed(float(made["step/low_hz"]), float(made["step/high_hz"]))

    def masked(span):
        centred = span - span.mean()
        return (
            span
            - fftconvolve(np.pad(centred, len(kernel) // 2), kernel, mode="same")[
                len(kernel) // 2 :
            ][: len(span)]
        )

    assert_close(made["waveform"], by_span(window, masked), 2e-5)
    assert_labels_stay(made, window)


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_convolution_with_the_bands_kernel(case):
    for made in assert_sound(STEPS, CASES[case], epochs=2):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(STEPS, window, epochs=2):
        assert_labels_stay(made, window)
        assert (made["step/high_hz"] - made["step/low_hz"]) == pytest.approx(1.25, abs=0.751)


@pytest.mark.parametrize(
    ("hz", "kept"), [(1.0, 1.0), (2.25, 0.5), (3.0, 0.0), (4.0, 0.0), (4.25, 0.5), (6.0, 1.0)]
)
def test_a_sinusoid_keeps_what_the_band_leaves_it(hz, kept):
    steps = one_step(FrequencyMask((1.5, 1.5), (2.5, 2.5), EDGE))
    window = make(scale=0.0)
    wave = np.cos(2 * np.pi * hz * np.arange(800) / RATE)[:, None] * [1.0, 2.0, 3.0] + 100.0
    window["waveform"] = wave.astype(np.float32)
    made = eager(steps, window)["waveform"]
    middle = slice(300, 500)
    truth = 100.0 + kept * (wave[middle] - 100.0)
    np.testing.assert_allclose(made[middle], truth, atol=0.01)


def test_edges_of_another_width():
    window = CASES["p_and_s"]
    made = eager(one_step(FrequencyMask(WIDTHS, LOWS, 2.0)), window)
    usual = eager(STEPS, window)
    assert made["step/low_hz"] == usual["step/low_hz"]
    assert np.abs(made["waveform"] - usual["waveform"]).max() > 1.0


def test_bands_are_uniform_as_far_as_the_rate_goes():
    out = compiled(STEPS, CASES["noise"], epochs=300)
    low, width = out["step/low_hz"], out["step/high_hz"] - out["step/low_hz"]
    for drawn, (least, most) in ((low, LOWS), (width, WIDTHS)):
        assert kstest((drawn - least) / (most - least), "uniform").pvalue > 0.001
    highest = one_step(FrequencyMask((0.5, 0.5), (9.0, 50.0), EDGE))
    made = rows(compiled(highest, CASES["noise"], epochs=8))
    assert all(each["step/high_hz"] <= RATE / 2 for each in made)
    with pytest.raises(UserError, match="low_hz: got 9.8 Hz, expected at most 9.5 Hz"):
        eager(one_step(FrequencyMask((0.5, 0.5), (9.8, 50.0), EDGE)), CASES["noise"])


def test_pairs_follow_and_runs_everywhere_and_draws_anew():
    assert_pairs_follow(STEPS[0].op)
    assert_runs_everywhere(STEPS, CASES["gaps"])
    assert changes(STEPS, CASES["two_events"]) == 8
