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
from pipelines import progress, publish, sources
from pipelines.inspection import read_and_inspect
from pipelines.planning import PlanShards, planned_of
from pipelines.reference import Inspected, Reference, Rejected
from pipelines.regroup import GroupRows, WriteRows, each_row
from pipelines.rows import Row, reference_of, row_of_reference
from pipelines.shards import make_shard, whole_shard
from pipelines.split_lists import listed_names
from pipelines.synthesis import MOST, Featured, featured, synthesised
from pipelines.synthetic import record_of
from schemas.recipe import Recipe

REJECTED, FEATURED = "rejected", "featured"


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
        """Yield the inspected reference or a rejected one, and its features if any are wanted."""
        self.count("in")
        progress.tick(self.output, "inspected")
        read = read_and_inspect(reference, self.recipe)
        if isinstance(read, Rejected):
            yield self.emit(read)
            return
        inspected, _, window = read
        yield self.emit(inspected)
        for found in featured(inspected, window, self.recipe):
            yield pvalue.TaggedOutput(FEATURED, tuple(found))


class MakeDoFn(_Counted):
    """Write one shard, unless a whole one is there and the run resumes."""

    def __init__(self, recipe: Recipe, output: str, resume: bool) -> None:
        """Keep what every element needs."""
        self.recipe, self.output, self.resume = recipe, output, resume

    def process(self, element: tuple[tuple[str, int, int], Iterable[Row]]) -> Iterator[Any]:
        """Yield the shard's summary, and the windows that were rejected on the way."""
        key, planned = element[0], planned_of(element[1])
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
    """From nothing to (inspected references, their features, rejected, number listed).

    Args:
        recipe: the recipe.
        output: the folder that progress is shown of.
        spill: a folder of this machine to spread references through, or empty.
    """

    recipe: Recipe
    output: str
    spill: str = ""

    def expand(self, root: Any) -> tuple[Any, Any, Any, Any]:
        """List in parallel over parts, then read in parallel over references."""
        listed = (
            root
            | "Parts" >> beam.Create(sources.list_parts(self.recipe), reshuffle=True)
            | "List"
            >> beam.ParDo(ListDoFn(self.recipe, self.output)).with_outputs(REJECTED, main="listed")
        )
        inspected = (
            listed.listed
            | "ById" >> beam.Map(lambda item: ((item.base_id,), row_of_reference(item)))
            | "Spread" >> WriteRows(self.spill, "listed")
            | "Read" >> each_row(self.spill, lambda row: (reference_of(row),))
            | "Inspect"
            >> beam.ParDo(InspectDoFn(self.recipe, self.output)).with_outputs(
                REJECTED, FEATURED, main="fit"
            )
        )
        # Counted apart: what is flattened is held in memory.
        numbers = (
            listed.listed | "CountFit" >> beam.combiners.Count.Globally(),
            listed[REJECTED] | "CountUnfit" >> beam.combiners.Count.Globally(),
        )
        number = numbers | "Counts" >> beam.Flatten() | "Sum" >> beam.CombineGlobally(sum)
        rejected = (listed[REJECTED], inspected[REJECTED]) | "Unfit" >> beam.Flatten()
        return inspected.fit, inspected[FEATURED], rejected, number


@dataclass
class Synthesise(beam.PTransform):
    """From features to the inspected references of synthetic windows, none if none are asked for.

    The minority is small, and its features are what one worker holds.
    """

    recipe: Recipe

    def expand(self, features: Any) -> Any:
        """Keep so many of each class, of the lowest hash, and choose among them."""
        recipe = self.recipe
        if recipe.synthesis is None:
            return features | "None" >> beam.Filter(lambda _: False)
        found = (
            features
            | "ByClass" >> beam.Map(lambda told: (Featured(*told).minority, told))
            | "LowestHash" >> beam.combiners.Top.SmallestPerKey(MOST)
            | "Classes" >> beam.Values()
            | "Each" >> beam.FlatMap(lambda some: some)
        )
        return (
            features.pipeline
            | "Once" >> beam.Create([None])
            | "Choose" >> beam.FlatMap(_synthesised, recipe, pvalue.AsList(found))
        )


def _synthesised(_: None, recipe: Recipe, found: list[tuple]) -> Iterator[Inspected]:
    yield from synthesised((Featured(*told) for told in found), recipe)


@dataclass
class AugmentJob(beam.PTransform):
    """The whole job: from a recipe to shards and their manifest.

    Args:
        recipe: the recipe.
        output: the folder, local or a URL; see `pipelines.publish.claim`.
        resume: keep shards that are whole.
        spill: a folder of this machine to group through, or empty; see `pipelines.regroup`.
    """

    recipe: Recipe
    output: str
    resume: bool = False
    spill: str = ""

    def expand(self, root: Any) -> Any:
        """Wire the stages; the result is one element, the manifest."""
        recipe, output, spill = self.recipe, self.output, self.spill
        inspected, features, unfit, listed = root | "InspectSources" >> InspectSources(
            recipe, output, spill
        )
        made_up = features | "Synthesise" >> Synthesise(recipe)
        shards, dropped, balance = (inspected, made_up) | "PlanShards" >> PlanShards(
            recipe, output, spill
        )
        made = (
            shards
            | "GroupByShard" >> GroupRows(spill)
            | "MakeShards"
            >> beam.ParDo(MakeDoFn(recipe, output, self.resume)).with_outputs(
                REJECTED, main="summaries"
            )
        )
        rejected = (unfit, dropped, made[REJECTED]) | "Rejected" >> beam.Flatten()
        names = (
            inspected
            | "ListedNames" >> beam.FlatMap(lambda item: listed_names(item.reference, recipe))
            | "DistinctNames" >> beam.Distinct()
        )
        noise = (
            inspected
            | "FitNoise" >> beam.Filter(lambda item: item.reference.kind == "noise")
            | "CountNoise" >> beam.combiners.Count.Globally()
        )
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
                pvalue.AsList(names),
                pvalue.AsSingleton(noise),
                pvalue.AsSingleton(balance),
                pvalue.AsList(made_up | "Parents" >> beam.Map(lambda x: record_of(x.reference))),
            )
        )


def _publish(_: None, *args: Any) -> dict[str, Any]:
    manifest = publish.publish(*args)
    Metrics.counter(AugmentJob, "in").inc(manifest["counts"]["listed"])
    Metrics.counter(AugmentJob, "out").inc(manifest["counts"]["written"])
    Metrics.counter(AugmentJob, "rejected").inc(manifest["counts"]["rejected"])
    return manifest
