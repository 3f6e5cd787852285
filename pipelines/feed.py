"""The training feed: shards to batches of (inputs, targets) that Keras `fit` takes as they are.

Does not import Beam. The order of work: blocks of windows from interleaved shards, or from memory;
the recipe's online steps, normalise, targets last; shuffle, batch. What an online step draws is a
function of the recipe's seed, the window's id, the step's name and the epoch: new in every epoch,
the same for the same epoch, whatever the order, the batch size or the parallelism.
"""

from __future__ import annotations

import posixpath
from typing import Any

import tensorflow as tf

from pipelines.feed_groups import GroupMaker, groups_of
from pipelines.feed_make import Maker
from pipelines.feed_records import BLOCK, Shards, shuffle_rows
from pipelines.feed_remote import check_endpoint, readable
from pipelines.feed_rows import Memory, row_parser
from pipelines.publish import stored_manifest, stored_recipe
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.window import SPLITS, WindowSpec


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
    in_memory: bool = False,
    weights: bool = False,
    skip_damaged: bool = False,
    parallel: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Return batches of (inputs, targets).

    Args:
        folder: where a job published its shards: a local path, ``s3://``, ``gs://`` or
            ``http(s)://``.
        split: train, validation or test. Outside the recipe's augmented splits, windows come in
            a fixed order and only the steps that crop run, with the draws of epoch 0 always.
        batch_size: windows a batch; no batch mixes two epochs.
        epoch: the first epoch; its number decides the draws and the order.
        epochs: how many follow each other in one pass: as many as `fit` is told, together with
            ``steps_per_epoch=steps_per_epoch(...)``. 0 goes on for ever.
        recipe: instead of the one beside the shards, for other online steps or targets.
        shuffle: windows that are shuffled at a time, besides the shards; 0 keeps the stored order,
            which the job shuffled. From memory, all are shuffled.
        drop_remainder: leave out the last, smaller batch of an epoch.
        shard: (index, number): take each number-th shard, for `tf.distribute` input pipelines.
        in_memory: read the split once and keep it; nothing is read in further epochs.
        weights: return (inputs, targets, weights), as targets that can be unknown need.
        skip_damaged: leave out what cannot be read of a damaged shard, and print how much that is,
            instead of stopping at it.
        parallel: blocks made at once.

    Returns:
        Of float32 [B, T, 3] inputs, and the target [B, ...], or a dict of several by name; weights
        alike, see `augment_ops.core.targets`.

    Raises:
        UserError: the folder has no shards of the split, or the recipe has no target, or a target
            that needs weights.
    """
    check_endpoint(folder)
    manifest = stored_manifest(folder)
    recipe = recipe or stored_recipe(folder)
    found = _shards(manifest, split, folder)[shard[0] :: shard[1]]
    if not recipe.targets:
        raise UserError(f"{folder}: recipe: targets: got none, expected at least one")
    paths = tuple(readable([posixpath.join(folder, s["name"]) for s in found]))
    shards = Shards(paths, tuple(s["windows"] for s in found), skip_damaged)
    spec = WindowSpec.from_json(manifest["window"])
    make = (GroupMaker if recipe.groups else Maker)(recipe, spec, list(paths), split)
    _weigh(make, weights)
    if recipe.groups:
        if stored_recipe(folder).groups is None:
            raise UserError(
                f"{folder}: groups: the shards were made without `groups` in their recipe, so "
                "the windows of an event are not together; make them anew"
            )
        epochs_of = _in_groups
    else:
        epochs_of = _from_memory if in_memory else _from_shards
    one_epoch = epochs_of(make, shards, shuffle if make.augmented else 0, parallel)

    def batches(number: tf.Tensor) -> tf.data.Dataset:
        examples = one_epoch(number).map(lambda *parts: _shaped(weights, *parts))
        return examples.rebatch(batch_size, drop_remainder)

    numbers = tf.data.Dataset.range(epoch, epoch + epochs if epochs else 2**62)
    dataset = numbers.flat_map(batches)
    if not (skip_damaged or recipe.groups):
        each = _batches(found, batch_size, drop_remainder)
        size = epochs * each if epochs else tf.data.INFINITE_CARDINALITY
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(size))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _weigh(make: Maker, weights: bool) -> None:
    """Refuse targets without the weights that say where they are unknown."""
    for name, target in make.targets.items():
        if hasattr(target, "weight") and not weights:
            raise UserError(
                f"targets.{name}: is not known of every window; pass weights=True for "
                "(inputs, targets, weights)"
            )


def _shaped(weights: bool, inputs: tf.Tensor, targets: dict, own: dict) -> tuple:
    """Return what `fit` takes: a target that is alone comes without its name."""
    parts = (targets, own) if weights else (targets,)
    return inputs, *(p if len(p) > 1 else next(iter(p.values())) for p in parts)


def _order_seed(recipe: Recipe, paths: tuple[str, ...], epoch: tf.Tensor) -> tf.Tensor:
    run = tf.constant([recipe.seed, len(paths)], tf.int64)
    return tf.random.experimental.stateless_fold_in(run, epoch, alg="philox")


def _from_shards(make: Maker, shards: Shards, shuffle: int, parallel: int):
    """Return a function from an epoch's number to its examples, read anew."""
    rows = row_parser(make.stored)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = _order_seed(make.recipe, shards.paths, epoch)
        blocks = shards.shuffled(seed) if shuffle else shards.in_order()
        examples = blocks.map(lambda block: make(rows(block), epoch), parallel, deterministic=True)
        return shuffle_rows(examples, shuffle, seed) if shuffle else examples

    return one_epoch


def _in_groups(make: GroupMaker, shards: Shards, shuffle: int, parallel: int):
    """Return a function from an epoch's number to its groups."""
    of_shard = groups_of(shards, make.stored, make.recipe.groups)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = _order_seed(make.recipe, shards.paths, epoch)
        groups = shards.shuffled(seed, of_shard) if shuffle else shards.in_order(of_shard)
        examples = groups.map(lambda some: make(some, epoch), parallel, deterministic=True)
        among = max(shuffle // make.stations, 1)
        return shuffle_rows(examples, among, seed) if shuffle else examples

    return one_epoch


def _from_memory(make: Maker, shards: Shards, shuffle: int, parallel: int):
    """Return a function from an epoch's number to its examples, gathered from memory."""
    memory = Memory(shards.in_order(), make.stored)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(memory.count, dtype=tf.int64)
        if shuffle:
            seed = _order_seed(make.recipe, shards.paths, epoch)
            order = tf.random.experimental.stateless_shuffle(order, seed, alg="philox")
        index = tf.data.Dataset.from_tensor_slices(order).batch(BLOCK)
        return index.map(lambda i: make(memory.rows(i), epoch), parallel, deterministic=True)

    return one_epoch


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
