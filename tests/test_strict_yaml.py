"""YAML that a recipe may not be: damaged, hostile, or ambiguous."""

import resource

import pytest

from schemas.errors import UserError
from schemas.recipe import load_recipe


def refusal(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    return str(caught.value)


def load_text(folder, text):
    path = folder / "r.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(path)


@pytest.mark.parametrize(
    "text, told",
    [
        ("sources: [", "not a YAML recipe in line 1"),
        ("a: b: c", "not a YAML recipe in line 1"),
        ("", "expected a mapping of keys, got NoneType"),
        ("--- {}\n--- {}\n", "not a YAML recipe in line 2"),
        (b"\xff\xfe\xfa", "not UTF-8 text"),
        ("seed: \0", "not a YAML recipe"),
        ("seed: 1\nseed: 2\n", "the key 'seed' is there twice"),
        ("window: {length_s: 1, length_s: 2}", "the key 'length_s' is there twice"),
        ("seed: !!python/object/apply:os.system [x]", "got the tag"),
        ("seed: !!python/name:os.system", "got the tag"),
        ("seed: !!binary /w==", "got the tag"),
        ("seed: 2001-99-99", "not a YAML recipe"),
        ("sources: &a [*a]", "an alias inside of what it stands for"),
        ("&a {window: {<<: *a}}", "an alias inside of what it stands for"),
        ("[" * 5000, "not a YAML recipe"),
        ("? [1]\n: 2", "not a YAML recipe"),
    ],
)
def test_yaml_that_is_refused(tmp_path, text, told):
    message = refusal(load_text, tmp_path, text)
    assert told in message and message.startswith(f"{tmp_path}/r.yaml: ") and "\n" not in message


def test_aliases_and_merges_in_measure_are_welcome(tmp_path):
    text = """
    sources:
      - &one {name: a, format: phasenet_npz, path: x, csv: x.csv}
      - {<<: *one, name: b}
    """
    assert [s.options["csv"] for s in load_text(tmp_path, text).sources] == ["x.csv", "x.csv"]


@pytest.mark.parametrize("level", ["[{}]", "{{<<: [{}]}}"])
@pytest.mark.parametrize("key", ["window", "offline", "unknown"])
def test_a_bomb_of_aliases_takes_neither_time_nor_memory(tmp_path, level, key):
    lines = ["a0: &a0 {x: lol}"]
    for depth in range(1, 12):
        ten = ", ".join([f"*a{depth - 1}"] * 10)
        lines.append(f"a{depth}: &a{depth} {level.format(ten)}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refusal(load_text, tmp_path, "\n".join([*lines, f"{key}: *a11"]))
    assert "unfolds to more than" in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_recipe_that_cannot_be_read(tmp_path):
    missing = tmp_path / "none.yaml"
    expected = f"{missing}: cannot read the recipe: No such file or directory"
    assert refusal(load_recipe, missing) == expected
    expected = f"{tmp_path}: cannot read the recipe: Is a directory"
    assert refusal(load_recipe, tmp_path) == expected
