"""Copies of shards that lie behind ``http(s)://``: made once, removed when the process ends."""

from __future__ import annotations

import functools
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from pipelines import files
from schemas.errors import UserError

# Between two pieces of a body.
PATIENCE_S = 20.0

# Of each URL: what its server said of the file, and the copy.
_copies: dict[str, tuple[tuple[str | None, ...], str]] = {}


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="seismill-shards-")


def copied(url: str) -> str:
    """Return the local copy of a URL, made now unless the one that is there has not changed.

    Raises:
        UserError: it is missing or refused, ends early, or there is no room for it.
    """
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            said = tuple(answer.headers[key] for key in ("Content-Length", "ETag", "Last-Modified"))
            before, copy = _copies.get(url, (None, ""))
            if said != before or not any(said[1:]):
                copy = _copy(answer, url)
                _copies[url] = said, copy
            return copy
    except urllib.error.HTTPError as error:
        host = urlsplit(url).netloc
        what = f"no such file at {host}" if error.code in (404, 410) else f"{host} refuses: {error}"
        raise UserError(f"{url}: {what}") from None
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"{url}: cannot be copied: {reason(error)}") from None


def _copy(answer: http.client.HTTPResponse, url: str) -> str:
    size, folder = answer.length, _folder().name
    free = shutil.disk_usage(folder).free
    if size is not None and size > free:
        raise UserError(f"{url}: its copy needs {size} bytes, and {folder} (TMPDIR) has {free}")
    # A name of its own: an earlier copy may still be read.
    handle, path = tempfile.mkstemp(dir=folder)
    try:
        with open(handle, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
        got = os.path.getsize(path)
        if size is not None and got != size:
            raise UserError(f"{url}: ended after {got} of {size} bytes")
    except BaseException:
        os.remove(path)
        raise
    return path


def reason(error: BaseException) -> str:
    """Return what urllib's errors have as their cause, on one line."""
    return files.first_line(getattr(error, "reason", None) or error)
