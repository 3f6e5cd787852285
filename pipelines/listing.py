"""What every source needs when it lists: noise stretches, event groups, tolerant fields."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import fsspec

from pipelines import files
from pipelines.reference import Reference, Rejected
from schemas.errors import UserError
from schemas.recipe import Noise, WindowSize
from schemas.window import UNKNOWN_TIME_NS

if TYPE_CHECKING:
    from pipelines.sources import Listing

# A date and time to the second, a fraction, an offset from UTC.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{0,9})\d*)?Z?([+-]\d\d:\d\d)?")
# What stands in CSV files for "nothing here".
_NOTHING = {"", "none", "nan", "null"}
CODA_AFTER_S = 1.4  # coda end where the source gives none: S + 1.4 (S - P), SeisBench's default


def noise_starts(
    usable_s: tuple[float, float], window: WindowSize, noise: Noise
) -> Iterator[tuple[float, tuple[float, float]]]:
    """Tile a stretch without events; yield each noise window's start and usable seconds.

    A stretch of unknown length (its end is infinite) gives one window.
    """
    first, last = usable_s
    if math.isinf(last):
        yield first, usable_s
        return
    start = first
    while last - start >= noise.min_length_s:
        yield start, (start, min(last, start + window.length_s))
        start += window.length_s


def noise_windows(
    usable_s: tuple[float, float], listing: Listing, common: dict[str, Any], required: bool = False
) -> Iterator[Reference]:
    """Yield the noise windows of a stretch, with what they have in common.

    Each has the split key of its own day: a long record crosses midnight.

    Raises:
        UserError: `required`, and the stretch is too short for one.
    """
    starts = list(noise_starts(usable_s, listing.window, listing.noise))
    if required and not starts:
        raise UserError(
            f"{usable_s[1] - usable_s[0]:g} s of noise, noise.min_length_s is "
            f"{listing.noise.min_length_s:g}"
        )
    for at, usable in starts:
        start = common["record_start_ns"]
        if start != UNKNOWN_TIME_NS:
            start += round(at * 1e9)
        key = noise_split_key(common["network"], common["station"], start, common["trace"])
        own = {**common, "split_key": key}
        yield Reference(kind="noise", start_s=at, usable_s=usable, **own)


def free_stretches(
    span_s: tuple[float, float], picks_s: Sequence[float], noise: Noise
) -> list[tuple[float, float]]:
    """Return the stretches of a span that lie away from every pick."""
    stretches, start = [], span_s[0]
    for pick in sorted(picks_s):
        end = min(pick - noise.guard_s, span_s[1])
        if end > start:
            stretches.append((start, end))
        start = max(start, pick + noise.after_s)
    if span_s[1] > start:
        stretches.append((start, span_s[1]))
    return stretches


def noise_split_key(network: str, station: str, start_ns: int, trace: str) -> str:
    """Return the key that keeps a station's day of noise in one split."""
    if start_ns == UNKNOWN_TIME_NS:
        return f"noise {network}.{station} {trace}"
    return f"noise {network}.{station} {day_of(start_ns)}"


def day_of(time_ns: int) -> str:
    """Return the UTC day of a time, as 2010-05-27."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, timezone.utc).strftime("%Y-%m-%d")


def event_groups(times_ns: Sequence[int], gap_s: float) -> list[int]:
    """Group events by time: one that begins within `gap_s` of another shares its group.

    Returns:
        For each time, the first time of its group. The order of the input does not matter.
    """
    group: dict[int, int] = {}
    first = last = None
    for time in sorted(set(times_ns)):
        if last is None or time - last > gap_s * 1e9:
            first = time
        group[time], last = first, time
    return [group[time] for time in times_ns]


def csv_rows(path: str, required: set[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row of a CSV file with its line number, without holding the whole file.

    Raises:
        UserError: the file cannot be read, or lacks a required column.
    """
    with files.reading(path):
        file = fsspec.open(path, "rt", encoding="utf-8-sig", newline="").open()
    with contextlib.closing(file):
        table = csv.DictReader(file)
        with files.reading(path):
            names = table.fieldnames or []
        if not required.issubset(names):
            raise UserError(
                f"{path}: columns {sorted(required.difference(names))} are missing; "
                f"got {names[:40]}"
            )
        while True:
            with files.reading(path):
                row = next(table, None)
            if row is None:
                return
            yield table.line_num, row


def from_rows(
    listing: Listing,
    table: str,
    required: set[str],
    prefix: str,
    make: Callable,
    key: str = "trace_name",
) -> Iterator[Reference | Rejected]:
    """Yield what ``make(row, trace)`` makes of each row of a CSV file, or why it is refused.

    A trace is named by the row's `key` behind the prefix, once in a file.
    """
    seen: dict[str, int] = {}
    for line, row in csv_rows(table, required):
        name = text(row, key)
        trace = f"{prefix}{name}" if name else ""
        try:
            if None in row or None in row.values():
                raise UserError("not as many cells as the header has")
            if not name:
                raise UserError(f"{key}: is empty")
            if seen.setdefault(name, line) != line:
                raise UserError(f"{key}: got {name!r} again, after line {seen[name]}")
            yield from make(row, trace)
        except UserError as error:
            yield listing.rejected(trace or f"{prefix}line {line}", f"{table}:{line}: {error}")


def sample(row: dict[str, Any], column: str) -> float:
    """Return an arrival's sample, NaN where the cell is empty.

    Raises:
        UserError: it is not a number, not finite, or lies before the record.
    """
    value = number(row, column)
    if text(row, column) and not (math.isfinite(value) and value >= 0):
        raise UserError(f"{column}: got {row[column]!r}, expected a sample from 0 on")
    return value


def text(row: dict[str, Any], *columns: str) -> str:
    """Return the first column that says something, stripped; else an empty string."""
    for column in columns:
        value = (row.get(column) or "").strip()
        if value.lower() not in _NOTHING:
            return value
    return ""


def number(row: dict[str, Any], *columns: str) -> float:
    """Return the first column that says something as a finite number, else NaN.

    Reads ``[[2896.]]``, and the first of several numbers in brackets.
    """
    words = text(row, *columns).strip("[] ").split()
    try:
        value = float(words[0]) if words else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def parse_time_ns(value: str) -> int:
    """Return a UTC time as nanoseconds, -1 if there is none or it cannot be read.

    Reads ISO 8601 and ``2007/01/01 01:42:45.08``, both to the nanosecond.
    """
    match = _TIME.fullmatch(value.strip().replace("/", "-"))
    try:
        time = datetime.fromisoformat(f"{match[1]}{match[3] or '+00:00'}" if match else "")
    except ValueError:
        return UNKNOWN_TIME_NS
    return int(time.timestamp()) * 1_000_000_000 + int(f"{match[2] or '':0<9}")


def event_time_ns(row: dict[str, Any], start_ns: int, p_s: float) -> int:
    """Return the origin time that a row tells, -1 if none.

    An event that has no id is its row's own: its first pick will do.
    """
    if text(row, "source_origin_time") or text(row, "source_id"):
        return parse_time_ns(text(row, "source_origin_time"))
    return start_ns if start_ns == UNKNOWN_TIME_NS else start_ns + round(p_s * 1e9)


def polarity(value: str) -> int:
    """Return 1 for up, -1 for down, 0 for anything else, from the words in use."""
    word = value.strip().lower()
    if word in {"positive", "up", "u", "+", "1", "compression", "c"}:
        return 1
    return -1 if word in {"negative", "down", "d", "-", "-1", "dilatation"} else 0
