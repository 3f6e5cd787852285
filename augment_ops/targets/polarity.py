"""Polarity: which way the ground moves first."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core.first_event import first_p
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class Polarity:
    """Up, down or unknown: the polarity of the window's first P pick, one of the three 1.

    Without a P pick it is unknown, with weight 0. A pick that is there and has no polarity is
    unknown with weight 1: a class to learn. The weight is the event's share if it was mixed up.

    Source: Ross, Meier & Hauksson (2018), whose classes these are.
    """

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [3]: up, down, unknown."""
        slot, share = first_p(window)
        polarity = tf.where(share > 0.0, tf.gather(window["pick_polarity"], slot), 0)
        return tf.cast(tf.equal(polarity, tf.constant([1, -1, 0], tf.int64)), tf.float32)

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 []."""
        return first_p(window)[1]
