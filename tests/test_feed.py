"""The feed: draws by epoch, whatever the order; labels in the coordinates of the samples."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from augment_ops.core import draws
from pipelines.feed import steps_per_epoch, training_dataset
from pipelines.feed_make import Maker
from pipelines.feed_partners import attach
from pipelines.feed_rows import row_parser
from pipelines.publish import stored_manifest, stored_recipe
from pipelines.runner import augment
from schemas.errors import UserError
from schemas.record import parser
from schemas.validate import window_faults
from schemas.window import P, WindowSpec
from tests.builders import RATE
from tests.feed_batches import sorted_rows
from tests.jobs import data_folder, job_recipe, shard_files, windows, with_parts

SIZE = int(8 * RATE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("feed")
    # No offline steps: a sample of a shard is a sample of the record.
    augment(job_recipe(data_folder(base / "data"), offline=[]), str(base / "out"), quiet=True)
    return base / "out"


@pytest.fixture(scope="module")
def epoch_1(folder):
    """All inputs and targets of an epoch, stacked in the stored order."""
    batches = list(training_dataset(str(folder), epoch=1, shuffle=0).as_numpy_iterator())
    inputs = np.concatenate([batch[0] for batch in batches])
    targets = {name: np.concatenate([b[1][name] for b in batches]) for name in batches[0][1]}
    return inputs, targets


def read(folder, **options):
    """Return all inputs of a pass, stacked; with one target, which is traced faster."""
    recipe = with_parts(stored_recipe(str(folder)), targets=["detection"])
    batches = training_dataset(str(folder), recipe=recipe, **options).as_numpy_iterator()
    return np.concatenate([inputs for inputs, _ in batches])


def paths_of(folder, split="train"):
    return [str(path) for path in shard_files(folder) if f"-{split}." in path.name]


def maker_of(folder, split="train", **parts):
    """Return what makes the windows of a split, with other parts of the recipe."""
    spec = WindowSpec.from_json(stored_manifest(str(folder))["window"])
    recipe = with_parts(stored_recipe(str(folder)), **parts)
    return Maker(recipe, spec, paths_of(folder, split), split)


def drawn(folder, epoch, split="train", **parts):
    """Return each window of a split by its id, after the online steps of an epoch."""
    maker, found = maker_of(folder, split, **parts), {}
    rows, number = row_parser(maker.stored), tf.constant(epoch, tf.int64)
    blocks = tf.data.TFRecordDataset(paths_of(folder, split)).batch(8)
    for block in blocks.map(lambda block: maker.windows(rows(block), number)).as_numpy_iterator():
        for row, name in enumerate(block["window_id"]):
            found[name] = {field: value[row] for field, value in block.items()}
    return found


@functools.cache
def drawn_once(folder, epoch):
    """Return what `drawn` does, to several tests."""
    return drawn(folder, epoch)


def test_a_new_shift_each_epoch_and_the_same_for_the_same(folder):
    first, again, second = drawn_once(folder, 0), drawn(folder, 0), drawn_once(folder, 1)
    shifts = [{i: w["random_shift/samples"] for i, w in d.items()} for d in (first, again, second)]
    assert shifts[0] == shifts[1]
    changed = sum(shifts[0][i] != shifts[2][i] for i in shifts[0])
    assert changed > 0.9 * len(shifts[0])
    assert len(set(shifts[0].values())) > 0.9 * len(shifts[0])


def test_each_pick_points_at_the_sample_that_it_pointed_at_in_the_shard(folder):
    stored = {w["window_id"].item(): w for w in windows(folder, "*-train.*")}
    checked = 0
    for name, window in drawn_once(folder, 1).items():
        start = int(window["random_shift/samples"])
        kept = window["valid"]
        cut = stored[name]["waveform"][start : start + SIZE]
        np.testing.assert_array_equal(window["waveform"], np.where(kept, cut, 0))
        for sample, phase in zip(window["pick_sample"], window["pick_phase"]):
            if phase:
                old = stored[name]["pick_sample"][stored[name]["pick_phase"] == phase]
                assert sample + start in old
                checked += 1
    assert checked > 20


def test_the_windows_that_training_sees_are_sound(folder):
    spec = WindowSpec.from_json(stored_manifest(str(folder))["window"])
    names = ("random_shift/samples", "channel_dropout/channels", "channel_dropout/mask")
    cropped = WindowSpec(SIZE, spec.sampling_rate_hz, spec.picks, spec.events, draws=names)
    dropped = 0
    for window in drawn_once(folder, 0).values():
        assert window_faults(window, cropped) == []
        dropped += window["channel_dropout/channels"] > 0
    assert dropped


def test_neither_batch_size_nor_parallelism_nor_order_changes_a_window(folder):
    reference = read(folder, batch_size=4, shuffle=0, parallel=1, epoch=2)
    others = read(folder, batch_size=7, shuffle=0, parallel=4, epoch=2)
    np.testing.assert_array_equal(reference, others)
    shuffled = read(folder, batch_size=5, epoch=2)
    assert not np.array_equal(reference, shuffled)
    np.testing.assert_array_equal(sorted_rows(reference), sorted_rows(shuffled))
    # Epochs follow each other in one pass, each in the order that it has alone.
    both = np.split(read(folder, batch_size=5, epoch=1, epochs=2), 2)
    np.testing.assert_array_equal(both[1], shuffled)
    assert not np.array_equal(sorted_rows(both[0]), sorted_rows(both[1]))


def test_validation_windows_are_the_same_in_every_epoch_and_complete(folder):
    first, second = (read(folder, split="validation", epoch=e, batch_size=5) for e in (0, 9))
    np.testing.assert_array_equal(first, second)
    assert len(first) == len(windows(folder, "*-validation.*"))
    # Only steps that crop run: no component is dropped.
    assert (np.abs(first).max(axis=1) > 0).all()


def test_targets_are_where_the_picks_are(folder, epoch_1):
    inputs, targets = epoch_1
    order = [w["window_id"].item() for w in windows(folder, "*-train.*")]
    seen = drawn_once(folder, 1)
    assert len(order) == len(inputs)
    for row, name in enumerate(order):
        window, curve = seen[name], targets["phase_picks"][row]
        np.testing.assert_allclose(curve.sum(axis=1), 1, atol=1e-6)
        for column, phase in enumerate((1, 2)):
            picks = window["pick_sample"][window["pick_phase"] == phase]
            time = np.arange(SIZE)[:, None]
            expected = np.exp(-0.5 * ((time - picks) / (0.1 * RATE)) ** 2).max(axis=1, initial=0)
            # 0.1 s about P, S is far: nothing is scaled.
            np.testing.assert_allclose(curve[:, column], expected, atol=1e-5)


def test_every_shard_keeps_the_share_of_labels_that_training_sees(folder, epoch_1):
    with_p = [np.any(w["pick_phase"] == P) for w in drawn_once(folder, 1).values()]
    stored = [np.any(w["pick_phase"] == P) for w in windows(folder, "*-train.*")]
    _, targets = epoch_1
    seen = targets["phase_picks"][:, :, 0].max(axis=1) > 0.9
    # The shift keeps P in the window: none is lost.
    assert np.mean(with_p) == np.mean(stored) == np.mean(seen) > 0.3


def test_inputs_are_normalised_last_and_dead_components_stay_zero(epoch_1):
    inputs, _ = epoch_1
    spread = inputs.std(axis=1)
    live = np.abs(inputs).max(axis=1) > 0
    np.testing.assert_allclose(spread[live], 1, atol=1e-3)
    np.testing.assert_allclose(inputs.mean(axis=1), 0, atol=1e-4)
    assert (~live).any() and live.any(axis=1).all()


def test_keras_fits_on_it_as_it_stands(folder):
    waves = keras.Input((SIZE, 3))
    hidden = keras.layers.Conv1D(4, 7, padding="same", activation="relu")(waves)
    outputs = {
        "phase_picks": keras.layers.Conv1D(3, 1, activation="softmax", name="phase_picks")(hidden),
        "detection": keras.layers.Conv1D(1, 1, activation="sigmoid", name="detection")(hidden),
    }
    model = keras.Model(waves, outputs)
    losses = {"phase_picks": "categorical_crossentropy", "detection": "binary_crossentropy"}
    model.compile("adam", loss=losses, jit_compile=False)
    steps = steps_per_epoch(str(folder), batch_size=8)
    history = model.fit(
        training_dataset(str(folder), batch_size=8, epochs=3),
        validation_data=training_dataset(str(folder), "validation", batch_size=8),
        epochs=3,
        steps_per_epoch=steps,
        verbose=0,
    ).history
    assert len(history["loss"]) == 3
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(history["val_loss"]).all()


def test_one_target_comes_alone(folder):
    recipe = with_parts(stored_recipe(str(folder)), targets=["detection"])
    _, target = training_dataset(str(folder), recipe=recipe).element_spec
    assert target.shape[1:] == (SIZE, 1)


def test_input_pipelines_share_out_the_shards(folder):
    whole = read(folder, shuffle=0)
    parts = [read(folder, shuffle=0, shard=(index, 2)) for index in range(2)]
    assert all(len(part) < len(whole) for part in parts)
    joined = np.concatenate(parts)
    np.testing.assert_array_equal(sorted_rows(joined), sorted_rows(whole))


def test_noise_and_events_are_superposed_online_from_the_same_split(folder):
    steps = [
        {"random_shift": {"length_s": 12}},
        {"superpose_event": {"dense_swarm": True, "lead_s": 0.5}},
        {"superpose_noise": {"snr_db": [3, 9], "signal_s": 2, "noise_s": 2}},
    ]
    maker = maker_of(folder, online=steps)
    train = {w["window_id"].item() for w in windows(folder, "*-train.*")}
    for pool in maker.pools.values():
        assert set(pool.windows["window_id"].numpy()) <= train
    drawn_snr, placed = [], 0
    for window in drawn(folder, 0, online=steps).values():
        placed += window["superpose_event/placed"] == 1
        target = window["superpose_noise/snr_db"]
        if np.isfinite(target):
            p = int(window["pick_sample"][window["pick_phase"] == P].min())
            length, guard = int(2 * RATE), int(0.5 * RATE)
            wave = window["waveform"].astype(float)
            before = wave[max(p - guard - length, 0) : p - guard]
            ratio = np.mean(wave[p : p + length] ** 2) / np.mean(before**2)
            drawn_snr.append(abs(10 * np.log10(ratio) - target))
    assert placed > 3 and len(drawn_snr) > 5
    assert max(drawn_snr) < 0.05


def test_online_partners_match_what_they_are_asked_to(folder):
    for match in ([], ["station"]):
        maker = maker_of(folder, online=[{"superpose_noise": {"match": match}}])
        same, parse = [], parser(maker.stored)
        for record in tf.data.TFRecordDataset(paths_of(folder)):
            window = parse(record)
            if window["kind"] not in maker.steps[0].op.kinds:
                continue
            key = draws.window_key(0, window["window_id"])
            partners = attach(maker.pools, maker.steps, window, key, tf.constant(0, tf.int64))
            chosen = partners["superpose_noise"]["noise"]
            assert chosen["kind"][0] == "noise" and chosen["window_id"][0] != ""
            same.append(bool(chosen["station"][0] == window["station"]))
        assert all(same) == bool(match)


def test_what_is_not_there_is_said(folder, tmp_path):
    with pytest.raises(UserError, match="no windows of the split 'test'"):
        training_dataset(str(folder), "test")
    for shard in ((2, 2), (-1, 2), (50, 60)):
        with pytest.raises(UserError, match="shard: got"):
            training_dataset(str(folder), shard=shard)
    with pytest.raises(UserError, match="expected one of train"):
        training_dataset(str(folder), "dev")
    with pytest.raises(UserError, match="targets"):
        recipe = with_parts(stored_recipe(str(folder)), targets=[])
        training_dataset(str(folder), recipe=recipe)
    with pytest.raises(UserError, match="length_s: got 500"):
        steps = [{"random_shift": {"length_s": 500}}]
        training_dataset(str(folder), recipe=with_parts(stored_recipe(str(folder)), online=steps))
