"""Group rows by key through files of this machine, where Beam's local runner would use memory.

That runner holds all that it groups, and all that one stage leaves for another, as objects. With a
folder to write to, rows go to files by the hash of their key; what Beam sees is the files' names.
Memory is then that of one file in `BUCKETS`, whatever the number of rows. Without a folder these
are Beam's own transforms, and other runners know how to spill. The groups are the same, and in no
order either way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.files import is_local
from pipelines.rows import read_rows, write_rows

BUCKETS = 256
_FOLDER = ".plan"
# Rows that a worker holds before it writes them.
_HELD = 1 << 14

Keyed = tuple[tuple, Any]


@contextlib.contextmanager
def spill_folder(output: str, local: bool) -> Iterator[str]:
    """Give a folder while the block runs: beside a local output, where there is room for it.

    Args:
        output: where the job writes.
        local: whether all workers are of this machine; empty is given if not.
    """
    if not local:
        yield ""
        return
    if not is_local(output):
        with tempfile.TemporaryDirectory(prefix="seismill-") as folder:
            yield folder
        return
    folder = os.path.join(output, _FOLDER)
    # A killed run left its own.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class WriteRows(beam.PTransform):
    """From (key, row) pairs, of one collection or several, to what the other two read.

    Args:
        folder: a folder of this machine; empty to leave it all to Beam.
        name: of the rows, unique in the job.
    """

    folder: str
    name: str

    def expand(self, keyed: Any) -> Any:
        """Write each collection by itself: what is flattened first is held in memory."""
        several = keyed if isinstance(keyed, tuple) else (keyed,)
        if not self.folder:
            return several | beam.Flatten() if len(several) > 1 else several[0]
        written = tuple(
            part | f"Write{n}" >> beam.ParDo(_WriteDoFn(os.path.join(self.folder, self.name)))
            for n, part in enumerate(several)
        )
        return written | beam.Flatten() | "ByBucket" >> beam.GroupByKey()


def each_row(folder: str, do: Callable[..., Iterable[Any]], *sides: Any) -> beam.PTransform:
    """Return what applies a function to each row that was written, and yields what it yields.

    What was written may be read more than once. The reading is in one step with the function,
    and so behind its side inputs: a runner that read ahead would have to hold the rows.

    Args:
        folder: where they were written, or empty.
        do: takes a row and the side inputs.
        sides: side inputs, or plain values.
    """

    # Beam would read hints of this, and take the side inputs for a tuple.
    def run(element, *given):
        pairs = _pairs(element) if folder else (element,)
        for _, row in pairs:
            yield from do(row, *given)

    return beam.FlatMap(run, *sides)


@dataclass
class GroupRows(beam.PTransform):
    """Yield (key, rows) of what was written, every key once."""

    folder: str

    def expand(self, written: Any) -> Any:
        """Group one bucket at a time."""
        if not self.folder:
            return written | beam.GroupByKey()
        return written | beam.FlatMap(_grouped)


def _pairs(bucket: tuple[int, Iterable[str]]) -> Iterator[Keyed]:
    for path in bucket[1]:
        yield from read_rows(path)


def _grouped(bucket: tuple[int, Iterable[str]]) -> Iterator[tuple[tuple, list[Any]]]:
    groups: dict[tuple, list[Any]] = defaultdict(list)
    for key, row in _pairs(bucket):
        groups[key].append(row)
    while groups:
        # Let go of what was handed on.
        yield groups.popitem()


class _WriteDoFn(beam.DoFn):
    """Write a bundle's pairs to a file for each bucket, and yield (bucket, path)."""

    def __init__(self, folder: str) -> None:
        """Keep where to write."""
        self.folder = folder

    def start_bundle(self) -> None:
        """Begin files of this bundle's own: workers write side by side."""
        os.makedirs(self.folder, exist_ok=True)
        self.stem, self.paths = uuid.uuid4().hex, {}
        self.buckets, self.held = defaultdict(list), 0

    def process(self, pair: Keyed) -> None:
        """Hold a pair, and write when there are many."""
        self.buckets[zlib.crc32(repr(pair[0]).encode()) % BUCKETS].append(pair)
        self.held += 1
        if self.held >= _HELD:
            self._write()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Write what is left, and tell the files."""
        self._write()
        window = GlobalWindow()
        for item in self.paths.items():
            yield WindowedValue(item, window.max_timestamp(), (window,))

    def _write(self) -> None:
        for bucket, pairs in self.buckets.items():
            path = os.path.join(self.folder, f"{bucket:03d}-{self.stem}")
            with open(self.paths.setdefault(bucket, path), "ab") as file:
                write_rows(file, pairs)
        self.buckets.clear()
        self.held = 0
