"""Event or noise: whether an earthquake shakes the station within the window."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core.first_event import shaken
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class EventOrNoise:
    """1 where an event lies in the window, from its P to its coda's end, in part at least; else 0.

    Noise and hard negatives are 0, and so is a window that was cropped beside its event. What was
    mixed up is in between, by the events' share. The weight is 0 where an event's place is not
    known: it has no onset, or began before the window and no one knows when it ended.

    Source: Meier et al. (2019), signal and noise as classes.
    """

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [1]."""
        return shaken(window)[0][None]

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 []."""
        return tf.cast(shaken(window)[1], tf.float32)
