"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, settings

# As the workers that write shards do: with more threads an op, sums round otherwise.
tf.config.threading.set_intra_op_parallelism_threads(1)
settings.register_profile(
    "seismill",
    deadline=None,
    max_examples=20,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("seismill")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real waveforms, or a skip where there is none."""
    folder = os.environ.get("SEISMILL_REAL_DATA")
    if not folder:
        pytest.skip("SEISMILL_REAL_DATA is not set")
    return Path(folder)
