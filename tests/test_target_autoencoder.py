"""Autoencoder: the target is what the feed's steps hid from the input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from augment_ops.channel_dropout import ChannelDropout
from augment_ops.core.normalise import normalised
from augment_ops.core.steps import apply_steps, with_pairs
from augment_ops.core.targets import feed_pairs, labelled, target_pairs
from augment_ops.data_gap import DataGap
from augment_ops.polarity_flip import PolarityFlip
from augment_ops.random_shift import RandomShift
from augment_ops.targets.autoencoder import Autoencoder
from augment_ops.white_noise import WhiteNoise
from augment_ops.zero_mask import ZeroMask
from tests.run_steps import one_step
from tests.windows import CASES, RATE, Quake, make, tensors, windows

TARGETS = {"whole": Autoencoder()}
HIDING = (*one_step(ZeroMask((3, 3)), "mask"), *one_step(DataGap(), "gap"))
MOVING = (
    *one_step(RandomShift(25.0, "full"), "shift"),
    *one_step(PolarityFlip(), "flip"),
)


def stepped(steps):
    """Return a graph of what the feed does of a window: pairs, steps, gain, targets."""

    @tf.function(autograph=False)
    def run(window, epoch):
        window = apply_steps(steps, with_pairs(window, feed_pairs(TARGETS)), {}, 1, epoch, RATE)
        window = normalised(window, "std")
        return window, *labelled(TARGETS, window, RATE)

    return run


RUNS = {
    "hide": stepped(HIDING),
    "move": stepped(MOVING),
    "both": stepped(MOVING + HIDING),
    "drop": stepped(one_step(ChannelDropout(1))),
    "noise": stepped(one_step(WhiteNoise((3.0, 3.0)))),
}


def run(name, window, epoch=0):
    made, values, weights = RUNS[name](tensors(window), tf.constant(epoch, tf.int64))
    return made["waveform"].numpy(), made["valid"].numpy(), values["whole"], weights["whole"]


def centred(window, where):
    """Return the samples in the measure of those that are left."""
    wave = window["waveform"].astype(np.float64)
    left = np.ma.array(wave, mask=~where)
    return np.where(window["valid"], (wave - left.mean(axis=0)) / left.std(axis=0), 0)


@pytest.mark.parametrize("case", ["p_and_s", "gaps", "z_only"])
def test_the_target_is_the_input_and_what_was_hidden(case):
    window = CASES[case]
    fed, valid, target, weight = run("hide", window)
    assert (window["valid"] & ~valid).any()
    np.testing.assert_array_equal(target.numpy()[valid], fed[valid])
    live = window["valid"].any(axis=0)
    expected = centred(window, valid)[:, live]
    np.testing.assert_allclose(target.numpy()[:, live], expected, atol=1e-4)
    assert target.numpy()[window["valid"] & ~valid].all()
    np.testing.assert_array_equal(weight, window["valid"].any(axis=1))


def test_what_moves_the_ground_is_in_both():
    for epoch in range(3):
        fed, valid, target, weight = run("move", CASES["padded"], epoch)
        assert fed.shape == (500, 3)
        np.testing.assert_array_equal(target, fed)
        np.testing.assert_array_equal(weight, valid.any(axis=1))
        masked, left, whole, _ = run("both", CASES["padded"], epoch)
        assert (valid & ~left).any() and (whole.numpy()[valid & ~left] != 0).all()
        np.testing.assert_array_equal(whole.numpy()[left], masked[left])


def test_a_dropped_component_has_its_own_gain():
    fed, valid, target, weight = run("drop", CASES["p_and_s"])
    (lost,) = np.flatnonzero(~valid.any(axis=0))
    assert not fed[:, lost].any() and weight.numpy().all()
    whole = centred(CASES["p_and_s"], CASES["p_and_s"]["valid"])
    np.testing.assert_allclose(target, whole, atol=1e-5)


def test_noise_is_in_the_input_alone():
    fed, _, target, _ = run("noise", make(quakes=[Quake()]))
    wave = CASES["p_and_s"]["waveform"].astype(np.float64)
    wave -= wave.mean(axis=0)
    gain = (target.numpy() * wave).sum(axis=0) / (wave * wave).sum(axis=0)
    np.testing.assert_allclose(target, gain * wave, atol=1e-4)
    assert (np.abs(fed - target) > 0.01).mean() > 0.5


@given(windows())
def test_any_window_stays_finite_and_unknown_only_where_it_was(window):
    fed, valid, target, weight = run("hide", window)
    assert np.isfinite(target).all() and np.isfinite(fed).all()
    assert not target.numpy()[~window["valid"]].any()
    np.testing.assert_array_equal(weight, window["valid"].any(axis=1))


def test_its_pair_is_begun_in_the_feed_and_never_stored():
    assert target_pairs(TARGETS) == () and feed_pairs(TARGETS) == ("unmasked_waveform",)
