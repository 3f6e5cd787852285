"""Shards where they lie: local paths, ``s3://``, ``gs://`` and ``http(s)://``, checked before use.

TensorFlow reads ``s3://`` (tensorflow-io) and ``gs://`` (its own) as it goes. It is asked for no
``http(s)://``: tensorflow-io's reader takes whatever a server without ranges sends for the range
it asked for, follows no redirect, and connects anew for every read. Those shards are copied once.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import http.client
import multiprocessing
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from typing import Any
from urllib.parse import urlsplit

import fsspec
import tensorflow as tf

from pipelines import files
from pipelines.feed_copies import copied, reason
from schemas.errors import UserError

SCHEMES = ("", "file", "s3", "gs", "http", "https")
# For an endpoint to say anything, and for TensorFlow to find a shard, which may have to look for
# credentials first.
ANSWER_S, FIND_S = 5.0, 30.0
_AT_ONCE = 8
# Else tensorflow-io waits five minutes for a connection and tries eleven times. The user's own
# values stand; the two of AWS hold for s3fs too.
_S3_PATIENCE = {
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "3",
    "S3_CONNECT_TIMEOUT_MSEC": "5000",
    "S3_REQUEST_TIMEOUT_MSEC": "30000",
}


def readable(paths: list[str]) -> list[str]:
    """Return what `tf.data.TFRecordDataset` opens for the shards of one folder.

    The paths themselves, but for ``http(s)://``: those shards are copied to a temporary folder
    (``TMPDIR``), once a process unless they change, and it is removed at exit.

    Raises:
        UserError: a shard is missing, the endpoint does not answer or refuses, there is no room for
            a copy, or TensorFlow does not read the scheme.
    """
    if not paths:
        return []
    check_endpoint(paths[0])
    scheme = _scheme(paths[0])
    if scheme in ("http", "https"):
        return _each(copied, paths)
    if scheme not in ("s3", "gs"):
        return [_on_disk(path) for path in paths]
    if scheme == "s3":
        _register_s3()
    try:
        return _each(_found, paths, FIND_S)
    except TimeoutError as error:
        folder, endpoint = os.path.dirname(paths[0]), _endpoint(paths[0])
        raise UserError(f"{folder}: {endpoint}: TensorFlow gets {error}") from None


def check_endpoint(path: str) -> None:
    """Refuse a folder or file whose endpoint does not answer, before others wait for it.

    fsspec and TensorFlow try again for a minute or more, and then call it a missing file.

    Raises:
        UserError: it does not answer within seconds, or TensorFlow does not read the scheme.
    """
    endpoint = _endpoint(path)
    if not endpoint:
        return
    try:
        # In a thread: looking up a name takes a time of its own.
        status = _each(_status, [endpoint], 2 * ANSWER_S)[0]
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UserError(f"{path}: {endpoint} does not answer: {reason(error)}") from None
    # A web server's front page may be out of order; what is asked of a store's is its state.
    if status >= 500 and _scheme(path) in ("s3", "gs"):
        raise UserError(f"{path}: {endpoint} is out of order: it answers {status}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the answer that it is."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _status(url: str) -> int:
    # Whoever answers will do: what is read comes later, over connections that are verified.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=ANSWER_S) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def _scheme(path: str) -> str:
    return "" if files.is_local(path) else path.partition("://")[0]


def _endpoint(path: str) -> str:
    """Return the URL of who serves a path; none for local ones."""
    scheme = _scheme(path)
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES[1:])
        raise UserError(f"{path}: got {scheme}://, expected a local path or one of {known}")
    if scheme == "s3":
        return _s3_endpoint(path)
    if scheme == "gs":
        return os.environ.get("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"
    return f"{scheme}://{urlsplit(path).netloc}" if scheme in ("http", "https") else ""


def _s3_endpoint(path: str) -> str:
    """Return S3's endpoint, and let tensorflow-io ask the one that s3fs asks, in its region."""
    for name, value in _S3_PATIENCE.items():
        os.environ.setdefault(name, value)
    if "S3_ENDPOINT" not in os.environ:
        with files.reading(path):
            asked = fsspec.core.url_to_fs(path)[0].s3.meta
        os.environ["S3_ENDPOINT"] = asked.endpoint_url
        if "AWS_REGION" not in os.environ:
            os.environ.setdefault("AWS_DEFAULT_REGION", asked.region_name)
    return os.environ["S3_ENDPOINT"]


def _each(
    call: Callable[[str], Any], paths: list[str], patience_s: float | None = None
) -> list[Any]:
    """Return a call's results for all paths, several at once; `patience_s` is for each of them.

    The threads are daemons: one that TensorFlow never returns from holds nobody up.
    """
    with ThreadPool(min(_AT_ONCE, len(paths))) as pool:
        results = pool.imap(call, paths)
        try:
            return [results.next(patience_s) for _ in paths]
        except multiprocessing.TimeoutError:
            raise TimeoutError(f"no answer within {patience_s:g} s") from None


def _on_disk(path: str) -> str:
    if not os.path.isfile(path.removeprefix("file://")):
        raise UserError(f"{path}: no such file")
    return path


def _found(path: str) -> str:
    try:
        tf.io.gfile.stat(path)
    except tf.errors.OpError:
        # To tensorflow-io's `stat` every failure is a missing file; reading says which it is.
        try:
            tf.io.gfile.GFile(path, "rb").read(1)
        except tf.errors.NotFoundError:
            raise UserError(f"{path}: no such file at {_endpoint(path)}") from None
        except tf.errors.OpError as error:
            cause = f"{type(error).__name__}: {files.first_line(error)}"
            raise UserError(f"{path}: {_endpoint(path)} does not give it: {cause}") from None
    return path


@functools.cache
def _register_s3() -> None:
    import tensorflow_io  # noqa: F401  registers the file system

    if sys.platform == "linux":
        # At Python's exit, so that it comes before whatever C++ registered until then.
        atexit.register(_skip_static_destructors)


def _skip_static_destructors() -> None:
    """Let the process end with its own code: tensorflow-io 0.37 aborts in its destructors for S3.

    Once Python has ended and flushed stdout and stderr, the C library calls `_exit` with the exit
    code: what was registered last comes first, so no destructor runs.
    """
    libc = ctypes.CDLL(None)
    libc.on_exit(libc._exit, None)
