"""Back azimuth of the event that the window shows first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core.first_event import OfFirstEvent
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class BackAzimuth(OfFirstEvent):
    """Sine and cosine of the angle to the first event, from the station, north over east.

    The first event is the one of the window's earliest P pick. Two numbers, for 359 degrees are
    close to 1; both are 0, with weight 0, where there is no P pick or the angle is unknown. The
    weight is the event's share if it was mixed up.

    Source: Mousavi & Beroza (2020), locations from single stations.
    """

    field = "event_back_azimuth_deg"

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [2]: sine, cosine."""
        angle = super().__call__(window) * (math.pi / 180.0)
        both = tf.concat([tf.sin(angle), tf.cos(angle)], axis=0)
        return tf.where(self.weight(window) > 0.0, both, 0.0)
