"""Autoencoder: the waveform itself, as it was before the feed masked it."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class Autoencoder:
    """The waveform without what the online steps hid or added: masks, gaps, dropout, noise.

    What moves or turns the ground's motion (a crop, a stretch, a filter, another event) is in both.
    It has the input's level and gain, and equals it where nothing was hidden; a component that was
    dropped as a whole has a gain of its own. Where a component was never recorded the target is
    0, and where none was the weight is.

    Source: Park et al. (2019) for the masks; Vincent et al. (2008), denoising autoencoders.
    """

    online_pairs = ("unmasked_waveform",)

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [T, 3]."""
        return window["unmasked_waveform"]

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 [T]."""
        known = labels.known(window["unmasked_waveform"], window["valid"])
        return tf.cast(tf.reduce_any(known, axis=-1), tf.float32)
