"""Draws: their distributions, their independence, and the policy itself, pinned."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare, kstest, pearsonr

from augment_ops.core import draws as draw

COUNT = 4000
GOLDEN = 0x9E3779B97F4A7C15
MANY = tf.constant([3, 4], tf.int64)


def seed(run=7, window="window", step="step", epoch=0):
    return draw.step_seed(draw.window_key(run, tf.constant(window)), step, epoch)


def each_epoch(call, dtype):
    """Return what a call makes of the seeds of a thousand epochs."""

    @tf.function
    def run(epochs):
        return tf.map_fn(lambda epoch: call(seed(epoch=epoch)), epochs, fn_output_signature=dtype)

    return run(tf.range(1000, dtype=tf.int64)).numpy()


def mixed(word):
    """Return SplitMix64's output function of a whole number, as its authors write it."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) % 2**64
    return word ^ (word >> 31)


def halves(name):
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return [int.from_bytes(part, "little") for part in (digest[:8], digest[8:])]


def test_draws_are_splitmix64_of_the_seed_in_whole_numbers():
    """They pin the policy: a change here changes every data set ever made."""
    key = [int(word) for word in draw.window_key(7, tf.constant("window")).numpy()]
    for epoch in (0, 5):
        start = [mixed((word + epoch * GOLDEN) % 2**64) for word in key]
        own = [word ^ half for word, half in zip(start, halves("step step"))]
        assert (seed(epoch=epoch).numpy().astype(np.uint64) == own).all()
        first, last = (word ^ half for word, half in zip(own, halves("snr_db")))
        words = [mixed((first + n * GOLDEN) % 2**64) ^ last for n in range(1, 5)]
        drawn = draw.uniform(seed(epoch=epoch), "snr_db", shape=(4,)).numpy()
        assert drawn.tolist() == [(word >> 40) / 2**24 for word in words]
        whole = draw.integer(seed(epoch=epoch), "snr_db", 0, 5999, shape=(4,)).numpy()
        assert whole.tolist() == [int((word >> 11) / 2**53 * 6000) for word in words]


def test_the_key_of_a_window_is_pinned():
    # TensorFlow's keyed hash of strings, written down once.
    pinned = [1448108195131540418, 7842597257049468256]
    assert draw.window_key(7, tf.constant("window")).numpy().tolist() == pinned


def test_each_part_of_the_seed_changes_it():
    usual = {"run": 7, "window": "window", "step": "step", "epoch": 0}
    others = [{"run": 8}, {"window": "windox"}, {"step": "stop"}, {"epoch": 1}]
    # Parts that would read the same when joined without a mark between them.
    others += [{"window": "windows", "step": "tep"}, {"step": "step0", "epoch": 0}]
    seeds = {tuple(seed(**{**usual, **other}).numpy()) for other in ({}, *others)}
    assert len(seeds) == len(others) + 1
    assert seed().dtype == tf.int64 and seed().shape == (2,)


def test_seeds_spread_over_all_bits():
    seeds = each_epoch(tf.identity, tf.int64)
    assert len(np.unique(seeds)) == seeds.size
    bits = (seeds[..., None] >> np.arange(63)) & 1
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.15


def test_values_of_different_names_are_independent():
    values = [draw.uniform(MANY, name, shape=(COUNT,)).numpy() for name in ("a", "b", "snr_db")]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert pearsonr(values[one], values[other]).pvalue > 0.001
    np.testing.assert_array_equal(values[0], draw.uniform(MANY, "a", shape=(COUNT,)))


def test_first_values_of_seeds_are_uniform_and_independent_of_their_neighbours():
    values = each_epoch(lambda seed: draw.uniform(seed, "x"), tf.float32)
    assert kstest(values, "uniform").pvalue > 0.001
    assert pearsonr(values[1:], values[:-1]).pvalue > 0.001


def test_uniform_fills_its_range():
    values = draw.uniform(MANY, "x", -3.0, 5.0, shape=(COUNT,)).numpy()
    assert values.dtype == np.float32 and kstest(values, "uniform", (-3.0, 8.0)).pvalue > 0.001


@pytest.mark.parametrize("low, high", [(0.1, 2.0), (1e-3, 1e3), (0.7, 0.7)])
def test_log_uniform_has_a_uniform_logarithm(low, high):
    values = draw.log_uniform(MANY, "x", low, high, shape=(COUNT,)).numpy()
    assert values.min() >= np.float32(low) and values.max() <= np.float32(high)
    if low < high:
        share = np.log(values / low) / np.log(high / low)
        assert kstest(share, "uniform").pvalue > 0.001


@pytest.mark.parametrize("low, high", [(0, 1), (-3, 3), (5, 5), (2**24, 2**24 + 9)])
def test_integers_reach_both_ends_evenly(low, high):
    values = draw.integer(MANY, "x", low, high, shape=(COUNT,))
    seen, counts = np.unique(values, return_counts=True)
    assert values.dtype == tf.int32 and seen.tolist() == list(range(low, high + 1))
    assert chisquare(counts).pvalue > 0.001 or low == high


@pytest.mark.parametrize("low, high", [(0, 2**31 - 1), (-(2**31), 2**31 - 1), (2**31 - 1,) * 2])
def test_integers_at_the_ends_of_their_type(low, high):
    values = draw.integer(MANY, "x", low, high, shape=(COUNT,)).numpy().astype(np.float64)
    assert values.min() >= low and values.max() <= high
    if low < high:
        assert kstest((values - low) / (high - low), "uniform").pvalue > 0.001


def test_integers_take_a_bound_for_each():
    high = tf.range(COUNT) % 7
    values = draw.integer(MANY, "x", 0, high, shape=(COUNT,)).numpy()
    assert (values <= high.numpy()).all() and set(values[high.numpy() == 6]) == set(range(7))


def test_a_graph_draws_the_same():
    for call in (
        lambda s: draw.uniform(s, "x", -1.0, 1.0, shape=(50,)),
        lambda s: draw.log_uniform(s, "x", 0.1, 9.0, shape=(50,)),
        lambda s: draw.integer(s, "x", -9, 9, shape=(50,)),
    ):
        np.testing.assert_array_equal(tf.function(call)(MANY), call(MANY))
