"""A killed job leaves nothing half-written, and resumes to the bytes of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from pipelines.files import PART
from pipelines.publish import MANIFEST
from pipelines.validation import validate
from schemas.errors import UserError
from tests.jobs import data_folder, digests, job_recipe, shard_files

_PATIENCE_S = 240


def start(recipe, output, *options):
    command = [sys.executable, "-m", "pipelines.cli", "augment", str(recipe), "--quiet"]
    command += ["--output", str(output), *options]
    # A session of its own, so that nothing of it is left when the group is killed.
    return subprocess.Popen(command, start_new_session=True)


def wait_for(condition, process):
    until = time.monotonic() + _PATIENCE_S
    while not condition():
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < until, "the job wrote no shard"
        time.sleep(0.002)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill")
    recipe = job_recipe(
        data_folder(folder / "data", events=20),
        copies={"event": 6},
        output={"name": "small", "windows_per_shard": 12},
    )
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.to_json()))
    assert start(path, folder / "whole").wait(_PATIENCE_S) == 0
    sizes = {path.name: path.stat().st_size for path in shard_files(folder / "whole")}
    return path, digests(folder / "whole"), sizes


def test_killed_while_making_shards_then_resumed(undisturbed, tmp_path):
    recipe, whole, _ = undisturbed
    process = start(recipe, tmp_path)
    wait_for(lambda: len(shard_files(tmp_path)) >= 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    left = digests(tmp_path)
    assert 3 <= len(left) < len(whole), "the kill came too late to show anything"
    # Each shard under a final name is whole already.
    assert left == {name: whole[name] for name in left}
    assert not (tmp_path / MANIFEST).exists()
    with pytest.raises(UserError, match="manifest.json"):
        validate(str(tmp_path))

    stamps = {path.name: path.stat().st_mtime_ns for path in shard_files(tmp_path)}
    assert start(recipe, tmp_path, "--resume").wait(_PATIENCE_S) == 0
    assert digests(tmp_path) == whole
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(PART)]
    for path in shard_files(tmp_path):
        if path.name in stamps:
            assert path.stat().st_mtime_ns == stamps[path.name], "a whole shard was made again"
    assert validate(str(tmp_path)).faults == []


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(undisturbed, tmp_path):
    recipe, whole, sizes = undisturbed
    # The largest shard does not fit, others do.
    limit_kb = max(sizes.values()) // 1024
    command = (
        f"ulimit -f {limit_kb}; exec {sys.executable} -m pipelines.cli augment {recipe} "
        f"--quiet --output {tmp_path}"
    )
    # A limit on the size of files fails a write as a full disk does.
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=240)
    assert ended.returncode == 2
    assert ended.stderr.startswith("seismill: error:") and "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert ".tfrecord-" in ended.stderr and "cannot be written" in ended.stderr
    for name, digest in digests(tmp_path).items():
        assert whole[name] == digest
    assert not (tmp_path / MANIFEST).exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(PART)]
