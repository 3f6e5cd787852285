"""Station dropout: whole stations that fall silent while the others record the event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tensorflow as tf
from pydantic import AfterValidator

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from schemas.recipe import Share


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"expected low <= high, got {pair[0]} and {pair[1]}")
    return pair


@dataclass(frozen=True)
class StationDropout:
    """Drop some stations of a group that recorded one event, never all that are live.

    It works on a group, not on a window: each field has a leading axis of S stations, so the
    waveform is [S, T, 3], and ``station_mask``, bool [S], says which of them there are. A
    dropped station is zero and not valid, has no picks, and leaves the mask; its events stay,
    for they happened. A station is live that the mask names and that recorded a sample. A group
    of one live station, or a share that rounds to none, is left as it is, and draws 0.

    Args:
        share: smallest and largest share of the live stations, drawn uniformly.

    Source: Zhu, Mousavi & Beroza (2020), channel dropout, for whole stations.
    """

    share: Annotated[tuple[Share, Share], AfterValidator(_ascending)] = (0.1, 0.5)

    draws = ("stations",)
    grouped = True

    @classmethod
    def at_magnitude(cls, magnitude: float) -> StationDropout:
        """Return a tenth of the stations, up to nine tenths."""
        return cls(share=(0.0, 0.1 + 0.8 * magnitude))

    def __call__(self, group: Window, seed: draw.Seed) -> Window:
        """Drop from one group; draws ``stations``, how many were dropped."""
        live = group["station_mask"] & tf.reduce_any(group["valid"], axis=(1, 2))
        alive = tf.reduce_sum(tf.cast(live, tf.int32))
        share = draw.uniform(seed, "share", *self.share)
        wanted = tf.cast(tf.round(share * tf.cast(alive, tf.float32)), tf.int32)
        count = tf.clip_by_value(wanted, 0, tf.maximum(alive - 1, 0))
        dropped = draw.ranks(seed, "order", live) < count
        gone = dropped[:, None, None]
        out = labels.clear_slots(group, "K", dropped[:, None])
        out["waveform"] = tf.where(gone, 0.0, group["waveform"])
        out["valid"] = group["valid"] & ~gone
        out["station_mask"] = group["station_mask"] & ~dropped
        return {**out, "stations": tf.cast(count, tf.float32)}
