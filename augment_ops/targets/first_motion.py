"""First motion: the vertical component about P, as models of polarity are fed with."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.first_event import first_p
from augment_ops.core.labels import Window, Z
from schemas.errors import UserError
from schemas.recipe import Positive


@dataclass(frozen=True)
class FirstMotion:
    """The vertical component about the first P pick, P always at one and the same sample.

    Its n = (before_s + after_s) x rate samples begin before_s ahead of the sample nearest to P.
    The mean of what lies ahead of P is taken off, so that the motion starts from 0, and the
    largest absolute sample is 1. All of it is 0, with weight 0, where there is no P pick, where
    the samples do not all lie in the window and are valid, or where they do not vary.

    Args:
        before_s: s; how much of it lies ahead of P.
        after_s: s; how much lies behind.

    Source: Ross, Meier & Hauksson (2018): a cut of fixed length about P, at a peak of 1.
    """

    before_s: Positive = 2.0
    after_s: Positive = 2.0

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [n, 1]."""
        return self._cut(window)[0]

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 []."""
        return self._cut(window)[1]

    def _cut(self, window: Window) -> tuple[tf.Tensor, tf.Tensor]:
        rate = labels.static_rate_hz(window)
        before, after = (round(seconds * rate) for seconds in (self.before_s, self.after_s))
        size = labels.length(window)
        if min(before, after) < 1 or before + after > size:
            raise UserError(
                f"first_motion: got {before} samples before P and {after} from it on, "
                f"expected one at least of each, and at most the {size} of the window"
            )
        slot, share = first_p(window)
        p = tf.where(share > 0.0, tf.gather(window["pick_sample"], slot), -1.0)
        start = tf.cast(tf.round(p), tf.int32) - before
        at = tf.clip_by_value(start, 0, size - before - after) + tf.range(before + after)
        wave = tf.gather(window["waveform"][:, Z], at)
        there = (share > 0.0) & (at[0] == start)
        there &= tf.reduce_all(tf.gather(window["valid"][:, Z], at))
        motion = wave - tf.reduce_mean(wave[:before])
        peak = tf.reduce_max(tf.abs(motion))
        there &= peak > 0.0
        motion = tf.where(there, motion / tf.where(there, peak, 1.0), 0.0)
        return motion[:, None], tf.where(there, share, 0.0)
