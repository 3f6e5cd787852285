"""Stateless draws.

The seed of a step is a function of (run seed, window id, step name, epoch), and each value
that the op draws folds its own name in. So adding a step, or a value to an op, leaves every
other draw as it was, and no runner, worker, batch or order of elements changes any of them.
"""

from __future__ import annotations

import hashlib

import tensorflow as tf

Seed = tf.Tensor
_KEYS = ([0x5E15, 0x311], [0x311, 0x5E15])
_BUCKETS = 2**63 - 1


def step_seed(run_seed: int, window_id: tf.Tensor, step: str, epoch: tf.Tensor) -> Seed:
    """Return the int64 [2] seed of one step on one window in one epoch."""
    epoch_text = tf.as_string(tf.cast(epoch, tf.int64))
    text = tf.strings.join([str(run_seed), window_id, step, epoch_text], separator="\x1f")
    halves = [tf.strings.to_hash_bucket_strong(text, _BUCKETS, key) for key in _KEYS]
    return tf.stack(halves)


def fold(seed: Seed, name: str) -> Seed:
    """Return the seed of the value called `name`."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    halves = [int.from_bytes(part, "little", signed=True) for part in (digest[:8], digest[8:])]
    return tf.bitwise.bitwise_xor(seed, tf.constant(halves, tf.int64))


def uniform(
    seed: Seed, name: str, low: float | tf.Tensor = 0.0, high: float | tf.Tensor = 1.0, shape=()
) -> tf.Tensor:
    """Draw float32 values from low to high; high itself only by rounding."""
    unit = tf.random.stateless_uniform(shape, fold(seed, name), alg="philox")
    return low + (high - low) * unit


def log_uniform(seed: Seed, name: str, low: float, high: float, shape=()) -> tf.Tensor:
    """Draw float32 values whose logarithm is uniform between those of low and high."""
    low_log, high_log = tf.math.log(float(low)), tf.math.log(float(high))
    # Rounding may leave the range by a hair.
    return tf.clip_by_value(tf.exp(uniform(seed, name, low_log, high_log, shape)), low, high)


def normal(seed: Seed, name: str, shape=()) -> tf.Tensor:
    """Draw float32 values of mean 0 and deviation 1."""
    return tf.random.stateless_normal(shape, fold(seed, name), alg="philox")


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
    unit = tf.random.stateless_uniform(shape, fold(seed, name), dtype=tf.float64, alg="philox")
    span = tf.cast(high - low + 1, tf.float64)
    drawn = low + tf.minimum(tf.cast(unit * span, tf.int64), high - low)
    return tf.cast(drawn, tf.int32)
