"""Splits: their shares, and what they hang on."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.split import assign_split
from schemas.recipe import parse_recipe
from schemas.window import SPLITS
from tests.builders import reference
from tests.split_windows import DAY, RULES, event, noise, ns


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


SHARES = (
    st.tuples(*[st.integers(0, 5)] * 3)
    .filter(any)
    .map(lambda n: {split: part / sum(n) for split, part in zip(SPLITS, n)})
)


@given(
    st.sampled_from(sorted(RULES)),
    SHARES,
    st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_no_event_and_no_station_day_is_in_two_splits_for_any_shares(rule, shares, drawn, random):
    split = {**RULES[rule]} if rule == "time" else {**RULES[rule], "shares": shares}
    recipe, start = recipe_of(split=split), ns("2014-12-30T00:00:00")
    items = []
    for number, station, day in drawn:
        origin = {"time_ns": start + number * DAY, "latitude_deg": 38 + number / 5}
        place = (37 + station / 5, -122.0)
        items.append(event(f"e{number}", f"S{station}", **origin))
        items.append(noise(f"S{station}", start + day * DAY, day * 3000.0, place))
    random.shuffle(items)
    held: dict = {}
    for item in items:
        day = item.record_start_ns // DAY if item.kind == "noise" else None
        for name in [e.event_id for e in item.events] or [(item.station, day)]:
            key = item.station if rule == "station" else name
            found = assign_split(item, recipe)
            assert held.setdefault(key, found) == found
            assert rule == "time" or shares.get(found, 0) > 0


# Without the tests' own modules: a process that imports TensorFlow takes its time.
SCRIPT = """
from types import SimpleNamespace
from pipelines.reference import Event, Reference
from pipelines.split import assign_split
from schemas.split_rule import SplitRule

def found(rules):
    for rule in rules.values():
        recipe = SimpleNamespace(split=SplitRule(**rule))
        for n in range(200):
            told = Event(f"e{n}", time_ns=n * 10**16, latitude_deg=n / 3, longitude_deg=n)
            place = dict(locator={}, record_start_ns=-1, start_s=0.0, split_key=f"e{n}")
            item = Reference("a", f"t{n}", "event", events=(told,), station=f"S{n}", **place)
            yield assign_split(item, recipe)
"""


def test_another_process_says_the_same():
    code = f"{SCRIPT}\nprint(list(found({RULES!r})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: dict = {}
    exec(SCRIPT, names)
    here = list(names["found"](RULES))
    assert run.stdout.strip() == repr(here) and set(here) == set(SPLITS)
