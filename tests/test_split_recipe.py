"""The split in a recipe: what is refused, and that it comes back from YAML as it was."""

import datetime

import pytest
import yaml

from schemas.errors import UserError
from schemas.recipe import parse_recipe

TIME = {"by": "time", "boundaries": {"test": "2015-01-01"}}


def parsed(**split):
    source = {"name": "a", "format": "x"}
    return parse_recipe({"sources": [source], "split": split}, "r.yaml")


@pytest.mark.parametrize(
    "split, told",
    [
        ({"by": "staton"}, "split.by: got 'staton'"),
        ({"bye": "event"}, "unknown key 'split.bye'; did you mean 'by'?"),
        ({"by": "time"}, "boundaries: got 0 by time, expected them by time"),
        ({"boundaries": {"test": "2015-01-01"}}, "boundaries: got 1 by event"),
        ({**TIME, "boundaries": {"train": "2015-01-01"}}, "boundaries: expected a day of its own"),
        (
            {**TIME, "boundaries": {"test": "2015-01-01", "validation": "2015-01-01"}},
            "boundaries: expected a day of its own",
        ),
        ({**TIME, "boundaries": {"test": 2015}}, "boundaries.test: got 2015; expected a date"),
        ({**TIME, "boundaries": {"test": "2015-02-30"}}, "split.boundaries.test: got '2015-02-30'"),
        ({**TIME, "shares": {"train": 1.0}}, "shares: by time, the boundaries say"),
        ({**TIME, "block_deg": 1}, "block_deg: expected none by time, only by region"),
        ({"by": "region", "block_deg": 0}, "split.block_deg: got 0"),
        ({"by": "region", "block_deg": float("nan")}, "split.block_deg: got nan"),
        ({"lists": {"dev": ["x"]}}, "split.lists.dev"),
    ],
)
def test_a_bad_split_is_one_line(split, told):
    with pytest.raises(UserError, match="^r.yaml: [^\n]+$") as caught:
        parsed(**split)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "split",
    [
        {"by": "region", "block_deg": 0.25, "shares": {"train": 0.5, "test": 0.5}},
        {
            "by": "time",
            "boundaries": {"test": datetime.date(2018, 1, 1), "validation": "2015-01-01"},
        },
        {"by": "station", "lists": {"test": ["NC.B", "NC.A"], "validation": "${X}/stations.txt"}},
    ],
)
def test_a_split_comes_back_from_yaml(split):
    recipe = parsed(**split)
    again = parse_recipe(yaml.safe_load(yaml.safe_dump(recipe.to_json())), "again")
    assert again == recipe and again.digest == recipe.digest != parsed().digest
    assert parsed(**yaml.safe_load(yaml.safe_dump(split))) == recipe


def test_the_order_of_a_list_is_no_change():
    one, other = (parsed(lists={"test": names}) for names in (["a", "b", "c"], ["c", "b", "a"]))
    assert one.digest == other.digest != parsed(lists={"test": ["a", "b"]}).digest
