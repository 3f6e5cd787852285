"""Declip pairs: what the feed's input was before it was clipped."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from augment_ops.clip import Clip
from augment_ops.core.normalise import normalised
from augment_ops.core.targets import feed_pairs, labelled
from augment_ops.targets.declip_pair import DeclipPair
from tests.run_steps import compiled, one_step, rows
from tests.windows import CASES, RATE, make, tensors, windows

TARGETS = {"all": DeclipPair(), "clipped": DeclipPair(clipped_only=True)}
RUN = tf.function(
    lambda window: labelled(TARGETS, normalised(window, "std"), RATE), autograph=False
)
CLIP = one_step(Clip((0.2, 0.4)), probability=0.5)


def clipped(window, epochs=4):
    """Return windows of which some were clipped, as tensors."""
    made = rows(compiled(CLIP, window, epochs=epochs))
    return [{n: tf.constant(v) for n, v in each.items() if "/" not in n} for each in made]


def check(window):
    """Check pair and weights; return whether anything was clipped."""
    values, weights = RUN(window)
    fed = normalised(window, "std")["waveform"].numpy()
    valid, cut = window["valid"].numpy(), window["clipped"].numpy()
    wave = np.ma.array(window["waveform"].numpy(), np.float64, mask=~valid)
    truth = np.ma.array(window["unclipped_waveform"].numpy(), np.float64, mask=~valid)
    # At the level and with the gain of what is fed.
    expected = ((truth - wave.mean(axis=0)) / wave.std(axis=0)).filled(0)
    live = (valid & ~cut).any(axis=0)
    found = values["all"].numpy()
    scale = np.abs(expected).max() or 1
    np.testing.assert_allclose(found[:, live], expected[:, live], atol=2e-5 * scale)
    np.testing.assert_allclose(found[valid & ~cut], fed[valid & ~cut], atol=2e-5 * scale)
    assert (np.abs(found) > np.abs(fed) + 1e-3)[cut & valid].any() == cut.any()
    np.testing.assert_array_equal(values["clipped"], found)
    np.testing.assert_array_equal(weights["all"], valid.any(axis=1))
    np.testing.assert_array_equal(weights["clipped"], (valid & cut).any(axis=1))
    return cut.any()


@pytest.mark.parametrize("case", ["two_events", "gaps", "padded"])
def test_the_target_is_the_input_but_where_it_was_clipped(case):
    assert {check(each) for each in clipped(CASES[case])} == {False, True}


@given(windows(quakes=(1, 2)))
def test_pairs_of_any_window(window):
    for each in clipped(window, epochs=2):
        values, weights = RUN(each)
        assert np.isfinite(values["all"]).all()
        assert not values["all"].numpy()[~window["valid"]].any()
        assert (weights["clipped"].numpy() <= weights["all"].numpy()).all()


def test_without_a_clip_in_the_recipe_the_target_is_the_input():
    assert feed_pairs(TARGETS) == ()
    window = tensors(CASES["gaps"])
    values, weights = RUN(window)
    np.testing.assert_array_equal(values["all"], normalised(window, "std")["waveform"])
    assert not weights["clipped"].numpy().any() and weights["all"].numpy().any()


def test_noise_after_the_clip_is_not_in_the_target():
    (window,) = (each for each in clipped(make(), 1))
    cut = tf.constant(np.random.default_rng(1).random((800, 3)) < 0.3)
    window |= {"clipped": cut, "unclipped_waveform": window["waveform"]}
    later = np.random.default_rng(2).normal(size=(800, 3)).astype(np.float32)
    value = RUN({**window, "waveform": window["waveform"] + later})[0]["all"].numpy()
    gain = 1 / (window["waveform"].numpy() + later).std(axis=0)
    apart = value - gain * window["waveform"].numpy()
    np.testing.assert_allclose(apart - apart.mean(axis=0), 0, atol=1e-5)
