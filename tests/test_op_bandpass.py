"""Random band-pass, against SciPy's recursions on the recorded spans."""

import numpy as np
import pytest
from hypothesis import given
from scipy import signal
from scipy.stats import kstest

from augment_ops.bandpass import Bandpass
from augment_ops.core.butterworth import TOP
from schemas.errors import UserError
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
from tests.span_truth import assert_close, assert_labels_stay, assert_pairs_follow, by_span
from tests.windows import CASES, RATE, SHORT, make, windows

CENTRES, WIDTHS, ORDER = (0.5, 4.0), (0.7, 2.0), 3
CAUSAL = one_step(Bandpass(CENTRES, WIDTHS, ORDER))
BOTH = one_step(Bandpass(CENTRES, WIDTHS, ORDER, zero_phase=True))
EPOCHS = 300


def corners(made):
    return float(made["step/low_hz"]), float(made["step/high_hz"])


def check(made, window, function, order=ORDER):
    """Compare with SciPy at the corners that were drawn."""
    sos = signal.butter(order, corners(made), "bandpass", fs=RATE, output="sos")
    assert_close(made["waveform"], by_span(window, lambda span: function(sos, span)))
    assert_labels_stay(made, window)


@pytest.mark.parametrize("case", CASES)
def test_causal_filter_is_sosfilt(case):
    for made in assert_sound(CAUSAL, CASES[case]):
        check(made, CASES[case], signal.sosfilt)


@pytest.mark.parametrize("case", CASES)
def test_zero_phase_filter_is_sosfiltfilt(case):
    for made in assert_sound(BOTH, CASES[case]):
        check(made, CASES[case], signal.sosfiltfilt)


@pytest.mark.parametrize("order", [1, 4, 10])
@pytest.mark.parametrize("zero_phase", [False, True])
def test_every_order_and_the_defaults_at_their_extremes(order, zero_phase):
    function = signal.sosfiltfilt if zero_phase else signal.sosfilt
    for centre, width in ((0.1, 0.3), (7.0, 0.5), (2.0, 4.0)):
        op = Bandpass((centre, centre), (width, width), order, zero_phase)
        check(eager(one_step(op), CASES["gaps"]), CASES["gaps"], function, order)


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(CAUSAL, window, epochs=2):
        check(made, window, signal.sosfilt)
    for made in assert_sound(BOTH, window, epochs=2):
        lengths = [np.ptp(np.flatnonzero(v)) + 1 for v in window["valid"].T if v.any()]
        # SciPy refuses what its extension would not fit into.
        if min(lengths) > 3 * (2 * ORDER + 1):
            check(made, window, signal.sosfiltfilt)
        else:
            assert np.isnan(corners(made)).all()
            assert_labels_stay(made, window)
            assert made["waveform"].tobytes() == window["waveform"].tobytes()


@pytest.mark.parametrize("spare", [0, 1])
def test_spans_too_short_for_the_zero_phase_are_left_alone(spare):
    window = make(SHORT, recorded=(30, 30 + 3 * (2 * ORDER + 1) + spare))
    for made in assert_sound(BOTH, window, epochs=2, spec=SHORT):
        if spare:
            check(made, window, signal.sosfiltfilt)
        else:
            assert np.isnan([made.pop("step/low_hz"), made.pop("step/high_hz")]).all()
            assert_same(made, window, ["event_snr_db"])


def test_nothing_moves_ahead_of_an_onset_unless_asked():
    window = make(scale=0.0)
    window["waveform"][400] = 1000.0
    early = [eager(steps, window)["waveform"][:400] for steps in (CAUSAL, BOTH)]
    assert not early[0].any() and np.abs(early[1]).max() > 1.0


def test_draws_cover_the_ranges():
    drawn = np.array(
        [corners(made) for made in rows(compiled(CAUSAL, CASES["noise"], epochs=EPOCHS))]
    )
    centre = np.log(np.prod(drawn, axis=1)) / 2
    share = (centre - np.log(CENTRES[0])) / np.log(CENTRES[1] / CENTRES[0])
    assert kstest(share, "uniform").pvalue > 0.001
    octaves = np.log2(drawn[:, 1] / drawn[:, 0])
    assert kstest((octaves - WIDTHS[0]) / (WIDTHS[1] - WIDTHS[0]), "uniform").pvalue > 0.001


def test_bands_that_the_rate_cannot_hold():
    made = eager(one_step(Bandpass((1.0, 1000.0), (1.0, 1.0))), CASES["noise"])
    assert corners(made)[1] <= TOP * RATE * (1 + 1e-6)
    with pytest.raises(UserError, match="centre_hz: got 8 Hz, expected at most 6.36"):
        eager(one_step(Bandpass((8.0, 9.0), (1.0, 1.0))), CASES["noise"])
    with pytest.raises(UserError, match="rings for"):
        eager(one_step(Bandpass((1e-3, 1.0), (0.1, 1.0))), CASES["noise"])


def test_pairs_follow_and_a_step_may_be_left_out():
    assert_pairs_follow(CAUSAL[0].op)
    assert_pairs_follow(BOTH[0].op)
    half = compiled(one_step(CAUSAL[0].op, probability=0.5), CASES["p_and_s"], epochs=32)
    assert 0 < np.isnan(half["step/low_hz"]).sum() < 32


def test_runs_everywhere_and_draws_anew():
    for steps in (CAUSAL, BOTH):
        assert_runs_everywhere(steps, CASES["gaps"], epochs=2)
        assert changes(steps, CASES["two_events"]) == 8
