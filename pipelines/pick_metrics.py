"""How good picks are: peaks of a probability curve, matched one to one with the true picks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks

# s; so that 0.1 s are within 0.1 s, whatever binary fractions make of times such as 24.7 s.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Score:
    """What came of matching; a ratio or a residual of nothing is NaN.

    Args:
        precision: matched over predicted picks.
        recall: matched over true picks.
        f1: their harmonic mean.
        mean_s: mean of the matched picks' residuals, predicted - true, s.
        std_s: standard deviation of these about their mean, s.
        matched: pairs of a predicted and a true pick.
        predicted: all predicted picks.
        true: all true picks.
    """

    precision: float
    recall: float
    f1: float
    mean_s: float
    std_s: float
    matched: int
    predicted: int
    true: int


def find_picks(
    probability: np.ndarray, threshold: float, min_distance_samples: float
) -> np.ndarray:
    """Return the samples, int [N] ascending, where a curve [T] peaks.

    Args:
        probability: of a phase at each sample. A peak may be its first or last sample; of a
            plateau, the middle is taken.
        threshold: least probability of a peak.
        min_distance_samples: least distance of two peaks, at least 1; of closer ones the highest
            stays.
    """
    # An end is a peak if what would follow it is lower.
    padded = np.pad(np.asarray(probability, float), 1, constant_values=-np.inf)
    return find_peaks(padded, height=threshold, distance=min_distance_samples)[0] - 1


def match(predicted: np.ndarray, true: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the residuals, predicted - true, of a window's matched picks.

    Each pick is in one pair at most. There are as many pairs as can be, and of all ways to have so
    many, the one with the least sum of absolute residuals is taken.

    Args:
        predicted: times [N], s.
        true: times [M], s.
        tolerance: largest absolute residual of a pair, s.
    """
    residuals = np.subtract.outer(np.asarray(predicted, float), np.asarray(true, float))
    cost = np.abs(residuals)
    within = cost <= tolerance + _ROUNDING
    # One pair out of reach costs more than all that could be within it.
    pairs = linear_sum_assignment(np.where(within, cost, (min(cost.shape) + 1) * (tolerance + 1)))
    return residuals[pairs][within[pairs]]


def score(predicted: Sequence[np.ndarray], true: Sequence[np.ndarray], tolerance: float) -> Score:
    """Score the picks of one phase in some windows; each sequence has an array of times a window.

    Args:
        predicted: times of each window's predicted picks, s.
        true: times of each window's true picks, s; none in a noise window, where all that is
            predicted is false.
        tolerance: largest absolute residual of a match, s.

    Raises:
        ValueError: the two are not of as many windows.
    """
    windows = list(zip(predicted, true, strict=True))
    residuals = np.concatenate([[], *(match(a, b, tolerance) for a, b in windows)])
    claimed, real = (sum(len(picks) for picks in side) for side in (predicted, true))
    found = len(residuals)
    return Score(
        precision=_ratio(found, claimed),
        recall=_ratio(found, real),
        f1=_ratio(2 * found, claimed + real),
        mean_s=float(residuals.mean()) if found else np.nan,
        std_s=float(residuals.std()) if found else np.nan,
        matched=found,
        predicted=claimed,
        true=real,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
