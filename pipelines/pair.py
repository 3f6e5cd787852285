"""Pair windows with the partners that their steps need, in hashed pools of references.

Wishes and members meet in pools of some hundred references, so no worker holds all of them; a
pool is large enough that a partner which fits is in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from apache_beam.metrics import Metrics

from augment_ops.core.steps import BuiltStep
from pipelines import plan
from pipelines.reference import Inspected, stable_hash
from pipelines.regroup import Keyed
from pipelines.rows import Row, inspected_of
from schemas.recipe import Recipe
from schemas.synthesis import METHODS

MEMBER, WISH, PARTNERS = "member", "wish", "partners"
# Windows by (split, kind) that may be partners.
Kept = dict[tuple[str, str], int]


class PairPartners:
    """Makes the rows of pools, and of what was chosen in them.

    Args:
        recipe: the recipe.
        steps: its offline steps, none within another.
    """

    def __init__(self, recipe: Recipe, steps: tuple[BuiltStep, ...]) -> None:
        """Keep what is wanted."""
        self.recipe, self.steps = recipe, {step.name: step for step in steps}
        self.asking = tuple(step for step in steps if step.needs)
        self.roles = {role for step in steps for role in step.needs}

    def member(self, inspected: Inspected, row: Row, kept: Kept) -> Iterator[Keyed]:
        """Yield the window's own place among the partners, if it may be one."""
        kind, split = inspected.reference.kind, inspected.split
        # What a synthetic window holds is in the recorded ones.
        if kind in self.roles and inspected.reference.source not in METHODS:
            pool = stable_hash("member", inspected.reference.base_id)
            yield (split, kind, pool % plan.pool_count(kept[split, kind])), (MEMBER, row)

    def wishes(
        self, inspected: Inspected, window_id: str, shard: tuple, kept: Kept
    ) -> Iterator[Keyed]:
        """Yield what the window's steps want, and the key of the shard that it is for."""
        for role, wish in plan.wishes_of(inspected, window_id, self.asking):
            pools = plan.pool_count(kept.get((inspected.split, role), 0))
            pool = stable_hash(self.recipe.seed, "pool", window_id, wish.step) % pools
            yield (inspected.split, role, pool), (WISH, shard, tuple(wish))

    def choose(self, group: tuple[tuple, list[Row]]) -> Iterator[Keyed]:
        """Yield (shard, partners) for each wish in a pool."""
        members = [(inspected_of(row[1]), row[1]) for row in group[1] if row[0] == MEMBER]
        # Twins of one id are told apart by all that is known of them.
        members.sort(key=lambda member: (member[0].reference.base_id, repr(member[1])))
        pool = [inspected for inspected, _ in members]
        row_of = {id(inspected): row[0] for inspected, row in members}
        wanted = found = 0
        for _, shard, told in (row for row in group[1] if row[0] == WISH):
            wish = plan.Wish(*told)
            chosen = plan.choose_partners(wish, self.steps[wish.step], pool, self.recipe.seed)
            wanted += wish.number
            found += len(chosen)
            partners = tuple([row_of[id(member)] for member in chosen])
            yield shard, (PARTNERS, wish.window_id, wish.step, partners)
        Metrics.counter(PairPartners, "in").inc(wanted)
        Metrics.counter(PairPartners, "out").inc(found)
