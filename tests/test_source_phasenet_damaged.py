"""PhaseNet folders with rows and files that are damaged or hostile: one clear line each."""

import io
import struct
import zipfile

import numpy as np
import pytest

from pipelines.reference import Reference, Rejected
from pipelines.sources import load
from schemas.errors import UserError
from tests.builders import listed, phasenet_folder, phasenet_rows, recipe_of, wave, write_rows

NAME = "NC_S0_2010010101000000.npz"
ROW = {"fname": NAME, "itp": 2500, "its": 2800, "channels": "HHE_HHN_HHZ"}


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
    phasenet_folder(tmp_path, [row for row in rows if row["itp"] != "x"])
    items = listed(recipe_of(tmp_path))
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
