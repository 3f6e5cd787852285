"""Simulated sources: their windows, and what a computed record is that a recorded one is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipelines.prepare import Record
from pipelines.reference import Reference, Rejected
from schemas.recipe import Noise, Preparation

# A record begins at rest if its first sample is no larger than this share of its peak.
_REST = 1e-3


def noise_rules(rules: Noise) -> Noise:
    """Return the rules by which a source lists whose windows before P are no noise."""
    return rules.model_copy(update={"before_p": False})


def simulated(item: Reference | Rejected) -> Reference | Rejected | None:
    """Return a listed event as a simulated one; None for noise, which a simulation has none of."""
    if isinstance(item, Rejected):
        return item
    return replace(item, kind="simulated") if item.kind == "event" else None


def preparation(given: Preparation) -> Preparation:
    """Return a preparation without detrending: no sensor drifted, and silence must stay silent."""
    return given.model_copy(update={"detrend": "none"})


def from_rest(record: Record, start_s: float) -> Record:
    """Return the record from `start_s` on where it begins later: the ground was at rest before.

    A component that does not begin at rest was cut from a longer one, and is not valid there.
    Behind its end nothing is known of a simulation, so nothing is added there.

    Args:
        record: the record, as its source loads it.
        start_s: where the window begins, seconds after the record's nominal start.
    """
    count = math.ceil((record.offset_s - start_s) * record.sampling_rate_hz)
    if count <= 0 or not len(record.samples):
        return record
    samples = record.samples
    valid = np.ones(samples.shape, bool) if record.valid is None else record.valid
    heights = np.abs(np.where(valid, samples, 0.0))
    rest = valid[0] & (heights[0] <= _REST * heights.max(axis=0))
    silence = np.zeros((count, samples.shape[1]), samples.dtype)
    return replace(
        record,
        samples=np.concatenate([silence, samples]),
        valid=np.concatenate([np.broadcast_to(rest, silence.shape), valid]),
        offset_s=record.offset_s - count / record.sampling_rate_hz,
    )
