"""Component gain, against the decibels that NumPy measures on each component."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from scipy.stats import kstest, spearmanr

from augment_ops.component_gain import ComponentGain
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

LOW, HIGH = -8.0, 4.0
GAIN = one_step(ComponentGain((LOW, HIGH)))
NAMES = ("step/gain_e", "step/gain_n", "step/gain_z")


def check(made, window):
    drawn = np.array([made.pop(name) for name in NAMES])
    live = window["valid"].any(axis=0)
    np.testing.assert_array_equal(np.isfinite(drawn), live)
    assert (drawn[live] >= LOW).all() and (drawn[live] <= HIGH).all()
    for at in np.flatnonzero(live):
        rms = [np.sqrt(np.mean(np.square(w["waveform"][:, at], dtype=np.float64)))
               for w in (made, window)]  # fmt: skip
        assert 20 * np.log10(rms[0] / rms[1]) == pytest.approx(drawn[at], abs=1e-4)
        exact = window["waveform"][:, at] * 10 ** (np.float64(drawn[at]) / 20)
        np.testing.assert_allclose(made["waveform"][:, at], exact, rtol=1e-6)
    assert_same(made, window, ["waveform", "event_snr_db"])


@pytest.mark.parametrize("case", CASES)
def test_each_component_has_the_gain_that_was_drawn(case):
    for made in assert_sound(GAIN, CASES[case]):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(GAIN, window, epochs=2):
        check(made, window)


def test_gains_are_log_uniform_and_of_no_kin():
    out = compiled(GAIN, CASES["noise"], epochs=300)
    drawn = [(out[name] - LOW) / (HIGH - LOW) for name in NAMES]
    for at, one in enumerate(drawn):
        assert kstest(one, "uniform").pvalue > 0.001
        assert spearmanr(one, drawn[at - 1]).pvalue > 0.001


def test_gains_that_no_float_can_take_are_not_applied():
    (made,) = rows(compiled(one_step(ComponentGain((800.0, 800.0))), CASES["p_and_s"], epochs=1))
    assert all(np.isnan(made.pop(name)) for name in NAMES)
    assert_same(made, CASES["p_and_s"], ["event_snr_db"])


def test_pairs_have_the_same_gains():
    held = with_pairs(tensors(make()), ("clean_waveform", "unclipped_waveform", "clipped"))
    made = ComponentGain()(held, tf.constant([1, 2], tf.int64))
    assert (made["waveform"].numpy() != held["waveform"].numpy()).any()
    for name in ("clean_waveform", "unclipped_waveform"):
        np.testing.assert_array_equal(made[name], made["waveform"])


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(GAIN, CASES["gaps"])
    assert changes(GAIN, CASES["p_and_s"]) == 8
