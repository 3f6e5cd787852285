"""Phase probabilities at each sample: P, S and noise, as PhaseNet is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import Positive
from schemas.window import PHASES, S

# Where a curve ends, in widths: behind six of them a Gaussian is below a float32's step from 1.
_REACH = {"gaussian": 6.0, "triangle": 1.0, "box": 1.0}


@dataclass(frozen=True)
class PhasePicks:
    """P, S and noise at each sample, each within [0, 1], their sum 1.

    Picks of one phase join by their maximum, so that close events do not add up; those of events
    that were mixed up add to them by their weight. Where P and S together exceed 1 they are
    scaled to it. A pick outside the window leaves no tail in it.

    Args:
        shape: the curve about a pick.
        width_s: s; sigma of the Gaussian, half the base of the triangle or of the box.

    Source: Zhu & Beroza (2019), PhaseNet.
    """

    shape: Literal["gaussian", "triangle", "box"] = "gaussian"
    width_s: Positive = 0.1

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [T, 3]: P, S, noise."""
        size, pick = labels.length(window), window["pick_sample"]
        width = self.width_s * labels.static_rate_hz(window)
        # Only where a curve is not zero: some hundred samples a slot, and not the whole window.
        reach = min(math.ceil(_REACH[self.shape] * width), size)
        held = labels.is_pick(window) & (pick >= 0.0) & (pick <= float(size - 1))
        pick = tf.where(held, pick, 0.0)
        at = tf.cast(tf.round(pick), tf.int32)[:, None] + tf.range(-reach, reach + 1)
        curves = self._curve(tf.abs(tf.cast(at, tf.float32) - pick[:, None]) / width)
        # One place more, for what lies outside.
        at = tf.where(held[:, None] & (at >= 0) & (at < size), at, size)
        phases = self._joined(window, at, curves, size)
        phases = phases / tf.maximum(tf.reduce_sum(phases, axis=0), 1.0)
        noise = tf.clip_by_value(1.0 - tf.reduce_sum(phases, axis=0), 0.0, 1.0)
        return tf.transpose(tf.concat([phases, noise[None, :]], axis=0))

    def _joined(self, window: Window, at: tf.Tensor, curves: tf.Tensor, size: int) -> tf.Tensor:
        """Return float32 [2, T], P and S: the largest whole curve, and the mixed ones' sum."""
        second = tf.cast(window["pick_phase"] == S, tf.int32)[:, None]
        places, count = at + second * (size + 1), len(PHASES) * (size + 1)
        weight = labels.pick_weight(window)[:, None]
        whole = tf.where(weight < 1.0, 0.0, curves)
        mixed = tf.where(weight < 1.0, weight * curves, 0.0)
        joined = tf.maximum(tf.math.unsorted_segment_max(whole, places, count), 0.0)
        joined += tf.math.unsorted_segment_sum(mixed, places, count)
        return tf.reshape(tf.minimum(joined, 1.0), [len(PHASES), size + 1])[:, :size]

    def _curve(self, distance: tf.Tensor) -> tf.Tensor:
        if self.shape == "gaussian":
            return tf.exp(-0.5 * distance * distance)
        if self.shape == "triangle":
            return tf.maximum(1.0 - distance, 0.0)
        return tf.cast(distance <= 1.0, tf.float32)
