"""The plan: copies, partners and shards, all by stable hashes of ids. Plain functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from augment_ops.core.steps import BuiltStep, leaves
from pipelines.reference import Inspected, Planned, Reference, stable_hash, unit_hash
from schemas.recipe import Recipe

Counts = dict[tuple[str, str], int]
# Members of a pool that one worker chooses a partner from.
_POOL_SIZE = 256


def copies_of(inspected: Inspected, recipe: Recipe, counts: Counts) -> Iterator[Planned]:
    """Yield a window's copies: the recipe's number of them, and what its balance adds."""
    kind, split = inspected.reference.kind, inspected.split
    number = 1.0
    if split in recipe.augmented_splits:
        number = copy_factor(kind, recipe, {k: n for (s, k), n in counts.items() if s == split})
    draw = unit_hash(recipe.seed, "copies", inspected.reference.base_id)
    for copy in range(math.floor(number) + (draw < number % 1.0)):
        yield Planned(inspected, copy)


def copy_factor(kind: str, recipe: Recipe, counts: dict[str, int]) -> float:
    """Return how many copies of each window of a kind meet the recipe's balance.

    Nothing is dropped: the kind that is most over its share keeps its own copies, and the
    others are copied up to it. A kind that is absent, or has no share, stands aside.

    Args:
        kind: event, noise, hard_negative or simulated.
        recipe: its `copies` and `balance`.
        counts: windows of each kind in the split.
    """
    own = float(recipe.copies.get(kind, 1))
    if kind not in recipe.balance or not counts.get(kind):
        return own
    total = max(
        recipe.copies.get(k, 1) * counts[k] / share
        for k, share in recipe.balance.items()
        if counts.get(k)
    )
    return total * recipe.balance[kind] / counts[kind]


def pool_count(members: int) -> int:
    """Return into how many pools so many partners are hashed."""
    return max(1, members // _POOL_SIZE)


def requests_of(planned: Planned, steps: tuple[BuiltStep, ...]) -> Iterator[tuple[str, str, int]]:
    """Yield (step, role, number) for each partner that a window's steps want."""
    for step in leaves(steps):
        if planned.inspected.reference.kind in getattr(step.op, "kinds", ("event",)):
            for role, number in step.needs.items():
                yield step.name, role, number


def choose_partners(
    planned: Planned,
    step: BuiltStep,
    number: int,
    pool: Iterable[Inspected],
    seed: int,
) -> tuple[Reference, ...]:
    """Return partners from a pool for one step: those that fit, first in this window's order.

    The order is a rotation of the pool's own, so a draw costs as many looks as it takes to find
    a partner that fits, and not one hash a member.

    Args:
        planned: the window.
        step: the step, whose op may ask for a `match` in the window's fields, and weight `sources`.
        number: how many are wanted.
        pool: its members, sorted by id.
        seed: the recipe's seed.
    """
    members = list(pool)
    chosen: list[Reference] = []
    start = stable_hash(seed, "partner", planned.window_id, step.name)
    source = _weighted(getattr(step.op, "sources", ()), seed, planned.window_id, step.name)
    for look in range(len(members)):
        member = members[(start + look) % len(members)]
        if source not in ("", member.reference.source):
            continue
        if fits(planned.inspected, member, getattr(step.op, "match", ())):
            chosen.append(member.reference)
            if len(chosen) == number:
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


def fits(window: Inspected, partner: Inspected, match: tuple[str, ...]) -> bool:
    """Whether a partner will do: another event, every live component, what must match.

    What it must not share is the record: its own noise would come back with its own picks.
    """
    own, other = window.reference, partner.reference
    return (
        own.split_key != other.split_key
        and (own.source, own.trace) != (other.source, other.trace)
        and not {e.event_id for e in own.events} & {e.event_id for e in other.events}
        and set(window.live) <= set(partner.live)
        and all(getattr(own, name) == getattr(other, name) for name in match)
    )


def shard_count(windows: int, recipe: Recipe) -> int:
    """Return how many shards a split's windows fill."""
    return max(1, math.ceil(windows / recipe.output.windows_per_shard))


def shard_of(planned: Planned, recipe: Recipe, shards: int) -> int:
    """Return the shard of a window; windows that training groups by event share theirs."""
    window_id, events = planned.window_id, planned.inspected.reference.events
    together = f"{events[0].event_id}/{planned.copy}" if recipe.groups and events else window_id
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
