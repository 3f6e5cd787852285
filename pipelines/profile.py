"""What a recipe's sources hold, collected in one pass before anything is written."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from pipelines.inspection import clipped_share, read_and_inspect
from pipelines.prepare import Record
from pipelines.profile_statistics import summary
from pipelines.profile_tally import Measured, Tally
from pipelines.profile_warnings import warnings_of
from pipelines.reference import Inspected, Reference, Rejected
from pipelines.sources import list_parts, list_windows
from pipelines.split import assign_split
from pipelines.split_lists import check_lists
from schemas.errors import UserError
from schemas.recipe import Recipe, Source
from schemas.snr import snr_db
from schemas.window import COMPONENTS

# Windows that a worker reads at a time: so small that all are busy to the end.
_BATCH = 64
# Batches that wait for a worker: listing must not run ahead of reading.
_AHEAD = 4


def profile(
    recipe: Recipe,
    inspecting: bool = False,
    workers: int = 1,
    progress: Callable[[int], None] = lambda windows: None,
) -> dict[str, Any]:
    """Return the profile of a recipe's sources as plain JSON, the same for any `workers`.

    Memory holds no references: see `pipelines.profile_tally`.

    Args:
        recipe: the recipe.
        inspecting: read the samples too, and leave out what the recipe refuses.
        workers: processes; they share the parts of the sources or, `inspecting`, the windows.
        progress: called with the number of rows that are done.

    Raises:
        UserError: a mistake in the recipe, or a worker that died.
    """
    check_lists(recipe.split)
    whole = Tally()
    for tally in _run(_jobs(recipe, inspecting), workers):
        whole.merge(tally)
        progress(whole.listed)
    made = summary(whole, recipe, inspecting)
    return {**made, "warnings": warnings_of(made, recipe)}


def _jobs(recipe: Recipe, inspecting: bool) -> Iterator[Callable[[], Tally]]:
    for source, options in list_parts(recipe):
        if not inspecting:
            yield partial(_listed, recipe, source, options)
            continue
        items = list_windows(recipe, source, options)
        while batch := list(islice(items, _BATCH)):
            yield partial(_read, recipe, batch)


def _run(jobs: Iterable[Callable[[], Tally]], workers: int) -> Iterator[Tally]:
    """Yield what the jobs return, in their order, from so many processes."""
    if workers == 1:
        yield from (job() for job in jobs)
        return
    # Started anew: HDF5 and TLS connections do not survive a fork.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            waiting: deque = deque()
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(f"--workers: one of {workers} died; is there memory for them?") from None


def _listed(recipe: Recipe, source: Source, options: Any) -> Tally:
    """Count what one part of a source lists."""
    tally = Tally()
    for item in list_windows(recipe, source, options):
        if isinstance(item, Rejected):
            tally.refuse(item)
            continue
        try:
            tally.add(item, assign_split(item, recipe))
        except UserError as error:
            tally.refuse(Rejected(item.base_id, "inspect", str(error)))
    return tally


def _read(recipe: Recipe, items: list[Reference | Rejected]) -> Tally:
    """Read and count some windows."""
    tally = Tally()
    for item in items:
        read = item if isinstance(item, Rejected) else read_and_inspect(item, recipe)
        if isinstance(read, Rejected):
            tally.refuse(read)
        else:
            inspected = read[0]
            tally.add(inspected.reference, inspected.split, measured(*read))
    return tally


def measured(inspected: Inspected, record: Record, window: dict[str, np.ndarray]) -> Measured:
    """Return what a window's samples say; the SNR is that of its first event.

    Args:
        inspected: the reference, its live components and its SNR.
        record: the record as it was read, which clipping is told from.
        window: cut from it.
    """
    values = {}
    if inspected.snr_db:
        rate, p_sample = float(window["sampling_rate_hz"]), window["event_p_sample"][0]
        values["snr_db"] = inspected.snr_db[0]
        for column, letter in enumerate(COMPONENTS):
            one = slice(column, column + 1)
            samples, valid = window["waveform"][:, one], window["valid"][:, one]
            values[f"snr_{letter.lower()}_db"] = snr_db(samples, valid, p_sample, rate)
    valid = window["valid"][:, [COMPONENTS.index(letter) for letter in inspected.live]]
    if valid.size:
        begun, ending = (np.maximum.accumulate(v, axis=0) for v in (valid, valid[::-1]))
        values["missing_share"] = 1.0 - float(valid.mean())
        values["gap_share"] = float((begun & ending[::-1] & ~valid).mean())
    values["clipped_share"] = clipped_share(record.samples, record.valid)
    return Measured(inspected.live, values)
