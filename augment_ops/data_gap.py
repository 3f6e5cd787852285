"""Data gaps: spans lost in telemetry, which pickers take for onsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels, places
from augment_ops.core.labels import Window
from augment_ops.core.spans import spans
from schemas.recipe import CountRange, PositiveRange


@dataclass(frozen=True)
class DataGap:
    """Lose one or more spans, and the picks inside them.

    Filled with zeros, the samples are marked not valid, and so a gap that a reader can see. Real
    archives also hide their gaps, by repeating a value or drawing a line through them: filled so,
    the samples stay marked valid, as such an archive would give them, and the corners are a trap
    for pickers. The picks go all the same, and no mask shows why. What was not valid before stays
    so; a component of which no sample is left has nothing to be filled from, and is zero and not
    valid.

    A window that the gaps would leave without a sample is left as it is, and draws 0 gaps.

    Args:
        gaps: fewest and most gaps, drawn uniformly.
        duration_s: shortest and longest gap, s, drawn log-uniformly.
        components: ``all``, as a lost packet of a multiplexed stream; ``one`` live component a
            gap, where the channels travel apart (the pick stays: the others show it).
        fill: ``zero``; ``last`` recorded value before the gap; ``linear`` between the values at its
            ends. At the record's ends the one value that there is serves for both.

    Source: Zhu, Mousavi & Beroza (2020), false-positive noise.
    """

    gaps: CountRange = (1, 2)
    duration_s: PositiveRange = (0.1, 3.0)
    components: Literal["all", "one"] = "all"
    fill: Literal["zero", "last", "linear"] = "zero"

    draws = ("gaps", "gap_samples")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> DataGap:
        """Return longer and more gaps with more magnitude."""
        return cls(gaps=(1, 1 + round(3 * magnitude)), duration_s=(0.1, 0.1 + 5.0 * magnitude))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Cut gaps into one window; draws ``gaps`` and ``gap_samples``, which were lost."""
        most = self.gaps[1]
        count = draw.integer(seed, "gaps", *self.gaps)
        seconds = draw.log_uniform(seed, "duration_s", *self.duration_s, shape=(most,))
        size = labels.length(window)
        lengths = tf.clip_by_value(tf.round(seconds * labels.rate_hz(window)), 1.0, float(size))
        sizes = tf.cast(lengths, tf.int32)
        starts = draw.integer(seed, "start", 0, size - sizes, shape=(most,))
        time = tf.range(size)[None, :]
        inside = (time >= starts[:, None]) & (time < (starts + sizes)[:, None])
        inside &= (tf.range(most) < count)[:, None]
        struck = places.struck(window, seed, most, self.components)
        # With the samples innermost, where a broadcast is quick.
        hit = tf.transpose(tf.reduce_any(inside[:, None, :] & struck[:, :, None], axis=0))
        # A window without a sample would be no window.
        some = tf.reduce_any(window["valid"] & ~hit)
        count, hit = tf.where(some, count, 0), hit & some
        lost = tf.reduce_any(hit & window["valid"], axis=-1)
        number = tf.reduce_sum(tf.cast(lost, tf.float32))
        lossy = labels.invalidate(window, hit)
        if self.fill != "zero":
            lossy |= _filled(window, lossy, self.fill)
        return {**lossy, "gaps": tf.cast(count, tf.float32), "gap_samples": number}


def _filled(window: Window, lossy: Window, fill: str) -> Window:
    """Return the samples of a window whose gaps are hidden, and their validity."""
    kept, wave = lossy["valid"], lossy["waveform"]
    if fill == "last":
        guess = _held(wave, kept)
    else:
        guess = tf.cast(spans(wave, kept).filled, tf.float32)
    hidden = window["valid"] & ~kept & tf.reduce_any(kept, axis=0)
    return {"valid": kept | hidden, "waveform": tf.where(hidden, guess, wave)}


def _held(wave: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    """Return [T, 3] with the last kept sample at each time, ahead of any the first."""
    size = wave.shape[0]
    wave, kept = tf.transpose(wave), tf.transpose(kept)
    kept_at = tf.sort(tf.where(kept, tf.range(size), size - 1), axis=1)
    passed = tf.cumsum(tf.cast(kept, tf.int32), axis=1)
    last = tf.gather(kept_at, tf.maximum(passed - 1, 0), batch_dims=1)
    return tf.transpose(tf.gather(wave, last, batch_dims=1))
