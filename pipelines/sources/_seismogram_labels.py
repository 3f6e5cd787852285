"""Picks and events of seismogram files: from a CSV file, or from SAC headers."""

from __future__ import annotations

import math
import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from pipelines.listing import csv_rows, number, parse_time_ns, polarity, text
from pipelines.reference import Event
from pipelines.sources._seismogram_files import Held
from schemas.errors import UserError
from schemas.window import UNKNOWN_TIME_NS

COLUMNS = {"file", "phase", "time"}
_TOLD = ("magnitude", "depth_km", "distance_km", "latitude_deg", "longitude_deg")
# A phase as headers write it, such as P, Pg, IPU0 or ES: quality, phase, first motion, weight.
_LABEL = re.compile(r"[EI]?(P[gn]?|S[gn]?|p|s)([UCD+-]?)[0-4]?")


@dataclass(frozen=True)
class Label:
    """A pick: its phase, its time, 1 for up and -1 for down, and what is told of its event."""

    phase: str
    time_ns: int
    polarity: int
    event: Event


@dataclass
class Table:
    """The rows of a CSV file of picks, by the file that they name, with their lines."""

    path: str
    rows: dict[str, list[tuple[int, dict]]] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, path: str) -> Table:
        """Read a CSV file.

        Raises:
            UserError: it cannot be read, or lacks a column.
        """
        rows = defaultdict(list)
        for line, row in csv_rows(path, COLUMNS):
            rows[posixpath.normpath(text(row, "file"))].append((line, row))
        return cls(path, dict(rows))

    def labels(self, record: Sequence[Held]) -> list[Label]:
        """Return the labels of a record.

        Raises:
            UserError: a row of it cannot be read.
        """
        found = []
        for held in record:
            for line, row in self.rows.get(held.name, ()):
                if text(row, "station") in {"", *_names(held)}:
                    self.used.add(line)
                    try:
                        found.append(_of_row(row, held))
                    except UserError as error:
                        raise UserError(f"{self.path}:{line}: {error}") from None
        return found

    def unused(self) -> list[tuple[int, str]]:
        """Return the line and the file of each row that belongs to no record."""
        every = ((line, name) for name, rows in self.rows.items() for line, _ in rows)
        return sorted((line, name) for line, name in every if line not in self.used)


def _names(held: Held) -> tuple[str, str]:
    network, station = held.instrument.split(".")[:2]
    return station, f"{network}.{station}"


def _of_row(row: dict, held: Held) -> Label:
    if None in row or None in row.values():
        raise UserError("not as many cells as the header has")
    match = _LABEL.fullmatch(text(row, "phase"))
    if match is None:
        raise UserError(f"phase: got {row['phase']!r}, expected P or S")
    told = Event(
        text(row, "event_id"),
        **{n: number(row, n) for n in _TOLD},
    )
    event = _filled(told, _of_header(held))
    sign = polarity(text(row, "polarity")) or polarity(match[2])
    return Label(match[1][0].upper(), _time_ns(text(row, "time"), held), sign, event)


def _time_ns(value: str, held: Held) -> int:
    """Return a time that is told in seconds after the file's first sample, or in ISO 8601."""
    try:
        seconds = float(value)
    except ValueError:
        time = parse_time_ns(value)
        if time == UNKNOWN_TIME_NS:
            raise UserError(f"time: got {value!r}, expected seconds or a UTC time") from None
        return time
    if not math.isfinite(seconds):
        raise UserError(f"time: got {value!r}, expected seconds or a UTC time")
    return held.start_ns + round(seconds * 1e9)


def header_labels(record: Sequence[Held]) -> list[Label]:
    """Return the picks in a record's SAC headers: of each phase the vertical's, else another's."""
    found: dict[str, Label] = {}
    order = [(letter not in "Z3", letter, held) for held in record for letter in held.channels]
    for _, letter, held in sorted(order, key=lambda o: o[:2]):
        header, event = held.headers[letter], _of_header(held)
        first = held.channels[letter][0].start_ns
        for key, name, usual in (("a", "ka", "P"), *((f"t{n}", f"kt{n}", "") for n in range(10))):
            usual = "S" if key == "t0" else usual
            match = _LABEL.fullmatch(str(header.get(name, "")).replace(" ", "") or usual)
            if match and math.isfinite(after := _since(header, key)):
                phase, time = match[1][0].upper(), first + round(after * 1e9)
                found.setdefault(phase, Label(phase, time, polarity(match[2]), event))
    return list(found.values())


def _of_header(held: Held) -> Event:
    """Return what SAC headers tell of the event; its name is the folder's where they tell none."""
    told: dict = {}
    for header in held.headers.values():
        told = {**header, **told}
    place = "evla" in told and "evlo" in told
    name = str(told.get("kevnm", "")).strip()
    if not name and place and math.isfinite(after := _since(told, "o")):
        origin = held.start_ns + round(after * 1e9)
        # Stations write the origin to the precision of their float32 headers.
        name = f"{round(origin / 1e8)} {told['evla']:.3f} {told['evlo']:.3f}"

    def value(key: str) -> float:
        return float(told.get(key, math.nan))

    folder = posixpath.dirname(held.name) or "."
    return Event(
        name or f"folder {folder}",
        *(value(key) for key in ("mag", "evdp", "dist", "baz")),
        latitude_deg=value("evla"),
        longitude_deg=value("evlo"),
    )


def _since(header: dict, key: str) -> float:
    """Return a time of a SAC header in seconds after the first sample, NaN if there is none."""
    return float(header.get(key, math.nan)) - float(header.get("b", 0.0))


def _filled(one: Event, other: Event) -> Event:
    """Return an event with what it does not say taken from another telling of it."""
    lacking = {
        f.name: getattr(other, f.name)
        for f in fields(Event)
        if getattr(one, f.name) in ("", None) or getattr(one, f.name) != getattr(one, f.name)
    }
    return replace(one, **lacking)


def events_of(labels: Sequence[Label]) -> dict[str, Event]:
    """Return the events of labels by their names, by the time of their first pick."""
    found: dict[str, Event] = {}
    for label in sorted(labels, key=lambda la: (la.time_ns, la.phase)):
        name = label.event.event_id
        found[name] = _filled(found[name], label.event) if name in found else label.event
    return found
