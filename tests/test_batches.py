"""A batch mapped with its small fields together, against the function on each window alone."""

import numpy as np
import tensorflow as tf

from augment_ops.core.batches import map_windows
from schemas.window import WINDOW_SPEC
from tests.windows import CASES, SPEC, tensors

ROWS = [tensors(window) for window in CASES.values()]
BATCH = {name: tf.stack([row[name] for row in ROWS]) for name in ROWS[0]}
SIGNATURE = {field.name: tf.TensorSpec(SPEC.shape(field), field.dtype) for field in WINDOW_SPEC}


def turned(pair):
    """Return something else in a field of each kind: samples, slots, scalars and texts."""
    window, (partner, shift) = pair
    return {
        **window,
        "waveform": window["waveform"] + partner["waveform"],
        "pick_sample": window["pick_sample"] + shift,
        "weight": window["weight"] + partner["weight"] * shift,
        "station": tf.strings.join([window["window_id"], partner["kind"]]),
    }


def test_a_batch_is_its_windows_one_by_one():
    shifts = tf.range(len(ROWS), dtype=tf.float32)
    partners = {name: tf.reverse(value, [0]) for name, value in BATCH.items()}
    run = tf.function(lambda *pair: map_windows(turned, pair, SIGNATURE), autograph=False)
    made = run(BATCH, (partners, shifts))
    assert list(made) == list(SIGNATURE)
    for number, (row, partner) in enumerate(zip(ROWS, ROWS[::-1])):
        for name, value in turned((row, (partner, shifts[number]))).items():
            np.testing.assert_array_equal(made[name][number], value, err_msg=name)
        assert made["station"][number] != row["station"]
