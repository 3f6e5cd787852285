"""Channel dropout: components that go dead, as they do at real stations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class ChannelDropout:
    """Drop one or two of the live components, never all of them.

    A dropped component is zero and not valid. Without Z, polarities are unknown. A window with
    one live component is left as it is, and draws 0 channels.

    Args:
        max_channels: at most so many are dropped, 1 or 2.

    Source: Zhu, Mousavi & Beroza (2020), channel dropout.
    """

    max_channels: Literal[1, 2] = 2

    draws = ("channels", "mask")
    vectorizes = True

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ChannelDropout:
        """Return one that drops a component, or up to two."""
        return cls(max_channels=1 if magnitude < 0.5 else 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Drop from one window; draws ``channels`` and ``mask`` (E 1 + N 2 + Z 4)."""
        live = labels.live(window)
        alive = tf.reduce_sum(tf.cast(live, tf.int32))
        wanted = draw.integer(seed, "channels", 1, self.max_channels)
        count = tf.clip_by_value(wanted, 0, tf.maximum(alive - 1, 0))
        dropped = draw.ranks(seed, "order", live) < count
        mask = tf.reduce_sum(tf.where(dropped, [1.0, 2.0, 4.0], 0.0))
        gone = tf.transpose(tf.broadcast_to(dropped[:, None], (3, labels.length(window))))
        window = labels.invalidate(window, gone)
        return {**window, "channels": tf.cast(count, tf.float32), "mask": mask}
