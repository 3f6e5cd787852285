"""`seismill validate` on a small folder: sound at first, then with one fault planted."""

import io
import shutil

import numpy as np
import pytest

from pipelines.publish import stored_manifest, stored_recipe
from pipelines.validation import validate
from schemas.record import deserialize, serialize
from schemas.tfrecord import read_records, write_record
from tests.builders import (
    edit_manifest,
    listed,
    phasenet_folder,
    phasenet_rows,
    published,
    recipe_of,
    shard_path,
)


def by_event(item):
    """Two splits: an event's records and the noise of its day stay in one."""
    return "train" if item.kind == "event" else "test"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    phasenet_folder(folder / "in", phasenet_rows(events=2))
    recipe = recipe_of(folder / "in")
    published(recipe, folder / "out", split_of=by_event)
    return recipe, folder / "out"


@pytest.fixture
def made(sound, tmp_path):
    recipe, output = sound
    shutil.copytree(output, tmp_path / "out")
    return recipe, tmp_path / "out"


def windows_of(path, spec):
    with open(path, "rb") as file:
        return [deserialize(data, spec)[0] for data in read_records(file, "x")]


def rewrite(path, spec, windows):
    """Write other windows into a shard, with sound framing."""
    file = io.BytesIO()
    for window in windows:
        write_record(file, serialize(window, spec))
    path.write_bytes(file.getvalue())


def faults_after(made, mutate, split="train"):
    """Return the faults of a folder after its shard's windows were changed."""
    recipe, output = made
    path = shard_path(recipe, output, split)
    windows = windows_of(path, recipe.spec)
    rewrite(path, recipe.spec, mutate(windows) or windows)
    return path.name, validate(str(output)).faults


def test_a_sound_folder_has_no_fault(sound):
    recipe, output = sound
    report = validate(str(output))
    manifest = stored_manifest(str(output))
    assert report.faults == []
    # Four events and the one stretch of noise before each.
    assert report.windows == manifest["counts"]["listed"] == len(listed(recipe)) == 8
    assert report.shards == len(manifest["shards"]) == 2
    assert stored_recipe(str(output)) == recipe


def test_each_shard_is_announced(sound):
    seen = []
    validate(str(sound[1]), seen.append)
    assert seen == sorted(shard_path(*sound, split).name for split in ("test", "train"))


@pytest.mark.parametrize("at", [0.0, 0.3, 0.999])
def test_a_flipped_byte(made, at):
    path = shard_path(*made)
    data = bytearray(path.read_bytes())
    size = len(data) // 4  # four windows of one size each
    data[int(at * len(data))] ^= 1
    path.write_bytes(data)
    (fault,) = validate(str(made[1])).faults
    assert fault.startswith(f"{path.name}: record {int(at * len(data)) // size}: damaged")


@pytest.mark.parametrize("keep, told", [(0.6, "cut short"), (0.5, "the manifest says"), (0.0, "")])
def test_a_truncated_shard(made, keep, told):
    path = shard_path(*made)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    faults = validate(str(made[1])).faults
    assert faults and all(fault.startswith(path.name) for fault in faults)
    assert any(told in fault for fault in faults)


def test_a_missing_shard(made):
    path = shard_path(*made)
    path.unlink()
    assert validate(str(made[1])).faults == [f"{path.name}: missing"]


def test_a_shard_that_is_not_listed(made):
    path = shard_path(*made)
    other = path.name.replace("train", "validation")
    shutil.copy(path, path.with_name(other))
    assert validate(str(made[1])).faults == [f"{other}: not in the manifest"]


def test_a_window_that_is_there_twice(made):
    name, faults = faults_after(made, lambda windows: [*windows, windows[0]])
    twice = [fault for fault in faults if "is there twice" in fault]
    assert twice[0].startswith(f"{name}: record 4: window_id: ")


def test_swapped_shards(made):
    one, other = (shard_path(*made, split) for split in ("train", "test"))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second), other.write_bytes(first)
    faults = validate(str(made[1])).faults
    for path, held in ((one, "test"), (other, "train")):
        wrong = path.name.split("-")[1].split(".")[0]
        assert f"{path.name}: record 0: split: got '{held}' in a shard of {wrong}" in faults
        assert any(fault.startswith(f"{path.name}: sha256: got ") for fault in faults)


def test_windows_in_another_order(made):
    name, faults = faults_after(made, lambda windows: windows[::-1])
    (fault,) = faults
    assert fault.startswith(f"{name}: sha256: got ")


@pytest.mark.parametrize("kind, told", [("event", "leak: event "), ("noise", "leak: noise NC.S")])
def test_a_group_in_two_splits(tmp_path, kind, told):
    phasenet_folder(tmp_path / "in", phasenet_rows(events=2))
    recipe = recipe_of(tmp_path / "in")
    references = [item for item in listed(recipe) if item.kind == kind]
    halves = {id(item): ("train", "test")[n % 2] for n, item in enumerate(references)}
    if kind == "noise":  # one station's day: rows alternate over two stations
        halves = {id(item): ("train", "test")[n // 2] for n, item in enumerate(references)}
    published(recipe, tmp_path / "out", references, lambda item: halves[id(item)])
    faults = validate(str(tmp_path / "out")).faults
    assert len(faults) == 2 and all(told in fault for fault in faults)
    test = shard_path(recipe, tmp_path / "out", "test").name
    assert all(f" is in train, and in test: {test}: record " in fault for fault in faults)


def test_a_label_that_stayed_behind(made):
    def shift(windows):
        windows[2]["waveform"] = np.roll(windows[2]["waveform"], 50, axis=0)

    name, faults = faults_after(made, shift)
    assert any(f.startswith(f"{name}: record 2: event slot 0: event_snr_db") for f in faults)


def test_a_field_that_is_missing(made):
    recipe, output = made
    path = shard_path(recipe, output)
    windows = windows_of(path, recipe.spec)
    manifest = stored_manifest(str(output))
    file = io.BytesIO()
    for window in windows:
        write_record(file, serialize({**window, "weight": np.float32(1)}, recipe.spec))
    path.write_bytes(file.getvalue())
    assert validate(str(output)).faults == []
    edit_manifest(output, lambda m: m["window"]["draws"].append("op/x"))
    faults = validate(str(output)).faults
    assert f"{path.name}: record 0: op/x: missing" in faults
    assert manifest["window"]["draws"] == []
