"""Distance to the epicentre of the event that the window shows first."""

from __future__ import annotations

from dataclasses import dataclass

from augment_ops.core.first_event import OfFirstEvent


@dataclass(frozen=True)
class Distance(OfFirstEvent):
    """Distance to the epicentre of the first event, km: the one of the window's earliest P pick.

    0, with weight 0, where there is no P pick or the distance is unknown. The weight is the
    event's share if it was mixed up.

    Source: Mousavi & Beroza (2020), locations from single stations.
    """

    field = "event_distance_km"
