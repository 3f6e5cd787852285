"""Pair windows with the partners that their steps need, through hashed pools of references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from augment_ops.core.steps import BuiltStep, build_steps, leaves
from pipelines import plan
from pipelines.reference import Inspected, Planned, stable_hash
from schemas.recipe import Recipe

# A pool's key: its split, the partners' kind, and its number.
_Key = tuple[str, str, int]


@dataclass
class PairPartners(beam.PTransform):
    """From (copies, inspected) to copies that know their partners.

    Candidates and requests meet in pools of some hundred references, so no worker holds all of
    them; a pool is large enough that a partner which fits is in it.
    """

    recipe: Recipe
    counts: Any

    def expand(self, pair: tuple[Any, Any]) -> Any:
        """Meet in the pools, then bring each copy's partners together again."""
        copies, inspected = pair
        steps = tuple(leaves(build_steps(self.recipe.offline, "offline")))
        if not any(step.needs for step in steps):
            return copies
        members = inspected | "Members" >> beam.FlatMap(_member, self.recipe, steps, self.counts)
        requests = copies | "Requests" >> beam.FlatMap(_requests, self.recipe, steps, self.counts)
        chosen = (
            {"members": members, "requests": requests}
            | "MeetInPools" >> beam.CoGroupByKey()
            | "Choose" >> beam.FlatMap(_choose, self.recipe, steps)
        )
        keyed = copies | "KeyById" >> beam.Map(lambda copy: (copy.window_id, copy))
        return (
            {"copies": keyed, "chosen": chosen}
            | "JoinById" >> beam.CoGroupByKey()
            | "Attach" >> beam.FlatMap(_attach)
        )


def _augmented(item: Inspected, recipe: Recipe) -> bool:
    return item.split in recipe.augmented_splits


def _member(
    inspected: Inspected, recipe: Recipe, steps: tuple[BuiltStep, ...], counts: plan.Counts
) -> Iterator[tuple[_Key, Inspected]]:
    kind, split = inspected.reference.kind, inspected.split
    wanted = {role for step in steps for role in step.needs}
    if kind in wanted and _augmented(inspected, recipe):
        pool = stable_hash("member", inspected.reference.base_id)
        yield (split, kind, pool % plan.pool_count(counts[split, kind])), inspected


def _requests(
    planned: Planned, recipe: Recipe, steps: tuple[BuiltStep, ...], counts: plan.Counts
) -> Iterator[tuple[_Key, tuple[Planned, str, int]]]:
    split = planned.inspected.split
    if not _augmented(planned.inspected, recipe):
        return
    for step, role, number in plan.requests_of(planned, steps):
        pools = plan.pool_count(counts.get((split, role), 0))
        pool = stable_hash(recipe.seed, "pool", planned.window_id, step) % pools
        yield (split, role, pool), (planned, step, number)


def _choose(
    element: tuple[_Key, dict[str, Iterable]], recipe: Recipe, steps: tuple[BuiltStep, ...]
) -> Iterator[tuple[str, tuple]]:
    by_name = {step.name: step for step in steps}
    pool = sorted(element[1]["members"], key=lambda member: member.reference.base_id)
    for planned, step, number in element[1]["requests"]:
        partners = plan.choose_partners(planned, by_name[step], number, pool, recipe.seed)
        Metrics.counter(PairPartners, "in").inc(number)
        Metrics.counter(PairPartners, "out").inc(len(partners))
        yield planned.window_id, (step, partners)


def _attach(element: tuple[str, dict[str, Iterable]]) -> Iterator[Planned]:
    """Give every copy of an id its partners; twins of one id are told apart later."""
    copies, chosen = element[1]["copies"], dict(element[1]["chosen"])
    for copy in copies:
        yield replace(copy, partners=dict(sorted(chosen.items())))
