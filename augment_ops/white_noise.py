"""White noise: Gaussian noise added to an event at a chosen SNR."""

from __future__ import annotations

from dataclasses import dataclass

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.mixing import add_at_snr
from schemas.recipe import NotNegative, Positive, Range
from schemas.snr import GUARD_S, NOISE_S, SIGNAL_S


@dataclass(frozen=True)
class WhiteNoise:
    """Add white Gaussian noise, so that the mixture has the SNR that was drawn.

    The noise of the components is independent and of one standard deviation on all that are
    live, ``noise_std`` in recorded units. The SNR is the mixture's own, measured and solved for
    as `superpose_noise` does it.

    Nothing is added, and NaN is drawn, where P or enough samples around it are missing, so on
    noise windows too; where the window is as noisy as drawn already; where no gain goes so low
    (an SNR near or below 0 dB, which is that of the noise itself).

    Args:
        snr_db: lowest and highest SNR, dB, drawn uniformly.
        signal_s: length of the signal's slice, from P on, s.
        noise_s: length of the noise's slice, s.
        guard_s: gap between the noise's slice and P, s.

    Source: Zhu, Mousavi & Beroza (2020), superposing noise.
    """

    snr_db: Range = (3.0, 20.0)
    signal_s: Positive = SIGNAL_S
    noise_s: Positive = NOISE_S
    guard_s: NotNegative = GUARD_S

    draws = ("snr_db", "noise_std")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> WhiteNoise:
        """Return one SNR: 20 dB at the weakest, 2 dB at the strongest."""
        return cls(snr_db=(20.0 - 18.0 * magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Add noise to one window; draws ``snr_db`` and ``noise_std``."""
        target_db = draw.uniform(seed, "snr_db", *self.snr_db)
        noise = draw.normal(seed, "noise", shape=tuple(window["waveform"].shape))
        noise = labels.where_valid(window["valid"], noise)
        return add_at_snr(window, noise, target_db, self.signal_s, self.noise_s, self.guard_s)
