"""Run a recipe's offline steps on batches of windows, through one compiled function."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
import tensorflow as tf

from augment_ops.core.batches import map_windows
from augment_ops.core.steps import (
    BuiltStep,
    apply_steps,
    build_steps,
    leaves,
    with_pairs,
)
from augment_ops.core.targets import build_targets, stored_spec, target_pairs
from schemas.recipe import Recipe, parse_recipe
from schemas.window import WINDOW_SPEC, WindowSpec

BATCH = 32
Windows = dict[str, np.ndarray]


def one_thread_per_op() -> None:
    """Let each TF op use one thread: with more, sums round otherwise, and bytes differ."""
    if tf.config.threading.get_intra_op_parallelism_threads() == 1:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        logging.getLogger(__name__).warning(
            "TensorFlow was started with several threads an op: shards may differ in the last "
            "bit from those of another machine"
        )


@lru_cache(maxsize=4)
def augmenter(recipe_json: str) -> Augmenter:
    """Return the process's augmenter for a recipe, compiled once."""
    return Augmenter(parse_recipe(json.loads(recipe_json), "recipe"))


class Augmenter:
    """The offline steps of a recipe.

    Args:
        recipe: the recipe; its steps are checked here.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Build the steps, without tracing them."""
        one_thread_per_op()
        self.recipe = recipe
        self.steps = build_steps(recipe.offline, "offline")
        self.spec = stored_spec(recipe)

    def __call__(
        self, windows: list[Windows], partners: list[dict[str, Sequence[Windows]]], split: str
    ) -> list[Windows]:
        """Return the stored windows of prepared ones.

        Args:
            windows: prepared windows.
            partners: for each window, its partners by step name.
            split: their split; outside the augmented ones only cropping steps run.
        """
        augmented = split in self.recipe.augmented_splits
        steps = self.steps if augmented else tuple(step for step in self.steps if step.crops)
        attached = {
            step.name: {
                role: self._stack_partners([p.get(step.name, ()) for p in partners], number)
                for role, number in step.needs.items()
            }
            for step in leaves(steps)
            if step.needs
        }
        run = self._augmented if augmented else self._cropped
        out = {name: value.numpy() for name, value in run(_stack(windows), attached).items()}
        return [{name: value[row] for name, value in out.items()} for row in range(len(windows))]

    @cached_property
    def _augmented(self):
        return self._compile(self.steps)

    @cached_property
    def _cropped(self):
        return self._compile(tuple(step for step in self.steps if step.crops))

    def _compile(self, steps: tuple[BuiltStep, ...]):
        recipe, spec = self.recipe, self.spec
        signature = {
            field.name: tf.TensorSpec(spec.shape(field), field.dtype) for field in spec.fields
        }
        undrawn = {name: tf.constant(float("nan")) for name in spec.draws}
        targets = target_pairs(build_targets(recipe.targets))

        def one(pair):
            window, partners = with_pairs(pair[0], targets), pair[1]
            rate = spec.sampling_rate_hz
            made = apply_steps(steps, window, partners, recipe.seed, 0, rate)
            return undrawn | with_pairs(made, spec.pairs)

        base = _signature(recipe.spec)
        attached = {
            step.name: {role: _signature(recipe.spec, number) for role, number in needs.items()}
            for step in leaves(steps)
            if (needs := step.needs)
        }

        # The number of windows is left open: the last batch of a shard must not trace anew.
        @tf.function(autograph=False, input_signature=(base, attached))
        def run(windows, partners):
            return map_windows(one, (windows, partners), signature)

        return run

    def _stack_partners(self, rows: list[Sequence[Windows]], number: int) -> Windows:
        empty = _empty(self.recipe.spec)
        filled = [[*row, *[empty] * (number - len(row))] for row in rows]
        stacked = [_stack(row) for row in filled]
        return {name: np.stack([s[name] for s in stacked]) for name in stacked[0]}


def _signature(spec: WindowSpec, *lead: int) -> dict[str, tf.TensorSpec]:
    return {f.name: tf.TensorSpec((None, *lead, *spec.shape(f)), f.dtype) for f in WINDOW_SPEC}


def _stack(windows: Sequence[Windows]) -> Windows:
    """Stack base fields; what later steps add is not there yet."""
    return {f.name: np.stack([w[f.name] for w in windows]) for f in WINDOW_SPEC}


@lru_cache(maxsize=2)
def _empty(spec: WindowSpec) -> Windows:
    return spec.empty_window()
