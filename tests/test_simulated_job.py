"""Simulated events from the recipe to the shards, and what is not asked of them."""

import json

import numpy as np
import pytest

from pipelines.inspection import inspect, read_window
from pipelines.prepare import Record
from pipelines.publish import stored_manifest
from pipelines.reference import Inspected, Reference
from pipelines.runner import augment
from pipelines.simulated import from_rest
from pipelines.validation import validate
from schemas.validate import text
from schemas.window import PAIR_FIELDS
from tests.builders import listed, phasenet_folder, phasenet_rows, recipe_of
from tests.jobs import data_folder, digests, job_recipe, windows, with_parts

STEP = "superpose_simulated"
SLICES = {"signal_s": 3, "noise_s": 3}
OFFLINE = [{STEP: {"snr_db": [4, 15], **SLICES}}]
SIMULATED = {"name": "sim", "format": "full_space", "simulated": True, "events": 24, "seed": 3}


def semi_synthetic(folder, **more):
    """Return a recipe of recorded noise and simulated events."""
    recipe = job_recipe(folder, offline=OFFLINE, online=[], copies={"simulated": 2})
    sources = [{**recipe.to_json()["sources"][0]}, SIMULATED]
    return with_parts(recipe, sources=sources, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    recipe = semi_synthetic(data_folder(folder / "data"))
    augment(recipe, str(folder / "made"), quiet=True)
    return recipe, folder / "made"


def of_kind(output, kind, pattern="*.tfrecord-*"):
    return [w for w in windows(output, pattern) if text(w["kind"]) == kind]


def test_the_books_balance_and_the_result_is_valid(made):
    recipe, output = made
    counts = stored_manifest(str(output))["counts"]
    items = listed(recipe)
    assert counts["listed"] == len(items) == counts["written"] + counts["rejected"]
    assert sum(item.kind == "simulated" for item in items) == SIMULATED["events"]
    report = validate(str(output))
    assert (report.faults, report.windows) == ([], counts["windows"])
    # One copy more in the split that is augmented, none lost.
    train = of_kind(output, "simulated", "*-train.*")
    others = of_kind(output, "simulated", "*-validation.*")
    assert len(train) / 2 + len(others) == SIMULATED["events"] and others
    kinds = [shard["kinds"].get("simulated", 0) for shard in stored_manifest(str(output))["shards"]]
    assert sum(kinds) == len(train) + len(others)


def test_a_second_run_writes_the_same_bytes(made, tmp_path):
    recipe, output = made
    augment(recipe, str(tmp_path), quiet=True)
    assert digests(tmp_path) == digests(output)


def test_each_simulation_is_in_real_noise_at_the_snr_that_was_drawn(made):
    recipe, output = made
    rate = recipe.window.sampling_rate_hz
    noise = {
        item.base_id: read_window(item, recipe)
        for item in listed(recipe)
        if isinstance(item, Reference) and item.kind == "noise"
    }
    alone = {i.base_id: read_window(i, recipe) for i in listed(recipe) if i.kind == "simulated"}
    stations = {b"S0", b"S1"}
    train = of_kind(output, "simulated", "*-train.*")
    for window in train:
        drawn, gain = window[f"{STEP}/snr_db"], window[f"{STEP}/gain"]
        assert 4 <= drawn <= 15 and gain > 0
        p = int(np.round(window["event_p_sample"][0]))
        length, guard = int(3 * rate), int(0.5 * rate)
        power = [
            np.mean(window["waveform"][part][window["valid"][part]].astype(np.float64) ** 2)
            for part in (slice(p, p + length), slice(p - guard - length, p - guard))
        ]
        assert 10.0 * np.log10(power[0] / power[1]) == pytest.approx(drawn, abs=0.05)
        simulation = alone[text(window["window_id"]).rpartition("/")[0]]["waveform"]
        expected = np.where(window["valid"], gain * simulation, 0.0)
        # What is below float32's normal numbers may be flushed to zero.
        np.testing.assert_allclose(window["clean_waveform"], expected, rtol=1e-5, atol=1e-25)
        rest = (window["waveform"] - window["clean_waveform"])[:, 0]
        assert _comes_from(rest, noise.values())
        assert window["network"] == b"NC" and window["station"].item() in stations
        assert window["source"] == b"sim" and window["instrument"] == b"HH"
    assert len({float(w[f"{STEP}/snr_db"]) for w in train}) == len(train) > 10


def _comes_from(rest, noises):
    """Whether a trace is a stretch of noise as it was recorded, or goes on by its mirror image."""
    for wave, valid in ((w["waveform"][:, 0], w["valid"][:, 0]) for w in noises):
        wave = wave[valid]
        around = np.pad(wave, (0, len(rest) + len(wave)), mode="reflect")
        starts = np.flatnonzero(np.abs(around[: 2 * len(wave) - 2] - rest[0]) < 1e-2)
        if any(np.allclose(around[s : s + len(rest)], rest, atol=1e-2) for s in starts):
            return True
    return False


def test_other_windows_and_splits_are_left_alone(made):
    recipe, output = made
    for window in [*of_kind(output, "event"), *of_kind(output, "simulated", "*-validation.*")]:
        assert np.isnan(window[f"{STEP}/snr_db"])
        np.testing.assert_array_equal(window["clean_waveform"], window["waveform"])
    assert PAIR_FIELDS["clean_waveform"].name in stored_manifest(str(output))["window"]["pairs"]
    for window in of_kind(output, "simulated", "*-validation.*"):
        assert np.isnan(window["event_snr_db"]).all() and window["network"] == b"SY"
        # Silence stays silent: no detrending tilts it.
        assert not window["waveform"][: int(window["event_p_sample"][0])].any()


def test_a_simulated_source_lists_no_noise_and_no_limit_refuses_it(tmp_path):
    rows = phasenet_rows(events=3, stations=1)
    silent = np.zeros((4000, 3))
    silent[2500:] = np.abs(np.sin(np.arange(1500) / 7.0))[:, None]
    phasenet_folder(tmp_path, rows, [silent] * 3)
    limits = {"min_snr_db": 10.0, "max_clipped_share": 0.01}
    for simulated in (False, True):
        recipe = recipe_of(tmp_path, inspect=limits)
        source = {**recipe.to_json()["sources"][0], "simulated": simulated}
        recipe = with_parts(recipe, sources=[source])
        kinds = {item.kind for item in listed(recipe)}
        assert kinds == ({"simulated"} if simulated else {"event", "noise"})
        fit = {isinstance(inspect(item, recipe), Inspected) for item in listed(recipe)}
        assert fit == {simulated}


def test_noise_traces_of_a_simulated_source_are_not_listed(real_data):
    folder = real_data / "ncedc" / "stead"
    paths = {"hdf5": str(next(folder.glob("*.h*5"))), "csv": str(next(folder.glob("*.csv")))}
    recipe = recipe_of(folder, sources=[{"name": "a", "format": "stead", **paths}])
    (source,) = recipe.to_json()["sources"]
    usual = [item for item in listed(recipe) if isinstance(item, Reference)]
    marked = listed(with_parts(recipe, sources=[{**source, "simulated": True}]))
    assert sum(item.kind == "event" for item in usual) == len(marked) > 0
    assert {item.kind for item in marked} == {"simulated"} != {item.kind for item in usual}


@pytest.mark.parametrize("first, rest", [(0.0, True), (1e-4, True), (0.5, False)])
def test_what_begins_at_rest_was_silent_before(first, rest):
    samples = np.sin(np.arange(1, 500) / 9.0)[:, None] * [1.0, 2.0]
    samples[0] = first * samples.max(axis=0)
    record = Record(samples, "NZ", 50.0, offset_s=3.0)
    longer = from_rest(record, 1.0)
    assert longer.offset_s == 1.0 and len(longer.samples) == len(samples) + 100
    np.testing.assert_array_equal(longer.samples[100:], samples)
    assert not longer.samples[:100].any()
    assert (longer.valid[:100] == rest).all() and longer.valid[100:].all()
    # Behind its end, nothing is known.
    assert from_rest(record, 3.0) is record and from_rest(record, 4.0) is record


def test_the_rejected_file_and_the_recipe_say_what_was_simulated(made):
    recipe, output = made
    for line in (output / "rejected.jsonl").read_text().splitlines():
        assert not json.loads(line)["window_id"].startswith("sim/")
    assert [source.simulated for source in recipe.sources] == [False, True]
