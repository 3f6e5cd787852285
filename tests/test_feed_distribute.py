"""The feed under `tf.distribute`: each window once an epoch, however it is dealt out."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.distributed_feed import EPOCHS
from tests.feed_batches import Stored, feed_folder

pytestmark = pytest.mark.slow


def test_two_processors_or_machines_see_each_window_once_an_epoch(tmp_path):
    folder = feed_folder(tmp_path)
    command = [sys.executable, "-m", "tests.distributed_feed", str(folder)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])

    def sets(epochs):
        return [sorted(map(tuple, windows)) for windows in epochs]

    alone = sets(found["alone"])
    names = sorted(Stored(folder).windows)
    assert [[name for name, _ in windows] for windows in alone] == [names] * EPOCHS
    assert alone[0] != alone[1]
    assert sets(found["dealt"]) == sets(found["machines"]) == alone
    parts = [sum(epochs, []) for epochs in found["pipelines"]]
    assert all(0 < len(part) < len(names) for part in parts)
    assert sets([parts[0] + parts[1]]) == alone[:1]
    losses = found["loss"]
    assert len(losses) == EPOCHS and np.isfinite(losses).all() and losses[1] < losses[0]
