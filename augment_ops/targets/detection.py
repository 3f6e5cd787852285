"""Detection: where an earthquake shakes the station."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import NotNegative


@dataclass(frozen=True)
class Detection:
    """1 from P to S + coda_factor (S - P), else 0, whatever part of that lies in the window.

    Without S, to the coda's end; without P, from S to the coda's end; an event of which onset
    or end is unknown marks nothing. Events that were mixed up count by their weight, and add.

    Args:
        coda_factor: 0.4 in EQTransformer, 1.4 in SeisBench.

    Source: Mousavi et al. (2020), EQTransformer.
    """

    coda_factor: NotNegative = 0.4

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [T, 1]."""
        p, s = window["event_p_sample"], window["event_s_sample"]
        onset, _ = labels.event_span(window)
        end = s + self.coda_factor * (s - p)
        end = tf.where(tf.math.is_finite(end), end, window["event_coda_end_sample"])
        time = tf.range(labels.length(window), dtype=tf.float32)[:, None]
        shaken = (time >= onset[None, :]) & (time <= end[None, :])
        weight = labels.event_weight(window)
        whole = tf.reduce_any(shaken & (weight >= 1.0), axis=-1, keepdims=True)
        mixed = tf.where(shaken & (weight < 1.0), weight, 0.0)
        return tf.minimum(
            tf.cast(whole, tf.float32) + tf.reduce_sum(mixed, axis=-1, keepdims=True), 1.0
        )
