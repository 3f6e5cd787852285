"""A small data set and what tests read of the shards that the job makes of it."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np

from pipelines.publish import is_shard, stored_manifest
from schemas.recipe import Recipe, parse_recipe
from schemas.record import deserialize
from schemas.tfrecord import read_records
from schemas.window import WindowSpec
from tests.builders import phasenet_folder, phasenet_rows, recipe_of

OFFLINE = [
    {"superpose_event": {"probability": 0.5, "dense_swarm": True, "lead_s": 0.5}},
    {"superpose_noise": {"probability": 0.5, "snr_db": [3, 15], "signal_s": 3, "noise_s": 3}},
]
ONLINE = [{"random_shift": {"length_s": 8, "mode": "full"}}, {"channel_dropout": {}}]
TARGETS = [{"phase_picks": {"width_s": 0.1}}, {"detection": {}}]


def data_folder(folder: Path, events: int = 12) -> Path:
    """Write a PhaseNet folder of two stations an event."""
    phasenet_folder(folder, phasenet_rows(events))
    return folder


def job_recipe(folder: Path, **more) -> Recipe:
    """Return a recipe with steps of both sorts and both targets."""
    given = {
        "offline": OFFLINE,
        "online": ONLINE,
        "targets": TARGETS,
        "copies": {"event": 2},
        "split": {"shares": {"train": 0.7, "validation": 0.3}},
        "output": {"name": "small", "windows_per_shard": 10},
    }
    return recipe_of(folder, **{**given, **more})


def shard_files(output: Path) -> list[Path]:
    """Return the files of a folder that have a shard's final name."""
    return sorted(path for path in output.glob("*.tfrecord-*") if is_shard(path.name))


def digests(output: Path) -> dict[str, str]:
    """Return the digest of every shard."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in shard_files(output)}


def windows(output: Path, pattern: str = "*.tfrecord-*") -> list[dict[str, np.ndarray]]:
    """Return all windows of the shards that match, as NumPy arrays."""
    spec = WindowSpec.from_json(stored_manifest(str(output))["window"])
    found = []
    for path in sorted(output.glob(pattern)):
        with open(path, "rb") as file:
            found += [deserialize(data, spec)[0] for data in read_records(file, path.name)]
    return found


def rewrite_rows(folder: Path, change) -> None:
    """Change the rows of a folder's CSV by a function of their list."""
    path = folder / "waveform.csv"
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(change(rows))


def with_parts(recipe: Recipe, **more) -> Recipe:
    """Return a recipe with some of its parts replaced by checked ones."""
    return parse_recipe({**recipe.to_json(), **more}, "test")
