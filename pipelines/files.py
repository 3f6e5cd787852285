"""Files wherever they lie: local paths and every URL that fsspec knows."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import posixpath
import uuid
from collections.abc import Iterator
from typing import BinaryIO

import fsspec

from schemas.errors import UserError


def expand(path: str, field: str) -> str:
    """Return a path with its ``${VARIABLES}`` and ``~`` filled in from the environment."""
    full = os.path.expanduser(os.path.expandvars(path))
    if "${" in full:
        missing = full.split("${", 1)[1].split("}", 1)[0]
        raise UserError(f"{field}: {path}: the environment variable {missing} is not set")
    return full


def is_local(path: str) -> bool:
    """Whether a path lies on this machine's own file system."""
    return "://" not in path


def absolute(path: str) -> str:
    """Return a local path from the root on, for workers with folders of their own."""
    return os.path.abspath(path) if is_local(path) else path


def local_copy_or_open(path: str) -> str | BinaryIO:
    """Return what libraries open best: the path itself if local, else an open file."""
    if is_local(path):
        return path
    return fsspec.open(path, "rb").open()


def exists(path: str) -> bool:
    """Whether a file or folder is there.

    Raises:
        UserError: the place does not answer.
    """
    try:
        files, inner = fsspec.core.url_to_fs(path)
        return files.exists(inner)
    except Exception as error:  # every file system raises its own
        raise UserError(f"{path}: cannot be reached: {first_line(error)}") from None


def read_bytes(path: str) -> bytes:
    """Return a whole file.

    Raises:
        UserError: it is missing or cannot be read.
    """
    with reading(path), fsspec.open(path, "rb") as file:
        return file.read()


def read_text(path: str) -> io.StringIO:
    """Return a whole UTF-8 text file, for `csv.DictReader`."""
    try:
        return io.StringIO(read_bytes(path).decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None


def join(root: str, name: str, field: str) -> str:
    """Return a file of `root`, refusing a name that leaves it.

    Raises:
        UserError: the name is absolute, has ``..`` in it, or follows a link out of `root`.
    """
    parts = name.replace("\\", "/").split("/")
    if not name or "\0" in name or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise UserError(f"{field}: got {name!r}, expected a path inside {root}")
    path = posixpath.join(root, name)
    if is_local(root):
        home = os.path.realpath(root)
        if os.path.commonpath([home, os.path.realpath(path)]) != home:
            raise UserError(f"{field}: got {name!r}, which leads out of {root}")
    return path


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever a reading library raises into one line that names the file."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{what}: no such file") from None
    except Exception as error:  # readers of damaged files raise anything
        raise UserError(f"{what}: cannot be read: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """Return an error's text on one line, or its type if it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


PART = ".part-"


class HashedFile:
    """A binary file that keeps the digest and size of what passes through it."""

    def __init__(self, file: BinaryIO) -> None:
        """Wrap an open file."""
        self.file, self.sha, self.bytes = file, hashlib.sha256(), 0

    def _pass(self, data: bytes) -> None:
        self.sha.update(data)
        self.bytes += len(data)

    def write(self, data: bytes) -> None:
        """Write data."""
        self.file.write(data)
        self._pass(data)

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        data = self.file.read(size)
        self._pass(data)
        return data


@contextlib.contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """Open a file that appears under its name whole, or not at all.

    It is written aside as ``.part-…`` in the same folder and renamed; a process that is killed
    leaves at most the part, which `remove_parts` takes away.

    Raises:
        UserError: the place cannot be written to.
    """
    files, inner = fsspec.core.url_to_fs(path)
    folder, name = posixpath.split(inner)
    part = posixpath.join(folder, f"{PART}{name}-{uuid.uuid4().hex}")
    try:
        files.makedirs(folder, exist_ok=True)
        with files.open(part, "wb") as file:
            yield file
            if is_local(path):
                file.flush()
                os.fsync(file.fileno())
        if is_local(path):
            os.replace(part, inner)
        else:
            files.mv(part, inner)
    except BaseException as error:
        with contextlib.suppress(Exception):
            files.rm(part)
        if isinstance(error, OSError):
            raise UserError(f"{path}: cannot be written: {first_line(error)}") from error
        raise


def write_text(path: str, text: str) -> None:
    """Write a whole UTF-8 text file, atomically."""
    with writing(path) as file:
        file.write(text.encode())


def names_in(folder: str) -> list[str]:
    """Return the names in a folder, sorted; none if it does not exist."""
    files, inner = fsspec.core.url_to_fs(folder)
    try:
        found = files.ls(inner, detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(posixpath.basename(name.rstrip("/")) for name in found)


def remove(path: str) -> None:
    """Remove a file or a folder with what is in it, if it is there."""
    files, inner = fsspec.core.url_to_fs(path)
    with contextlib.suppress(FileNotFoundError):
        files.rm(inner, recursive=True)


def remove_parts(folder: str) -> None:
    """Remove what killed writers left behind in a folder."""
    for name in names_in(folder):
        if name.startswith(PART):
            remove(posixpath.join(folder, name))
