"""Data gaps: spans lost in telemetry, which pickers take for onsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import CountRange, PositiveRange


@dataclass(frozen=True)
class DataGap:
    """Zero one or more spans and mark them not valid; picks inside them are removed.

    A window that the gaps would leave without a sample is left as it is, and draws 0 gaps.

    Args:
        gaps: fewest and most gaps, drawn uniformly.
        duration_s: shortest and longest gap, s, drawn log-uniformly.
        components: ``all``, as a lost packet of a multiplexed stream; ``one`` live component a
            gap, where the channels travel apart (the pick stays: the others show it).

    Source: Zhu, Mousavi & Beroza (2020), false-positive noise.
    """

    gaps: CountRange = (1, 2)
    duration_s: PositiveRange = (0.1, 3.0)
    components: Literal["all", "one"] = "all"

    draws = ("gaps", "gap_samples")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> DataGap:
        """Return longer and more gaps with more magnitude."""
        return cls(gaps=(1, 1 + round(3 * magnitude)), duration_s=(0.1, 0.1 + 5.0 * magnitude))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Cut gaps into one window; draws ``gaps`` and ``gap_samples``, which it emptied."""
        most = self.gaps[1]
        count = draw.integer(seed, "gaps", *self.gaps)
        seconds = draw.log_uniform(seed, "duration_s", *self.duration_s, shape=(most,))
        size = labels.length(window)
        lengths = tf.clip_by_value(tf.round(seconds * labels.rate_hz(window)), 1.0, float(size))
        sizes = tf.cast(lengths, tf.int32)
        starts = draw.integer(seed, "start", 0, size - sizes, shape=(most,))
        time = tf.range(size)[None, :]
        inside = (time >= starts[:, None]) & (time < (starts + sizes)[:, None])
        inside &= (tf.range(most) < count)[:, None]
        hit = tf.reduce_any(inside[:, :, None] & self._struck(window, seed)[:, None, :], axis=0)
        # A window without a sample would be no window.
        some = tf.reduce_any(window["valid"] & ~hit)
        count, hit = tf.where(some, count, 0), hit & some
        lost = tf.reduce_any(hit & window["valid"], axis=-1)
        window = labels.invalidate(window, hit)
        emptied = tf.reduce_sum(tf.cast(lost, tf.float32))
        return {**window, "gaps": tf.cast(count, tf.float32), "gap_samples": emptied}

    def _struck(self, window: Window, seed: draw.Seed) -> tf.Tensor:
        """Return which components each gap strikes, bool [G, 3]."""
        most = self.gaps[1]
        if self.components == "all":
            return tf.ones((most, 3), bool)
        keys = draw.uniform(seed, "component", shape=(most, 3))
        one = tf.argmax(tf.where(labels.live(window), keys, -1.0), axis=-1)
        return tf.one_hot(one, 3, on_value=True, off_value=False, dtype=tf.bool)
