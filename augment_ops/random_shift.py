"""Dynamic random shift: crop the training window out of the longer stored one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.errors import UserError
from schemas.recipe import NotNegative, Positive
from schemas.window import P


@dataclass(frozen=True)
class RandomShift:
    """Crop `length_s` so that P falls at a random place; recorded samples, never padding.

    The place is drawn among those of the mode that hold the fewest samples outside the record:
    none, unless it is too short or P too near its end; ``valid`` says which they are. A window
    without picks is cropped anywhere (full), or about its middle.

    Args:
        length_s: length of the training window, s.
        mode: ``none``: P at `p_at_s`; ``limited``: within `max_shift_s` of there; ``full``:
            anywhere at least `margin_s` from both ends.
        p_at_s: where P lies without a shift, s from the window's start; by default a third.
        max_shift_s: largest shift of the limited mode, s.
        margin_s: least distance of P from the ends in the full mode, s.

    Source: Zhu, Mousavi & Beroza (2020), random shift.
    """

    length_s: Positive = 30.0
    mode: Literal["none", "limited", "full"] = "full"
    p_at_s: NotNegative | None = None
    max_shift_s: NotNegative = 5.0
    margin_s: NotNegative = 1.0

    draws = ("samples",)
    vectorizes = True

    @classmethod
    def at_magnitude(cls, magnitude: float) -> RandomShift:
        """Return a shift of up to a third of the window about its place."""
        return cls(mode="limited", max_shift_s=10.0 * magnitude)

    def __post_init__(self) -> None:
        """Refuse places for P that are not inside the training window."""
        if self.p_at_s is not None and self.p_at_s >= self.length_s:
            raise ValueError(f"p_at_s {self.p_at_s} is not inside length_s {self.length_s}")
        if 2 * self.margin_s > self.length_s:
            raise ValueError(f"margin_s {self.margin_s} leaves no place in {self.length_s} s")

    def output_samples(self, samples: int, rate_hz: float) -> int:
        """Return the samples of the training window."""
        size = round(self.length_s * rate_hz)
        if size > samples:
            raise UserError(
                f"random_shift: length_s: got {self.length_s}, expected at most the "
                f"{samples / rate_hz:g} s of the window"
            )
        if size < 1:
            raise UserError(f"random_shift: length_s: got {self.length_s}, less than a sample")
        return size

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Crop one window; draws ``samples``, the first sample kept."""
        count, rate = labels.length(window), labels.static_rate_hz(window)
        start = self.start(window, seed, count, labels.recorded_span(window))
        cropped = labels.crop(window, start, self.output_samples(count, rate))
        return {**cropped, **self.drawn(start)}

    def drawn(self, start: tf.Tensor) -> Window:
        """Return the drawn values of a crop from `start` on."""
        return {"samples": tf.cast(start, tf.float32)}

    def start(
        self, window: Window, seed: draw.Seed, count: int, span: tuple[tf.Tensor, tf.Tensor]
    ) -> tf.Tensor:
        """Draw the first sample that is kept, int32, from the labels alone.

        Args:
            window: the labels; its samples are not looked at.
            seed: the step's.
            count: samples of the window.
            span: first recorded sample, and the one behind the last, int32.
        """
        rate = labels.static_rate_hz(window)
        size = self.output_samples(count, rate)
        low, high = self._places(window, count - size, size, rate)
        low, high = _recorded(span, low, high, count - size, size)
        return draw.integer(seed, "samples", low, high)

    def _places(
        self, window: Window, spare: int, size: int, rate: float
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the first and last start sample that the mode allows, float32."""
        p = labels.first_sample(window, P)
        anchor = tf.where(
            tf.math.is_finite(p),
            p,
            tf.reduce_min(tf.where(labels.is_pick(window), window["pick_sample"], float("inf"))),
        )
        picked = tf.math.is_finite(anchor)
        anchor = tf.where(picked, anchor, 0.0)
        if self.mode == "full":
            margin = self.margin_s * rate
            low, high = anchor - (size - 1 - margin), anchor - margin
            free_low, free_high = 0.0, float(spare)
        else:
            p_at_s = self.length_s / 3.0 if self.p_at_s is None else self.p_at_s
            reach = self.max_shift_s * rate if self.mode == "limited" else 0.0
            centre = anchor - p_at_s * rate
            # P stays inside, however far the shift would reach.
            low, high = (
                tf.maximum(centre - reach, anchor - (size - 1)),
                tf.minimum(centre + reach, anchor),
            )
            free_low, free_high = spare / 2 - reach, spare / 2 + reach
        return tf.where(picked, low, free_low), tf.where(picked, high, free_high)


def _recorded(
    span: tuple[tf.Tensor, tf.Tensor], low: tf.Tensor, high: tf.Tensor, spare: int, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Narrow the start samples to whole ones that crop the least outside the record."""
    # A place between two samples has one start, not none.
    nearest = tf.round(low + (high - low) / 2.0)
    low, high = tf.math.ceil(low), tf.math.floor(high)
    none = low > high
    low, high = (
        tf.clip_by_value(tf.cast(tf.where(none, nearest, end), tf.int32), 0, spare)
        for end in (low, high)
    )
    first, behind = span
    # From where either all is recorded, or the whole of a shorter record is inside.
    least = tf.minimum(first, behind - size), tf.maximum(first, behind - size)
    return tf.clip_by_value(least[0], low, high), tf.clip_by_value(least[1], low, high)
