"""An epoch's serialized windows, in blocks, in an order that the seed and the epoch decide."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

# From a shard's path and number of windows to what is read of it.
OfShard = Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]
# Windows that go through the graph together, whatever the size of the batches.
BLOCK = 32
# A whole shard in one gulp, for most; from a network, few requests.
_BUFFER_BYTES = 16 << 20
_SHARDS_AT_ONCE = 4


@dataclass(frozen=True)
class Shards:
    """The shards of a split: where they are, and how many windows each holds.

    `skip_damaged` leaves out what cannot be read of a damaged shard, and says how much that is,
    where it would otherwise stop.
    """

    paths: tuple[str, ...]
    counts: tuple[int, ...]
    skip_damaged: bool = False

    @property
    def windows(self) -> int:
        """How many windows they hold."""
        return sum(self.counts)

    def in_order(self, of_shard: OfShard | None = None) -> tf.data.Dataset:
        """Return what `of_shard` reads of each shard, by default its `blocks`, as it is stored."""
        return self._paths().flat_map(of_shard or self.blocks)

    def shuffled(self, seed: tf.Tensor, of_shard: OfShard | None = None) -> tf.data.Dataset:
        """Return the same of some shards at a time, the shards in a drawn order."""
        number = len(self.paths)
        order = tf.random.experimental.stateless_shuffle(tf.range(number), seed, alg="philox")
        return self._paths(order).interleave(
            of_shard or self.blocks,
            cycle_length=min(_SHARDS_AT_ONCE, number),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    def _paths(self, order: tf.Tensor | None = None) -> tf.data.Dataset:
        each = tf.constant(self.paths), tf.constant(self.counts, tf.int64)
        if order is not None:
            each = tuple(tf.gather(value, order) for value in each)
        return tf.data.Dataset.from_tensor_slices(each)

    def blocks(self, path: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        """Return a shard's windows, string [<= BLOCK], and look whether all of them came."""
        records = tf.data.TFRecordDataset(path, buffer_size=_BUFFER_BYTES)
        blocks = records.ignore_errors().batch(BLOCK)
        end = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))

        def counted(seen: tf.Tensor, block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            size = tf.size(block, tf.int64)
            with tf.control_dependencies([self._checked(path, seen, count, size == 0)]):
                return seen + size, tf.identity(block)

        checked = blocks.concatenate(end).scan(tf.zeros([], tf.int64), counted)
        return checked.filter(lambda block: tf.size(block) > 0)

    def _checked(
        self, path: tf.Tensor, seen: tf.Tensor, count: tf.Tensor, ended: tf.Tensor
    ) -> tf.Operation:
        """Stop, or warn, at the end of a shard that held fewer or more windows than it should."""
        whole = ~ended | (seen == count)
        if not self.skip_damaged:
            parts = [path, "record", seen, "cannot be read, expected", count, "records"]
            return tf.debugging.Assert(whole, parts)

        def warn() -> tf.Operation:
            parts = ["skipped", count - seen, "windows of", path, "from record", seen, "on"]
            return tf.print(*parts, output_stream=sys.stderr)

        return tf.cond(whole, tf.no_op, warn)


def shuffle_rows(rows: tf.data.Dataset, among: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Shuffle the rows of batches, so many at a time.

    By whole blocks: `Dataset.shuffle` keeps a state that no saved iterator can hold.

    Args:
        rows: of any structure of tensors [B, ...].
        among: rows that are shuffled together.
        seed: int64 [2].
    """

    def shuffled(number: tf.Tensor, block: tuple) -> tuple:
        own = tf.random.experimental.stateless_fold_in(seed, number + 1, alg="philox")
        size = tf.shape(tf.nest.flatten(block)[0])[0]
        order = tf.random.experimental.stateless_shuffle(tf.range(size), own, alg="philox")
        return tf.nest.map_structure(lambda value: tf.gather(value, order), block)

    return rows.rebatch(among).enumerate().map(shuffled)
