"""Fixtures that every test may use."""

import os
import socket
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, settings

# As the workers that write shards do: with more threads an op, sums round otherwise.
tf.config.threading.set_intra_op_parallelism_threads(1)
settings.register_profile(
    "seismill",
    deadline=None,
    max_examples=10,
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


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """Run the demo with every connection but to this machine refused; return its folder."""
    from pipelines.cli import main

    folder = tmp_path_factory.mktemp("demo") / "seismill-demo"
    connect = socket.socket.connect

    def only_here(self, address):
        if isinstance(address, tuple) and address[0] not in ("localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"the demo asked {address} for something")
        return connect(self, address)

    def no_names(host, *args, **kwargs):
        raise AssertionError(f"the demo looked {host} up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", only_here)
        patch.setattr(socket, "getaddrinfo", no_names)
        assert main(["demo", "--output", str(folder)]) == 0
    return folder
