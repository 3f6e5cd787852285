"""A lean feed for tests, and which stored windows are in its batches, by their samples alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipelines.publish import stored_recipe
from pipelines.runner import augment
from schemas.recipe import Recipe
from tests.builders import RATE
from tests.jobs import data_folder, job_recipe, windows, with_parts

SIZE = int(8 * RATE)
SHIFT = {"random_shift": {"length_s": 8, "mode": "full"}}


def feed_folder(base: Path, **parts) -> Path:
    """Write shards of recorded samples, each window once, and return their folder."""
    recipe = job_recipe(data_folder(base / "data"), offline=[], copies={}, **parts)
    augment(recipe, str(base / "out"), quiet=True)
    return base / "out"


def lean(folder: Path, **parts) -> Recipe:
    """Return a recipe whose feed is traced fast, and whose inputs are recorded samples."""
    given = {"online": [SHIFT], "targets": ["detection"], "normalise": "none", **parts}
    return with_parts(stored_recipe(str(folder)), **given)


class Stored:
    """The windows of a split, to be found again by their samples."""

    def __init__(self, folder: Path, split: str = "train") -> None:
        """Read them."""
        self.windows = {w["window_id"].item().decode(): w for w in windows(folder, f"*-{split}.*")}
        self._at = defaultdict(list)
        for name, window in self.windows.items():
            for place, sample in enumerate(window["waveform"][: 1 - SIZE]):
                self._at[sample.tobytes()].append((name, place))

    def find(self, inputs: Iterable[np.ndarray]) -> list[tuple[str, int]]:
        """Return the id of each input's window, and the sample that it was cut at."""
        found = []
        for crop in inputs:
            (one,) = (
                (name, place)
                for name, place in self._at[crop[0].tobytes()]
                if np.array_equal(self.windows[name]["waveform"][place : place + SIZE], crop)
            )
            found.append(one)
        return found


def by_epochs(batches: Iterable, windows_each: int) -> list[np.ndarray]:
    """Return the inputs of each epoch, stacked; fails if a batch holds windows of two."""
    epochs, held = [], []
    for inputs, *_ in batches:
        held.append(inputs)
        if sum(map(len, held)) >= windows_each:
            epochs.append(np.concatenate(held))
            assert len(epochs[-1]) == windows_each
            held = []
    assert not held
    return epochs


def sorted_rows(array: np.ndarray) -> np.ndarray:
    """Return a stack's rows in an order of their content, to compare sets of windows."""
    return np.stack(sorted(array, key=lambda row: row.tobytes()))
