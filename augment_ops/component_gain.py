"""Component gain: three sensors in one case that are not equally sensitive."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.gains import amplify
from augment_ops.core.labels import Window
from schemas.recipe import Range
from schemas.window import COMPONENTS


@dataclass(frozen=True)
class ComponentGain:
    """Multiply each live component by a gain of its own, drawn log-uniformly.

    Gains that some sample cannot take without leaving float32 are not applied, and draw NaN.

    Args:
        gain_db: lowest and highest gain of a component, dB.

    Source: Zhu, Mousavi & Beroza (2020), amplitude; Ringler et al. (2015), sensitivities.
    """

    gain_db: Range = (-6.0, 6.0)

    draws = ("gain_e", "gain_n", "gain_z")
    vectorizes = True

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ComponentGain:
        """Return gains of up to half a dB either way, up to 12 dB."""
        reach = 0.5 + 11.5 * magnitude
        return cls(gain_db=(-reach, reach))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Scale one window; draws ``gain_e``, ``gain_n``, ``gain_z``, dB, NaN where dead."""
        gain_db = draw.uniform(seed, "gain_db", *self.gain_db, shape=(len(COMPONENTS),))
        live = labels.live(window)
        window, done = amplify(window, tf.where(live, gain_db, 0.0))
        drawn = tf.where(live & done, gain_db, labels.NAN)
        return {**window, **{name: drawn[at] for at, name in enumerate(self.draws)}}
