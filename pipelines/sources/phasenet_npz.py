"""PhaseNet's layout: a folder of npz files and a CSV ``fname,itp,its,channels``.

A file holds ``data`` [n, 3] (E N Z, counts) at 100 Hz, which it does not say; the P and S samples
stand in the CSV. DeepDenoiser's files are the same without ``its``. The name of a file begins
with NETWORK_STATION_ and the time of P to a hundredth of a second, where it follows NCEDC's habit.
No event is named: files whose P lie within `event_gap_s` of each other count as one event group.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from pydantic import Field

from pipelines import files
from pipelines.listing import (
    csv_rows,
    event_groups,
    from_rows,
    noise_windows,
    parse_time_ns,
    sample,
    text,
)
from pipelines.prepare import Record
from pipelines.reference import Event, Pick, Reference, Rejected
from pipelines.sources import Listing
from schemas.errors import UserError
from schemas.recipe import Positive, Strict
from schemas.window import UNKNOWN_TIME_NS

_NAME = re.compile(r"([A-Z0-9]{1,2})_([A-Z0-9]{1,5})_(\d{14})(\d{2})?")
# A window is 27 kB to some MB; what declares more is damaged or hostile.
_MAX_BYTES = 1 << 30


class Options(Strict):
    """Keys of a ``phasenet_npz`` source."""

    path: str = Field(description="folder of the npz files")
    csv: str = Field(description="the CSV that lists them")
    sampling_rate_hz: Positive = 100.0
    event_gap_s: Positive = 120.0


def list_windows(listing: Listing, options: Options) -> Iterator[Reference | Rejected]:
    """Yield an event window a row, and noise windows from before its P."""
    required = {"fname", "itp"}
    times = {_p_time_ns(text(row, "fname")) for _, row in csv_rows(options.csv, required)}
    known = sorted(times - {UNKNOWN_TIME_NS})
    groups = dict(zip(known, event_groups(known, options.event_gap_s)))

    def make(row: dict, name: str) -> Iterator[Reference]:
        return _row(listing, options, row, name, groups)

    yield from from_rows(listing, options.csv, required, "", make, key="fname")


def _row(
    listing: Listing, options: Options, row: dict, name: str, groups: dict[int, int]
) -> Iterator[Reference]:
    p_s, s_s = (sample(row, key) / options.sampling_rate_hz for key in ("itp", "its"))
    if math.isnan(p_s):
        raise UserError(f"itp: got {row['itp']!r}, expected a sample from 0 on")
    p_time = _p_time_ns(name)
    start = UNKNOWN_TIME_NS if p_time == UNKNOWN_TIME_NS else p_time - round(p_s * 1e9)
    match = _NAME.match(name)
    network, station = (match[1], match[2]) if match else ("", "")
    common = dict(
        source=listing.name,
        trace=name,
        record_start_ns=start,
        network=network,
        station=station,
        locator={"path": files.join(options.path, name, "fname")},
        sampling_rate_hz=options.sampling_rate_hz,
        instrument=text(row, "channels").split("_")[0][:2],
        environment=listing.environment,
    )
    event = str(groups.get(p_time, name))
    told = Event(event, time_ns=groups.get(p_time, UNKNOWN_TIME_NS))
    picks = [Pick(phase, at) for phase, at in (("P", p_s), ("S", s_s)) if math.isfinite(at)]
    yield Reference(
        kind="event",
        start_s=p_s - listing.window.p_at_s,
        split_key=event,
        picks=tuple(picks),
        events=(told,),
        **common,
    )
    if listing.noise.before_p:
        free = (0.0, p_s - listing.noise.guard_s)
        yield from noise_windows(free, listing, common)


def _p_time_ns(name: str) -> int:
    match = _NAME.match(name)
    if not match:
        return UNKNOWN_TIME_NS
    d = match[3]
    iso = f"{d[:4]}-{d[4:6]}-{d[6:8]}T{d[8:10]}:{d[10:12]}:{d[12:]}"
    return parse_time_ns(f"{iso}.{match[4]}" if match[4] else iso)


def load(reference: Reference) -> Record:
    """Read one npz file."""
    path = reference.locator["path"]
    with files.reading(path), np.load(BytesIO(files.read_bytes(path)), allow_pickle=False) as held:
        _check_size(held.zip, path)
        if "data" not in held.files:
            raise UserError(f"{path}: 'data' is missing; got {held.files}")
        data = held["data"]
    if data.ndim != 2 or data.shape[1] != 3 or data.dtype.kind not in "fiu":
        raise UserError(f"{path}: data: got {data.dtype} {data.shape}, expected numbers [n, 3]")
    return Record(data, "ENZ", reference.sampling_rate_hz)


def _check_size(archive, path: str) -> None:
    size = sum(member.file_size for member in archive.infolist())
    if size > _MAX_BYTES:
        raise UserError(f"{path}: declares {size} bytes, expected at most {_MAX_BYTES}")
