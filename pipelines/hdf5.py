"""HDF5 as the sources read it: a few open files a process, and nothing followed out of a file.

A data set is reached by hard links only. External links, soft links, virtual data sets and
external storage could name any other file of the machine, so they are refused.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from math import prod
from typing import Any

import h5py
import numpy as np

from pipelines import files
from schemas.errors import UserError

# A trace is some kB to some MB; what declares more is damaged or hostile.
MAX_BYTES = 1 << 30
_MAX_OPEN = 8
_lock = threading.RLock()  # held while a file is in use, so that none is closed under a reader
_open: OrderedDict[str, tuple[tuple, h5py.File, Any]] = OrderedDict()

_INDEX = re.compile(r"(?P<at>\d{1,15})|(?P<start>\d{0,15}):(?P<stop>\d{0,15})", re.ASCII)


def split_slices(name: str) -> tuple[str, tuple[slice, ...]]:
    """Split ``block$12,:3,:1200`` into a data set's name and slices; a plain name has none."""
    if not name:
        raise UserError("trace_name: is empty")
    block, dollar, rest = name.partition("$")
    slices = []
    for part in rest.split(",") if dollar else ():
        match = _INDEX.fullmatch(part.strip())
        if not match:
            raise UserError(f"trace_name: got {name!r}, expected such as block$12,:3,:1200")
        at, start, stop = match["at"], match["start"], match["stop"]
        first = int(at or start or 0)
        last = first + 1 if at else int(stop) if stop else None
        if last is not None and last <= first:
            raise UserError(f"trace_name: got {name!r}, whose part {part.strip()} is empty")
        slices.append(slice(first, last))
    return block, tuple(slices)


def read(path: str, name: str, slices: tuple[slice, ...] = ()) -> np.ndarray:
    """Return a numeric data set as float64, or a part of it; every axis is kept.

    Raises:
        UserError: the file cannot be read, the data set is missing, too large, not numeric, or
            lies outside the file.
    """
    with _opened(path) as file:
        found = _find(file, name, path)
        if found.dtype.kind not in "fiu":
            raise UserError(f"{path}: {name}: got {found.dtype}, expected numbers")
        where = _within(found.shape, slices, f"{path}: {name}")
        _check_size(found, where, f"{path}: {name}")
        with np.errstate(invalid="ignore"):  # what is not finite is refused when prepared
            return np.asarray(found[where], np.float64)


def scalar(path: str, name: str) -> str:
    """Return a data set of one value as text.

    Raises:
        UserError: as `read`, or it holds more than one value.
    """
    with _opened(path) as file:
        found = _find(file, name, path)
        # Objects that are no strings are refused: HDF5 crashes on some damaged ones.
        words = h5py.check_string_dtype(found.dtype) is not None
        numbers = found.dtype.kind in "fiu"
        if found.size != 1 or not (words or numbers) or found.dtype.itemsize > 1000:
            got = f"{found.dtype} {found.shape}"
            raise UserError(f"{path}: {name}: got {got}, expected one text or number")
        _check_size(found, _within(found.shape, (), path), f"{path}: {name}")
        value = np.asarray(found[()]).reshape(-1)[0]
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _find(file: h5py.File, name: str, path: str) -> h5py.Dataset:
    """Walk to a data set level by level, by hard links."""
    node: Any = file
    for part in name.split("/"):
        if part in {"", ".", ".."}:
            raise UserError(f"{path}: got the name {name!r}, expected names between the '/'")
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise UserError(f"{path}: {name} is missing")
        if not isinstance(link, h5py.HardLink):
            raise UserError(
                f"{path}: {name}: got a link elsewhere ({type(link).__name__}), "
                f"expected data in the file itself"
            )
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.shape is None:
        raise UserError(f"{path}: {name}: got no samples, expected a data set")
    if node.is_virtual or node.external:
        raise UserError(f"{path}: {name}: its data lie in other files, expected them in this one")
    return node


def _within(shape: tuple[int, ...], slices: tuple[slice, ...], what: str) -> tuple[slice, ...]:
    """Complete slices by a shape; refuse what lies outside it, which NumPy would cut short."""
    if len(slices) > len(shape):
        raise UserError(f"{what}: got {len(slices)} slices for the shape {shape}")
    whole = (slice(0, None),) * (len(shape) - len(slices))
    filled = []
    for axis, (part, size) in enumerate(zip((*slices, *whole), shape)):
        stop = size if part.stop is None else part.stop
        if not part.start <= stop <= size:
            raise UserError(f"{what}: axis {axis}: got {part.start}:{stop}, it ends at {size}")
        filled.append(slice(part.start, stop))
    return tuple(filled)


def _check_size(found: h5py.Dataset, where: tuple[slice, ...], what: str) -> None:
    """Refuse what would fill the memory: the part that is read, or one chunk of it."""
    count = prod(part.stop - part.start for part in where)
    size = max(count, prod(found.chunks or ())) * found.dtype.itemsize
    if size > MAX_BYTES:
        raise UserError(f"{what}: declares {size} bytes, expected at most {MAX_BYTES}")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[h5py.File]:
    """Lend an open file; the last few stay open, unless they change on disk."""
    with _lock, files.reading(path):
        stamp = _stamp(path)
        held = _open.get(path)
        if held is None or held[0] != stamp:
            _close(_open.pop(path, None))
            source = files.local_copy_or_open(path)
            _open[path] = (stamp, h5py.File(source, "r", locking="best-effort"), source)
            while len(_open) > _MAX_OPEN:
                _close(_open.popitem(last=False)[1])
        _open.move_to_end(path)
        yield _open[path][1]


def _stamp(path: str) -> tuple:
    if not files.is_local(path):
        return ()
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _close(held: tuple[tuple, h5py.File, Any] | None) -> None:
    for item in held[1:] if held else ():
        if hasattr(item, "close"):
            with contextlib.suppress(Exception):  # it may have been cut short meanwhile
                item.close()
