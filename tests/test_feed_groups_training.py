"""Groups as training takes them: dropped stations, weights, order, resume, and a model."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binomtest

from pipelines.feed import steps_per_epoch, training_dataset
from pipelines.publish import stored_recipe
from pipelines.runner import check
from schemas.errors import UserError
from tests.builders import published
from tests.jobs import with_parts
from tests.network import (
    SIZE,
    STATIONS,
    fed,
    held_in,
    network_folder,
    network_recipe,
    network_shards,
    plain_groups,
)

DROPOUT = {"station_dropout": {"share": [0.5, 0.5], "probability": 0.5}}
SHIFT = {"random_shift": {"length_s": 8}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the shards, and when P came to each trace."""
    return network_shards(tmp_path_factory.getbasetemp() / "network")


@pytest.fixture(scope="module")
def plain(made):
    """Some epochs without steps on groups."""
    return plain_groups(made[0])


@pytest.fixture(scope="module")
def dropped(made):
    """The same epochs with station dropout."""
    return fed(made[0], 3, online=[SHIFT, DROPOUT])


@pytest.fixture(scope="module")
def feed(made):
    """Epochs 1 and 2 with station dropout as training reads them, and a pass."""
    recipe = with_parts(stored_recipe(str(made[0])), online=[SHIFT, DROPOUT])
    options = {"batch_size": 3, "weights": True, "recipe": recipe}
    data = training_dataset(str(made[0]), epoch=1, epochs=2, **options)
    return data, list(data.as_numpy_iterator())


def each(groups):
    """Return groups as one batch."""
    return ({n: np.stack([g[n] for g in groups]) for n in ("waveform", "station_mask")},)


def rows(batches):
    """Return what each group's input holds, as bytes."""
    found = (
        row for inputs, *_ in batches for row in zip(inputs["waveform"], inputs["station_mask"])
    )
    return [wave.tobytes() + mask.tobytes() for wave, mask in found]


def test_what_is_not_there_weighs_nothing(feed):
    for inputs, targets, weights in feed[1]:
        np.testing.assert_array_equal(weights[..., 0], inputs["station_mask"])
        assert targets.shape == (*weights.shape[:2], SIZE, 3)
        silent = targets[~inputs["station_mask"]]
        assert (silent[..., :2] == 0).all() and (silent[..., 2] == 1).all()


def test_station_dropout_silences_its_share_and_never_all(plain, dropped):
    ran, groups = 0, 0
    for before, after in zip(plain, dropped):
        for whole, group in zip(before, after):
            live, drawn = held_in(whole), group["station_dropout/stations"]
            assert len(np.unique(drawn)) == 1
            gone = np.setdiff1d(live, held_in(group))
            assert set(held_in(group)) <= set(live) and len(held_in(group)) > 0
            groups += 1
            ran += np.isfinite(drawn[0])
            half = min(round(len(live) / 2), len(live) - 1)
            assert len(gone) == (half if np.isfinite(drawn[0]) else 0) == np.nan_to_num(drawn[0])
            for name in ("waveform", "valid", "pick_sample"):
                np.testing.assert_array_equal(
                    group[name][held_in(group)], whole[name][held_in(group)]
                )
            assert not group["waveform"][gone].any() and np.isnan(group["pick_sample"][gone]).all()
    assert binomtest(int(ran), groups, 0.5).pvalue > 0.001 and groups > 100


def test_it_draws_anew_each_epoch_whatever_the_order(dropped, feed):
    both = rows(feed[1])
    first, second = both[: len(dropped[1])], both[len(dropped[1]) :]
    assert sorted(first) == sorted(rows([each(dropped[1])]))
    assert sorted(second) == sorted(rows([each(dropped[2])]))
    assert len(set(first) & set(second)) < 0.1 * len(first)
    assert first != rows([each(dropped[1])])


def test_an_iterator_is_saved_and_resumed(feed, tmp_path):
    data, whole = feed[0], [inputs["waveform"] for inputs, *_ in feed[1]]
    iterator = iter(data)
    for _ in range(3):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "feed"))
    resumed = iter(data)
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    rest = [inputs["waveform"].numpy() for inputs, *_ in itertools.islice(resumed, 4)]
    assert [found.tobytes() for found in rest] == [expected.tobytes() for expected in whole[3:7]]


@pytest.mark.parametrize(
    "online, said",
    [
        ([{"channel_dropout": {}}, SHIFT], "expected the first online step to crop"),
        ([SHIFT, {"random_shift": {"length_s": 6, "name": "again"}}], "and no other"),
        ([], "expected the first online step to crop"),
        ([SHIFT, DROPOUT, {"channel_dropout": {}}], "must come behind channel_dropout"),
        ([SHIFT, {"one_of": {"steps": ["station_dropout"]}}], "works on groups of stations"),
    ],
)
def test_steps_that_do_not_fit_are_refused(made, online, said):
    recipe = with_parts(stored_recipe(str(made[0])), online=online)
    with pytest.raises(UserError, match=said):
        training_dataset(str(made[0]), weights=True, recipe=recipe)
    # The job says so before it reads a window.
    with pytest.raises(UserError, match=said):
        check(recipe)
    check(with_parts(recipe, online=[SHIFT, DROPOUT]))


def test_groups_are_refused_where_there_can_be_none(made, tmp_path):
    whole, folder = stored_recipe(str(made[0])), str(made[0])
    alone = with_parts(whole, groups=None, online=[SHIFT, DROPOUT])
    with pytest.raises(UserError, match="expected `groups` in the recipe"):
        training_dataset(folder, weights=True, recipe=alone)
    with pytest.raises(UserError, match="in_memory: got True"):
        training_dataset(folder, weights=True, in_memory=True)
    with pytest.raises(UserError, match="pass weights=True"):
        training_dataset(folder)
    network_folder(tmp_path / "data", 3)
    published(network_recipe(tmp_path / "data", groups=None), tmp_path / "out")
    with pytest.raises(UserError, match="made without `groups`"):
        training_dataset(str(tmp_path / "out"), weights=True, recipe=whole)


def test_keras_fits_a_model_of_several_stations(made, feed):
    waves = keras.Input((STATIONS, SIZE, 3), name="waveform")
    mask = keras.Input((STATIONS,), dtype="bool", name="station_mask")
    scaled = keras.layers.Rescaling(1e-3)(waves)
    own = keras.layers.TimeDistributed(keras.layers.Conv1D(4, 9, padding="same"))(scaled)
    there = keras.ops.cast(mask, "float32")[:, :, None, None]
    count = keras.ops.maximum(keras.ops.sum(there, 1, keepdims=True), 1.0)
    heard = keras.ops.sum(own * there, 1, keepdims=True) / count
    picks = keras.layers.Dense(3, activation="softmax", name="phase_picks")(own + heard)
    model = keras.Model({"waveform": waves, "station_mask": mask}, picks)
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
    steps = steps_per_epoch(str(made[0]), batch_size=3)
    assert 2 * steps == len(feed[1])
    history = model.fit(feed[0], steps_per_epoch=steps, epochs=2, verbose=0).history["loss"]
    assert len(history) == 2 and history[1] < history[0]
