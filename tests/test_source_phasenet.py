"""The PhaseNet source, against arrays and tables that NumPy and csv read by themselves."""

import csv
from datetime import datetime, timezone

import numpy as np
import pytest

from pipelines.reference import Reference
from pipelines.sources import load, phasenet_npz
from tests.builders import listed, phasenet_folder, phasenet_rows, recipe_of, wave

NAME = "NC_S0_2010010101000000.npz"
ROW = {"fname": NAME, "itp": 2500, "its": 2800, "channels": "HHE_HHN_HHZ"}


def made(folder, rows, samples=None, **more):
    """List a folder of some rows."""
    phasenet_folder(folder, rows, samples)
    return listed(recipe_of(folder, **more))


def events(items):
    return [item for item in items if isinstance(item, Reference) and item.kind == "event"]


def test_samples_and_picks_are_those_of_the_files(tmp_path):
    rows = phasenet_rows(events=2)
    found = events(made(tmp_path, rows))
    assert [item.trace for item in found] == [row["fname"] for row in rows]
    for item, row in zip(found, rows):
        data = np.load(tmp_path / row["fname"])["data"]
        record = load(item, {"a": "phasenet_npz"})
        np.testing.assert_array_equal(record.samples, data)
        assert (record.components, record.sampling_rate_hz) == ("ENZ", 100.0)
        times = {pick.phase: pick.time_s for pick in item.picks}
        assert times == {"P": row["itp"] / 100, "S": row["its"] / 100}
        assert item.start_s == row["itp"] / 100 - 8
        assert (item.network, item.station, item.instrument) == ("NC", row["fname"][3:5], "HH")


def test_the_real_files(real_data):
    folder = real_data / "ncedc"
    recipe = recipe_of(folder / "npz")
    source = {**recipe.sources[0].options, "csv": str(folder / "waveform.csv")}
    recipe = recipe_of(folder, sources=[{"name": "a", "format": "phasenet_npz", **source}])
    found = {item.trace: item for item in events(listed(recipe))}
    with open(folder / "waveform.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(found) == len(rows) > 100
    for row in rows:
        item = found[row["fname"]]
        times = {pick.phase: round(pick.time_s * 100, 6) for pick in item.picks}
        assert times == {"P": float(row["itp"]), "S": float(row["its"])}
        held = np.load(folder / "npz" / row["fname"])
        np.testing.assert_array_equal(load(item, {"a": "phasenet_npz"}).samples, held["data"])
        # A file's own picks are a second witness.
        assert (int(held["itp"]), int(held["its"])) == (times["P"], times["S"])


def test_the_record_starts_when_the_name_says_that_p_arrived(tmp_path):
    (item,) = events(made(tmp_path, [{**ROW, "fname": "NC_S0_2010010203040567.npz"}]))
    p_time = datetime(2010, 1, 2, 3, 4, 5, 670_000, tzinfo=timezone.utc)
    expected = round(p_time.timestamp() * 1000) * 10**6 - 25 * 10**9
    assert item.record_start_ns == expected


@pytest.mark.parametrize(
    "name", ["x.npz", "nc_s0_2010010101000000.npz", "NC_S0_2010139901000000.npz"]
)
def test_a_name_without_a_time_is_its_own_event(tmp_path, name):
    (item,) = events(made(tmp_path, [{**ROW, "fname": name}]))
    assert item.record_start_ns == -1
    assert item.split_key == item.events[0].event_id == name
    assert item.events[0].time_ns == -1


def test_events_are_grouped_by_the_time_of_p(tmp_path):
    seconds = [0, 100, 200, 400, 0]
    names = [f"NC_S{n}_2010010101{s // 60:02d}{s % 60:02d}00.npz" for n, s in enumerate(seconds)]
    found = events(made(tmp_path, [{**ROW, "fname": name} for name in names]))
    keys = [item.split_key for item in found]
    # 0, 100, 200 follow each other within 120 s; 400 does not; the last is the first's own time.
    assert keys[0] == keys[1] == keys[2] == keys[4] != keys[3]
    assert [item.events[0].event_id for item in found] == keys
    first = found[0].record_start_ns + 25 * 10**9
    times = [item.events[0].time_ns for item in found]
    assert times == [first, first, first, first + 400 * 10**9, first]


def test_noise_is_what_lies_before_p(tmp_path):
    items = made(tmp_path, [ROW], noise={"guard_s": 3, "min_length_s": 5})
    noise = [item for item in items if item.kind == "noise"]
    # 22 s before P less the guard: a whole window of 16 s, and 6 s of another.
    assert [item.usable_s for item in noise] == [(0.0, 16.0), (16.0, 22.0)]
    assert {item.split_key for item in noise} == {"noise NC.S0 2010-01-01"}
    assert not any(item.picks or item.events for item in noise)
    assert [i.kind for i in made(tmp_path, [ROW], noise={"before_p": False})] == ["event"]


def test_noise_behind_midnight_is_of_the_next_day(tmp_path):
    row = {**ROW, "fname": "NC_S0_2010010200001000.npz", "itp": 3000}
    items = made(tmp_path, [row], noise={"min_length_s": 5, "guard_s": 0})
    keys = {item.start_s: item.split_key[-10:] for item in items if item.kind == "noise"}
    assert keys == {0.0: "2010-01-01", 16.0: "2010-01-01"}
    row = {**ROW, "fname": "NC_S0_2010010200002000.npz", "itp": 3000}
    items = made(tmp_path, [row], noise={"min_length_s": 5, "guard_s": 0})
    keys = {item.start_s: item.split_key[-10:] for item in items if item.kind == "noise"}
    assert keys == {0.0: "2010-01-01", 16.0: "2010-01-02"}


@pytest.mark.parametrize("its", ["", "nan", "None"])
def test_a_row_without_s(tmp_path, its):
    (item,) = events(made(tmp_path, [{**ROW, "its": its}]))
    assert [pick.phase for pick in item.picks] == ["P"]


def test_a_table_without_s(tmp_path):
    (item,) = events(made(tmp_path, [{"fname": NAME, "itp": 2500}]))
    assert [(pick.phase, pick.time_s) for pick in item.picks] == [("P", 25.0)]


def test_another_rate_is_told_by_the_recipe(tmp_path):
    paths = {"path": str(tmp_path), "csv": str(tmp_path / "waveform.csv")}
    source = {"name": "a", "format": "phasenet_npz", "sampling_rate_hz": 50, **paths}
    (item,) = events(made(tmp_path, [ROW], sources=[source]))
    assert [pick.time_s for pick in item.picks] == [50.0, 56.0]
    assert load(item, {"a": "phasenet_npz"}).sampling_rate_hz == 50.0


def test_samples_of_any_number_type_are_read(tmp_path):
    for dtype in ("<i2", ">i4", "u1", "<f4", ">f8"):
        data = wave(0).astype(dtype)
        (item,) = events(made(tmp_path, [ROW], [data]))
        np.testing.assert_array_equal(phasenet_npz.load(item).samples, data)
