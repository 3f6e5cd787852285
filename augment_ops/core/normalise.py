"""Normalisation: once, after all mixing, on valid samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window, where_valid
from schemas.window import COMPONENTS

# Below a float32 step: what varies less than this share of its largest sample is constant.
_CONSTANT = 3e-8
_WIDEST = 50
_LOG_2 = math.log(2.0)


def normalise(window: Window, how: str) -> tf.Tensor:
    """Return the waveform [T, 3] that `normalised` makes."""
    return normalised({name: window[name] for name in ("waveform", "valid")}, how)["waveform"]


def normalised(window: Window, how: str) -> Window:
    """Return the window with mean 0 and scale 1 on each component of the waveform.

    A component that is constant becomes 0, and what is not valid stays it. The pairs kept beside
    the waveform have their own mean over the same valid samples taken off, and the waveform's
    factor: so the waveform less a pair is what tells them apart, centred and multiplied as if it
    had been normalised alone, and a pair equals the waveform where the two never differed. A pair
    may know what the waveform has lost, and is moved and scaled there alike; on a component of
    which nothing is left it is normalised by itself.

    Args:
        window: the window; its labels stay as they are.
        how: ``std`` divides by the standard deviation, ``peak`` by the largest absolute sample,
            ``none`` returns the samples as they are.
    """
    if how == "none":
        return window
    size = labels.length(window)
    waves = {name: _folded(wave) for name, wave in labels.waves(window).items()}
    valid = _folded(window["valid"])
    wave = waves.pop("waveform")
    unit = _power_of_two(wave)
    centred, factor = _centred(wave, unit, valid, valid, how)
    made = {"waveform": centred * _each(factor, centred)}
    live = labels.live(window)
    for name, wave in waves.items():
        known = labels.known(wave, valid)
        counted = tf.where(_each(live, valid), valid, known)
        own_unit = tf.where(live, unit, _power_of_two(wave))
        own, alone = _centred(wave, own_unit, known, counted, how)
        made[name] = own * _each(tf.where(live, factor, alone), own)
    shape = (size, len(COMPONENTS))
    return {**window, **{n: tf.cast(tf.reshape(w, shape), tf.float32) for n, w in made.items()}}


def _folded(samples: tf.Tensor) -> tf.Tensor:
    """Return [T, 3] as [T / k, 3 k], k samples a row: wide rows are several times as fast."""
    size = samples.shape[0]
    together = max(k for k in range(1, _WIDEST + 1) if size % k == 0)
    return tf.reshape(samples, (size // together, len(COMPONENTS) * together))


def _each(row: tf.Tensor, folded: tf.Tensor) -> tf.Tensor:
    """Return a value a component, [3], beside the columns of a folded tensor."""
    return tf.tile(row, [folded.shape[1] // len(COMPONENTS)])


def _over_all(reduce: Callable, folded: tf.Tensor) -> tf.Tensor:
    """Reduce a folded tensor to a value a component, [3]."""
    return reduce(tf.reshape(reduce(folded, axis=0), (-1, len(COMPONENTS))), axis=0)


def _within(wave: tf.Tensor, known: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    """Return the counted samples of those known, which are zero elsewhere already."""
    return wave if counted is known else where_valid(counted, wave)


def _power_of_two(wave: tf.Tensor) -> tf.Tensor:
    """Return what a component is divided by so that no square overflows, and no bit is lost."""
    largest = _over_all(tf.reduce_max, tf.abs(wave))
    largest = tf.cast(tf.where(largest > 0.0, largest, 1.0), tf.float64)
    # In float64 and rounded: a whole power, to the bit.
    return tf.cast(tf.exp(tf.floor(tf.math.log(largest) / _LOG_2) * _LOG_2), tf.float32)


def _centred(
    wave: tf.Tensor, unit: tf.Tensor, known: tf.Tensor, counted: tf.Tensor, how: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the known samples over `unit` and without the counted ones' mean, and the factor."""
    # The first mean takes off an offset of any size, the second what that one was wrong by: so
    # the small signal on it is left as it is, without the cost of float64.
    count = tf.maximum(_over_all(tf.reduce_sum, tf.cast(counted, tf.float32)), 1.0)
    centred = wave * _each(1.0 / unit, wave)
    for _ in range(2):
        mean = _over_all(tf.reduce_sum, _within(centred, known, counted)) / count
        centred = where_valid(known, centred - _each(mean, wave))
    within = _within(centred, known, counted)
    if how == "peak":
        scale = _over_all(tf.reduce_max, tf.abs(within))
    else:
        scale = tf.sqrt(_over_all(tf.reduce_sum, tf.square(within)) / count)
    varies = scale > _CONSTANT
    return centred, tf.where(varies, 1.0 / tf.where(varies, scale, 1.0), 0.0)
