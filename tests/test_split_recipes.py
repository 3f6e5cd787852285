"""The checked-in recipes that show a split, on the real recordings: what they keep apart."""

import os
from pathlib import Path

import pytest

from pipelines.reference import Reference
from pipelines.split import assign_split
from schemas.recipe import load_recipe
from tests.builders import listed

RECIPES = Path(__file__).parents[1] / "pipelines" / "recipes"
pytestmark = pytest.mark.skipif(
    not os.environ.get("SEISMILL_REAL_DATA"), reason="SEISMILL_REAL_DATA is not set"
)


def splits_of(name):
    """Return a recipe and its windows by split."""
    recipe, held = load_recipe(RECIPES / f"{name}.yaml"), {}
    for item in listed(recipe):
        assert isinstance(item, Reference), item
        held.setdefault(assign_split(item, recipe), []).append(item)
    return recipe, held


def together(held, name):
    """Return each name with the splits that it is in."""
    found = {}
    for split, items in held.items():
        for key in (key for item in items for key in name(item)):
            found.setdefault(key, set()).add(split)
    return found


def events(item):
    return [event.event_id for event in item.events]


def station(item):
    return [f"{item.network}.{item.station}"]


def days(item):
    return [item.split_key] if item.kind == "noise" else []


@pytest.mark.parametrize("name", ["ncedc_npz", "ncedc_by_time", "ncedc_by_source"])
def test_events_and_days_of_noise_are_in_one_split(name):
    _, held = splits_of(name)
    assert set(held) == {"train", "validation", "test"}
    for key in (events, days):
        found = together(held, key)
        assert len(found) > 50 and all(len(splits) == 1 for splits in found.values())


def test_by_station_the_listed_ones_are_test():
    recipe, held = splits_of("ncedc_by_station")
    found = together(held, station)
    assert all(len(splits) == 1 for splits in found.values())
    assert {code for code, splits in found.items() if splits == {"test"}} == set(
        recipe.split.lists["test"]
    )
    assert set(held) == {"train", "validation", "test"}


def test_by_time_the_latest_are_test():
    recipe, held = splits_of("ncedc_by_time")
    years = {
        split: [int(x.trace.split("_")[1][:4]) for x in items] for split, items in held.items()
    }
    assert max(years["train"]) < min(years["validation"]) == 2014
    assert max(years["validation"]) < min(years["test"]) == 2016


def test_by_source_events_are_where_its_table_says():
    _, held = splits_of("ncedc_by_source")
    for split, items in held.items():
        assert {x.source_split for x in items if x.kind == "event"} == {split}


def test_by_region_noise_goes_with_its_station():
    _, held = splits_of("examples_by_region")
    found = together(held, station)
    assert found and all(len(splits) == 1 for splits in found.values())
