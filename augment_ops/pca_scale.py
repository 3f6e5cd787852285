"""PCA scale: random amplitudes along the principal axes of the ground's motion."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import Positive

# Variances closer than this share of their sum are one, as far as float32 samples can tell:
# their axes are any of a plane.
_ALIKE = 1e-6


@dataclass(frozen=True)
class PcaScale:
    """Stretch the motion along each of its principal axes by exp(alpha), alpha ~ N(0, std).

    The axes are the eigenvectors of the live components' covariance, over the samples where all
    of them are valid; a sample becomes x' = V exp(alpha) V^T x, and is valid only there. Dead
    components have no part in it and stay zero. Axes of one and the same variance share one
    alpha: which of them an eigensolver names, in which order and with which sign, changes
    nothing. Labels stay as they are.

    A window without such samples, or without variance in them, is unchanged, and draws NaN.

    Args:
        std: deviation of alpha, a natural logarithm; 0.1 is about 0.9 dB.

    Source: Krizhevsky, Sutskever & Hinton (2012), PCA augmentation of colours.
    """

    std: Positive = 0.2

    draws = ("alpha_1", "alpha_2", "alpha_3")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> PcaScale:
        """Return deviations of 0.02 up to 0.5."""
        return cls(std=0.02 + 0.48 * magnitude)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Stretch one window; draws each axis' alpha, largest variance first, NaN beyond."""
        live = labels.live(window)
        # With the samples innermost, where sums and products are quick.
        whole = tf.reduce_all(tf.transpose(window["valid"]) | ~live[:, None], axis=0)
        variances, axes, varies = _principal_axes(window, live, whole)
        alike = tf.abs(variances[:, None] - variances[None, :]) <= _ALIKE
        # Alike to what is alike: with three axes, twice is enough.
        alike = tf.reduce_any(alike[:, :, None] & alike[None, :, :], axis=1)
        drawn = tf.gather(self.std * draw.normal(seed, "alpha", (3,)), tf.argmax(alike, axis=1))
        stretch = tf.exp(tf.cast(drawn, tf.float64))
        matrix = tf.matmul(axes * stretch, axes, transpose_b=True)
        both = live[:, None] & live[None, :]
        matrix = tf.where(both, matrix, tf.eye(3, dtype=tf.float64))
        made = labels.invalidate(window, tf.transpose(~whole & live[:, None]))
        for name, wave in labels.waves(made).items():
            moved = tf.matmul(matrix, tf.cast(tf.transpose(wave), tf.float64))
            # A pair may know all of them where a gap has hidden one from the waveform.
            known = tf.transpose(labels.known(wave, window["valid"])) | ~live[:, None]
            held = tf.reduce_all(known, axis=0) | ~live[:, None]
            made[name] = tf.transpose(tf.cast(labels.where_valid(held, moved), tf.float32))
        if "clipped" in window:
            any_clipped = tf.reduce_any(window["clipped"] & live, axis=-1, keepdims=True)
            made["clipped"] = window["clipped"] | (any_clipped & live)
        out = labels.either(varies, made, window)
        used = varies & (tf.range(3) < tf.reduce_sum(tf.cast(live, tf.int32)))
        drawn = tf.where(used, drawn, labels.NAN)
        return {**out, **{name: drawn[at] for at, name in enumerate(self.draws)}}


def _principal_axes(
    window: Window, live: tf.Tensor, whole: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the variances as shares of their sum, largest first, their axes, and if any is.

    A dead component's axis comes last: its share is -1, so that it mixes with no live one.
    """
    wave = tf.cast(tf.transpose(window["waveform"]), tf.float64)
    count = tf.maximum(tf.reduce_sum(tf.cast(whole, tf.float64)), 1.0)
    used = whole & live[:, None]
    mean = tf.reduce_sum(labels.where_valid(used, wave), axis=1, keepdims=True) / count
    centred = labels.where_valid(used, wave - mean)
    covariance = tf.matmul(centred, centred, transpose_b=True) / count
    total = tf.linalg.trace(covariance)
    varies = tf.math.is_finite(total) & (total > 0.0)
    share = tf.where(varies, covariance / tf.where(varies, total, 1.0), 0.0)
    share = tf.linalg.set_diag(share, tf.where(live, tf.linalg.diag_part(share), -1.0))
    variances, axes = tf.linalg.eigh(share)
    return tf.reverse(variances, [0]), tf.reverse(axes, [1]), varies
