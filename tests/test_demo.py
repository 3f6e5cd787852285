"""The demo, as a user runs it after the install: real seismograms, nothing from the network."""

import numpy as np
from matplotlib import image

from pipelines.cli import main
from pipelines.publish import stored_manifest
from pipelines.validation import validate
from tests.jobs import windows


def test_its_shards_are_valid_and_its_books_balance(demo_folder):
    shards = str(demo_folder / "shards")
    assert validate(shards).faults == []
    counts = stored_manifest(shards)["counts"]
    assert counts["listed"] == counts["written"] + counts["rejected"]
    assert counts["windows"] > counts["written"] > 0


def test_it_shows_events_noise_and_every_step(demo_folder):
    found = windows(demo_folder / "shards")
    kinds = {w["kind"].item() for w in found}
    assert kinds == {b"event", b"noise"}
    for step in ("superpose_event/amplitude_ratio", "superpose_noise/snr_db", "data_gap/gaps"):
        assert any(np.isfinite(w[step]) for w in found), step
    assert any((w["event_id"] != b"").sum() > 1 for w in found)


def test_its_picture_has_something_on_it(demo_folder):
    pixels = image.imread(demo_folder / "windows.png")[..., :3]
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


def test_a_second_run_into_the_same_folder_works(demo_folder):
    before = stored_manifest(str(demo_folder / "shards"))
    assert main(["demo", "--output", str(demo_folder)]) == 0
    assert stored_manifest(str(demo_folder / "shards")) == before
