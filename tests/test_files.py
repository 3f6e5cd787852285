"""Files: names that may not leave their folder, and files that appear whole or not at all."""

import hashlib
import io
import os
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import files
from schemas.errors import UserError


@pytest.fixture
def memory():
    """The URL of an empty folder in fsspec's memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield "memory://box"
    system.store.clear()


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path, memory):
    return str(tmp_path / "box") if request.param == "local" else memory


@pytest.mark.parametrize("name", ["a.npz", "sub/a.npz", "./a.npz", "a..b", "..a", "a/b:c"])
def test_names_inside_are_joined(tmp_path, name):
    assert files.join(str(tmp_path), name, "fname") == f"{tmp_path}/{name}"
    assert files.join("memory://box", name, "fname") == f"memory://box/{name}"


@pytest.mark.parametrize("root", ["/data/in", "memory://box"])
@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "\\x", "..", "../a", "a/../../b", "a\\..\\b", "a\0b", "s3://b/a", "C:\\a"],
)
def test_names_that_leave_are_refused(root, name):
    with pytest.raises(UserError) as caught:
        files.join(root, name, "fname")
    assert str(caught.value) == f"fname: got {name!r}, expected a path inside {root}"


def test_links_that_leave_are_refused(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir(), outside.mkdir()
    (outside / "secret").write_text("x")
    (inside / "kept").write_text("x")
    (inside / "file").symlink_to(outside / "secret")
    (inside / "folder").symlink_to(outside)
    (inside / "own").symlink_to(inside / "kept")
    for name in ("file", "folder/secret", "folder/new"):
        with pytest.raises(UserError, match="which leads out of"):
            files.join(str(inside), name, "fname")
    assert files.join(str(inside), "own", "fname") == f"{inside}/own"
    linked_root = tmp_path / "root"
    linked_root.symlink_to(inside)
    assert files.join(str(linked_root), "kept", "fname") == f"{linked_root}/kept"


@given(st.text(st.sampled_from("ab./\\:~"), max_size=9))
@settings(max_examples=300, deadline=None)
def test_no_name_leads_out(name):
    try:
        path = files.join("/data/in", name, "fname")
    except UserError:
        return
    assert os.path.commonpath(["/data/in", os.path.normpath(path)]) == "/data/in"


def test_a_file_appears_whole(folder):
    path = f"{folder}/sub/a.bin"
    with files.writing(path) as file:
        file.write(b"one")
        assert not files.exists(path)
        (part,) = files.names_in(f"{folder}/sub")
        assert part.startswith(files.PART)
        file.write(b"two")
    assert files.read_bytes(path) == b"onetwo"
    assert files.names_in(f"{folder}/sub") == ["a.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_an_error_leaves_what_was_there(folder, error):
    path = f"{folder}/a.bin"
    for before in (None, b"old"):
        if before is not None:
            files.write_text(path, before.decode())
        with pytest.raises(error):
            with files.writing(path) as file:
                file.write(b"new")
                raise error
        names = files.names_in(folder)
        assert names == ([] if before is None else ["a.bin"])
        assert before is None or files.read_bytes(path) == before


def test_a_file_is_replaced_whole(folder):
    path = f"{folder}/a.txt"
    files.write_text(path, "long old text")
    with files.writing(path) as file:
        file.write(b"new")
        assert files.read_bytes(path) == b"long old text"
    assert files.read_bytes(path) == b"new"


def test_parts_are_removed_and_nothing_else(folder):
    for name in (f"{files.PART}a-1", f"{files.PART}b", "a.part-x", "kept"):
        with fsspec.open(f"{folder}/{name}", "wb", auto_mkdir=True) as file:
            file.write(b"x")
    files.remove_parts(folder)
    assert files.names_in(folder) == ["a.part-x", "kept"]


def test_removing_what_is_not_there_is_no_error(folder):
    files.remove(f"{folder}/none")
    files.remove_parts(f"{folder}/none")
    assert files.names_in(f"{folder}/none") == []
    files.write_text(f"{folder}/sub/a", "x")
    files.remove(f"{folder}/sub")
    assert not files.exists(f"{folder}/sub/a")


def test_text_is_utf8_with_or_without_a_mark(folder):
    files.write_text(f"{folder}/a", "é\r\nx")
    with fsspec.open(f"{folder}/b", "wb") as file:
        file.write(b"\xef\xbb\xbf" + "é".encode())
    assert files.read_text(f"{folder}/a").read() == "é\r\nx"
    assert files.read_text(f"{folder}/b").read() == "é"
    with fsspec.open(f"{folder}/c", "wb") as file:
        file.write(b"ab\xff")
    with pytest.raises(UserError, match="c: not UTF-8 text: invalid start byte at byte 2"):
        files.read_text(f"{folder}/c")


def test_what_cannot_be_read_is_one_line(folder, tmp_path):
    with pytest.raises(UserError, match="none: no such file"):
        files.read_bytes(f"{folder}/none")
    with pytest.raises(UserError, match="cannot be read: .*directory"):
        files.read_bytes(str(tmp_path))
    with pytest.raises(UserError) as caught, files.reading("x"):
        raise ValueError("many\nlines " + "x" * 1000)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
    with pytest.raises(UserError, match="x: cannot be read: ValueError"), files.reading("x"):
        raise ValueError


def test_a_place_that_is_not_known_is_one_line():
    with pytest.raises(UserError, match="nowhere://x: cannot be reached"):
        files.exists("nowhere://x")


def test_a_hashed_file_hashes_what_passes():
    data = bytes(range(256)) * 5
    out = io.BytesIO()
    written = files.HashedFile(out)
    written.write(data[:100]), written.write(data[100:])
    read = files.HashedFile(io.BytesIO(data))
    assert read.read(7) + read.read(10_000) == data == out.getvalue()
    expected = hashlib.sha256(data).hexdigest()
    for file in (written, read):
        assert (file.sha.hexdigest(), file.bytes) == (expected, len(data))


def test_paths_take_variables_and_home(monkeypatch):
    monkeypatch.setenv("SEISMILL_BOX", "/box")
    monkeypatch.delenv("SEISMILL_NONE", raising=False)
    assert files.expand("${SEISMILL_BOX}/a", "x") == "/box/a"
    assert files.expand("~/a", "x") == str(Path.home() / "a")
    with pytest.raises(UserError, match="x: .*: the environment variable SEISMILL_NONE is not set"):
        files.expand("${SEISMILL_NONE}/a", "x")
