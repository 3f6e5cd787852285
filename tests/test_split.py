"""Splits: their shares, and what they hang on."""

import math
from dataclasses import replace

import pytest

from pipelines.inspection import assign_split
from schemas.recipe import parse_recipe
from schemas.window import SPLITS
from tests.builders import reference


def recipe_of(**more):
    source = {"name": "a", "format": "phasenet_npz"}
    return parse_recipe({"sources": [source], **more}, "test")


def splits_of(recipe, keys):
    return [assign_split(reference(f"t{n}", split_key=key), recipe) for n, key in enumerate(keys)]


@pytest.mark.parametrize(
    "shares", [{"train": 0.8, "validation": 0.1, "test": 0.1}, {"train": 0.3, "test": 0.7}]
)
def test_split_shares_are_met(shares):
    recipe = recipe_of(split={"shares": shares})
    found = splits_of(recipe, [f"event {n}" for n in range(4000)])
    for split in SPLITS:
        share = shares.get(split, 0.0)
        spread = 5 * math.sqrt(share * (1 - share) / 4000)
        assert abs(found.count(split) / 4000 - share) <= spread


def test_a_split_hangs_on_its_key_and_not_on_the_seed():
    keys = [f"event {n // 3}" for n in range(300)]
    first = splits_of(recipe_of(seed=0), keys)
    assert first == splits_of(recipe_of(seed=1), keys)
    assert all(len(set(first[n : n + 3])) == 1 for n in range(0, 300, 3)) and len(set(first)) == 3


def test_a_share_of_nothing_gets_nothing():
    recipe = recipe_of(split={"shares": {"train": 0.0, "test": 1.0}})
    assert set(splits_of(recipe, range(500))) == {"test"}


def test_the_sources_own_split_is_used_where_it_is_asked_for():
    item = reference("t", source_split="validation")
    own = next(k for k in map(str, range(99)) if splits_of(recipe_of(), [k]) == ["train"])
    item = replace(item, split_key=own)
    assert assign_split(item, recipe_of()) == "train"
    asked = recipe_of(split={"from_source": True})
    assert assign_split(item, asked) == "validation"
    assert assign_split(replace(item, source_split=""), asked) == "train"
