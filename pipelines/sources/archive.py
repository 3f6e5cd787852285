"""An archive: an SDS tree of miniSEED day files, QuakeML picks and, if given, StationXML.

Each event gives one window for each instrument that recorded one of its P or S picks; the picks of
all events at that place which fall in the record are labels. A pick without a channel belongs to
the instrument that the station recorded that day: HH, else BH, EH, HN, others by name. Of the
picks that one event has with the same hint at one place, the manual one counts, else the first.
Noise is what was recorded away from every pick of the catalog, at any station.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import fsspec
import numpy as np
import obspy
from obspy.signal.rotate import rotate2zne
from pydantic import Field

from pipelines import files
from pipelines.prepare import Record
from pipelines.reference import Reference, Rejected
from pipelines.sources import Listing
from pipelines.sources._archive_catalog import read_catalog, read_inventory, read_stations
from pipelines.sources._archive_files import DAY_NS, Group, day_path, read_tree
from pipelines.sources._archive_samples import Segment, read_segments
from pipelines.sources._archive_windows import Maker
from pipelines.sources._laid import lay_all
from schemas.errors import UserError
from schemas.recipe import Strict

# A day file may end with samples of the next day: its last record is not cut at midnight.
_BORDER_NS = 300 * 1_000_000_000


class Options(Strict):
    """Keys of an ``archive`` source."""

    path: str = Field(description="root of the SDS tree")
    catalog: str = Field(description="QuakeML file with the picks")
    inventory: str | None = Field(
        None, description="StationXML, for distances and to rotate 1 2 Z to E N Z"
    )
    noise: bool = Field(True, description="list noise windows away from all picks")


def list_windows(listing: Listing, options: Options) -> Iterator[Reference | Rejected]:
    """Yield an event window for each event and instrument, then the noise windows."""
    quakes = read_catalog(options.catalog)
    stations = read_stations(options.inventory)
    maker = Maker(listing, read_tree(options.path), stations, options.inventory)
    yield from maker.events(quakes)
    if options.noise:
        yield from maker.noise(sorted(time for quake in quakes for time in quake.busy_ns))


def load(reference: Reference) -> Record:
    """Read a window's record from the day files that it touches.

    Raises:
        UserError: a file is damaged, or nothing was recorded.
    """
    place = reference.locator
    start = reference.record_start_ns
    end = start + round(float(place["length_s"]) * 1e9)
    channels = {
        letter: segments
        for letter in place["components"]
        if (segments := _channel(place["path"], _group(reference), letter, start, end))
    }
    what = f"{place['path']}: {_group(reference)}?"
    if not channels:
        raise UserError(f"{what}: got no samples, expected some from {obspy.UTCDateTime(ns=start)}")
    cover = [start + round(pick.time_s * 1e9) for pick in reference.picks if pick.phase == "P"]
    with files.reading(what):
        laid = lay_all(channels, _anchor_ns(reference, start, end), (start, end), cover)
    if laid is None:
        raise UserError(f"{what}: got no samples, expected some from {obspy.UTCDateTime(ns=start)}")
    letters, samples, valid = laid.letters, laid.samples, laid.valid
    if place.get("inventory"):
        with files.reading(place["inventory"]):
            letters, samples, valid = _rotated(reference, letters, samples, valid)
    return Record(samples, letters, laid.rate_hz, valid, (laid.start_ns - start) / 1e9)


def _group(reference: Reference) -> Group:
    # As the files are named, whatever a recipe's tags say.
    instrument = reference.locator["instrument"]
    return Group(reference.network, reference.station, reference.location, instrument)


def _channel(root: str, group: Group, letter: str, start_ns: int, end_ns: int) -> list[Segment]:
    segments = []
    for day in range((start_ns - _BORDER_NS) // DAY_NS, (end_ns + _BORDER_NS) // DAY_NS + 1):
        path = day_path(root, group, letter, day)
        if files.exists(path):
            segments += read_segments(path, str(group) + letter, start_ns, end_ns)
    return [part for part in segments if part.meets(start_ns, end_ns)]


def _anchor_ns(reference: Reference, start_ns: int, end_ns: int) -> int:
    if reference.picks:
        return start_ns + round(reference.picks[0].time_s * 1e9)
    low, high = np.clip(reference.usable_s, 0.0, (end_ns - start_ns) / 1e9)
    return start_ns + round((low + high) / 2 * 1e9)


def _inventory(path: str) -> obspy.Inventory:
    system, inner = fsspec.core.url_to_fs(path)
    return _inventory_as_of(path, system.ukey(inner))


@lru_cache(maxsize=2)
def _inventory_as_of(path: str, version: str) -> obspy.Inventory:
    return read_inventory(path)


def _rotated(
    reference: Reference, letters: str, samples: np.ndarray, valid: np.ndarray
) -> tuple[str, np.ndarray, np.ndarray]:
    """Turn 1 2 Z or 1 2 3 to E N Z where the inventory knows how all three lie."""
    if sorted(letters) not in (["1", "2", "Z"], ["1", "2", "3"]):
        return letters, samples, valid
    inventory = _inventory(reference.locator["inventory"])
    when = obspy.UTCDateTime(ns=reference.record_start_ns)
    arguments = []
    for column, letter in enumerate(letters):
        lie = _orientation(inventory, str(_group(reference)) + letter, when)
        if lie is None:
            return letters, samples, valid
        arguments += [samples[:, column].astype(np.float64), *lie]
    up, north, east = rotate2zne(*arguments)
    every = valid.all(axis=1)
    turned = np.where(every[:, None], np.stack([east, north, up], axis=1), 0.0)
    return "ENZ", turned, np.repeat(every[:, None], 3, axis=1)


def _orientation(
    inventory: obspy.Inventory, seed_id: str, when: obspy.UTCDateTime
) -> tuple[float, float] | None:
    network, station, location, channel = seed_id.split(".")
    for found in inventory.select(network, station, location, channel, time=when):
        for held in (c for s in found for c in s):
            if held.azimuth is not None and held.dip is not None:
                return float(held.azimuth), float(held.dip)
    return None
