"""What is written beside the shards once they are all there, and what guards a folder."""

from __future__ import annotations

import json
import platform
import posixpath
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from pipelines import files
from pipelines.reference import Rejected
from pipelines.shards import ShardSummary
from pipelines.split_lists import unknown_names
from schemas.errors import UserError
from schemas.metadata import tfmd_pbtxt, write_tfds_metadata
from schemas.recipe import Recipe, parse_recipe
from schemas.strict_yaml import load_yaml
from schemas.window import COMPONENTS, WindowSpec

MANIFEST, RECIPE = "manifest.json", "recipe.yaml"
REJECTED, SYNTHETIC = "rejected.jsonl", "synthetic.jsonl"
_SHARD = re.compile(r"[^.].*\.tfrecord-\d{5}-of-\d{5}")
_PACKAGES = ("seismill", "tensorflow", "apache-beam", "numpy", "scipy", "obspy")


def is_shard(name: str) -> bool:
    """Whether a file's name is the final name of a shard."""
    return _SHARD.fullmatch(name) is not None


def claim(recipe: Recipe, output: str) -> None:
    """Take an output folder for a recipe, or refuse it.

    Raises:
        UserError: the folder holds shards of another recipe, or of none, or is not writable.
    """
    try:
        names = files.names_in(output)
        if RECIPE in names:
            if stored_recipe(output).digest != recipe.digest:
                raise UserError(
                    f"{output}: --output: holds the shards of another recipe; "
                    f"expected an empty folder or the same recipe ({RECIPE} differs)"
                )
        elif any(map(is_shard, names)):
            raise UserError(
                f"{output}: --output: holds shards without a {RECIPE}; expected an empty folder"
            )
        files.remove_parts(output)
        # What is not yet whole must not look whole.
        files.remove(posixpath.join(output, MANIFEST))
        text = yaml.safe_dump(recipe.to_json(), sort_keys=False)
        files.write_text(posixpath.join(output, RECIPE), text)
    except UserError:
        raise
    except Exception as error:  # every file system raises its own
        raise UserError(f"{output}: --output: {files.first_line(error)}") from None


def stored_recipe(folder: str) -> Recipe:
    """Return the recipe that lies beside the shards of a folder."""
    path = posixpath.join(folder, RECIPE)
    return parse_recipe(load_yaml(files.read_text(path).getvalue(), path), path)


def stored_manifest(folder: str) -> dict[str, Any]:
    """Return a folder's manifest.

    Raises:
        UserError: there is none, so the job has not ended, or it is damaged.
    """
    path = posixpath.join(folder, MANIFEST)
    try:
        manifest = json.load(files.read_text(path))
        WindowSpec.from_json(manifest["window"])
        _needs(manifest, ("name", "components", "recipe_digest", "seed", "counts", "shards"))
        _needs(manifest["counts"], ("listed", "written", "rejected", "windows"))
        for shard in manifest["shards"]:
            _needs(shard, [field.name for field in fields(ShardSummary)])
        return {**manifest, "shards": list(manifest["shards"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: not a manifest: {files.first_line(error)}") from None


def _needs(mapping: dict[str, Any], keys: Iterable[str]) -> None:
    missing = [key for key in keys if key not in mapping]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing")


def publish(
    recipe: Recipe,
    output: str,
    spec: WindowSpec,
    listed: int,
    summaries: Iterable[ShardSummary],
    rejected: Iterable[Rejected],
    listed_names: Iterable[str] = (),
    noise: int = 0,
    balance: dict[str, Any] | None = None,
    synthetic: Iterable[str] = (),
) -> dict[str, Any]:
    """Write the rejected list, the schemas, TFDS's metadata and, last of all, the manifest.

    `listed_names` are those of the split's lists that windows have; `noise` is the number of noise
    windows that were found fit; `balance` is what `pipelines.balance_report` says, `synthetic` the
    lines that say what was made of what.

    Returns:
        The manifest.
    """
    summaries = sorted(summaries, key=lambda summary: summary.name)
    rejected = list(rejected)
    lines = sorted(entry.to_json() for entry in rejected)
    # A further copy that was refused is in the list, but its window counts once.
    refused = sum(entry.is_base for entry in rejected)
    manifest = _manifest(recipe, spec, listed, summaries, refused)
    manifest["noise"] = screened(noise, rejected)
    if unknown := unknown_names(recipe.split, listed_names):
        manifest["unknown_in_lists"] = unknown
    if synthetic := sorted(synthetic):
        manifest["synthetic"] = len(synthetic)
        text = "".join(line + "\n" for line in synthetic)
        files.write_text(posixpath.join(output, SYNTHETIC), text)
    if balance:
        manifest["balance"] = balance
    files.write_text(posixpath.join(output, REJECTED), "".join(line + "\n" for line in lines))
    files.write_text(posixpath.join(output, "schema.pbtxt"), tfmd_pbtxt(spec))
    if summaries:
        _write_tfds(recipe, output, spec, summaries)
    _remove_stale(output, {summary.name for summary in summaries})
    text = json.dumps(manifest, indent=1, sort_keys=True)
    files.write_text(posixpath.join(output, MANIFEST), text + "\n")
    return manifest


def screened(fit: int, rejected: Iterable[Rejected]) -> dict[str, Any]:
    """Return how many noise windows were tested and, by test, how many were refused."""
    refused = Counter(entry.test for entry in rejected if entry.test)
    return {"tested": fit + refused.total(), "refused": dict(refused)}


def told_of_noise(manifest: dict[str, Any]) -> str:
    """Return ``noise: 10 of 154 refused: std_ratio 8, sta_lta 2``; nothing if there is none."""
    noise = manifest.get("noise", {"tested": 0})
    if not noise["tested"]:
        return ""
    refused = sorted(noise["refused"].items(), key=lambda item: (-item[1], item[0]))
    tests = ", ".join(f"{test} {number}" for test, number in refused)
    number = sum(noise["refused"].values())
    return f"noise: {number} of {noise['tested']} refused" + (f": {tests}" if tests else "")


def _manifest(
    recipe: Recipe, spec: WindowSpec, listed: int, summaries: list[ShardSummary], rejected: int
) -> dict[str, Any]:
    return {
        "counts": {
            "listed": listed,
            "written": sum(s.base_windows for s in summaries),
            "rejected": rejected,
            "windows": sum(s.windows for s in summaries),
        },
        "components": COMPONENTS,
        "name": recipe.output.name,
        "recipe_digest": recipe.digest,
        "seed": recipe.seed,
        "shards": [summary.to_json() for summary in summaries],
        "versions": {"python": platform.python_version(), **_versions()},
        "window": spec.to_json(),
    }


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _PACKAGES}


def _write_tfds(
    recipe: Recipe, output: str, spec: WindowSpec, summaries: list[ShardSummary]
) -> None:
    splits: dict[str, tuple[list[int], int]] = {}
    for summary in summaries:
        lengths, size = splits.setdefault(summary.split, ([], 0))
        splits[summary.split] = ([*lengths, summary.windows], size + summary.bytes)
    with tempfile.TemporaryDirectory() as folder:
        write_tfds_metadata(folder, spec, recipe.output.name, splits)
        for path in sorted(Path(folder).iterdir()):
            text = path.read_text(encoding="utf-8")
            files.write_text(posixpath.join(output, path.name), text)


def _remove_stale(output: str, current: set[str]) -> None:
    """Remove shards that an earlier run of this recipe cut otherwise, as its sources were."""
    for name in files.names_in(output):
        if is_shard(name) and name not in current:
            files.remove(posixpath.join(output, name))
