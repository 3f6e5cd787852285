"""What SNR means here, in NumPy: for inspection and validation, beside the ops' own graph."""

from __future__ import annotations

import numpy as np

# The house's one definition; `schemas.window` says it in `event_snr_db`.
SIGNAL_S, NOISE_S, GUARD_S = 5.0, 5.0, 0.5
# A slice with fewer of its samples valid than this share measures nothing.
MIN_VALID_SHARE = 0.5


def snr_db(waveform: np.ndarray, valid: np.ndarray, p_sample: float, rate_hz: float) -> float:
    """Return 20 log10(rms after P / rms before P) over all live components together.

    Args:
        waveform: [T, 3].
        valid: bool [T, 3].
        p_sample: the P onset; NaN gives NaN.
        rate_hz: sampling rate.

    Returns:
        dB; NaN where fewer than half of a slice's samples are recorded, or one is silent.
    """
    if not np.isfinite(p_sample) or abs(p_sample) > 1e9:
        return float("nan")
    onset = int(np.round(np.float32(p_sample)))
    signal_n, noise_n, guard_n = (int(np.round(s * rate_hz)) for s in (SIGNAL_S, NOISE_S, GUARD_S))
    powers = []
    for start, size in ((onset, signal_n), (onset - guard_n - noise_n, noise_n)):
        part = slice(max(start, 0), max(start + size, 0))
        there = valid[part]
        if there.any(axis=1).sum() < MIN_VALID_SHARE * size:
            return float("nan")
        powers.append(np.mean(np.square(waveform[part][there], dtype=np.float64)))
    if min(powers) <= 0.0:
        return float("nan")
    return float(10.0 * np.log10(powers[0] / powers[1]))
