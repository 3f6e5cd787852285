"""What several tests build: PhaseNet folders, recipes, references, windows of chosen content."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from augment_ops.core.targets import stored_spec
from pipelines.plan import shard_name
from pipelines.prepare import Record, prepare
from pipelines.publish import claim, publish
from pipelines.reference import Event, Inspected, Pick, Planned, Reference
from pipelines.shards import make_shard
from pipelines.sources import list_parts, list_windows
from schemas.recipe import Preparation, Recipe, parse_recipe
from schemas.snr import snr_db
from schemas.window import WindowSpec

RATE = 100.0
# Windows small enough that a test writes hundreds: 16 s, P at 8 s, 40 s records.
WINDOW = {"length_s": 16, "p_at_s": 8, "max_picks": 4, "max_events": 2}
RECORD = 4000


def wave(seed: int, count: int = RECORD, onset: int | None = None, gain: float = 10.0):
    """Return [count, 3] float64 noise, `gain` times louder from `onset` on."""
    samples = np.random.default_rng(seed).normal(0.0, 100.0, (count, 3))
    if onset is not None:
        samples[onset:] *= gain
    return samples


def prepared(samples, components="ENZ", rate=100.0, target=100.0, valid=None, **preparation):
    """Prepare samples as they are: no detrend unless it is asked for."""
    how = Preparation(**{"detrend": "none", **preparation})
    return prepare(Record(np.asarray(samples), components, rate, valid), how, target)


def phasenet_folder(folder: Path, rows: list[dict], samples: Iterable[np.ndarray] | None = None):
    """Write npz files and their CSV, and return the CSV's path."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = samples or (wave(number, onset=int(row["itp"])) for number, row in enumerate(rows))
    for row, data in zip(rows, samples):
        np.savez(folder / row["fname"], data=data)
    return write_rows(folder / "waveform.csv", rows)


def write_rows(path: Path, rows: list[dict]) -> Path:
    """Write a CSV file with the columns of its rows."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns or ["fname", "itp", "its", "channels"], restval="")
        table.writeheader()
        table.writerows(rows)
    return path


def phasenet_rows(events: int, stations: int = 2, itp: int = 2500) -> list[dict]:
    """Return rows of events an hour apart, each recorded by some stations a second apart."""
    rows = []
    for event in range(events):
        for station in range(stations):
            # From 01:00 on: the noise before an event is of the same day.
            time = f"201001{1 + event // 20:02d}{1 + event % 20:02d}00{station:02d}00"
            names = {"fname": f"NC_S{station}_{time}.npz", "channels": "HHE_HHN_HHZ"}
            rows.append({**names, "itp": itp, "its": itp + 300})
    return rows


def recipe_of(folder: Path, **more) -> Recipe:
    """Return a recipe of one PhaseNet source, small windows, and what else is given."""
    paths = {"path": str(folder), "csv": str(folder / "waveform.csv")}
    source = {"name": "a", "format": "phasenet_npz", **paths}
    given = {"window": WINDOW, "noise": {"min_length_s": 10}, "sources": [source]}
    return parse_recipe({**given, **more}, "test")


def listed(recipe: Recipe) -> list:
    """Return all that a recipe's sources list."""
    return [x for source, part in list_parts(recipe) for x in list_windows(recipe, source, part)]


def reference(trace: str = "t", kind: str = "event", **more) -> Reference:
    """Return a reference of a 40 s record with P at 20 s and S at 23 s."""
    labels = {}
    if kind == "event":
        event = more.pop("event", trace)
        labels = {"picks": (Pick("P", 20.0), Pick("S", 23.0)), "events": (Event(event),)}
    given = {"source": "a", "locator": {}, "record_start_ns": -1, "start_s": 12.0}
    return Reference(trace=trace, kind=kind, **{**given, "split_key": trace, **labels, **more})


def inspected(trace: str = "t", kind: str = "event", **more) -> Inspected:
    """Return a reference that was inspected, with all components live."""
    own = {key: more.pop(key) for key in ("live", "split") if key in more}
    return Inspected(reference(trace, kind, **more), own.pop("live", "ENZ"), (10.0,), **own)


def sound_window(spec: WindowSpec, seed: int = 0, kind: str = "event") -> dict[str, np.ndarray]:
    """Return a window without a fault; an event has P and S of one event, in the middle."""
    window = spec.empty_window()
    p = spec.samples // 2
    samples = wave(seed, spec.samples, p if kind == "event" else None)
    window["waveform"][:] = samples.astype(np.float32)
    window["valid"][:] = True
    for name, value in (("window_id", f"a/t{seed}/e0/0"), ("kind", kind), ("split", "train")):
        window[name] = np.array(value.encode(), dtype=object)
    window["source"] = np.array(b"a", dtype=object)
    window["sampling_rate_hz"] = np.float32(spec.sampling_rate_hz)
    if kind == "event":
        window["pick_sample"][:2], window["pick_phase"][:2] = (p, p + 200), (1, 2)
        window["pick_event"][:2] = 0
        window["event_id"][0] = b"quake"
        window["event_p_sample"][0], window["event_s_sample"][0] = p, p + 200
        window["event_coda_end_sample"][0] = p + 480
        args = (window["waveform"], window["valid"], p, spec.sampling_rate_hz)
        window["event_snr_db"][0] = snr_db(*args)
    return window


def published(recipe: Recipe, output: Path, references=None, split_of=None) -> dict:
    """Write one shard a split through `make_shard` and `publish`, without Beam.

    Args:
        recipe: of a source that is there.
        output: an empty folder.
        references: what to write; by default all that the sources list.
        split_of: the split of a reference; by default all are of train.
    """
    references = listed(recipe) if references is None else references
    claim(recipe, str(output))
    plans: dict[str, list[Planned]] = {}
    for item in references:
        split = split_of(item) if split_of else "train"
        plans.setdefault(split, []).append(Planned(Inspected(item, "ENZ", (), split), 0))
    made = [make_shard(recipe, str(output), s, 0, 1, plan) for s, plan in sorted(plans.items())]
    rejected = [entry for _, entries in made for entry in entries]
    summaries = [summary for summary, _ in made]
    return publish(recipe, str(output), stored_spec(recipe), len(references), summaries, rejected)


def edit_manifest(output: Path, edit) -> None:
    """Change a manifest on disk by a function of its mapping."""
    path = output / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))


def shard_path(recipe: Recipe, output: Path, split: str = "train") -> Path:
    """Return the path of a split's only shard."""
    return output / shard_name(recipe, split, 0, 1)
