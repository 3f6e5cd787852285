"""Places: which components a disturbance strikes, and at which recorded sample."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window


def struck(window: Window, seed: draw.Seed, count: int, components: str) -> tf.Tensor:
    """Return which components each of `count` disturbances strikes, bool [count, 3].

    Args:
        window: the window.
        seed: the seed; draws ``component``.
        count: how many disturbances.
        components: ``all``, or ``one`` live component each.
    """
    if components == "all":
        return tf.ones((count, 3), bool)
    keys = draw.uniform(seed, "component", shape=(count, 3))
    one = tf.argmax(tf.where(labels.live(window), keys, -1.0), axis=-1)
    return tf.one_hot(one, 3, on_value=True, off_value=False, dtype=tf.bool)


def recorded_sample(window: Window, seed: draw.Seed, name: str, components: tf.Tensor) -> tf.Tensor:
    """Draw for each bool row of [count, 3] a sample that its components record, int32 [count].

    Every sample that is valid on any of them is as likely.
    """
    valid = window["valid"]
    # With the samples innermost, where a broadcast is quick.
    there = tf.reduce_any(tf.transpose(valid) & components[:, :, None], axis=1)
    number = tf.reduce_sum(tf.cast(there, tf.int32), axis=-1)
    shape = (components.shape[0],)
    rank = draw.integer(seed, name, 0, tf.maximum(number - 1, 0), shape=shape)

    def searched() -> tf.Tensor:
        reached = tf.cumsum(tf.cast(there, tf.int32), axis=-1)
        return tf.reduce_sum(tf.cast(reached <= rank[:, None], tf.int32), axis=-1)

    # Where all is recorded, the rank is the sample.
    return tf.cond(tf.reduce_all(valid), lambda: rank, searched)
