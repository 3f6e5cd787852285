"""Known events whose predicted arrivals lie in a noise window: ObsPy's TauP says when they come."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from pipelines.known_events import Events, events_of, places_of
from pipelines.noise_screen import Refusal
from pipelines.reference import Reference
from schemas.noise import Catalogue
from schemas.recipe import Recipe
from schemas.window import UNKNOWN_TIME_NS

_WHERE = "noise.screen.catalogue"
_P = ("p", "P", "Pn", "Pdiff", "PKP", "PKiKP", "PKIKP")
_S = ("s", "S", "Sn", "Sdiff", "SKS", "SKIKS")
_KM_PER_DEG = math.pi / 180.0 * 6371.0
# No P is faster along the surface, no S slower on its path, and none later: so far from the
# window, an event's times need no prediction.
_FASTEST_P_KM_S, _SLOWEST_S_KM_S, _LATEST_S = 20.0, 3.0, 1800.0


def refused_by_catalogue(reference: Reference, recipe: Recipe) -> Refusal | None:
    """Return why a noise window is refused: an event that it may hold, or that nobody can tell.

    It is refused if any of it lies between `before_s` before the predicted first P and `after_s`
    after the predicted first S of an event that is near enough for its magnitude.
    """
    rules = recipe.noise.screen.catalogue
    if rules is None:
        return None
    place = _place(reference, rules)
    if reference.record_start_ns == UNKNOWN_TIME_NS or math.isnan(sum(place)):
        lacks = "time" if not math.isnan(sum(place)) else "latitude and longitude of its station"
        return Refusal("catalogue", f"catalogue: {lacks}: got none, {_WHERE} needs them")
    start_s, end_s = reference.start_s, reference.start_s + recipe.window.length_s
    start_s, end_s = max(start_s, reference.usable_s[0]), min(end_s, reference.usable_s[1])
    start_ns = reference.record_start_ns + round(start_s * 1e9)
    events = events_of(rules.path)
    for index, degrees in _near(events, place, start_ns, end_s - start_s, rules):
        depth_km, magnitude = events.depth_km[index], events.magnitude[index]
        p_s, s_s = travel_times_s(rules.model, float(depth_km), degrees)
        since = (int(events.time_ns[index]) - start_ns) / 1e9
        if since + p_s - rules.before_s < end_s - start_s and since + s_s + rules.after_s > 0:
            told = f"magnitude {magnitude:.1f}" if np.isfinite(magnitude) else "unknown magnitude"
            return Refusal(
                "catalogue",
                f"catalogue: event {events.ids[index]} of {told} at {degrees * _KM_PER_DEG:.0f} km "
                f"is due with P at {since + p_s:.1f} s and S at {since + s_s:.1f} s, expected none "
                f"from {rules.before_s:g} s before P to {rules.after_s:g} s after S in the "
                f"window's {end_s - start_s:g} s",
            )
    return None


def _near(
    events: Events, place: tuple[float, float], start_ns: int, length_s: float, rules: Catalogue
) -> list[tuple[int, float]]:
    """Return the events, and their degrees, that are near enough and may arrive in time."""
    from obspy.geodetics import locations2degrees

    latest = start_ns - round((_LATEST_S + rules.after_s) * 1e9)
    until = start_ns + round((length_s + rules.before_s) * 1e9)
    low, high = np.searchsorted(events.time_ns, [latest, until])
    if low == high:
        return []
    part = slice(low, high)
    degrees = locations2degrees(*place, events.latitude_deg[part], events.longitude_deg[part])
    km = degrees * _KM_PER_DEG
    magnitudes, reaches = zip(*rules.distance_km_by_magnitude)
    magnitude = np.where(np.isfinite(events.magnitude), events.magnitude, magnitudes[0])[part]
    near = (magnitude >= magnitudes[0]) & (km <= np.interp(magnitude, magnitudes, reaches))
    since = (events.time_ns[part] - start_ns) / 1e9
    path = np.hypot(km, events.depth_km[part])
    late = np.minimum(path / _SLOWEST_S_KM_S, _LATEST_S)
    near &= since + km / _FASTEST_P_KM_S - rules.before_s < length_s
    near &= since + late + rules.after_s > 0
    return [(low + int(i), float(degrees[i])) for i in np.flatnonzero(near)]


@lru_cache(maxsize=1)
def _model(name: str) -> Any:
    from obspy.taup import TauPyModel

    return TauPyModel(name)


@lru_cache(maxsize=4096)
def travel_times_s(model: str, depth_km: float, degrees: float) -> tuple[float, float]:
    """Return the travel times of the first P and the first S, s."""
    first = [
        min(arrival.time for arrival in _model(model).get_travel_times(depth_km, degrees, phases))
        for phases in (_P, _S)
    ]
    return first[0], first[1]


def _place(reference: Reference, rules: Catalogue) -> tuple[float, float]:
    """Return a station's place: as the recipe's list says, else as the source does."""
    listed = places_of(rules.stations).get((reference.network, reference.station))
    return listed or (reference.latitude_deg, reference.longitude_deg)
