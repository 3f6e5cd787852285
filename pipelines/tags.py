"""Environment and instrument of a window's station, told beside what its source tells.

A tag is the first that is told by: the recipe's `tags.stations`, its `tags.table`, the source (its
channel codes, and the `environment` of the source in the recipe), the StationXML
`tags.inventory`. What nobody tells stays empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from pipelines import files
from pipelines.listing import csv_rows, text
from pipelines.reference import Reference
from schemas.errors import explain
from schemas.tags import StationTags, Tags
from schemas.window import UNKNOWN_TIME_NS

_TAGS = ("environment", "instrument")


def check_tags(tags: Tags) -> None:
    """Read the table and the inventory anew.

    Raises:
        UserError: one cannot be read, or the table has a bad row.
    """
    _table.cache_clear()
    _inventory.cache_clear()
    _table(tags.table)
    _inventory(tags.inventory)


def tagged(reference: Reference, tags: Tags) -> Reference:
    """Return a reference with the tags of its station."""
    if tags == Tags():
        return reference
    listed = dict(_listed(f"{reference.network}.{reference.station}", tags))
    told = {name: listed.get(name) or getattr(reference, name) for name in _TAGS}
    if not all(told.values()):
        sites = _sites(reference, told["instrument"], tags.inventory)
        told = {name: told[name] or _unanimous(sites, name) for name in _TAGS}
    return replace(reference, **told)


def _listed(code: str, tags: Tags) -> Iterator[tuple[str, str]]:
    """Yield the tags of the rows that match a station; of each tag the first counts, so it is last.

    Rows of the recipe come before those of the table.
    """
    for row in reversed((*tags.stations, *_table(tags.table))):
        if fnmatchcase(code, row.station):
            yield from ((name, told) for name in _TAGS if (told := getattr(row, name)))


def _sites(reference: Reference, instrument: str, inventory: str | None) -> list[Any]:
    """Return what the inventory holds of a reference's station, location, instrument and time."""
    start = reference.record_start_ns
    if start != UNKNOWN_TIME_NS:
        start += round(reference.start_s * 1e9)
    return [
        site
        for site in _inventory(inventory).get((reference.network, reference.station), ())
        if site.stood(start)
        and instrument in ("", site.instrument)
        and reference.location in ("", site.location)
    ]


def _unanimous(sites: list[Any], name: str) -> str:
    """Return what all sites say of a tag; nothing if they differ."""
    said = {getattr(site, name) for site in sites}
    return said.pop() if len(said) == 1 else ""


@lru_cache(maxsize=2)
def _table(told: str | None) -> tuple[StationTags, ...]:
    if told is None:
        return ()
    path, rows = files.expand(told, "tags.table"), []
    for line, row in csv_rows(path, {"station"}):
        try:
            given = {name: text(row, name) for name in ("station", *_TAGS)}
            rows.append(StationTags.model_validate(given))
        except ValidationError as error:
            raise explain(error, f"{path}:{line}", StationTags) from None
    return tuple(rows)


@lru_cache(maxsize=2)
def _inventory(told: str | None) -> dict[tuple[str, str], tuple[Any, ...]]:
    if told is None:
        return {}
    from pipelines.sources._station_sites import read_sites

    return read_sites(files.expand(told, "tags.inventory"))
