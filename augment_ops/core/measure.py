"""Measurements on a window, always on valid samples only."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core.labels import NAN, Window, length, rate_hz, where_valid
from schemas.snr import GUARD_S, MIN_VALID_SHARE, NOISE_S, SIGNAL_S


def snr_slices(
    window: Window,
    p_sample: tf.Tensor,
    signal_s: float = SIGNAL_S,
    noise_s: float = NOISE_S,
    guard_s: float = GUARD_S,
) -> tuple[slice, slice]:
    """Return where signal and noise are measured for a P pick, a float32 scalar.

    Slices, and not masks of the whole window: this is done for every event of every window.

    Returns:
        `signal_s` from P on, and `noise_s` that end `guard_s` before it; empty for a pick that
        is NaN, or where too little of a slice is valid.
    """
    rate, size = rate_hz(window), length(window)
    known = tf.math.is_finite(p_sample)
    # Far beyond any window, and far from where int32 ends.
    far = float(2**29)
    onset = tf.cast(tf.clip_by_value(tf.round(tf.where(known, p_sample, 0.0)), -far, far), tf.int32)
    # Whole counts of samples, so that an independent measurement can cut the same slices.
    signal_n, noise_n, guard_n = (
        tf.cast(tf.round(seconds * rate), tf.int32) for seconds in (signal_s, noise_s, guard_s)
    )

    def there(first: tf.Tensor, count: tf.Tensor) -> slice:
        start, stop = (tf.clip_by_value(at, 0, size) for at in (first, first + count))
        recorded = tf.reduce_any(window["valid"][start:stop], axis=-1)
        share = MIN_VALID_SHARE * tf.cast(count, tf.float32)
        enough = tf.reduce_sum(tf.cast(recorded, tf.float32)) >= share
        return slice(start, tf.where(known & enough, stop, start))

    return there(onset, signal_n), there(onset - guard_n - noise_n, noise_n)


def mean_product(a: tf.Tensor, b: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Return the mean of a·b over bool [..., T, 3], in float64; NaN over nothing."""
    product = tf.cast(a, tf.float64) * tf.cast(b, tf.float64)
    total = tf.reduce_sum(where_valid(where, product), axis=(-2, -1))
    count = tf.reduce_sum(tf.cast(where, tf.float64), axis=(-2, -1))
    return total / tf.where(count > 0, count, NAN)


def event_snr_db(window: Window) -> tf.Tensor:
    """Measure the SNR at each event's P, float32 [M], NaN where it cannot be measured.

    All live components count together: 20 log10(rms after P / rms before P).
    """

    def measured(p_sample: tf.Tensor) -> tf.Tensor:
        wave, valid = window["waveform"], window["valid"]
        signal, noise = (
            mean_product(wave[part], wave[part], valid[part])
            for part in snr_slices(window, p_sample)
        )
        return signal / noise

    # Most slots are empty: nothing is measured there.
    unknown = tf.constant(NAN, tf.float64)
    ratios = [
        tf.cond(tf.math.is_finite(p), lambda p=p: measured(p), lambda: unknown)
        for p in tf.unstack(window["event_p_sample"])
    ]
    ratio = tf.stack(ratios)
    usable = tf.math.is_finite(ratio) & (ratio > 0)
    db = 10.0 * tf.math.log(tf.where(usable, ratio, 1.0)) / tf.math.log(tf.cast(10, ratio.dtype))
    return tf.cast(tf.where(usable, db, NAN), tf.float32)


def peak(window: Window) -> tf.Tensor:
    """Return the largest absolute sample, a float32 scalar."""
    return tf.reduce_max(tf.abs(window["waveform"]))


def rms(window: Window) -> tf.Tensor:
    """Return the root mean square of all valid samples together, a float32 scalar."""
    wave = window["waveform"]
    return tf.cast(tf.sqrt(mean_product(wave, wave, window["valid"])), tf.float32)
