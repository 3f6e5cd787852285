"""References as rows of plain values: what stages hand on, and what lies in files meanwhile.

A row takes a third of the bytes of a pickled object and a tenth of the time, and marshal, which
the interpreter keeps its own bytecode in, holds nothing that could run. Rows are read by the run
that wrote them, and by no other.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import IO, Any

import numpy as np

from pipelines.reference import Event, Inspected, Pick, Reference

Row = tuple[Any, ...]

_PLAIN = frozenset((str, int, float, bool, bytes, tuple, list, dict, type(None)))
_NAMES = {kind: [f.name for f in fields(kind)] for kind in (Pick, Event, Reference, Inspected)}
_VALUES = {kind: attrgetter(*names) for kind, names in _NAMES.items()}
_PICKS, _EVENTS = (_NAMES[Reference].index(name) for name in ("picks", "events"))


def row_of_reference(reference: Reference) -> Row:
    """Return a reference's values in the order of its fields."""
    row = list(_VALUES[Reference](reference))
    row[_PICKS] = tuple([_VALUES[Pick](pick) for pick in reference.picks])
    row[_EVENTS] = tuple([_VALUES[Event](event) for event in reference.events])
    return _plain(row)


def reference_of(row: Row) -> Reference:
    """Rebuild what `row_of_reference` gave."""
    values = list(row)
    values[_PICKS] = tuple([Pick(*pick) for pick in row[_PICKS]])
    values[_EVENTS] = tuple([Event(*event) for event in row[_EVENTS]])
    return Reference(*values)


def row_of(inspected: Inspected) -> Row:
    """Return an inspected reference's values, its reference's first."""
    reference, *row = _VALUES[Inspected](inspected)
    return (row_of_reference(reference), *_plain(row))


def inspected_of(row: Row) -> Inspected:
    """Rebuild what `row_of` gave."""
    return Inspected(reference_of(row[0]), *row[1:])


def _plain(row: Sequence[Any]) -> Row:
    """Return values with NumPy's numbers as Python's: marshal would take them for bytes."""
    kinds = set(map(type, row))
    if tuple in kinds:
        row = [_plain(value) if type(value) is tuple else value for value in row]
    if not _PLAIN.issuperset(kinds):
        row = [value.item() if isinstance(value, np.generic) else value for value in row]
    return tuple(row)


def write_rows(file: IO[bytes], rows: list[Any]) -> None:
    """Append some rows to a file."""
    data = marshal.dumps(rows)
    file.write(len(data).to_bytes(8, "little"))
    file.write(data)


def read_rows(path: str) -> Iterator[Any]:
    """Yield a file's rows in the order that they were written in."""
    with open(path, "rb") as file:
        while size := file.read(8):
            yield from marshal.loads(file.read(int.from_bytes(size, "little")))
