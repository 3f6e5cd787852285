"""Permuted components: channels in another order than their names say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.window import PAIRS

# In lexicographic order, so the first changes nothing and the third swaps E and N.
ORDERS = tuple(permutations(range(3)))
_SWAP = ORDERS.index((1, 0, 2))


@dataclass(frozen=True)
class ComponentPermute:
    """Put the components, with their validity, into another order than E, N, Z.

    Permutations are counted in lexicographic order from 0: 1 is E Z N, 2 is N E Z, 3 is N Z E,
    4 is Z E N, 5 is Z N E. One that moves Z leaves no vertical in its place, so polarities and
    back azimuths become unknown. A swap of E and N is seen as a mirror: a back azimuth becomes
    90 degrees minus itself. Where only dead components would move, the window is unchanged, and
    the order NaN.

    Args:
        components: ``horizontals`` swaps E and N; ``all`` draws one of the five other orders.

    Source: Zhu, Mousavi & Beroza (2020), channels.
    """

    components: Literal["horizontals", "all"] = "all"

    draws = ("order",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ComponentPermute:
        """Return a swap of the horizontals, or any order."""
        return cls(components="horizontals" if magnitude < 0.5 else "all")

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Permute one window; draws ``order``, the permutation's index."""
        if self.components == "horizontals":
            index = tf.constant(_SWAP)
        else:
            index = draw.integer(seed, "order", 1, len(ORDERS) - 1)
        order = tf.gather(tf.constant(ORDERS), index)
        moves = order != tf.range(3)
        done = tf.reduce_any(labels.live(window) & moves)
        moved = dict(window)
        for name in ("waveform", "valid", *(field.name for field in PAIRS)):
            if name in window:
                # Whole rows are gathered several times as fast as columns.
                moved[name] = tf.transpose(tf.gather(tf.transpose(window[name]), order))
        moved = labels.forget_polarity(moved, moves[labels.Z])
        azimuth = window["event_back_azimuth_deg"]
        mirrored = tf.math.floormod(90.0 - azimuth, 360.0)
        mirrored = tf.where(mirrored >= 360.0, 0.0, mirrored)
        moved["event_back_azimuth_deg"] = tf.where(moves[labels.Z], labels.NAN, mirrored)
        out = labels.either(done, moved, window)
        return {**out, "order": tf.where(done, tf.cast(index, tf.float32), labels.NAN)}
