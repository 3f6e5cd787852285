"""Resampling, against SciPy's own functions and computations done another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from pipelines.prepare import causal_taps, rate_ratio, resample
from schemas.errors import UserError
from tests.builders import prepared, wave

RATIOS = [(1, 2), (2, 1), (5, 2), (4, 5), (2, 5)]


@pytest.mark.parametrize("up, down", RATIOS)
def test_zero_phase_is_scipys_resample_poly(up, down):
    trace = wave(0, 501)[:, 0]
    expected = signal.resample_poly(trace, up, down, padtype="line")
    np.testing.assert_array_equal(resample(trace, up, down, zero_phase=True), expected)


@pytest.mark.parametrize("up, down", RATIOS)
def test_causal_is_stuffing_filtering_and_decimating(up, down):
    trace = wave(1, 501)[:, 0]
    stuffed = np.zeros(len(trace) * up)
    stuffed[::up] = trace - trace[0]
    expected = signal.lfilter(causal_taps(up, down), 1.0, stuffed)[::down] + trace[0]
    got = resample(trace, up, down)
    np.testing.assert_allclose(got, expected, atol=1e-9 * np.abs(trace).max())


@pytest.mark.parametrize("up, down", RATIOS)
def test_causal_and_zero_phase_filters_attenuate_alike(up, down):
    fastest = max(up, down)
    own = signal.firwin(20 * fastest + 1, 1.0 / fastest, window=("kaiser", 5.0)) * up
    at, expected = signal.freqz(own, worN=2048)
    _, got = signal.freqz(causal_taps(up, down), worN=2048)
    tolerance = 0.01 * up
    np.testing.assert_allclose(np.abs(got), np.abs(expected), atol=tolerance)
    assert got[0] == pytest.approx(up, rel=1e-12)
    stopped = at > 1.2 * np.pi / fastest
    assert np.abs(got[stopped]).max() < 0.003 * up


@pytest.mark.parametrize("zero_phase", [False, True])
def test_a_tone_beyond_the_new_nyquist_does_not_alias(zero_phase):
    time = np.arange(4000) / 200.0
    for hz, passes in ((70.0, False), (20.0, True)):
        tone = np.sin(2 * np.pi * hz * time)
        out = prepared(tone[:, None], "Z", 200.0, 100.0, zero_phase=zero_phase)
        inner = out.samples[100:-100, 2]
        assert (inner.std() > 0.99 * tone.std()) if passes else (inner.std() < 0.005 * tone.std())


@pytest.mark.parametrize("rate", [200.0, 50.0, 40.0, 125.0])
def test_nothing_comes_before_a_causal_impulse(rate):
    count = round(20 * rate)
    impulse = np.zeros((count, 1))
    impulse[count // 2] = 1.0
    band = {"band_hz": (2.0, 15.0)}
    ahead = {}
    for zero_phase in (False, True):
        out = prepared(impulse, "Z", rate, 100.0, zero_phase=zero_phase, **band)
        onset = count // 2 / rate * 100.0
        before = np.arange(len(out.samples)) < onset
        ahead[zero_phase] = np.abs(out.samples[before, 2]).max() / np.abs(out.samples).max()
    assert ahead[False] == 0.0
    assert ahead[True] > 0.1


@pytest.mark.parametrize("zero_phase", [False, True])
@pytest.mark.parametrize("rate", [200.0, 50.0, 40.0, 125.0])
def test_an_onset_stays_where_it_was(rate, zero_phase):
    onset_s = 10.0
    time = np.arange(round(20 * rate)) / rate
    ramp = np.where(time >= onset_s, np.sin(2 * np.pi * 5.0 * (time - onset_s)), 0.0)
    out = prepared(ramp[:, None], "Z", rate, 100.0, zero_phase=zero_phase)
    grid = np.arange(len(out.samples)) / out.sampling_rate_hz
    truth = np.where(grid >= onset_s, np.sin(2 * np.pi * 5.0 * (grid - onset_s)), 0.0)
    found = grid[np.flatnonzero(np.abs(out.samples[:, 2]) > 0.3)[0]]
    expected = grid[np.flatnonzero(np.abs(truth) > 0.3)[0]]
    # A minimum-phase filter is late by one to two samples of the coarser rate, never early.
    late = 2.0 / min(rate, 100.0) if not zero_phase and rate != 100.0 else 0.0
    assert -0.0101 <= found - expected <= late + 0.0101


@pytest.mark.parametrize("up, down", RATIOS)
def test_the_causal_filter_is_late_by_less_than_two_samples(up, down):
    _, delay = signal.group_delay((causal_taps(up, down), 1.0), w=[0.001, 0.1 * np.pi / up])
    assert (0 < delay).all() and (delay < 2 * max(up, down)).all()


@pytest.mark.parametrize("rate, ratio", [(200, (1, 2)), (50, (2, 1)), (40, (5, 2)), (125, (4, 5))])
def test_ratios_are_exact(rate, ratio):
    assert rate_ratio(float(rate), 100.0, 10**7) == ratio


@pytest.mark.parametrize("rate", [99.97, 100.00001, 0.001, 1e9, 0.0, -1.0, np.nan, np.inf, np.pi])
def test_a_rate_that_cannot_be_carried_is_refused(rate):
    with pytest.raises(UserError, match="sampling rate: got"):
        rate_ratio(rate, 100.0, 10**7)


@given(st.floats(1.0, 1000.0), st.integers(2, 10**7))
@settings(max_examples=200, deadline=None)
def test_an_accepted_rate_drifts_by_less_than_a_hundredth_of_a_sample(rate, count):
    try:
        up, down = rate_ratio(rate, 100.0, count)
    except UserError:
        return
    assert 1 <= up <= 1000 and 1 <= down <= 1000
    seconds_said, seconds_true = count * up / down / 100.0, count / rate
    assert abs(seconds_said - seconds_true) * max(rate, 100.0) < 0.01 + 1e-6


def test_a_rate_that_is_almost_right_is_taken_for_short_records_only():
    assert rate_ratio(100.0001, 100.0, 9000) == (1, 1)
    with pytest.raises(UserError, match="sampling rate"):
        rate_ratio(100.0001, 100.0, 90_000)
