"""Make one shard: load, attach partners, augment, check, write aside, rename."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import fsspec
import numpy as np

from pipelines import files, progress
from pipelines.augment import BATCH, Augmenter, augmenter
from pipelines.plan import in_shard_order, shard_name
from pipelines.reference import Planned, Rejected
from pipelines.synthetic import load_window
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.record import deserialize, serialize
from schemas.synthesis import METHODS
from schemas.tfrecord import read_records, write_record
from schemas.validate import text, window_faults
from schemas.window import PHASES, WindowSpec


@dataclass
class ShardSummary:
    """What a shard holds: for the manifest, and to know on a second run that it is whole.

    `base_windows` counts first copies of recorded windows, `labelled` windows with at least one
    pick of a phase; `drawn` counts, for each drawn value, the windows in which it was drawn.
    """

    name: str
    split: str
    windows: int = 0
    base_windows: int = 0
    bytes: int = 0
    sha256: str = ""
    kinds: dict[str, int] = field(default_factory=dict)
    labelled: dict[str, int] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)

    def add(self, window: dict[str, np.ndarray], spec: WindowSpec) -> None:
        """Count one window."""
        kind = text(window["kind"])
        self.windows += 1
        recorded = text(window["source"]) not in METHODS
        self.base_windows += recorded and text(window["window_id"]).endswith("/0")
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        for phase, code in PHASES.items():
            held = bool((window["pick_phase"] == code).any())
            self.labelled[phase] = self.labelled.get(phase, 0) + held
        for name in spec.draws:
            self.drawn[name] = self.drawn.get(name, 0) + bool(np.isfinite(window[name]))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def make_shard(
    recipe: Recipe, output: str, split: str, shard: int, shards: int, planned: list[Planned]
) -> tuple[ShardSummary, list[Rejected]]:
    """Write one shard under its final name, whole, and return what it holds.

    A window that can no longer be read, or fails the schema, is rejected. The same plan gives
    the same bytes however often it is run.
    """
    name = shard_name(recipe, split, shard, shards)
    summary, rejected = ShardSummary(name, split), []
    run = augmenter(recipe.model_dump_json())
    with files.writing(posixpath.join(output, name)) as file:
        hashed = files.HashedFile(file)
        for item in _windows(recipe, run, split, in_shard_order(planned, recipe), output):
            if isinstance(item, Rejected):
                rejected.append(item)
                continue
            write_record(hashed, serialize(item, run.spec))
            summary.add(item, run.spec)
        summary.sha256, summary.bytes = hashed.sha.hexdigest(), hashed.bytes
    return summary, rejected


def _windows(
    recipe: Recipe, run: Augmenter, split: str, planned: list[Planned], output: str
) -> Iterator[dict[str, np.ndarray] | Rejected]:
    seen: set[str] = set()
    for first in range(0, len(planned), BATCH):
        windows, partners = [], []
        for item in planned[first : first + BATCH]:
            progress.tick(output, "made")
            if item.window_id in seen:
                yield Rejected(item.window_id, "make", "a second window has the same id")
                continue
            seen.add(item.window_id)
            try:
                windows.append(_load(item, recipe))
                partners.append(_load_partners(item, recipe))
            except UserError as error:
                del windows[len(partners) :]
                yield Rejected(item.window_id, "make", str(error))
        for window in run(windows, partners, split) if windows else ():
            faults = window_faults(window, run.spec)
            if faults:
                yield Rejected(text(window["window_id"]), "make", "; ".join(faults))
            else:
                yield window


def _load(item: Planned, recipe: Recipe) -> dict[str, np.ndarray]:
    window = load_window(item.inspected.reference, recipe)
    window["window_id"] = np.array(item.window_id.encode(), dtype=object)
    window["split"] = np.array(item.inspected.split.encode(), dtype=object)
    return window


def _load_partners(item: Planned, recipe: Recipe) -> dict[str, list[dict[str, np.ndarray]]]:
    loaded: dict[str, list] = {}
    for step, references in item.partners.items():
        for reference in references:
            partner = load_window(reference, recipe)
            partner["window_id"] = np.array(reference.base_id.encode(), dtype=object)
            loaded.setdefault(step, []).append(partner)
    return loaded


def whole_shard(
    recipe: Recipe, output: str, split: str, shard: int, shards: int, planned: list[Planned]
) -> ShardSummary | None:
    """Return what a shard on disk holds if it is whole and holds just the planned windows.

    Every record's checksum and layout are read; a shard that lacks any, or is not there, is
    None, and is made anew.
    """
    path = posixpath.join(output, shard_name(recipe, split, shard, shards))
    expected = [item.window_id for item in in_shard_order(planned, recipe)]
    spec = augmenter(recipe.model_dump_json()).spec
    summary = ShardSummary(posixpath.basename(path), split)
    if not files.exists(path):
        return None
    try:
        with files.reading(path), fsspec.open(path, "rb") as opened:
            file = files.HashedFile(opened)
            for number, data in enumerate(read_records(file, path)):
                window, faults = deserialize(data, spec)
                if faults or number >= len(expected):
                    return None
                if text(window["window_id"]) != expected[number]:
                    return None
                summary.add(window, spec)
            summary.sha256, summary.bytes = file.sha.hexdigest(), file.bytes
    except UserError:
        return None
    return summary if summary.windows == len(expected) else None
