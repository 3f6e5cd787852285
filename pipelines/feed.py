"""The training feed: shards to batches of (inputs, targets) that Keras `fit` takes as they are.

Does not import Beam. The order of work: interleave shards, shuffle, parse, the recipe's online
steps, normalise, targets last. What an online step draws is a function of the recipe's seed, the
window's id, the step's name and the epoch: new in every epoch, the same for the same epoch,
whatever the order, the batch size or the parallelism.
"""

from __future__ import annotations

import posixpath
from typing import Any

import tensorflow as tf

from augment_ops.core.labels import Window
from augment_ops.core.normalise import normalise
from augment_ops.core.steps import BuiltStep, apply_steps, build_steps, output_spec
from augment_ops.core.targets import build_targets
from pipelines.feed_partners import attach, load_pools
from pipelines.publish import stored_manifest, stored_recipe
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.record import parser
from schemas.window import SPLITS, WindowSpec

Example = tuple[tf.Tensor, Any]


def training_dataset(
    folder: str,
    split: str = "train",
    batch_size: int = 32,
    *,
    epoch: int = 0,
    epochs: int = 1,
    recipe: Recipe | None = None,
    shuffle: int = 1024,
    drop_remainder: bool = False,
    shard: tuple[int, int] = (0, 1),
    parallel: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Return batches of (inputs, targets).

    Args:
        folder: where a job published its shards.
        split: train, validation or test. Outside the recipe's augmented splits, windows come in
            a fixed order and only the steps that crop run, with the draws of epoch 0 always.
        batch_size: windows a batch; no batch mixes two epochs.
        epoch: the first epoch; its number decides the draws and the order.
        epochs: how many follow each other in one pass: as many as `fit` is told, together with
            ``steps_per_epoch=steps_per_epoch(...)``. 0 goes on for ever.
        recipe: instead of the one beside the shards, for other online steps or targets.
        shuffle: windows that are shuffled at a time, besides the shards; 0 keeps the stored order,
            which the job shuffled.
        drop_remainder: leave out the last, smaller batch of an epoch.
        shard: (index, number): take each number-th shard, for `tf.distribute` input pipelines.
        parallel: windows made at once.

    Returns:
        Of float32 [B, T, 3] inputs, and the target [B, T, ...], or a dict of several by name.

    Raises:
        UserError: the folder has no shards of the split, or the recipe has no target.
    """
    manifest = stored_manifest(folder)
    recipe = recipe or stored_recipe(folder)
    shards = _shards(manifest, split, folder)[shard[0] :: shard[1]]
    if not recipe.targets:
        raise UserError(f"{folder}: recipe: targets: got none, expected at least one")
    make = Maker(recipe, manifest, folder, split)
    paths = [posixpath.join(folder, s["name"]) for s in shards]

    def one_epoch(number: tf.Tensor) -> tf.data.Dataset:
        windows = _records(paths, recipe, number, shuffle if make.augmented else 0)
        examples = windows.map(lambda record: make(record, number), parallel, deterministic=True)
        return examples.batch(batch_size, drop_remainder)

    numbers = tf.data.Dataset.range(epoch, epoch + epochs if epochs else 2**62)
    batches = _batches(shards, batch_size, drop_remainder)
    size = epochs * batches if epochs else tf.data.INFINITE_CARDINALITY
    dataset = numbers.flat_map(one_epoch).apply(tf.data.experimental.assert_cardinality(size))
    return dataset.prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(
    folder: str, split: str = "train", batch_size: int = 32, drop_remainder: bool = False
) -> int:
    """Return the batches of one epoch of an unsharded `training_dataset`."""
    shards = _shards(stored_manifest(folder), split, folder)
    return _batches(shards, batch_size, drop_remainder)


def _batches(shards: list[dict[str, Any]], batch_size: int, drop_remainder: bool) -> int:
    windows = sum(shard["windows"] for shard in shards)
    return windows // batch_size if drop_remainder else -(-windows // batch_size)


def _shards(manifest: dict[str, Any], split: str, folder: str) -> list[dict[str, Any]]:
    if split not in SPLITS:
        raise UserError(f"split: got {split!r}, expected one of {', '.join(SPLITS)}")
    shards = [s for s in manifest["shards"] if s["split"] == split and s["windows"]]
    if not shards:
        raise UserError(f"{folder}: holds no windows of the split {split!r}")
    return shards


def _records(paths: list[str], recipe: Recipe, epoch: tf.Tensor, shuffle: int) -> tf.data.Dataset:
    """Return an epoch's serialized windows, in an order that its number decides."""
    shards = tf.data.Dataset.from_tensor_slices(paths)
    if not shuffle:
        return tf.data.TFRecordDataset(shards)
    seed = tf.random.experimental.stateless_fold_in(
        tf.constant([recipe.seed, len(paths)], tf.int64), epoch, alg="philox"
    )
    order = tf.random.experimental.stateless_shuffle(tf.constant(paths), seed, alg="philox")
    records = tf.data.Dataset.from_tensor_slices(order).interleave(
        tf.data.TFRecordDataset,
        cycle_length=min(8, len(paths)),
        block_length=8,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )

    # By whole blocks: `shuffle` keeps a state that no saved iterator can hold.
    def shuffled(number: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(seed, number + 1, alg="philox")
        return tf.random.experimental.stateless_shuffle(block, own, alg="philox")

    return records.batch(shuffle).enumerate().map(shuffled).unbatch()


class Maker:
    """Makes one record into (inputs, targets): parse, online steps, normalise, targets.

    Args:
        recipe: its online steps, normalisation and targets.
        manifest: the folder's, for the stored window's sizes.
        folder: where the partners of online steps are read from.
        split: the windows' split, which their partners come from; outside the recipe's augmented
            splits only the steps that crop run.
    """

    def __init__(self, recipe: Recipe, manifest: dict[str, Any], folder: str, split: str) -> None:
        """Check the steps and targets, and read the partners' pools."""
        self.recipe, self.augmented = recipe, split in recipe.augmented_splits
        self.stored = WindowSpec.from_json(manifest["window"])
        steps = build_steps(recipe.online, "online")
        self.steps: tuple[BuiltStep, ...] = tuple(s for s in steps if self.augmented or s.crops)
        # Refuses a crop longer than the stored window before anything is read.
        output_spec(self.stored, self.steps)
        self.targets = build_targets(recipe.targets)
        self.pools = load_pools(folder, manifest, self.stored, self.steps, split)
        self.parse = parser(self.stored)

    def __call__(self, record: tf.Tensor, epoch: tf.Tensor) -> Example:
        """Return float32 [T, 3] inputs, and the target or a dict of several."""
        window = self.window(record, epoch)
        wave = normalise(window, self.recipe.normalise)
        targets = {name: target(window) for name, target in self.targets.items()}
        return wave, next(iter(targets.values())) if len(targets) == 1 else targets

    def window(self, record: tf.Tensor, epoch: tf.Tensor) -> Window:
        """Return the window after the online steps."""
        window = self.parse(record)
        if not self.augmented:
            epoch = tf.zeros_like(epoch)
        partners = attach(self.pools, self.steps, window, self.recipe.seed, epoch)
        rate = self.stored.sampling_rate_hz
        return apply_steps(self.steps, window, partners, self.recipe.seed, epoch, rate)
