"""A phase vocoder: longer or shorter in time, at the same frequencies.

Frames are taken from the samples at one spacing and laid down at another, each turned in phase so
that what it holds goes on from the frame before. Of Laroche and Dolson (1999) is the locking of
phases: only the peaks of a spectrum are followed, and the bins about a peak turn with it, so that
the frame's own shape in time is kept.

The samples are divided into pieces, of which none takes anything from another. Beyond its end a
piece is mirrored, and ahead of its start turned about its first sample: an onset goes on smoothly
that way. Where two pieces meet neither is turned in phase: both go on from there as they were, and
in between, what either end asks for is blended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from augment_ops.core.interpolation import TAPS
from augment_ops.core.spans import Spans


@dataclass(frozen=True)
class Frames:
    """Where frames are taken, and where they are laid down: every `hop` places of a track.

    Args:
        size, hop: samples of a frame, and places from one frame to the next.
        first, behind: int32 [F], the piece that each frame is of.
        centre: int32 [F], the sample that it is taken about; may lie outside its piece.
        since, until: float64 [F], how far behind the piece's first sample, and ahead of its last
            one's end, it is laid down, in places.
        share: float64 [F], how much it goes by the piece's end: 0 not at all, 1 by nothing else.
        places: float64 [T], the place of each sample on the track.
    """

    size: int
    hop: int
    first: tf.Tensor
    behind: tf.Tensor
    centre: tf.Tensor
    since: tf.Tensor
    until: tf.Tensor
    share: tf.Tensor
    places: tf.Tensor

    @property
    def window(self) -> np.ndarray:
        """Return Hann's window, float64 [size]."""
        return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(self.size) / self.size)


def lay_out(
    cuts: tf.Tensor, count: int, size: int, factor: tf.Tensor, extremes: tuple[float, float]
) -> Frames:
    """Return the frames that make `count` samples longer by a factor.

    Args:
        cuts: int32 [N], first samples of pieces, from 0 to `count`, in any order.
        count: T.
        size: samples that a frame has at least.
        factor: float64 scalar.
        extremes: the smallest and the greatest factor that there may be.
    """
    # Four frames overlap where they are laid down, or more, that three do where they are taken.
    overlap = 4 * math.ceil(0.75 / min(extremes[0], 1.0))
    hop = math.ceil(size / overlap)
    size = hop * overlap
    first = tf.concat([[0], tf.sort(cuts)], axis=0)
    behind = tf.concat([first[1:], [count]], axis=0)
    long = tf.cast(behind - first, tf.float64) * factor
    # As many on each side as reach the places that the interpolator reads.
    spare = math.ceil((size / 2 + TAPS / 2) / hop)
    inner = tf.cast(tf.math.ceil(long * (1.0 / hop)), tf.int32) + 1
    frames = tf.where(behind > first, inner + 2 * spare, 0)
    start = tf.cumsum(frames, exclusive=True)
    total = math.ceil(count * extremes[1] / hop) + first.shape[0] * (3 + 2 * spare)
    number = tf.range(total)
    piece = _last_up_to(start, number)
    since = tf.cast((number - tf.gather(start, piece) - spare) * hop, tf.float64)
    length = tf.gather(long, piece)
    share = tf.clip_by_value(since / tf.maximum(length, 1.0), 0.0, 1.0)
    # Nothing is to be met where the samples begin and end.
    ends = tf.gather(first, piece), tf.gather(behind, piece)
    share = tf.where(ends[0] == 0, tf.ones_like(share), share)
    share = tf.where(ends[1] == count, tf.zeros_like(share), share)
    centre = ends[0] + tf.cast(tf.round(since / factor), tf.int32)
    time = tf.range(count)
    own = _last_up_to(first, time)
    origin = tf.cast((tf.gather(start, own) + spare) * hop + size // 2, tf.float64)
    places = origin + tf.cast(time - tf.gather(first, own), tf.float64) * factor
    return Frames(size, hop, *ends, centre, since, length - since, share, places)


def _last_up_to(starts: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Return the last of ascending starts that is not behind each position."""
    return tf.reduce_sum(tf.cast(at[:, None] >= starts, tf.int32), axis=1) - 1


def spectra(frames: Frames, span: Spans) -> tf.Tensor:
    """Return the spectra of windowed frames of a wave of [T, 3], complex128 [3, F, B]."""
    wave, size = tf.transpose(span.filled), span.filled.shape[0]
    low = tf.clip_by_value(tf.maximum(frames.first, span.first[:, None]), 0, size - 1)
    high = tf.minimum(frames.behind, span.last[:, None] + 1)
    # Twice the way from the sample that the start turns about to where the end is mirrored.
    way = 2 * tf.maximum(high - low, 1)[:, :, None] - 1
    reach = tf.range(-(frames.size // 2), frames.size // 2)
    away = frames.centre[:, None] + reach - low[:, :, None]
    away = tf.math.floormod(away + way, 2 * way) - way
    at = low[:, :, None] + tf.minimum(tf.abs(away), way - tf.abs(away))
    taken = tf.gather(wave, tf.minimum(at, size - 1), batch_dims=1)
    start = tf.gather(wave, low, batch_dims=1)[:, :, None]
    return tf.signal.rfft(tf.where(away < 0, 2.0 * start - taken, taken) * frames.window)


def turns(frames: Frames, spectrum: tf.Tensor) -> tf.Tensor:
    """Return by what angle each bin of each frame is to be turned, float64 [3, F, B]."""
    per_sample = (2.0 * np.pi / frames.size) * np.arange(spectrum.shape[-1])
    taken = tf.concat([[1], tf.maximum(frames.centre[1:] - frames.centre[:-1], 1)], axis=0)
    taken = tf.cast(taken, tf.float64)[:, None]
    since_last = spectrum[:, 1:] * tf.math.conj(spectrum[:, :-1])
    away = tf.pad(tf.math.angle(since_last), [[0, 0], [1, 0], [0, 0]])
    away = _wrapped(away - per_sample * taken)
    onward = per_sample * (frames.hop - taken) + away * (frames.hop / taken - 1.0)
    peak = _peaks(tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum)))
    frequency = tf.gather(tf.constant(per_sample), peak)
    from_first = frames.since - tf.cast(frames.centre - frames.first, tf.float64)
    from_end = -frames.until - tf.cast(frames.centre - frames.behind, tf.float64)
    # What does not swing within a frame is not turned.
    still = peak == 0
    held = still | (frames.since <= 0.0)[:, None]
    ahead = _followed(peak, onward, -1, held, frequency * from_first[:, None])
    held = still | (frames.until <= 0.0)[:, None]
    back = tf.pad(-onward[:, 1:], [[0, 0], [0, 1], [0, 0]])
    behind = _followed(peak, back, 1, held, frequency * from_end[:, None])
    return ahead + frames.share[:, None] * _wrapped(behind - ahead)


def _wrapped(angle: tf.Tensor) -> tf.Tensor:
    return angle - 2.0 * np.pi * tf.round(angle * (0.5 / np.pi))


def _peaks(power: tf.Tensor) -> tf.Tensor:
    """Return the bin of the peak that each bin is led to, int32 of the same shape.

    The way leads to the highest of two neighbours on either side, and on from there.
    """
    bins = power.shape[-1]
    padded = tf.pad(power, [[0, 0], [0, 0], [2, 2]], constant_values=-1.0)
    best, upward = power, tf.zeros_like(power, tf.int32)
    for by in (-1, 1, -2, 2):
        beside = padded[..., 2 + by : 2 + by + bins]
        # One as high as its neighbours stays.
        upward = tf.where(beside > best, by, upward)
        best = tf.maximum(beside, best)
    rows = tf.reshape(tf.range(math.prod(power.shape[:2])) * bins, (*power.shape[:2], 1))
    parent = tf.reshape(rows + tf.range(bins) + upward, [-1])
    # What it leads to leads on: each turn doubles the way.
    for _ in range(math.ceil(math.log2(bins))):
        parent = tf.gather(parent, parent)
    return tf.reshape(parent, power.shape) - rows


def _followed(
    peak: tf.Tensor, onward: tf.Tensor, side: int, held: tf.Tensor, angle: tf.Tensor
) -> tf.Tensor:
    """Return the angles that follow from those of held bins, by the frames on one side.

    Each bin takes the angle that its peak's bin has in the frame on that side, and what its
    peak gains on it. All ways are followed at once: each bin knows the sum so far and where
    it goes on, and takes over both from there, which doubles the way.
    """
    channels, total, bins = peak.shape
    rows = tf.reshape(tf.range(channels * total), (channels, total, 1))
    sink = channels * total * bins
    parent = tf.where(held, sink, (rows + side) * bins + peak)
    parent = tf.concat([tf.reshape(parent, [-1]), [sink]], axis=0)
    own = tf.gather(tf.reshape(onward, [-1]), tf.reshape(rows * bins + peak, [-1]))
    own = tf.where(tf.reshape(held, [-1]), tf.reshape(angle, [-1]), own)
    own = tf.concat([own, tf.zeros([1], tf.float64)], axis=0)
    for _ in range(math.ceil(math.log2(total))):
        own += tf.gather(own, parent)
        parent = tf.gather(parent, parent)
    return tf.reshape(own[:-1], peak.shape)


def track(frames: Frames, spectrum: tf.Tensor, angles: tf.Tensor) -> tf.Tensor:
    """Return what turned frames add up to on the track, float64 [P, 3]."""
    turn = tf.complex(tf.cos(angles), tf.sin(angles))
    made = tf.signal.irfft(spectrum * turn, [frames.size])
    # Squares of Hann's window add up to 3/8 of the overlap.
    overlap = frames.size // frames.hop
    made *= frames.window * (8.0 / (3.0 * overlap))
    parts = tf.reshape(made, (*made.shape[:2], overlap, frames.hop))
    total = tf.zeros([], tf.float64)
    for number in range(overlap):
        room = [number, overlap - 1 - number]
        total += tf.pad(parts[:, :, number], [[0, 0], room, [0, 0]])
    return tf.transpose(tf.reshape(total, (made.shape[0], -1)))
