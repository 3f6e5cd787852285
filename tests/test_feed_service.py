"""The feed over `tf.data.service`: each window of an epoch once, made by either of two workers."""

import socket

import numpy as np
import pytest
import tensorflow as tf

from pipelines.feed import steps_per_epoch, training_dataset
from pipelines.feed_service import check_service
from schemas.errors import UserError
from tests.feed_batches import SHIFT, by_epochs, feed_folder, lean, sorted_rows

pytestmark = pytest.mark.slow

BATCH, EPOCHS = 7, 2
NOISE = {"superpose_noise": {"snr_db": [3, 9], "signal_s": 2, "noise_s": 2}}


@pytest.fixture(scope="module")
def dispatcher():
    service = tf.data.experimental.service
    served = service.DispatchServer()
    address = served.target.partition("://")[2]
    workers = [service.WorkerServer(service.WorkerConfig(address)) for _ in range(2)]
    yield served
    for server in (*workers, served):
        server._stop()


def test_two_workers_make_each_window_of_an_epoch_once(tmp_path, dispatcher):
    folder = feed_folder(tmp_path)
    # With partners, whose pool travels with the graph.
    recipe = lean(folder, online=[SHIFT, NOISE])
    options = {"recipe": recipe, "batch_size": BATCH, "epochs": EPOCHS}
    alone = training_dataset(str(folder), **options)
    served = training_dataset(str(folder), service=dispatcher.target, **options)
    windows = steps_per_epoch(str(folder), batch_size=1)
    batches = [inputs for inputs, _ in served.as_numpy_iterator()]
    steps = steps_per_epoch(str(folder), batch_size=BATCH)
    assert [len(b) == BATCH for b in batches[: steps - 1]] == [True] * (steps - 1)
    assert len(batches) == EPOCHS * steps
    pairs = list(
        zip(
            by_epochs(alone.as_numpy_iterator(), windows),
            by_epochs(((inputs,) for inputs in batches), windows),
            strict=True,
        )
    )
    for one, other in pairs:
        np.testing.assert_array_equal(sorted_rows(one), sorted_rows(other))
    assert not np.array_equal(sorted_rows(pairs[0][0]), sorted_rows(pairs[1][0]))


def test_an_address_where_nobody_listens_is_refused():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"grpc://localhost:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=f"service: {address} does not answer"):
        check_service(address)
    for wrong in ("localhost:5000", "http://localhost:5000", "grpc://localhost", "grpc://a:b"):
        with pytest.raises(UserError, match="expected grpc://HOST:PORT"):
            check_service(wrong)
