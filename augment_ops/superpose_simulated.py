"""Superposed simulation: a noise-free simulated event in recorded noise at a chosen SNR."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.mixing import signal_gain_for_snr
from augment_ops.core.noise_partner import Match, ShortNoise, cropped_noise
from schemas.recipe import NotNegative, Positive, Range, Weights
from schemas.snr import GUARD_S, NOISE_S, SIGNAL_S

# What the window is told of its sensor: the one that recorded the noise.
_SENSOR = ("network", "station", "location", "instrument", "environment")


@dataclass(frozen=True)
class SuperposeSimulated:
    """Put a simulated event, free of noise, into recorded noise at the SNR that was drawn.

    The noise stays as it was recorded and the simulation gets one gain, so the result is in the
    noise's units. The SNR is that of the mixture, measured as `superpose_noise` does, cross
    terms included. ``clean_waveform`` keeps the scaled simulation where the mixture is valid:
    that is where both are. Network, station, location, instrument and environment become those
    of the noise, which a sensor recorded; the source, the start time and the labels stay.

    Nothing is done, and NaN is drawn, where the window is of another kind; where P or enough
    samples around it are missing; where the noise lacks a live component, or has by itself the
    ratio that was drawn; or where no gain gives it.

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

    Source: Zhu, Mousavi & Beroza (2019), who train denoising on signals put into noise; Zhu,
    Mousavi & Beroza (2020), superposing noise.
    """

    snr_db: Range = (3.0, 20.0)
    signal_s: Positive = SIGNAL_S
    noise_s: Positive = NOISE_S
    guard_s: NotNegative = GUARD_S
    short_noise: ShortNoise = "mirror"
    match: Match = ()
    sources: Weights = ()

    draws = ("snr_db", "gain")
    pairs = ("clean_waveform",)
    needs = {"noise": 1}
    kinds = ("simulated",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> SuperposeSimulated:
        """Return one SNR: 20 dB at the weakest, 2 dB at the strongest."""
        return cls(snr_db=(20.0 - 18.0 * magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Mix one window with ``window["noise"]``; draws ``snr_db`` and ``gain``."""
        target_db = draw.uniform(seed, "snr_db", *self.snr_db)
        noise, recorded, usable = cropped_noise(window, seed, self.short_noise)
        sensor = {name: window["noise"][name][0] for name in _SENSOR}
        window = {name: value for name, value in window.items() if name != "noise"}
        both = {**window, "valid": window["valid"] & recorded}
        slices = (self.signal_s, self.noise_s, self.guard_s)
        gain = signal_gain_for_snr(both, noise, target_db, *slices)
        done = usable & (gain > 0.0) & (window["kind"] == "simulated")
        mixed = {name: gain * wave for name, wave in labels.waves(window).items()}
        clean = labels.where_valid(both["valid"], mixed["clean_waveform"])
        mixed |= {"waveform": mixed["waveform"] + noise, "clean_waveform": clean, **sensor}
        mixed = labels.invalidate({**window, **mixed}, ~both["valid"])
        return {
            **labels.either(done, mixed, window),
            "snr_db": tf.where(done, target_db, labels.NAN),
            "gain": tf.where(done, gain, labels.NAN),
        }
