"""Frequency mask: a random band taken out of the spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.butterworth import narrowed, quick_size, rate_of
from augment_ops.core.labels import Window
from augment_ops.core.spans import Spans, spans
from schemas.recipe import Positive, PositiveRange

# Periods of the edge that the kernel of a cosine edge takes to fall to some 1e-5 of its height.
_PERIODS = 32.0


@dataclass(frozen=True)
class FrequencyMask:
    """Take a random band out of the spectrum, with cosine edges outside it; picks stay.

    A filter of zero phase on each component, from its first recorded sample to its last; lines
    bridge its gaps, which stay gaps; its mean is kept. It moves energy ahead of onsets, over
    about ``2 / edge_hz`` seconds.

    Args:
        width_hz: narrowest and widest band, Hz, drawn uniformly.
        low_hz: lowest and highest start of the band, Hz, drawn uniformly; the range ends where the
            narrowest band reaches half the sampling rate.
        edge_hz: width of the edge on each side, Hz.

    Source: Park et al. (2019), SpecAugment: masks in frequency.
    """

    width_hz: PositiveRange = (0.5, 3.0)
    low_hz: PositiveRange = (1.0, 20.0)
    edge_hz: Positive = 0.5

    draws = ("low_hz", "high_hz")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> FrequencyMask:
        """Return wider bands with more magnitude."""
        return cls(width_hz=(0.5, 0.5 + 7.5 * magnitude))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Filter one window; draws ``low_hz`` and ``high_hz``, between which all is gone."""
        rate, count = rate_of(window), labels.length(window)
        most = 0.5 * rate - self.width_hz[0]
        lows = narrowed("frequency_mask", "low_hz", self.low_hz, most)
        low = draw.uniform(seed, "low_hz", *lows)
        high = low + draw.uniform(seed, "width_hz", *self.width_hz)
        size = quick_size(math.ceil(count + _PERIODS * rate / self.edge_hz))
        kept = self._kept(low, high, np.arange(size // 2 + 1) * (rate / size))
        made = {
            name: _through(spans(wave, window["valid"]), kept, size)
            for name, wave in labels.waves(window).items()
        }
        return {**window, **made, "low_hz": low, "high_hz": high}

    def _kept(self, low: tf.Tensor, high: tf.Tensor, hz: np.ndarray) -> tf.Tensor:
        """Return the share of each frequency that stays, float64."""
        low, high = tf.cast(low, tf.float64), tf.cast(high, tf.float64)
        outside = tf.maximum(tf.maximum(low - hz, hz - high), 0.0)
        along = tf.minimum(outside * (1.0 / self.edge_hz), 1.0)
        return 0.5 - 0.5 * tf.cos(np.pi * along)


def _through(span: Spans, kept: tf.Tensor, size: int) -> tf.Tensor:
    rows, inside = tf.transpose(span.filled), tf.transpose(span.inside)
    number = tf.maximum(tf.reduce_sum(tf.cast(inside, tf.float64), axis=1, keepdims=True), 1.0)
    rows = labels.where_valid(inside, rows)
    mean = tf.reduce_sum(rows, axis=1, keepdims=True) * (1.0 / number)
    spectrum = tf.signal.rfft(labels.where_valid(inside, rows - mean), [size])
    kept = tf.complex(kept, tf.zeros_like(kept))
    made = tf.signal.irfft(spectrum * kept, [size])[:, : rows.shape[1]]
    return span.back(tf.transpose(made + mean))
