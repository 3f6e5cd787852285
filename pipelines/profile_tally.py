"""Counts over windows that combine: what one worker saw and what another saw.

Nothing here grows with the number of windows: histograms have fixed edges, counters have a key
for each station and the like, and `Groups` keeps 12 bytes for each event and station-day.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from pipelines.listing import noise_split_key
from pipelines.profile_counts import Groups, Histogram
from pipelines.reference import Reference, Rejected
from schemas.window import COMPONENTS, EVENT_KINDS, UNKNOWN_TIME_NS

UNKNOWN = "(unknown)"
# A share of samples below it is none of them.
SMALLEST_SHARE = 1e-6
_SHARES = (SMALLEST_SHARE, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# Kinds of reasons that are told apart; what comes behind them counts as one more.
_MOST_REASONS = 200
_OTHER = "(other reasons)"
_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S*|\S*\d\S*")


def _steps(low: int, high: int, per_unit: int) -> tuple[float, ...]:
    return tuple(step / per_unit for step in range(low * per_unit, high * per_unit + 1))


def _decades(low: int, high: int, per_decade: int = 10) -> tuple[float, ...]:
    return tuple(10.0 ** (k / per_decade) for k in range(low * per_decade, high * per_decade + 1))


@dataclass(frozen=True)
class Axis:
    """A quantity of a window, its unit, and the edges that it is counted between."""

    title: str
    unit: str
    edges: tuple[float, ...]
    log: bool = False


_SNR = _steps(-60, 160, 1)
# Of the window's first event; known from the lists alone.
LISTED = {
    "magnitude": Axis("Magnitude", "", _steps(-5, 10, 10)),
    "distance_km": Axis("Distance", "km", _decades(-2, 5), log=True),
    "depth_km": Axis("Depth", "km", _steps(-10, 800, 1)),
    "s_minus_p_s": Axis("S\N{MINUS SIGN}P", "s", _decades(-2, 4), log=True),
}
# Known once the samples were read: the SNR of the first event, of all live components and of
# each; what of the live components is missing, at the window's ends or in gaps, and what of that
# is in gaps; what of the record is held at its extremes.
MEASURED = {
    "snr_db": Axis("SNR", "dB", _SNR),
    **{f"snr_{c.lower()}_db": Axis(f"SNR on {c}", "dB", _SNR) for c in COMPONENTS},
    "missing_share": Axis("Missing", "share", _SHARES),
    "gap_share": Axis("In gaps", "share", _SHARES),
    "clipped_share": Axis("Clipped", "share", _SHARES),
}
AXES = {**LISTED, **MEASURED}
CATEGORIES = (
    "source station network instrument sampling_rate_hz environment live polarity phase"
).split()


@dataclass(frozen=True)
class Measured:
    """What the samples of a window say: shares in 0 to 1, and values by name of `MEASURED`."""

    live: str
    values: dict[str, float]


@dataclass
class Tally:
    """All that a profile is made from."""

    histograms: dict[str, Histogram] = field(
        default_factory=lambda: {name: Histogram(axis.edges) for name, axis in AXES.items()}
    )
    counts: dict[str, Counter] = field(
        default_factory=lambda: {name: Counter() for name in CATEGORIES}
    )
    # Windows by (split, kind), and event windows by (split, whole magnitude).
    classes: Counter = field(default_factory=Counter)
    magnitudes: Counter = field(default_factory=Counter)
    events: Groups = field(default_factory=Groups)
    noise_days: Groups = field(default_factory=Groups)
    stations: Groups = field(default_factory=Groups)
    # By kind of reason: how often, and its first.
    rejected: Counter = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def listed(self) -> int:
        """All rows that were counted, refused ones too."""
        return self.classes.total() + self.rejected.total()

    def refuse(self, item: Rejected) -> None:
        """Count what was rejected, with all reasons that differ in names and numbers as one."""
        self._refused(
            (item.stage, _VARIES.sub("\N{HORIZONTAL ELLIPSIS}", item.reason)), item.reason
        )

    def _refused(self, key: tuple[str, str], example: str, number: int = 1) -> None:
        if key not in self.rejected and len(self.rejected) >= _MOST_REASONS:
            key, example = (key[0], _OTHER), _OTHER
        self.rejected[key] += number
        self.examples.setdefault(key, example)

    def add(self, window: Reference, split: str, measured: Measured | None = None) -> None:
        """Count a window that was listed and, if it was read, measured."""
        self.classes[split, window.kind] += 1
        station = ".".join((window.network, window.station)).strip(".")
        for name, value in (
            ("source", window.source),
            ("station", station),
            ("network", window.network),
            ("instrument", window.instrument),
            ("environment", window.environment),
        ):
            self.counts[name][value or UNKNOWN] += 1
        rate = window.sampling_rate_hz
        self.counts["sampling_rate_hz"][f"{rate:g}" if math.isfinite(rate) else UNKNOWN] += 1
        if window.station and window.kind != "simulated":
            self.stations.add((station,), split, window.source_split)
        if window.kind in EVENT_KINDS:
            self._event(window, split)
        else:
            self._noise(window, split)
        if measured:
            self.counts["live"][measured.live or "none"] += 1
            for name, value in measured.values.items():
                self.histograms[name].add(value)

    def _event(self, window: Reference, split: str) -> None:
        own = window.events[0]
        first = {pick.phase: pick.time_s for pick in reversed(window.picks) if pick.event == 0}
        self.histograms["s_minus_p_s"].add(first.get("S", math.nan) - first.get("P", math.nan))
        self.histograms["magnitude"].add(own.magnitude)
        self.histograms["distance_km"].add(own.distance_km)
        self.histograms["depth_km"].add(own.depth_km)
        if math.isfinite(own.magnitude):
            self.magnitudes[split, math.floor(own.magnitude)] += 1
        for pick in window.picks:
            self.counts["phase"][pick.phase] += 1
            if pick.phase == "P":
                self.counts["polarity"][("unknown", "up", "down")[pick.polarity]] += 1
        for event in window.events:
            # A computed magnitude says nothing of how often the earth quakes.
            magnitude = event.magnitude if window.kind == "event" else math.nan
            self.events.add((event.event_id,), split, window.source_split, magnitude)

    def _noise(self, window: Reference, split: str) -> None:
        start = window.record_start_ns
        if start != UNKNOWN_TIME_NS:
            start += round(window.start_s * 1e9)
        key = noise_split_key(window.network, window.station, start, window.trace)
        self.noise_days.add((key,), split, window.source_split)

    def merge(self, other: Tally) -> None:
        """Take another one's counts in; of reasons, this one's examples stay."""
        for name, histogram in self.histograms.items():
            histogram.merge(other.histograms[name])
        for name, counts in self.counts.items():
            counts.update(other.counts[name])
        self.classes.update(other.classes)
        self.magnitudes.update(other.magnitudes)
        self.events.merge(other.events)
        self.noise_days.merge(other.noise_days)
        self.stations.merge(other.stations)
        for key, number in other.rejected.items():
            self._refused(key, other.examples[key], number)
