"""Makes rows into (inputs, targets): online steps, normalisation, targets, a batch at a time.

Where every op of a step works on whole tensors (`vectorizes`), the batch goes through it as one;
other steps take it window by window. What comes out is the same.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.measure import event_snr_db
from augment_ops.core.normalise import normalised
from augment_ops.core.steps import (
    BuiltStep,
    apply_steps,
    build_steps,
    leaves,
    output_spec,
    with_pairs,
)
from augment_ops.core.targets import build_targets, feed_pairs, labelled
from pipelines.feed_partners import attach, load_pools
from pipelines.feed_rows import Rows
from schemas.recipe import Recipe
from schemas.window import WindowSpec


class Maker:
    """What a recipe makes of stored windows in training.

    Args:
        recipe: its online steps, normalisation and targets.
        spec: of the stored windows.
        paths: the split's shards, which the partners of online steps are read from.
        split: outside the recipe's augmented splits only steps that crop run, with the draws of
            epoch 0 always.
    """

    def __init__(self, recipe: Recipe, spec: WindowSpec, paths: list[str], split: str) -> None:
        """Check the steps and targets, and read the partners' pools."""
        self.recipe, self.stored = recipe, spec
        self.augmented = split in recipe.augmented_splits
        steps = build_steps(recipe.online, "online", grouped=recipe.groups is not None)
        self.steps: tuple[BuiltStep, ...] = tuple(s for s in steps if self.augmented or s.crops)
        self.targets = build_targets(recipe.targets)
        self.pairs = feed_pairs(self.targets)
        begun = (*spec.pairs, *(name for name in self.pairs if name not in spec.pairs))
        self.spec = dataclasses.replace(spec, pairs=begun)
        # Refuses a crop longer than the stored window before anything is read.
        output_spec(self.spec, self.steps)
        self.pools = load_pools(paths, spec, self.steps)

    # Written as graph code already: to convert it would double the time to the first batch.
    @tf.autograph.experimental.do_not_convert
    def __call__(self, rows: Rows, epoch: tf.Tensor) -> tuple[tf.Tensor, Any, Any]:
        """Return float32 [B, T, 3] inputs, and dicts of targets and of their weights by name.

        The epoch is int64 [], or [B] where windows come several times in an epoch.
        """
        return self.examples(self.stepped(rows, epoch))

    @tf.autograph.experimental.do_not_convert
    def windows(self, rows: Rows, epoch: tf.Tensor) -> Window:
        """Return the windows after the online steps, each field [B, ...]."""
        windows = self.stepped(rows, epoch)
        measured = tf.map_fn(event_snr_db, windows, fn_output_signature=tf.float32)
        return {**windows, "event_snr_db": measured}

    def examples(self, windows: Window) -> tuple[tf.Tensor, Any, Any]:
        """Return what `__call__` does, of windows after the online steps."""

        def example(window: Window) -> tuple:
            ready = normalised(window, self.recipe.normalise)
            return ready["waveform"], *labelled(self.targets, ready, self.stored.sampling_rate_hz)

        return tf.vectorized_map(example, windows)

    def stepped(self, rows: Rows, epoch: tf.Tensor) -> Window:
        """Return what `windows` does, with the SNR that was stored."""
        key = draw.window_key(self.recipe.seed, rows.labels["window_id"])
        epoch = epoch if self.augmented else tf.zeros_like(epoch)
        epoch = tf.broadcast_to(epoch, tf.shape(key)[:1])
        steps, spec = self.steps, self.spec
        if steps and steps[0].crops:
            windows = self._cropped(rows, key, epoch)
            spec, steps = output_spec(spec, steps[:1]), steps[1:]
        else:
            windows = {**rows.labels, **rows.whole()}
        windows = with_pairs(windows, self.pairs)
        for together, some in itertools.groupby(steps, key=_vectorizes):
            part = tuple(some)
            after = output_spec(spec, part)
            windows = self._run(part, windows, key, epoch, after, together)
            spec = after
        return windows

    def _cropped(self, rows: Rows, key: tf.Tensor, epoch: tf.Tensor) -> Window:
        """Draw the first step's crop from the labels, and decode no more than that."""
        step = self.steps[0]
        size = step.op.output_samples(self.stored.samples, self.stored.sampling_rate_hz)
        start = self.starts(rows, key, epoch)
        windows = {**rows.labels, **rows.cut(start, size)}
        windows = tf.vectorized_map(lambda row: labels.follow_crop(*row), (windows, start))
        drawn = step.op.drawn(start)
        return {**windows, **{f"{step.name}/{name}": value for name, value in drawn.items()}}

    def starts(self, rows: Rows, key: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Return where the first step cuts each window, int32 [B]."""
        step, rate = self.steps[0], self.stored.sampling_rate_hz

        def place(row: tuple) -> tf.Tensor:
            window, own, epoch, span = row
            window = {**window, "sampling_rate_hz": tf.constant(rate, tf.float32)}
            seed = draw.step_seed(own, step.name, epoch)
            return step.op.start(window, seed, self.stored.samples, tuple(tf.unstack(span)))

        return tf.vectorized_map(place, (rows.labels, key, epoch, rows.span()))

    def _run(
        self,
        steps: tuple[BuiltStep, ...],
        windows: Window,
        key: tf.Tensor,
        epoch: tf.Tensor,
        after: WindowSpec,
        together: bool,
    ) -> Window:
        """Run some steps on a batch, as one or window by window."""
        seed, rate = self.recipe.seed, self.stored.sampling_rate_hz

        def one(row: tuple[Window, tf.Tensor, tf.Tensor]) -> Window:
            window, own, epoch = row
            partners = attach(self.pools, steps, window, own, epoch)
            return apply_steps(steps, window, partners, seed, epoch, rate, own, measure=False)

        if together:
            return tf.vectorized_map(one, (windows, key, epoch))
        signature = {f.name: tf.TensorSpec(after.shape(f), f.dtype) for f in after.fields}
        return tf.map_fn(one, (windows, key, epoch), fn_output_signature=signature)


def _vectorizes(step: BuiltStep) -> bool:
    return all(getattr(leaf.op, "vectorizes", False) for leaf in leaves((step,)))
