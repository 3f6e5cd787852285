"""What the job shuffles instead of waveforms: a reference of a few hundred bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from math import nan

import numpy as np

from schemas.synthesis import METHODS
from schemas.window import UNKNOWN_TIME_NS

# Stands between the ids of a synthetic window's events.
BETWEEN = "+"


@dataclass(frozen=True)
class Pick:
    """An arrival.

    Args:
        phase: ``P`` or ``S``.
        time_s: seconds after the record's nominal start; a float, carried exactly.
        polarity: 1 up, -1 down, 0 unknown.
        event: index of its event in the reference's `events`.
    """

    phase: str
    time_s: float
    polarity: int = 0
    event: int = 0


@dataclass(frozen=True)
class Event:
    """What the source says of an event; NaN where it says nothing. Times as in `Pick`.

    All windows of an event tell the same `time_ns` (UTC): of its origin or, from sources that
    know none, of its first arrival anywhere; -1 if unknown.
    """

    event_id: str
    magnitude: float = nan
    depth_km: float = nan
    distance_km: float = nan
    back_azimuth_deg: float = nan
    coda_end_s: float = nan
    time_ns: int = UNKNOWN_TIME_NS
    latitude_deg: float = nan
    longitude_deg: float = nan


@dataclass(frozen=True)
class Reference:
    """A window that could be read: where it lies and what is known of it, and no samples.

    Args:
        source: the source's name in the recipe.
        trace: the record's name, unique in its source.
        kind: event, noise, hard_negative or simulated.
        locator: what the source's `load` needs to find the record; strings.
        record_start_ns: UTC time of the record's nominal start, -1 if unknown.
        start_s: nominal start of the window, seconds after the record's start.
        usable_s: what of the record may be used, seconds after its start.
        split_key: windows that share it always share a split.
        source_split: the split that the source names, or empty.
        latitude_deg, longitude_deg: where the station stands, NaN if unknown.
    """

    source: str
    trace: str
    kind: str
    locator: dict[str, str]
    record_start_ns: int
    start_s: float
    split_key: str
    usable_s: tuple[float, float] = (-np.inf, np.inf)
    picks: tuple[Pick, ...] = ()
    events: tuple[Event, ...] = ()
    sampling_rate_hz: float = nan
    network: str = ""
    station: str = ""
    location: str = ""
    instrument: str = ""
    environment: str = ""
    source_split: str = ""
    latitude_deg: float = nan
    longitude_deg: float = nan

    @property
    def base_id(self) -> str:
        """The window's stable id without its copy: source/trace/start.

        The start is in milliseconds behind the first letter of the kind: an event and the noise
        before it may begin at the same sample.
        """
        return f"{self.source}/{self.trace}/{self.kind[0]}{round(self.start_s * 1000)}"


@dataclass(frozen=True)
class Rejected:
    """A window, or what would have been one, that was left out, and why.

    `test` names the test of `pipelines.noise_screen` or `noise_catalogue` that refused it.
    """

    window_id: str
    stage: str
    reason: str
    test: str = ""

    @property
    def is_base(self) -> bool:
        """Whether a listed window was refused, no further copy of one and no synthetic one."""
        if self.window_id.partition("/")[0] in METHODS:
            return False
        return self.stage != "make" or self.window_id.endswith("/0")

    def to_json(self) -> str:
        """Return one line of ``rejected.jsonl``."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Inspected:
    """A reference that was read once and found fit, and what was measured.

    Args:
        reference: the reference.
        live: the components with recorded samples, such as ``ENZ`` or ``Z``.
        snr_db: of each event, NaN where it cannot be measured.
        split: the split that it was given.
    """

    reference: Reference
    live: str
    snr_db: tuple[float, ...] = ()
    split: str = "train"


@dataclass(frozen=True)
class Planned:
    """One copy of a window, with the partners that its steps need, in their order."""

    inspected: Inspected
    copy: int
    partners: dict[str, tuple[Reference, ...]] = field(default_factory=dict)

    @property
    def window_id(self) -> str:
        """The stable id: source/trace/start/copy."""
        return f"{self.inspected.reference.base_id}/{self.copy}"


def event_names(reference: Reference) -> tuple[str, ...]:
    """Return the ids of a window's events, and of its parents' if it is synthetic."""
    own = tuple([event.event_id for event in reference.events])
    return own if reference.source not in METHODS else (*own, *parent_events(own[0]))


def parent_events(event_id: str) -> list[str]:
    """Return the ids that a synthetic window's own was made of."""
    return event_id.split(BETWEEN)


def stable_hash(*parts: object) -> int:
    """Return 64 bits that depend on the parts' text alone, on any machine, in any process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def unit_hash(*parts: object) -> float:
    """Return `stable_hash` as a fraction in [0, 1)."""
    return (stable_hash(*parts) >> 11) / float(1 << 53)
