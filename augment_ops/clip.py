"""Clipping: amplitudes beyond what the digitiser holds are cut to its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import PositiveRange


@dataclass(frozen=True)
class Clip:
    """Cut samples beyond a share of the peak to just that level.

    The pairs keep the truth beside it: ``unclipped_waveform`` is the waveform before the cut,
    and at samples that an earlier clip cut what they were before that; ``clipped`` marks the
    samples that were cut by either. A silent window is left as it is, and draws NaN.

    Args:
        level: lowest and highest level, as a share of the largest absolute sample, up to 1,
            drawn uniformly.
        peaks: ``common``, one level for all components, as digitisers have it; ``component``, the
            same share of each component's own peak.

    Source: Zhu, Mousavi & Beroza (2020); Yang & Ben-Zion (2010), what clipping looks like.
    """

    level: PositiveRange = (0.2, 0.8)
    peaks: Literal["common", "component"] = "common"

    draws = ("level", "clipped_samples")
    pairs = ("unclipped_waveform", "clipped")

    def __post_init__(self) -> None:
        """Refuse levels above the peak."""
        if self.level[1] > 1.0:
            raise ValueError(f"level: got {self.level}, expected shares of the peak, up to 1")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> Clip:
        """Return one level: 0.95 of the peak at the weakest, 0.1 at the strongest."""
        return cls(level=(0.95 - 0.85 * magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Clip one window; draws ``level`` and ``clipped_samples``, counted on components."""
        share = draw.uniform(seed, "level", *self.level)
        wave, before = window["waveform"], window["clipped"]
        # With the samples innermost, where a broadcast is quick.
        rows = tf.transpose(wave)
        over = 1 if self.peaks == "component" else None
        tops = tf.reduce_max(tf.abs(rows), axis=over, keepdims=True)
        limit = share * tops
        cut = tf.transpose(tf.abs(rows) > limit)
        done = tf.reduce_any(tops > 0.0)
        number = tf.reduce_sum(tf.cast(cut, tf.float32))
        unclipped = window["unclipped_waveform"]
        made = {
            "waveform": tf.transpose(tf.clip_by_value(rows, -limit, limit)),
            "unclipped_waveform": tf.cond(
                tf.reduce_any(before), lambda: tf.where(before, unclipped, wave), lambda: wave
            ),
        }
        return {
            **window,
            **labels.either(tf.reduce_any(cut), made, window),
            "clipped": before | cut,
            "level": tf.where(done, share, labels.NAN),
            "clipped_samples": tf.where(done, number, labels.NAN),
        }
