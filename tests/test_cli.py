"""The command line: what it prints, its exit codes, one line for a user's mistake."""

import json
import subprocess
import sys

import pytest
import yaml

from augment_ops.superpose_noise import SuperposeNoise
from pipelines.cli import main
from schemas.recipe import Recipe
from schemas.window import FIELDS
from tests.jobs import data_folder, digests, job_recipe


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    recipe = job_recipe(data_folder(folder / "data", events=6))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.to_json()))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def shards(recipe_path):
    output = recipe_path.parent / "out"
    assert main(["augment", str(recipe_path), "--output", str(output), "--quiet"]) == 0
    return output


def changed(recipe_path, tmp_path, change):
    data = yaml.safe_load(recipe_path.read_text())
    change(data)
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def test_augment_prints_books_that_balance(recipe_path, shards, tmp_path, capsys):
    assert main(["augment", str(recipe_path), "--output", str(tmp_path), "--quiet"]) == 0
    out = capsys.readouterr().out
    counts = json.loads((tmp_path / "manifest.json").read_text())["counts"]
    assert (
        f"listed {counts['listed']} = written {counts['written']} + rejected {counts['rejected']}"
        in out
    )
    assert digests(tmp_path) == digests(shards)


def test_validate_passes_and_fails(shards, tmp_path, capsys):
    assert main(["validate", str(shards)]) == 0
    assert "0 faults" in capsys.readouterr().out
    for path in shards.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    victim = next(tmp_path.glob("*-train.tfrecord-*"))
    victim.write_bytes(victim.read_bytes()[:-4])
    assert main(["validate", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert victim.name in out and "cut short" in out


def test_feed_prints_a_batch_and_a_rate(shards, capsys):
    assert main(["feed", str(shards), "--batch-size", "4", "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    assert "inputs  (4, 800, 3) float32" in out
    assert "phase_picks  (4, 800, 3)" in out and "windows/s" in out


def test_ops_lists_every_op_with_its_defaults(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["ops"]) == 0
    out = capsys.readouterr().out
    for word in ("random_shift", "channel_dropout", "superpose_noise", "data_gap", "phase_picks"):
        assert word in out
    assert f"snr_db: {list(SuperposeNoise().snr_db)}" in out
    shapes = {"phase_picks": "[T, 3]", "polarity": "[3]", "denoise_masks": "[201, 31, 3, 2]"}
    lines = out[out.index("Targets of windows of") :].splitlines()
    for name, shape in shapes.items():
        assert any(name in line and shape in line for line in lines)


def test_schemas_are_json_that_holds_every_field(capsys):
    assert main(["schema", "window"]) == 0
    assert [f["name"] for f in json.loads(capsys.readouterr().out)] == list(FIELDS)
    assert main(["schema", "recipe"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["properties"]) == set(Recipe.model_fields)
    steps = schema["$defs"]["Step"]["anyOf"][1]["properties"]
    assert steps["superpose_noise"]["properties"]["snr_db"]["maxItems"] == 2
    formats = {s["properties"]["format"]["const"] for s in schema["$defs"]["Source"]["anyOf"]}
    files = {"archive", "phasenet_npz", "seisbench", "seismograms", "stead"}
    assert formats == {*files, "full_space"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(windw={}), "unknown key 'windw'; did you mean 'window'?"),
        (lambda r: r["window"].update(lenght_s=3), "did you mean 'length_s'?"),
        (lambda r: r.update(sources=[]), "sources"),
        (lambda r: r["sources"][0].update(format="phasenet"), "did you mean 'phasenet_npz'?"),
        (lambda r: r["sources"][0].update(pth="x"), "sources.a: unknown key 'pth'"),
        (lambda r: r["sources"][0].update(path="${NOT_SET_ANYWHERE}/x"), "NOT_SET_ANYWHERE"),
        (lambda r: r["offline"].append("superpose_nois"), "did you mean 'superpose_noise'?"),
        (lambda r: r.update(offline=[{"data_gap": {"gap": 1}}]), "did you mean 'gaps'?"),
        (lambda r: r.update(offline=[{"data_gap": {"gaps": [3, 1]}}]), "low <= high"),
        (lambda r: r.update(targets=["phase_pick"]), "did you mean 'phase_picks'?"),
        (
            lambda r: r.update(offline=[{"superpose_noise": {"sources": {"b": 1}}}]),
            "superpose_noise: sources: got 'b'; known: a",
        ),
        (lambda r: r["split"].update(shares={"train": 0.5}), "shares sum to 0.5"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line(recipe_path, tmp_path, capsys, change, said):
    path = changed(recipe_path, tmp_path, change)
    output = tmp_path / "out"
    assert main(["augment", path, "--output", str(output), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("seismill: error: ") and said in error
    assert len(error.strip().splitlines()) == 1
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "/nowhere"],
        ["feed", "/nowhere"],
        ["augment", "/nowhere.yaml", "--output", "/nowhere"],
    ],
)
def test_what_is_not_there_is_one_line(arguments, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "/nowhere" in error and len(error.strip().splitlines()) == 1


def test_options_that_nobody_knows_are_refused(recipe_path, tmp_path, capsys):
    given = ["augment", str(recipe_path), "--output", str(tmp_path / "out"), "--quiet"]
    assert main([*given, "--direct_num_worker=2"]) == 2
    assert "did you mean 'direct_num_workers'?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(tmp_path), "--fast"])
    assert ended.value.code == 2


def test_a_source_that_is_all_bad_writes_nothing_and_says_so(recipe_path, tmp_path, capsys):
    def lose(recipe):
        recipe["sources"][0]["path"] = str(tmp_path / "gone")

    path = changed(recipe_path, tmp_path, lose)
    assert main(["augment", path, "--output", str(tmp_path / "out"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert "written 0" in out and "no window was written" in err
    assert "no such file" in (tmp_path / "out/rejected.jsonl").read_text()


def test_the_module_runs_as_a_command():
    command = [sys.executable, "-m", "pipelines.cli", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0 and "augment" in ended.stdout
