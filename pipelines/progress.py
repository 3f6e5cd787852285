"""How far a local job is, across its worker processes, shown as bars.

A worker appends one byte a window to a small file per stage beside the shards; a file's size is
the count. Appends of a byte are atomic, cost a microsecond, and outlive any process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from pipelines.files import is_local

_FOLDER = ".progress"
STAGES = (("inspected", "listed", "Inspecting"), ("made", "planned", "Writing"))


def tick(output: str, stage: str, windows: int = 1) -> None:
    """Count windows of a stage, if the job writes to a local folder that shows progress."""
    if not is_local(output):
        return
    with contextlib.suppress(FileNotFoundError), open(f"{output}/{_FOLDER}/{stage}", "ab", 0) as f:
        f.write(b"." * windows)


def _count(output: str, stage: str) -> int:
    try:
        return os.stat(f"{output}/{_FOLDER}/{stage}").st_size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def shown(output: str, quiet: bool) -> Iterator[None]:
    """Show the bars while the block runs: windows done, rate and time left."""
    if not is_local(output):
        yield
        return
    folder = Path(output, _FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(output, done, quiet), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        shutil.rmtree(folder, ignore_errors=True)


def _watch(output: str, done: threading.Event, quiet: bool) -> None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>7.0f} windows/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        tasks = {s[0]: bars.add_task(s[2], total=None, rate=0.0, start=False) for s in STAGES}
        last = False
        while not last:
            last = done.wait(0.2)
            for stage, total, _ in STAGES:
                _refresh(bars, tasks[stage], _count(output, stage), _count(output, total))


def _refresh(bars, task_id, completed: int, total: int) -> None:
    task = bars.tasks[task_id]
    if completed and not task.started:
        bars.start_task(task_id)
    if completed > task.completed:
        rate = completed / task.elapsed if task.elapsed else 0.0
        bars.update(task_id, completed=completed, total=total or None, rate=rate)
