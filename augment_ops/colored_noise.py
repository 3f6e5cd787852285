"""Coloured noise: Gaussian noise of a chosen spectral slope, added at a chosen SNR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.mixing import add_at_snr
from schemas.recipe import NotNegative, Positive, Range
from schemas.snr import GUARD_S, NOISE_S, SIGNAL_S

# Steeper noise would be its one longest or shortest period.
_STEEPEST = 8.0


@dataclass(frozen=True)
class ColoredNoise:
    """Add Gaussian noise whose power goes as f^slope, at the SNR that was drawn.

    The slope holds exactly from one period a window to the Nyquist frequency: 0 is white, -1
    pink, -2 that of a random walk. The noise has no mean, its ends join (its period is the
    window), its components are independent and of one standard deviation on all that are live,
    ``noise_std`` in recorded units. The SNR is the mixture's own, measured and solved for as
    `superpose_noise` does it.

    Nothing is added, and NaN is drawn, where P or enough samples around it are missing, so on
    noise windows too; where the window is as noisy as drawn already; where no gain goes so low
    (steep noise differs in level from slice to slice, so some of it has a high SNR of itself).

    Args:
        snr_db: lowest and highest SNR, dB, drawn uniformly.
        slope: lowest and highest exponent of the power spectrum, within ±8, drawn uniformly.
        signal_s: length of the signal's slice, from P on, s.
        noise_s: length of the noise's slice, s.
        guard_s: gap between the noise's slice and P, s.

    Source: Zhu, Mousavi & Beroza (2020), superposing noise; Timmer & König (1995), the spectrum.
    """

    snr_db: Range = (3.0, 20.0)
    slope: Range = (-2.0, 0.0)
    signal_s: Positive = SIGNAL_S
    noise_s: Positive = NOISE_S
    guard_s: NotNegative = GUARD_S

    draws = ("snr_db", "slope", "noise_std")

    def __post_init__(self) -> None:
        """Refuse slopes that leave no spectrum."""
        if max(map(abs, self.slope)) > _STEEPEST:
            raise ValueError(f"slope: got {self.slope}, expected within ±{_STEEPEST:g}")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ColoredNoise:
        """Return one SNR: 20 dB at the weakest, 2 dB at the strongest."""
        return cls(snr_db=(20.0 - 18.0 * magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Add noise to one window; draws ``snr_db``, ``slope`` and ``noise_std``."""
        target_db = draw.uniform(seed, "snr_db", *self.snr_db)
        slope = draw.uniform(seed, "slope", *self.slope)
        white = draw.normal(seed, "noise", shape=(3, labels.length(window)))
        noise = labels.where_valid(window["valid"], tf.transpose(_shaped(white, slope)))
        slices = (self.signal_s, self.noise_s, self.guard_s)
        mixed = add_at_snr(window, noise, target_db, *slices)
        done = tf.math.is_finite(mixed["noise_std"])
        return {**mixed, "slope": tf.where(done, slope, labels.NAN)}


def _shaped(white: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Return white noise [C, T] with power as f^slope and an expected variance of 1."""
    size = white.shape[-1]
    bins = np.arange(size // 2 + 1)
    # All but the mean and, of an even number, the last stand for two frequencies, ±f.
    twice = np.where((bins == 0) | (2 * bins == size), 1.0, 2.0)
    half_log = 0.5 * np.log(np.maximum(bins, 1))
    gain = tf.exp(tf.cast(slope, tf.float64) * half_log) * (bins > 0).astype(np.float64)
    gain *= tf.math.rsqrt(tf.reduce_sum(tf.square(gain) * (twice * (1.0 / size))))
    spectrum = tf.signal.rfft(tf.cast(white, tf.float64)) * tf.cast(gain, tf.complex128)
    return tf.cast(tf.signal.irfft(spectrum, fft_length=[size]), tf.float32)
