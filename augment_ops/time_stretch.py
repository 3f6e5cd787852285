"""Time stretching: the same waveform slower or faster, its labels with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.interpolation import FactorRange, at_places
from augment_ops.core.labels import NAN, Window
from augment_ops.core.spans import spans
from schemas.window import PAIRS, P


@dataclass(frozen=True)
class TimeStretch:
    """Stretch time by a factor about one sample: ``x'(t) = x(t0 + (t - t0) / factor)``.

    Above 1 everything takes longer: frequencies fall, S - P and coda grow, as picks and events
    move with the samples; what leaves the window is lost, and what was never recorded is not
    valid. Magnitude, depth and distance stay those of the recorded event.

    Samples between samples come from a windowed sinc of 48 taps (Kaiser, 60 dB). It takes
    away what the rate could no longer hold: with a factor below 1.08 all above factor times the
    Nyquist frequency is gone, and all below factor - 0.15 times it is kept. A sample is valid
    where both its neighbours were; lines bridge the gaps for the taps.

    Nothing is done, and NaN is drawn, where no sample would be left.

    Args:
        factor: smallest and largest, 0.25 to 4, drawn log-uniformly.
        about: the fixed sample: the first ``p``, or else, and without P, the ``middle``.

    Source: Zhu, Mousavi & Beroza (2020), stretching.
    """

    factor: FactorRange = (0.8, 1.25)
    about: Literal["p", "middle"] = "p"

    draws = ("factor",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> TimeStretch:
        """Return factors further from 1 with more magnitude."""
        most = 1.02 + 0.48 * magnitude
        return cls(factor=(1.0 / most, most))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Stretch one window; draws ``factor``."""
        factor = draw.log_uniform(seed, "factor", *self.factor)
        size = labels.length(window)
        centre = tf.constant(0.5 * (size - 1), tf.float32)
        if self.about == "p":
            p = labels.first_sample(window, P)
            centre = tf.where(tf.math.is_finite(p), p, centre)
        # In float64: places between far samples keep their fractions.
        exact, fixed = tf.cast(factor, tf.float64), tf.cast(centre, tf.float64)
        places = _snapped(fixed + (tf.range(size, dtype=tf.float64) - fixed) / exact)
        made = {**window, "valid": _valid_at(window["valid"], places)}
        for name, wave in labels.waves(window).items():
            made[name] = _stretched(wave, window["valid"], places, exact)
        for name in (field.name for field in PAIRS if field.dtype == "bool"):
            if name in window:
                made[name] = _either_at(window[name], places)
        made = labels.move(made, lambda at: centre + (at - centre) * factor)
        before = labels.recorded_beneath(window)[:, labels.Z]
        made = labels.forget_polarity(made, before & ~labels.recorded_beneath(made)[:, labels.Z])
        made = labels.clear_unseen_events(labels.clear_unrecorded_picks(made))
        done = tf.reduce_any(made["valid"])
        kept = {name: tf.where(done, made[name], window[name]) for name in window}
        return {**kept, "factor": tf.where(done, factor, NAN)}


def _snapped(places: tf.Tensor) -> tf.Tensor:
    """Return places within rounding of a sample as that sample, which has one neighbour: itself."""
    whole = tf.round(places)
    return tf.where(tf.abs(places - whole) < 1e-6, whole, places)


def _neighbours(marks: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a bool [T, 3] at the samples on both sides of each place, false outside."""
    size = marks.shape[0]
    found = []
    for side in (tf.floor(places), tf.math.ceil(places)):
        inside = (side >= 0.0) & (side <= float(size - 1))
        at = tf.cast(tf.where(inside, side, 0.0), tf.int32)
        found.append(tf.gather(marks, at) & inside[:, None])
    return found[0], found[1]


def _valid_at(valid: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    before, after = _neighbours(valid, places)
    return before & after


def _either_at(marks: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    before, after = _neighbours(marks, places)
    return before | after


def _stretched(
    wave: tf.Tensor, valid: tf.Tensor, places: tf.Tensor, factor: tf.Tensor
) -> tf.Tensor:
    """Return float32 [T, 3]: the wave at each place, 0 where it is not known there."""
    span = spans(wave, valid)
    made = at_places(span.filled, places, factor)
    known = _valid_at(span.known, places)
    return tf.cast(tf.where(known, made, 0.0), tf.float32)
