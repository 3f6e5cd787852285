"""Frequency stretching: the same waveform higher or lower, its times as they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tensorflow as tf
from pydantic import Field

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.butterworth import rate_of
from augment_ops.core.interpolation import FactorRange, at_places
from augment_ops.core.labels import NAN, Window
from augment_ops.core.spans import spans
from augment_ops.core.vocoder import Frames, lay_out, spectra, track, turns

FrameLength = Annotated[float, Field(gt=0, le=10)]
# Of frames so short as this, the next is still taken a sample further on.
_LEAST_FRAME = 32


@dataclass(frozen=True)
class FrequencyStretch:
    """Multiply all frequencies by a factor; picks, S - P and coda stay where they are.

    A phase vocoder makes the wave longer by the factor at the same frequencies, and an
    interpolator (windowed sinc, 48 taps, 60 dB) then makes all of it as short as it was. A steady
    tone keeps its amplitude, at factor times its frequency. Noise, whose frequencies lose their
    step, may lose a tenth of its rms. Frequencies below some ``1 / frame_s`` are not told from the
    mean and stay; those below twice that beat a little. With a factor above 0.93, all that would
    pass the Nyquist frequency is gone, and all that stays below 1 - 0.15 factor times it is kept.

    Each pick begins a piece of its own: no sample ahead of it has any part of a recorded one
    behind it, and the other way round. About a pick the wave is the recorded one with its times
    from there divided by the factor, so first motions, and polarities, are kept. An onset that no
    pick marks is smeared by about a tenth of a frame. Lines bridge gaps, which stay gaps, beside
    which alone something may cross a pick.

    All waves go through one and the same vocoder, so that a mixture stays the sum of its parts.
    Magnitude, depth and distance stay those of the recorded event.

    Nothing is done, and NaN is drawn, where no sample is valid.

    Args:
        factor: smallest and largest, 0.25 to 4, drawn log-uniformly.
        frame_s: length of the vocoder's frames, s, at least 32 samples: longer ones tell lower
            frequencies apart, shorter ones keep times better.

    Source: Laroche & Dolson (1999), phase locking; Zhu, Mousavi & Beroza (2020), stretching.
    """

    factor: FactorRange = (0.8, 1.25)
    frame_s: FrameLength = 1.28

    draws = ("factor",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> FrequencyStretch:
        """Return factors further from 1 with more magnitude."""
        most = 1.02 + 0.48 * magnitude
        return cls(factor=(1.0 / most, most))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Stretch the spectrum of one window; draws ``factor``."""
        factor = draw.log_uniform(seed, "factor", *self.factor)
        exact, count = tf.cast(factor, tf.float64), labels.length(window)
        size = max(round(self.frame_s * rate_of(window)), _LEAST_FRAME)
        frames = lay_out(_onsets(window), count, size, exact, self.factor)
        waves = labels.waves(window)
        angles = _angles(frames, waves, window["valid"])
        made = {
            name: _stretched(frames, wave, window["valid"], angles, exact)
            for name, wave in waves.items()
        }
        done = tf.reduce_any(window["valid"])
        kept = {name: tf.where(done, wave, window[name]) for name, wave in made.items()}
        return {**window, **kept, "factor": tf.where(done, factor, NAN)}


def _onsets(window: Window) -> tf.Tensor:
    """Return the first sample of each pick's phase, int32 [K]; T in slots without a pick."""
    count = float(labels.length(window))
    first = tf.where(labels.is_pick(window), tf.math.ceil(window["pick_sample"]), count)
    return tf.cast(tf.clip_by_value(first, 0.0, count), tf.int32)


def _angles(frames: Frames, waves: dict[str, tf.Tensor], valid: tf.Tensor) -> tf.Tensor:
    """Return the angles for all waves: of the waveform, and of what the pairs hold in its gaps."""
    whole, known = tf.zeros_like(waves["waveform"]), tf.zeros_like(valid)
    for name, wave in waves.items():
        own = valid if name == "waveform" else wave != 0.0
        whole = tf.where(own & ~known, wave, whole)
        known |= own
    return turns(frames, spectra(frames, spans(whole, known)))


def _stretched(
    frames: Frames, wave: tf.Tensor, valid: tf.Tensor, angles: tf.Tensor, factor: tf.Tensor
) -> tf.Tensor:
    """Return float32 [T, 3]: the wave made longer in time, and the whole of it then shorter."""
    span = spans(wave, valid)
    laid = track(frames, spectra(frames, span), angles)
    return span.back(at_places(laid, frames.places, tf.math.reciprocal(factor)))
