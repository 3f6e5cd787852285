"""What a profile counts with: histograms with fixed edges, and tables of groups. Both combine."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter

import numpy as np

from pipelines.reference import stable_hash
from schemas.window import SPLITS

# What a magnitude is rounded to for the Gutenberg-Richter fit.
MAGNITUDE_BIN = 0.1
_NO_MAGNITUDE = np.iinfo(np.int16).min
_ROW = [("key", "u8"), ("splits", "u1"), ("named", "u1"), ("magnitude", "i2")]
# Rows that gather before they are folded.
_FOLD_AT = 1 << 16


class Histogram:
    """Counts between edges as `np.histogram` counts them, and what lies outside."""

    def __init__(self, edges: tuple[float, ...]) -> None:
        """Count nothing yet; bin -1 is below the edges, bin ``len(edges) - 1`` above."""
        self.edges, self.bins = edges, Counter()
        self.unknown, self.low, self.high = 0, math.inf, -math.inf

    def add(self, value: float) -> None:
        """Count a value; one that is not finite is unknown."""
        if not math.isfinite(value):
            self.unknown += 1
            return
        last = len(self.edges) - 1
        self.bins[
            last - 1 if value == self.edges[last] else bisect_right(self.edges, value) - 1
        ] += 1
        self.low, self.high = min(self.low, value), max(self.high, value)

    def merge(self, other: Histogram) -> None:
        """Take another one's counts in."""
        self.bins.update(other.bins)
        self.unknown += other.unknown
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)


class Groups:
    """In which splits each event, or each station's day of noise, has windows.

    Rows gather and are folded into one a group: a 64 bit hash of its name, the splits as bits as
    the recipe and as the source names them, and the largest magnitude that it is given.
    """

    def __init__(self) -> None:
        """Know no group yet."""
        self._rows, self._new, self._later, self._waiting = np.empty(0, _ROW), [], [], 0

    def add(self, key: tuple, split: str, named: str, magnitude: float = math.nan) -> None:
        """Note a window of a group; `named` is the source's own split, or empty."""
        tenths = _NO_MAGNITUDE
        if math.isfinite(magnitude) and abs(magnitude) < 100:
            # As decimals are rounded: 2.25 is 2.3, whatever binary fraction stands for it.
            tenths = math.floor(magnitude / MAGNITUDE_BIN + 0.5 + 1e-9)
        self._new.append((stable_hash(*key), _bit(split), _bit(named), tenths))
        self._wait(1)

    def merge(self, other: Groups) -> None:
        """Take another one's groups in."""
        self._later.append(other.rows())
        self._wait(len(self._later[-1]))

    def _wait(self, rows: int) -> None:
        self._waiting += rows
        if self._waiting >= _FOLD_AT:
            self.rows()

    def rows(self) -> np.ndarray:
        """Return one row a group, by key."""
        if self._waiting:
            parts = [self._rows, np.array(self._new, _ROW), *self._later]
            self._rows, self._new, self._later, self._waiting = _folded(parts), [], [], 0
        return self._rows

    def magnitudes(self) -> np.ndarray:
        """Return the magnitude of each group that has one, in whole `MAGNITUDE_BIN`, int64."""
        known = self.rows()["magnitude"]
        return known[known != _NO_MAGNITUDE].astype(np.int64)

    def shared(self, column: str = "splits") -> dict[str, int]:
        """Return how many groups each set of two or more splits has in common."""
        masks, counts = np.unique(self.rows()[column], return_counts=True)
        names = {int(m): [s for s in SPLITS if _bit(s) & int(m)] for m in masks}
        return {", ".join(names[m]): int(n) for m, n in zip(names, counts) if len(names[m]) > 1}


def _bit(split: str) -> int:
    return 1 << SPLITS.index(split) if split else 0


def _folded(parts: list[np.ndarray]) -> np.ndarray:
    """Return one row a key: splits are united, and the largest magnitude counts."""
    rows = np.concatenate(parts)
    rows = rows[np.argsort(rows["key"], kind="stable")]
    first = np.flatnonzero(np.r_[True, rows["key"][1:] != rows["key"][:-1]])
    folded = rows[first]
    for column, unite in (("splits", np.bitwise_or), ("named", np.bitwise_or)):
        folded[column] = unite.reduceat(rows[column], first)
    folded["magnitude"] = np.maximum.reduceat(rows["magnitude"], first)
    return folded
