"""Cut a prepared record to a window: samples and labels in one coordinate system."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipelines.coda import coda_end_sample
from pipelines.listing import CODA_AFTER_S
from pipelines.prepare import Record
from pipelines.reference import Reference
from schemas.errors import UserError
from schemas.window import PHASES, UNKNOWN_TIME_NS, WindowSpec


def cut(record: Record, reference: Reference, spec: WindowSpec) -> dict[str, Any]:
    """Return the window of a prepared record, all fields but `window_id` and `split` filled.

    A record at least as long as the window is never padded: the window moves inside it. Noise, and
    what else may be used of a part of its record alone, stays where it is.

    Raises:
        UserError: a pick outside its record, S not after P, or more labels than slots.
    """
    rate = record.sampling_rate_hz
    start = round((reference.start_s - record.offset_s) * rate)
    spare = len(record.samples) - spec.samples
    if spare >= 0 and reference.kind != "noise" and math.isinf(reference.usable_s[0]):
        start = min(max(start, 0), spare)
    window = spec.empty_window()
    _cut_samples(window, record, reference, start, spec.samples)
    for name in ("kind", "source", "network", "station", "location", "instrument", "environment"):
        window[name] = np.array(getattr(reference, name).encode(), dtype=object)
    window["sampling_rate_hz"] = np.float32(rate)
    window["start_time_ns"] = np.int64(_start_time_ns(reference, record, start))
    _place_events(window, reference, record, start, spec)
    return window


def _cut_samples(
    window: dict, record: Record, reference: Reference, start: int, samples: int
) -> None:
    rate, count = record.sampling_rate_hz, len(record.samples)
    first, last = (
        min(max(limit - record.offset_s, -1.0), count / rate + 1.0) * rate
        for limit in reference.usable_s
    )
    low = max(start, 0, math.ceil(first - 1e-6))
    high = min(start + samples, count, math.ceil(last - 1e-6))
    if high <= low:
        raise UserError("no recorded samples in the window")
    window["waveform"][low - start : high - start] = record.samples[low:high]
    window["valid"][low - start : high - start] = record.valid[low:high]
    if not window["valid"].any():
        raise UserError("no live component in the window")
    if not np.isfinite(window["waveform"]).all():
        raise UserError("samples are beyond what float32 holds")


def _start_time_ns(reference: Reference, record: Record, start: int) -> int:
    if reference.record_start_ns == UNKNOWN_TIME_NS:
        return UNKNOWN_TIME_NS
    since = record.offset_s + start / record.sampling_rate_hz
    return reference.record_start_ns + round(since * 1e9)


def _place_events(
    window: dict, reference: Reference, record: Record, start: int, spec: WindowSpec
) -> None:
    def sample(time_s: float) -> float:
        return (time_s - record.offset_s) * record.sampling_rate_hz - start

    if len(reference.events) > spec.events:
        raise UserError(
            f"{len(reference.events)} events, the window holds {spec.events}; "
            f"raise window.max_events"
        )
    for slot, event in enumerate(reference.events):
        onsets = {phase: _onset(reference, slot, phase) for phase in PHASES}
        if onsets["S"] <= onsets["P"]:
            raise UserError(f"S at {onsets['S']:g} s is not after P at {onsets['P']:g} s")
        coda = event.coda_end_s
        if math.isnan(coda):
            coda = onsets["S"] + CODA_AFTER_S * (onsets["S"] - onsets["P"])
        window["event_id"][slot] = event.event_id.encode()
        window["event_magnitude"][slot] = event.magnitude
        window["event_depth_km"][slot] = event.depth_km
        window["event_distance_km"][slot] = event.distance_km
        window["event_back_azimuth_deg"][slot] = event.back_azimuth_deg
        window["event_weight"][slot] = 1.0
        window["event_p_sample"][slot] = sample(onsets["P"])
        window["event_s_sample"][slot] = sample(onsets["S"])
        end = sample(coda)
        if math.isnan(end):
            start_p, rate = sample(onsets["P"]), record.sampling_rate_hz
            end = coda_end_sample(window["waveform"], window["valid"], start_p, rate)
        window["event_coda_end_sample"][slot] = end
    _place_picks(window, reference, record, sample, spec)


def _place_picks(window: dict, reference: Reference, record: Record, sample, spec) -> None:
    inside = []
    for pick in sorted(reference.picks, key=lambda p: (p.time_s, p.phase, p.event)):
        at = (pick.time_s - record.offset_s) * record.sampling_rate_hz
        # S may come after a record ends; P outside its record is a label that drifted.
        if pick.phase == "P" and not 0 <= at <= len(record.samples) - 1:
            end = len(record.samples) / record.sampling_rate_hz
            raise UserError(f"P at {pick.time_s:g} s is outside the record of {end:g} s")
        position = np.float32(sample(pick.time_s))
        if 0 <= position <= spec.samples - 1 and window["valid"][round(float(position))].any():
            inside.append((position, pick))
    if len(inside) > spec.picks:
        raise UserError(
            f"{len(inside)} picks, the window holds {spec.picks}; raise window.max_picks"
        )
    for slot, (position, pick) in enumerate(inside):
        window["pick_sample"][slot] = position
        window["pick_phase"][slot] = PHASES[pick.phase]
        window["pick_polarity"][slot] = pick.polarity
        window["pick_event"][slot] = pick.event


def _onset(reference: Reference, event: int, phase: str) -> float:
    times = [p.time_s for p in reference.picks if p.event == event and p.phase == phase]
    return min(times, default=math.nan)
