"""Butterworth filters whose corners are tensors, as SciPy's `sosfilt` and `sosfiltfilt`.

A recursion over samples is slow in TensorFlow, so the filter's exact frequency response
multiplies a zero-padded spectrum. The padding is as long as the slowest filter's response takes
to fall to `_RING`, so that what wraps round is nothing; a filter that rings for more than
`MOST_RING` samples is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.spans import Spans, spans
from schemas.errors import UserError

Kind = Literal["lowpass", "highpass", "bandpass"]
# No corner lies higher than this share of the rate: at half of it, the filter is none.
TOP = 0.45
MOST_RING = 2**19
_RING = 1e-11
# Where the spectra's own rounding ends: silence ahead of an onset stays silence.
_ROUNDING = 1e-14
# Stands for tan(0), so that nothing is divided by 0; its tenth power is a float64 still.
_ZERO = 1e-20


@dataclass(frozen=True)
class Butterworth:
    """A family of filters, of which each window draws one.

    Args:
        kind: the passband.
        order: as in ``scipy.signal.butter``; a bandpass has twice as many poles.
        extremes_hz: the corners of its extreme members, one or two each; the slowest of them
            says how long the padding is.
        rate_hz: sampling rate.
        zero_phase: run it forward and back.
    """

    kind: Kind
    order: int
    extremes_hz: tuple[tuple[float, ...], ...]
    rate_hz: float
    zero_phase: bool = False

    @property
    def edge(self) -> int:
        """Return the samples by which `sosfiltfilt` extends each end."""
        return 3 * ((2 if self.kind == "bandpass" else 1) * self.order + 1)

    @property
    def at_rest(self) -> float:
        """Return the response at 0 Hz."""
        return 1.0 if self.kind == "lowpass" else 0.0

    def __call__(self, window: Window, corners_hz: tuple[tf.Tensor, ...]) -> tuple:
        """Filter the waveform and what is kept beside it, each component over its own span.

        Returns:
            The window, and a bool scalar: false, with the window as it was, where a span is too
            short to be extended for the zero phase.
        """
        laid = {name: spans(wave, window["valid"]) for name, wave in labels.waves(window).items()}
        if not self.zero_phase:
            made = {name: self._forward(span, corners_hz) for name, span in laid.items()}
            return {**window, **made}, tf.constant(True)
        lengths = tf.stack([span.last - span.first for span in laid.values()])
        done = tf.reduce_all((lengths >= self.edge) | (lengths < 0))
        made = {name: self._both_ways(span, corners_hz) for name, span in laid.items()}
        return {**window, **labels.either(done, made, window)}, done

    def _forward(self, span: Spans, corners_hz: tuple[tf.Tensor, ...]) -> tf.Tensor:
        wave = labels.where_valid(span.inside, span.filled)
        size = self._size(wave.shape[0])
        return span.back(_through(wave, self.response(corners_hz, size), size))

    def _both_ways(self, span: Spans, corners_hz: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """Return what `sosfiltfilt` makes of it.

        Its starting state is the one that a constant of the first value would have left: so the
        value is taken off, and put back as the constant that the filter makes of it.
        """
        count = span.filled.shape[0]
        wave, inside = _extended(span, self.edge)
        size = self._size(wave.shape[0])
        response = self.response(corners_hz, size)
        time = tf.range(wave.shape[0])[:, None]
        back = tf.math.conj(response)
        for turn, end in ((response, span.first), (back, span.last + 2 * self.edge)):
            start = tf.reduce_sum(tf.where((time == end) & inside, wave, 0.0), axis=0)
            made = _through(labels.where_valid(inside, wave - start), turn, size)
            wave = made + start * self.at_rest
        return span.back(wave[self.edge : self.edge + count])

    def response(self, corners_hz: tuple[tf.Tensor, ...], size: int) -> tf.Tensor:
        """Return the response at the bins of a real spectrum of `size`, complex128 [F].

        The bilinear transform lays the circle on the analog axis by a tangent, corners as well.
        """
        # A quarter turn at the last bin, not a hair more: the tangent's sign is there.
        axis = np.maximum(np.tan(np.pi * (np.arange(size // 2 + 1) / size)), _ZERO)
        # Products with what NumPy works out: graphs rewrite divisions by constants.
        corners = [tf.tan(tf.cast(hz, tf.float64) * (np.pi / self.rate_hz)) for hz in corners_hz]
        if self.kind == "lowpass":
            at = axis / corners[0]
        elif self.kind == "highpass":
            at = corners[0] * (-1.0 / axis)
        else:
            width = corners[1] - corners[0]
            at = axis / width - (corners[0] * corners[1] / width) * (1.0 / axis)
        # A pole and its conjugate make (s - p)(s - p*) = s^2 - 2 Re(p) s + 1, and s is i at.
        above = _prototype(self.order)[: self.order // 2]
        square = 1.0 - tf.square(at)
        factors = [tf.complex(square, at * (-2.0 * pole.real)) for pole in above]
        if self.order % 2:
            factors.append(tf.complex(tf.ones_like(at), at))
        response = tf.math.reciprocal(factors[0])
        for factor in factors[1:]:
            response *= tf.math.reciprocal(factor)
        return response

    def _size(self, count: int) -> int:
        """Return a size of quick transforms that holds `count` samples and the response's tail."""
        slowest = max(np.abs(self._poles(corners)).max() for corners in self.extremes_hz)
        ring = math.log(_RING) / math.log(slowest)
        if ring > MOST_RING:
            raise UserError(
                f"{self.kind}: rings for {ring:.0f} samples, expected at most {MOST_RING}; "
                f"give it higher corners, a wider band or a lower order"
            )
        return quick_size(math.ceil(count + ring))

    def _poles(self, corners_hz: tuple[float, ...]) -> np.ndarray:
        """Return a member's poles in the z plane."""
        corners = np.tan(np.pi * np.array(corners_hz) / self.rate_hz)
        poles = _prototype(self.order)
        if self.kind == "bandpass":
            half = poles * (corners[1] - corners[0]) / 2.0
            root = np.sqrt(half**2 - corners[0] * corners[1])
            poles = np.concatenate([half + root, half - root])
        else:
            poles = poles * corners[0] if self.kind == "lowpass" else corners[0] / poles
        return (1.0 + poles) / (1.0 - poles)


def quick_size(least: int) -> int:
    """Return the first even number from `least` on with no prime above 5: quick to transform."""
    odds = (2 * 3**b * 5**c for b in range(13) for c in range(9))
    return min(odd << (-(-least // odd) - 1).bit_length() for odd in odds)


def rate_of(window: Window) -> float:
    """Return the rate, which must be known when the graph is built."""
    return labels.static_rate_hz(window)


def narrowed(op: str, name: str, range_hz: tuple[float, float], most_hz: float) -> tuple:
    """Return the part of a parameter's range up to `most_hz`.

    Raises:
        UserError: none of it is.
    """
    if range_hz[0] > most_hz:
        raise UserError(
            f"{op}: {name}: got {range_hz[0]:g} Hz, expected at most {most_hz:g} Hz at this rate"
        )
    return range_hz[0], min(range_hz[1], most_hz)


def _prototype(order: int) -> np.ndarray:
    """Return the poles of the analog low-pass of corner 1."""
    return np.exp(0.5j * np.pi * (2 * np.arange(order) + order + 1) / order)


def _through(wave: tf.Tensor, response: tf.Tensor, size: int) -> tf.Tensor:
    """Return float64 [T, 3] through a response at the bins of `size`."""
    rows = tf.transpose(wave)
    made = tf.signal.irfft(tf.signal.rfft(rows, [size]) * response, [size])[:, : wave.shape[0]]
    loud = tf.reduce_max(tf.abs(rows), axis=1, keepdims=True)
    return tf.transpose(labels.where_valid(tf.abs(made) > _ROUNDING * loud, made))


def _extended(span: Spans, edge: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the wave turned about its ends, [edge + T + edge, 3], and where it has samples."""
    size = span.filled.shape[0]
    time = tf.range(-edge, size + edge)[:, None]
    first, last = tf.minimum(span.first, size - 1), tf.maximum(span.last, 0)
    inside = (time >= first - edge) & (time <= last + edge) & (span.last >= 0)

    def value(at: tf.Tensor) -> tf.Tensor:
        at = tf.clip_by_value(at, 0, size - 1)
        return tf.transpose(tf.gather(tf.transpose(span.filled), tf.transpose(at), batch_dims=1))

    end = tf.maximum(tf.minimum(time, last), first)
    turned = 2.0 * value(end) - value(2 * end - time)
    return tf.where(inside, turned, 0.0), inside
