"""Batches of stored windows whose samples are decoded only where training looks at them.

A stored window is three times as long as what training sees of it: so the place is drawn from the
labels first, and only the samples of that place are decoded, or gathered from memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from augment_ops.core.labels import Window
from schemas.errors import UserError
from schemas.record import parser
from schemas.window import COMPONENTS, Field, WindowSpec

# Samples that are looked at together for where a record begins and ends.
_STRETCH = 50


class Rows(Protocol):
    """A batch of B stored windows."""

    labels: Window

    def span(self) -> tf.Tensor:
        """Return the first recorded sample and the one behind the last, int32 [B, 2]."""

    def cut(self, start: tf.Tensor, size: int) -> Window:
        """Return `size` samples of each window from int32 [B] on: fields of [B, size, 3]."""

    def whole(self) -> Window:
        """Return all samples: fields of [B, T, 3]."""


@dataclass(frozen=True)
class Parsed:
    """Rows as they come from a shard: labels parsed, samples still bytes."""

    labels: Window
    raw: dict[str, tf.Tensor]
    spec: WindowSpec

    def span(self) -> tf.Tensor:
        """See `Rows`."""
        return _span(self.whole_of(_field(self.spec, "valid")))

    def cut(self, start: tf.Tensor, size: int) -> Window:
        """See `Rows`."""
        cut = {}
        for field in _sampled(self.spec):
            each = len(COMPONENTS) * np.dtype(field.dtype).itemsize
            count = tf.fill(tf.shape(start), size * each)
            part = tf.strings.substr(self.raw[field.name], start * each, count)
            cut[field.name] = _decoded(field, part, size)
        return cut

    def whole(self) -> Window:
        """See `Rows`."""
        return {field.name: self.whole_of(field) for field in _sampled(self.spec)}

    def whole_of(self, field: Field) -> tf.Tensor:
        """Return all samples of one field."""
        return _decoded(field, self.raw[field.name], self.spec.samples)


def row_parser(spec: WindowSpec):
    """Return a graph function from serialized windows, string [B], to `Parsed` rows."""
    sampled = {field.name for field in _sampled(spec)}
    parse = parser(spec, raw=True)

    def rows(records: tf.Tensor) -> Parsed:
        window = parse(records)
        raw = {name: window.pop(name) for name in sampled}
        return Parsed(window, raw, spec)

    return rows


class Memory:
    """All windows of a split, held in memory: what is drawn in each epoch is gathered from here.

    Args:
        records: the split's serialized windows, as blocks of string [B].
        spec: the stored window's spec.
    """

    def __init__(self, records: tf.data.Dataset, spec: WindowSpec) -> None:
        """Read and stack them."""
        self.spec, parse = spec, row_parser(spec)

        def loaded(block: tf.Tensor) -> tuple[Window, Window, tf.Tensor]:
            rows = parse(block)
            return rows.labels, rows.whole(), rows.span()

        blocks = list(records.map(loaded).as_numpy_iterator())
        if not blocks:
            raise UserError("in_memory: no window can be read")
        self.labels, samples, self.spans = (_joined([b[n] for b in blocks]) for n in range(3))
        self.count = len(self.spans)
        # One long row of samples: a crop is a run of it, wherever it begins.
        self.samples = {name: tf.reshape(v, [-1, len(COMPONENTS)]) for name, v in samples.items()}

    def rows(self, index: tf.Tensor) -> Held:
        """Return the rows of int64 [B]."""
        labels = {name: tf.gather(value, index) for name, value in self.labels.items()}
        return Held(self, labels, index)


@dataclass(frozen=True)
class Held:
    """Rows of a `Memory`."""

    memory: Memory
    labels: Window
    index: tf.Tensor

    def span(self) -> tf.Tensor:
        """See `Rows`."""
        return tf.gather(self.memory.spans, self.index)

    def cut(self, start: tf.Tensor, size: int) -> Window:
        """See `Rows`."""
        first = self.index * self.memory.spec.samples + tf.cast(start, tf.int64)
        places = first[:, None] + tf.range(size, dtype=tf.int64)
        return {name: tf.gather(value, places) for name, value in self.memory.samples.items()}

    def whole(self) -> Window:
        """See `Rows`."""
        return self.cut(tf.zeros_like(self.index), self.memory.spec.samples)


def _decoded(field: Field, data: tf.Tensor, size: int) -> tf.Tensor:
    flat = tf.io.decode_raw(data, tf.as_dtype(field.dtype))
    return tf.reshape(flat, [-1, size, len(COMPONENTS)])


def _field(spec: WindowSpec, name: str) -> Field:
    return next(field for field in spec.fields if field.name == name)


def _sampled(spec: WindowSpec) -> Iterator[Field]:
    return (field for field in spec.fields if field.raw)


def _span(valid: tf.Tensor) -> tf.Tensor:
    """Return what `Rows.span` does, of bool [B, T, 3]: by stretches first, then in one of them."""
    size = valid.shape[1]
    each = max(k for k in range(1, _STRETCH + 1) if size % k == 0)
    stretches = tf.reshape(valid, [-1, size // each, each * len(COMPONENTS)])
    recorded = tf.reduce_any(stretches, axis=-1)

    def before(back: bool) -> tf.Tensor:
        """Return how many samples come before the first recorded one, or behind the last."""
        at = tf.argmax(recorded[:, ::-1] if back else recorded, axis=1)
        stretch = tf.gather(stretches, size // each - 1 - at if back else at, batch_dims=1)
        here = tf.reduce_any(tf.reshape(stretch, [-1, each, len(COMPONENTS)]), axis=-1)
        within = tf.argmax(here[:, ::-1] if back else here, axis=1)
        return tf.cast(at * each + within, tf.int32)

    last = tf.where(tf.reduce_any(recorded, axis=1), size - before(back=True), 0)
    return tf.stack([before(back=False), last], axis=1)


def _joined(blocks: list) -> Window | tf.Tensor:
    if isinstance(blocks[0], dict):
        return {name: _joined([block[name] for block in blocks]) for name in blocks[0]}
    return tf.constant(np.concatenate(blocks))
