"""Phase probabilities at each sample: P, S and noise, as PhaseNet is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import Positive
from schemas.window import P, S


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
        width = self.width_s * labels.rate_hz(window)
        time = tf.range(labels.length(window), dtype=tf.float32)[:, None]
        distance = tf.abs(time - window["pick_sample"][None, :]) / width
        curves = self._curve(distance)
        inside = (window["pick_sample"] >= 0.0) & (window["pick_sample"] <= time[-1])
        weight = labels.pick_weight(window)
        columns = []
        for phase in (P, S):
            held = tf.where(inside & labels.is_pick(window, phase), curves, 0.0)
            whole = tf.reduce_max(tf.where(weight < 1.0, 0.0, held), axis=-1)
            mixed = tf.reduce_sum(tf.where(weight < 1.0, weight * held, 0.0), axis=-1)
            columns.append(tf.minimum(whole + mixed, 1.0))
        phases = tf.stack(columns, axis=-1)
        total = tf.reduce_sum(phases, axis=-1, keepdims=True)
        phases = phases / tf.maximum(total, 1.0)
        noise = 1.0 - tf.reduce_sum(phases, axis=-1, keepdims=True)
        return tf.concat([phases, tf.clip_by_value(noise, 0.0, 1.0)], axis=-1)

    def _curve(self, distance: tf.Tensor) -> tf.Tensor:
        if self.shape == "gaussian":
            return tf.exp(-0.5 * distance * distance)
        if self.shape == "triangle":
            return tf.maximum(1.0 - distance, 0.0)
        return tf.cast(distance <= 1.0, tf.float32)
