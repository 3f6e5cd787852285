"""Shards over http, s3 and gs: the same records, errors in seconds, and the process's own code."""

import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tensorflow as tf

from pipelines import feed_copies, feed_remote
from pipelines.feed_remote import check_endpoint, readable
from pipelines.publish import stored_manifest, stored_recipe
from schemas.errors import UserError
from schemas.tfrecord import read_records
from tests.builders import published
from tests.jobs import data_folder, job_recipe, shard_files
from tests.object_server import closed_port, mute_server, object_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("remote")
    recipe = job_recipe(data_folder(base / "data"), offline=[], copies={})
    splits = itertools.cycle(["train", "validation"])
    published(recipe, base / "out", split_of=lambda reference: next(splits))
    return base / "out"


@pytest.fixture
def server(folder):
    with object_server() as server:
        server.objects = {f"/bucket/set/{p.name}": p.read_bytes() for p in folder.iterdir()}
        yield server


def shards(folder):
    names = [path.name for path in shard_files(folder)]
    assert len(names) > 1
    return names


def records(folder):
    """Return every stored record, by the project's own reader of the format."""
    found = []
    for path in shard_files(folder):
        with open(path, "rb") as file:
            found += list(read_records(file, path.name))
    return found


def read(paths):
    return list(tf.data.TFRecordDataset(readable(paths)).as_numpy_iterator())


def fault(path):
    """Return the one line that a path is refused with."""
    with pytest.raises(UserError) as caught:
        readable([path])
    assert path in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("root", ["", "file://"])
def test_local_paths_stay_and_missing_ones_are_named(folder, root):
    paths = [f"{root}{folder}/{name}" for name in shards(folder)]
    assert readable(paths) == paths and read(paths) == records(folder)
    assert "no such file" in fault(f"{root}{folder}/nothing")
    assert readable([]) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_http_gives_the_same_bytes(folder, server, ranges):
    server.ranges, url = ranges, f"{server.url}/bucket/set"
    assert read([f"{url}/{name}" for name in shards(folder)]) == records(folder)
    assert stored_manifest(url) == stored_manifest(str(folder))
    assert stored_recipe(url) == stored_recipe(str(folder))


def test_http_copies_once_and_again_what_changed(folder, server):
    names = shards(folder)
    urls = [f"{server.url}/bucket/set/{name}" for name in names]
    first = readable(urls)
    assert sorted(server.sent) == [f"/bucket/set/{name}" for name in names]
    server.sent.clear()
    shard = f"/bucket/set/{names[0]}"
    before, server.objects[shard] = server.objects[shard], server.objects[shard][::-1]
    second = readable(urls)
    assert second[1:] == first[1:] and second[0] != first[0]
    assert Path(second[0]).read_bytes() == server.objects[shard]
    # The dataset that reads the first goes on reading it.
    assert Path(first[0]).read_bytes() == before


def test_http_copies_that_fail_are_named_and_leave_nothing(folder, server, monkeypatch):
    path = f"/bucket/set/{shards(folder)[0]}"
    left = set(os.listdir(feed_copies._folder().name))
    host = server.url.removeprefix("http://")
    assert f"no such file at {host}" in fault(f"{server.url}/nothing")
    server.statuses[path] = 403
    assert f"{host} refuses" in fault(server.url + path) and "403" in fault(server.url + path)
    server.statuses.clear()
    server.cut = 7
    size = len(server.objects[path])
    assert f"{size - 7} of {size} bytes" in fault(server.url + path)
    server.cut = 0
    usage = feed_copies.shutil.disk_usage("/")._replace(free=size - 1)
    monkeypatch.setattr(feed_copies.shutil, "disk_usage", lambda folder: usage)
    assert f"needs {size} bytes" in fault(server.url + path)
    assert set(os.listdir(feed_copies._folder().name)) == left


def test_an_endpoint_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(feed_remote, "ANSWER_S", 0.2)
    for name in feed_remote._S3_PATIENCE:
        monkeypatch.setenv(name, "1")
    with mute_server() as mute:
        for endpoint in (closed_port(), mute):
            monkeypatch.setenv("S3_ENDPOINT", endpoint)
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
            for path in ("s3://bucket/set/x", "gs://bucket/set/x", f"{endpoint}/x"):
                assert f"{endpoint} does not answer" in fault(path)
    with object_server() as server:
        server.statuses[""] = 503
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        assert f"{server.url} is out of order: it answers 503" in fault("gs://bucket/set/x")
        server.statuses[""] = 403  # who refuses the front page may serve the file
        check_endpoint("gs://bucket/set/x")


def test_a_store_that_answers_and_leaves_tensorflow_waiting(server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    monkeypatch.setattr(feed_remote, "FIND_S", 0.2)
    late = threading.Event()
    monkeypatch.setattr(tf.io.gfile, "stat", lambda path: late.wait(60))
    with pytest.raises(UserError, match=f"gs://bucket/set: {server.url}: .*no answer within 0.2 s"):
        readable(["gs://bucket/set/x"])
    late.set()
    asked = []
    monkeypatch.setattr(tf.io.gfile, "stat", asked.append)
    paths = [f"gs://bucket/set/{number}" for number in range(20)]
    assert readable(paths) == paths == sorted(asked, key=paths.index)


@pytest.mark.parametrize("path", ["memory://a/b", "gcs://a/b", "S3://a/b"])
def test_a_scheme_that_tensorflow_does_not_read(path):
    assert "s3://, gs://, http://, https://" in fault(path)


# One process imports TensorFlow, and a fork of it each ends in its own way.
ENDS = """
import ctypes, gc, hashlib, json, os, sys
import s3fs, tensorflow_io  # here once for all forks
import tensorflow as tf
from pipelines.feed_remote import readable
from pipelines.publish import stored_manifest, stored_recipe
from schemas.errors import UserError

folder, *names = sys.argv[1:]
root = "s3://bucket/set"
paths = [f"{root}/{name}" for name in names]

def run(end):
    dataset = tf.data.TFRecordDataset(readable(paths))
    running = iter(dataset.repeat().prefetch(2))  # still reads when the process ends
    next(running)
    if end == "done":
        print("digest", hashlib.sha256(b"".join(dataset.as_numpy_iterator())).hexdigest())
        assert stored_manifest(root) == stored_manifest(folder)
        assert stored_recipe(root) == stored_recipe(folder)
    elif end == "three":
        for name in ("missing", "refused"):
            try:
                readable([f"{root}/{name}"])
            except UserError as error:
                print(error)
        print("three")  # both are in a buffer until the end
        ctypes.CDLL(None).puts(b"from C")
        sys.exit(3)
    else:
        raise KeyError(end)
    return running

codes = {}
gc.freeze()  # what the forks share is not theirs to clear away
for end in ("done", "three", "raised"):
    child = os.fork()
    if not child:
        kept = run(end)
        break
    codes[end] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
else:
    print("\\n" + json.dumps(codes))
"""


def test_s3_gives_the_same_records_and_the_process_its_own_code(folder, server):
    server.statuses["/bucket/set/refused"] = 403
    settings = {"AWS_ENDPOINT_URL": server.url, "AWS_MAX_ATTEMPTS": "1"}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    ours = ("AWS_", "S3_", "PYTHONUNBUFFERED")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-c", ENDS, str(folder), *shards(folder)],
        env={**kept, **settings, **keys, "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *lines, codes = done.stdout.splitlines()
    assert json.loads(codes) == {"done": 0, "three": 3, "raised": 1}
    said = "\n".join(lines)
    digest = hashlib.sha256(b"".join(records(folder))).hexdigest()
    assert f"digest {digest}" in said and "three" in said and "from C" in said
    assert f"s3://bucket/set/missing: no such file at {server.url}" in said
    assert f"s3://bucket/set/refused: {server.url} does not give it: Permission" in said
    assert "KeyError: 'raised'" in done.stderr and "pure virtual" not in done.stderr
