"""Validate a folder: every record against the schema, the labels' invariants, the other splits,
the manifest."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import fsspec

from pipelines import files
from pipelines.leaks import Leaks
from pipelines.publish import is_shard, stored_manifest, stored_recipe
from pipelines.shards import ShardSummary
from schemas.errors import UserError
from schemas.record import deserialize
from schemas.tfrecord import read_records
from schemas.validate import text, window_faults
from schemas.window import COMPONENTS, WindowSpec


@dataclass
class Report:
    """What a validation found: windows read, and one line a fault."""

    windows: int = 0
    shards: int = 0
    faults: list[str] = field(default_factory=list)


def validate(folder: str, progress: Callable[[str], None] = lambda shard: None) -> Report:
    """Read all records of a folder and return what is wrong with them.

    Args:
        folder: where a job published its shards.
        progress: called with each shard's name before it is read.

    Raises:
        UserError: there is nothing to validate against: no manifest, or no recipe.
    """
    manifest = stored_manifest(folder)
    spec = WindowSpec.from_json(manifest["window"])
    recipe = stored_recipe(folder)
    report, leaks = Report(), Leaks(recipe, spec)
    if manifest["components"] != COMPONENTS:
        report.faults.append(
            f"manifest: components: got {manifest['components']!r}, expected {COMPONENTS!r}"
        )
    if recipe.digest != manifest["recipe_digest"]:
        report.faults.append("recipe.yaml is not the recipe that the shards were made with")
    expected = {shard["name"]: shard for shard in manifest["shards"]}
    on_disk = {name for name in files.names_in(folder) if is_shard(name)}
    report.faults += [f"{name}: not in the manifest" for name in sorted(on_disk - set(expected))]
    for name, shard in sorted(expected.items()):
        progress(name)
        if name not in on_disk:
            report.faults.append(f"{name}: missing")
            continue
        report.faults += _shard(folder, shard, spec, leaks, report)
    counts = manifest["counts"]
    for key, part in (("windows", "windows"), ("written", "base_windows")):
        total = sum(shard[part] for shard in manifest["shards"])
        if counts[key] != total:
            report.faults.append(
                f"manifest: counts: {key}: got {counts[key]}, its shards hold {total}"
            )
    if counts["listed"] != counts["written"] + counts["rejected"]:
        report.faults.append(
            f"manifest: listed {counts['listed']} is not written "
            f"{counts['written']} + rejected {counts['rejected']}"
        )
    return report


def _shard(
    folder: str, expected: dict, spec: WindowSpec, leaks: Leaks, report: Report
) -> Iterator[str]:
    """Yield the faults of one shard."""
    name = expected["name"]
    path = posixpath.join(folder, name)
    found = ShardSummary(name, expected["split"])
    report.shards += 1
    leaks.begin(name, found.split)
    try:
        with files.reading(path), fsspec.open(path, "rb") as opened:
            file = files.HashedFile(opened)
            for number, data in enumerate(read_records(file, name)):
                report.windows += 1
                for fault in _record(data, spec, leaks, found, number):
                    yield f"{name}: record {number}: {fault}"
            found.sha256, found.bytes = file.sha.hexdigest(), file.bytes
    except UserError as error:
        yield str(error)
        return
    for key, value in found.to_json().items():
        if value != expected[key]:
            yield f"{name}: {key}: got {value}, the manifest says {expected[key]}"


def _record(
    data: bytes, spec: WindowSpec, leaks: Leaks, found: ShardSummary, number: int
) -> Iterator[str]:
    window, faults = deserialize(data, spec)
    if faults:
        yield from faults
        return
    found.add(window, spec)
    yield from window_faults(window, spec)
    yield from leaks.faults(window, number)
    if text(window["split"]) != found.split:
        yield f"split: got {text(window['split'])!r} in a shard of {found.split}"
