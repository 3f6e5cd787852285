"""An epoch's serialized windows, in blocks, in an order that the seed and the epoch decide."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import tensorflow as tf

from schemas.errors import UserError

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

    def part(self, index: int, number: int) -> Shards:
        """Return each `number`-th shard from `index` on."""
        if not 0 <= index < number or index >= len(self.paths):
            expected = f"an index below {min(number, len(self.paths))}: of {len(self.paths)} shards"
            raise UserError(f"shard: got {(index, number)}, expected {expected}")
        mine = slice(index, None, number)
        return Shards(self.paths[mine], self.counts[mine], self.skip_damaged)

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
        return self.numbered(path, count).map(lambda _, block: block)

    def numbered(self, path: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        """Return what `blocks` does, behind the windows' numbers in the split, int64 [<= BLOCK]."""
        before = tf.cumsum(tf.constant(self.counts, tf.int64), exclusive=True)
        first = before[tf.argmax(tf.constant(self.paths) == path)]
        # One more than there should be shows that there are too many.
        blocks = until_damage(path).take(count + 1).batch(BLOCK)
        end = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))

        def counted(seen: tf.Tensor, block: tf.Tensor) -> tuple[tf.Tensor, tuple]:
            size = tf.size(block, tf.int64)
            with tf.control_dependencies([self._checked(path, seen, size, count)]):
                kept = block[: count - seen]
            return seen + size, (first + seen + tf.range(tf.size(kept, tf.int64)), kept)

        checked = blocks.concatenate(end).scan(tf.zeros([], tf.int64), counted)
        return checked.filter(lambda _, block: tf.size(block) > 0)

    def _checked(
        self, path: tf.Tensor, seen: tf.Tensor, size: tf.Tensor, count: tf.Tensor
    ) -> tf.Operation:
        """Stop, or warn, where a shard ends too early or goes on for too long."""
        # The empty block behind the last one is the end, where all should have been seen.
        missing = tf.where(size == 0, tf.maximum(count - seen, 0), 0)
        faulty = (missing > 0) | ((size > 0) & (seen + size > count))

        def fault() -> tf.Tensor:
            early = tf.strings.format("record {} cannot be read", seen)
            late = tf.strings.format("record {} is one too many", count)
            what = tf.where(missing > 0, early, late)
            expected = tf.strings.format("expected {} records", count)
            return tf.strings.join([path, ": ", what, ", ", expected])

        def warn() -> tf.Operation:
            loss = tf.strings.format("; skipped {} windows", missing)
            return tf.print(tf.strings.join([fault(), loss]), output_stream=sys.stderr)

        def stop() -> tf.Operation:
            return tf.debugging.Assert(False, [fault()])

        return tf.cond(faulty, warn if self.skip_damaged else stop, tf.no_op)


def until_damage(path: tf.Tensor) -> tf.data.Dataset:
    """Return a shard's records, string [], up to the first that cannot be read.

    A shard that is not there, or that an endpoint no longer gives, is an error all the same.
    """
    records = tf.data.TFRecordDataset(path, buffer_size=_BUFFER_BYTES).ignore_errors()
    # What cannot be opened, `ignore_errors` would try to open again for ever.
    opened = tf.data.FixedLengthRecordDataset(path, record_bytes=1, buffer_size=1).take(1)
    return opened.filter(lambda _: False).concatenate(records)


@contextlib.contextmanager
def damage_told(folder: str) -> Iterator[None]:
    """Turn TensorFlow's errors while records are read into one line that names the shard."""
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(r"assertion failed: \[(.*)\]$", error.message, re.MULTILINE)
        plain = " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*", "", error.message).split())
        raise UserError(found[1] if found else f"{folder}: cannot be read: {plain}") from None


def shuffle_rows(rows: tf.data.Dataset, among: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Shuffle the rows of batches, so many at a time.

    By whole blocks: `Dataset.shuffle` keeps a state that no saved iterator can hold.

    Args:
        rows: of any structure of tensors [B, ...].
        among: rows that are shuffled together.
        seed: int64 [2].
    """

    def shuffled(number: tf.Tensor, block: tuple) -> tuple[tf.Tensor, tuple]:
        own = tf.random.experimental.stateless_fold_in(seed, number, alg="philox")
        size = tf.shape(tf.nest.flatten(block)[0])[0]
        order = tf.random.experimental.stateless_shuffle(tf.range(size), own, alg="philox")
        return number + 1, tf.nest.map_structure(lambda value: tf.gather(value, order), block)

    # Counted by a scan: a zip with numbers would be a second source to `tf.data.service`.
    return rows.rebatch(among).scan(tf.ones([], tf.int64), shuffled)
