"""The training feed: shards to batches of (inputs, targets) that Keras `fit` takes as they are.

Does not import Beam. The order of work: blocks of windows from interleaved shards, or from memory;
the recipe's online steps, normalise, targets last; shuffle, batch. What an online step draws is a
function of the recipe's seed, the window's id, the step's name and the epoch: new in every epoch,
the same for the same epoch, whatever the order, the batch size or the parallelism.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from pipelines.feed_checks import check_asked, check_weights
from pipelines.feed_epochs import from_memory, from_shards, in_groups
from pipelines.feed_groups import GroupMaker, group_count
from pipelines.feed_make import Maker
from pipelines.feed_records import Shards, damage_told
from pipelines.feed_remote import check_endpoint, readable
from pipelines.feed_service import served
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
    shuffle: int = 256,
    drop_remainder: bool = False,
    shard: tuple[int, int] = (0, 1),
    in_memory: bool = False,
    weights: bool = False,
    skip_damaged: bool = False,
    service: str = "",
    parallel: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Return batches of (inputs, targets).

    With `sampling` in the recipe, an epoch of an augmented split keeps its length and has each
    class in its share: see `pipelines.feed_sampling`.

    Args:
        folder: where a job published its shards: a local path, ``s3://``, ``gs://`` or
            ``http(s)://``.
        split: train, validation or test. Outside the recipe's augmented splits, windows come in
            a fixed order and only the steps that crop run, with the draws of epoch 0 always.
        batch_size: windows, or groups, a batch; no batch mixes two epochs.
        epoch: the first epoch; its number decides the draws and the order.
        epochs: how many follow each other in one pass: as many as `fit` is told, together with
            ``steps_per_epoch=steps_per_epoch(...)``. 0 goes on for ever.
        recipe: instead of the one beside the shards, for other online steps or targets.
        shuffle: windows that are shuffled at a time, besides the shards; 0 keeps the stored order,
            which the job shuffled. From memory, all are shuffled.
        drop_remainder: leave out the last, smaller batch of an epoch.
        shard: (index, number): take each number-th shard, for `tf.distribute` input pipelines.
            Shares, steps and cardinality are then those of its own windows.
        in_memory: read the split once and keep it; nothing is read in further epochs.
        weights: return (inputs, targets, weights), as targets that can be unknown need.
        skip_damaged: leave out what cannot be read of a damaged shard, and print how much that is,
            instead of stopping at it.
        service: ``grpc://HOST:PORT`` of a `tf.data.service` dispatcher, whose workers then make the
            windows, each of an epoch on one of them, in whatever order they are done. The workers
            read `folder` under the same name.
        parallel: blocks made at once.

    Returns:
        Of float32 [B, T, 3] inputs, and the target [B, ...], or a dict of several by name; weights
        alike, see `augment_ops.core.targets`. With `groups` in the recipe, of what
        `pipelines.feed_groups.GroupMaker` says.

    Raises:
        UserError: the folder has no shards of the split, or the recipe has no target, or a target
            that needs weights, or groups that the shards were not made for.
    """
    check_endpoint(folder)
    manifest = stored_manifest(folder)
    recipe = recipe or stored_recipe(folder)
    check_asked(folder, recipe, in_memory, weights, service)
    whole = _readable(folder, _shards(manifest, split, folder), skip_damaged)
    shards = whole.part(*shard)
    spec = WindowSpec.from_json(manifest["window"])
    # Partners are of the whole split: no window depends on who makes it.
    make = (GroupMaker if recipe.groups else Maker)(recipe, spec, list(whole.paths), split)
    check_weights(make, weights)
    epochs_of = in_groups if recipe.groups else from_memory if in_memory else from_shards
    where = f"{folder}: {split}"
    one_epoch = epochs_of(make, shards, shuffle if make.augmented else 0, parallel, where)

    @tf.autograph.experimental.do_not_convert
    def batches(number: tf.Tensor) -> tf.data.Dataset:
        examples = one_epoch(number).map(lambda *parts: _shaped(weights, *parts))
        if service:
            examples = served(examples, service)
        return examples.rebatch(batch_size, drop_remainder)

    numbers = tf.data.Dataset.range(epoch, epoch + epochs if epochs else 2**62)
    dataset = numbers.flat_map(batches)
    if not (skip_damaged or recipe.groups or service):
        each = _batches(shards.windows, batch_size, drop_remainder)
        size = epochs * each if epochs else tf.data.INFINITE_CARDINALITY
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(size))
    options = tf.data.Options()
    # By files, `tf.distribute` would deal out epochs.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def as_numpy(
    folder: str, split: str = "train", batch_size: int = 32, **options: Any
) -> Iterator[Any]:
    """Return the batches of `training_dataset`, of the same arguments, as NumPy arrays.

    For PyTorch and JAX. The arrays are read-only.

    Raises:
        UserError: as `training_dataset` does, and, while it is read, for a damaged shard.
    """
    dataset = training_dataset(folder, split, batch_size, **options)

    def batches() -> Iterator[Any]:
        with damage_told(folder):
            yield from dataset.as_numpy_iterator()

    return batches()


def _readable(folder: str, shards: list[dict[str, Any]], skip_damaged: bool = False) -> Shards:
    paths = readable([posixpath.join(folder, shard["name"]) for shard in shards])
    return Shards(tuple(paths), tuple(shard["windows"] for shard in shards), skip_damaged)


def _shaped(weights: bool, inputs: tf.Tensor, targets: dict, own: dict) -> tuple:
    """Return what `fit` takes: a target that is alone comes without its name."""
    parts = (targets, own) if weights else (targets,)
    return inputs, *(p if len(p) > 1 else next(iter(p.values())) for p in parts)


def steps_per_epoch(
    folder: str,
    split: str = "train",
    batch_size: int = 32,
    drop_remainder: bool = False,
    recipe: Recipe | None = None,
) -> int:
    """Return the batches of one epoch of an unsharded `training_dataset`.

    With `groups` in the recipe, by default the one beside the shards, the shards are read for it.
    """
    manifest = stored_manifest(folder)
    shards, groups = _shards(manifest, split, folder), (recipe or stored_recipe(folder)).groups
    if not groups:
        return _batches(sum(s["windows"] for s in shards), batch_size, drop_remainder)
    check_endpoint(folder)
    spec = WindowSpec.from_json(manifest["window"])
    return _batches(
        group_count(_readable(folder, shards), spec, groups), batch_size, drop_remainder
    )


def _batches(count: int, batch_size: int, drop_remainder: bool) -> int:
    return count // batch_size if drop_remainder else -(-count // batch_size)


def _shards(manifest: dict[str, Any], split: str, folder: str) -> list[dict[str, Any]]:
    if split not in SPLITS:
        raise UserError(f"split: got {split!r}, expected one of {', '.join(SPLITS)}")
    shards = [s for s in manifest["shards"] if s["split"] == split and s["windows"]]
    if not shards:
        raise UserError(f"{folder}: holds no windows of the split {split!r}")
    return shards
