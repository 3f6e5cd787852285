"""Rotated horizontals: a sensor whose north is not north, as in boreholes and on the sea floor."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import Range

_RADIANS = 3.141592653589793 / 180.0
_E, _N, _Z = 0, 1, 2


@dataclass(frozen=True)
class RotateHorizontals:
    """Turn the sensor about the vertical by an angle, clockwise seen from above.

    After a turn by a, the component N points to azimuth a and E to azimuth a + 90 degrees:

        N' = N cos a + E sin a        E' = E cos a - N sin a

    With a = back azimuth + 180 degrees, N' is ObsPy's radial and E' its transverse component
    (``rotate_ne_rt``); ``rotate2zne`` with the azimuths a and a + 90 undoes the turn. Seen in
    the sensor's frame a source lies at (back azimuth - a) mod 360, and that becomes the label.

    A sample of E or N is valid only where both were. Where there is no such sample, as with a
    dead horizontal, the window is unchanged, and the angle NaN.

    Args:
        angle_deg: smallest and largest angle, degrees, drawn uniformly.

    Source: Zhu, Mousavi & Beroza (2020), channels; Stachnik et al. (2012), sensor orientation.
    """

    angle_deg: Range = (0.0, 360.0)

    draws = ("angle_deg",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> RotateHorizontals:
        """Return angles of up to a degree either way, up to any."""
        reach = 1.0 + 179.0 * magnitude
        return cls(angle_deg=(-reach, reach))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Rotate one window; draws ``angle_deg``."""
        angle = draw.uniform(seed, "angle_deg", *self.angle_deg)
        both = window["valid"][:, _E] & window["valid"][:, _N]
        done = tf.reduce_any(both)
        # With the samples innermost: whole rows are quicker than columns.
        lost = tf.transpose(tf.stack([~both, ~both, tf.zeros_like(both)]))
        turned = labels.invalidate(window, lost)
        radians = tf.cast(angle, tf.float64) * _RADIANS
        cosine, sine = tf.cos(radians), tf.sin(radians)
        for name, wave in labels.waves(turned).items():
            e, n, z = tf.unstack(tf.cast(tf.transpose(wave), tf.float64))
            rows = tf.stack([e * cosine - n * sine, n * cosine + e * sine, z])
            # A pair may know both horizontals where a gap has hidden one from the waveform.
            held = labels.known(wave, window["valid"])
            held = tf.stack([held[:, _E] & held[:, _N]] * 2 + [held[:, _Z]])
            turned[name] = tf.transpose(tf.cast(labels.where_valid(held, rows), tf.float32))
        if "clipped" in window:
            either = window["clipped"][:, _E] | window["clipped"][:, _N]
            turned["clipped"] = tf.stack([either, either, window["clipped"][:, _Z]], axis=-1)
        seen = tf.math.floormod(window["event_back_azimuth_deg"] - angle, 360.0)
        # A tiny negative remainder rounds to the whole circle.
        turned["event_back_azimuth_deg"] = tf.where(seen >= 360.0, 0.0, seen)
        return {
            **labels.either(done, turned, window),
            "angle_deg": tf.where(done, angle, labels.NAN),
        }
