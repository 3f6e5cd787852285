"""Which windows synthetic ones are made between: imbalanced-learn chooses, in a feature space.

The features of a window are told from its first event, aligned at P:

- the envelope: log10 rms of the live components in 12 frames of a second, from a second before
  P on, over that of the whole;
- the spectrum: log10 power in the octaves below Nyquist, over their sum, of 8 s from P on;
- log10 of S-P in seconds, and the magnitude.

Each is scaled to a spread of one over the windows, and each of the three groups counts the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pipelines.balance import number_of
from pipelines.reference import Inspected, stable_hash, unit_hash
from pipelines.rows import Row, inspected_of, row_of
from pipelines.synthetic import synthetic
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.window import P, S

# Windows of each class that neighbours are looked for among; those of the lowest hash.
MOST = 20_000
_FRAMES, _FIRST_FRAME_S = 12, -1.0
_OCTAVES, _SPECTRUM_S = 6, 8.0
_GROUPS = (_FRAMES, _OCTAVES, 2)
_FLOOR = 1e-6


class Featured(NamedTuple):
    """A window that may be a parent, or for `adasyn` a neighbour of another class."""

    order: float
    base_id: str
    minority: bool
    features: tuple[float, ...]
    row: Row


def featured(inspected: Inspected, window: dict[str, np.ndarray], recipe: Recipe) -> list[Featured]:
    """Return a window with its features, if synthesis has a use for it.

    Args:
        inspected: the reference.
        window: as `read_window` returns it.
        recipe: its `synthesis`.
    """
    rule, reference = recipe.synthesis, inspected.reference
    if rule is None or inspected.split != "train" or reference.kind != "event":
        return []
    phases = sorted(pick.phase for pick in reference.picks)
    picked = np.isin((P, S), window["pick_phase"]).all()
    if len(reference.events) != 1 or phases != ["P", "S"] or not picked:
        return []
    limits = rule.minority.items()
    # What is not known is in no class.
    rare = all(low <= number_of(inspected, name) < high for name, (low, high) in limits)
    if not rare and rule.method == "smote":
        return []
    order = unit_hash("synthesis", reference.base_id)
    return [Featured(order, reference.base_id, rare, features_of(window), row_of(inspected))]


def features_of(window: dict[str, np.ndarray]) -> tuple[float, ...]:
    """Return the features of a window with P and S; see the module."""
    rate, p = float(window["sampling_rate_hz"]), round(float(window["event_p_sample"][0]))
    wave = np.where(window["valid"], window["waveform"], 0.0).astype(np.float64)
    frame = round(rate)
    first = p + round(_FIRST_FRAME_S * rate)
    power = np.square(_from(wave, first, _FRAMES * frame)).sum(axis=1)
    envelope = np.sqrt(power.reshape(_FRAMES, frame).mean(axis=1))
    part = _from(wave, p, round(_SPECTRUM_S * rate))
    spectrum = np.square(np.abs(np.fft.rfft(part * np.hanning(len(part))[:, None], axis=0)))
    edges = len(spectrum) / 2.0 ** np.arange(_OCTAVES, -1, -1)
    octaves = np.diff(np.concatenate([[0.0], np.cumsum(spectrum.sum(axis=1))])[edges.astype(int)])
    delay_s = float(window["event_s_sample"][0] - window["event_p_sample"][0]) / rate
    labels = (np.log10(delay_s), float(window["event_magnitude"][0]))
    return tuple(map(float, (*_relative(envelope), *_relative(octaves), *labels)))


def _from(wave: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return [count, C] from a sample on, zero beyond the ends."""
    padded = np.pad(wave, ((max(-first, 0), max(first + count - len(wave), 0)), (0, 0)))
    return padded[max(first, 0) :][:count]


def _relative(values: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(values / max(values.sum(), np.finfo(float).tiny), _FLOOR))


def synthesised(windows: Iterable[Featured], recipe: Recipe) -> list[Inspected]:
    """Return the plans of synthetic windows, the same in whatever order the windows come.

    Raises:
        UserError: the minority is too small, or `adasyn` finds no other class beside it.
    """
    found = sorted(windows, key=lambda window: (not window.minority, window.base_id))
    rule, rare = recipe.synthesis, sum(window.minority for window in found)
    if rare < 2:
        raise UserError(
            f"synthesis.minority: got {rare} windows of train with one event, P and S, "
            f"expected at least 2"
        )
    number = rule.number or max(round(rule.share * rare), 1)
    made = []
    for first, second, share in _chosen(found, rare, number, recipe):
        parents = (inspected_of(found[place].row) for place in (first, second))
        item = synthetic(*parents, share, recipe)
        if item.live:
            made.append(item)
    return made


def _chosen(
    found: list[Featured], rare: int, number: int, recipe: Recipe
) -> list[tuple[int, int, float]]:
    """Return (first, second, share of the second) of each window that imbalanced-learn makes.

    It returns points, not what they are made of. So it is given the unit vectors, with
    neighbours that are found among the features: a point between two of them names both.
    """
    from imblearn.over_sampling import ADASYN, SMOTE
    from scipy import sparse

    features = _scaled(np.array([window.features for window in found]))
    labels = np.array([window.minority for window in found] + [False], int)
    # The last is no window: both ask for another class, and SMOTE looks at none of it.
    features = np.vstack([features, np.full(features.shape[1], 1e3)])
    near = min(recipe.synthesis.neighbours, rare - 1)
    neighbours = _neighbours(features, near + 1)
    settings: dict[str, Any] = {
        "sampling_strategy": {1: rare + number},
        "random_state": stable_hash(recipe.seed, "synthesis") % 2**32,
    }
    if recipe.synthesis.method == "smote":
        sampler = SMOTE(k_neighbors=neighbours, **settings)
    else:
        sampler = ADASYN(n_neighbors=neighbours, **settings)
    units = sparse.identity(len(features), format="csr")
    try:
        points, _ = sampler.fit_resample(units, labels)
    except (RuntimeError, ValueError):
        raise UserError(
            f"synthesis.method: adasyn: none of {rare} windows of the minority has another class "
            f"near it; smote asks for none"
        ) from None
    chosen = []
    for point in points[len(features) :]:
        places = np.unique(point.indices)
        # A twin may be its own neighbour.
        if len(places) == 2:
            first, second = map(int, places)
            chosen.append((first, second, float(point[0, second])))
    return chosen


def _scaled(features: np.ndarray) -> np.ndarray:
    known = np.where(np.isnan(features).all(axis=0), 0.0, features)
    spread = np.nanstd(known, axis=0)
    scaled = (known - np.nanmean(known, axis=0)) / np.where(spread > 0, spread, 1.0)
    # A magnitude that is not known is none that tells windows apart.
    scaled = np.nan_to_num(scaled)
    return scaled / np.sqrt(np.repeat(_GROUPS, _GROUPS))


def _neighbours(features: np.ndarray, number: int) -> Any:
    """Return neighbours of unit vectors: those of the features that they stand for."""
    from sklearn.neighbors import NearestNeighbors

    class OfUnits(NearestNeighbors):
        def __init__(self, features: np.ndarray, n_neighbors: int) -> None:
            # One core and no matrix products: the same distances on any machine.
            super().__init__(n_neighbors=n_neighbors, algorithm="kd_tree", n_jobs=1)
            self.features = features

        def fit(self, units, y=None):
            return super().fit(self.features[units.indices])

        def kneighbors(self, units, n_neighbors=None, return_distance=True):
            return super().kneighbors(self.features[units.indices], n_neighbors, return_distance)

    return OfUnits(features, number)
