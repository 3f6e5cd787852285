"""Normalisation: once, after all mixing, on valid samples."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core.labels import Window

_TINY = 1e-20


def normalise(window: Window, how: str) -> tf.Tensor:
    """Return the waveform [T, 3] with mean 0 and scale 1 on each component.

    Args:
        window: the window; what is not valid stays zero.
        how: ``std`` divides by the standard deviation, ``peak`` by the largest absolute sample,
            ``none`` returns the samples as they are.
    """
    wave, valid = window["waveform"], window["valid"]
    if how == "none":
        return wave
    count = tf.maximum(tf.reduce_sum(tf.cast(valid, tf.float32), axis=0), 1.0)
    centred = tf.where(valid, wave - tf.reduce_sum(wave, axis=0) / count, 0.0)
    if how == "peak":
        scale = tf.reduce_max(tf.abs(centred), axis=0)
    else:
        # Divided by the peak first, so that no square leaves float32.
        peak = tf.maximum(tf.reduce_max(tf.abs(centred), axis=0), _TINY)
        scale = peak * tf.sqrt(tf.reduce_sum(tf.square(centred / peak), axis=0) / count)
    return centred / tf.maximum(scale, _TINY)
