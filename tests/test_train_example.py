"""The training loop on a small, easy data set: what it leaves, and that it learns."""

import csv
import json
import shutil
from functools import partial

import keras
import numpy as np
import pytest

from pipelines import train_example
from pipelines.feed import training_dataset
from pipelines.pick_metrics import find_picks, score
from pipelines.publish import stored_recipe
from pipelines.train_example import MIN_DISTANCE_S, THRESHOLD, held_out, main, u_net
from schemas.window import PHASES, P
from tests.builders import RATE, edit_manifest, phasenet_rows, published
from tests.jobs import data_folder, job_recipe, windows

pytestmark = pytest.mark.slow

EVENTS, EPOCHS = 10, 5
FILTERS = (8, 16)
TARGETS = [{"detection": {}}, {"phase_picks": {"width_s": 0.1}}]
SPLITS = ("train", "train", "train", "validation", "test")


def hour_of(name):
    return name.split("_")[2][:10]


def loss(model, dataset):
    """Return the mean cross-entropy of a dataset of (inputs, targets)."""
    sizes = []
    for inputs, targets, *_ in dataset.as_numpy_iterator():
        sizes.append(-(targets * np.log(np.maximum(model(inputs), 1e-7))).sum(axis=-1))
    return np.concatenate(sizes).mean()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train on a small folder; return the shards' folder and the output."""
    base = tmp_path_factory.mktemp("train")
    folder, output = base / "shards", base / "model"
    recipe = job_recipe(data_folder(base / "data", EVENTS), offline=[], targets=TARGETS)
    # The builder's events are an hour apart.
    hours = sorted({hour_of(row["fname"]) for row in phasenet_rows(EVENTS)})
    split = {hour: SPLITS[number % len(SPLITS)] for number, hour in enumerate(hours)}
    published(recipe, folder, split_of=lambda item: split[hour_of(item.trace)])
    options = ["--epochs", str(EPOCHS), "--batch-size", "4", "--seed", "3"]
    with pytest.MonkeyPatch.context() as patch:
        # Fewer levels: most of the time goes into tracing.
        patch.setattr(train_example, "u_net", partial(u_net, filters=FILTERS))
        assert main([str(folder), "--output", str(output), *options]) == 0
    return folder, output


def without(folder, place, *splits):
    """Return a copy of a folder whose manifest leaves out some splits."""
    shutil.copytree(folder, place)

    def edit(manifest):
        manifest["shards"] = [s for s in manifest["shards"] if s["split"] not in splits]

    edit_manifest(place, edit)
    return place


def test_what_it_leaves(run):
    _, output = run
    assert {path.name for path in output.iterdir()} == {
        "best.keras",
        "history.csv",
        "metrics.json",
        "training.png",
    }
    assert (output / "training.png").read_bytes().startswith(b"\x89PNG")
    with open(output / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(EPOCHS))
    found = json.loads((output / "metrics.json").read_text())
    assert found["split"] == "test"
    for model in ("untrained", "trained"):
        for phase in PHASES:
            assert set(found[model][phase]) == {"0.1", "0.5"}


def test_the_best_epoch_is_what_was_kept_and_it_is_better_than_untrained(run):
    folder, output = run
    with open(output / "history.csv", newline="") as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    recipe = stored_recipe(str(folder))
    picks = recipe.model_copy(update={"targets": recipe.targets[1:]})
    validation = training_dataset(str(folder), "validation", 4, recipe=picks)
    kept = keras.saving.load_model(output / "best.keras")
    np.testing.assert_allclose(loss(kept, validation), min(losses), rtol=1e-4)
    untrained = u_net(kept.input_shape[1], FILTERS)
    assert min(losses) < 0.75 * loss(untrained, validation)


def test_the_scores_are_those_of_the_kept_model(run):
    folder, output = run
    kept = keras.saving.load_model(output / "best.keras")
    recipe = stored_recipe(str(folder))
    picks = recipe.model_copy(update={"targets": recipe.targets[1:]})
    inputs, true, _ = held_out(str(folder), picks, 4)
    curves = kept(inputs).numpy()
    found = json.loads((output / "metrics.json").read_text())
    assert found["windows"] == len(inputs)
    for phase, number in PHASES.items():
        least = MIN_DISTANCE_S * RATE
        predicted = [
            find_picks(curve, THRESHOLD, least) / RATE for curve in curves[..., number - P]
        ]
        for within, written in found["trained"][phase].items():
            own = score(predicted, true[phase], float(within))
            assert written["true"] == own.true > 0
            assert (written["matched"], written["predicted"]) == (own.matched, own.predicted)
            assert written != found["untrained"][phase][within]


def test_the_true_picks_are_those_of_the_shards(run, tmp_path):
    """Without a crop, where a stored pick is a fed one."""
    folder = run[0]
    recipe = stored_recipe(str(folder))
    picks = recipe.model_copy(update={"targets": recipe.targets[1:], "online": ()})
    no_test = without(folder, tmp_path / "no_test", "test")
    for place, split in ((folder, "test"), (no_test, "validation")):
        inputs, true, of = held_out(str(place), picks, 4)
        stored = windows(folder, f"*-{split}.*")
        assert of == split and len(inputs) == len(stored) > 4
        for number, window in enumerate(stored):
            for phase, code in PHASES.items():
                samples = window["pick_sample"][window["pick_phase"] == code]
                np.testing.assert_allclose(true[phase][number], samples / RATE)
        assert sum(map(len, true["P"])) == 2 * EVENTS // len(SPLITS)


def test_any_length_of_window_comes_out_as_long():
    for samples in (800, 1001):
        model = u_net(samples, filters=(2, 3, 4))
        made = model(np.random.default_rng(0).normal(size=(2, samples, 3)))
        assert made.shape == (2, samples, 3)
        np.testing.assert_allclose(made.numpy().sum(axis=-1), 1.0, atol=1e-5)


def test_shards_that_it_cannot_train_on_are_one_line(run, tmp_path, capsys):
    folder, _ = run
    no_picks = without(folder, tmp_path / "no_picks")
    recipe = stored_recipe(str(folder))
    other = recipe.model_copy(update={"targets": recipe.targets[:1]})
    (no_picks / "recipe.yaml").write_text(json.dumps(other.to_json()))
    for place, said in (
        (no_picks, "targets: got detection, expected phase_picks among them"),
        (without(folder, tmp_path / "a", "validation"), "no windows of the split 'validation'"),
        (without(folder, tmp_path / "b", "train"), "no windows of the split 'train'"),
    ):
        assert main([str(place), "--output", str(tmp_path / "model")]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
        assert not (tmp_path / "model").exists()


def test_bad_options_are_one_line(run, tmp_path, capsys):
    folder = str(run[0])
    (tmp_path / "file").touch()
    output = str(tmp_path / "model")
    for given, said in (
        ([folder, "--output", str(tmp_path / "file")], "--output"),
        ([folder, "--output", output, "--epochs", "0"], "--epochs: got 0"),
        ([folder, "--output", output, "--batch-size", "-1"], "--batch-size: got -1"),
        ([str(tmp_path / "none"), "--output", output], "no such file"),
    ):
        assert main(given) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
