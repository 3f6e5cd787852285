"""What a profile says of its counts: quantiles, the Gutenberg-Richter fit, all as plain JSON."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from pipelines.profile_counts import MAGNITUDE_BIN, Histogram
from pipelines.profile_tally import AXES, LISTED, Axis, Tally
from schemas.recipe import Recipe
from schemas.window import KINDS, SPLITS

QUANTILES = {"p5": 0.05, "median": 0.5, "p95": 0.95}
# With fewer complete events no slope is given: Woessner & Wiemer (2005) ask for as many.
MIN_EVENTS = 50


def summary(tally: Tally, recipe: Recipe, inspected: bool) -> dict[str, Any]:
    """Return a tally as plain JSON.

    Args:
        tally: the counts.
        recipe: whose sources were counted.
        inspected: whether samples were read; what they say is left out otherwise.
    """
    shown = AXES if inspected else LISTED
    counts = {name: _ranked(found) for name, found in tally.counts.items()}
    if not inspected:
        del counts["live"]
    rule = recipe.split
    wanted = (
        {"train", *rule.boundaries}
        if rule.by == "time"
        else {s for s in rule.shares if rule.shares[s]}
    )
    splits = [s for s in SPLITS if s in wanted | {split for split, _ in tally.classes}]
    kinds = [k for k in KINDS if any(kind == k for _, kind in tally.classes)]
    windows = tally.classes.total()
    return {
        "name": recipe.output.name,
        "recipe_digest": recipe.digest,
        "inspected": inspected,
        "listed": tally.listed,
        "windows": windows,
        "rejected": tally.listed - windows,
        "events": len(tally.events.rows()),
        "classes": {s: {kind: tally.classes[s, kind] for kind in kinds} for s in splits},
        "magnitudes": {
            split: {str(m): n for (s, m), n in sorted(tally.magnitudes.items()) if s == split}
            for split in splits
        },
        "shared": {
            "events": tally.events.shared(),
            "noise_station_days": tally.noise_days.shared(),
            "stations": tally.stations.shared(),
            "events_as_the_source_splits": tally.events.shared("named"),
        },
        "gutenberg_richter": gutenberg_richter(tally.events.magnitudes()),
        "distributions": {n: distribution(tally.histograms[n], axis) for n, axis in shown.items()},
        "counts": counts,
        "reasons": [
            {"stage": key[0], "windows": number, "example": tally.examples[key]}
            for key, number in sorted(tally.rejected.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def _ranked(counts: Counter) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def distribution(histogram: Histogram, axis: Axis) -> dict[str, Any]:
    """Return a histogram without its empty ends, with extremes and quantiles.

    The extremes are exact; a quantile is as exact as its bin is narrow, and what lies outside of
    the bins counts as the extreme.
    """
    last = len(axis.edges) - 1
    bins = {index: number for index, number in histogram.bins.items() if 0 <= index < last}
    below, above = histogram.bins[-1], histogram.bins[last]
    first, end = (min(bins), max(bins) + 1) if bins else (0, 0)
    made = {
        "title": axis.title,
        "unit": axis.unit,
        "log": axis.log,
        "known": histogram.bins.total(),
        "unknown": histogram.unknown,
        "below": below,
        "above": above,
        "edges": list(axis.edges[first : end + 1]) if bins else [],
        "counts": [bins.get(index, 0) for index in range(first, end)],
    }
    if not made["known"]:
        return made
    low, high, edges = histogram.low, histogram.high, made["edges"]
    places = [low, low, *edges, high, high]
    reached = np.cumsum([0, below, 0, *made["counts"], 0, above])
    if not bins:
        places, reached = [low, low, high, high], np.cumsum([0, below, 0, above])
    wanted = np.array(list(QUANTILES.values())) * made["known"]
    clipped = np.clip(np.interp(wanted, reached, places), low, high)
    return made | {"min": low, **dict(zip(QUANTILES, clipped.tolist())), "max": high}


def share_below(made: dict[str, Any], limit: float) -> float:
    """Return the share of a distribution's known values below one of its bins' edges."""
    if not made["known"]:
        return 0.0
    number = made["below"]
    number += sum(n for n, edge in zip(made["counts"], made["edges"][1:]) if edge <= limit)
    return number / made["known"]


def gutenberg_richter(magnitudes: np.ndarray) -> dict[str, Any]:
    """Fit log10 N(>= M) = a - b M to a catalogue, above its magnitude of completeness.

    Completeness is where the most events are (maximum curvature; Wiemer & Wyss 2000, BSSA 90),
    which comes out low, by 0.1 to 0.2, where a catalogue thins out gradually. The slope is the
    maximum likelihood one of Aki (1965) with Utsu's (1966) correction for binned magnitudes, and
    its standard error that of Shi & Bolt (1982, BSSA 72).

    Args:
        magnitudes: of each event once, in whole `MAGNITUDE_BIN`, int64.

    Returns:
        ``events`` with a magnitude, the ``magnitude`` and ``events_in_bin`` of each bin,
        ``completeness``, and ``complete_events`` at or above it; with enough of them also
        ``a``, ``b`` and ``b_error``.
    """
    if not len(magnitudes):
        return {"events": 0}
    bins, counts = np.unique(magnitudes, return_counts=True)
    # Of bins that hold as many, the largest magnitude: it is complete for certain.
    complete = bins[len(bins) - 1 - np.argmax(counts[::-1])]
    above = magnitudes[magnitudes >= complete] * MAGNITUDE_BIN
    number, least = len(above), float(complete * MAGNITUDE_BIN)
    fit = {
        "events": len(magnitudes),
        "bin_width": MAGNITUDE_BIN,
        "magnitude": [round(m * MAGNITUDE_BIN, 6) for m in bins.tolist()],
        "events_in_bin": counts.tolist(),
        "completeness": round(least, 6),
        "complete_events": number,
    }
    if number < MIN_EVENTS or above.max() == above.min():
        return fit
    mean, edge = above.mean(), least - MAGNITUDE_BIN / 2
    b = math.log10(math.e) / (mean - edge)
    spread = math.sqrt(np.square(above - mean).sum() / (number * (number - 1)))
    error = math.log(10.0) * b * b * spread
    return fit | {"a": math.log10(number) + b * edge, "b": float(b), "b_error": error}
