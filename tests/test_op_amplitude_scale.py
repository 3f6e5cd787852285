"""Amplitude scale, against the decibels that NumPy measures."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from scipy.stats import kstest

from augment_ops.amplitude_scale import AmplitudeScale
from augment_ops.core.steps import with_pairs
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, make, tensors, windows

LOW, HIGH = -30.0, 10.0
SCALE = one_step(AmplitudeScale((LOW, HIGH)))
CHANGED = ["waveform", "event_snr_db"]


def measured_db(made, window):
    """Return by how many decibels the rms has grown."""
    power = [np.mean(np.square(w["waveform"], dtype=np.float64)) for w in (made, window)]
    return 10 * np.log10(power[0] / power[1])


def check(made, window):
    drawn = made.pop("step/gain_db")
    assert LOW <= drawn <= HIGH
    assert measured_db(made, window) == pytest.approx(drawn, abs=1e-4)
    exact = window["waveform"].astype(np.float64) * 10 ** (np.float64(drawn) / 20)
    np.testing.assert_allclose(made["waveform"], exact, rtol=1e-6)
    # One gain leaves the SNR as it is.
    np.testing.assert_allclose(made["event_snr_db"], window["event_snr_db"], atol=0.01)
    assert_same(made, window, CHANGED)


@pytest.mark.parametrize("case", CASES)
def test_all_samples_have_the_gain_that_was_drawn(case):
    for made in assert_sound(SCALE, CASES[case]):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(SCALE, window, epochs=2):
        check(made, window)


def test_gains_are_log_uniform():
    drawn = compiled(SCALE, CASES["noise"], epochs=300)["step/gain_db"]
    assert kstest((drawn - LOW) / (HIGH - LOW), "uniform").pvalue > 0.001


def test_a_gain_that_no_float_can_take_is_not_applied():
    steps = one_step(AmplitudeScale((800.0, 800.0)))
    (made,) = rows(compiled(steps, CASES["p_and_s"], epochs=1))
    assert np.isnan(made.pop("step/gain_db"))
    assert_same(made, CASES["p_and_s"], CHANGED)
    assert made["waveform"].tobytes() == CASES["p_and_s"]["waveform"].tobytes()


def test_pairs_have_the_same_gain():
    held = with_pairs(tensors(make()), ("clean_waveform", "unclipped_waveform", "clipped"))
    made = AmplitudeScale()(held, tf.constant([1, 2], tf.int64))
    assert (made["waveform"].numpy() != held["waveform"].numpy()).any()
    for name in ("clean_waveform", "unclipped_waveform"):
        np.testing.assert_array_equal(made[name], made["waveform"])


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(SCALE, CASES["gaps"])
    assert changes(SCALE, CASES["p_and_s"]) == 8
