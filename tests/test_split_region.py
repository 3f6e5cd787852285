"""By region, from a SeisBench table with coordinates to shards that `validate` passes."""

import math

import pytest

from pipelines.inspection import inspect
from pipelines.reference import Inspected, Rejected
from pipelines.split import assign_split
from pipelines.validation import validate
from schemas.recipe import parse_recipe
from tests.builders import WINDOW, listed, published
from tests.test_source_seisbench import data_set, row, traces

SIDE = 0.5


def recipe_of(folder):
    source = {"name": "a", "format": "seisbench", "path": str(folder)}
    rule = {"by": "region", "block_deg": SIDE, "shares": {"train": 0.5, "test": 0.5}}
    given = {"sources": [source], "window": WINDOW, "split": rule}
    return parse_recipe({**given, "noise": {"min_length_s": 10}}, "test")


def rows_of(count, **changes):
    """Return rows of events a tenth of a degree apart, each at two stations of other places."""
    rows = []
    for number in range(count):
        for station in range(2):
            place = {"source_latitude_deg": 36 + number / 10, "source_longitude_deg": -122.3}
            where = {"station_latitude_deg": 33 + station, "station_longitude_deg": -118.2}
            cells = {**place, **where, "source_id": f"e{number}", "station_code": f"S{station}"}
            name = f"bucket0${len(rows)},:3,:4000"
            start = f"2012-01-{1 + number:02d}T01:00:00Z"
            rows.append(row(name, **cells, trace_start_time=start, **changes))
    return rows


def test_blocks_of_epicentres_and_of_stations(tmp_path):
    data_set(tmp_path, rows_of(20), {"bucket0": traces(40)})
    recipe = recipe_of(tmp_path)
    items = listed(recipe)
    published(recipe, tmp_path / "out", items, lambda item: assign_split(item, recipe))
    assert validate(str(tmp_path / "out")).faults == []
    blocks = {}
    for item in items:
        place = item.events[0] if item.events else item
        block = tuple(math.floor(x / SIDE) for x in (place.latitude_deg, place.longitude_deg))
        blocks.setdefault((item.kind, block), set()).add(assign_split(item, recipe))
    assert all(len(splits) == 1 for splits in blocks.values())
    # 20 events in four blocks or five, as tenths round; noise at two stations.
    kinds = [kind for kind, _ in blocks]
    assert kinds.count("event") in (4, 5) and kinds.count("noise") == 2
    assert {split for splits in blocks.values() for split in splits} == {"train", "test"}


@pytest.mark.parametrize(
    "gone, kind",
    [
        ("source_latitude_deg", "event"),
        ("source_longitude_deg", "event"),
        ("station_latitude_deg", "noise"),
        ("station_longitude_deg", "noise"),
    ],
)
def test_windows_without_coordinates_are_rejected_and_say_why(tmp_path, gone, kind):
    rows = [{**cells, gone: ""} for cells in rows_of(1)]
    data_set(tmp_path, rows, {"bucket0": traces(2)})
    recipe = recipe_of(tmp_path)
    for item in listed(recipe):
        found = inspect(item, recipe)
        if item.kind == kind:
            assert isinstance(found, Rejected) and found.stage == "inspect"
            assert "latitude_deg, longitude_deg: got none, split.by region" in found.reason
        else:
            assert isinstance(found, Inspected)
