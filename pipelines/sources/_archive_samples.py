"""miniSEED samples on one grid: gaps, overlaps and rate changes end up in a validity mask."""

from __future__ import annotations

import math
import threading
import warnings
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import numpy as np
import obspy
from obspy.io.mseed import InternalMSEEDWarning

from pipelines import files
from schemas.errors import UserError

# Rates closer than this are one rate that drifts; 130 s then end up 1.3 ms off.
_JITTER = 1e-5
# What declares more samples than this is damaged or hostile: 100 Hz for eleven days.
_MAX_SAMPLES = 100_000_000
# ObsPy's reader keeps its state in its module, and so do Python's warnings.
_READING = threading.Lock()


@dataclass(frozen=True)
class Segment:
    """Samples without a gap. `data` is None where only headers were read."""

    start_ns: int
    rate_hz: float
    count: int
    data: np.ndarray | None = None

    def meets(self, start_ns: int, end_ns: int) -> bool:
        """Whether it has samples between two times."""
        end = self.start_ns + self.count * 1e9 / self.rate_hz
        return self.start_ns < end_ns and end > start_ns

    def index(self, phase_ns: int) -> int:
        """Return the nearest place of its first sample on a grid through a time."""
        return round((self.start_ns - phase_ns) * self.rate_hz / 1e9)


@dataclass(frozen=True)
class Grid:
    """The times that all components share: sample k lies at ``phase + k / rate``."""

    phase_ns: int
    rate_hz: float
    first: int
    last: int

    @property
    def start_ns(self) -> int:
        """Time of the first sample."""
        return self.phase_ns + round(self.first * 1e9 / self.rate_hz)


def read_segments(
    path: str,
    seed_id: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    headers_only: bool = False,
) -> list[Segment]:
    """Read the segments of one channel from a day file.

    Raises:
        UserError: the file is missing, damaged, or holds another channel.
    """
    data = files.read_bytes(path)
    limits = {}
    if start_ns is not None:
        limits["starttime"] = obspy.UTCDateTime(ns=start_ns - 1_000_000_000)
        limits["endtime"] = obspy.UTCDateTime(ns=end_ns + 1_000_000_000)
    heads = read_stream(path, data, headonly=True, **limits)
    check_heads(path, heads)
    for trace in heads:
        if trace.id != seed_id:
            raise UserError(f"{path}: channel: got {trace.id!r}, expected {seed_id!r}")
    stream = heads if headers_only else read_stream(path, data, **limits)
    return [segment(path, trace, headers_only) for trace in stream if trace.stats.npts > 0]


def segment(path: str, trace: obspy.Trace, headers_only: bool) -> Segment:
    """Return a trace of a file as a segment."""
    return Segment(
        trace.stats.starttime.ns,
        nominal_rate(trace.stats.sampling_rate),
        trace.stats.npts,
        None if headers_only else _numbers(path, trace.data),
    )


def read_stream(path: str, data: bytes, format: str = "MSEED", **options) -> obspy.Stream:
    """Read a file's bytes in a format, never in one that ObsPy guesses: it tries to unpickle.

    Raises:
        UserError: the file is damaged.
    """
    with files.reading(path), _READING, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stream = obspy.read(BytesIO(data), format=format, **options)
    for warning in caught:
        if issubclass(warning.category, InternalMSEEDWarning):
            raise UserError(f"{path}: damaged: {files.first_line(warning.message)}")
    return stream


def check_heads(path: str, heads: obspy.Stream) -> None:
    """Refuse headers that declare what no seismogram holds."""
    total = sum(trace.stats.npts for trace in heads)
    if total > _MAX_SAMPLES:
        raise UserError(f"{path}: declares {total} samples, expected at most {_MAX_SAMPLES}")
    for trace in heads:
        rate = trace.stats.sampling_rate
        if trace.stats.npts and not (math.isfinite(rate) and rate > 0):
            raise UserError(f"{path}: sampling rate: got {rate} Hz, expected a positive number")


def _numbers(path: str, data: np.ndarray) -> np.ndarray:
    if data.dtype.kind not in "iuf":
        raise UserError(f"{path}: samples: got {data.dtype}, expected numbers")
    return data


def nominal_rate(rate_hz: float) -> float:
    """Return the rate that a header means: 99.9999 is 100, where digitisers' clocks drift."""
    if not (math.isfinite(rate_hz) and rate_hz > 0):
        return rate_hz
    round_rate = float(Fraction(rate_hz).limit_denominator(32))
    return round_rate if round_rate and same_rate(round_rate, rate_hz) else rate_hz


def same_rate(one_hz: float, other_hz: float) -> bool:
    """Whether two rates differ by no more than a clock's jitter."""
    return abs(one_hz / other_hz - 1.0) <= _JITTER


def choose_rate(channels: dict[str, list[Segment]], anchor_ns: int) -> float:
    """Return the rate at the window's anchor: the vertical's, else what most components have."""
    rates = {letter: _rate_at(held, anchor_ns) for letter, held in channels.items() if held}
    for vertical in "Z3":
        if vertical in rates:
            return rates[vertical]
    return Counter(rates.values()).most_common(1)[0][0]


def _rate_at(segments: list[Segment], anchor_ns: int) -> float:
    def away(part: Segment) -> float:
        end = part.start_ns + part.count * 1e9 / part.rate_hz
        return max(part.start_ns - anchor_ns, anchor_ns - end, 0)

    return min(segments, key=away).rate_hz


def make_grid(
    channels: dict[str, list[Segment]],
    rate_hz: float,
    start_ns: int,
    end_ns: int,
    cover_ns: list[int],
) -> Grid | None:
    """Return the grid through the vertical's (else the first) samples, None if none are inside.

    It spans what is recorded between two times, and the times of `cover_ns`.

    Raises:
        ValueError: the rate is beyond any seismometer's.
    """
    if (end_ns - start_ns) / 1e9 * rate_hz > _MAX_SAMPLES:
        raise ValueError(f"got {rate_hz:g} Hz, more than {_MAX_SAMPLES} samples a window")
    held = [part for parts in channels.values() for part in parts]
    vertical = channels.get("Z") or channels.get("3") or held
    phase = min(part.start_ns for part in vertical)
    low, high = (math.ceil((t - phase) * rate_hz / 1e9 - 1e-3) for t in (start_ns, end_ns))
    at = [(part.index(phase), part.count) for part in held]
    inside = [(max(k, low), min(k + n, high)) for k, n in at if k < high and k + n > low]
    if not inside:
        return None
    cover = [(t - phase) * rate_hz / 1e9 for t in cover_ns]
    first = min([k for k, _ in inside] + [math.floor(k) for k in cover])
    last = max([k for _, k in inside] + [math.ceil(k) + 1 for k in cover])
    return Grid(phase, rate_hz, first, last)


def lay(segments: list[Segment], grid: Grid, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Put a component's segments on the grid.

    Where segments overlap and are not the same, the overlap is not valid.

    Returns:
        Samples, 0 where nothing is valid, and validity.
    """
    length = grid.last - grid.first
    samples, seen, clash = np.zeros(length, dtype), np.zeros(length, bool), np.zeros(length, bool)
    for part in sorted(segments, key=lambda s: s.start_ns):
        at = part.index(grid.phase_ns) - grid.first
        low, high = max(at, 0), min(at + part.count, length)
        if low >= high:
            continue
        here, new = slice(low, high), part.data[low - at : high - at]
        twice = seen[here].copy()
        if (samples[here][twice] != new[twice]).any():
            clash[here] |= twice
        samples[here] = np.where(twice, samples[here], new)
        seen[here] = True
    valid = seen & ~clash
    return np.where(valid, samples, 0), valid
