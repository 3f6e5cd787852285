"""The plan through files and through Beam: the same shards, partners and counts."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import regroup
from pipelines.planning import PlanShards, planned_of
from pipelines.reference import Event
from pipelines.regroup import GroupRows, spill_folder
from pipelines.rows import inspected_of, read_rows, row_of, write_rows
from pipelines.runner import local_runner
from schemas.recipe import parse_recipe
from tests.benchmarks.plan import synthetic

RECIPE = {
    "sources": [{"name": "a", "format": "phasenet_npz"}],
    "balance": {
        "by": ["kind", "magnitude", "distance_km"],
        "bins": {"magnitude": [1]},
        "quantiles": {"distance_km": 2},
        "method": "inverse_frequency",
        "max_copies": 5,
    },
    "offline": [{"superpose_event": {}}, {"superpose_noise": {"match": ["instrument"]}}],
    "output": {"windows_per_shard": 40},
}
ITEMS = [synthetic(number) for number in range(600)]


def plan_of(items, output, spilled):
    """Plan on the job's local runner; return all that comes of it as sorted lines of text."""
    recipe, options = parse_recipe(RECIPE, "test"), PipelineOptions([])
    with spill_folder(str(output), spilled) as spill:
        pipeline = beam.Pipeline(runner=local_runner(options, workers=1), options=options)
        shards, dropped, report = (
            pipeline | beam.Create(items) | PlanShards(recipe, "memory://none", spill)
        )
        told = (
            shards | GroupRows(spill) | "Shard" >> beam.MapTuple(_told),
            dropped | "Dropped" >> beam.Map(lambda entry: entry.to_json()),
            report | "Report" >> beam.Map(lambda told: json.dumps(told, sort_keys=True)),
        )
        told | beam.Flatten() | beam.io.WriteToText(f"{output}/told", num_shards=1)
        pipeline.run().wait_until_finish()
    return sorted(Path(output, "told-00000-of-00001").read_text().splitlines())


def _told(key, rows):
    windows = [
        (
            p.window_id,
            sorted((step, [r.base_id for r in refs]) for step, refs in p.partners.items()),
        )
        for p in planned_of(rows)
    ]
    return json.dumps(["shard", key, sorted(windows)])


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory):
    return plan_of(ITEMS, tmp_path_factory.mktemp("plan"), spilled=False)


def test_through_files_the_plan_is_the_same_in_any_order(in_memory, tmp_path, monkeypatch):
    # So few are held that files are written more than once.
    monkeypatch.setattr(regroup, "_HELD", 50)
    assert plan_of(ITEMS[::-1], tmp_path, spilled=True) == in_memory
    assert not (tmp_path / ".plan").exists()


def test_every_window_is_planned_or_dropped_and_counted(in_memory):
    told = [json.loads(line) for line in in_memory]
    windows = [w for line in told if isinstance(line, list) for w in line[2]]
    copies = Counter(window_id.rpartition("/")[0] for window_id, _ in windows)
    assert len({window_id for window_id, _ in windows}) == len(windows)
    dropped = {line["window_id"] for line in told if "reason" in line}
    assert dropped and not dropped & set(copies)
    assert dropped | set(copies) == {item.reference.base_id for item in ITEMS}
    assert max(copies.values()) <= 5
    (report,) = (line for line in told if "classes" in line)
    assert sum(row["before"] for row in report["classes"]) == len(ITEMS)
    assert sum(row["after"] for row in report["classes"]) == len(windows)
    # Nearly all events find both their partners, and none that was dropped.
    partners = [name for _, steps in windows for _, names in steps for name in names]
    events = [window_id for window_id, _ in windows if "/e" in window_id]
    assert len(partners) > 1.9 * len(events) and not dropped & set(partners)


def test_rows_bring_references_back_and_numpys_numbers_as_pythons(tmp_path):
    found = replace(ITEMS[1], snr_db=(np.float64(3.5),))
    odd = replace(found.reference, start_s=np.float32(0.5), events=(Event("x", np.float64(2)),))
    path = tmp_path / "rows"
    for rows in ([row_of(ITEMS[0]), row_of(replace(found, reference=odd))], [row_of(ITEMS[2])]):
        with open(path, "ab") as file:
            write_rows(file, rows)
    back = [inspected_of(row) for row in read_rows(str(path))]
    # NaN is not equal to itself; its text is.
    assert [repr(b) for b in back[::2]] == [repr(ITEMS[0]), repr(ITEMS[2])]
    assert back[1].snr_db == (3.5,) and type(back[1].snr_db[0]) is float
    assert (back[1].reference.start_s, back[1].reference.events[0].magnitude) == (0.5, 2.0)
    assert type(back[1].reference.start_s) is float
