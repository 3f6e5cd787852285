"""The job end to end: the same bytes however it runs, books that balance, labels that hold."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from apache_beam import Pipeline
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines import plan
from pipelines.job import AugmentJob
from pipelines.publish import stored_manifest
from pipelines.reference import Inspected, Planned, Rejected
from pipelines.runner import augment
from pipelines.split import assign_split
from pipelines.validation import validate
from schemas.errors import UserError
from schemas.window import PHASES
from tests.builders import RATE, listed
from tests.jobs import OFFLINE, data_folder, digests, job_recipe, rewrite_rows, windows, with_parts


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("job") / "data")


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    output = tmp_path_factory.mktemp("job") / "made"
    augment(job_recipe(data), str(output), quiet=True)
    return output


def test_two_processes_write_the_same_bytes(data, made, tmp_path):
    augment(job_recipe(data), str(tmp_path / "out"), workers=2, quiet=True)
    assert digests(tmp_path / "out") == digests(made)
    assert (tmp_path / "out/manifest.json").read_bytes() == (made / "manifest.json").read_bytes()


def test_the_order_of_the_inputs_changes_no_byte(data, made, tmp_path):
    turned = tmp_path / "data"
    shutil.copytree(data, turned)
    rewrite_rows(turned, lambda rows: rows[::-1])
    augment(job_recipe(turned), str(tmp_path / "out"), quiet=True)
    assert digests(tmp_path / "out") == digests(made)


def test_another_seed_gives_other_shards_and_the_same_splits(data, made, tmp_path):
    augment(job_recipe(data, seed=1), str(tmp_path), quiet=True)
    assert not set(digests(tmp_path).values()) & set(digests(made).values())
    for split in ("train", "validation"):
        ids = [{str(w["window_id"]) for w in windows(o, f"*-{split}.*")} for o in (tmp_path, made)]
        assert ids[0] == ids[1]


def test_a_second_run_and_a_resumed_one_write_the_same_bytes(data, made, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(made, output)
    before, first = digests(made), next(iter(digests(made)))
    (output / first).unlink()
    broken = output / list(before)[1]
    broken.write_bytes(broken.read_bytes()[:-1])
    kept = output / list(before)[2]
    stamp = kept.stat().st_mtime_ns
    augment(job_recipe(data), str(output), resume=True, quiet=True)
    assert digests(output) == before
    assert kept.stat().st_mtime_ns == stamp
    augment(job_recipe(data), str(output), quiet=True)
    assert digests(output) == before
    assert kept.stat().st_mtime_ns != stamp


def test_the_result_is_valid_and_every_step_was_applied(made):
    report = validate(str(made))
    assert report.faults == []
    assert report.windows == stored_manifest(str(made))["counts"]["windows"]
    drawn = {name: 0 for name in ("superpose_event/placed", "superpose_noise/snr_db")}
    for window in windows(made):
        for name in drawn:
            drawn[name] += bool(np.isfinite(window[name]))
    assert min(drawn.values()) > 3


def test_the_mixture_has_the_snr_that_was_drawn(made):
    checked = 0
    for window in windows(made):
        target = window["superpose_noise/snr_db"]
        if np.isfinite(target):
            p = int(window["pick_sample"][window["pick_phase"] == PHASES["P"]].min())
            length, guard = int(3 * RATE), int(0.5 * RATE)
            signal = window["waveform"][p : p + length].astype(float)
            noise = window["waveform"][p - guard - length : p - guard].astype(float)
            found = 10 * np.log10(np.mean(signal**2) / np.mean(noise**2))
            assert abs(found - target) < 0.05
            checked += 1
    assert checked > 3


def test_each_shard_holds_the_windows_and_labels_that_the_plan_implies(data, tmp_path):
    # Without gaps and second events, an event window has one P and one S, noise has none.
    recipe = job_recipe(data, offline=OFFLINE[1:])
    augment(recipe, str(tmp_path), quiet=True)
    rejected = {
        json.loads(line)["window_id"]
        for line in (tmp_path / "rejected.jsonl").read_text().split("\n")
        if line
    }
    summaries = {s["name"]: s for s in stored_manifest(str(tmp_path))["shards"]}
    expected = {}
    for reference in listed(recipe):
        split = assign_split(reference, recipe)
        copies = 2 if reference.kind == "event" and split == "train" else 1
        for copy in range(copies if reference.base_id not in rejected else 0):
            expected.setdefault(split, []).append(Planned(Inspected(reference, "ENZ"), copy))
    for split, planned in expected.items():
        shards = plan.shard_count(len(planned), recipe)
        for shard in range(shards):
            path = tmp_path / plan.shard_name(recipe, split, shard, shards)
            here = {
                item.window_id: item.inspected.reference.kind
                for item in planned
                if plan.shard_of(item.inspected, item.copy, recipe, shards) == shard
            }
            found = windows(tmp_path, path.name)
            assert {w["window_id"].item().decode() for w in found} == set(here)
            events = sum(kind == "event" for kind in here.values())
            for phase, code in PHASES.items():
                assert sum((w["pick_phase"] == code).sum() for w in found) == events
                assert summaries[path.name]["labelled"].get(phase, 0) == events


def test_validation_windows_are_not_augmented(data, made):
    train = windows(made, "*-train.*")
    others = windows(made, "*-validation.*")
    assert others and all(w["window_id"].item().endswith(b"/0") for w in others)
    assert any(w["window_id"].item().endswith(b"/1") for w in train)
    for window in others:
        assert np.isnan(window["superpose_noise/snr_db"])
        name = window["window_id"].item().decode().split("/")[1]
        raw = np.load(data / name)["data"]
        if window["kind"] == b"event":
            start = 2500 - 800
            # Linear detrending of the whole record, by SciPy.
            from scipy.signal import detrend

            expected = detrend(raw, axis=0)[start : start + 1600]
            np.testing.assert_allclose(window["waveform"], expected, atol=1e-3)


def test_tfds_reads_the_output(made):
    expected = {w["window_id"].item(): w for w in windows(made, "*-train.*")}
    dataset = tfds.builder_from_directory(str(made)).as_dataset(split="train")
    seen = 0
    for example in dataset:
        window = expected[example["window_id"].numpy()]
        np.testing.assert_array_equal(example["waveform"].numpy(), window["waveform"])
        np.testing.assert_array_equal(example["valid"].numpy(), window["valid"])
        np.testing.assert_array_equal(example["pick_sample"].numpy(), window["pick_sample"])
        drawn = example["superpose_noise"]["snr_db"].numpy()
        np.testing.assert_array_equal(drawn, window["superpose_noise/snr_db"])
        seen += 1
    assert seen == len(expected)


def test_every_stage_counts_what_comes_in_and_goes_out(data, tmp_path):
    recipe = job_recipe(data)
    pipeline = Pipeline(runner=FnApiRunner())
    pipeline | AugmentJob(recipe, str(tmp_path))
    result = pipeline.run()
    counted = {}
    for counter in result.metrics().query()["counters"]:
        name = counter.key.metric
        counted[name.namespace.rsplit(".", 1)[-1], name.name] = counter.result
    counts = stored_manifest(str(tmp_path))["counts"]
    total = sum(not isinstance(item, Rejected) for item in listed(recipe))
    assert counted["ListDoFn", "out"] == counted["InspectDoFn", "in"] == total
    assert counted["InspectDoFn", "in"] == counted["InspectDoFn", "out"] + counted.get(
        ("InspectDoFn", "rejected"), 0
    )
    assert counted["PlanShards", "in"] == counted["InspectDoFn", "out"]
    assert counted["PlanShards", "out"] == counted["MakeDoFn", "in"]
    # Every event copy of the training split asks for a partner of each of the two steps.
    asking = [w for w in windows(tmp_path, "*-train.*") if w["kind"].item() == b"event"]
    assert counted["PairPartners", "in"] == counted["PairPartners", "out"] == 2 * len(asking)
    for name, field in (("in", "listed"), ("out", "written")):
        assert counted["AugmentJob", name] == counts[field]
    assert counted["MakeDoFn", "in"] == counted["MakeDoFn", "out"] == counts["windows"]


def test_bad_files_are_rejected_one_by_one_and_the_rest_completes(data, tmp_path):
    folder, output = tmp_path / "data", tmp_path / "out"
    shutil.copytree(data, folder)
    names = sorted(path.name for path in folder.glob("*.npz"))
    good = np.load(folder / names[0])["data"]
    bad = good.copy()
    bad[100, 1] = np.nan
    np.savez(folder / names[0], data=bad)
    np.savez(folder / names[1], data=np.array([{"a": 1}], dtype=object))
    np.savez(folder / names[2], data=good[:0])
    (folder / names[3]).unlink()
    (folder / names[4]).write_bytes((folder / names[5]).read_bytes()[:1000])
    np.savez(folder / names[6], data=good[:2000])
    escape = {"fname": "../secret.npz", "itp": "2500", "its": "2800", "channels": "HHZ"}
    rewrite_rows(folder, lambda rows: [*rows, escape])
    manifest = augment(job_recipe(folder), str(output), quiet=True)
    counts = manifest["counts"]
    assert counts["listed"] == counts["written"] + counts["rejected"]
    lines = [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]
    reasons = {}
    for line in lines:
        reasons.setdefault(line["window_id"].split("/")[1], []).append(line["reason"])
    for name, word in zip(names, ("finite", "pickle", "samples", "no such file", "cannot be read")):
        assert any(word in reason for reason in reasons[name]), reasons[name]
    assert any("outside the record" in reason for reason in reasons[names[6]])
    assert any("expected a path inside" in reason for reason in reasons[".."])
    assert all("\n" not in line["reason"] for line in lines)
    assert validate(str(output)).faults == []
    assert counts["written"] > 20


def test_an_output_folder_of_another_recipe_is_refused_and_left_alone(data, made):
    before = digests(made), (made / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="another recipe"):
        augment(job_recipe(data, seed=5), str(made), quiet=True)
    assert (digests(made), (made / "manifest.json").read_bytes()) == before


def test_a_folder_of_unknown_shards_is_refused(data, tmp_path):
    (tmp_path / "x-train.tfrecord-00000-of-00001").write_bytes(b"")
    with pytest.raises(UserError, match="without a recipe.yaml"):
        augment(job_recipe(data), str(tmp_path), quiet=True)


def test_an_empty_source_is_one_rejected_entry(data, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "waveform.csv").write_text("fname,itp,its,channels\n")
    recipe = job_recipe(data)
    empty = {**recipe.to_json()["sources"][0], "name": "e", "path": str(folder)}
    empty["csv"] = str(folder / "waveform.csv")
    both = with_parts(recipe, sources=[recipe.to_json()["sources"][0], empty])
    counts = augment(both, str(tmp_path / "out"), quiet=True)["counts"]
    lines = (tmp_path / "out/rejected.jsonl").read_text()
    assert "lists no windows" in lines
    assert counts["listed"] == counts["written"] + counts["rejected"]


def test_the_job_writes_to_any_fsspec_file_system(data, made):
    output = "memory://job/out"
    augment(job_recipe(data), output, quiet=True)
    import fsspec

    files = fsspec.filesystem("memory")
    for name in digests(made):
        assert files.cat(f"/job/out/{name}") == (made / name).read_bytes()
    assert not [name for name in files.ls("/job/out", detail=False) if ".part-" in name]


def test_shards_hold_one_thread_sums(made):
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
