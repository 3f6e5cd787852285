"""What makes the examples of one epoch: read anew from the shards, or gathered from memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipelines.feed_groups import GroupMaker, groups_of
from pipelines.feed_make import Maker
from pipelines.feed_records import BLOCK, Shards, damage_told, shuffle_rows
from pipelines.feed_rows import Memory, row_parser
from pipelines.feed_sampling import Sampler, epoch_of_time, repeated, sampler, stored_labels
from schemas.recipe import Recipe

# From an epoch's number, int64 [], to its examples, in batches of whatever size.
Epochs = Callable[[tf.Tensor], tf.data.Dataset]


def from_shards(make: Maker, shards: Shards, shuffle: int, parallel: int, where: str) -> Epochs:
    """Return what reads the windows of an epoch anew."""
    rows = row_parser(make.stored)
    balanced = _sampler(make, shards.windows, stored_labels(shards, make.stored, where), where)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = _order_seed(make.recipe, shards.paths, epoch)
        of_shard = balanced.of_shard(shards, seed) if balanced else None
        blocks = shards.shuffled(seed, of_shard) if shuffle else shards.in_order(of_shard)

        def made(block: tf.Tensor, again: tf.Tensor | None = None) -> tuple:
            return make(rows(block), epoch if again is None else epoch_of_time(epoch, again))

        examples = blocks.map(made, parallel, deterministic=True)
        return shuffle_rows(examples, shuffle, seed) if shuffle else examples

    return one_epoch


def from_memory(make: Maker, shards: Shards, shuffle: int, parallel: int, where: str) -> Epochs:
    """Return what gathers the windows of an epoch from memory, which it fills first."""
    with damage_told(where):
        memory = Memory(shards.in_order(), make.stored)
    numbers = np.arange(memory.count)
    balanced = _sampler(
        make, memory.count, lambda field: (numbers, memory.labels[field].numpy()), where
    )

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = _order_seed(make.recipe, shards.paths, epoch)
        once = tf.ones([memory.count], tf.int64)
        places = repeated(balanced.times(seed) if balanced else once)
        if shuffle:
            order = tf.range(tf.size(places[0]))
            order = tf.random.experimental.stateless_shuffle(order, seed, alg="philox")
            places = tuple(tf.gather(value, order) for value in places)

        def made(index: tf.Tensor, again: tf.Tensor) -> tuple:
            return make(memory.rows(index), epoch_of_time(epoch, again))

        blocks = tf.data.Dataset.from_tensor_slices(places).batch(BLOCK)
        return blocks.map(made, parallel, deterministic=True)

    return one_epoch


def in_groups(make: GroupMaker, shards: Shards, shuffle: int, parallel: int, where: str) -> Epochs:
    """Return what reads the groups of an epoch anew."""
    of_shard = groups_of(shards, make.stored, make.recipe.groups)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = _order_seed(make.recipe, shards.paths, epoch)
        groups = shards.shuffled(seed, of_shard) if shuffle else shards.in_order(of_shard)
        examples = groups.map(lambda some: make(some, epoch), parallel, deterministic=True)
        among = max(shuffle // make.stations, 1)
        return shuffle_rows(examples, among, seed) if shuffle else examples

    return one_epoch


def _order_seed(recipe: Recipe, paths: tuple[str, ...], epoch: tf.Tensor) -> tf.Tensor:
    run = tf.constant([recipe.seed, len(paths)], tf.int64)
    return tf.random.experimental.stateless_fold_in(run, epoch, alg="philox")


def _sampler(make: Maker, windows: int, labels, where: str) -> Sampler | None:
    if not (make.recipe.sampling and make.augmented):
        return None
    return sampler(make.recipe.sampling, labels, windows, where)
