"""What targets want beside the waveform: begun before the first step, stored, and read again."""

import numpy as np
import pytest

from augment_ops.core.targets import build_targets, feed_pairs, stored_spec, target_pairs
from pipelines.publish import stored_manifest
from schemas.errors import UserError
from schemas.window import WindowSpec
from tests.builders import published
from tests.jobs import data_folder, job_recipe, windows

OFFLINE = [{"white_noise": {"snr_db": [3, 3], "signal_s": 2, "noise_s": 2}}, {"polarity_flip": {}}]
DENOISE = ["denoise_pair", {"denoise_masks": {"name": "masks"}}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("data"), events=2)


def stored(folder, output, **more):
    """Return the windows of a recipe's one shard, by their ids."""
    published(job_recipe(folder, **more), output)
    return {window["window_id"].item(): window for window in windows(output)}


def test_the_clean_waveform_is_stored_from_before_the_noise(folder, tmp_path):
    plain = stored(folder, tmp_path / "plain", offline=OFFLINE[1:], targets=[])
    noisy = stored(folder, tmp_path / "noisy", offline=OFFLINE, targets=DENOISE)
    bare = stored(folder, tmp_path / "bare", offline=OFFLINE, targets=["phase_picks"])
    manifest = stored_manifest(str(tmp_path / "noisy"))
    assert WindowSpec.from_json(manifest["window"]).pairs == ("clean_waveform",)
    assert set(noisy) == set(plain) == set(bare) and noisy
    added = 0
    for name, window in noisy.items():
        # Flipped as the waveform is, and without the noise.
        np.testing.assert_array_equal(window["clean_waveform"], plain[name]["waveform"])
        assert "clean_waveform" not in bare[name]
        np.testing.assert_array_equal(window["waveform"], bare[name]["waveform"])
        added += (window["waveform"] != window["clean_waveform"]).any()
        assert (
            np.isfinite(window["white_noise/snr_db"])
            == (window["waveform"] != window["clean_waveform"]).any()
        )
    assert added


def test_other_splits_hold_the_pair_too(folder, tmp_path):
    recipe = job_recipe(folder, offline=OFFLINE, targets=DENOISE)
    published(recipe, tmp_path / "out", split_of=lambda reference: "validation")
    made = windows(tmp_path / "out")
    assert made
    for window in made:
        np.testing.assert_array_equal(window["clean_waveform"], window["waveform"])


def test_a_recipes_stored_spec_has_the_pairs_of_targets_and_of_steps_once(folder):
    clip = [*OFFLINE, {"clip": {}}]
    recipe = job_recipe(folder, offline=clip, targets=[*DENOISE, "autoencoder", "declip_pair"])
    targets = build_targets(recipe.targets)
    assert target_pairs(targets) == ("clean_waveform",)
    assert feed_pairs(targets) == ("clean_waveform", "unmasked_waveform")
    spec = stored_spec(recipe)
    assert spec.pairs == ("clean_waveform", "unclipped_waveform", "clipped")
    assert "clip/level" in spec.draws and spec.samples == recipe.spec.samples
    assert stored_spec(job_recipe(folder, offline=[], targets=[])) == recipe.spec
    with pytest.raises(UserError, match="targets.*did you mean 'denoise_pair'"):
        stored_spec(job_recipe(folder, targets=["denoise_pairs"]))
