"""A saved iterator goes on in the middle of an epoch with the very batches that were to come."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.feed import steps_per_epoch, training_dataset
from pipelines.runner import augment
from tests.feed_batches import feed_folder, lean
from tests.jobs import with_parts
from tests.network import network_folder, network_recipe

SAMPLING = {"by": "kind", "weights": {"event": 1.0, "noise": 3.0}}
WAYS = {
    "from shards": {},
    "balanced": {"sampling": SAMPLING},
    "from memory": {"sampling": SAMPLING, "in_memory": True},
}


def assert_resumes(make, batches, tmp_path):
    """Stop behind so many batches, and go on in a data set that was made anew."""
    dataset = make()
    whole = list(dataset.as_numpy_iterator())
    iterator = iter(dataset)
    for _ in range(batches):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "feed"))
    resumed = iter(make())
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    rest = list(resumed)
    assert len(rest) == len(whole) - batches > 0
    for expected, found in zip(whole[batches:], rest):
        tf.nest.map_structure(np.testing.assert_array_equal, expected, found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return feed_folder(tmp_path_factory.mktemp("resume"))


@pytest.mark.parametrize("way", WAYS)
def test_windows_go_on_where_they_stopped(folder, way, tmp_path):
    options = dict(WAYS[way])
    recipe = lean(folder, sampling=options.pop("sampling", None))
    options |= {"recipe": recipe, "batch_size": 4, "epochs": 2, "shuffle": 16}
    # In the middle of the second epoch.
    batches = 3 * steps_per_epoch(str(folder), batch_size=4) // 2
    assert_resumes(lambda: training_dataset(str(folder), **options), batches, tmp_path)


def test_groups_go_on_where_they_stopped(tmp_path):
    network_folder(tmp_path / "data", 6)
    recipe = network_recipe(tmp_path / "data")
    augment(recipe, str(tmp_path / "out"), quiet=True)
    recipe = with_parts(recipe, targets=["detection"])
    options = {"recipe": recipe, "batch_size": 2, "weights": True, "shuffle": 16}
    assert_resumes(lambda: training_dataset(str(tmp_path / "out"), **options), 1, tmp_path)
