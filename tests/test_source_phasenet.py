"""The PhaseNet source, against arrays and tables that NumPy and csv read by themselves."""

import csv
import io
import struct
import zipfile
from datetime import datetime, timezone

import numpy as np
import pytest
from builders import listed, phasenet_folder, phasenet_rows, recipe_of, wave, write_rows

from pipelines.reference import Reference, Rejected
from pipelines.sources import load, phasenet_npz
from schemas.errors import UserError

NAME = "NC_S0_2010010101000000.npz"
ROW = {"fname": NAME, "itp": 2500, "its": 2800, "channels": "HHE_HHN_HHZ"}


def made(folder, rows, samples=None, **more):
    """List a folder of some rows."""
    phasenet_folder(folder, rows, samples)
    return listed(recipe_of(folder, **more))


def events(items):
    return [item for item in items if isinstance(item, Reference) and item.kind == "event"]


def rejected(folder, rows):
    """Return the only reason why a folder's rows are refused, the files left unwritten."""
    folder.mkdir(exist_ok=True)
    write_rows(folder / "waveform.csv", rows)
    (found,) = [item for item in listed(recipe_of(folder)) if isinstance(item, Rejected)]
    assert found.stage == "list" and "\n" not in found.reason
    return found


def load_refusal(folder, content):
    """Return why a file of some bytes, or none, cannot be loaded."""
    write_rows(folder / "waveform.csv", [ROW])
    if content is not None:
        (folder / NAME).write_bytes(content)
    reference = listed(recipe_of(folder))[0]
    with pytest.raises(UserError) as caught:
        load(reference, {"a": "phasenet_npz"})
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{folder}/{NAME}: ")
    return str(caught.value)


def saved(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


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


@pytest.mark.parametrize("name", ["x.npz", "nc_s0_2010010101000000.npz", "NC_S0_2010139901000000.npz"])
def test_a_name_without_a_time_is_its_own_event(tmp_path, name):
    (item,) = events(made(tmp_path, [{**ROW, "fname": name}]))
    assert item.record_start_ns == -1
    assert item.split_key == item.events[0].event_id == name


def test_events_are_grouped_by_the_time_of_p(tmp_path):
    seconds = [0, 100, 200, 400, 0]
    names = [f"NC_S{n}_2010010101{s // 60:02d}{s % 60:02d}00.npz" for n, s in enumerate(seconds)]
    found = events(made(tmp_path, [{**ROW, "fname": name} for name in names]))
    keys = [item.split_key for item in found]
    # 0, 100, 200 follow each other within 120 s; 400 does not; the last is the first's own time.
    assert keys[0] == keys[1] == keys[2] == keys[4] != keys[3]
    assert [item.events[0].event_id for item in found] == keys


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


@pytest.mark.parametrize("name", ["/etc/x.npz", "../x.npz", "sub/../../x.npz", "C:\\x.npz"])
def test_a_name_that_leaves_the_folder(tmp_path, name):
    found = rejected(tmp_path / "in", [{**ROW, "fname": name}])
    assert f"fname: got {name!r}, expected a path inside" in found.reason
    assert "waveform.csv:2: " in found.reason


def test_a_link_that_leaves_the_folder(tmp_path):
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / NAME, data=wave(0))
    (tmp_path / "in" / NAME).symlink_to(tmp_path / NAME)
    assert "which leads out of" in rejected(tmp_path / "in", [ROW]).reason


@pytest.mark.parametrize("key", ["itp", "its"])
@pytest.mark.parametrize("value", ["x", "-1", "inf", "1e999"])
def test_a_pick_that_is_none(tmp_path, key, value):
    reason = rejected(tmp_path, [{**ROW, key: value}]).reason
    assert f"{key}: got {value!r}, expected a sample from 0 on" in reason


def test_a_row_without_p_or_name(tmp_path):
    assert "itp: got ''" in rejected(tmp_path, [{**ROW, "itp": ""}]).reason
    assert "fname: is empty" in rejected(tmp_path, [{**ROW, "fname": ""}]).reason


def test_the_second_row_of_a_file_is_refused(tmp_path):
    found = rejected(tmp_path, [ROW, {**ROW, "itp": 2600}])
    assert f"waveform.csv:3: fname: got {NAME!r} again, after line 2" in found.reason


@pytest.mark.parametrize(
    "text, told",
    [
        (b"fname,itp,its,channels\n", "the source lists no windows"),
        (b"", "columns ['fname', 'itp'] are missing"),
        (b"a,b\n1,2\n", "columns ['fname', 'itp'] are missing; got ['a', 'b']"),
        (b"\xff\xfe\0x", "cannot be read: 'utf-8' codec can't decode"),
        (b"fname,itp\na.npz\n", "not as many cells as the header has"),
        (b"fname,itp\na.npz,1,2\n", "not as many cells as the header has"),
        (b"fname,itp\na.npz,1\n\0\0\0", "cells as the header has"),
        (b"fname,itp\n" + b"x" * 200_000, "cannot be read: field larger than field limit"),
        (None, "waveform.csv: no such file"),
    ],
)
def test_a_table_that_is_none(tmp_path, text, told):
    if text is not None:
        (tmp_path / "waveform.csv").write_bytes(text)
    found = [item for item in listed(recipe_of(tmp_path)) if isinstance(item, Rejected)]
    assert len(found) == 1 and told in found[0].reason and "\n" not in found[0].reason


def test_a_bad_row_leaves_the_others(tmp_path):
    rows = phasenet_rows(events=2)
    rows[1]["itp"] = "x"
    items = made(tmp_path, [{**row} for row in rows if row["itp"] != "x"])
    write_rows(tmp_path / "waveform.csv", rows)
    again = listed(recipe_of(tmp_path))
    assert [item for item in again if isinstance(item, Reference)] == items
    assert len(again) == len(items) + 1


def test_a_missing_file(tmp_path):
    assert load_refusal(tmp_path, None).endswith("no such file")


@pytest.mark.parametrize(
    "arrays, told",
    [
        ({"data": wave(0)[:, 0]}, "data: got float64 (4000,), expected numbers [n, 3]"),
        ({"data": wave(0)[:, :2]}, "data: got float64 (4000, 2), expected numbers [n, 3]"),
        ({"data": wave(0)[None]}, "data: got float64 (1, 4000, 3)"),
        ({"data": wave(0).astype(complex)}, "data: got complex128"),
        ({"data": wave(0).astype(str)}, "data: got <U"),
        ({"data": wave(0) > 0}, "data: got bool"),
        ({"data": np.full((4000, 3), {"a": 1})}, "cannot be read: Object arrays cannot be loaded"),
        ({"other": wave(0)}, "'data' is missing; got ['other']"),
    ],
)
def test_arrays_that_are_no_waveform(tmp_path, arrays, told):
    assert told in load_refusal(tmp_path, saved(**arrays))


def npy(data):
    file = io.BytesIO()
    np.save(file, data, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", npy(wave(0)), npy(np.array([{}])), saved(data=wave(0))[:5000], b"PK\3\4"],
)
def test_a_file_that_is_no_archive(tmp_path, content):
    assert "cannot be read: " in load_refusal(tmp_path, content)


def test_a_flipped_byte_in_the_samples(tmp_path):
    content = bytearray(saved(data=wave(0)))
    content[5000] ^= 1
    assert "Bad CRC-32" in load_refusal(tmp_path, bytes(content))


def zeros(count):
    """Return an npz whose array compresses to almost nothing."""
    head = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (count // 24, 3)}
    np.lib.format.write_array_header_1_0(head, shape)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", head.getvalue() + bytes(24 * 100))
    return bytearray(file.getvalue())


def test_an_archive_that_declares_too_much(tmp_path):
    content = zeros(2**40)
    size = 2**31
    directory = content.rfind(b"PK\1\2")
    struct.pack_into("<I", content, directory + 24, size)
    assert f"declares {size} bytes, expected at most {2**30}" in load_refusal(tmp_path, content)


def test_a_header_that_declares_too_much(tmp_path):
    assert "cannot be read: " in load_refusal(tmp_path, zeros(2**60))


def test_samples_of_any_number_type_are_read(tmp_path):
    for dtype in ("<i2", ">i4", "u1", "<f4", ">f8"):
        data = wave(0).astype(dtype)
        (item,) = events(made(tmp_path, [ROW], [data]))
        np.testing.assert_array_equal(phasenet_npz.load(item).samples, data)
