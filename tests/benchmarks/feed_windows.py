"""What the feed's benchmark reads: shards of real windows, and the same windows for SeisBench."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import h5py
import numpy as np
import yaml

from pipelines import files
from pipelines.cli import main as cli
from pipelines.publish import MANIFEST, stored_manifest, stored_recipe
from schemas.recipe import Recipe, load_recipe, parse_recipe
from schemas.record import deserialize
from schemas.tfrecord import read_records
from schemas.window import COMPONENTS, PHASES, WindowSpec

RECIPE = Path(__file__).parents[2] / "pipelines" / "recipes" / "ncedc_npz.yaml"
TRAIN_S, SIGMA_S = 30.0, 0.1
# Some 2000 windows of the about 150 records, kinds as in the recipe.
COPIES = {"event": 10, "noise": 5}
# Two thirds of the windows lose one or two of three components: SeisBench's own distribution.
ONLINE = [
    {"random_shift": {"length_s": TRAIN_S, "mode": "full", "margin_s": 0.0}},
    {"channel_dropout": {"probability": 2 / 3, "max_channels": 2}},
]
TARGETS = [{"phase_picks": {"shape": "gaussian", "width_s": SIGMA_S}}]
# Traces of one block, as SeisBench's own writer packs them.
BLOCK = 1024


def benchmark_recipe() -> Recipe:
    """Return the recipe of the real windows, without offline steps and all for training."""
    base = load_recipe(RECIPE)
    own = {
        "copies": COPIES,
        "offline": [],
        "online": ONLINE,
        "targets": TARGETS,
        "normalise": "std",
        "split": {"shares": {"train": 1.0}},
    }
    return parse_recipe({**base.to_json(), **own}, "benchmark")


def make_shards(folder: Path) -> int:
    """Write the shards, unless the folder holds those of the same recipe; return an exit code."""
    recipe = benchmark_recipe()
    if (folder / MANIFEST).exists() and stored_recipe(str(folder)).digest == recipe.digest:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump(recipe.to_json()))
    return cli(["augment", str(path), "--output", str(folder), "--quiet"])


def shard_paths(folder: Path) -> list[str]:
    """Return the shards in the manifest's order."""
    shards = stored_manifest(str(folder))["shards"]
    return [files.join(str(folder), shard["name"], "shards") for shard in shards]


def stored_spec(folder: Path) -> WindowSpec:
    """Return the spec of the stored windows."""
    return WindowSpec.from_json(stored_manifest(str(folder))["window"])


def export_seisbench(folder: Path, output: Path) -> None:
    """Write the shards' windows as a SeisBench data set, unless it is newer than they are.

    Samples and picks are the stored ones; ``valid`` has no place there and is left out.
    """
    table = output / "metadata.csv"
    if table.exists() and table.stat().st_mtime > (folder / MANIFEST).stat().st_mtime:
        return
    output.mkdir(parents=True, exist_ok=True)
    table.unlink(missing_ok=True)
    spec = stored_spec(folder)
    rows, block = [], []
    with h5py.File(output / "waveforms.hdf5", "w") as file:
        layout = {"dimension_order": "CW", "component_order": COMPONENTS, "measurement": "velocity"}
        layout |= {"sampling_rate": spec.sampling_rate_hz, "unit": "counts"}
        for key, value in layout.items():
            file[f"data_format/{key}"] = value
        for window in _windows(folder, spec):
            rows.append(_row(window, f"bucket{len(rows) // BLOCK}${len(block)},:3,:{spec.samples}"))
            block.append(window["waveform"].T)
            if len(block) == BLOCK:
                file[f"data/bucket{len(rows) // BLOCK - 1}"] = np.stack(block)
                block = []
        if block:
            file[f"data/bucket{len(rows) // BLOCK}"] = np.stack(block)
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _windows(folder: Path, spec: WindowSpec):
    for path in shard_paths(folder):
        with open(path, "rb") as file:
            for data in read_records(file, path):
                yield deserialize(data, spec)[0]


def _row(window: dict[str, np.ndarray], trace_name: str) -> dict[str, object]:
    """Return a window's row of the metadata: the columns that the benchmark reads, and a few."""
    kind = window["kind"].item().decode()
    row = {
        "trace_name": trace_name,
        "trace_sampling_rate_hz": float(window["sampling_rate_hz"]),
        "trace_category": "noise" if kind == "noise" else "earthquake_local",
        "station_network_code": window["network"].item().decode(),
        "station_code": window["station"].item().decode(),
        "source_id": window["event_id"][0].decode(),
        "split": "train",
    }
    for name, phase in PHASES.items():
        picks = window["pick_sample"][window["pick_phase"] == phase]
        row[f"trace_{name}_arrival_sample"] = float(picks[0]) if len(picks) else ""
    return row


if __name__ == "__main__":
    sys.exit(make_shards(Path(sys.argv[1])))
