"""Magnitude of the event that the window shows first."""

from __future__ import annotations

from dataclasses import dataclass

from augment_ops.core.first_event import OfFirstEvent


@dataclass(frozen=True)
class Magnitude(OfFirstEvent):
    """Magnitude of the first event: the one of the window's earliest P pick, not the largest.

    0, with weight 0, where there is no P pick or the magnitude is unknown. The weight is the
    event's share if it was mixed up. Normalisation takes away the amplitude that a magnitude is
    read from: ``normalise: none`` leaves it.

    Source: Mousavi & Beroza (2020), magnitudes from single stations.
    """

    field = "event_magnitude"
