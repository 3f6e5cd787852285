"""Fixed members of splits: the event ids, or by station the stations, that a recipe lists.

A file is text with one name a line, or a CSV with the column ``event_id``, or by station
``station``. Stations are written NETWORK.STATION, such as ``NC.MEM``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from pipelines import files
from pipelines.listing import csv_rows, text
from pipelines.reference import Reference
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.split_rule import SplitRule


def station_code(reference: Reference) -> str:
    """Return NETWORK.STATION."""
    return f"{reference.network}.{reference.station}"


def listed_split(name: str, rule: SplitRule) -> str:
    """Return the split that lists a name, or an empty text."""
    return next((split for split in rule.lists if name in _members(rule, split)), "")


def listed_names(reference: Reference, recipe: Recipe) -> Iterator[str]:
    """Yield those of a reference's names that the recipe lists."""
    by_station = recipe.split.by == "station"
    events = (event.event_id for event in reference.events)
    for name in (station_code(reference),) if by_station else events:
        if listed_split(name, recipe.split):
            yield name


def unknown_names(rule: SplitRule, known: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each split, the listed names that no window has."""
    held = set(known)
    unknown = {split: sorted(_members(rule, split) - held) for split in rule.lists}
    return {split: names for split, names in unknown.items() if names}


def check_lists(rule: SplitRule) -> None:
    """Read the lists anew.

    Raises:
        UserError: one cannot be read, is empty, has a name that is in another one too or, by
            station, one that is no station's.
    """
    _read.cache_clear()
    seen: dict[str, str] = {}
    for split in rule.lists:
        for name in sorted(_members(rule, split)):
            where = f"split.lists.{split}: got {name!r}"
            if rule.by == "station" and "." not in name:
                raise UserError(f"{where}, expected NETWORK.STATION")
            if seen.setdefault(name, split) != split:
                raise UserError(f"{where}, which split.lists.{seen[name]} holds too")


def _members(rule: SplitRule, split: str) -> frozenset[str]:
    told = rule.lists[split]
    column = "station" if rule.by == "station" else "event_id"
    return _read(told, f"split.lists.{split}", column) if isinstance(told, str) else told


@lru_cache(maxsize=8)
def _read(told: str, where: str, column: str) -> frozenset[str]:
    path = files.expand(told, where)
    if path.lower().endswith(".csv"):
        names = frozenset(text(row, column) for _, row in csv_rows(path, {column}))
    else:
        names = frozenset(line.strip() for line in files.read_text(path))
    if not names - {""}:
        raise UserError(f"{where}: {path}: got no name, expected one a line")
    return names - {""}
