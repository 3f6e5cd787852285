"""Polarity flip: a sensor wired the wrong way round, or a source turned inside out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class PolarityFlip:
    """Turn the sign of the samples; picks that were up are down, and the other way round.

    A polarity is that of the vertical, so both modes swap it. A flip of all components is what
    a source of the opposite sense leaves, from the same side. A vertical that is flipped alone
    looks, beside a live horizontal, like a wave from the opposite side: back azimuths turn by
    180 degrees. Without a live vertical the vertical mode changes nothing, and draws NaN.

    Args:
        components: ``vertical``: Z alone; ``all``: all three.

    Source: Uchide (2020), polarity picking with flipped waveforms.
    """

    components: Literal["vertical", "all"] = "all"

    draws = ("flipped",)
    vectorizes = True

    @classmethod
    def at_magnitude(cls, magnitude: float) -> PolarityFlip:
        """Return a flip of the vertical, or of all components."""
        return cls(components="vertical" if magnitude < 0.5 else "all")

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Flip one window; draws ``flipped``, 1."""
        live = labels.live(window)
        alone = self.components == "vertical"
        done = live[labels.Z] if alone else tf.constant(True)
        sign = tf.where(done, -1.0, 1.0)
        flipped = {name: _turned(wave, sign, alone) for name, wave in labels.waves(window).items()}
        polarity, azimuth = window["pick_polarity"], window["event_back_azimuth_deg"]
        flipped["pick_polarity"] = tf.where(done, -polarity, polarity)
        if alone:
            turned = done & tf.reduce_any(live[: labels.Z])
            opposite = tf.math.floormod(azimuth + 180.0, 360.0)
            flipped["event_back_azimuth_deg"] = tf.where(turned, opposite, azimuth)
        return {**window, **flipped, "flipped": tf.where(done, 1.0, labels.NAN)}


def _turned(wave: tf.Tensor, sign: tf.Tensor, alone: bool) -> tf.Tensor:
    """Return the wave, or its vertical alone, times the sign."""
    # A zero stays +0, where nothing is recorded and elsewhere.
    turned = labels.where_valid(wave != 0.0, wave * sign)
    if not alone:
        return turned
    rows = tf.transpose(wave)[: labels.Z], tf.transpose(turned)[labels.Z :]
    return tf.transpose(tf.concat(rows, axis=0))
