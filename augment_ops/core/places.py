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
    there = tf.reduce_any(window["valid"][None] & components[:, None, :], axis=-1)
    reached = tf.cumsum(tf.cast(there, tf.int32), axis=-1)
    last = tf.maximum(reached[:, -1] - 1, 0)
    rank = draw.integer(seed, name, 0, last, shape=(components.shape[0],))
    return tf.reduce_sum(tf.cast(reached <= rank[:, None], tf.int32), axis=-1)
