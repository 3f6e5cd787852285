"""The SNR of a mixture, straight from the docstrings of the ops that set it."""

import numpy as np

from schemas.window import P
from tests.windows import RATE


def measured_db(window, signal_s=5.0, noise_s=5.0, guard_s=0.5):
    """Return the SNR about the first P."""
    onset = int(np.round(window["pick_sample"][window["pick_phase"] == P].min()))
    signal, noise, guard = (round(s * RATE) for s in (signal_s, noise_s, guard_s))
    before = slice(max(onset - guard - noise, 0), onset - guard)
    rms = [
        np.sqrt(np.mean(window["waveform"][part][window["valid"][part]].astype(np.float64) ** 2))
        for part in (slice(onset, onset + signal), before)
    ]
    return 20.0 * np.log10(rms[0] / rms[1])
