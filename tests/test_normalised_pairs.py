"""Pairs beside a normalised waveform: one gain for all, against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from augment_ops.core.normalise import normalise, normalised
from tests.windows import CASES, Quake, make, tensors, windows

HOWS = ["std", "peak"]


def noisy(window, level=7.0, offset=3.0):
    """Return a window with noise on what is valid, its clean waveform, and the noise."""
    shape = window["waveform"].shape
    noise = np.random.default_rng(5).normal(offset, level, shape) * window["valid"]
    held = tensors(window)
    clean = held["waveform"]
    mixture = tf.constant((window["waveform"] + noise).astype(np.float32))
    return {**held, "waveform": mixture, "clean_waveform": clean}


def of_valid(wave, valid):
    """Return samples as float64, masked where they are not valid."""
    return np.ma.array(wave.numpy().astype(np.float64), mask=~valid)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("case", ["two_events", "gaps", "padded", "z_only"])
def test_the_difference_is_the_noise_centred_and_with_the_mixtures_gain(how, case):
    window, valid = noisy(CASES[case]), CASES[case]["valid"]
    made = normalised(window, how)
    mixture, clean = (of_valid(window[n], valid) for n in ("waveform", "clean_waveform"))
    centred = mixture - mixture.mean(axis=0)
    scale = centred.std(axis=0) if how == "std" else np.abs(centred).max(axis=0)
    noise = mixture - clean
    expected = ((noise - noise.mean(axis=0)) / scale).filled(0.0)
    found = made["waveform"] - made["clean_waveform"]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.abs(expected).max() > 0.01
    expected = ((clean - clean.mean(axis=0)) / scale).filled(0.0)
    np.testing.assert_allclose(made["clean_waveform"], expected, atol=2e-5)
    for name in set(window) - {"waveform", "clean_waveform"}:
        assert made[name] is window[name]


@given(windows(), st.sampled_from(HOWS))
def test_the_waveform_is_as_without_pairs_and_a_twin_has_its_bits(window, how):
    held = tensors(window)
    alone = normalise(held, how).numpy()
    made = normalised({**held, "unmasked_waveform": held["waveform"]}, how)
    assert made["waveform"].numpy().tobytes() == alone.tobytes()
    assert made["unmasked_waveform"].numpy().tobytes() == alone.tobytes()
    assert np.isfinite(normalised(noisy(window), how)["clean_waveform"]).all()


@pytest.mark.parametrize("how", HOWS)
def test_what_only_the_pair_knows_has_the_same_level_and_gain(how):
    window = make(quakes=[Quake()], gaps=[(380, 440, None)])
    whole = make(quakes=[Quake()])["waveform"] + np.float32(100)
    window["waveform"] = np.where(window["valid"], whole, 0).astype(np.float32)
    made = normalised({**tensors(window), "unmasked_waveform": tf.constant(whole)}, how)
    samples = of_valid(tf.constant(whole), window["valid"])
    centred = samples - samples.mean(axis=0)
    scale = centred.std(axis=0) if how == "std" else np.abs(centred).max(axis=0)
    expected = (whole - samples.mean(axis=0).data) / scale.data
    np.testing.assert_allclose(made["unmasked_waveform"], expected, atol=1e-5)
    assert not made["waveform"].numpy()[380:440].any()


@pytest.mark.parametrize("how", HOWS)
def test_a_component_that_the_waveform_lost_is_normalised_by_itself(how):
    whole, lost = CASES["gaps"], {**CASES["gaps"]}
    lost["valid"] = whole["valid"] & [True, False, True]
    lost["waveform"] = np.where(lost["valid"], whole["waveform"], 0)
    pair = tf.constant(whole["waveform"])
    made = normalised({**tensors(lost), "unmasked_waveform": pair}, how)
    assert not made["waveform"].numpy()[:, 1].any()
    np.testing.assert_array_equal(made["unmasked_waveform"], normalise(tensors(whole), how))


def test_none_leaves_all_as_they_are():
    window = noisy(CASES["gaps"])
    assert normalised(window, "none") is window
