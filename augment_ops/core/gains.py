"""Gains in decibels, on everything that the sensor saw."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window


def amplify(window: Window, gain_db: tf.Tensor) -> tuple[Window, tf.Tensor]:
    """Multiply all waves by a gain in dB, float32, or each component by its own of [3].

    Returns:
        The window, and whether all samples stay finite; where they would not it is unchanged.
    """
    ten = tf.constant(10.0, tf.float64)
    # A product: graphs turn a division by a constant into one, and eager code would not.
    gain = tf.pow(ten, tf.cast(gain_db, tf.float64) * 0.05)
    if gain.shape.rank:
        # With the samples innermost, where a broadcast is quick.
        gain = gain[:, None]
    rows = {n: tf.cast(tf.transpose(w), tf.float64) for n, w in labels.waves(window).items()}
    # The largest sample is the first to leave float32.
    peaks = [tf.reduce_max(tf.abs(wave), axis=1, keepdims=True) * gain for wave in rows.values()]
    done = tf.reduce_all(tf.math.is_finite(tf.cast(peaks, tf.float32)))
    gain = tf.where(done, gain, tf.ones_like(gain))
    scaled = {n: tf.transpose(tf.cast(wave * gain, tf.float32)) for n, wave in rows.items()}
    return {**window, **scaled}, done
