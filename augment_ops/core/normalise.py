"""Normalisation: once, after all mixing, on valid samples."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core.labels import Window, where_valid

# Far below a float32 step: what varies less than this share of its largest sample is constant.
_CONSTANT = 1e-12


def normalise(window: Window, how: str) -> tf.Tensor:
    """Return the waveform [T, 3] with mean 0 and scale 1 on each component, 0 if it is constant.

    Args:
        window: the window; what is not valid stays zero.
        how: ``std`` divides by the standard deviation, ``peak`` by the largest absolute sample,
            ``none`` returns the samples as they are.
    """
    if how == "none":
        return window["waveform"]
    # In float64, where an offset of any size leaves the small signal on it as it is.
    wave, valid = tf.cast(window["waveform"], tf.float64), window["valid"]
    count = tf.maximum(tf.reduce_sum(tf.cast(valid, tf.float64), axis=0), 1.0)
    centred = where_valid(valid, wave - tf.reduce_sum(wave, axis=0) / count)
    if how == "peak":
        scale = tf.reduce_max(tf.abs(centred), axis=0)
    else:
        scale = tf.sqrt(tf.reduce_sum(tf.square(centred), axis=0) / count)
    varies = scale > _CONSTANT * tf.reduce_max(tf.abs(wave), axis=0)
    factor = tf.where(varies, 1.0 / tf.where(varies, scale, 1.0), 0.0)
    return tf.cast(centred * factor, tf.float32)
