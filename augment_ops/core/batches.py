"""Batches: one function on each window of a batch, in one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Rows of up to so many values travel together.
_SMALL = 256


def map_windows(one: Callable[[Any], Any], batch: Any, signature: Any) -> Any:
    """Return what `tf.map_fn` returns, sooner.

    A window is some thirty small fields and draws, and `tf.map_fn` takes each by itself into its
    loop and out of it. Here those of one type and shape go together.

    Args:
        one: a function of one window, or of a nest of tensors.
        batch: the same nest with a leading axis.
        signature: the nest of `tf.TensorSpec` that it returns, of static shapes.
    """
    rows = [tf.TensorSpec(each.shape[1:], each.dtype) for each in tf.nest.flatten(batch)]
    made = tf.nest.flatten(signature)
    taken, given = _groups(rows), _groups(made)

    def body(joined: list[tf.Tensor]) -> list[tf.Tensor]:
        out = one(tf.nest.pack_sequence_as(batch, _parted(joined, taken, 0)))
        tf.nest.assert_same_structure(out, signature)
        return _joined(tf.nest.flatten(out), given, 0)

    specs = [
        made[group[0]] if len(group) == 1 else _stacked(made[group[0]], len(group))
        for group in given
    ]
    joined = _joined(tf.nest.flatten(batch), taken, 1)
    mapped = tf.map_fn(body, joined, fn_output_signature=specs)
    return tf.nest.pack_sequence_as(signature, _parted(mapped, given, 1))


def _groups(specs: list[tf.TensorSpec]) -> list[list[int]]:
    """Return the numbers of the small ones of one type and shape together, of large ones alone."""
    groups: dict[Any, list[int]] = {}
    for number, spec in enumerate(specs):
        small = spec.shape.num_elements() <= _SMALL
        groups.setdefault((spec.dtype, *spec.shape) if small else number, []).append(number)
    return list(groups.values())


def _stacked(spec: tf.TensorSpec, number: int) -> tf.TensorSpec:
    return tf.TensorSpec((number, *spec.shape), spec.dtype)


def _joined(parts: list[tf.Tensor], groups: list[list[int]], axis: int) -> list[tf.Tensor]:
    return [
        tf.stack([parts[number] for number in group], axis) if len(group) > 1 else parts[group[0]]
        for group in groups
    ]


def _parted(joined: list[tf.Tensor], groups: list[list[int]], axis: int) -> list[tf.Tensor]:
    parts = {}
    for group, together in zip(groups, joined):
        each = tf.unstack(together, len(group), axis) if len(group) > 1 else [together]
        parts |= dict(zip(group, each))
    return [parts[number] for number in range(len(parts))]
