"""QuakeML for the archive source: events, their P and S arrivals, and where they happened."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import obspy
from obspy.core.event import Event as ObspyEvent
from obspy.core.event import Origin
from obspy.core.event import Pick as ObspyPick
from obspy.geodetics import degrees2kilometers, gps2dist_azimuth

from pipelines import files
from pipelines.listing import event_groups, polarity
from pipelines.reference import Event
from pipelines.sources._archive_xml import read_xml
from schemas.errors import UserError
from schemas.window import UNKNOWN_TIME_NS

_PHASES = {
    **dict.fromkeys(("P", "Pg", "Pn", "p"), "P"),
    **dict.fromkeys(("S", "Sg", "Sn", "s"), "S"),
}


@dataclass(frozen=True)
class Arrival:
    """A P or S pick. An empty location or channel is one that the catalog does not say."""

    network: str
    station: str
    location: str
    channel: str
    phase: str
    hint: str
    time_ns: int
    polarity: int
    manual: bool
    distance_km: float


@dataclass(frozen=True)
class Quake:
    """An event of the catalog. `busy_ns` are the times of all its picks, whatever they are."""

    event: Event
    arrivals: tuple[Arrival, ...] = ()
    busy_ns: tuple[int, ...] = ()


@dataclass
class Stations:
    """Coordinates of the inventory's stations, degrees."""

    places: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def place(self, network: str, station: str) -> tuple[float, float]:
        """Return a station's latitude and longitude, NaN if unknown."""
        return self.places.get((network, station), (math.nan, math.nan))

    def distance_km(self, event: Event, network: str, station: str) -> float:
        """Return the distance to an epicentre, NaN where either place is unknown."""
        path = (event.latitude_deg, event.longitude_deg, *self.place(network, station))
        if math.isnan(sum(path)):
            return math.nan
        try:
            return gps2dist_azimuth(*path)[0] / 1000.0
        except ValueError:  # coordinates that are not on Earth
            return math.nan


def read_catalog(path: str) -> list[Quake]:
    """Read the events of a QuakeML file.

    Raises:
        UserError: it cannot be read, is not QuakeML, or holds no event.
    """
    data = read_xml(path)
    with files.reading(path):
        catalog = obspy.read_events(BytesIO(data), format="QUAKEML")
        quakes = [_quake(event) for event in catalog]
    if not quakes:
        raise UserError(f"{path}: event: got none, expected at least one")
    return quakes


def read_stations(path: str | None) -> Stations:
    """Read the coordinates of a StationXML file's stations; none if there is no file."""
    if path is None:
        return Stations()
    inventory = read_inventory(path)
    return Stations(
        {
            (network.code, station.code): (float(station.latitude), float(station.longitude))
            for network in inventory
            for station in network
        }
    )


def read_inventory(path: str) -> obspy.Inventory:
    """Read a StationXML file."""
    data = read_xml(path)
    with files.reading(path):
        return obspy.read_inventory(BytesIO(data), format="STATIONXML")


def split_keys(quakes: Sequence[Quake], gap_s: float) -> list[str]:
    """Return each event's split key: events share it whose records meet at any station.

    Events are chained where, at one station, arrivals lie within `gap_s` of each other.
    """
    stations: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for index, quake in enumerate(quakes):
        for arrival in quake.arrivals:
            stations[arrival.network, arrival.station].append((arrival.time_ns, index))
    parent = list(range(len(quakes)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    # The earliest event is its group's root, whatever the catalog's order.
    order = {i: (min(q.busy_ns, default=0), q.event.event_id) for i, q in enumerate(quakes)}
    for met in stations.values():
        first: dict[int, int] = {}
        for group, (_, index) in zip(event_groups([time for time, _ in met], gap_s), met):
            one, other = sorted((root(first.setdefault(group, index)), root(index)), key=order.get)
            parent[other] = one
    return [f"event {quakes[root(index)].event.event_id}" for index in range(len(quakes))]


def _quake(event: ObspyEvent) -> Quake:
    origin = event.preferred_origin() or next(iter(event.origins), None)
    magnitude = event.preferred_magnitude() or next(iter(event.magnitudes), None)
    distances = {
        str(arrival.pick_id): degrees2kilometers(arrival.distance)
        for arrival in (origin.arrivals if origin else ())
        if arrival.distance is not None
    }
    arrivals = [
        _arrival(pick, distances.get(str(pick.resource_id), math.nan))
        for pick in event.picks
        if _wanted(pick)
    ]
    return Quake(
        Event(
            str(event.resource_id),
            _number(magnitude and magnitude.mag),
            _number(origin and origin.depth) / 1000.0,
            time_ns=_time_ns(event, origin),
            latitude_deg=_number(origin and origin.latitude),
            longitude_deg=_number(origin and origin.longitude),
        ),
        tuple(sorted(arrivals, key=lambda a: (a.time_ns, a.hint))),
        tuple(pick.time.ns for pick in event.picks if pick.time is not None),
    )


def _time_ns(event: ObspyEvent, origin: Origin | None) -> int:
    """Return the origin time; of an event without one, that of its first pick."""
    if origin is not None and origin.time is not None:
        return origin.time.ns
    picked = (pick.time.ns for pick in event.picks if pick.time is not None)
    return min(picked, default=UNKNOWN_TIME_NS)


def _wanted(pick: ObspyPick) -> bool:
    code = pick.waveform_id
    return bool(
        pick.time is not None
        and pick.phase_hint in _PHASES
        and code is not None
        and code.network_code
        and code.station_code
        and pick.evaluation_status != "rejected"
    )


def _arrival(pick: ObspyPick, distance_km: float) -> Arrival:
    code = pick.waveform_id
    location = (code.location_code or "").strip(" -")
    return Arrival(
        code.network_code,
        code.station_code,
        location,
        code.channel_code or "",
        _PHASES[pick.phase_hint],
        pick.phase_hint,
        pick.time.ns,
        polarity(pick.polarity or ""),
        pick.evaluation_mode == "manual",
        distance_km,
    )


def _number(value: object) -> float:
    return math.nan if value is None else float(value)
