"""Samples between samples: a windowed sinc, and the factors by which ops stretch with it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import tensorflow as tf
from pydantic import AfterValidator

from schemas.recipe import Positive

# An interpolator of 60 dB: Kaiser's formulas give the window's shape, and the width of the
# transition as a share of the Nyquist frequency.
TAPS = 48
_HALF = TAPS // 2
# So many powers give the weights to some 1e-12.
_POWERS = 14
_DB = 60.0
_BETA = 0.1102 * (_DB - 8.7)
_TRANSITION = (_DB - 8.0) / (2.285 * (TAPS - 1) * np.pi)
LEAST, MOST = 0.25, 4.0


def _in_reach(pair: tuple[float, float]) -> tuple[float, float]:
    if not LEAST <= pair[0] <= pair[1] <= MOST:
        raise ValueError(f"expected {LEAST} <= low <= high <= {MOST}, got {pair[0]} and {pair[1]}")
    return pair


FactorRange = Annotated[tuple[Positive, Positive], AfterValidator(_in_reach)]


def at_places(values: tf.Tensor, places: tf.Tensor, stretch: tf.Tensor) -> tf.Tensor:
    """Return values between samples; the first and the last sample hold beyond the ends.

    What the new rate could not hold is taken away: with a stretch below 1.08, all above stretch
    times the Nyquist frequency is gone, and all below stretch - 0.15 times it is kept.

    Args:
        values: float64 [N, C].
        places: float64 [T], where, in samples.
        stretch: float64 scalar, the new samples to an old one; places lie 1 / stretch apart.

    Returns:
        float64 [T, C].
    """
    size, nearest = values.shape[0], tf.floor(places)
    first = tf.cast(tf.clip_by_value(nearest, -float(_HALF), float(size + _HALF - 1)), tf.int32)
    rows = tf.transpose(values)
    ends = [tf.repeat(end, 2 * _HALF, axis=1) for end in (rows[:, :1], rows[:, -1:])]
    held = tf.concat([ends[0], rows, ends[1]], axis=1)
    # Weights are polynomials of the place between two samples. The samples are summed up with the
    # coefficients of each power, once for all places, and each place takes the powers' sums.
    sums = tf.nn.conv1d(held[:, :, None], _coefficients(stretch), stride=1, padding="VALID")
    at_first = tf.gather(sums, first + (_HALF + 1), axis=1)
    return tf.transpose(tf.reduce_sum(at_first * _chebyshev(places - nearest), axis=-1))


def _coefficients(stretch: tf.Tensor) -> tf.Tensor:
    """Return each tap's weight as Chebyshev coefficients, float64 [taps, 1, powers]."""
    points = 0.5 - 0.5 * np.cos(np.pi * (np.arange(_POWERS) + 0.5) / _POWERS)
    away = points[:, None] - np.arange(1 - _HALF, _HALF + 1)
    window = np.i0(_BETA * np.sqrt(1.0 - np.square(away / _HALF)))
    # The end of the stopband lies where the new rate ends.
    cutoff = tf.minimum(tf.constant(1.0, tf.float64), stretch - 0.5 * _TRANSITION)
    # One product with what NumPy works out: graphs rewrite two. No point lies on a sample.
    turned = (np.pi * away) * cutoff
    weights = tf.sin(turned) / turned * window
    weights *= 1.0 / tf.reduce_sum(weights, axis=1, keepdims=True)
    solved = np.linalg.inv(np.polynomial.chebyshev.chebvander(2.0 * points - 1.0, _POWERS - 1))
    return tf.transpose(tf.matmul(solved, weights))[:, None, :]


def _chebyshev(share: tf.Tensor) -> tf.Tensor:
    """Return the Chebyshev polynomials of 2 share - 1, float64 [T, powers]."""
    at = 2.0 * share - 1.0
    powers = [tf.ones_like(at), at]
    while len(powers) < _POWERS:
        powers.append(2.0 * at * powers[-1] - powers[-2])
    return tf.stack(powers, axis=1)
