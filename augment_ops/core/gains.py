"""Gains in decibels, on everything that the sensor saw."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window


def amplify(window: Window, gain_db: tf.Tensor) -> tuple[Window, tf.Tensor]:
    """Multiply each component of all waves by a gain, float32 [3] in dB.

    Returns:
        The window, and whether all samples stay finite; where they would not it is unchanged.
    """
    ten = tf.constant(10.0, tf.float64)
    # A product: graphs turn a division by a constant into one, and eager code would not.
    gain = tf.pow(ten, tf.cast(gain_db, tf.float64) * 0.05)
    waves = labels.waves(window)
    scaled = {n: tf.cast(tf.cast(w, tf.float64) * gain, tf.float32) for n, w in waves.items()}
    finite = [tf.reduce_all(tf.math.is_finite(wave)) for wave in scaled.values()]
    done = tf.reduce_all(finite)
    return {**window, **{n: tf.where(done, scaled[n], waves[n]) for n in waves}}, done
