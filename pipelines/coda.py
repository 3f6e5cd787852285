"""Where the coda ends, if neither the source nor S says it: where the shaking has died away."""

from __future__ import annotations

import math

import numpy as np

from schemas.snr import GUARD_S, NOISE_S

_SMOOTH_S = 1.0
# The coda has ended where its level is this many times that before P.
_LEVELS = 2.0


def coda_end_sample(
    waveform: np.ndarray, valid: np.ndarray, p_sample: float, rate_hz: float
) -> float:
    """Return the first sample after the peak at which the envelope is down to twice the noise.

    The envelope is the rms of all valid components over one second.

    Args:
        waveform: [T, 3].
        valid: bool [T, 3].
        p_sample: the P onset.
        rate_hz: sampling rate.

    Returns:
        A sample; NaN where there is no P, no noise before it, or no end within the window.
    """
    if not 0 <= p_sample < len(waveform):
        return math.nan
    level = _level(waveform, valid, p_sample, rate_hz)
    size = max(round(_SMOOTH_S * rate_hz), 1)
    power = np.where(valid, np.square(waveform, dtype=np.float64), 0.0).sum(axis=1)
    kernel = np.ones(size)
    total = np.convolve(power, kernel, "valid")
    count = np.convolve(valid.sum(axis=1), kernel, "valid")
    envelope = np.sqrt(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))
    after = envelope[math.ceil(p_sample) :]
    if not len(after) or math.isnan(level) or np.isnan(after).all():
        return math.nan
    peak = int(np.nanargmax(after))
    quiet = np.flatnonzero(after[peak:] < _LEVELS * level)
    return math.ceil(p_sample) + peak + float(quiet[0]) if len(quiet) else math.nan


def _level(waveform: np.ndarray, valid: np.ndarray, p_sample: float, rate_hz: float) -> float:
    """Return the rms of the noise slice that SNR is measured with, NaN if nothing is recorded."""
    behind = round(p_sample - GUARD_S * rate_hz)
    before = slice(max(round(behind - NOISE_S * rate_hz), 0), max(behind, 0))
    recorded = waveform[before][valid[before]]
    return math.sqrt(np.mean(np.square(recorded, dtype=np.float64))) if len(recorded) else math.nan
