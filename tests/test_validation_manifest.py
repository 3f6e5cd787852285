"""`seismill validate` on a folder whose manifest or recipe is not as it should be."""

import json
import shutil

import pytest

from pipelines.validation import validate
from schemas.errors import UserError
from tests.builders import edit_manifest, phasenet_folder, phasenet_rows, published, recipe_of


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    phasenet_folder(folder / "in", phasenet_rows(events=2))
    recipe = recipe_of(folder / "in")
    published(
        recipe, folder / "out", split_of=lambda item: "train" if item.kind == "event" else "test"
    )
    return recipe, folder / "out"


@pytest.fixture
def made(sound, tmp_path):
    recipe, output = sound
    shutil.copytree(output, tmp_path / "out")
    return recipe, tmp_path / "out"


@pytest.mark.parametrize(
    "edit, told",
    [
        (lambda m: m.update(components="ZNE"), "manifest: components: got 'ZNE', expected 'ENZ'"),
        (
            lambda m: m["counts"].update(listed=99),
            "manifest: listed 99 is not written 8 + rejected",
        ),
        (lambda m: m["counts"].update(windows=7), "manifest: counts: windows: got 7"),
        (lambda m: m["counts"].update(written=7, listed=7), "manifest: counts: written: got 7"),
        (lambda m: m.update(recipe_digest="0"), "recipe.yaml is not the recipe"),
        (lambda m: m["shards"][0].update(windows=3), "windows: got 4, the manifest says 3"),
        (lambda m: m["shards"][0]["kinds"].update(noise=3), "kinds: got {'noise': 4}"),
        (lambda m: m["shards"][1]["labelled"].update(P=0), "labelled: got {'P': 4, 'S': 4}"),
        (lambda m: m["shards"][0].update(split="validation"), "in a shard of validation"),
    ],
)
def test_a_manifest_that_says_otherwise(made, edit, told):
    edit_manifest(made[1], edit)
    faults = validate(str(made[1])).faults
    assert any(told in fault for fault in faults), faults


@pytest.mark.parametrize("key", ["components", "recipe_digest", "counts", "shards", "window"])
def test_a_manifest_without_a_key(made, key):
    edit_manifest(made[1], lambda m: m.pop(key))
    with pytest.raises(UserError, match="manifest.json: not a manifest"):
        validate(str(made[1]))


@pytest.mark.parametrize("key", ["name", "split", "windows", "sha256", "kinds"])
def test_a_manifest_whose_shard_lacks_a_key(made, key):
    edit_manifest(made[1], lambda m: m["shards"][0].pop(key))
    with pytest.raises(UserError, match="manifest.json: not a manifest"):
        validate(str(made[1]))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"window": 3}', '{"window": {"x": 1}}', "\xff"]
)
def test_what_is_no_manifest(made, text):
    (made[1] / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"manifest\.json: not "):
        validate(str(made[1]))


def test_a_folder_without_a_manifest_or_a_recipe(made):
    with pytest.raises(UserError, match="manifest.json: no such file"):
        validate(str(made[1] / "none"))
    (made[1] / "recipe.yaml").unlink()
    with pytest.raises(UserError, match="recipe.yaml: no such file"):
        validate(str(made[1]))


def test_another_recipe_beside_the_shards(made):
    path = made[1] / "recipe.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    assert validate(str(made[1])).faults == [
        "recipe.yaml is not the recipe that the shards were made with"
    ]


def test_every_rejected_line_is_json(tmp_path):
    rows = phasenet_rows(events=1)
    rows[0]["its"] = rows[0]["itp"]
    phasenet_folder(tmp_path / "in", rows)
    recipe = recipe_of(tmp_path / "in")
    manifest = published(recipe, tmp_path / "out")
    lines = (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()
    assert len(lines) == manifest["counts"]["rejected"] == 1
    entry = json.loads(lines[0])
    assert entry["stage"] == "make" and "is not after P" in entry["reason"]
    assert validate(str(tmp_path / "out")).faults == []
