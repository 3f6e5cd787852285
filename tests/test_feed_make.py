"""Batches go through the online steps as single windows do, from shards and from memory."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from augment_ops.core import draws
from augment_ops.core.registry import op_class, op_names
from augment_ops.core.steps import apply_steps, output_spec
from pipelines.feed_make import Maker
from pipelines.feed_rows import Memory, row_parser
from schemas.record import serialize
from tests.builders import recipe_of
from tests.windows import CASES, SPEC, tensors

SHIFT = {"random_shift": {"length_s": SPEC.samples / SPEC.sampling_rate_hz / 2, "margin_s": 0.1}}
TOGETHER = [name for name in op_names() if getattr(op_class(name), "vectorizes", False)]
EPOCH = tf.constant(3, tf.int64)


def cases():
    """Return every case twice, with ids of their own."""
    rows = []
    for number, window in enumerate([*CASES.values()] * 2):
        name = np.array(f"source/trace{number}/e0/0".encode(), object)
        rows.append({**window, "window_id": name})
    return rows


def records():
    return tf.constant([serialize(window, SPEC) for window in cases()])


def maker_of(online):
    return Maker(recipe_of(Path("nowhere"), online=online, normalise="none"), SPEC, [], "train")


def one_by_one(maker):
    """Return the windows as `apply_steps` makes each of them, without a graph."""
    rate, made = SPEC.sampling_rate_hz, []
    for window in cases():
        made.append(apply_steps(maker.steps, tensors(window), {}, maker.recipe.seed, EPOCH, rate))
    return {name: np.stack([window[name] for window in made]) for name in made[0]}


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value.dtype.kind == "f":
            # The same draws and places; sums of many samples may round otherwise.
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def run(maker, source):
    """Return what a maker makes of all windows, read from records or held in memory."""
    if source == "records":
        rows = row_parser(SPEC)
        made = tf.function(lambda: maker.windows(rows(records()), EPOCH))()
    else:
        blocks = tf.data.Dataset.from_tensor_slices(records()).batch(3)
        memory = Memory(blocks, SPEC)
        index = tf.range(memory.count, dtype=tf.int64)
        made = tf.function(lambda: maker.windows(memory.rows(index), EPOCH))()
    return {name: value.numpy() for name, value in made.items()}


@pytest.mark.parametrize("source", ["records", "memory"])
def test_a_crop_and_steps_that_go_together_and_steps_that_do_not(source):
    online = [
        SHIFT,
        {"channel_dropout": {"probability": 0.5}},
        {"polarity_flip": {"probability": 0.5}},
        {"data_gap": {"probability": 0.5}},
        {"amplitude_scale": {"probability": 0.5}},
    ]
    maker = maker_of(online)
    found, expected = run(maker, source), one_by_one(maker)
    assert_same(found, expected)
    assert found["waveform"].shape[1] == SPEC.samples // 2
    applied = np.isfinite(found["channel_dropout/channels"])
    assert applied.any() and not applied.all()


def test_ops_that_take_a_batch_as_one_do_as_for_each_window():
    others = [name for name in TOGETHER if name != "random_shift"]
    shares = {name: (0.0, 0.5, 1.0)[number % 3] for number, name in enumerate(others)}
    online = [{name: {"probability": share}} for name, share in shares.items()]
    # None of the batch, some and all of it.
    assert set(shares.values()) == {0.0, 0.5, 1.0}
    maker = maker_of(online)
    found = run(maker, "records")
    assert_same(found, one_by_one(maker))
    for name, share in shares.items():
        drawn = np.isfinite(found[f"{name}/{maker.steps[others.index(name)].op.draws[0]}"])
        assert drawn.any() == (share > 0.0)


def test_without_steps_the_windows_are_as_they_are_stored():
    found = run(maker_of([]), "records")
    for name in ("waveform", "valid", "pick_sample", "window_id"):
        np.testing.assert_array_equal(found[name], np.stack([w[name] for w in cases()]))


def test_the_spec_of_the_steps_is_the_spec_of_what_comes_out():
    maker = maker_of([SHIFT, "channel_dropout"])
    spec = output_spec(SPEC, maker.steps)
    found = run(maker, "records")
    for field in spec.fields:
        assert found[field.name].shape == (len(cases()), *spec.shape(field))


def test_keys_of_a_batch_are_those_of_its_windows():
    names = tf.constant(["a/b/e0/0", "a/b/e0/1"])
    keys = draws.window_key(7, names)
    for row, name in enumerate(names):
        np.testing.assert_array_equal(keys[row], draws.window_key(7, name))
    assert (keys[0].numpy() != keys[1].numpy()).all()
