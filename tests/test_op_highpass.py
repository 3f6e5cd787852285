"""Random high-pass, against SciPy's recursions on the recorded spans."""

import numpy as np
import pytest
from hypothesis import given
from scipy import signal
from scipy.stats import kstest

from augment_ops.core.butterworth import TOP
from augment_ops.highpass import Highpass
from schemas.errors import UserError
from tests.run_steps import (
    assert_runs_everywhere,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
)
from tests.span_truth import assert_close, assert_labels_stay, assert_pairs_follow, by_span
from tests.windows import CASES, RATE, make, windows

CORNERS = (0.3, 4.0)
CAUSAL = one_step(Highpass(CORNERS))
BOTH = one_step(Highpass(CORNERS, 5, zero_phase=True))


def check(made, window, function, order):
    """Compare with SciPy at the corner that was drawn."""
    sos = signal.butter(order, made["step/corner_hz"], "highpass", fs=RATE, output="sos")
    assert_close(made["waveform"], by_span(window, lambda span: function(sos, span)))
    assert_labels_stay(made, window)


@pytest.mark.parametrize("case", CASES)
def test_filter_is_scipys(case):
    for made in assert_sound(CAUSAL, CASES[case]):
        check(made, CASES[case], signal.sosfilt, 2)
    for made in assert_sound(BOTH, CASES[case]):
        check(made, CASES[case], signal.sosfiltfilt, 5)


@pytest.mark.parametrize("order", [1, 2, 10])
@pytest.mark.parametrize("corner", [0.02, 1.0, 9.0])
def test_every_order_from_the_lowest_corner_to_the_highest(order, corner):
    for zero_phase, function in ((False, signal.sosfilt), (True, signal.sosfiltfilt)):
        made = eager(one_step(Highpass((corner, corner), order, zero_phase)), CASES["gaps"])
        check(made, CASES["gaps"], function, order)


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(CAUSAL, window, epochs=2):
        check(made, window, signal.sosfilt, 2)
    for made in assert_sound(BOTH, window, epochs=2):
        if np.isfinite(made["step/corner_hz"]):
            check(made, window, signal.sosfiltfilt, 5)
        else:
            assert min(np.ptp(np.flatnonzero(v)) for v in window["valid"].T if v.any()) < 18
            assert_labels_stay(made, window)
            assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_what_becomes_of_an_offset():
    window = make(scale=0.0)
    window["waveform"] += np.float32(1e4)
    last = eager(CAUSAL, window)["waveform"][-1]
    np.testing.assert_allclose(last, 0.0, atol=1.0)
    # Started as if the offset had always been there.
    np.testing.assert_allclose(eager(BOTH, window)["waveform"], 0.0, atol=1e-2)


def test_corners_are_log_uniform_as_far_as_the_rate_goes():
    drawn = compiled(CAUSAL, CASES["noise"], epochs=300)["step/corner_hz"]
    share = np.log(drawn / CORNERS[0]) / np.log(CORNERS[1] / CORNERS[0])
    assert kstest(share, "uniform").pvalue > 0.001
    made = eager(one_step(Highpass((8.99, 1000.0))), CASES["noise"])
    assert made["step/corner_hz"] <= TOP * RATE
    with pytest.raises(UserError, match="corner_hz: got 9.5 Hz, expected at most 9 Hz"):
        eager(one_step(Highpass((9.5, 20.0))), CASES["noise"])
    with pytest.raises(UserError, match="rings for"):
        eager(one_step(Highpass((1e-5, 2.0))), CASES["noise"])


def test_pairs_follow_and_runs_everywhere_and_draws_anew():
    assert_pairs_follow(BOTH[0].op)
    assert_runs_everywhere(CAUSAL, CASES["gaps"], epochs=2)
    assert changes(CAUSAL, CASES["two_events"]) == changes(BOTH, CASES["two_events"]) == 8
