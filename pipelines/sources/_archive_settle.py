"""Which instruments recorded the picks of a catalog, whose codes are often incomplete."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.sources._archive_catalog import Arrival
from pipelines.sources._archive_files import DAY_NS, Group, Tree


def settle(
    arrivals: Sequence[Arrival], tree: Tree
) -> tuple[dict[Group, list[Arrival]], list[Arrival]]:
    """Find the instruments that recorded one event's arrivals at one station.

    Returns:
        For each instrument the arrivals at its place, and the arrivals that have none.
    """
    chosen: list[Group] = []
    for arrival in sorted(arrivals, key=lambda a: not a.channel):
        if not arrival.channel and any(_fits(arrival, group) for group in chosen):
            continue
        day = arrival.time_ns // DAY_NS
        fit = [
            g
            for g in tree.groups_on(arrival.network, arrival.station, day)
            if _fits(arrival, g) and g.instrument.startswith(arrival.channel[:2])
        ]
        if fit:
            best = min(fit, key=lambda g: (g.location != arrival.location, g.rank))
            chosen += [best] if best not in chosen else []
    settled = {group: _one_a_hint([a for a in arrivals if _fits(a, group)]) for group in chosen}
    return settled, [a for a in arrivals if not any(_fits(a, group) for group in chosen)]


def _fits(arrival: Arrival, group: Group) -> bool:
    return arrival.location in ("", group.location)


def _one_a_hint(arrivals: Sequence[Arrival]) -> list[Arrival]:
    kept: dict[str, Arrival] = {}
    for arrival in sorted(arrivals, key=lambda a: (not a.manual, a.time_ns)):
        kept.setdefault(arrival.hint, arrival)
    return list(kept.values())
