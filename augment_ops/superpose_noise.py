"""Superposed noise: recorded noise added to an event at a chosen SNR."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.mixing import gain_for_snr
from augment_ops.core.noise_partner import Match, ShortNoise, cropped_noise
from schemas.recipe import NotNegative, Positive, Range, Weights
from schemas.snr import GUARD_S, NOISE_S, SIGNAL_S


@dataclass(frozen=True)
class SuperposeNoise:
    """Add recorded noise with one gain, so that the mixture has the SNR that was drawn.

    The SNR is that of the mixture as anyone would measure it: rms of the live components in
    `signal_s` from P on, over their rms in `noise_s` that end `guard_s` before P. The gain
    solves that equation exactly, cross terms included. The noise is cropped first, then
    measured. Where the noise has gaps, the mixture is not valid.

    Nothing is added, and NaN is drawn, where the window is no recorded event, where P or enough
    samples around it are missing, where the window is as noisy as drawn already, where no gain
    goes so low (the noise's own ratio over the same slices is higher), or where the noise lacks a
    live component.

    Args:
        snr_db: lowest and highest SNR, dB, drawn uniformly.
        signal_s: length of the signal's slice, s.
        noise_s: length of the noise's slice, s.
        guard_s: gap between the noise's slice and P, s.
        short_noise: what becomes of noise shorter than the window: ``mirror`` continues it by
            reflection at its ends, ``mask`` leaves the rest of the mixture not valid.
        match: what a partner must share with the window: any of ``environment``, ``instrument``
            (codes such as HH), ``sensor`` (their class, such as broadband), ``network`` and
            ``station``. An empty tag matches an empty one alone.
        sources: which sources of the recipe the noise comes from, and how often beside each
            other, as ``{name: weight}``; all noise alike by default.

    Source: Zhu, Mousavi & Beroza (2020), superposing noise.
    """

    snr_db: Range = (3.0, 20.0)
    signal_s: Positive = SIGNAL_S
    noise_s: Positive = NOISE_S
    guard_s: NotNegative = GUARD_S
    short_noise: ShortNoise = "mirror"
    match: Match = ()
    sources: Weights = ()

    draws = ("snr_db", "gain")
    needs = {"noise": 1}
    kinds = ("event",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> SuperposeNoise:
        """Return one SNR: 20 dB at the weakest, 2 dB at the strongest."""
        return cls(snr_db=(20.0 - 18.0 * magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Mix one window with ``window["noise"]``; draws ``snr_db`` and ``gain``."""
        target_db = draw.uniform(seed, "snr_db", *self.snr_db)
        noise, recorded, usable = cropped_noise(window, seed, self.short_noise)
        window = {name: value for name, value in window.items() if name != "noise"}
        both = {**window, "valid": window["valid"] & recorded}
        slices = (self.signal_s, self.noise_s, self.guard_s)
        gain = gain_for_snr(both, noise, target_db, *slices)
        done = usable & (gain > 0.0) & (window["kind"] == "event")
        waveform = window["waveform"] + gain * noise
        mixed = labels.invalidate({**window, "waveform": waveform}, ~recorded)
        return {
            **labels.either(done, mixed, window),
            "snr_db": tf.where(done, target_db, labels.NAN),
            "gain": tf.where(done, gain, labels.NAN),
        }
