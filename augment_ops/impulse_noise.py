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
        most, size = self.count[1], labels.length(window)
        burst = draw.uniform(seed, "burst", shape=(most,)) < self.burst_share
        struck = places.struck(window, seed, most, self.components)
        # Beyond the end, where nothing is recorded at all.
        start = tf.minimum(places.recorded_sample(window, seed, "start", struck), size - 1)
        spiked = tf.gather(window["valid"], start) & struck
        tops = tf.cast(tf.reduce_any(spiked, axis=1), tf.float32)
        used = tf.range(most) < draw.integer(seed, "count", *self.count)
        # What is not drawn is not made.
        made = tf.where(used & burst)
        carrier = self._carrier(window, seed)
        envelopes = self._envelopes(window, seed, start, made[:, 0])
        heard = self._heard(window, carrier, tf.gather_nd(struck, made))
        tops = tf.tensor_scatter_nd_update(tops, made, tf.reduce_max(envelopes * heard, axis=1))
        unit = peak(window) if self.relative_to == "peak" else rms(window)
        used &= (tops > 0.0) & (unit > 0.0)
        amplitude = draw.log_uniform(seed, "amplitude", *self.amplitude, shape=(most,))
        scale = tf.where(used, amplitude * unit / tf.where(used, tops, 1.0), 0.0)
        shares = tf.gather_nd(tf.where(struck, scale[:, None], 0.0), made)
        added = tf.transpose(tf.matmul(shares, envelopes, transpose_a=True) * carrier)
        sign = tf.where(draw.uniform(seed, "sign", shape=(most, 1, 3))[:, 0] < 0.5, -1.0, 1.0)
        spikes = tf.where(spiked & ~burst[:, None], sign * scale[:, None], 0.0)
        added = tf.tensor_scatter_nd_add(added, start[:, None], spikes)
        waveform = window["waveform"] + labels.where_valid(window["valid"], added)
        number = tf.reduce_sum(tf.cast(used, tf.float32))
        largest = tf.reduce_max(tf.where(used, amplitude, 0.0))
        return {
            **window,
            **labels.either(number > 0.0, {"waveform": waveform}, window),
            "impulses": number,
            "bursts": tf.reduce_sum(tf.cast(used & burst, tf.float32)),
            "amplitude": tf.where(number > 0.0, largest, labels.NAN),
        }

    def _envelopes(
        self, window: Window, seed: draw.Seed, start: tf.Tensor, made: tf.Tensor
    ) -> tf.Tensor:
        """Return the envelopes of the bursts that are made, float32 [B, T]."""
        decay_s = draw.log_uniform(seed, "decay_s", *self.decay_s, shape=start.shape)
        # Graphs turn a division by what does not vary into this product.
        loss = 1.0 / tf.maximum(decay_s * labels.rate_hz(window), 1e-3)
        after = tf.range(labels.length(window))[None, :] - tf.gather(start, made)[:, None]
        along = tf.cast(tf.maximum(after, 0), tf.float32)
        falling = tf.exp(-along * tf.gather(loss, made)[:, None])
        return labels.where_valid(after >= 0, falling)

    def _heard(self, window: Window, carrier: tf.Tensor, struck: tf.Tensor) -> tf.Tensor:
        """Return how loud the carrier is on what each burst strikes, float32 [B, T] or [1, T]."""
        recorded = labels.where_valid(tf.transpose(window["valid"]), tf.abs(carrier))
        if self.components == "all":
            return tf.reduce_max(recorded, axis=0, keepdims=True)
        return tf.gather(recorded, tf.argmax(struck, axis=1))

    def _carrier(self, window: Window, seed: draw.Seed) -> tf.Tensor:
        """Return noise [3, T], within the band if there is one.

        One will do for all bursts: at another time it is another noise.
        """
        size = labels.length(window)
        white = draw.normal(seed, "carrier", shape=(3, size))
        if self.band_hz is None:
            return white
        bins = tf.range(size // 2 + 1, dtype=tf.float64) * (1.0 / size)
        frequency_hz = bins * tf.cast(labels.rate_hz(window), tf.float64)
        passed = (frequency_hz >= self.band_hz[0]) & (frequency_hz <= self.band_hz[1])
        spectrum = tf.signal.rfft(tf.cast(white, tf.float64))
        kept = tf.where(passed, spectrum, tf.zeros_like(spectrum))
        return tf.cast(tf.signal.irfft(kept, fft_length=[size]), tf.float32)
