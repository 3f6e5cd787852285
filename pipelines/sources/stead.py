"""STEAD's layout: HDF5 ``/data/<trace_name>`` [6000, 3] (E N Z, 100 Hz), and a CSV of its traces.

Names end in ``_EV`` or ``_NO``, and `trace_category` says the same: a noise trace is noise from
end to end. ``None`` and bracketed arrays such as ``[[2896.]]`` stand in the CSV.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field

from pipelines import hdf5
from pipelines.listing import (
    event_time_ns,
    from_rows,
    noise_windows,
    number,
    parse_time_ns,
    sample,
    text,
)
from pipelines.prepare import Record
from pipelines.reference import Event, Pick, Reference, Rejected
from pipelines.sources import Listing
from schemas.errors import UserError
from schemas.recipe import Strict

_RATE_HZ = 100.0
_LENGTH_S = 60.0


class Options(Strict):
    """Keys of a ``stead`` source."""

    hdf5: str = Field(description="the HDF5 file of the traces")
    csv: str = Field(description="the CSV that lists them")


def list_windows(listing: Listing, options: Options) -> Iterator[Reference | Rejected]:
    """Yield an event window and the noise before its P, or a noise trace's windows, a row."""
    required = {"trace_name", "p_arrival_sample"}

    def make(row: dict, name: str) -> Iterator[Reference]:
        return _row(listing, options, row, name)

    yield from from_rows(listing, options.csv, required, "", make)


def _row(listing: Listing, options: Options, row: dict, name: str) -> Iterator[Reference]:
    if "/" in name or name in {".", ".."}:
        raise UserError(f"trace_name: got {name!r}, expected a name without '/'")
    start = parse_time_ns(text(row, "trace_start_time"))
    network, station = text(row, "network_code"), text(row, "receiver_code")
    common = dict(
        source=listing.name,
        trace=name,
        record_start_ns=start,
        network=network,
        station=station,
        locator={"hdf5": options.hdf5, "trace": name},
        sampling_rate_hz=_RATE_HZ,
        instrument=text(row, "receiver_type")[:2],
        environment=listing.environment,
        latitude_deg=number(row, "receiver_latitude"),
        longitude_deg=number(row, "receiver_longitude"),
    )
    picks = _picks(row)
    if "noise" in text(row, "trace_category").lower() or name.endswith("_NO"):
        if picks:
            raise UserError("marked as noise, yet it has arrivals")
        yield from noise_windows((0.0, _LENGTH_S), listing, common, required=True)
        return
    yield _event(listing, row, picks, common)
    if listing.noise.before_p:
        free = (0.0, picks[0].time_s - listing.noise.guard_s)
        yield from noise_windows(free, listing, common)


def _picks(row: dict) -> list[Pick]:
    at = {phase: sample(row, f"{phase.lower()}_arrival_sample") / _RATE_HZ for phase in "PS"}
    return [Pick(phase, time) for phase, time in at.items() if math.isfinite(time)]


def _event(listing: Listing, row: dict, picks: list[Pick], common: dict) -> Reference:
    if not picks or picks[0].phase != "P":
        got = row.get("p_arrival_sample")
        raise UserError(f"p_arrival_sample: got {got!r}, expected a sample from 0 on")
    event = text(row, "source_id") or common["trace"]
    told = Event(
        event,
        magnitude=number(row, "source_magnitude"),
        depth_km=number(row, "source_depth_km"),
        distance_km=number(row, "source_distance_km"),
        back_azimuth_deg=number(row, "back_azimuth_deg"),
        coda_end_s=number(row, "coda_end_sample") / _RATE_HZ,
        time_ns=event_time_ns(row, common["record_start_ns"], picks[0].time_s),
        latitude_deg=number(row, "source_latitude"),
        longitude_deg=number(row, "source_longitude"),
    )
    at = picks[0].time_s - listing.window.p_at_s
    return Reference(
        kind="event", start_s=at, split_key=event, picks=tuple(picks), events=(told,), **common
    )


def load(reference: Reference) -> Record:
    """Read one trace."""
    path, name = reference.locator["hdf5"], reference.locator["trace"]
    data = hdf5.read(path, f"data/{name}")
    if data.ndim != 2 or data.shape[1] != 3:
        raise UserError(f"{path}: {name}: got {data.shape}, expected [n, 3]")
    return Record(data, "ENZ", _RATE_HZ)
