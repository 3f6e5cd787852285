"""Measurements on a window, always on valid samples only."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core.labels import Window, length, rate_hz
from schemas.snr import GUARD_S, MIN_VALID_SHARE, NOISE_S, SIGNAL_S


def snr_slices(
    window: Window,
    p_sample: tf.Tensor,
    signal_s: float = SIGNAL_S,
    noise_s: float = NOISE_S,
    guard_s: float = GUARD_S,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where signal and noise are measured for P picks, float32 [...].

    Returns:
        Two bool [..., T, 3]: `signal_s` from P on, and `noise_s` that end `guard_s` before it;
        nowhere for a pick that is NaN, or where too little of a slice is valid.
    """
    rate = rate_hz(window)
    onset = tf.round(p_sample)[..., None]
    time = tf.range(length(window), dtype=tf.float32)
    # Whole counts of samples, so that an independent measurement can cut the same slices.
    signal_n, noise_n, guard_n = (tf.round(s * rate) for s in (signal_s, noise_s, guard_s))
    signal = (time >= onset) & (time < onset + signal_n)
    noise = (time >= onset - guard_n - noise_n) & (time < onset - guard_n)

    def enough(inside: tf.Tensor, expected: tf.Tensor) -> tf.Tensor:
        there = inside[..., None] & window["valid"]
        recorded = tf.reduce_any(there, axis=-1)
        count = tf.reduce_sum(tf.cast(recorded, tf.float32), axis=-1)
        return there & (count >= MIN_VALID_SHARE * expected)[..., None, None]

    return enough(signal, signal_n), enough(noise, noise_n)


def mean_product(a: tf.Tensor, b: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Return the mean of a·b over bool [..., T, 3], in float64; NaN over nothing."""
    product = tf.cast(a, tf.float64) * tf.cast(b, tf.float64)
    total = tf.reduce_sum(tf.where(where, product, 0.0), axis=(-2, -1))
    count = tf.reduce_sum(tf.cast(where, tf.float64), axis=(-2, -1))
    return total / tf.where(count > 0, count, float("nan"))


def event_snr_db(window: Window) -> tf.Tensor:
    """Measure the SNR at each event's P, float32 [M], NaN where it cannot be measured.

    All live components count together: 20 log10(rms after P / rms before P).
    """
    signal, noise = snr_slices(window, window["event_p_sample"])
    wave = window["waveform"]
    ratio = mean_product(wave, wave, signal) / mean_product(wave, wave, noise)
    usable = tf.math.is_finite(ratio) & (ratio > 0)
    db = 10.0 * tf.math.log(tf.where(usable, ratio, 1.0)) / tf.math.log(tf.cast(10, ratio.dtype))
    return tf.cast(tf.where(usable, db, float("nan")), tf.float32)


def peak(window: Window) -> tf.Tensor:
    """Return the largest absolute sample, a float32 scalar."""
    return tf.reduce_max(tf.abs(window["waveform"]))
