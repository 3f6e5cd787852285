"""`seismill validate` on a folder in which records of one split were put into another."""

import hashlib
import io
import shutil

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.publish import publish, stored_manifest
from pipelines.shards import ShardSummary
from pipelines.split import assign_split
from pipelines.validation import validate
from schemas.record import serialize
from schemas.tfrecord import write_record
from schemas.validate import text
from tests.builders import phasenet_folder, phasenet_rows, published, recipe_of, shard_path
from tests.jobs import windows


def made_by(folder, **split):
    phasenet_folder(folder / "in", phasenet_rows(events=30, stations=2))
    recipe = recipe_of(folder / "in", split={"shares": {"train": 0.5, "test": 0.5}, **split})
    published(recipe, folder / "out", split_of=lambda item: assign_split(item, recipe))
    return recipe, folder / "out"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return made_by(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def made(sound, tmp_path):
    shutil.copytree(sound[1], tmp_path / "out")
    return sound[0], tmp_path / "out"


def rewrite(recipe, output, change):
    """Change {split: windows} of a folder; its manifest counts what is there then."""
    held = {split: windows(output, f"*-{split}.*") for split in ("train", "test")}
    change(held)
    summaries = []
    for split, those in held.items():
        path, file = shard_path(recipe, output, split), io.BytesIO()
        summaries.append(ShardSummary(path.name, split))
        for window in those:
            write_record(file, serialize(window, recipe.spec))
            summaries[-1].add(window, recipe.spec)
        path.write_bytes(file.getvalue())
        summaries[-1].sha256 = hashlib.sha256(file.getvalue()).hexdigest()
        summaries[-1].bytes = len(file.getvalue())
    written = sum(summary.base_windows for summary in summaries)
    publish(recipe, str(output), recipe.spec, written, summaries, [])


def bytes_of(value):
    return np.array(value, dtype=object)


def planted(held, number, relabelled=True):
    """Put a further copy of a train record into test, and return the record."""
    copy = {**held["train"][number], "window_id": bytes_of(b"a/planted/0")}
    if relabelled:
        copy["split"] = bytes_of(b"test")
    held["test"].append(copy)
    return held["train"][number]


def test_an_honest_folder_has_no_fault(sound):
    report = validate(str(sound[1]))
    splits = {shard["split"]: shard["kinds"] for shard in stored_manifest(str(sound[1]))["shards"]}
    assert report.faults == [] and report.windows == 120
    assert all(min(kinds.values()) > 5 for kinds in splits.values()) and len(splits) == 2


@pytest.mark.parametrize("kind", ["event", "noise"])
def test_a_record_of_train_that_lies_in_test_too(made, kind, capsys):
    recipe, output = made
    seen = {}

    def plant(held):
        number = next(n for n, w in enumerate(held["train"]) if text(w["kind"]) == kind)
        window = planted(held, number)
        seen.update(number=number, at=len(held["test"]) - 1, window=window)

    rewrite(recipe, output, plant)
    window = seen["window"]
    name = f"event {text(window['event_id'][0])}"
    if kind == "noise":
        day = np.datetime64(int(window["start_time_ns"]), "ns").astype("datetime64[D]")
        name = f"noise NC.{text(window['station'])} {day}"
    train, test = (shard_path(recipe, output, split).name for split in ("train", "test"))
    faults = validate(str(output)).faults
    assert faults == [
        f"{train}: record {seen['number']}: leak: {name} is in train, and in test: "
        f"{test}: record {seen['at']}"
    ]
    assert main(["validate", str(output)]) == 1
    assert faults[0] in capsys.readouterr().out


def test_a_leak_is_told_though_the_record_says_train(made):
    recipe, output = made
    rewrite(recipe, output, lambda held: planted(held, 0, relabelled=False))
    faults = validate(str(output)).faults
    assert len(faults) == 2
    assert "split: got 'train' in a shard of test" in faults[0] and "leak: " in faults[1]


def test_an_event_added_to_a_window_of_another_split(made):
    recipe, output = made

    def plant(held):
        events = {s: [w for w in held[s] if text(w["kind"]) == "event"] for s in held}
        window = events["test"][0]
        window["event_id"] = window["event_id"].copy()
        window["event_id"][1] = events["train"][0]["event_id"][0]

    rewrite(recipe, output, plant)
    (fault,) = validate(str(output)).faults
    assert "leak: event " in fault and fault.count("tfrecord") == 2


def test_by_station_an_event_may_be_in_two_splits_and_a_station_may_not(tmp_path):
    # Two stations of two splits recorded every event.
    rule = {"by": "station", "shares": {"train": 1.0}, "lists": {"test": ["NC.S0"]}}
    recipe, output = made_by(tmp_path, **rule)
    held = {split: windows(output, f"*-{split}.*") for split in ("train", "test")}
    events = [{text(w["event_id"][0]) for w in those} for those in held.values()]
    assert len(events[0] & events[1]) > 20
    assert validate(str(output)).faults == []
    rewrite(recipe, output, lambda held: planted(held, 0))
    (fault,) = validate(str(output)).faults
    assert "leak: station NC.S" in fault
