"""The job as Beam sees it: list, inspect, plan, group, make, publish.

The transforms only wire; what they do stands in plain functions with their own tests. All that
is grouped or shuffled here is references: waveforms are read by the worker that writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.metrics import Metrics

from augment_ops.core.targets import stored_spec
from pipelines import plan, progress, publish, sources
from pipelines.inspection import inspect
from pipelines.pair import PairPartners
from pipelines.reference import Inspected, Planned, Reference, Rejected
from pipelines.shards import make_shard, whole_shard
from schemas.recipe import Recipe

REJECTED = "rejected"


class _Counted(beam.DoFn):
    """A stage that counts what comes in, what goes out and what it rejects."""

    def count(self, name: str, number: int = 1) -> None:
        """Add to the stage's counter called `name`."""
        Metrics.counter(type(self), name).inc(number)

    def emit(self, item: Any) -> Any:
        """Count an output, and send a rejected one to its own place."""
        if isinstance(item, Rejected):
            self.count("rejected")
            return pvalue.TaggedOutput(REJECTED, item)
        self.count("out")
        return item


class ListDoFn(_Counted):
    """List one part of a source."""

    def __init__(self, recipe: Recipe, output: str) -> None:
        """Keep what every element needs."""
        self.recipe, self.output = recipe, output

    def process(self, part: tuple[Any, Any]) -> Iterator[Any]:
        """Yield references and rejected rows."""
        self.count("in")
        for item in sources.list_windows(self.recipe, *part):
            if isinstance(item, Reference):
                progress.tick(self.output, "listed")
            yield self.emit(item)


class InspectDoFn(_Counted):
    """Read a window once; let it pass or reject it."""

    def __init__(self, recipe: Recipe, output: str) -> None:
        """Keep what every element needs."""
        self.recipe, self.output = recipe, output

    def process(self, reference: Reference) -> Iterator[Any]:
        """Yield the inspected reference or a rejected one."""
        self.count("in")
        progress.tick(self.output, "inspected")
        yield self.emit(inspect(reference, self.recipe))


class MakeDoFn(_Counted):
    """Write one shard, unless a whole one is there and the run resumes."""

    def __init__(self, recipe: Recipe, output: str, resume: bool) -> None:
        """Keep what every element needs."""
        self.recipe, self.output, self.resume = recipe, output, resume

    def process(self, element: tuple[tuple[str, int, int], Iterable[Planned]]) -> Iterator[Any]:
        """Yield the shard's summary, and the windows that were rejected on the way."""
        key, planned = element[0], [item for item in element[1] if item is not None]
        self.count("in", len(planned))
        summary = self.resume and whole_shard(self.recipe, self.output, *key, planned)
        if summary:
            self.count("shards_kept")
            for _ in planned:
                progress.tick(self.output, "made")
            yield summary
            return
        summary, rejected = make_shard(self.recipe, self.output, *key, planned)
        self.count("out", summary.windows)
        self.count("shards_made")
        yield summary
        for entry in rejected:
            self.count("rejected")
            yield pvalue.TaggedOutput(REJECTED, entry)


@dataclass
class InspectSources(beam.PTransform):
    """From nothing to (inspected references, rejected, number listed)."""

    recipe: Recipe
    output: str

    def expand(self, root: Any) -> tuple[Any, Any, Any]:
        """List in parallel over parts, then read in parallel over references."""
        listed = (
            root
            | "Parts" >> beam.Create(sources.list_parts(self.recipe), reshuffle=True)
            | "List"
            >> beam.ParDo(ListDoFn(self.recipe, self.output)).with_outputs(REJECTED, main="listed")
        )
        inspected = (
            listed.listed
            | "SpreadReferences" >> beam.Reshuffle()
            | "Inspect"
            >> beam.ParDo(InspectDoFn(self.recipe, self.output)).with_outputs(REJECTED, main="fit")
        )
        rows = (listed.listed, listed[REJECTED]) | "AllListed" >> beam.Flatten()
        number = rows | "CountListed" >> beam.combiners.Count.Globally()
        rejected = (listed[REJECTED], inspected[REJECTED]) | "Unfit" >> beam.Flatten()
        return inspected.fit, rejected, number


@dataclass
class PlanShards(beam.PTransform):
    """From inspected references to ((split, shard, shards), planned copies)."""

    recipe: Recipe
    output: str

    def expand(self, inspected: Any) -> Any:
        """Copy, pair, and group references by the shard they end up in."""
        recipe = self.recipe
        counts = pvalue.AsDict(
            inspected
            | "SplitAndKind" >> beam.Map(lambda i: (i.split, i.reference.kind))
            | "CountKinds" >> beam.combiners.Count.PerElement()
        )
        copies = inspected | "Copies" >> beam.FlatMap(_copies, recipe, counts, self.output)
        planned = (copies, inspected) | "PairPartners" >> PairPartners(recipe, counts)
        sizes = (
            planned
            | "Splits" >> beam.Map(lambda item: item.inspected.split)
            | "CountWindows" >> beam.combiners.Count.PerElement()
        )
        keyed = planned | "Shard" >> beam.Map(_to_shard, recipe, pvalue.AsDict(sizes))
        # A shard that no window hashed to is written all the same: its name is in the set.
        every = sizes | "EveryShard" >> beam.FlatMap(_shard_keys, recipe)
        return (keyed, every) | "Shards" >> beam.Flatten() | "GroupByShard" >> beam.GroupByKey()


def _copies(
    inspected: Inspected, recipe: Recipe, counts: plan.Counts, output: str
) -> Iterator[Planned]:
    Metrics.counter(PlanShards, "in").inc()
    for copy in plan.copies_of(inspected, recipe, counts):
        Metrics.counter(PlanShards, "out").inc()
        progress.tick(output, "planned")
        yield copy


def _to_shard(planned: Planned, recipe: Recipe, sizes: dict[str, int]) -> tuple:
    split = planned.inspected.split
    shards = plan.shard_count(sizes[split], recipe)
    return (split, plan.shard_of(planned, recipe, shards), shards), planned


def _shard_keys(size: tuple[str, int], recipe: Recipe) -> Iterator[tuple]:
    split, windows = size
    shards = plan.shard_count(windows, recipe)
    for shard in range(shards):
        yield (split, shard, shards), None


@dataclass
class AugmentJob(beam.PTransform):
    """The whole job: from a recipe to shards and their manifest.

    Args:
        recipe: the recipe.
        output: the folder, local or a URL; see `pipelines.publish.claim`.
        resume: keep shards that are whole.
    """

    recipe: Recipe
    output: str
    resume: bool = False

    def expand(self, root: Any) -> Any:
        """Wire the stages; the result is one element, the manifest."""
        recipe, output = self.recipe, self.output
        inspected, unfit, listed = root | "InspectSources" >> InspectSources(recipe, output)
        made = (
            inspected
            | "PlanShards" >> PlanShards(recipe, output)
            | "SpreadShards" >> beam.Reshuffle()
            | "MakeShards"
            >> beam.ParDo(MakeDoFn(recipe, output, self.resume)).with_outputs(
                REJECTED, main="summaries"
            )
        )
        rejected = (unfit, made[REJECTED]) | "Rejected" >> beam.Flatten()
        return (
            root
            | "Once" >> beam.Create([None])
            | "Publish"
            >> beam.Map(
                _publish,
                recipe,
                output,
                stored_spec(recipe),
                pvalue.AsSingleton(listed),
                pvalue.AsList(made.summaries),
                pvalue.AsList(rejected),
            )
        )


def _publish(_: None, *args: Any) -> dict[str, Any]:
    manifest = publish.publish(*args)
    Metrics.counter(AugmentJob, "in").inc(manifest["counts"]["listed"])
    Metrics.counter(AugmentJob, "out").inc(manifest["counts"]["written"])
    Metrics.counter(AugmentJob, "rejected").inc(manifest["counts"]["rejected"])
    return manifest
