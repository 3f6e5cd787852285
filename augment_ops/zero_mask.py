"""Zero mask: spans hidden on purpose, for training that fills them in or must do without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import CountRange, NotNegative, PositiveRange


@dataclass(frozen=True)
class ZeroMask:
    """Hide spans of all components: zero, not valid, and picks inside them removed.

    Unlike a gap, which breaks off, a mask may fade: with `taper_s` the samples on both sides of
    it sink to zero by a cosine, and stay valid. Only the waveform is masked: the pairs kept
    beside it still show what was there.

    A window that the masks would leave without a sample is left as it is, and draws 0 masks.

    Args:
        masks: fewest and most masks, drawn uniformly.
        duration_s: shortest and longest mask, s, drawn log-uniformly.
        taper_s: length of the fading on each side, outside the mask, s.

    Source: Park et al. (2019), SpecAugment: masks in time.
    """

    masks: CountRange = (1, 3)
    duration_s: PositiveRange = (0.5, 3.0)
    taper_s: NotNegative = 0.0

    draws = ("masks", "masked_samples")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ZeroMask:
        """Return longer and more masks with more magnitude."""
        return cls(masks=(1, 1 + round(4 * magnitude)), duration_s=(0.5, 0.5 + 4.0 * magnitude))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Mask one window; draws ``masks`` and ``masked_samples``, recorded ones that it hid."""
        most, size = self.masks[1], labels.length(window)
        count = draw.integer(seed, "masks", *self.masks)
        seconds = draw.log_uniform(seed, "duration_s", *self.duration_s, shape=(most,))
        rate = labels.rate_hz(window)
        lengths = tf.clip_by_value(tf.round(seconds * rate), 1.0, float(size))
        sizes = tf.cast(lengths, tf.int32)
        starts = draw.integer(seed, "start", 0, size - sizes, shape=(most,))
        time = tf.range(size)[None, :]
        # Samples from each mask, 0 inside it; those not drawn are further than any taper.
        away = tf.maximum(starts[:, None] - time, time - (starts + sizes - 1)[:, None])
        away = tf.where((tf.range(most) < count)[:, None], tf.maximum(away, 0), 2 * size)
        away = tf.reduce_min(away, axis=0)
        hidden = labels.on_all(away == 0)
        done = tf.reduce_any(window["valid"] & ~hidden)
        lost = tf.reduce_any(hidden & window["valid"], axis=-1)
        emptied = tf.reduce_sum(tf.cast(lost, tf.float32))
        made = window
        if self.taper_s > 0.0:
            faded = window["waveform"] * labels.on_all(self._weight(away, rate))
            made = {**window, "waveform": faded}
        made = labels.invalidate(made, hidden)
        return {
            **labels.either(done, made, window),
            "masks": tf.where(done, tf.cast(count, tf.float32), 0.0),
            "masked_samples": tf.where(done, emptied, 0.0),
        }

    def _weight(self, away: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        """Return 1 beyond the tapers and the cosine's values on them, float32 [T]."""
        steps = tf.cast(tf.round(self.taper_s * rate), tf.float64) + 1.0
        along = tf.minimum(tf.cast(away, tf.float64) / steps, 1.0)
        weight = 0.5 - 0.5 * tf.cos(np.pi * along)
        return tf.cast(tf.where(along < 1.0, weight, 1.0), tf.float32)
