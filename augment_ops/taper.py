"""Taper: both ends of the record fade, as processing before a filter or a spectrum leaves it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import tensorflow as tf
from pydantic import AfterValidator

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.spans import spans
from schemas.recipe import NotNegative


def _ascending_half(pair: tuple[float, float]) -> tuple[float, float]:
    if not pair[0] <= pair[1] <= 0.5:
        raise ValueError(f"expected low <= high <= 0.5, got {pair[0]} and {pair[1]}")
    return pair


HalfRange = Annotated[tuple[NotNegative, NotNegative], AfterValidator(_ascending_half)]


@dataclass(frozen=True)
class Taper:
    """Fade both ends of each component's recorded span by a cosine; samples stay valid.

    The window is that of ``scipy.signal.windows.tukey(n, 2 * share)`` over the n samples from
    the first recorded to the last, gaps counted. Picks stay, even beneath the taper.

    Args:
        share: smallest and largest share of the span that each end fades over, 0 to 0.5, drawn
            uniformly.

    Source: the cosine taper of ObsPy and SciPy.
    """

    share: HalfRange = (0.01, 0.1)

    draws = ("share",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> Taper:
        """Return longer tapers with more magnitude."""
        return cls(share=(0.01, 0.01 + 0.29 * magnitude))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Taper one window; draws ``share``."""
        share = draw.uniform(seed, "share", *self.share)
        made = {
            name: self._tapered(wave, window["valid"], share)
            for name, wave in labels.waves(window).items()
        }
        return {**window, **made, "share": share}

    def _tapered(self, wave: tf.Tensor, valid: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        span, size = spans(wave, valid), wave.shape[0]
        steps = tf.cast(share, tf.float64) * tf.cast(span.last - span.first, tf.float64)
        weights = self._weights(steps[:, None], size)
        time = tf.range(size)
        # Steps from the nearer end; with the samples innermost, where a broadcast is quick.
        inwards = tf.minimum(time - span.first[:, None], span.last[:, None] - time)
        inwards = tf.clip_by_value(inwards, 0, weights.shape[1] - 1)
        weight = tf.gather(weights, inwards, batch_dims=1)
        return span.back(tf.cast(wave, tf.float64) * tf.transpose(weight))

    def _weights(self, steps: tf.Tensor, size: int) -> tf.Tensor:
        """Return the weights from an end inwards, up to the first that is 1 in any taper."""
        count = math.ceil(self.share[1] * size) + 2
        inwards = tf.range(count, dtype=tf.float64)
        fading = inwards < steps
        along = tf.where(fading, inwards, 0.0) / tf.where(steps > 0.0, steps, 1.0)
        return tf.where(fading, 0.5 - 0.5 * tf.cos(np.pi * along), 1.0)
