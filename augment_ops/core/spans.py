"""The recorded span of each component, with its gaps bridged, for what filters or interpolates."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import labels


@dataclass(frozen=True)
class Spans:
    """One wave of [T, 3], laid out for a filter.

    Args:
        known: bool [T, 3], where the wave has samples.
        filled: float64 [T, 3]: the known samples, straight lines across the gaps between them,
            the first and the last held beyond; 0 for a component of nothing.
        first, last: int32 [3], the first and the last known sample; T and -1 if there is none.
        inside: bool [T, 3]: from the first known sample to the last.
    """

    known: tf.Tensor
    filled: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    inside: tf.Tensor

    def back(self, made: tf.Tensor) -> tf.Tensor:
        """Return what was made of `filled` as float32, 0 where nothing is known."""
        return tf.cast(labels.where_valid(self.known, made), tf.float32)


def spans(wave: tf.Tensor, valid: tf.Tensor) -> Spans:
    """Lay a wave out.

    Args:
        wave: float32 [T, 3], the waveform or a pair kept beside it.
        valid: bool [T, 3], the window's.
    """
    known, size = labels.known(wave, valid), wave.shape[0]
    exact = tf.cast(wave, tf.float64)

    def whole() -> tuple[tf.Tensor, ...]:
        return exact, tf.zeros(3, tf.int32), tf.fill((3,), size - 1), known

    def holed() -> tuple[tf.Tensor, ...]:
        some = tf.reduce_any(known, axis=0)
        first = tf.argmax(known, axis=0, output_type=tf.int32)
        last = size - 1 - tf.argmax(known[::-1], axis=0, output_type=tf.int32)
        first, last = tf.where(some, first, size), tf.where(some, last, -1)
        time = tf.range(size)[:, None]
        return _bridged(exact, known), first, last, (time >= first) & (time <= last)

    # Most windows have no holes, and nothing to be bridged.
    return Spans(known, *tf.cond(tf.reduce_all(known), whole, holed))


def _bridged(wave: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Return float64 [T, 3] with lines across the gaps and the ends held."""
    size = wave.shape[0]
    # One component after the other, so that each unknown sample has its neighbours in one list.
    row, marked = (tf.reshape(tf.transpose(each), [-1]) for each in (wave, known))
    there, lacking = tf.where(marked)[:, 0], tf.where(~marked)[:, 0]
    after = tf.searchsorted(there, lacking)
    # With one more at each end, of no component.
    there = tf.concat([[-size], there, [4 * size]], axis=0)
    low, high = tf.gather(there, after), tf.gather(there, after + 1)
    own = lacking // size
    has_low, has_high = (end // size == own for end in (low, high))
    low, high = tf.where(has_low, low, high), tf.where(has_high, high, low)
    some = has_low | has_high
    low, high = (tf.where(some, end, lacking) for end in (low, high))
    along, gap = (tf.cast(steps, tf.float64) for steps in (lacking - low, high - low))
    share = tf.clip_by_value(along / tf.maximum(gap, 1.0), 0.0, 1.0)
    first, last = tf.gather(row, low), tf.gather(row, high)
    filled = tf.tensor_scatter_nd_update(row, lacking[:, None], first + (last - first) * share)
    return tf.transpose(tf.reshape(filled, [3, size]))
