"""Calibration pulses: the seismometer's own response to a current through its coil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels, places
from augment_ops.core.labels import Window
from augment_ops.core.measure import peak
from schemas.recipe import PositiveRange


@dataclass(frozen=True)
class CalibrationPulse:
    """Add one calibration pulse to all live components.

    A current pushes the mass, a damped oscillator whose velocity is recorded: a step that is
    switched off again gives two pulses of opposite sign, a sine burst a swinging in and a
    ringing out. It is the same on all live components, up or down. Its largest sample is put at
    a recorded sample, all of them as likely; the window may show a part of it only.

    A silent window is left as it is, and draws NaN.

    Args:
        drive: the current: ``step`` or ``sine``.
        amplitude: least and largest peak of the pulse over the window's peak, drawn
            log-uniformly.
        natural_hz: lowest and highest natural frequency of the oscillator, Hz, drawn
            log-uniformly.
        damping: least and largest share of critical damping, below 1, drawn uniformly.
        duration_s: shortest and longest time that the current flows, s, drawn log-uniformly.
        sine_hz: lowest and highest frequency of a sine, Hz, drawn log-uniformly.

    Source: Zhu, Mousavi & Beroza (2020), false-positive noise; Wielandt (2012), NMSOP-2 ch. 5.
    """

    drive: Literal["step", "sine"] = "step"
    amplitude: PositiveRange = (0.3, 3.0)
    natural_hz: PositiveRange = (0.5, 2.0)
    damping: PositiveRange = (0.5, 0.8)
    duration_s: PositiveRange = (2.0, 10.0)
    sine_hz: PositiveRange = (1.0, 5.0)

    draws = ("amplitude", "natural_hz", "damping")

    def __post_init__(self) -> None:
        """Refuse what does not swing."""
        if self.damping[1] >= 1.0:
            raise ValueError(f"damping: got {self.damping}, expected shares of critical, below 1")

    @classmethod
    def at_magnitude(cls, magnitude: float) -> CalibrationPulse:
        """Return a pulse of one amplitude: a tenth of the peak, up to three times it."""
        return cls(amplitude=(0.1 * 30.0**magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Add a pulse to one window; draws as `draws` names them."""
        amplitude = draw.log_uniform(seed, "amplitude", *self.amplitude)
        natural_hz = draw.log_uniform(seed, "natural_hz", *self.natural_hz)
        damping = draw.uniform(seed, "damping", *self.damping)
        pulse = self._pulse(window, seed, natural_hz, damping)
        size = pulse.shape[0]
        top = tf.reduce_max(tf.abs(pulse))
        at = places.recorded_sample(window, seed, "place", tf.ones((1, 3), bool))[0]
        # The first of equal ones, which rounding would else choose between.
        first = tf.argmax(tf.abs(pulse) >= 0.999999 * top, output_type=tf.int32)
        along = tf.range(size) - at + first
        shown = tf.gather(pulse, tf.clip_by_value(along, 0, size - 1))
        unit = peak(window)
        done = (unit > 0.0) & (top > 0.0)
        signed = tf.where(draw.uniform(seed, "sign") < 0.5, amplitude, -amplitude) * unit
        # Graphs turn a division by what does not vary into this product.
        share = shown * (1.0 / tf.where(top > 0.0, top, 1.0))
        added = signed * tf.cast(share, tf.float32)
        where = window["valid"] & labels.on_all((along >= 0) & (along < size))
        pulsed = window["waveform"] + labels.where_valid(where, labels.on_all(added))
        drawn = {"amplitude": amplitude, "natural_hz": natural_hz, "damping": damping}
        return {
            **window,
            **labels.either(done, {"waveform": pulsed}, window),
            **{name: tf.where(done, value, labels.NAN) for name, value in drawn.items()},
        }

    def _pulse(
        self, window: Window, seed: draw.Seed, natural_hz: tf.Tensor, damping: tf.Tensor
    ) -> tf.Tensor:
        """Return the pulse of any size from the current's first sample on, float64 [T]."""
        exact, turn = tf.float64, tf.constant(6.283185307179586, tf.float64)
        duration_s = tf.cast(draw.log_uniform(seed, "duration_s", *self.duration_s), exact)
        sine_hz = tf.cast(draw.log_uniform(seed, "sine_hz", *self.sine_hz), exact)
        omega, share = turn * tf.cast(natural_hz, exact), tf.cast(damping, exact)
        pole = tf.complex(-share * omega, omega * tf.sqrt(1.0 - share * share))
        swing = turn * sine_hz if self.drive == "sine" else tf.zeros((), exact)
        current = tf.complex(tf.zeros((), exact), swing)
        step_s = 1.0 / tf.cast(labels.rate_hz(window), exact)
        time = tf.range(labels.length(window), dtype=exact) * step_s
        # Switched off: from then on, less what it would have been.
        off = tf.maximum(time - duration_s, 0.0)
        phase = tf.exp(current * tf.complex(duration_s, tf.zeros((), exact)))
        steady = self.drive == "step"
        ended = tf.where(time >= duration_s, _velocity(off, current, pole, steady) * phase, 0.0)
        pulse = _velocity(time, current, pole, steady) - ended
        return tf.math.imag(pulse) if self.drive == "sine" else tf.math.real(pulse)


def _velocity(time: tf.Tensor, current: tf.Tensor, pole: tf.Tensor, steady: bool) -> tf.Tensor:
    """Return x' at times from 0 on, where x'' - 2 Re(p) x' + |p|^2 x = e^(ct), x = x' = 0 at 0.

    It is the sum over the poles of s / ((s - c)(s - p)(s - p*)).
    """
    other = tf.math.conj(pole)
    time = tf.complex(time, tf.zeros_like(time))
    swung = tf.exp(pole * time)
    own = pole / ((pole - current) * (pole - other)) * swung
    own += other / ((other - current) * (other - pole)) * tf.math.conj(swung)
    # A current that is constant leaves no velocity of its own.
    if steady:
        return own
    return own + current / ((current - pole) * (current - other)) * tf.exp(current * time)
