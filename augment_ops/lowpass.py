"""Random low-pass: high frequencies are lost, as by distance or by soft ground."""

from __future__ import annotations

from dataclasses import dataclass

from augment_ops.core import draws as draw
from augment_ops.core.corner_filter import Order, filter_at_corner
from augment_ops.core.labels import Window
from schemas.recipe import PositiveRange


@dataclass(frozen=True)
class Lowpass:
    """Take high frequencies away, by a Butterworth filter as SciPy's `sosfilt` or `sosfiltfilt`.

    Gaps, picks and the filter's start are treated as `bandpass` treats them. Where a span is
    too short for `sosfiltfilt` nothing is done, and NaN is drawn.

    Args:
        corner_hz: lowest and highest corner, Hz, drawn log-uniformly; the range ends at 0.45 of
            the sampling rate.
        order: the filter's, as SciPy counts it.
        zero_phase: filter forward and back, which moves energy ahead of onsets.

    Source: Zhu, Mousavi & Beroza (2020), filtering.
    """

    corner_hz: PositiveRange = (4.0, 30.0)
    order: Order = 2
    zero_phase: bool = False

    draws = ("corner_hz",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> Lowpass:
        """Return lower corners with more magnitude."""
        return cls(corner_hz=(30.0 * 0.1**magnitude, 30.0))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Filter one window; draws ``corner_hz``."""
        return filter_at_corner(self, "lowpass", window, seed)
