"""Preparation, against SciPy's own functions and computations done another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from pipelines.prepare import Record, bandpass, prepare
from schemas.errors import UserError
from schemas.recipe import Preparation
from tests.builders import prepared, wave


@pytest.mark.parametrize("zero_phase", [False, True])
def test_bandpass_is_scipys(zero_phase):
    trace = wave(3, 3000)[:, 0]
    how = Preparation(band_hz=(1.0, 20.0), band_order=3, zero_phase=zero_phase)
    sos = signal.butter(3, (1.0, 20.0), "bandpass", fs=100.0, output="sos")
    expected = (signal.sosfiltfilt if zero_phase else signal.sosfilt)(sos, trace)
    np.testing.assert_array_equal(bandpass(trace, 100.0, how), expected)
    out = prepared(trace[:, None], "Z", band_hz=(1, 20), band_order=3, zero_phase=zero_phase)
    np.testing.assert_array_equal(out.samples[:, 2], expected)


def test_a_band_beyond_nyquist_is_refused():
    with pytest.raises(UserError, match="band_hz: got 50 Hz, expected below 50 Hz"):
        prepared(wave(0, 100), band_hz=(1, 50))


def test_a_record_too_short_for_a_zero_phase_band_is_refused():
    with pytest.raises(UserError, match="12 samples are too few"):
        prepared(wave(0, 12), band_hz=(1, 20), zero_phase=True)


@pytest.mark.parametrize("how, kind", [("linear", "linear"), ("mean", "constant")])
def test_detrend_is_scipys_without_gaps(how, kind):
    samples = wave(4, 999) + np.linspace(0, 5000, 999)[:, None] + 777.0
    out = prepared(samples, detrend=how)
    expected = signal.detrend(samples, axis=0, type=kind)
    np.testing.assert_allclose(out.samples, expected, atol=1e-8)


def test_detrend_with_gaps_is_a_least_squares_fit_of_what_is_recorded():
    samples = wave(5, 800) + np.linspace(-900, 4000, 800)[:, None]
    valid = np.random.default_rng(0).random((800, 3)) > 0.4
    samples[~valid] = 1e6
    out = prepared(samples, valid=valid, detrend="linear")
    for index in range(3):
        held = valid[:, index]
        at = np.flatnonzero(held)
        fit = np.polyval(np.polyfit(at, samples[held, index], 1), at)
        np.testing.assert_allclose(out.samples[held, index], samples[held, index] - fit, atol=1e-6)
    np.testing.assert_array_equal(out.valid, valid)


def test_resampling_does_not_hear_what_stands_in_a_gap():
    samples, valid = wave(6, 600), np.ones((600, 3), bool)
    valid[200:300] = False
    loud = samples.copy()
    loud[200:300] = 1e9
    quiet, other = (prepared(s, rate=200.0, valid=valid) for s in (samples, loud))
    np.testing.assert_array_equal(quiet.samples, other.samples)
    assert not other.samples[~other.valid].any()


@pytest.mark.parametrize("zero_phase", [False, True])
def test_a_gap_does_not_ring(zero_phase):
    ramp, valid = 1e5 + np.arange(800.0)[:, None], np.ones((800, 1), bool)
    valid[300:500] = False
    whole = prepared(ramp, "Z", 200.0, zero_phase=zero_phase)
    gapped = prepared(ramp, "Z", 200.0, valid=valid, zero_phase=zero_phase)
    np.testing.assert_allclose(
        gapped.samples[gapped.valid], whole.samples[gapped.valid], rtol=1e-12
    )


@pytest.mark.parametrize("rate", [200.0, 50.0, 40.0, 125.0])
def test_a_resampled_gap_covers_what_was_not_recorded(rate):
    valid = np.ones((600, 1), bool)
    valid[251:300] = False
    out = prepared(wave(7, 600)[:, :1], "Z", rate, valid=valid)
    position = np.arange(len(out.valid)) / 100.0 * rate
    # Between recorded neighbours, or beside a gap.
    inside = (position > 250 + 1e-9) & (position < 300 - 1e-9)
    np.testing.assert_array_equal(out.valid[:, 2], ~inside)


@pytest.mark.parametrize(
    "components, columns",
    [
        ("ENZ", (0, 1, 2)),
        ("ZNE", (2, 1, 0)),
        ("12Z", (1, 0, 2)),
        ("Z12", (2, 1, 0)),
        ("XYZ", (0, 1, 2)),
        ("123", (1, 0, 2)),
        ("EZ", (0, None, 1)),
        ("Z", (None, None, 0)),
        ("ENZH", (0, 1, 2)),
    ],
)
def test_components_come_out_as_e_n_z(components, columns):
    samples = np.random.default_rng(8).normal(size=(50, len(components)))
    out = prepared(samples, components)
    assert out.components == "ENZ"
    for index, column in enumerate(columns):
        assert out.valid[:, index].all() == (column is not None)
        expected = np.zeros(50) if column is None else samples[:, column]
        np.testing.assert_array_equal(out.samples[:, index], expected)


def test_a_constant_component_is_dead():
    samples = wave(9, 100)
    samples[:, 1] = 123.0
    out = prepared(samples)
    np.testing.assert_array_equal(out.valid.all(axis=0), [True, False, True])
    assert not out.valid[:, 1].any() and not out.samples[:, 1].any()


def test_a_component_constant_where_it_is_recorded_is_dead():
    samples, valid = wave(9, 100), np.ones((100, 3), bool)
    valid[:50, 2] = False
    samples[50:, 2] = -4.0
    assert not prepared(samples, valid=valid).valid[:, 2].any()


def test_integers_at_their_extremes_do_not_wrap():
    samples = np.zeros((64, 1), np.int16)
    samples[::2], samples[1::2] = np.iinfo(np.int16).min, np.iinfo(np.int16).max
    out = prepared(samples, "Z", detrend="mean")
    np.testing.assert_array_equal(out.samples[:, 2], samples[:, 0] - samples[:, 0].mean())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [slice(7, 8), slice(None)])
def test_samples_that_are_not_finite_are_refused(bad, where):
    samples = wave(0, 100)
    samples[where, 0] = bad
    with pytest.raises(UserError, match="samples are not finite"):
        prepared(samples)


def test_what_stands_in_a_gap_may_be_anything():
    samples, valid = wave(0, 100), np.ones((100, 3), bool)
    samples[10, 0], valid[10, 0] = np.nan, False
    out = prepared(samples, valid=valid)
    assert np.isfinite(out.samples).all() and not out.valid[10, 0]


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (100,)])
def test_no_record_is_refused(shape):
    with pytest.raises(UserError, match="samples, expected at least 2"):
        prepared(np.ones(shape))


@given(st.integers(2, 400), st.sampled_from([40.0, 50.0, 100.0, 125.0, 200.0]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_invariants_of_any_record(count, rate, seed):
    rng = np.random.default_rng(seed)
    samples, valid = rng.normal(size=(count, 3)), rng.random((count, 3)) > 0.2
    out = prepare(Record(samples, "ENZ", rate, valid, 3.25), Preparation(), 100.0)
    assert out.samples.shape == out.valid.shape
    assert (len(out.samples) - 1) / 100.0 <= (count - 1) / rate + 1.0 / min(rate, 100.0)
    assert len(out.samples) / 100.0 >= count / rate - 1e-9
    assert np.isfinite(out.samples).all() and not out.samples[~out.valid].any()
    assert (out.sampling_rate_hz, out.offset_s) == (100.0, 3.25)
    again = prepare(Record(samples, "ENZ", rate, valid, 3.25), Preparation(), 100.0)
    np.testing.assert_array_equal(out.samples, again.samples)
