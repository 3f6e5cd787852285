"""Balanced sampling: how often each window of a split comes in an epoch.

An epoch keeps its length. Each class has its share of it, by the largest remainder, and the windows
of a class take turns: in an epoch none comes more than once more than another. The further times
draw anew, see `epoch_of_time`. Shards are read once an epoch however rare a class is; what that
takes is one look at all labels before the first epoch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pipelines.feed_records import BLOCK, OfShard, Shards, damage_told
from schemas.errors import UserError
from schemas.recipe import Sampling
from schemas.record import parser
from schemas.window import WindowSpec

# A field's values of all windows, by its name: [N, ...], and the windows' numbers, int64 [N].
Labels = Callable[[str], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Sampler:
    """Draws how often each window of a split comes in an epoch.

    Args:
        classes: each window's class, int64 [N]; below 0 of those that never come.
        places: what an epoch takes of the windows in a drawn order, by class: int64 [M].
    """

    classes: tf.Tensor
    places: tf.Tensor

    def times(self, seed: tf.Tensor) -> tf.Tensor:
        """Return how often each window comes, int64 [N]."""
        own = tf.random.experimental.stateless_fold_in(seed, 0, alg="philox")
        count = tf.size(self.classes)
        order = tf.random.experimental.stateless_shuffle(tf.range(count), own, alg="philox")
        by_class = tf.argsort(tf.gather(self.classes, order), stable=True)
        taken = tf.gather(tf.gather(order, by_class), self.places)
        return tf.math.bincount(taken, minlength=count, maxlength=count, dtype=tf.int64)

    def of_shard(self, shards: Shards, seed: tf.Tensor) -> OfShard:
        """Return what reads a shard's windows as often as they come, and which time each is."""
        times = self.times(seed)

        def parts(numbers: tf.Tensor, block: tf.Tensor) -> tf.data.Dataset:
            rows, again = repeated(tf.gather(times, numbers))
            # A rare class comes many times: not all of a block's at once.
            some = tf.data.Dataset.from_tensor_slices((rows, again)).batch(2 * BLOCK)
            return some.map(lambda rows, again: (tf.gather(block, rows), again))

        return lambda path, count: shards.numbered(path, count).flat_map(parts)


def repeated(times: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return each index as often as int64 [N] says, in order, and which time from 0 it is."""
    index = tf.range(tf.size(times, tf.int64))
    return tf.repeat(index, times), tf.ragged.range(times).values


def epoch_of_time(epoch: tf.Tensor, again: tf.Tensor) -> tf.Tensor:
    """Return the number that a window's draws follow the n-th time in an epoch, int64 [B].

    The first time it is the epoch's own.
    """
    return epoch + tf.bitwise.left_shift(again, tf.constant(32, tf.int64))


def sampler(sampling: Sampling, labels: Labels, windows: int, where: str) -> Sampler:
    """Return the sampler of a split.

    Args:
        sampling: the recipe's.
        labels: gives the windows' values of the field that decides.
        windows: the split's windows, those that cannot be read too.
        where: names the split in messages.

    Raises:
        UserError: no window is of a class that has a weight.
    """
    of_magnitude = sampling.by == "magnitude"
    numbers, values = labels("event_magnitude" if of_magnitude else sampling.by)
    classes = np.full(windows, -1)
    classes[numbers] = _classes(sampling, values)
    weights = [*_weights(sampling).values(), sampling.others]
    sizes = np.bincount(classes[numbers], minlength=len(weights))
    share = np.where(sizes > 0, weights, 0.0)
    _tell(sampling, sizes, share, where)
    takes = _apportioned(share / share.sum(), len(numbers))
    # In the order by class, behind those that cannot be read.
    firsts = windows - len(numbers) + np.cumsum(sizes) - sizes
    each = zip(firsts, sizes, takes)
    places = [first + np.arange(take) % max(size, 1) for first, size, take in each]
    return Sampler(tf.constant(classes), tf.constant(np.concatenate(places)))


def stored_labels(shards: Shards, spec: WindowSpec, folder: str) -> Labels:
    """Return what reads the labels from the shards."""

    def labels(field: str) -> tuple[np.ndarray, np.ndarray]:
        parse = parser(spec, only=[field])
        blocks = shards.in_order(shards.numbered)
        found = blocks.map(lambda numbers, block: (numbers, parse(block)[field]), tf.data.AUTOTUNE)
        with damage_told(folder):
            blocks = list(found.as_numpy_iterator())
        if not blocks:
            raise UserError(f"{folder}: none of {shards.windows} windows can be read")
        numbers, values = (np.concatenate(parts) for parts in zip(*blocks))
        return numbers, values

    return labels


def _weights(sampling: Sampling) -> dict[str, float]:
    """Return the weights of the classes by what a message calls them."""
    if isinstance(sampling.weights, dict):
        return sampling.weights
    edges = [f"{edge:g}" for edge in sampling.edges]
    names = [f"{low} to {high}" for low, high in zip(["-", *edges], [*edges, "-"])]
    return dict(zip(names, sampling.weights))


def _classes(sampling: Sampling, values: np.ndarray) -> np.ndarray:
    """Return each window's class; the last are the others. Its largest magnitude counts."""
    others = len(sampling.weights)
    if sampling.by == "magnitude":
        largest = np.fmax.reduce(values, axis=1)
        return np.where(np.isnan(largest), others, np.digitize(largest, sampling.edges))
    number = {name.encode(): n for n, name in enumerate(sampling.weights)}
    return np.array([number.get(value, others) for value in values], int)


def _tell(sampling: Sampling, sizes: np.ndarray, share: np.ndarray, where: str) -> None:
    lacking = [name for name, size in zip(_weights(sampling), sizes) if not size]
    names = ", ".join(lacking)
    if not share.any():
        raise UserError(f"{where}: sampling: got no window of {sampling.by} {names}")
    if lacking:
        lost = f"no window of {sampling.by} {names}; their weight goes to the others"
        print(f"{where}: sampling: {lost}", file=sys.stderr)


def _apportioned(shares: np.ndarray, total: int) -> np.ndarray:
    """Return whole numbers that sum to the total, by the largest remainder."""
    exact = shares * total
    whole = np.floor(exact).astype(int)
    behind = np.argsort(whole - exact, kind="stable")
    whole[behind[: total - whole.sum()]] += 1
    return whole
