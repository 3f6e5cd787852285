"""Step glitches: jumps of the baseline, as tilts, electronics and mass re-centring make them."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels, places
from augment_ops.core.labels import Window
from augment_ops.core.measure import rms
from schemas.recipe import CountRange, PositiveRange


@dataclass(frozen=True)
class StepGlitch:
    """Add jumps of the baseline, up or down, each on one live component.

    A jump lies at a recorded sample, all of them as likely, and lasts to the window's end, or
    decays exponentially. A silent window gets 0 jumps.

    Args:
        count: fewest and most jumps, drawn uniformly.
        height: least and largest jump over the window's rms (over all that is recorded), drawn
            log-uniformly for each.
        recovery_s: shortest and longest time in which a jump falls to 1/e, s, drawn
            log-uniformly; it stays if none.

    Source: Zhu, Mousavi & Beroza (2020), false-positive noise.
    """

    count: CountRange = (1, 2)
    height: PositiveRange = (1.0, 10.0)
    recovery_s: PositiveRange | None = None

    draws = ("jumps", "height")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> StepGlitch:
        """Return more and higher jumps: half the rms, up to twenty times it."""
        return cls(count=(1, 1 + round(3 * magnitude)), height=(0.5 * 40.0**magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Add jumps; draws how many ``jumps``, and the largest ``height`` over the rms."""
        most = self.count[1]
        struck = places.struck(window, seed, most, "one")
        start = places.recorded_sample(window, seed, "start", struck)
        after = tf.range(labels.length(window))[None, :] - start[:, None]
        unit = rms(window)
        used = (tf.range(most) < draw.integer(seed, "count", *self.count)) & (unit > 0.0)
        height = draw.log_uniform(seed, "height", *self.height, shape=(most,))
        up = draw.uniform(seed, "sign", shape=(most,)) < 0.5
        size = tf.where(used, tf.where(up, height, -height) * unit, 0.0)
        jumps = labels.where_valid(after >= 0, self._course(window, seed, after))
        sizes = tf.where(struck, size[:, None], 0.0)
        added = tf.transpose(tf.matmul(sizes, jumps, transpose_a=True))
        jumped = window["waveform"] + labels.where_valid(window["valid"], added)
        number = tf.reduce_sum(tf.cast(used, tf.float32))
        largest = tf.reduce_max(tf.where(used, height, 0.0))
        return {
            **window,
            **labels.either(number > 0.0, {"waveform": jumped}, window),
            "jumps": number,
            "height": tf.where(number > 0.0, largest, labels.NAN),
        }

    def _course(self, window: Window, seed: draw.Seed, after: tf.Tensor) -> tf.Tensor:
        """Return what is left of each jump so many samples after it, float32 [G, T]."""
        if self.recovery_s is None:
            return tf.ones(after.shape, tf.float32)
        seconds = draw.log_uniform(seed, "recovery_s", *self.recovery_s, shape=(after.shape[0],))
        # Graphs turn a division by what does not vary into this product.
        loss = 1.0 / tf.maximum(seconds * labels.rate_hz(window), 1e-3)[:, None]
        return tf.exp(-tf.cast(tf.maximum(after, 0), tf.float32) * loss)
