"""The demo, as a user runs it after the install: real seismograms, nothing from the network."""

import socket

import numpy as np
import pytest
from matplotlib import image

from pipelines.cli import main
from pipelines.publish import stored_manifest
from pipelines.validation import validate
from tests.jobs import windows


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the demo with every connection but to this machine refused; return its folder."""
    folder = tmp_path_factory.mktemp("demo")
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


def test_its_shards_are_valid_and_its_books_balance(shown):
    shards = str(shown / "shards")
    assert validate(shards).faults == []
    counts = stored_manifest(shards)["counts"]
    assert counts["listed"] == counts["written"] + counts["rejected"]
    assert counts["windows"] > counts["written"] > 0


def test_it_shows_events_noise_and_every_step(shown):
    found = windows(shown / "shards")
    kinds = {w["kind"].item() for w in found}
    assert kinds == {b"event", b"noise"}
    for step in ("superpose_event/amplitude_ratio", "superpose_noise/snr_db", "data_gap/gaps"):
        assert any(np.isfinite(w[step]) for w in found), step
    assert any((w["event_id"] != b"").sum() > 1 for w in found)


def test_its_picture_has_something_on_it(shown):
    pixels = image.imread(shown / "windows.png")[..., :3]
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


def test_a_second_run_into_the_same_folder_works(shown):
    before = stored_manifest(str(shown / "shards"))
    assert main(["demo", "--output", str(shown)]) == 0
    assert stored_manifest(str(shown / "shards")) == before
