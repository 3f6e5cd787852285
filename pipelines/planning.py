"""The plan as Beam sees it: classes are counted, then copies, partners and shards follow.

What is counted is small and goes to every worker. References are read back from where they were
written, once for each of the counts and once for the plan, and are grouped twice: by pool, and by
shard. Neither the number of references nor that of copies is ever held in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.metrics import Metrics

from augment_ops.core.steps import build_steps, leaves
from pipelines import balance, balance_report, plan, progress
from pipelines.balance import Classes, Copies
from pipelines.pair import PARTNERS, PairPartners
from pipelines.reference import Inspected, Planned
from pipelines.regroup import GroupRows, WriteRows, each_row
from pipelines.rows import Row, inspected_of, reference_of, row_of
from schemas.recipe import Recipe

_COPY, _SHARD = "copy", "shard"


@dataclass
class PlanShards(beam.PTransform):
    """From inspected references to (rows by shard, windows that balance drops, its report).

    References may be of several collections, in a tuple.

    The rows by shard are to be read by `GroupRows`, and a group by `planned_of`.

    Args:
        recipe: the recipe.
        output: the folder that progress is shown of.
        spill: a folder of this machine to group through, or empty; see `pipelines.regroup`.
    """

    recipe: Recipe
    output: str
    spill: str = ""

    def expand(self, inspected: Any) -> tuple[Any, Any, Any]:
        """Count, copy, pair, and group references by the shard they end up in."""
        recipe, spill = self.recipe, self.spill
        several = inspected if isinstance(inspected, tuple) else (inspected,)
        keyed = tuple(part | f"ById{n}" >> beam.Map(_by_id) for n, part in enumerate(several))
        rows = keyed | WriteRows(spill, "inspected")
        copies = pvalue.AsSingleton(self._decided(rows))
        tallied = (
            rows
            | "CopiesOf" >> each_row(spill, _tally, copies)
            | "CountCopies" >> beam.CombinePerKey(sum)
            | "AllCopies" >> beam.combiners.ToDict()
        )
        sizes = tallied | "Sizes" >> beam.Map(_sizes)
        steps = tuple(leaves(build_steps(recipe.offline, "offline")))
        pairing = PairPartners(recipe, steps)
        plan_row = _PlanRow(recipe, self.output, pairing)
        planned = rows | "Plan" >> each_row(
            spill, plan_row, copies, pvalue.AsSingleton(sizes)
        ).with_outputs("members", "wishes", "dropped", main="copies")
        chosen = (
            (planned.members, planned.wishes)
            | "WritePools" >> WriteRows(spill, "pools")
            | "Pools" >> GroupRows(spill)
            | "Choose" >> beam.FlatMap(pairing.choose)
        )
        # A shard that no window hashed to is written all the same: its name is in the set.
        every = sizes | "EveryShard" >> beam.FlatMap(_shard_keys, recipe)
        shards = (planned.copies, chosen, every) | "WriteShards" >> WriteRows(spill, "shards")
        report = tallied | "Report" >> beam.Map(
            lambda told, c: balance_report.report(c, told), copies
        )
        return shards, planned.dropped, report

    def _decided(self, rows: Any) -> Any:
        """Count the classes and decide; quantiles, if any are wanted, take a count of their own."""
        recipe, spill = self.recipe, self.spill
        classes: Any = Classes(recipe, {})
        if recipe.balance and recipe.balance.quantiles:
            classes = pvalue.AsSingleton(
                rows
                | "FineBins" >> each_row(spill, _fine_bins, recipe)
                | "CountBins" >> beam.combiners.Count.PerElement()
                | "AllBins" >> beam.combiners.ToDict()
                | "Quantiles" >> beam.Map(lambda counts: Classes.of(recipe, counts))
            )
        return (
            rows
            | "ClassOf" >> each_row(spill, _class_of, classes)
            | "CountClasses" >> beam.combiners.Count.PerElement()
            | "AllClasses" >> beam.combiners.ToDict()
            | "Decide" >> beam.Map(lambda counts, classes: Copies.of(classes, counts), classes)
        )


_IN, _OUT = (Metrics.counter(PlanShards, name) for name in ("in", "out"))


def _by_id(inspected: Inspected) -> tuple[tuple, Row]:
    return (inspected.reference.base_id,), row_of(inspected)


def _fine_bins(row: Row, recipe: Recipe) -> Iterator[tuple[str, int]]:
    yield from balance.fine_bins(inspected_of(row), recipe)


def _class_of(row: Row, classes: Classes) -> Iterator[tuple[str, str, str]]:
    inspected = inspected_of(row)
    yield inspected.split, inspected.reference.kind, classes.name(inspected)


def _tally(row: Row, copies: Copies) -> Iterator[tuple[tuple[str, str, str], int]]:
    yield from balance_report.tally(inspected_of(row), copies)


def _sizes(tallied: dict[tuple[str, str, str], int]) -> dict[str, int]:
    """Return the number of windows in each split, with their copies."""
    sizes: dict[str, int] = {}
    for (split, _, what), number in tallied.items():
        if what == balance_report.COPIES and number:
            sizes[split] = sizes.get(split, 0) + number
    return sizes


class _PlanRow:
    """Yields a window's copies by their shards, its wishes and itself by their pools."""

    def __init__(self, recipe: Recipe, output: str, pairing: PairPartners) -> None:
        """Keep what every row needs."""
        self.recipe, self.output, self.pairing = recipe, output, pairing

    def __call__(self, row: Row, copies: Copies, sizes: dict[str, int]) -> Iterator[Any]:
        """Yield what follows from one window."""
        inspected = inspected_of(row)
        number = copies.of_window(inspected)
        _IN.inc()
        _OUT.inc(number)
        progress.tick(self.output, "planned", number)
        if not number:
            yield pvalue.TaggedOutput("dropped", copies.dropped(inspected))
            return
        split, recipe, kept = inspected.split, self.recipe, copies.kept
        paired = split in recipe.augmented_splits
        if paired:
            for keyed in self.pairing.member(inspected, row, kept):
                yield pvalue.TaggedOutput("members", keyed)
        shards = plan.shard_count(sizes[split], recipe)
        for copy in range(number):
            shard = (split, plan.shard_of(inspected, copy, recipe, shards), shards)
            yield shard, (_COPY, row, copy)
            if paired:
                window_id = f"{inspected.reference.base_id}/{copy}"
                for keyed in self.pairing.wishes(inspected, window_id, shard, kept):
                    yield pvalue.TaggedOutput("wishes", keyed)


def _shard_keys(sizes: dict[str, int], recipe: Recipe) -> Iterator[tuple]:
    for split, windows in sizes.items():
        shards = plan.shard_count(windows, recipe)
        for shard in range(shards):
            yield (split, shard, shards), (_SHARD,)


def planned_of(rows: Iterable[Row]) -> list[Planned]:
    """Return the copies of one shard with their partners, from its rows in any order."""
    copies, partners = [], {}
    for kind, *told in rows:
        if kind == _COPY:
            copies.append((inspected_of(told[0]), told[1]))
        elif kind == PARTNERS:
            window_id, step, chosen = told
            partners.setdefault(window_id, []).append((step, chosen))
    planned = []
    for inspected, copy in copies:
        own = partners.get(f"{inspected.reference.base_id}/{copy}", ())
        # In one order: twins of an id get the same partners, whichever of them asked first.
        steps = sorted(own, key=lambda pair: (pair[0], repr(pair[1])))
        found = {step: tuple(reference_of(row) for row in chosen) for step, chosen in steps}
        planned.append(Planned(inspected, copy, found))
    return planned
