"""Seismogram files of any format that ObsPy reads safely, and the records that they make up."""

from __future__ import annotations

import math
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fsspec
import obspy
from obspy.core.util.base import ENTRY_POINTS, buffered_load_entry_point

from pipelines import files
from pipelines.sources._archive_samples import Segment, check_heads, read_stream, segment
from pipelines.sources._laid import Channels
from schemas.errors import UserError

# Formats of one file each. ObsPy's own guess would unpickle a file to see whether it is a pickle,
# and some formats name further files to open.
_FORMATS = (
    *("MSEED", "SAC", "GSE2", "SEISAN", "SACXY", "GSE1", "SH_ASC", "SLIST", "TSPAIR"),
    *("WIN", "AH", "GCF", "KNET", "REFTEK130"),
)
# What `pipelines.prepare` puts into E N Z order.
_LETTERS = "ENZ123XY"


@dataclass(frozen=True)
class Held:
    """What one file holds of one instrument: headers only."""

    path: str
    name: str
    instrument: str
    channels: dict[str, list[Segment]]
    headers: dict[str, dict[str, Any]]

    @property
    def start_ns(self) -> int:
        """Time of the first sample."""
        return min(part.start_ns for part in self._parts)

    @property
    def end_ns(self) -> int:
        """Time behind the last sample."""
        return max(p.start_ns + round(p.count * 1e9 / p.rate_hz) for p in self._parts)

    @property
    def timed(self) -> bool:
        """Whether its times are known; a SAC file without a date has times after an unknown one."""
        return all(not header or "nzyear" in header for header in self.headers.values())

    @property
    def place_deg(self) -> tuple[float, float]:
        """The station's latitude and longitude in the SAC headers, NaN if they have none."""
        told = {key: value for header in self.headers.values() for key, value in header.items()}
        return float(told.get("stla", math.nan)), float(told.get("stlo", math.nan))

    @property
    def _parts(self) -> list[Segment]:
        return [part for parts in self.channels.values() for part in parts]


def find(path: str) -> list[tuple[str, str]]:
    """Return (path, name) of each file in a folder, or that a glob matches, but hidden ones.

    The name is relative to the folder, or to what of the glob has no wildcard.

    Raises:
        UserError: there are none, or the place does not answer.
    """
    with files.reading(path):
        system, inner = fsspec.core.url_to_fs(path)
        wild = min((at for sign in "*?[" if (at := inner.find(sign)) >= 0), default=-1)
        root = inner if wild < 0 else posixpath.dirname(inner[:wild])
        found = system.find(inner) if wild < 0 else system.glob(inner, detail=True)
        if isinstance(found, dict):
            found = [name for name, told in found.items() if told["type"] == "file"]
    names = {each: posixpath.relpath(each, root) if each != root else "" for each in sorted(found)}
    pairs = [
        (each if files.is_local(path) else system.unstrip_protocol(each), name)
        for each, name in names.items()
        if not any(part.startswith(".") for part in name.split("/"))
    ]
    if not pairs:
        raise UserError(f"{path}: got no files, expected a folder or a glob of seismograms")
    return [(each, name or posixpath.basename(each)) for each, name in pairs]


def read(path: str, headers_only: bool = False) -> obspy.Stream:
    """Read a file, in a format that its bytes say and that is safe to read.

    Raises:
        UserError: it is damaged, or in no such format.
    """
    data = files.read_bytes(path)
    form = _format_of(data)
    if form is None:
        raise UserError(f"{path}: format: got none that is known, expected {', '.join(_FORMATS)}")
    heads = read_stream(path, data, form, headonly=True)
    check_heads(path, heads)
    return heads if headers_only else read_stream(path, data, form)


def _format_of(data: bytes) -> str | None:
    for name in _FORMATS:
        entry = ENTRY_POINTS["waveform"][name]
        group = f"obspy.plugin.waveform.{name}"
        try:
            if buffered_load_entry_point(entry.dist.name, group, "isFormat")(BytesIO(data)):
                return name
        except Exception:  # what a format cannot even look at is not of it
            continue
    return None


def instrument_of(trace: obspy.Trace) -> str:
    """Return network, station, location and band and instrument codes, as ``NC.ABC..HH``."""
    told = trace.stats
    codes = (told.network, told.station, told.location.strip(" -"), told.channel[:-1])
    return ".".join(code.strip() for code in codes)


def held_in(path: str, name: str) -> list[Held]:
    """Return what a file holds of each instrument, from its headers."""
    found: dict[str, tuple[dict, dict]] = {}
    for trace in read(path, headers_only=True):
        if trace.stats.npts > 0:
            channels, headers = found.setdefault(instrument_of(trace), ({}, {}))
            letter = trace.stats.channel.strip()[-1:]
            channels.setdefault(letter, []).append(segment(path, trace, True))
            headers.setdefault(letter, dict(trace.stats.get("sac", {})))
    if not found:
        raise UserError(f"{path}: got no samples, expected a seismogram")
    return [Held(path, name, key, *found[key]) for key in sorted(found)]


def records(held: Sequence[Held]) -> Iterator[list[Held]]:
    """Yield the files of each record: of one folder and instrument, whose times overlap."""
    places: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for each in held:
        places[posixpath.dirname(each.name), each.instrument].append(each)
    for _, members in sorted(places.items()):
        record: list[Held] = []
        for each in sorted(members, key=lambda h: (h.start_ns, h.name)):
            if record and each.start_ns >= max(h.end_ns for h in record):
                yield record
                record = []
            record.append(each)
        yield record


def check(record: Sequence[Held]) -> None:
    """Refuse a record whose components cannot be told apart, or are not E N Z.

    Raises:
        UserError: a letter that is no component's here, or one that two files hold.
    """
    owner: dict[str, str] = {}
    letters = sorted({letter for held in record for letter in held.channels})
    if not set("".join(letters)) <= set(_LETTERS) or "" in letters:
        raise UserError(
            f"{record[0].name}: components: got {' '.join(map(repr, letters))}, expected E N Z, "
            f"1 2 Z or X Y Z as the channels' last letters; rotate R and T first"
        )
    for held in record:
        for letter in held.channels:
            if letter in owner:
                raise UserError(
                    f"{held.name}: component {letter} of {held.instrument} is in "
                    f"{owner[letter]} too, at the same time; expected a folder for each event"
                )
            owner[letter] = held.name


def channels_of(paths: Sequence[str], instrument: str, start_ns: int, end_ns: int) -> Channels:
    """Read the segments of an instrument that meet a span, by the component's letter."""
    channels: Channels = {}
    for path in paths:
        for trace in read(path):
            if trace.stats.npts > 0 and instrument_of(trace) == instrument:
                part = segment(path, trace, False)
                if part.meets(start_ns, end_ns):
                    channels.setdefault(trace.stats.channel.strip()[-1:], []).append(part)
    return channels
