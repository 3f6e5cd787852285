"""Denoise pair: the waveform without the noise that was added to it."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core.clean import clean
from augment_ops.core.labels import Window


@dataclass(frozen=True)
class DenoisePair:
    """The clean waveform beside the mixture that is fed, both with one common gain.

    The mixture's normalisation sets the gain, so the input less the target is the noise that was
    added, without its mean. A window without an event is noise as a whole: its target is 0. So it
    is where a component is not valid; the weight is 0 where none is, or where it is not known
    whether an event shakes the window.

    Source: Zhu, Mousavi & Beroza (2019), DeepDenoiser.
    """

    pairs = ("clean_waveform",)

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [T, 3]."""
        return clean(window)[0]

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 [T]."""
        return clean(window)[1]
