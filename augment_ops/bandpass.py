"""Random band-pass: the same event as an instrument, or a network's filter, of another band."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core.butterworth import TOP, Butterworth, narrowed, rate_of
from augment_ops.core.corner_filter import Order
from augment_ops.core.labels import NAN, Window
from schemas.recipe import PositiveRange


@dataclass(frozen=True)
class Bandpass:
    """Filter to a random band, by a Butterworth filter as SciPy's `sosfilt` or `sosfiltfilt`.

    Each component is filtered from its first recorded sample to its last; straight lines bridge
    its gaps, which stay gaps. Picks stay. The causal filter starts at rest, so an offset at the
    head rings: put the op on samples without one. It delays what it passes, by more the
    narrower the band; `zero_phase` delays nothing, and moves energy ahead of onsets.

    Where a span is too short for `sosfiltfilt` nothing is done, and NaN is drawn.

    Args:
        centre_hz: lowest and highest centre of the band, Hz, drawn log-uniformly. The range ends
            where the upper corner would pass 0.45 of the sampling rate.
        width_octaves: narrowest and widest band, octaves, drawn uniformly; half lies on each
            side of the centre.
        order: the filter's, as SciPy counts it.
        zero_phase: filter forward and back.

    Source: Zhu, Mousavi & Beroza (2020), filtering.
    """

    centre_hz: PositiveRange = (1.0, 15.0)
    width_octaves: PositiveRange = (1.5, 3.0)
    order: Order = 4
    zero_phase: bool = False

    draws = ("low_hz", "high_hz")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> Bandpass:
        """Return narrower bands with more magnitude."""
        return cls(width_octaves=(4.0 - 3.0 * magnitude, 4.0))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Filter one window; draws ``low_hz`` and ``high_hz``, the corners."""
        rate = rate_of(window)
        reaches = [2.0 ** (0.5 * octaves) for octaves in self.width_octaves]
        centres = narrowed("bandpass", "centre_hz", self.centre_hz, TOP * rate / reaches[1])
        centre = draw.log_uniform(seed, "centre_hz", *centres)
        reach = tf.pow(2.0, 0.5 * draw.uniform(seed, "width_octaves", *self.width_octaves))
        corners = centre / reach, centre * reach
        extremes = tuple((c / r, c * r) for c in centres for r in reaches)
        band = Butterworth("bandpass", self.order, extremes, rate, self.zero_phase)
        window, done = band(window, corners)
        drawn = [tf.where(done, corner, NAN) for corner in corners]
        return {**window, "low_hz": drawn[0], "high_hz": drawn[1]}
