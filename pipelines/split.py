"""Which split a window belongs to: by its event, station, region or time.

What is never in two splits is hashed, or dated, by itself alone, so neither the seed nor the order
of the inputs changes a split:

| by      | an event's windows                 | noise                              |
| ------- | ---------------------------------- | ---------------------------------- |
| event   | by the hash of the event           | of the station and the day         |
| station | by the hash of the station         | of the station                     |
| region  | by that of the epicentre's block   | of the station's block             |
| time    | by the day of the origin           | by its own day                     |

Before the rule come the recipe's lists and, if it asks, the split that the source names. What was
computed has neither place nor date: simulated windows are always split by event. Hard negatives of
a day stay together, whatever their station: by region too they go by the hash of the day.
"""

from __future__ import annotations

import math

from pipelines.listing import day_of
from pipelines.reference import Event, Reference, unit_hash
from pipelines.split_lists import listed_split, station_code
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.split_rule import SplitRule
from schemas.window import EVENT_KINDS, UNKNOWN_TIME_NS


def assign_split(reference: Reference, recipe: Recipe) -> str:
    """Return a reference's split.

    Raises:
        UserError: it lacks what the rule hangs on, or holds events of different splits.
    """
    rule, simulated = recipe.split, reference.kind == "simulated"
    own = reference.source_split if rule.from_source else ""
    if rule.by == "station":
        if simulated:
            return own or _hashed(reference.split_key, rule)
        if not reference.station:
            raise UserError("station: got none, split.by station needs one")
        code = station_code(reference)
        return listed_split(code, rule) or own or _hashed(f"station {code}", rule)
    if reference.kind not in EVENT_KINDS:
        return own or _of_noise(reference, rule)
    splits = {
        event.event_id: listed_split(event.event_id, rule)
        or own
        or _of_event(event, reference, rule)
        for event in reference.events
    }
    if len(set(splits.values())) > 1:
        told = ", ".join(f"{name} of {split}" for name, split in sorted(splits.items()))
        raise UserError(f"events of different splits in one window: {told}")
    return next(iter(splits.values()))


def _of_event(event: Event, reference: Reference, rule: SplitRule) -> str:
    if rule.by == "event" or reference.kind == "simulated":
        return _hashed(reference.split_key, rule)
    what = f"event {event.event_id}"
    if rule.by == "region":
        return _of_block(event.latitude_deg, event.longitude_deg, what, rule)
    return _of_day(event.time_ns, what, rule)


def _of_noise(reference: Reference, rule: SplitRule) -> str:
    if rule.by == "event" or (rule.by == "region" and reference.kind == "hard_negative"):
        return _hashed(reference.split_key, rule)
    if rule.by == "region":
        what = f"station {station_code(reference)}"
        return _of_block(reference.latitude_deg, reference.longitude_deg, what, rule)
    start = reference.record_start_ns
    if start != UNKNOWN_TIME_NS:
        start += round(reference.start_s * 1e9)
    return _of_day(start, "noise", rule)


def _of_block(latitude_deg: float, longitude_deg: float, what: str, rule: SplitRule) -> str:
    """Return the split of the block that a place lies in."""
    if not (abs(latitude_deg) <= 90 and abs(longitude_deg) <= 360):
        got = "none" if math.isnan(latitude_deg + longitude_deg) else "no place on Earth"
        raise UserError(
            f"{what}: latitude_deg, longitude_deg: got {got}, split.by region needs them"
        )
    east = (longitude_deg + 180.0) % 360.0
    row, column = (math.floor(x / rule.block_deg) for x in (latitude_deg + 90.0, east))
    return _hashed(f"region {rule.block_deg!r} {row} {column}", rule)


def _of_day(time_ns: int, what: str, rule: SplitRule) -> str:
    """Return the split whose boundary is the last one not after a time."""
    if time_ns == UNKNOWN_TIME_NS:
        raise UserError(f"{what}: time: got none, split.by time needs one")
    day, found = day_of(time_ns), "train"
    for split, first in sorted(rule.boundaries.items(), key=lambda item: item[1]):
        if first.isoformat() <= day:
            found = split
    return found


def _hashed(key: str, rule: SplitRule) -> str:
    place, reached = unit_hash("split", key), 0.0
    for split, share in sorted(rule.shares.items()):
        reached += share
        if share and place < reached:
            return split
    return max(rule.shares, key=rule.shares.get)
