"""Random high-pass and low-pass, against SciPy's recursions on the recorded spans."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from scipy import signal
from scipy.stats import kstest

from augment_ops.core.butterworth import TOP
from augment_ops.highpass import Highpass
from augment_ops.lowpass import Lowpass
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


@dataclass(frozen=True)
class Side:
    """An op under test: SciPy's name for it, corners, and the share of an offset that stays."""

    op: type
    name: str
    corners: tuple[float, float]
    offset_left: float

    @property
    def causal(self):
        return one_step(self.op(self.corners))

    @property
    def both_ways(self):
        return one_step(self.op(self.corners, 5, zero_phase=True))

    def check(self, made, window, function, order):
        """Compare with SciPy at the corner that was drawn."""
        sos = signal.butter(order, made["step/corner_hz"], self.name, fs=RATE, output="sos")
        assert_close(made["waveform"], by_span(window, lambda span: function(sos, span)))
        assert_labels_stay(made, window)


HIGH = Side(Highpass, "highpass", (0.3, 4.0), 0.0)
LOW = Side(Lowpass, "lowpass", (0.5, 8.0), 1.0)
each_side = pytest.mark.parametrize("side", [HIGH, LOW], ids=["highpass", "lowpass"])


@pytest.mark.parametrize("case", CASES)
@each_side
def test_filter_is_scipys(side, case):
    for made in assert_sound(side.causal, CASES[case]):
        side.check(made, CASES[case], signal.sosfilt, 2)
    for made in assert_sound(side.both_ways, CASES[case]):
        side.check(made, CASES[case], signal.sosfiltfilt, 5)


@pytest.mark.parametrize("order", [1, 2, 10])
@pytest.mark.parametrize("corner", [0.02, 1.0, 9.0])
@each_side
def test_every_order_from_the_lowest_corner_to_the_highest(side, order, corner):
    for zero_phase, function in ((False, signal.sosfilt), (True, signal.sosfiltfilt)):
        made = eager(one_step(side.op((corner, corner), order, zero_phase)), CASES["gaps"])
        side.check(made, CASES["gaps"], function, order)


@each_side
@given(window=windows())
def test_any_window_stays_sound(side, window):
    for made in assert_sound(side.causal, window, epochs=2):
        side.check(made, window, signal.sosfilt, 2)
    for made in assert_sound(side.both_ways, window, epochs=2):
        if np.isfinite(made["step/corner_hz"]):
            side.check(made, window, signal.sosfiltfilt, 5)
        else:
            assert min(np.ptp(np.flatnonzero(v)) for v in window["valid"].T if v.any()) < 18
            assert_labels_stay(made, window)
            assert made["waveform"].tobytes() == window["waveform"].tobytes()


@each_side
def test_what_becomes_of_an_offset(side):
    window = make(scale=0.0)
    window["waveform"] += np.float32(1e4)
    last = eager(side.causal, window)["waveform"][-1]
    left = 1e4 * side.offset_left
    np.testing.assert_allclose(last, left, atol=1.0)
    # Started as if the offset had always been there.
    np.testing.assert_allclose(eager(side.both_ways, window)["waveform"], left, atol=1e-2)


@each_side
def test_corners_are_log_uniform_as_far_as_the_rate_goes(side):
    drawn = compiled(side.causal, CASES["noise"], epochs=300)["step/corner_hz"]
    share = np.log(drawn / side.corners[0]) / np.log(side.corners[1] / side.corners[0])
    assert kstest(share, "uniform").pvalue > 0.001
    made = eager(one_step(side.op((8.99, 1000.0))), CASES["noise"])
    assert made["step/corner_hz"] <= TOP * RATE
    with pytest.raises(UserError, match="corner_hz: got 9.5 Hz, expected at most 9 Hz"):
        eager(one_step(side.op((9.5, 20.0))), CASES["noise"])
    with pytest.raises(UserError, match="rings for"):
        eager(one_step(side.op((1e-5, 2.0))), CASES["noise"])


@each_side
def test_pairs_follow_and_runs_everywhere_and_draws_anew(side):
    assert_pairs_follow(side.both_ways[0].op)
    assert_runs_everywhere(side.causal, CASES["gaps"], epochs=2)
    assert (
        changes(side.causal, CASES["two_events"])
        == changes(side.both_ways, CASES["two_events"])
        == 8
    )
