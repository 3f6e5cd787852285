"""The invariants of one window: what `seismill validate`, and the job itself, hold records to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas.snr import snr_db
from schemas.window import KINDS, NO_EVENT, NO_PHASE, SLOTS, SPLITS, P, S, WindowSpec

Window = dict[str, np.ndarray]
# float32 positions of some ten thousand samples are exact to a thousandth.
_SAMPLE_TOLERANCE = 0.01
_SNR_TOLERANCE_DB = 0.05


def window_faults(window: Window, spec: WindowSpec) -> list[str]:
    """Return what is wrong with a window, one line a fault; nothing if it is sound.

    Args:
        window: all fields of the spec, as NumPy arrays.
        spec: the data set's spec.
    """
    faults = list(_layout(window, spec))
    if not faults:
        for check in (_identity, _samples, _picks, _events, _order, _snr):
            faults += check(window, spec)
    return faults


def _layout(window: Window, spec: WindowSpec) -> Iterator[str]:
    for field in spec.fields:
        if field.name not in window:
            yield f"{field.name}: missing"
            continue
        value = np.asarray(window[field.name])
        # A scalar string comes as bytes, which NumPy gives a type of its own.
        kinds = "OS" if field.dtype == "string" else np.dtype(field.dtype).kind
        if value.dtype.kind not in kinds:
            yield f"{field.name}: got {value.dtype}, expected {field.dtype}"
        if value.shape != spec.shape(field):
            yield f"{field.name}: got shape {value.shape}, expected {spec.shape(field)}"


def text(value: Any) -> str:
    """Return a string field's value."""
    value = value.item() if isinstance(value, np.ndarray) else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _identity(window: Window, spec: WindowSpec) -> Iterator[str]:
    if not text(window["window_id"]):
        yield "window_id: empty"
    for name, known in (("kind", KINDS), ("split", SPLITS)):
        if text(window[name]) not in known:
            yield f"{name}: got {text(window[name])!r}, expected one of {', '.join(known)}"
    rate = float(window["sampling_rate_hz"])
    if rate != np.float32(spec.sampling_rate_hz):
        yield f"sampling_rate_hz: got {rate:g}, expected {spec.sampling_rate_hz:g}"
    weight = float(window["weight"])
    if not (np.isfinite(weight) and weight >= 0):
        yield f"weight: got {weight}, expected a finite number from 0 on"
    for name in spec.draws:
        if np.isinf(window[name]):
            yield f"{name}: got {float(window[name])}, expected a number or NaN"


def _samples(window: Window, spec: WindowSpec) -> Iterator[str]:
    valid = np.asarray(window["valid"])
    for name in ("waveform", *spec.pairs):
        if np.asarray(window[name]).dtype == bool:
            continue
        wave = np.asarray(window[name])
        if not np.isfinite(wave).all():
            yield f"{name}: {np.sum(~np.isfinite(wave))} samples are not finite"
    stray = int(np.count_nonzero(np.asarray(window["waveform"])[~valid]))
    if stray:
        yield f"valid: {stray} samples are not zero where they are not valid"
    if not valid.any():
        yield "valid: no sample is recorded"


def _picks(window: Window, spec: WindowSpec) -> Iterator[str]:
    sample, phase, event = (window[f"pick_{n}"] for n in ("sample", "phase", "event"))
    held = phase != NO_PHASE
    if (np.isnan(sample) == held).any():
        yield "pick_sample: a slot has a phase and no sample, or a sample and no phase"
        return
    for slot in np.flatnonzero(~held):
        if window["pick_polarity"][slot] != 0 or event[slot] != NO_EVENT:
            yield f"pick slot {slot}: not used, and not empty"
    for slot in np.flatnonzero(held):
        at = f"pick slot {slot}"
        if phase[slot] not in (P, S):
            yield f"{at}: pick_phase: got {phase[slot]}, expected 1 or 2"
        if window["pick_polarity"][slot] not in (-1, 0, 1):
            yield f"{at}: pick_polarity: got {window['pick_polarity'][slot]}, expected -1, 0 or 1"
        if not 0 <= sample[slot] <= spec.samples - 1:
            yield f"{at}: pick_sample: got {sample[slot]:g}, expected 0 to {spec.samples - 1}"
        elif not window["valid"][int(np.round(sample[slot]))].any():
            yield f"{at}: pick_sample: {sample[slot]:g} lies where nothing is recorded"
        if not 0 <= event[slot] < spec.events or not window["event_id"][event[slot]]:
            yield f"{at}: pick_event: got {event[slot]}, which is no event of the window"


def _events(window: Window, spec: WindowSpec) -> Iterator[str]:
    ids = [text(value) for value in window["event_id"]]
    for slot, event in enumerate(ids):
        floats = [n for n in SLOTS["M"] if n != "event_id" and not np.isnan(window[n][slot])]
        if not event and floats:
            yield f"event slot {slot}: {floats[0]}: not used, and not empty"
    used = [event for event in ids if event]
    if len(set(used)) < len(used):
        yield f"event_id: got {used}, expected different events"
    kind = text(window["kind"])
    if kind == "noise" and (used or (window["pick_phase"] != NO_PHASE).any()):
        yield "kind: noise, and yet it has events or picks"


def _order(window: Window, spec: WindowSpec) -> Iterator[str]:
    onsets = {P: window["event_p_sample"], S: window["event_s_sample"]}
    for slot in np.flatnonzero(onsets[S] <= onsets[P]):
        yield (f"event slot {slot}: S at {onsets[S][slot]:g} is not after P at {onsets[P][slot]:g}")
    for slot, phase in enumerate(window["pick_phase"]):
        event = window["pick_event"][slot]
        if phase in onsets and 0 <= event < spec.events:
            late = window["pick_sample"][slot] - onsets[phase][event]
            if not late >= -_SAMPLE_TOLERANCE:
                yield (
                    f"pick slot {slot}: at {window['pick_sample'][slot]:g}, ahead of its "
                    f"event's onset at {onsets[phase][event]:g}"
                )


def _snr(window: Window, spec: WindowSpec) -> Iterator[str]:
    for slot, p_sample in enumerate(window["event_p_sample"]):
        said = float(window["event_snr_db"][slot])
        args = (window["waveform"], window["valid"], p_sample, spec.sampling_rate_hz)
        found = snr_db(*args)
        if np.isnan(said) != np.isnan(found) or abs(said - found) > _SNR_TOLERANCE_DB:
            yield f"event slot {slot}: event_snr_db: got {said:.2f}, the samples give {found:.2f}"
