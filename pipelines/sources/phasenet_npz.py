"""PhaseNet's layout: a folder of npz files and a CSV ``fname,itp,its,channels``.

A file holds ``data`` [n, 3] (E N Z, counts) at 100 Hz, which it does not say; the P and S samples
stand in the CSV. DeepDenoiser's files are the same without ``its``. The name of a file begins
with NETWORK_STATION_ and the time of P to a hundredth of a second, where it follows NCEDC's habit.
No event is named: files whose P lie within `event_gap_s` of each other count as one event group.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from pydantic import Field

from pipelines import files
from pipelines.listing import (
    CODA_AFTER_S,
    event_groups,
    noise_split_key,
    noise_starts,
    number,
    parse_time_ns,
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
    table = csv.DictReader(files.read_text(options.csv))
    absent = {"fname", "itp"} - set(table.fieldnames or ())
    if absent:
        raise UserError(f"{options.csv}: columns {sorted(absent)} are missing; "
                        f"expected fname,itp,its,channels")
    rows = list(table)
    p_times = [_p_time_ns(text(row, "fname")) for row in rows]
    known = [time for time in p_times if time != UNKNOWN_TIME_NS]
    groups = dict(zip(known, event_groups(known, options.event_gap_s)))
    for number_, (row, p_time) in enumerate(zip(rows, p_times), start=2):
        name = text(row, "fname")
        try:
            yield from _row(listing, options, row, name, p_time, groups)
        except UserError as error:
            yield listing.rejected(name or f"row {number_}", f"{options.csv}:{number_}: {error}")


def _row(
    listing: Listing, options: Options, row: dict, name: str, p_time: int, groups: dict[int, int]
) -> Iterator[Reference]:
    p_s, s_s = (number(row, key) / options.sampling_rate_hz for key in ("itp", "its"))
    if not math.isfinite(p_s) or p_s < 0:
        raise UserError(f"itp: got {row.get('itp')!r}, expected a sample from 0 on")
    start = UNKNOWN_TIME_NS if p_time == UNKNOWN_TIME_NS else p_time - round(p_s * 1e9)
    match = _NAME.match(name)
    network, station = (match[1], match[2]) if match else ("", "")
    common = dict(
        source=listing.name, trace=name, record_start_ns=start, network=network, station=station,
        locator={"path": files.join(options.path, name, "fname")},
        sampling_rate_hz=options.sampling_rate_hz,
        instrument=text(row, "channels").split("_")[0][:2], environment=listing.environment,
    )
    event = str(groups[p_time]) if p_time in groups else name
    picks = [Pick("P", p_s)] + ([Pick("S", s_s)] if math.isfinite(s_s) else [])
    coda = s_s + CODA_AFTER_S * (s_s - p_s)
    yield Reference(
        kind="event", start_s=p_s - listing.window.p_at_s, split_key=event,
        picks=tuple(picks), events=(Event(event, coda_end_s=coda),), **common,
    )
    if listing.noise.before_p:
        before = (0.0, p_s - listing.noise.guard_s)
        key = noise_split_key(network, station, start, name)
        for at, usable in noise_starts(before, listing.window, listing.noise):
            yield Reference(kind="noise", start_s=at, usable_s=usable, split_key=key, **common)


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
    if data.ndim != 2 or data.shape[1] not in (1, 3) or data.dtype.kind not in "fiu":
        raise UserError(f"{path}: data: got {data.dtype} {data.shape}, expected numbers [n, 3]")
    return Record(data, "ENZ" if data.shape[1] == 3 else "Z", reference.sampling_rate_hz)


def _check_size(archive, path: str) -> None:
    size = sum(member.file_size for member in archive.infolist())
    if size > _MAX_BYTES:
        raise UserError(f"{path}: declares {size} bytes, expected at most {_MAX_BYTES}")
