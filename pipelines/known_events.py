"""The lists that catalogue exclusion reads: known events, and where stations stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pipelines import files
from pipelines.listing import csv_rows, number, parse_time_ns, text
from pipelines.reference import Event
from schemas.errors import UserError
from schemas.noise import Catalogue
from schemas.window import UNKNOWN_TIME_NS

_WHERE = "noise.screen.catalogue"
_UNKNOWN_DEPTH_KM = 10.0
_DEEPEST_KM = 700.0


@dataclass(frozen=True)
class Events:
    """Events in the order of their times."""

    ids: list[str]
    time_ns: np.ndarray
    latitude_deg: np.ndarray
    longitude_deg: np.ndarray
    depth_km: np.ndarray
    magnitude: np.ndarray


def check_catalogue(rules: Catalogue | None) -> None:
    """Read the files anew.

    Raises:
        UserError: one cannot be read, or lacks a place or a time.
    """
    events_of.cache_clear()
    places_of.cache_clear()
    if rules is not None:
        events_of(rules.path)
        places_of(rules.stations)


@lru_cache(maxsize=2)
def events_of(told: str) -> Events:
    """Return the events of a QuakeML or CSV file."""
    from pipelines.sources._archive_catalog import read_catalog

    path = files.expand(told, f"{_WHERE}.path")
    if path.lower().endswith(".csv"):
        found = [_event(row, f"{path}:{line}") for line, row in csv_rows(path, {"time"})]
    else:
        found = [quake.event for quake in read_catalog(path)]
    if not found:
        raise UserError(f"{_WHERE}.path: {path}: got no event, expected at least one")
    for event in found:
        place = (event.latitude_deg, event.longitude_deg)
        if event.time_ns == UNKNOWN_TIME_NS or not _on_earth(*place):
            raise UserError(
                f"{_WHERE}.path: {path}: event {event.event_id}: got no time, or no latitude and "
                f"longitude on Earth, expected all three"
            )
    found.sort(key=lambda event: (event.time_ns, event.event_id))
    columns = np.array([(e.latitude_deg, e.longitude_deg, e.depth_km, e.magnitude) for e in found])
    depth_km = np.clip(
        np.where(np.isfinite(columns[:, 2]), columns[:, 2], _UNKNOWN_DEPTH_KM), 0, 700
    )
    return Events(
        [event.event_id for event in found],
        np.array([event.time_ns for event in found]),
        columns[:, 0],
        columns[:, 1],
        depth_km,
        columns[:, 3],
    )


def _event(row: dict[str, Any], where: str) -> Event:
    return Event(
        text(row, "id", "event_id") or where,
        number(row, "mag", "magnitude"),
        number(row, "depth", "depth_km"),
        time_ns=parse_time_ns(text(row, "time")),
        latitude_deg=number(row, "latitude", "latitude_deg"),
        longitude_deg=number(row, "longitude", "longitude_deg"),
    )


@lru_cache(maxsize=2)
def places_of(told: str | None) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the latitude and longitude of each (network, station) of a StationXML or CSV file."""
    if told is None:
        return {}
    path = files.expand(told, f"{_WHERE}.stations")
    if not path.lower().endswith(".csv"):
        from pipelines.sources._archive_catalog import read_stations

        return read_stations(path).places
    places = {}
    for line, row in csv_rows(path, {"network", "station"}):
        place = (number(row, "latitude", "latitude_deg"), number(row, "longitude", "longitude_deg"))
        if not _on_earth(*place):
            raise UserError(
                f"{path}:{line}: latitude, longitude: got none on Earth, expected degrees"
            )
        places[text(row, "network"), text(row, "station")] = place
    return places


def _on_earth(latitude_deg: float, longitude_deg: float) -> bool:
    return abs(latitude_deg) <= 90 and abs(longitude_deg) <= 360
