"""Normalisation, against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from augment_ops.core.normalise import normalise
from tests.windows import CASES, SPEC, Quake, make, windows


def normalised(window, how):
    tensors = {name: tf.constant(window[name]) for name in ("waveform", "valid")}
    return normalise(tensors, how).numpy()


def expected(window, how):
    wave = np.ma.array(window["waveform"].astype(np.float64), mask=~window["valid"])
    centred = wave - wave.mean(axis=0)
    scale = centred.std(axis=0) if how == "std" else np.abs(centred).max(axis=0)
    return (centred / scale).filled(0.0)


@pytest.mark.parametrize("how", ["std", "peak"])
@pytest.mark.parametrize("case", CASES)
def test_valid_samples_have_mean_0_and_scale_1(how, case):
    value = normalised(CASES[case], how)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected(CASES[case], how), atol=1e-5)
    assert not value[~CASES[case]["valid"]].any()


def test_none_returns_the_samples():
    np.testing.assert_array_equal(normalised(CASES["gaps"], "none"), CASES["gaps"]["waveform"])


@given(windows(), st.sampled_from(["std", "peak"]))
def test_any_window_stays_finite_and_within_its_scale(window, how):
    value = normalised(window, how)
    assert np.isfinite(value).all() and not value[~window["valid"]].any()
    largest = 1 if how == "peak" else np.sqrt(SPEC.samples)
    assert np.abs(value).max() <= largest * (1 + 1e-6)


@pytest.mark.parametrize("how", ["std", "peak"])
@pytest.mark.parametrize("level", [0.0, 0.1, -7e8, 1e-30])
def test_a_constant_component_is_zero(how, level):
    window = make(quakes=[Quake()])
    window["waveform"][:, 1] = level
    value = normalised(window, how)
    assert not value[:, 1].any()
    np.testing.assert_allclose(value[:, 0], expected(window, how)[:, 0], atol=1e-5)


@pytest.mark.parametrize("how", ["std", "peak"])
def test_a_large_offset_or_amplitude_costs_no_accuracy(how):
    window = CASES["noise"]
    moved = {**window, "waveform": (1000 * window["waveform"] + np.float32(1e6))}
    np.testing.assert_allclose(normalised(moved, how), expected(moved, how), atol=1e-5)
    for scale in (1e30, 1e-30):
        scaled = {**window, "waveform": window["waveform"] * np.float32(scale)}
        np.testing.assert_allclose(normalised(scaled, how), expected(window, how), atol=1e-5)
