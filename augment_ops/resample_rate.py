"""Resampled rate: what an instrument of a lower sampling rate would have kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import tensorflow as tf
from pydantic import Field

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.spans import Spans, spans

# How far each filter reaches, in samples of the lower rate.
_REACH = 10
Factor = Annotated[int, Field(ge=2, le=50)]


@dataclass(frozen=True)
class ResampleRate:
    """Lower the sampling rate by a whole factor and raise it again; picks stay where they are.

    Equal to ``scipy.signal.resample_poly`` down and then up with its own filter, of zero phase:
    nothing is delayed, and a sharp onset rings ahead of itself (each filter reaches 10 samples
    of the lower rate). Each component goes from its first recorded sample to its last; lines
    bridge its gaps, which stay gaps, and the line through both ends is taken off before and put
    back after. The lower rate keeps the window's first sample and every nth from there.

    Args:
        factors: whole factors between the rates, of which one is drawn, each alike.

    Source: Zhu, Mousavi & Beroza (2020), resampling.
    """

    factors: Annotated[tuple[Factor, ...], Field(min_length=1, max_length=16)] = (2, 4, 5)

    draws = ("factor",)

    @classmethod
    def at_magnitude(cls, magnitude: float) -> ResampleRate:
        """Return larger factors with more magnitude."""
        return cls(factors=(2 + round(6 * magnitude),))

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Resample one window; draws ``factor``."""
        which = draw.integer(seed, "factor", 0, len(self.factors) - 1)
        laid = {name: spans(wave, window["valid"]) for name, wave in labels.waves(window).items()}
        lines = {name: _line(span) for name, span in laid.items()}

        def lowered(factor: int) -> list[tf.Tensor]:
            return [
                _there_and_back(labels.where_valid(span.inside, span.filled - lines[name]), factor)
                for name, span in laid.items()
            ]

        # The factors are bound now, not when the branch is traced.
        branches = [lambda factor=factor: lowered(factor) for factor in self.factors]
        waves = tf.nest.flatten(tf.switch_case(which, branches))
        made = {
            name: span.back(wave + lines[name]) for (name, span), wave in zip(laid.items(), waves)
        }
        factor = tf.gather(tf.constant(self.factors, tf.float32), which)
        return {**window, **made, "factor": factor}


def _line(span: Spans) -> tf.Tensor:
    """Return the straight line through the first and the last recorded sample, [T, 3]."""
    time = tf.range(span.filled.shape[0])[:, None]
    steps = tf.cast(tf.maximum(span.last - span.first, 1), tf.float64)
    # Beyond its ends the span holds their values.
    first, last = span.filled[0], span.filled[-1]
    return first + (last - first) * (tf.cast(time - span.first, tf.float64) / steps)


def _there_and_back(wave: tf.Tensor, factor: int) -> tf.Tensor:
    """Return float64 [T, 3] at the lower rate and back: filter, keep every nth, filter."""
    size, taps = wave.shape[0], _taps(factor)
    # Samples [3, N, n] of n phases: only what is kept is worked out, and zeros not multiplied.
    count = -(-size // factor)
    rows = tf.pad(tf.transpose(wave), [[0, 0], [_REACH * factor, (count + _REACH) * factor - size]])
    phases = tf.reshape(rows, [3, count + 2 * _REACH, factor])
    down = np.pad(taps, (0, factor - 1)).reshape(-1, factor)
    lower = tf.nn.conv1d(phases, down[:, :, None], stride=1, padding="VALID")
    # Of a kept sample's tap k, phase r of the sample m ahead of it wants k = m n + r.
    up = factor * down[::-1]
    lower = tf.pad(lower, [[0, 0], [_REACH, _REACH], [0, 0]])
    raised = tf.nn.conv1d(lower, up[:, None, :], stride=1, padding="VALID")
    return tf.transpose(tf.reshape(raised, [3, count * factor])[:, :size])


@lru_cache(maxsize=64)
def _taps(factor: int) -> np.ndarray:
    """Return the low-pass of `resample_poly`: a sinc in Kaiser's window, 1 at 0 Hz."""
    steps = np.arange(-_REACH * factor, _REACH * factor + 1)
    taps = np.sinc(steps / factor) * np.kaiser(len(steps), 5.0)
    return taps / taps.sum()
