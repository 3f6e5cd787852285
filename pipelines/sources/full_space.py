"""Simulated events: velocity seismograms of double couples in a homogeneous full space.

Nothing is read: each event is drawn from a seed and computed when it is needed, free of noise,
by Aki & Richards (2002), eq. 4.32, with Brune pulses; see `_double_couple`. P and S arrive at
r / vp and r / vs, and the first motion of P is the sign of its radiation pattern. Magnitude,
depth and distance are drawn uniformly, the mechanism and the azimuth evenly. There are no layers,
no free surface and no scattered coda, and nothing is filtered: below magnitude 2 the pulses are
shorter than 100 Hz can carry. Windows of splits that are not augmented stay noise-free. Origin
times are an hour apart, from 2000 on, so that the stations of an event share a clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from pipelines.prepare import Record
from pipelines.reference import Event, Pick, Reference, unit_hash
from pipelines.sources import Listing
from pipelines.sources._double_couple import (
    Medium,
    corner_hz,
    mechanism,
    moment_nm,
    velocity,
)
from schemas.recipe import Positive, PositiveRange, Range, Strict

SIMULATED = True

# FDSN's code for synthetic seismograms.
_NETWORK = "SY"
# 2000-01-01T00:00:00, and an hour.
_FIRST_ORIGIN_NS, _APART_NS = 946_684_800 * 10**9, 3600 * 10**9
# Computed around the window, so that filters have settled where it begins.
_MARGIN_S = 5.0
# After so many of its time constants a pulse of four poles is below a thousandth of its peak.
_PULSES = 15.0


class Options(Strict):
    """Keys of a ``full_space`` source."""

    events: int = Field(100, ge=1, le=1_000_000)
    stations: int = Field(1, ge=1, le=1000, description="of each event")
    seed: int = 0
    magnitude: Annotated[Range, Field(description="moment magnitude")] = (2.0, 4.5)
    distance_km: Annotated[PositiveRange, Field(description="of the epicentre")] = (5.0, 100.0)
    depth_km: PositiveRange = (2.0, 20.0)
    vp_km_s: Positive = 6.0
    vs_km_s: Positive = 3.46
    density_kg_m3: Positive = 2700.0
    q: Annotated[Positive, Field(description="of both phases")] = 300.0

    @model_validator(mode="after")
    def _s_is_slower(self) -> Options:
        if self.vs_km_s >= self.vp_km_s:
            raise ValueError(f"vs_km_s {self.vs_km_s:g} is not below vp_km_s {self.vp_km_s:g}")
        return self

    @property
    def medium(self) -> Medium:
        """The full space in SI units."""
        return Medium(self.vp_km_s * 1e3, self.vs_km_s * 1e3, self.density_kg_m3, self.q)


def list_windows(listing: Listing, options: Options) -> Iterator[Reference]:
    """Yield a window for each event and station."""
    for event in range(options.events):
        for station in range(options.stations):
            yield _reference(listing, options, event, station)


def _reference(listing: Listing, options: Options, event: int, station: int) -> Reference:
    rate, lead = listing.window.sampling_rate_hz, listing.window.p_at_s + _MARGIN_S
    place, medium = _Drawn(options, event, station), options.medium
    p_s, s_s = (place.distance_m / speed for speed in (medium.vp_m_s, medium.vs_m_s))
    # On the grid of the origin time, so that onsets fall between samples as they do on Earth.
    start = math.floor((p_s - lead) * rate) / rate
    name = f"{options.seed}-{event}"
    return Reference(
        source=listing.name,
        trace=f"{name}-{station}",
        kind="event",
        locator={
            "options": options.model_dump_json(),
            "event": str(event),
            "station": str(station),
            "start_s": repr(start),
            "length_s": repr(listing.window.length_s + 2.0 * _MARGIN_S),
        },
        record_start_ns=_FIRST_ORIGIN_NS + event * _APART_NS + round(start * 1e9),
        start_s=_MARGIN_S,
        split_key=f"full_space {name}",
        picks=(Pick("P", p_s - start, place.polarity), Pick("S", s_s - start)),
        events=(
            Event(
                name,
                place.magnitude,
                place.depth_km,
                place.epicentral_km,
                (place.azimuth_deg + 180.0) % 360.0,
                place.end_s - start,
            ),
        ),
        sampling_rate_hz=rate,
        network=_NETWORK,
        station=f"S{station}",
        environment=listing.environment,
    )


def load(reference: Reference) -> Record:
    """Compute a record."""
    told, rate = reference.locator, reference.sampling_rate_hz
    options = Options.model_validate_json(told["options"])
    place = _Drawn(options, int(told["event"]), int(told["station"]))
    count = math.ceil(float(told["length_s"]) * rate)
    time = float(told["start_s"]) + np.arange(count) / rate
    moment = moment_nm(place.magnitude)
    samples = velocity(time, place.station_m, place.tensor, moment, options.medium)
    return Record(samples, "ENZ", rate)


class _Drawn:
    """What is drawn for an event, and for a station of it; any machine draws the same."""

    def __init__(self, options: Options, event: int, station: int) -> None:
        """Draw it."""

        def draw(name: str, low: float, high: float, *more: int) -> float:
            return low + (high - low) * unit_hash("full_space", options.seed, event, name, *more)

        self.magnitude = draw("magnitude", *options.magnitude)
        self.depth_km = draw("depth", *options.depth_km)
        dip = math.degrees(math.acos(draw("dip", 0.0, 1.0)))
        self.tensor = mechanism(draw("strike", 0.0, 360.0), dip, draw("rake", -180.0, 180.0))
        self.epicentral_km = draw("distance", *options.distance_km, station)
        self.azimuth_deg = draw("azimuth", 0.0, 360.0, station)
        azimuth = math.radians(self.azimuth_deg)
        east, north = (self.epicentral_km * f(azimuth) for f in (math.sin, math.cos))
        self.station_m = np.array([east, north, self.depth_km]) * 1e3
        self.distance_m = float(np.linalg.norm(self.station_m))
        # The station lies above the source: outwards is up.
        outwards = self.station_m @ self.tensor @ self.station_m
        self.polarity = 1 if outwards > 0.0 else -1
        medium = options.medium
        corner = corner_hz(moment_nm(self.magnitude), medium)
        s_s = self.distance_m / medium.vs_m_s
        slowest = max(1.0 / (2.0 * math.pi * corner), s_s / (medium.q * 2.0 * math.log(2.0)))
        self.end_s = s_s + _PULSES * slowest
