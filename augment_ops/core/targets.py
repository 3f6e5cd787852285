"""Targets by name, as a recipe lists them, and what a model is trained with: values and weights.

A target is a frozen dataclass in `augment_ops.targets`, called with one window whose samples are
normalised, of which all steps are done. It may have

- ``weight(window)``: float32 [], or [T] for a target of [T, C]; 0 where the target is unknown;
- ``pairs``: the `PAIRS` that it reads, kept from before the first offline step on, and stored;
- ``online_pairs``: those that are begun in the feed, before its steps, and never stored.

Keras `fit` takes ``(inputs, values, weights)`` of batches: with several outputs, two dicts with
the same keys, which are the keys of the model's dict of outputs; with one, two tensors. Keras
multiplies the losses of a target [B, ..., C], which have the shape [B, ...], with the weights and
divides by their number. It stretches lengths of 1 but adds no axis, so weights must have one axis
less than their target: `labelled` gives them so, [B] for [B, C], and [B, 1] or [B, T] for
[B, T, C]. Each output needs weights, for `fit` fails on a name that only some of the dicts have.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import tensorflow as tf

import augment_ops.targets
from augment_ops.core.labels import Window
from augment_ops.core.registry import build, load_class
from augment_ops.core.steps import build_steps, output_spec
from schemas.errors import UserError, nearest
from schemas.recipe import Recipe, Target
from schemas.window import WindowSpec

Targets = Mapping[str, Any]


@lru_cache(maxsize=1)
def target_names() -> tuple[str, ...]:
    """Return the known targets: the module names in `augment_ops.targets`."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(augment_ops.targets.__path__)))


def target_class(name: str, where: str = "target") -> type:
    """Return the dataclass of a target.

    Raises:
        UserError: there is no such target.
    """
    if name not in target_names():
        raise UserError(f"{where}: unknown target {name!r}; {nearest(name, target_names())}")
    return load_class(f"augment_ops.targets.{name}", name)


def build_targets(targets: tuple[Target, ...]) -> dict[str, Any]:
    """Return a recipe's targets, by the name that each has among a model's outputs.

    Raises:
        UserError: an unknown target or parameter.
    """
    built = {}
    for target in targets:
        where = f"targets.{target.name}"
        built[target.name] = build(target_class(target.op, where), target.parameters, where)
    return built


def target_pairs(targets: Targets) -> tuple[str, ...]:
    """Return the pairs that shards must hold for the targets, each once."""
    return _declared(targets, "pairs")


def feed_pairs(targets: Targets) -> tuple[str, ...]:
    """Return the pairs that the feed begins before its steps, those not in the shards as well."""
    return tuple(dict.fromkeys(target_pairs(targets) + _declared(targets, "online_pairs")))


def _declared(targets: Targets, kind: str) -> tuple[str, ...]:
    names = (name for target in targets.values() for name in getattr(target, kind, ()))
    return tuple(dict.fromkeys(names))


def stored_spec(recipe: Recipe) -> WindowSpec:
    """Return the spec of the windows that a recipe's job writes.

    Raises:
        UserError: a mistake in the offline steps or in the targets.
    """
    pairs = target_pairs(build_targets(recipe.targets))
    kept = dataclasses.replace(recipe.spec, pairs=pairs)
    return output_spec(kept, build_steps(recipe.offline, "offline"))


def labelled(
    targets: Targets, window: Window, sampling_rate_hz: float
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Return the targets of one window and their weights, by the targets' names.

    Args:
        targets: what `build_targets` gave.
        window: one window whose samples are normalised (`normalise.normalised`).
        sampling_rate_hz: the data set's rate, known when the graph is built.

    Returns:
        Values of static shape, and float32 weights of one axis less, each of them as long as the
        value's or 1: the target's own times the window's ``weight``.
    """
    # A constant, so that targets can turn seconds into static lengths.
    window = {**window, "sampling_rate_hz": tf.constant(sampling_rate_hz, tf.float32)}
    values, weights = {}, {}
    for name, target in targets.items():
        values[name] = target(window)
        weight = window["weight"]
        if hasattr(target, "weight"):
            weight = weight * target.weight(window)
        axes = values[name].shape.rank - 1
        weights[name] = weight if weight.shape.rank == axes else tf.reshape(weight, [1] * axes)
    return values, weights
