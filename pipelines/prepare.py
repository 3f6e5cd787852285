"""From a long record to a window: order, detrend, filter, resample; only then crop.

Everything is causal unless the recipe asks otherwise, so no energy moves ahead of an onset.
Picks are never resampled: they stay seconds, and become samples of the final grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import signal

from schemas.errors import UserError
from schemas.recipe import Preparation
from schemas.window import COMPONENTS

# Codes that stand for E, N and Z where a sensor is not aligned with north.
_ALIASES = {"E": "E2X", "N": "N1Y", "Z": "Z3"}
# A grid may end up off by this share of a sample over a whole record.
_MAX_DRIFT_SAMPLES = 0.01


@dataclass(frozen=True)
class Record:
    """Samples as recorded.

    Args:
        samples: [n, C], in recorded units.
        components: C letters, such as ``ENZ``, ``12Z`` or ``Z``.
        sampling_rate_hz: rate of the samples.
        valid: bool [n, C], false in gaps; None where all samples are recorded.
        offset_s: time of sample 0, seconds after the reference's nominal record start.
    """

    samples: np.ndarray
    components: str
    sampling_rate_hz: float
    valid: np.ndarray | None = None
    offset_s: float = 0.0


def prepare(record: Record, preparation: Preparation, rate_hz: float) -> Record:
    """Return the record in E N Z order at `rate_hz`, float64, zero where not valid.

    A component that is missing or constant is marked dead: not valid anywhere.

    Raises:
        UserError: no samples, samples that are not finite, or a rate that cannot be carried.
    """
    if record.samples.ndim != 2 or record.samples.shape[0] < 2:
        raise UserError(f"got {record.samples.shape[0]} samples, expected at least 2")
    samples, valid = _in_order(record)
    if not np.isfinite(samples[valid]).all():
        raise UserError(f"{np.sum(~np.isfinite(samples[valid]))} samples are not finite")
    up, down = rate_ratio(record.sampling_rate_hz, rate_hz, len(samples))
    length = -(-len(samples) * up // down)
    out, out_valid = np.zeros((length, 3)), np.zeros((length, 3), bool)
    for index in range(3):
        if not valid[:, index].any():
            continue
        trace = _bridge(
            _detrend(samples[:, index], valid[:, index], preparation.detrend), valid[:, index]
        )
        trace = resample(trace, up, down, preparation.zero_phase)
        if preparation.band_hz is not None:
            trace = bandpass(trace, rate_hz, preparation)
        out_valid[:, index] = _resampled_valid(valid[:, index], up, down, length)
        out[:, index] = np.where(out_valid[:, index], trace, 0.0)
    return Record(out, COMPONENTS, rate_hz, out_valid, record.offset_s)


def _in_order(record: Record) -> tuple[np.ndarray, np.ndarray]:
    count = len(record.samples)
    samples, valid = np.zeros((count, 3)), np.zeros((count, 3), bool)
    given = np.ones(record.samples.shape, bool) if record.valid is None else record.valid
    for index, component in enumerate(COMPONENTS):
        column = next(
            (record.components.find(c) for c in _ALIASES[component] if c in record.components), None
        )
        if column is None:
            continue
        trace, recorded = record.samples[:, column].astype(np.float64), given[:, column]
        known = trace[recorded]
        # What is not finite is kept here, and refused by `prepare`.
        if known.size and not (np.isfinite(known).all() and np.ptp(known) == 0):
            samples[:, index] = np.where(recorded, trace, 0.0)
            valid[:, index] = recorded
    return samples, valid


def _detrend(trace: np.ndarray, valid: np.ndarray, how: str) -> np.ndarray:
    if how == "none":
        return trace
    if how == "mean":
        return trace - trace[valid].mean()
    time = np.arange(len(trace)) - len(trace) / 2
    centre, mean = time[valid].mean(), trace[valid].mean()
    spread = np.sum((time[valid] - centre) ** 2)
    slope = np.sum((time[valid] - centre) * trace[valid]) / spread if spread else 0.0
    return trace - mean - slope * (time - centre)


def _bridge(trace: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill gaps by straight lines, so that filters do not ring at their edges."""
    if valid.all():
        return trace
    at = np.flatnonzero(valid)
    return np.interp(np.arange(len(trace)), at, trace[at])


def rate_ratio(rate_hz: float, target_hz: float, count: int) -> tuple[int, int]:
    """Return (up, down) with ``target = rate * up / down``.

    Raises:
        UserError: no ratio of whole numbers up to 1000 holds over `count` samples.
    """
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise UserError(f"sampling rate: got {rate_hz} Hz, expected a positive number")
    ratio = Fraction(target_hz / rate_hz).limit_denominator(1000)
    # Counted in samples of the finer grid.
    count = count * max(1.0, target_hz / rate_hz)
    drift = abs(float(ratio) * rate_hz / target_hz - 1.0) * count if ratio else np.inf
    if drift > _MAX_DRIFT_SAMPLES or ratio.numerator > 1000:
        raise UserError(
            f"sampling rate: got {rate_hz:g} Hz, which no ratio of whole numbers "
            f"carries to {target_hz:g} Hz"
        )
    return ratio.numerator, ratio.denominator


def resample(trace: np.ndarray, up: int, down: int, zero_phase: bool = False) -> np.ndarray:
    """Resample by up/down with SciPy's polyphase filter.

    The causal filter is the minimum-phase twin of `scipy.signal.resample_poly`'s own: the same
    attenuation, no output before its input. `zero_phase` is `resample_poly` itself.
    """
    if up == down:
        return trace
    if zero_phase:
        return signal.resample_poly(trace, up, down, padtype="line")
    # Start from the first value: a filter at rest would ring at the record's head.
    first = trace[0]
    length = -(-len(trace) * up // down)
    return signal.upfirdn(causal_taps(up, down), trace - first, up, down)[:length] + first


@lru_cache(maxsize=32)
def causal_taps(up: int, down: int) -> np.ndarray:
    """Return the minimum-phase anti-alias filter at the rate before decimation."""
    fastest = max(up, down)
    taps = signal.firwin(20 * fastest + 1, 1.0 / fastest, window=("kaiser", 5.0))
    taps = signal.minimum_phase(taps, method="homomorphic", half=False)
    return up * taps / taps.sum()


def bandpass(trace: np.ndarray, rate_hz: float, preparation: Preparation) -> np.ndarray:
    """Apply the recipe's Butterworth band, forward only unless `zero_phase`."""
    low, high = preparation.band_hz
    if high >= rate_hz / 2:
        raise UserError(f"preparation.band_hz: got {high:g} Hz, expected below {rate_hz / 2:g} Hz")
    sos = signal.butter(preparation.band_order, (low, high), "bandpass", fs=rate_hz, output="sos")
    if not preparation.zero_phase:
        return signal.sosfilt(sos, trace)
    try:
        return signal.sosfiltfilt(sos, trace)
    except ValueError:
        raise UserError(f"{len(trace)} samples are too few for a zero-phase filter") from None


def _resampled_valid(valid: np.ndarray, up: int, down: int, length: int) -> np.ndarray:
    """Mark an output sample valid where both its neighbours in the input are."""
    position = np.arange(length) * down
    last = len(valid) - 1
    before = np.minimum(position // up, last)
    after = np.minimum(-(-position // up), last)
    return valid[before] & valid[after]
