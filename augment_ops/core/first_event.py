"""The first event of a window: the one whose P is the earliest that the window shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.window import P


def first_p(window: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the slot of the earliest P pick, int32, and the share that its labels have.

    The share is the `event_weight` of its event, 1 unless that was mixed up; 0 without a P pick.
    """
    held = labels.is_pick(window, P)
    at = tf.where(held, window["pick_sample"], float("inf"))
    slot = tf.argmin(at, output_type=tf.int32)
    return slot, tf.where(tf.reduce_any(held), tf.gather(labels.pick_weight(window), slot), 0.0)


@dataclass(frozen=True)
class OfFirstEvent:
    """A target that is one field of the first event, such as its magnitude."""

    field: ClassVar[str]

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [1], 0 where it is unknown."""
        return self._known(window)[0][None]

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 []: the share of the event's labels, 0 where the value is unknown."""
        return self._known(window)[1]

    def _known(self, window: Window) -> tuple[tf.Tensor, tf.Tensor]:
        slot, share = first_p(window)
        event = tf.maximum(tf.gather(window["pick_event"], slot), 0)
        value = tf.gather(window[self.field], event)
        known = tf.math.is_finite(value) & (share > 0.0)
        return tf.where(known, value, 0.0), tf.where(known, share, 0.0)


def shaken(window: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return how much of what shakes the window is events, float32 in [0, 1], and if that is known.

    1 where an event's span from its first onset to its coda's end lies in the window, at least in
    part, and 0 where none does. Events that were mixed up count by their share, each share once,
    for what was mixed in one window has one. It is not known, of events that do not reach the
    window by what is known, where one's onset is unknown, or one's end that began before it.
    """
    onset, end = labels.event_span(window)
    used = window["event_id"] != ""
    here = used & (end >= 0.0) & (onset <= float(labels.length(window) - 1))
    weight = tf.where(here, labels.event_weight(window), 0.0)
    earlier = tf.linalg.band_part(tf.ones((weight.shape[0],) * 2, tf.bool), 0, -1)
    earlier = tf.linalg.set_diag(earlier, tf.zeros(weight.shape[0], tf.bool))
    again = tf.reduce_any((weight[:, None] == weight[None, :]) & earlier, axis=0)
    share = tf.minimum(tf.reduce_sum(tf.where(again, 0.0, weight)), 1.0)
    endless = ~tf.math.is_finite(window["event_coda_end_sample"]) & (onset < 0.0)
    doubtful = used & ~here & (~tf.math.is_finite(onset) | endless)
    return share, (share > 0.0) | ~tf.reduce_any(doubtful)
