"""What the ops with one corner share: draw it, filter, and say where nothing was done."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import tensorflow as tf
from pydantic import Field

from augment_ops.core import draws as draw
from augment_ops.core.butterworth import TOP, Butterworth, narrowed, rate_of
from augment_ops.core.labels import NAN, Window

Order = Annotated[int, Field(ge=1, le=10)]


class CornerOp(Protocol):
    """The parameters of an op with one corner."""

    corner_hz: tuple[float, float]
    order: int
    zero_phase: bool


def filter_at_corner(
    op: CornerOp, kind: Literal["lowpass", "highpass"], window: Window, seed: draw.Seed
) -> Window:
    """Filter one window at a corner that is drawn, as ``corner_hz``; NaN if it is too short."""
    rate = rate_of(window)
    corners = narrowed(kind, "corner_hz", op.corner_hz, TOP * rate)
    corner = draw.log_uniform(seed, "corner_hz", *corners)
    extremes = tuple((hz,) for hz in corners)
    band = Butterworth(kind, op.order, extremes, rate, op.zero_phase)
    window, done = band(window, (corner,))
    return {**window, "corner_hz": tf.where(done, corner, NAN)}
