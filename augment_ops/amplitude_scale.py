"""Amplitude scale: one gain for the window, as magnitude, distance and instrument give it."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.gains import amplify
from augment_ops.core.labels import Window
from schemas.recipe import Range


@dataclass(frozen=True)
class AmplitudeScale:
    """Multiply all samples by one gain, drawn log-uniformly.

    Nothing changes after normalisation: it is for models that see recorded units, and for
    windows whose amplitude counts in a later mixture. A gain that some sample cannot take
    without leaving float32 is not applied, and draws NaN.

    Args:
        gain_db: lowest and highest gain, dB.

    Source: Zhu, Mousavi & Beroza (2020), amplitude and normalisation.
    """

    gain_db: Range = (-20.0, 20.0)

    draws = ("gain_db",)
    vectorizes = True

    @classmethod
    def at_magnitude(cls, magnitude: float) -> AmplitudeScale:
        """Return gains of up to 1 dB either way, up to 40 dB."""
        reach = 1.0 + 39.0 * magnitude
        return cls(gain_db=(-reach, reach))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Scale one window; draws ``gain_db``."""
        gain_db = draw.uniform(seed, "gain_db", *self.gain_db)
        window, done = amplify(window, gain_db)
        return {**window, "gain_db": tf.where(done, gain_db, labels.NAN)}
