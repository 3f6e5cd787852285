"""Impulse noise: spikes of electronics, and bursts as steps, doors and traffic make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels, places
from augment_ops.core.labels import Window
from augment_ops.core.measure import peak, rms
from schemas.recipe import CountRange, PositiveRange, Share


@dataclass(frozen=True)
class ImpulseNoise:
    """Add spikes of one sample, and short bursts of noise that decay exponentially.

    A spike has a random sign on each component. A burst is white Gaussian noise, or what of it
    lies in `band_hz`, under an envelope that starts at once and falls to 1/e in `decay_s`; its
    components are independent. Each impulse starts at a recorded sample, all of them as likely,
    and where it is recorded its largest sample is as drawn. They add up where they overlap.

    A silent window, and a band without a frequency in it, get 0 impulses.

    Args:
        count: fewest and most impulses, drawn uniformly.
        amplitude: least and largest peak of an impulse, in the unit of `relative_to`, drawn
            log-uniformly for each.
        relative_to: ``peak``, the window's largest absolute sample, or ``rms``, its root mean
            square over all that is recorded.
        burst_share: how likely an impulse is a burst, and not a spike.
        decay_s: shortest and longest time in which a burst falls to 1/e, s, drawn log-uniformly.
        band_hz: lowest and highest frequency of bursts, Hz; white if none.
        components: ``one`` live component an impulse, or ``all``.

    Source: Zhu, Mousavi & Beroza (2020), false-positive noise.
    """

    count: CountRange = (1, 5)
    amplitude: PositiveRange = (0.2, 3.0)
    relative_to: Literal["peak", "rms"] = "peak"
    burst_share: Share = 0.5
    decay_s: PositiveRange = (0.05, 1.0)
    band_hz: PositiveRange | None = None
    components: Literal["one", "all"] = "one"

    draws = ("impulses", "bursts", "amplitude")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ImpulseNoise:
        """Return more impulses of more amplitude: a tenth of the peak, up to twice it."""
        return cls(count=(1, 1 + round(7 * magnitude)), amplitude=(0.1 * 20.0**magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Add impulses; draws how many, how many ``bursts``, and the largest ``amplitude``."""
        most = self.count[1]
        burst = draw.uniform(seed, "burst", shape=(most,)) < self.burst_share
        shapes = self._shapes(window, seed, burst)
        tops = tf.reduce_max(tf.abs(shapes), axis=(1, 2))
        unit = peak(window) if self.relative_to == "peak" else rms(window)
        used = tf.range(most) < draw.integer(seed, "count", *self.count)
        used &= (tops > 0.0) & (unit > 0.0)
        amplitude = draw.log_uniform(seed, "amplitude", *self.amplitude, shape=(most,))
        scale = tf.where(used, amplitude * unit / tf.where(used, tops, 1.0), 0.0)
        added = tf.reduce_sum(scale[:, None, None] * shapes, axis=0)
        # What is not struck keeps its bits: a sum would lose the sign of a zero.
        waveform = tf.where(added != 0.0, window["waveform"] + added, window["waveform"])
        number = tf.reduce_sum(tf.cast(used, tf.float32))
        largest = tf.reduce_max(tf.where(used, amplitude, 0.0))
        return {
            **window,
            "waveform": waveform,
            "impulses": number,
            "bursts": tf.reduce_sum(tf.cast(used & burst, tf.float32)),
            "amplitude": tf.where(number > 0.0, largest, labels.NAN),
        }

    def _shapes(self, window: Window, seed: draw.Seed, burst: tf.Tensor) -> tf.Tensor:
        """Return each impulse of any size, float32 [G, T, 3], 0 where it is not recorded."""
        most = burst.shape[0]
        struck = places.struck(window, seed, most, self.components)
        start = places.recorded_sample(window, seed, "start", struck)
        after = tf.range(labels.length(window))[None, :] - start[:, None]
        decay_s = draw.log_uniform(seed, "decay_s", *self.decay_s, shape=(most,))
        # Graphs turn a division by what does not vary into this product.
        loss = 1.0 / tf.maximum(decay_s * labels.rate_hz(window), 1e-3)[:, None]
        falling = tf.exp(-tf.cast(tf.maximum(after, 0), tf.float32) * loss)
        envelope = tf.where(after >= 0, falling, 0.0)
        sign = tf.where(draw.uniform(seed, "sign", shape=(most, 1, 3)) < 0.5, -1.0, 1.0)
        spikes = tf.where(after == 0, 1.0, 0.0)[:, :, None] * sign
        # One carrier will do: at another time it is another noise.
        bursts = envelope[:, :, None] * self._carrier(window, seed)
        shapes = tf.where(burst[:, None, None], bursts, spikes)
        return tf.where(struck[:, None, :] & window["valid"], shapes, 0.0)

    def _carrier(self, window: Window, seed: draw.Seed) -> tf.Tensor:
        """Return noise of the window's shape, within the band if there is one."""
        size = labels.length(window)
        white = draw.normal(seed, "carrier", shape=(3, size))
        if self.band_hz is None:
            return tf.transpose(white)
        bins = tf.range(size // 2 + 1, dtype=tf.float64) * (1.0 / size)
        frequency_hz = bins * tf.cast(labels.rate_hz(window), tf.float64)
        passed = (frequency_hz >= self.band_hz[0]) & (frequency_hz <= self.band_hz[1])
        spectrum = tf.signal.rfft(tf.cast(white, tf.float64))
        kept = tf.where(passed, spectrum, tf.zeros_like(spectrum))
        return tf.cast(tf.transpose(tf.signal.irfft(kept, fft_length=[size])), tf.float32)
