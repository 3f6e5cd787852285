"""Merging: a partner's picks and events in the free slots of a window."""

from __future__ import annotations

import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.labels import Window


def merge_labels(window: Window, partner: Window, shift: tf.Tensor) -> tuple[Window, tf.Tensor]:
    """Put a partner's labels, moved by a shift, behind the window's own.

    Its events go into the free slots in their order; its picks come after the window's, but for
    those that the shift moved out of the window.

    Returns:
        The window with both, and whether there were slots for all of them.
    """
    moved = labels.move(partner, lambda position: position + shift)
    last = float(labels.length(window) - 1)
    outside = (moved["pick_sample"] < 0.0) | (moved["pick_sample"] > last)
    moved = labels.clear_slots(moved, "K", outside)
    free, brought = window["event_id"] == "", moved["event_id"] != ""
    # The n-th event that is brought goes into the n-th free slot.
    goes = free[:, None] & brought[None, :] & (_rank(free)[:, None] == _rank(brought)[None, :])
    taken, source = tf.reduce_any(goes, axis=1), tf.argmax(goes, axis=1)
    merged = dict(window)
    for name in labels.SLOTS["M"]:
        merged[name] = tf.where(taken, tf.gather(moved[name], source), window[name])
    slot = tf.gather(tf.argmax(goes, axis=0), tf.maximum(moved["pick_event"], 0))
    moved["pick_event"] = tf.where(labels.is_pick(moved), slot, moved["pick_event"])
    held = tf.concat([labels.is_pick(window), labels.is_pick(moved)], axis=0)
    size = window["pick_sample"].shape[0]
    order = tf.argsort(tf.where(held, 0, 1), stable=True)[:size]
    for name in labels.SLOTS["K"]:
        merged[name] = tf.gather(tf.concat([window[name], moved[name]], axis=0), order)
    picks_fit = tf.reduce_sum(tf.cast(held, tf.int32)) <= size
    return merged, picks_fit & (_count(brought) <= _count(free))


def _count(marked: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(marked, tf.int32))


def _rank(marked: tf.Tensor) -> tf.Tensor:
    return tf.cumsum(tf.cast(marked, tf.int32))
