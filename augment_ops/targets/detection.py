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
        # Time along the rows: comparisons run over it ten times as fast as over the slots.
        time = tf.range(labels.length(window), dtype=tf.float32)[None, :]
        shaken = tf.cast((time >= onset[:, None]) & (time <= end[:, None]), tf.float32)
        weight = labels.event_weight(window)
        shares = tf.stack([tf.cast(weight >= 1.0, tf.float32), tf.where(weight < 1.0, weight, 0.0)])
        whole, mixed = tf.unstack(tf.matmul(shares, shaken))
        return tf.minimum(tf.minimum(whole, 1.0) + mixed, 1.0)[:, None]
