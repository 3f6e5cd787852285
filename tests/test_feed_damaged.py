"""Damaged shards: the feed stops with the shard's name and the record's number, or goes on."""

import posixpath
import re
import struct

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.feed import as_numpy, steps_per_epoch, training_dataset
from pipelines.feed_groups import groups_of
from pipelines.feed_records import BLOCK, Shards, damage_told
from pipelines.publish import stored_manifest
from schemas.errors import UserError
from schemas.recipe import Groups
from schemas.tfrecord import read_records, write_record
from schemas.window import WindowSpec
from tests.feed_batches import feed_folder, lean
from tests.jobs import shard_files

# More than a block, so that numbers go on in the next one.
RECORDS = BLOCK + 9


def begins(path):
    """Return where each record of a shard begins, and where the last one ends."""
    data, places = path.read_bytes(), [0]
    while places[-1] < len(data):
        (length,) = struct.unpack_from("<Q", data, places[-1])
        places.append(places[-1] + 16 + length)
    return places


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


DAMAGES = {
    "a bit of a payload": lambda path, at: flip(path, at + 20),
    "a bit of a length": lambda path, at: flip(path, at + 2),
    "a length that goes beyond the file": lambda path, at: flip(path, at + 7),
    "a bit of a checksum": lambda path, at: flip(path, at + 9),
    "cut in a payload": lambda path, at: truncate(path, at + 30),
    "cut in a length": lambda path, at: truncate(path, at + 5),
    "cut between records": truncate,
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Three shards of numbered records, and what reads them: stopping, and skipping."""
    base = tmp_path_factory.mktemp("records")
    paths = [base / f"s{number}" for number in range(3)]
    for number, path in enumerate(paths):
        with open(path, "wb") as file:
            for record in range(RECORDS):
                write_record(file, f"{number}/{record} ".encode() * 10)
    given = tuple(map(str, paths)), (RECORDS,) * len(paths)
    each = [Shards(*given, skip_damaged=skip) for skip in (False, True)]
    return paths, [shards.in_order(shards.numbered) for shards in each]


@pytest.fixture
def shards(reader):
    """The shards' paths and their readers; what happened to a shard is undone."""
    sound = [path.read_bytes() for path in reader[0]]
    yield reader
    for path, data in zip(reader[0], sound):
        path.write_bytes(data)


def read(dataset):
    """Return the records as (shard, record), and their numbers in the split."""
    with damage_told("folder"):
        blocks = list(dataset.as_numpy_iterator())
    texts = [text for _, block in blocks for text in block]
    records = [tuple(map(int, text.split()[0].split(b"/"))) for text in texts]
    return records, np.concatenate([numbers for numbers, _ in blocks]).tolist()


def said(capfd):
    """Return the lines on stderr, without TensorFlow's own log: a time first, then a node."""
    return [
        line for line in capfd.readouterr().err.splitlines() if not re.match(r"\d{4}-|\t", line)
    ]


@pytest.mark.parametrize("record", [0, 3, BLOCK, RECORDS - 1])
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_shard_and_the_record_are_named_or_left_out(shards, damage, record, capfd):
    paths, (stopping, skipping) = shards
    DAMAGES[damage](paths[1], begins(paths[1])[record])
    expected = f"{paths[1]}: record {record} cannot be read, expected {RECORDS} records"
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
        read(stopping)
    capfd.readouterr()
    kept = [(n, r) for n in range(3) for r in range(RECORDS) if n != 1 or r < record]
    assert read(skipping) == (kept, [RECORDS * n + r for n, r in kept])
    lost = RECORDS - record
    assert said(capfd) == [f"{expected}; skipped {lost} windows"]


@pytest.mark.parametrize("more", [1, BLOCK - 9, 2 * BLOCK])
def test_records_that_were_appended_are_refused_or_left_out(shards, more, capfd):
    paths, (stopping, skipping) = shards
    whole = read(stopping)
    assert whole[1] == list(range(3 * RECORDS))
    with open(paths[1], "ab") as file:
        for _ in range(more):
            write_record(file, b"1/999")
    expected = f"{paths[1]}: record {RECORDS} is one too many, expected {RECORDS} records"
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
        read(stopping)
    capfd.readouterr()
    assert read(skipping) == whole
    assert said(capfd) == [f"{expected}; skipped 0 windows"]


def test_a_shard_that_went_away_stops_those_who_skip_too(shards):
    paths, readers = shards
    paths[2].unlink()
    for dataset in readers:
        with pytest.raises(UserError, match=f"^folder: cannot be read: {paths[2]}; No such file"):
            read(dataset)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return feed_folder(tmp_path_factory.mktemp("damaged"))


@pytest.fixture
def damaged(folder):
    """A folder with a damaged shard, what is said of it, and how many windows are lost."""
    path = shard_files(folder)[1]
    sound = path.read_bytes()
    with open(path, "rb") as file:
        count = sum(1 for _ in read_records(file, path.name))
    flip(path, begins(path)[2] + 40)
    yield str(folder), f"{path}: record 2 cannot be read, expected {count} records", count - 2
    path.write_bytes(sound)


def test_an_epoch_stops_or_goes_on_without_what_is_lost(damaged, capfd):
    folder, expected, lost = damaged
    weights = {"by": "kind", "weights": {"noise": 3.0, "event": 1.0}}
    recipes = lean(folder), lean(folder, sampling=weights)
    for options in ({"recipe": recipes[0], "in_memory": True}, {"recipe": recipes[1]}):
        # Read for the first time before anything is traced.
        with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
            training_dataset(folder, **options)
    batches = as_numpy(folder, recipe=recipes[0])
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
        list(batches)
    capfd.readouterr()
    kept = as_numpy(folder, recipe=recipes[1], in_memory=True, skip_damaged=True)
    whole = steps_per_epoch(folder, batch_size=1)
    assert sum(len(inputs) for inputs, _ in kept) == whole - lost
    assert f"{expected}; skipped {lost} windows" in capfd.readouterr().err


def test_the_command_line_says_it_in_one_line(damaged, capfd):
    folder, expected, lost = damaged
    options = ["--split", "train", "--epochs", "1", "--batch-size", "1000"]
    assert main(["feed", folder, *options, "--in-memory"]) == 2
    assert said(capfd) == [f"seismill: error: {expected}"]
    assert main(["feed", folder, *options, "--skip-damaged"]) == 0
    out, err = capfd.readouterr()
    assert f"skipped {lost} windows" in err
    assert f"inputs  ({steps_per_epoch(folder, batch_size=1) - lost}, " in out


def test_groups_stop_too(damaged):
    folder, expected, _ = damaged
    manifest = stored_manifest(folder)
    held = [shard for shard in manifest["shards"] if shard["split"] == "train"]
    paths = tuple(posixpath.join(folder, shard["name"]) for shard in held)
    shards = Shards(paths, tuple(shard["windows"] for shard in held))
    blocks = groups_of(shards, WindowSpec.from_json(manifest["window"]), Groups())
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"), damage_told(folder):
        list(shards.in_order(blocks))


def test_a_shard_that_is_missing_is_said_at_once(folder):
    path = shard_files(folder)[0]
    path.rename(path.with_suffix(".aside"))
    try:
        with pytest.raises(UserError, match=f"{path}: no such file"):
            training_dataset(str(folder), recipe=lean(folder))
    finally:
        path.with_suffix(".aside").rename(path)
