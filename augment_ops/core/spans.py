"""The recorded span of each component, with its gaps bridged, for what filters or interpolates."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Spans:
    """One wave of [T, 3], laid out for a filter.

    Args:
        known: bool [T, 3], where the wave has samples.
        filled: float64 [T, 3]: the known samples, straight lines across the gaps between them,
            the first and the last held beyond; 0 for a component of nothing.
        first, last: int32 [3], the first and the last known sample; T and -1 if there is none.
    """

    known: tf.Tensor
    filled: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor

    @property
    def inside(self) -> tf.Tensor:
        """Return bool [T, 3]: from the first known sample to the last."""
        time = tf.range(self.known.shape[0])[:, None]
        return (time >= self.first) & (time <= self.last)

    def back(self, made: tf.Tensor) -> tf.Tensor:
        """Return what was made of `filled` as float32, 0 where nothing is known."""
        return tf.cast(tf.where(self.known, made, 0.0), tf.float32)


def spans(wave: tf.Tensor, valid: tf.Tensor) -> Spans:
    """Lay a wave out.

    Args:
        wave: float32 [T, 3], the waveform or a pair kept beside it.
        valid: bool [T, 3], the window's. A pair may know more than the waveform, such as what
            lay in a gap: it is known wherever it is not zero, too.
    """
    known = valid | (wave != 0.0)
    size = wave.shape[0]
    time = tf.range(size)[:, None]
    at = tf.transpose(tf.where(known, time, size))
    places = tf.concat([tf.sort(at, axis=1), tf.fill((3, 1), size)], axis=1)
    passed = tf.cumsum(tf.cast(tf.transpose(known), tf.int32), axis=1)
    last = tf.reduce_max(tf.where(known, time, -1), axis=0)
    top = tf.maximum(last, 0)[:, None]
    before = tf.minimum(tf.gather(places, tf.maximum(passed - 1, 0), batch_dims=1), top)
    after = tf.minimum(tf.gather(places, passed, batch_dims=1), top)
    exact = tf.transpose(tf.cast(wave, tf.float64))
    low, high = (tf.gather(exact, place, batch_dims=1) for place in (before, after))
    along, gap = (tf.cast(steps, tf.float64) for steps in (tf.range(size) - before, after - before))
    share = tf.clip_by_value(along / tf.maximum(gap, 1.0), 0.0, 1.0)
    bridged = tf.transpose(low + (high - low) * share)
    filled = tf.where(known, tf.cast(wave, tf.float64), bridged)
    return Spans(known, filled, tf.reduce_min(at, axis=1), last)
