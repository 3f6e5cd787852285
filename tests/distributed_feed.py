"""Reads and fits under a strategy of two processors, and prints what came: a process of its own.

    python -m tests.distributed_feed FOLDER

Logical processors must be made before TensorFlow is first used.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.data.experimental.ops.distribute import _AutoShardDataset

from pipelines.feed import steps_per_epoch, training_dataset
from tests.feed_batches import SIZE, Stored, lean

BATCH, EPOCHS = 8, 2


def main(folder: Path) -> None:
    """Print, as JSON, the windows of each epoch in each way, and the losses of a fit.

    `machines` is what two of them make together of a data set that each is handed whole.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    recipe, stored = lean(folder), Stored(folder)
    steps = steps_per_epoch(str(folder), batch_size=BATCH)
    dataset = training_dataset(str(folder), batch_size=BATCH, epochs=EPOCHS, recipe=recipe)

    def by_epoch(batches: Iterable) -> list:
        parts = [strategy.experimental_local_results(inputs) for inputs, _ in batches]
        arrays = [np.concatenate([part.numpy() for part in both]) for both in parts]
        some = (arrays[start : start + steps] for start in range(0, len(arrays), steps))
        return [stored.find(np.concatenate(epoch)) for epoch in some]

    def of_pipeline(index: int) -> list:
        def made(context: tf.distribute.InputContext) -> tf.data.Dataset:
            size = context.get_per_replica_batch_size(BATCH)
            shard = (index, 2)
            return training_dataset(str(folder), batch_size=size, recipe=recipe, shard=shard)

        return by_epoch(strategy.distribute_datasets_from_function(made))

    machines = [list(_AutoShardDataset(dataset, 2, index)) for index in range(2)]
    found = {
        "alone": by_epoch(dataset),
        "dealt": by_epoch(strategy.experimental_distribute_dataset(dataset)),
        "machines": by_epoch(batch for both in zip(*machines, strict=True) for batch in both),
        "pipelines": [of_pipeline(index) for index in range(2)],
    }
    keras.utils.set_random_seed(0)
    with strategy.scope():
        waves = keras.Input((SIZE, 3))
        scaled = keras.layers.Rescaling(0.001)(waves)
        hidden = keras.layers.Conv1D(2, 7, padding="same", activation="relu")(scaled)
        model = keras.Model(waves, keras.layers.Conv1D(1, 1, activation="sigmoid")(hidden))
        model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", jit_compile=False)
    history = model.fit(dataset, steps_per_epoch=steps, epochs=EPOCHS, verbose=0).history
    print(json.dumps({**found, "loss": history["loss"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
