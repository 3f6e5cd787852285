"""Stateless draws.

The seed of a step is a function of (run seed, window id, step name, epoch), and each value
that the op draws folds its own name in. So adding a step, or a value to an op, leaves every
other draw as it was, and no runner, worker, batch or order of elements changes any of them.

Single values come from SplitMix64 (Steele, Lea & Flood 2014) on whole tensors, which a batch of
windows shares as one op; TensorFlow's own generators take one seed at a time, and serve where a
window wants thousands of values.
"""

from __future__ import annotations

import hashlib
import math

import tensorflow as tf

Seed = tf.Tensor
_KEYS = ([0x5E15, 0x311], [0x311, 0x5E15])
_BUCKETS = 2**63 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def window_key(run_seed: int, window_id: tf.Tensor) -> Seed:
    """Return the int64 [..., 2] key of a window, or of a batch of them, in a run."""
    text = tf.strings.join([str(run_seed), window_id], separator="\x1f")
    halves = [tf.strings.to_hash_bucket_strong(text, _BUCKETS, key) for key in _KEYS]
    return tf.stack(halves, axis=-1)


def step_seed(key: Seed, step: str, epoch: tf.Tensor | int) -> Seed:
    """Return the int64 [2] seed of one step on one window in one epoch.

    Args:
        key: the `window_key`.
        step: the step's name.
        epoch: an integer scalar.
    """
    words = tf.cast(key, tf.uint64) + tf.cast(epoch, tf.uint64) * _word(_GOLDEN)
    return fold(tf.cast(_mixed(words), tf.int64), f"step {step}")


def fold(seed: Seed, name: str) -> Seed:
    """Return the seed of the value called `name`."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    halves = [int.from_bytes(part, "little", signed=True) for part in (digest[:8], digest[8:])]
    return tf.bitwise.bitwise_xor(seed, tf.constant(halves, tf.int64))


def uniform(
    seed: Seed, name: str, low: float | tf.Tensor = 0.0, high: float | tf.Tensor = 1.0, shape=()
) -> tf.Tensor:
    """Draw float32 values from low to high; high itself only by rounding."""
    unit = tf.cast(_words(fold(seed, name), shape, 24), tf.float32) * 2.0**-24
    return low + (high - low) * unit


def log_uniform(seed: Seed, name: str, low: float, high: float, shape=()) -> tf.Tensor:
    """Draw float32 values whose logarithm is uniform between those of low and high."""
    low_log, high_log = tf.math.log(float(low)), tf.math.log(float(high))
    # Rounding may leave the range by a hair.
    return tf.clip_by_value(tf.exp(uniform(seed, name, low_log, high_log, shape)), low, high)


def normal(seed: Seed, name: str, shape=()) -> tf.Tensor:
    """Draw float32 values of mean 0 and deviation 1."""
    return tf.random.stateless_normal(shape, fold(seed, name), alg="philox")


def ranks(seed: Seed, name: str, among: tf.Tensor) -> tf.Tensor:
    """Draw an order of those marked in bool [n]: their ranks from 0, behind them the others'."""
    keys = tf.where(among, uniform(seed, name, shape=among.shape), 2.0)
    earlier = tf.linalg.band_part(tf.ones((among.shape[0],) * 2, tf.bool), -1, 0)
    # Compared in pairs, which a batch of windows shares as one op, as it does not a sort.
    before = (keys[None, :] < keys[:, None]) | ((keys[None, :] == keys[:, None]) & earlier)
    return tf.reduce_sum(tf.cast(before, tf.int32), axis=1) - 1


def beta(seed: Seed, name: str, alpha: float, shape=()) -> tf.Tensor:
    """Draw float64 values of the distribution Beta(alpha, alpha)."""
    # Of two gammas, by the one algorithm: `tf.random.stateless_gamma` lets the device choose.
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=fold(seed, name))
    parts = tf.raw_ops.StatelessRandomGammaV3(
        shape=tf.constant([*shape, 2], tf.int32),
        key=key,
        counter=counter,
        alg=tf.random.Algorithm.PHILOX.value,
        alpha=tf.constant(alpha, tf.float64),
    )
    return parts[..., 0] / tf.reduce_sum(parts, axis=-1)


def integer(
    seed: Seed, name: str, low: int | tf.Tensor, high: int | tf.Tensor, shape=()
) -> tf.Tensor:
    """Draw int32 values from low to high, both included."""
    # The span of two 32-bit integers has 33 bits.
    low, high = tf.cast(low, tf.int64), tf.cast(high, tf.int64)
    unit = tf.cast(_words(fold(seed, name), shape, 53), tf.float64) * 2.0**-53
    span = tf.cast(high - low + 1, tf.float64)
    drawn = low + tf.minimum(tf.cast(unit * span, tf.int64), high - low)
    return tf.cast(drawn, tf.int32)


def _words(seed: Seed, shape: tuple[int, ...], bits: int) -> tf.Tensor:
    """Return so many random bits a value, int64 of a static shape."""
    start, last = tf.unstack(tf.cast(seed, tf.uint64))
    count = math.prod(shape)
    steps = tf.constant([(n + 1) * _GOLDEN % 2**64 for n in range(count)], tf.uint64)
    words = tf.bitwise.bitwise_xor(_mixed(start + tf.reshape(steps, shape)), last)
    return tf.cast(tf.bitwise.right_shift(words, _word(64 - bits)), tf.int64)


def _mixed(words: tf.Tensor) -> tf.Tensor:
    """Return SplitMix64's output function of uint64 words."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = _shifted_in(words, shift) * _word(factor)
    return _shifted_in(words, 31)


def _shifted_in(words: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(shift)))


def _word(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)
