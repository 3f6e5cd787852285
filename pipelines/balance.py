"""Classes of windows, and how many copies of each window meet the recipe's balance.

What is counted combines: windows by class and, for quantiles, by a fixed fine bin of the number.
Neither holds references, and neither the order nor the number of workers changes a count.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pipelines.reference import Inspected, Rejected, unit_hash
from pipelines.split_lists import station_code
from schemas.balance import NUMBERS
from schemas.recipe import Recipe

# (split, kind, class) to windows, where the class is its name; without a balance there is one.
Counts = dict[tuple[str, str, str], int]
# Quantiles lie on a grid: so many bins a unit, or a decade of kilometres from the epicentre.
_PER_UNIT = {"magnitude": 100, "distance_km": 200, "depth_km": 10, "snr_db": 10, "s_minus_p_s": 100}
# What lies beyond so many bins counts in the last one.
_LAST = 20_000
FineCounts = dict[tuple[str, int], int]


def number_of(inspected: Inspected, name: str) -> float:
    """Return a number of a window's first event, NaN if it is unknown or there is none."""
    if name == "snr_db":
        return inspected.snr_db[0] if inspected.snr_db else math.nan
    events = inspected.reference.events
    if name == "s_minus_p_s":
        first = {p.phase: p.time_s for p in reversed(inspected.reference.picks) if p.event == 0}
        return first.get("S", math.nan) - first.get("P", math.nan)
    return getattr(events[0], name) if events else math.nan


def fine_bins(inspected: Inspected, recipe: Recipe) -> Iterator[tuple[str, int]]:
    """Yield (name, fine bin) for each number that the balance wants quantiles of."""
    rule = recipe.balance
    if rule and inspected.split in recipe.augmented_splits:
        for name in rule.quantiles:
            place = _fine(name, number_of(inspected, name))
            if place is not None:
                yield name, place


def _fine(name: str, value: float) -> int | None:
    """Return the bin of a fixed grid that a value lies in, None if it is unknown."""
    if math.isnan(value):
        return None
    if name == "distance_km":
        value = math.log10(value) if value > 0 else -math.inf
    return math.floor(min(max(value * _PER_UNIT[name], -_LAST), _LAST))


@dataclass(frozen=True)
class Classes:
    """Tells the class of a window.

    Args:
        recipe: the recipe.
        first_bins: for each number with quantiles, the fine bins that its classes but the first
            begin with.
    """

    recipe: Recipe
    first_bins: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, recipe: Recipe, counts: FineCounts) -> Classes:
        """Put the quantiles where the counts have them, to a fine bin."""
        wanted = recipe.balance.quantiles if recipe.balance else {}
        return cls(recipe, {n: _quantiles(n, parts, counts) for n, parts in wanted.items()})

    def name(self, inspected: Inspected) -> str:
        """Return the name of a window's class, such as ``event, magnitude 2 to 3``."""
        if self.recipe.balance is None:
            return ""
        # Of what holds no event, the numbers of one say nothing.
        events = inspected.reference.events
        by = [name for name in self.recipe.balance.by if events or name not in NUMBERS]
        return ", ".join(self._value(inspected, name) for name in by) or "no event"

    def _value(self, inspected: Inspected, name: str) -> str:
        if name not in NUMBERS:
            reference = inspected.reference
            own = station_code(reference) if name == "station" else getattr(reference, name)
            return own.strip(".") or f"no {name}"
        value = number_of(inspected, name)
        if math.isnan(value):
            return f"no {name}"
        if name in self.first_bins:
            place = bisect_right(self.first_bins[name], _fine(name, value))
            return f"{name} {place + 1} of {self.recipe.balance.quantiles[name]}"
        edges = self.recipe.balance.bins[name]
        place = bisect_right(edges, value)
        if place == 0:
            return f"{name} below {edges[0]:g}"
        if place == len(edges):
            return f"{name} from {edges[-1]:g}"
        return f"{name} {edges[place - 1]:g} to {edges[place]:g}"

    def edges(self) -> dict[str, list[float]]:
        """Return the values between the classes of each number with quantiles."""
        edges = {n: [b / _PER_UNIT[n] for b in bins] for n, bins in self.first_bins.items()}
        if "distance_km" in edges:
            edges["distance_km"] = [10.0**x for x in edges["distance_km"]]
        return edges


def _quantiles(name: str, parts: int, counts: FineCounts) -> tuple[int, ...]:
    """Return the bins that each part but the first begins with; equal ones leave parts empty."""
    bins = sorted((place, number) for (own, place), number in counts.items() if own == name)
    total, below, firsts = sum(number for _, number in bins), 0, []
    for place, number in bins:
        # A bin goes to the part that its middle lies in.
        while len(firsts) < math.floor((below + number / 2) * parts / total):
            firsts.append(place)
        below += number
    beyond = [bins[-1][0] + 1] * (parts - 1 - len(firsts)) if bins else []
    return (*firsts, *beyond)


@dataclass(frozen=True)
class Copies:
    """How many copies of each window are made.

    Args:
        classes: tells the class of a window.
        counts: windows of each class.
        numbers: mean copies of a window by (split, kind, class), below 1 where some are dropped.
    """

    classes: Classes
    counts: Counts
    numbers: dict[tuple[str, str, str], float]

    @classmethod
    def of(cls, classes: Classes, counts: Counts) -> Copies:
        """Decide from the number of windows in each class."""
        numbers, recipe = dict.fromkeys(counts, 1.0), classes.recipe
        for split in sorted({split for split, _, _ in counts} & set(recipe.augmented_splits)):
            own = {(kind, name): n for (s, kind, name), n in counts.items() if s == split}
            numbers.update(_numbers(recipe, split, own))
        return cls(classes, counts, numbers)

    def mean(self, inspected: Inspected) -> float:
        """Return the mean copies of a window of the same class."""
        name = self.classes.name(inspected)
        return self.numbers[inspected.split, inspected.reference.kind, name]

    def of_window(self, inspected: Inspected) -> int:
        """Return the copies of a window: the mean, rounded up or down by a hash of its id."""
        number = self.mean(inspected)
        whole, part = math.floor(number), number % 1.0
        if not part:
            return whole
        seed = self.classes.recipe.seed
        return whole + (unit_hash(seed, "copies", inspected.reference.base_id) < part)

    @cached_property
    def kept(self) -> dict[tuple[str, str], int]:
        """About how many windows of each (split, kind) are not dropped."""
        kept: dict[tuple[str, str], float] = defaultdict(float)
        for key, windows in sorted(self.counts.items()):
            kept[key[:2]] += windows * min(self.numbers[key], 1.0)
        return {key: math.ceil(number) for key, number in kept.items()}

    def dropped(self, inspected: Inspected) -> Rejected:
        """Return a window that has no copies as one that was left out."""
        kept, name = self.mean(inspected), self.classes.name(inspected)
        return Rejected(
            inspected.reference.base_id,
            "balance",
            f"{self.classes.recipe.balance.method} keeps {kept:.3g} of the windows of {name}",
        )


def _numbers(recipe: Recipe, split: str, windows: dict[tuple[str, str], int]) -> dict:
    """Return the mean copies of a window by (split, kind, class) of an augmented split."""
    own = {key: float(recipe.copies.get(key[0], 1)) for key in windows}
    sizes: dict[str, float] = defaultdict(float)
    for key, number in sorted(windows.items()):
        sizes[key[1]] += own[key] * number
    ratios = class_ratios(recipe, sizes)
    cap = recipe.balance.max_copies if recipe.balance else None
    return {
        (split, *key): min(number * ratios.get(key[1], 1.0), cap or math.inf)
        for key, number in own.items()
    }


def class_ratios(recipe: Recipe, sizes: dict[str, float]) -> dict[str, float]:
    """Return by how much the number of windows of each class is to change.

    Args:
        recipe: its `balance`.
        sizes: windows of each class that is there, with the copies that their kinds have.
    """
    rule = recipe.balance
    if rule is None or not sizes:
        return {}
    if rule.method == "shares":
        # Nothing is dropped: the class that is most over its share keeps what it has.
        shares = {name: share for name, share in rule.shares.items() if name in sizes}
        total = max((sizes[name] / share for name, share in shares.items()), default=0.0)
        return {name: total * share / sizes[name] for name, share in shares.items()}
    aim = {
        "oversample": max(sizes.values()),
        "undersample": min(sizes.values()),
        "inverse_frequency": sum(sizes.values()) / len(sizes),
    }[rule.method]
    return {name: aim / size for name, size in sizes.items()}
