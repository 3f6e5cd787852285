"""Seismogram files: SAC, miniSEED, GSE2 and what else ObsPy reads, one or more components a file.

Files of one folder, station, location and instrument whose times overlap are one record. Picks
stand in a CSV file with the columns file (relative to `path`), phase, time (seconds after the
file's first sample, or UTC) and, if need be, station, polarity, event_id, magnitude, depth_km,
distance_km, and the epicentre's latitude_deg and longitude_deg. Without one they are the SAC
headers': ``a`` is P, ``t0`` is S, and ``t0`` to ``t9`` what ``kt0`` to ``kt9`` call them. An event
that nothing names is that of its folder.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fsspec
import obspy
from pydantic import Field

from pipelines import files
from pipelines.listing import noise_windows
from pipelines.prepare import Record
from pipelines.reference import Pick, Reference, Rejected
from pipelines.sources import Listing
from pipelines.sources._archive_windows import stamp
from pipelines.sources._laid import lay_all
from pipelines.sources._seismogram_files import Held, channels_of, check, find, held_in, records
from pipelines.sources._seismogram_labels import Label, Table, events_of, header_labels
from schemas.errors import UserError
from schemas.recipe import Strict
from schemas.window import UNKNOWN_TIME_NS


class Options(Strict):
    """Keys of a ``seismograms`` source."""

    path: str = Field(description="folder, searched throughout, or glob of the files")
    picks: str | None = Field(None, description="CSV of picks; by default those in SAC headers")


@dataclass(frozen=True)
class _Labelled:
    """A record with its labels; times are seconds after its first sample."""

    held: Sequence[Held]
    labels: Sequence[Label]

    @property
    def start_ns(self) -> int:
        return min(held.start_ns for held in self.held)

    @property
    def timed(self) -> bool:
        return all(held.timed for held in self.held)

    @property
    def length_s(self) -> float:
        return (max(held.end_ns for held in self.held) - self.start_ns) / 1e9

    @property
    def trace(self) -> str:
        folder = posixpath.dirname(self.held[0].name)
        return posixpath.join(folder, f"{self.held[0].instrument}_{stamp(self.start_ns)}")

    def time_s(self, label: Label) -> float:
        return (label.time_ns - self.start_ns) / 1e9


def list_windows(listing: Listing, options: Options) -> Iterator[Reference | Rejected]:
    """Yield a window for each event of each record, and the noise before its first pick."""
    held: list[Held] = []
    own = options.picks and fsspec.core.url_to_fs(options.picks)[1]
    for path, name in find(options.path):
        if fsspec.core.url_to_fs(path)[1] == own:
            continue
        try:
            held += held_in(path, name)
        except UserError as error:
            yield listing.rejected(name, str(error))
    table = Table.read(options.picks) if options.picks else None
    labelled = []
    for record in records(held):
        one = _Labelled(record, ())
        try:
            check(record)
            labels = table.labels(record) if table else header_labels(record)
            if not any(label.phase == "P" for label in labels):
                where = options.picks or "the SAC headers"
                raise UserError(f"{record[0].name}: P: got none in {where}, expected a pick")
            labelled.append(_Labelled(record, labels))
        except UserError as error:
            yield listing.rejected(one.trace, str(error))
    for line, name in table.unused() if table else ():
        reason = f"{options.picks}:{line}: file: got {name!r}, expected one whose record is read"
        yield listing.rejected(f"picks line {line}", reason)
    keys = _split_keys(events_of(one.labels) for one in labelled)
    times = _first_ns(labelled)
    for one in labelled:
        yield from _windows(listing, one, keys, times)


def _first_ns(labelled: Iterable[_Labelled]) -> dict[str, int]:
    """Return the time of each event's first pick in all records, -1 if one has no date."""
    first: dict[str, int] = {}
    for one in labelled:
        for label in one.labels:
            time = label.time_ns if one.timed else UNKNOWN_TIME_NS
            name = label.event.event_id
            first[name] = min(first.get(name, time), time)
    return first


def _split_keys(together: Iterable[Iterable[str]]) -> dict[str, str]:
    """Return each event's split key: events that share a record, by way of others too, share it."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for names in together:
        first, *others = names
        for name in others:
            one, other = sorted((root(first), root(name)))
            parent[other] = one
        root(first)
    return {name: root(name) for name in list(parent)}


def _windows(
    listing: Listing, one: _Labelled, keys: dict[str, str], times: dict[str, int]
) -> Iterator[Reference | Rejected]:
    common, seen = _common(listing, one), set()
    for name in events_of(one.labels):
        own = [label for label in one.labels if label.event.event_id == name]
        onsets = [one.time_s(label) for label in own if label.phase == "P"]
        start = _start_s(listing, one, min(onsets, default=0.0))
        if not onsets or start in seen:
            reason = "another event has the same window" if onsets else "P: got none"
            yield listing.rejected(f"{one.trace}/{name}", f"event {name}: {reason}")
            continue
        seen.add(start)
        end = start + listing.window.length_s
        inside = [x for x in one.labels if x in own or start <= one.time_s(x) < end]
        events = events_of(inside)
        order = [name, *(other for other in events if other != name)]
        yield Reference(
            kind="event",
            start_s=start,
            split_key=f"event {keys[name]}",
            picks=_picks(one, inside, order),
            events=tuple(replace(events[other], time_ns=times[other]) for other in order),
            **common,
        )
    if listing.noise.before_p:
        first = min(one.time_s(label) for label in one.labels)
        yield from noise_windows((0.0, first - listing.noise.guard_s), listing, common)


def _common(listing: Listing, one: _Labelled) -> dict[str, Any]:
    """Return what a record's windows have in common."""
    network, station, location, instrument = one.held[0].instrument.split(".")
    latitude_deg, longitude_deg = one.held[0].place_deg
    return dict(
        source=listing.name,
        trace=one.trace,
        locator={
            "files": json.dumps([held.path for held in one.held]),
            "instrument": one.held[0].instrument,
            "start_ns": str(one.start_ns),
            "length_s": repr(one.length_s),
        },
        record_start_ns=one.start_ns if one.timed else UNKNOWN_TIME_NS,
        network=network,
        station=station,
        location=location,
        instrument=instrument[:2],
        environment=listing.environment,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
    )


def _start_s(listing: Listing, one: _Labelled, p_s: float) -> float:
    """Return where a window starts, as it will be cut: inside a record that is long enough."""
    start, spare = p_s - listing.window.p_at_s, one.length_s - listing.window.length_s
    return min(max(start, 0.0), spare) if spare >= 0 else start


def _picks(one: _Labelled, labels: Sequence[Label], order: list[str]) -> tuple[Pick, ...]:
    """Return the picks, each once: files of several components may tell the same one."""
    picks = [
        Pick(x.phase, one.time_s(x), x.polarity, order.index(x.event.event_id)) for x in labels
    ]
    return tuple(sorted(set(picks), key=lambda p: (p.event, p.phase, p.time_s)))


def load(reference: Reference) -> Record:
    """Read a record from its files.

    Raises:
        UserError: a file is damaged or gone, or holds no samples.
    """
    told = reference.locator
    start, paths = int(told["start_ns"]), json.loads(told["files"])
    end = start + round(float(told["length_s"]) * 1e9)
    channels = channels_of(paths, told["instrument"], start, end)
    cover = [start + round(pick.time_s * 1e9) for pick in reference.picks if pick.phase == "P"]
    with files.reading(paths[0]):
        laid = lay_all(channels, min(cover, default=start), (start, end), []) if channels else None
    if laid is None:
        since = obspy.UTCDateTime(ns=start)
        raise UserError(f"{paths[0]}: got no samples of {told['instrument']} from {since} on")
    offset = (laid.start_ns - start) / 1e9
    return Record(laid.samples, laid.letters, laid.rate_hz, laid.valid, offset)
