"""The plan: partners and shards, all by stable hashes of ids. Plain functions.

How many copies of each window there are says `pipelines.balance`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from augment_ops.core.steps import BuiltStep, leaves
from pipelines.reference import Inspected, Planned, Reference, event_names, stable_hash, unit_hash
from pipelines.split_lists import station_code
from schemas.channel import sensor_of
from schemas.recipe import Recipe

# Members of a pool that one worker chooses a partner from.
_POOL_SIZE = 256


def pool_count(members: int) -> int:
    """Return into how many pools so many partners are hashed."""
    return max(1, members // _POOL_SIZE)


class Wish(NamedTuple):
    """That a window's step wants partners, and what of the window a partner must suit.

    Args:
        window_id: the window's id.
        step: the step's name.
        number: how many are wanted.
        split_key, source, trace, live: the window's own.
        event_ids: those of its events, and of its parents' if it is synthetic.
        matched: its values of the fields that the op's `match` names.
    """

    window_id: str
    step: str
    number: int
    split_key: str
    source: str
    trace: str
    live: str
    event_ids: tuple[str, ...]
    matched: tuple[str, ...]


def wishes_of(
    inspected: Inspected, window_id: str, steps: Iterable[BuiltStep]
) -> Iterator[tuple[str, Wish]]:
    """Yield (role, wish) for each partner that a window's steps want."""
    own = inspected.reference
    for step in leaves(tuple(steps)):
        if own.kind in getattr(step.op, "kinds", ("event",)):
            for role, number in step.needs.items():
                yield (
                    role,
                    Wish(
                        window_id,
                        step.name,
                        number,
                        own.split_key,
                        own.source,
                        own.trace,
                        inspected.live,
                        event_names(own),
                        tuple([_matched(own, name) for name in getattr(step.op, "match", ())]),
                    ),
                )


def choose_partners(
    wish: Wish, step: BuiltStep, pool: Sequence[Inspected], seed: int
) -> tuple[Inspected, ...]:
    """Return partners from a pool for one step: those that fit, first in this window's order.

    The order is a rotation of the pool's own, so a draw costs as many looks as it takes to find
    a partner that fits, and not one hash a member.

    Args:
        wish: what the window wants.
        step: the step, whose op may ask for a `match` in the window's fields, and weight `sources`.
        pool: its members, sorted by id.
        seed: the recipe's seed.
    """
    chosen: list[Inspected] = []
    start = stable_hash(seed, "partner", wish.window_id, step.name)
    source = _weighted(getattr(step.op, "sources", ()), seed, wish.window_id, step.name)
    match = getattr(step.op, "match", ())
    for look in range(len(pool)):
        member = pool[(start + look) % len(pool)]
        if source not in ("", member.reference.source):
            continue
        if fits(wish, member, match):
            chosen.append(member)
            if len(chosen) == wish.number:
                break
    return tuple(chosen)


def _weighted(weights: tuple[tuple[str, float], ...], *parts: object) -> str:
    """Return one of some weighted names by a hash of the parts; an empty one of none."""
    place = unit_hash("source", *parts) * sum(weight for _, weight in weights)
    for name, weight in weights:
        place -= weight
        if place < 0.0:
            return name
    return ""


def fits(wish: Wish, partner: Inspected, match: tuple[str, ...]) -> bool:
    """Whether a partner will do: another event, every live component, what must match.

    What it must not share is the record: its own noise would come back with its own picks.
    """
    other = partner.reference
    return (
        wish.split_key != other.split_key
        and (wish.source, wish.trace) != (other.source, other.trace)
        and not any(event.event_id in wish.event_ids for event in other.events)
        and set(wish.live) <= set(partner.live)
        and all(value == _matched(other, name) for value, name in zip(wish.matched, match))
    )


def _matched(reference: Reference, name: str) -> str:
    """Return what an op's `match` compares; codes of stations are unique in a network alone."""
    if name == "sensor":
        return sensor_of(reference.instrument)
    return station_code(reference) if name == "station" else getattr(reference, name)


def shard_count(windows: int, recipe: Recipe) -> int:
    """Return how many shards a split's windows fill."""
    return max(1, math.ceil(windows / recipe.output.windows_per_shard))


def shard_of(inspected: Inspected, copy: int, recipe: Recipe, shards: int) -> int:
    """Return the shard of a window; windows that training groups by event share theirs."""
    reference, together = inspected.reference, f"{inspected.reference.base_id}/{copy}"
    if recipe.groups and reference.events:
        together = f"{reference.events[0].event_id}/{copy}"
    return stable_hash(recipe.seed, "shard", together) % shards


def shard_name(recipe: Recipe, split: str, shard: int, shards: int) -> str:
    """Return a shard's file name, as TFDS reads it."""
    return f"{recipe.output.name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"


def in_shard_order(planned: Iterable[Planned], recipe: Recipe) -> list[Planned]:
    """Return a shard's windows shuffled by their ids, the same whatever order they came in."""
    return sorted(
        planned,
        key=lambda p: (stable_hash(recipe.seed, "order", p.window_id), p.window_id, repr(p)),
    )
