"""A noise partner: what an op that mixes with recorded noise needs of it."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window

ShortNoise = Literal["mirror", "mask"]
# What a partner must share with the window. A station is its network's; `sensor` is the class that
# `schemas.channel` reads from the instrument's codes. What is unknown matches the unknown alone.
Match = tuple[Literal["environment", "instrument", "sensor", "network", "station"], ...]


def cropped_noise(
    window: Window, seed: draw.Seed, short_noise: ShortNoise
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the partner's samples, cropped to the window before anything is measured.

    A partner longer than the window is cropped anywhere; draws ``noise_start``.

    Args:
        window: the window, with its partner in ``window["noise"]``.
        seed: the step's seed.
        short_noise: what becomes of noise shorter than the window: ``mirror`` continues it by
            reflection at its ends, ``mask`` leaves the rest of the mixture not valid.

    Returns:
        Its samples, float32 [T, 3], 0 where not valid; their validity, bool [T, 3]; and whether
        there is a partner at all that is live on every live component of the window.
    """
    partner = {name: value[0] for name, value in window["noise"].items()}
    size = labels.length(window)
    first, behind = labels.recorded_span(partner)
    count = tf.maximum(behind - first, 1)
    # Out to the end and back again, so that a mirrored stretch has no jump in it.
    period = tf.maximum(2 * count - 2, 1)
    spare = count - size
    if short_noise == "mirror":
        reach = tf.where(spare >= 0, spare, period - 1)
        along = (tf.range(size) + draw.integer(seed, "noise_start", 0, reach)) % period
        along = tf.minimum(along, period - along)
    else:
        least, most = tf.minimum(spare, 0), tf.maximum(spare, 0)
        along = tf.range(size) + draw.integer(seed, "noise_start", least, most)
    at = first + tf.clip_by_value(along, 0, count - 1)
    recorded = tf.gather(partner["valid"], at) & ((along >= 0) & (along < count))[:, None]
    covered = tf.reduce_all(tf.reduce_any(recorded, axis=0) | ~labels.live(window))
    noise = tf.where(recorded, tf.gather(partner["waveform"], at), 0.0)
    return noise, recorded, covered & (partner["window_id"] != "")
