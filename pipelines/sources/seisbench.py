"""SeisBench's layout: ``metadata.csv`` and ``waveforms.hdf5``, or chunks of both.

A file ``chunks`` names the suffixes of a chunked set. A `trace_name` is a data set's own name, or
``block$12,:3,:1200``: a block, and the slice that finds the trace in it and strips its padding.

Arrivals are read from ``trace_<PHASE>_arrival_sample``. P, Pg, Pn, P1 and p count as P; S, Sg, Sn,
S1 and s as S. Other phases (PmP, SmS, pP, PKP, ...) are no picks, but noise ends before them and
a row that has only such ones is never noise. All picks of a row belong to its one event.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from pipelines import files, hdf5
from pipelines.listing import (
    event_time_ns,
    from_rows,
    noise_windows,
    number,
    parse_time_ns,
    polarity,
    sample,
    text,
)
from pipelines.prepare import Record
from pipelines.reference import Event, Pick, Reference, Rejected
from pipelines.sources import Listing
from schemas.errors import UserError
from schemas.recipe import Strict
from schemas.window import SPLITS

_ARRIVAL = re.compile(r"trace_(.+)_arrival_sample")
_PHASES = {"P": {"P", "Pg", "Pn", "P1", "p"}, "S": {"S", "Sg", "Sn", "S1", "s"}}
_SPLITS = {**{split: split for split in SPLITS}, "dev": "validation"}


class Options(Strict):
    """Keys of a ``seisbench`` source."""

    path: str = Field(description="folder of the data set")
    chunk: str | None = Field(None, description="one suffix of a chunked set; all if not given")
    unpicked: Literal["reject", "noise"] = Field(
        "reject", description="what a row is that has no arrival and is not marked as noise"
    )


def parts(options: Options) -> list[Options]:
    """Return the options of each chunk, which can be listed by itself."""
    path = files.join(options.path, "chunks", "chunks")
    if options.chunk is not None or not files.exists(path):
        return [options]
    chunks = [line.strip() for line in files.read_text(path) if line.strip()]
    if len(set(chunks)) < len(chunks) or not chunks:
        raise UserError(f"{path}: got {chunks}, expected suffixes that differ")
    pieces = [options.model_copy(update={"chunk": chunk}) for chunk in chunks]
    for piece in pieces:
        _file(piece, "metadata", ".csv")
    return pieces


def _file(options: Options, stem: str, ending: str) -> str:
    chunk = options.chunk or ""
    if re.search(r"[/\\\0]", chunk) or chunk == "..":
        raise UserError(f"{options.path}: chunks: got {chunk!r}, expected a suffix of file names")
    return files.join(options.path, f"{stem}{chunk}{ending}", "chunks")


def list_windows(listing: Listing, options: Options) -> Iterator[Reference | Rejected]:
    """Yield each row's event window and the noise before it, or its noise windows."""
    table, hdf5_file = _file(options, "metadata", ".csv"), _file(options, "waveforms", ".hdf5")
    prefix = f"{options.chunk}/" if options.chunk else ""

    def make(row: dict, trace: str) -> Iterator[Reference]:
        return _row(listing, options, row, _common(listing, row, trace, hdf5_file))

    yield from from_rows(listing, table, {"trace_name"}, prefix, make)


def _common(listing: Listing, row: dict, trace: str, hdf5_file: str) -> dict[str, Any]:
    """Return what all windows of a row share."""
    locator = {"hdf5": hdf5_file, "trace": text(row, "trace_name")}
    return dict(
        source=listing.name,
        trace=trace,
        locator={**locator, "components": text(row, "trace_component_order")},
        record_start_ns=parse_time_ns(text(row, "trace_start_time")),
        sampling_rate_hz=_rate(row, hdf5_file),
        network=text(row, "station_network_code"),
        station=text(row, "station_code"),
        location=text(row, "station_location_code"),
        instrument=text(row, "trace_channel")[:2],
        environment=listing.environment,
        source_split=_SPLITS.get(text(row, "split").lower(), ""),
        latitude_deg=number(row, "station_latitude_deg"),
        longitude_deg=number(row, "station_longitude_deg"),
    )


def _row(listing: Listing, options: Options, row: dict, common: dict) -> Iterator[Reference]:
    _, slices = hdf5.split_slices(text(row, "trace_name"))
    rate = common["sampling_rate_hz"]
    arrivals = _arrivals(row)
    if _is_noise(row, arrivals, options):
        free = (0.0, _samples(row, slices) / rate)
        yield from noise_windows(free, listing, common, required=True)
        return
    yield _event(listing, row, arrivals, common)
    # Before an S alone lies its P, so only a P has noise before it.
    if listing.noise.before_p and any(phase == "P" for phase, *_ in arrivals):
        free = (0.0, min(at for _, at, _ in arrivals) / rate - listing.noise.guard_s)
        # A row's split is its event's: noise goes with its station's day.
        yield from noise_windows(free, listing, {**common, "source_split": ""})


def _event(listing: Listing, row: dict, arrivals: list, common: dict[str, Any]) -> Reference:
    rate, event = common["sampling_rate_hz"], text(row, "source_id") or common["trace"]
    picks = _picks(row, arrivals, rate)
    told = Event(
        event,
        magnitude=number(row, "source_magnitude"),
        depth_km=number(row, "source_depth_km"),
        distance_km=number(row, "path_ep_distance_km"),
        back_azimuth_deg=number(row, "path_back_azimuth_deg"),
        coda_end_s=number(row, "trace_coda_end_sample") / rate,
        time_ns=event_time_ns(row, common["record_start_ns"], picks[0].time_s),
        latitude_deg=number(row, "source_latitude_deg"),
        longitude_deg=number(row, "source_longitude_deg"),
    )
    at = picks[0].time_s - listing.window.p_at_s
    return Reference(
        kind="event", start_s=at, split_key=event, picks=tuple(picks), events=(told,), **common
    )


def _is_noise(row: dict, arrivals: list, options: Options) -> bool:
    marks = (text(row, key).lower() for key in ("trace_category", "source_type", "trace_type"))
    marked = any("noise" in mark for mark in marks)
    if arrivals and marked:
        raise UserError("marked as noise, yet it has arrivals")
    if arrivals and not any(phase for phase, *_ in arrivals):
        raise UserError("has arrivals, but none of P or S")
    if not arrivals and not marked and options.unpicked == "reject":
        raise UserError("no arrival, and not marked as noise; `unpicked: noise` would take it so")
    return not arrivals


def _arrivals(row: dict) -> list[tuple[str, float, int]]:
    """Return (P, S or empty; sample; polarity) of each arrival that the row gives."""
    found = []
    for column in row:
        match = _ARRIVAL.fullmatch(column)
        if not match or not text(row, column):
            continue
        phase = next((key for key, names in _PHASES.items() if match[1] in names), "")
        # An arrival that is no pick only ends the noise: it may lie before the record.
        at = sample(row, column) if phase else number(row, column)
        if not math.isfinite(at):
            raise UserError(f"{column}: got {row[column]!r}, expected a sample")
        found.append((phase, at, polarity(text(row, f"trace_{match[1]}_polarity"))))
    return found


def _picks(row: dict, arrivals: list, rate: float) -> list[Pick]:
    """Return the picks, P first; Pg and Pn at one sample are one pick."""
    polarities: dict[tuple[str, float], set[int]] = {}
    for phase, at, sign in arrivals:
        if phase:
            polarities.setdefault((phase, at), set()).add(sign)
    picks = [
        Pick(phase, at / rate, sum(signs)) for (phase, at), signs in sorted(polarities.items())
    ]
    if picks[0].phase == "P" and picks[0].polarity == 0:
        picks[0] = Pick("P", picks[0].time_s, polarity(text(row, "trace_polarity")))
    return picks


def _rate(row: dict, hdf5_file: str) -> float:
    where = "trace_sampling_rate_hz" if text(row, "trace_sampling_rate_hz") else "trace_dt_s"
    got = text(row, where)
    if not got:
        where = "/data_format/sampling_rate"
        got = hdf5.scalar(hdf5_file, where[1:])
    value = number({where: got}, where)
    rate = 1 / value if where == "trace_dt_s" and value else value
    if not (math.isfinite(rate) and rate > 0):
        raise UserError(f"{where}: got {got!r}, expected a number above 0")
    return rate


def _samples(row: dict, slices: tuple[slice, ...]) -> float:
    """Return a record's length; infinite where it is only known once the record is read."""
    count = number(row, "trace_npts")
    if math.isfinite(count) and count > 0:
        return count
    stops = [part.stop and part.stop - part.start for part in slices[1:]]
    # Samples are the longer axis, wherever it stands.
    return max(stops) if len(stops) == 2 and all(stops) else math.inf


def load(reference: Reference) -> Record:
    """Read one trace: a data set, or its part of a block without the padding."""
    path, name = reference.locator["hdf5"], reference.locator["trace"]
    block, slices = hdf5.split_slices(name)
    order = hdf5.scalar(path, "data_format/dimension_order").strip().upper().removeprefix("N")
    if order not in {"CW", "WC"}:
        raise UserError(f"{path}: /data_format/dimension_order: got {order!r}, expected CW or WC")
    data = hdf5.read(path, f"data/{block}", slices)
    if slices and (data.ndim != 3 or len(data) != 1):
        raise UserError(f"{path}: {name}: got {data.shape}, expected one trace of a block")
    data = data[0] if data.ndim == 3 and len(data) == 1 else data
    components = reference.locator["components"]
    components = components or hdf5.scalar(path, "data_format/component_order")
    components = components.strip().upper()
    if len(set(components)) < len(components):
        raise UserError(f"{path}: component_order: got {components!r}, expected distinct letters")
    if data.ndim != 2 or data.shape[order.index("C")] != len(components):
        raise UserError(
            f"{path}: {name}: got {data.shape}, expected {order} with components {components!r}"
        )
    samples = data.T if order == "CW" else data
    return Record(samples, components, reference.sampling_rate_hz)
