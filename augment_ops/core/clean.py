"""What of a window is signal: its waveform without the noise that was added."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.first_event import shaken
from augment_ops.core.labels import Window


def clean(window: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the signal, float32 [T, 3], and float32 [T], 1 where it is known.

    The ``clean_waveform`` where the window is valid; 0 throughout a window without an event, which
    is noise as a whole, though no one added it. It is not known where no component is valid, or
    where it is not known whether an event shakes the window.
    """
    share, sure = shaken(window)
    heard = window["valid"] & (share > 0.0)
    known = tf.reduce_any(window["valid"], axis=-1) & sure
    return labels.where_valid(heard, window["clean_waveform"]), tf.cast(known, tf.float32)
