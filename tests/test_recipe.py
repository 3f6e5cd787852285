"""Recipes: strict keys, bad values, hostile YAML, and a digest that means something."""

import subprocess
import sys

import pytest
import yaml

from pipelines.sources import list_parts, source_options
from schemas.errors import UserError
from schemas.recipe import Recipe, parse_recipe

SOURCE = {"name": "a", "format": "phasenet_npz", "path": "x", "csv": "x.csv"}
LEVELS = {
    "": ("sede", "seed", 1),
    "window": ("lenght_s", "length_s", 30),
    "preparation": ("band_hertz", "band_hz", None),
    "noise": ("gaurd_s", "guard_s", 1),
    "inspect": ("min_snr", "min_snr_db", 1),
    "split": ("share", "shares", {}),
    "output": ("nam", "name", "x"),
}


def parsed(**given):
    return parse_recipe({"sources": [SOURCE], **given}, "r.yaml")


def refusal(call, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("level", LEVELS)
def test_an_unknown_key_names_the_nearest(level):
    wrong, right, value = LEVELS[level]
    given = {level: {wrong: value}} if level else {wrong: value}
    full = f"{level}.{wrong}" if level else wrong
    expected = f"r.yaml: unknown key '{full}'; did you mean '{right}'?"
    assert refusal(parsed, **given) == expected


def test_an_unknown_key_of_a_source_names_the_nearest():
    recipe = parse_recipe({"sources": [{**SOURCE, "cvs": "y"}]}, "r.yaml")
    assert refusal(list_parts, recipe) == "sources.a: unknown key 'cvs'; did you mean 'csv'?"


def test_a_key_that_resembles_none_lists_what_is_known():
    message = refusal(parsed, output={"qqq": 1})
    assert message == "r.yaml: unknown key 'output.qqq'; known: name, windows_per_shard"


def test_every_fault_is_told_at_once_a_line_each():
    message = refusal(parsed, sede=1, window={"length_s": -1}, output={"name": "A B"})
    assert [line.startswith("r.yaml: ") for line in message.splitlines()] == [True] * 3


@pytest.mark.parametrize(
    "given, told",
    [
        ({"sources": []}, "sources"),
        ({"sources": [{"format": "x"}]}, "'sources.0.name' is missing"),
        ({"sources": [{**SOURCE, "name": "../a"}]}, "sources.0.name"),
        ({"sources": [{**SOURCE, "environment": "moon"}]}, "sources.0.environment"),
        ({"sources": [SOURCE, SOURCE]}, "sources share the name 'a'"),
        ({"seed": "x"}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"window": {"length_s": float("nan")}}, "window.length_s"),
        ({"window": {"length_s": 0.333, "p_at_s": 0}}, "not a usable whole number"),
        ({"window": {"length_s": 1e9}}, "not a usable whole number"),
        ({"window": {"p_at_s": 90}}, "p_at_s 90.0 is not inside length_s 90.0"),
        ({"window": {"max_picks": 0}}, "window.max_picks"),
        ({"preparation": {"band_hz": [10, 1]}}, "expected low < high"),
        ({"preparation": {"band_hz": [5, 5]}}, "expected low < high"),
        ({"preparation": {"band_hz": [5, 50]}}, "band_hz: got 50 Hz, expected below 50"),
        ({"preparation": {"detrend": "cubic"}}, "preparation.detrend"),
        ({"noise": {"max_std_ratio": 1}}, "noise.max_std_ratio"),
        ({"noise": {"max_std_ratio": float("inf")}}, "noise.max_std_ratio"),
        ({"inspect": {"min_valid_share": 1.1}}, "inspect.min_valid_share"),
        ({"inspect": {"min_snr_db": float("nan")}}, "inspect.min_snr_db"),
        ({"split": {"shares": {"train": 0.5}}}, "shares sum to 0.5, not to 1"),
        ({"split": {"shares": {"trian": 1.0}}}, "split.shares.trian"),
        ({"augmented_splits": ["all"]}, "augmented_splits.0"),
        ({"copies": {"event": 0}}, "copies.event"),
        ({"copies": {"quake": 1}}, "copies.quake"),
        ({"balance": {"event": 0.5, "noise": 0.6}}, "balance sums to 1.1"),
        ({"normalise": "l2"}, "normalise"),
        ({"offline": [{"a": {}, "b": {}}]}, "expected an op's name, or one name"),
        ({"offline": [7]}, "expected an op's name, or one name"),
        *(({"offline": [{"data_gap": bad}]}, "mapping of parameters") for bad in (0, [], "", "x")),
        ({"offline": [{"data_gap": {"probability": 2}}]}, "offline.0.probability"),
        ({"offline": ["no/slash"]}, "offline.0.name"),
        ({"offline": ["data_gap"], "online": ["data_gap"]}, "steps share the name 'data_gap'"),
        ({"targets": ["detection", "detection"]}, "targets share the name 'detection'"),
        ({"output": {"name": "Upper"}}, "output.name"),
        ({"output": {"windows_per_shard": 0}}, "output.windows_per_shard"),
    ],
)
def test_a_bad_value_is_named(given, told):
    message = refusal(parsed, **given)
    assert told in message and message.startswith("r.yaml: ") and "\n" not in message


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_a_recipe_is_a_mapping(data):
    assert "expected a mapping of keys" in refusal(parse_recipe, data, "r.yaml")


def test_forms_of_a_step():
    forms = ["data_gap", {"data_gap": None}, {"data_gap": {}}]
    first, *others = (parsed(offline=[form]).offline[0] for form in forms)
    assert (first.op, first.name, first.probability, first.parameters) == (
        *("data_gap", "data_gap", 1.0),
        {},
    )
    assert all(other == first for other in others)
    given = {"name": "hole", "probability": 0.5, "max_s": 2}
    (full,) = parsed(offline=[{"data_gap": given}]).offline
    assert (full.op, full.name, full.probability) == ("data_gap", "hole", 0.5)
    assert full.parameters == {"max_s": 2}


def test_two_steps_of_one_op_need_two_names():
    twice = [{"data_gap": {}}, {"data_gap": {"name": "second"}}]
    assert [step.name for step in parsed(offline=twice).offline] == ["data_gap", "second"]


FULL = {
    "seed": 3,
    "window": {
        **{"sampling_rate_hz": 50, "length_s": 40, "p_at_s": 10},
        **{"max_picks": 3, "max_events": 2},
    },
    "preparation": {"detrend": "mean", "band_hz": [1, 20], "band_order": 2, "zero_phase": True},
    "noise": {
        **{"before_p": False, "guard_s": 1, "after_s": 60, "min_length_s": 5},
        "max_std_ratio": 3,
        "screen": {"band_hz": None, "sta_lta": {"max_ratio": 3}, "kurtosis": {}, "catalogue": None},
    },
    "tags": {"stations": [{"station": "NC.*", "environment": "urban"}], "inventory": "x.xml"},
    "inspect": {"min_valid_share": 0.5, "min_snr_db": 3, "max_clipped_share": 0.1},
    "split": {"shares": {"train": 0.5, "test": 0.5}, "from_source": True},
    "augmented_splits": ["train", "test"],
    "copies": {"event": 2},
    "balance": {"event": 0.7, "noise": 0.3},
    "synthesis": {"minority": {"magnitude": [3, 9]}, "share": 0.5},
    "offline": [{"data_gap": {"probability": 0.5, "name": "hole", "x": [1, 2]}}],
    "online": ["random_shift"],
    "groups": {"stations": 4, "min_stations": 3},
    "sampling": {"by": "kind", "weights": {"event": 2.0}},
    "normalise": "peak",
    "targets": [{"phase_picks": {"width_s": 0.2}}],
    "output": {"name": "other", "windows_per_shard": 7},
}


def test_a_recipe_comes_back_from_its_json_and_its_yaml():
    recipe = parsed(**FULL)
    assert set(FULL) | {"sources"} == set(Recipe.model_fields)
    again = parse_recipe(recipe.to_json(), "again")
    written = parse_recipe(yaml.safe_load(yaml.safe_dump(recipe.to_json())), "yaml")
    assert again == written == recipe
    assert again.digest == written.digest == recipe.digest


def test_the_digest_changes_with_any_key():
    digests = {parsed().digest}
    for key, value in FULL.items():
        parts = [{k: v} for k, v in value.items()] if key in LEVELS else [value]
        for part in parts:
            digest = parsed(**{key: part}).digest
            assert digest not in digests, (key, part)
            digests.add(digest)
    other = parse_recipe({"sources": [{**SOURCE, "path": "y"}]}, "r").digest
    assert other not in digests


def test_the_digest_is_the_same_in_another_process_and_order():
    text = repr(dict(reversed({"sources": [SOURCE], **FULL}.items())))
    code = f"from schemas.recipe import parse_recipe as p; print(p({text}, 'r').digest)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == parsed(**FULL).digest


def test_defaults_written_out_are_no_change():
    assert parse_recipe(parsed().to_json(), "r").digest == parsed().digest


def test_the_spec_is_that_of_the_window():
    spec = parsed(**FULL).spec
    assert (spec.samples, spec.sampling_rate_hz, spec.picks, spec.events) == (2000, 50.0, 3, 2)


def test_the_json_schema_knows_every_key():
    schema = Recipe.model_json_schema()
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert schema["additionalProperties"] is False and schema["required"] == ["sources"]


def test_a_missing_variable_is_named(monkeypatch):
    monkeypatch.delenv("SEISMILL_NOT_THERE", raising=False)
    (source,) = parse_recipe(
        {"sources": [{**SOURCE, "path": "${SEISMILL_NOT_THERE}/x"}]}, "r"
    ).sources
    assert refusal(source_options, source) == (
        "sources.a.path: ${SEISMILL_NOT_THERE}/x: "
        "the environment variable SEISMILL_NOT_THERE is not set"
    )
    monkeypatch.setenv("SEISMILL_NOT_THERE", "/here")
    assert source_options(source).path == "/here/x"


def test_an_unknown_format_names_the_nearest():
    (source,) = parse_recipe({"sources": [{**SOURCE, "format": "phasenet"}]}, "r").sources
    assert "did you mean 'phasenet_npz'?" in refusal(source_options, source)
