"""Mixing: the gain, of noise or of a signal, at which their sum has a chosen SNR."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.measure import mean_product, snr_slices
from schemas.snr import GUARD_S, NOISE_S, SIGNAL_S
from schemas.window import P


def gain_for_snr(
    window: Window,
    noise: tf.Tensor,
    target_db: tf.Tensor,
    signal_s: float = SIGNAL_S,
    noise_s: float = NOISE_S,
    guard_s: float = GUARD_S,
) -> tf.Tensor:
    """Return the gain at which the window with the noise has an SNR, float32, NaN if none does.

    The SNR is the mixture's own, about its first P, cross terms included.

    Args:
        window: the window, valid where the mixture will be.
        noise: what is to be added, float32 [T, 3].
        target_db: the SNR, dB.
        signal_s: length of the signal's slice, from P on, s.
        noise_s: length of the noise's slice, s.
        guard_s: gap between the noise's slice and P, s.
    """
    a, b, c = _excess(window, noise, target_db, signal_s, noise_s, guard_s)
    return tf.cast(tf.where(c > 0.0, _least_positive_root(a, b, c), labels.NAN), tf.float32)


def signal_gain_for_snr(
    window: Window, noise: tf.Tensor, target_db: tf.Tensor, *slices: float
) -> tf.Tensor:
    """Return the gain of the window at which it has an SNR in noise, float32, NaN if none does.

    Args:
        window: the window, valid where the mixture will be.
        noise: what it is added to, as it is, float32 [T, 3].
        target_db: the SNR of the mixture, dB.
        slices: `signal_s`, `noise_s` and `guard_s` of `gain_for_snr`.
    """
    a, b, c = _excess({**window, "waveform": noise}, window["waveform"], target_db, *slices)
    # The noise's own ratio is below the target: the signal has something to add.
    return tf.cast(tf.where(c < 0.0, _least_positive_root(a, b, c), labels.NAN), tf.float32)


def _excess(
    window: Window,
    added: tf.Tensor,
    target_db: tf.Tensor,
    signal_s: float = SIGNAL_S,
    noise_s: float = NOISE_S,
    guard_s: float = GUARD_S,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return a, b, c of a g^2 + b g + c: the power that wave + g added has beyond the SNR."""
    p = labels.first_sample(window, P)
    slices = snr_slices(window, p, signal_s, noise_s, guard_s)
    wave = window["waveform"]
    # |wave + g added|^2 over both slices: own + 2 g cross + g^2 more.
    (own_s, own_n), (cross_s, cross_n), (more_s, more_n) = (
        [mean_product(a[part], b[part], window["valid"][part]) for part in slices]
        for a, b in ((wave, wave), (wave, added), (added, added))
    )
    ratio = tf.pow(tf.constant(10.0, tf.float64), tf.cast(target_db, tf.float64) / 10.0)
    return more_s - ratio * more_n, 2.0 * (cross_s - ratio * cross_n), own_s - ratio * own_n


def add_at_snr(window: Window, noise: tf.Tensor, target_db: tf.Tensor, *slices: float) -> Window:
    """Return the window with noise on its valid samples, and what was drawn for it.

    Args:
        window: the window; it comes back as it was where no gain gives the SNR.
        noise: float32 [T, 3] of deviation 1, 0 where the window is not valid.
        target_db: the SNR of the mixture, dB.
        slices: `signal_s`, `noise_s` and `guard_s` of `gain_for_snr`.

    Returns:
        The window with ``snr_db`` and ``noise_std``, the gain; NaN where nothing was added.
    """
    gain = gain_for_snr(window, noise, target_db, *slices)
    done = gain > 0.0
    wave = window["waveform"]
    mixed = labels.either(done, {"waveform": wave + gain * noise}, window)
    return {
        **window,
        **mixed,
        "snr_db": tf.where(done, target_db, labels.NAN),
        "noise_std": tf.where(done, gain, labels.NAN),
    }


def _least_positive_root(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """Return the least g > 0 with a g^2 + b g + c = 0, NaN if there is none."""
    disc = b * b - 4.0 * a * c
    root = tf.sqrt(tf.maximum(disc, 0.0))
    # The sum that does not cancel.
    q = -0.5 * (b + tf.where(b < 0.0, -root, root))
    roots = tf.stack([q / a, c / q])
    good = tf.math.is_finite(roots) & (roots > 0.0) & (disc >= 0.0)
    least = tf.reduce_min(tf.where(good, roots, float("inf")))
    return tf.where(tf.reduce_any(good), least, labels.NAN)
