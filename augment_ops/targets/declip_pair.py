"""Declip pair: the waveform as it was before it was clipped."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.steps import with_pairs


@dataclass(frozen=True)
class DeclipPair:
    """The waveform before the step `clip` beside the clipped one that is fed, with its gain.

    Both are at one level where nothing was clipped, so there the target is the input, unless a
    later step changed that. Without such a step, all of it is. What is not valid is 0, and the
    weight is 0 where no component is valid.

    Args:
        clipped_only: the weight is 0, too, where no component was clipped.

    Source: Yang & Ben-Zion (2010), what clipping takes away.
    """

    clipped_only: bool = False

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [T, 3]."""
        window = with_pairs(window, ("unclipped_waveform", "clipped"))
        wave, truth = window["waveform"], window["unclipped_waveform"]
        whole = window["valid"] & ~window["clipped"]
        count = tf.maximum(tf.reduce_sum(tf.cast(whole, tf.float32), axis=0), 1.0)
        level = tf.reduce_sum(labels.where_valid(whole, wave - truth), axis=0) / count
        return labels.where_valid(window["valid"], truth + level)

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 [T]."""
        counts = window["valid"]
        if self.clipped_only:
            counts &= with_pairs(window, ("clipped",))["clipped"]
        return tf.cast(tf.reduce_any(counts, axis=-1), tf.float32)
