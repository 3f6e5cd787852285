"""Each rule of the split: what it keeps together, what it needs, and that nothing else counts."""

import hashlib
from dataclasses import replace

import pytest

from pipelines.hard_negative import hard_negative
from pipelines.reference import Event
from pipelines.split import assign_split
from schemas.errors import UserError
from schemas.window import SPLITS
from tests.split_windows import DAY, RULES, event, noise, ns, recipe_of


def split_of(item, **split):
    return assign_split(item, recipe_of(**split))


def expected(key, shares):
    """Return the split of a key by hashlib alone, splits in the order of the alphabet."""
    digest = hashlib.blake2b(f"split\x1f{key}".encode(), digest_size=8).digest()
    place, reached = int.from_bytes(digest, "big") / 2**64, 0.0
    for split in sorted(shares):
        reached += shares[split]
        if shares[split] and place < reached:
            return split
    raise AssertionError("the places of hashes near 1 are not drawn here")


def test_by_event_is_the_hash_of_the_key_as_ever():
    shares = {"train": 0.5, "test": 0.2, "validation": 0.3}
    for number in range(300):
        for item in (event(f"e{number}"), noise(start_ns=number * DAY)):
            assert split_of(item, shares=shares) == expected(item.split_key, shares)
            assert split_of(item) == split_of(item, by="event")


def test_by_station_all_that_a_station_recorded_is_together():
    shares = {"train": 0.5, "test": 0.5}
    found = {}
    for number in range(60):
        station = f"S{number % 20}"
        items = [event(f"e{number}", station), noise(station, number * DAY)]
        for item in items:
            split = split_of(item, by="station", shares=shares)
            assert split == expected(f"station NC.{station}", shares)
            assert found.setdefault(station, split) == split
    assert set(found.values()) == {"train", "test"}
    # One event is in two splits: that is what is asked for.
    assert len({split_of(event("e", s), by="station", shares=shares) for s in found}) == 2


def test_by_region_a_block_is_together_and_blocks_differ():
    shares, rule = {"train": 0.5, "test": 0.5}, {"by": "region", "block_deg": 0.5}

    def split(latitude, longitude, number=0):
        place = {"latitude_deg": latitude, "longitude_deg": longitude}
        quiet = noise(f"S{number}", number * DAY, place=(latitude, longitude))
        of_both = {
            split_of(item, **rule, shares=shares) for item in (event(f"e{number}", **place), quiet)
        }
        assert len(of_both) == 1
        return of_both.pop()

    blocks = [(36 + 0.5 * row, -124 + 0.5 * column) for row in range(8) for column in range(8)]
    found = {}
    for number, (south, west) in enumerate(blocks):
        inside = [(south + dy, west + dx) for dy in (0.0, 0.25, 0.49) for dx in (0.0, 0.49)]
        splits = {split(*place, number + n) for n, place in enumerate(inside)}
        assert len(splits) == 1
        found[south, west] = splits.pop()
    assert set(found.values()) == {"train", "test"}
    # A finer grid parts what a coarser one holds together.
    rule["block_deg"] = 0.1
    fine = [split(36 + 0.1 * n + 0.05, -123.95) for n in range(5)]
    assert len(set(fine)) == 2
    # The same meridian, written east or west.
    assert all(split(10.2, e + 0.2) == split(10.2, e + 0.2 - 360) for e in range(181, 300, 7))


def test_by_time_boundaries_are_days_of_the_origin_or_of_the_noise():
    rule = RULES["time"]
    times = {
        "2001-05-05T00:00:00": "train",
        "2014-12-31T23:59:59": "train",
        "2015-01-01T00:00:00": "validation",
        "2017-12-31T23:59:59": "validation",
        "2018-01-01T00:00:00": "test",
        "2024-02-29T12:00:00": "test",
    }
    for text, split in times.items():
        assert split_of(event(time_ns=ns(text)), **rule) == split
        assert split_of(noise(start_ns=ns(text)), **rule) == split
        # The record may begin on the day before: what counts is where the window does.
        assert split_of(noise(start_ns=ns(text) - 60 * 10**9, at_s=60.0), **rule) == split
    # In any order, and of one boundary.
    swapped = {"by": "time", "boundaries": {"validation": "2018-01-01", "test": "2015-01-01"}}
    assert split_of(event(time_ns=ns("2016-01-01T00:00:00")), **swapped) == "test"
    one = {"by": "time", "boundaries": {"test": "2015-01-01"}}
    assert split_of(event(time_ns=ns("2019-01-01T00:00:00")), **one) == "test"


@pytest.mark.parametrize(
    "item, rule, told",
    [
        (event(station=""), "station", "station: got none, split.by station needs one"),
        (noise(""), "station", "station: got none"),
        (event(latitude_deg=float("nan")), "region", "event quake: latitude_deg, longitude_deg"),
        (event(latitude_deg=91.0), "region", "got no place on Earth"),
        (noise(place=(38.0, float("nan"))), "region", "station NC.S0: latitude_deg, longitude_deg"),
        (event(time_ns=-1), "time", "event quake: time: got none, split.by time needs one"),
        (noise(start_ns=-1), "time", "noise: time: got none"),
    ],
)
def test_what_a_rule_lacks_is_named(item, rule, told):
    with pytest.raises(UserError, match="^[^\n]+$") as caught:
        split_of(item, **RULES[rule])
    assert told in str(caught.value)
    # No other rule minds.
    for name in set(RULES) - {rule}:
        split_of(item, **RULES[name])


def test_events_of_two_splits_in_one_window_are_refused():
    early, late = (Event(n, time_ns=ns(f"{n}-06-01T00:00:00")) for n in ("2010", "2016"))
    item = replace(event(), events=(early, late))
    with pytest.raises(UserError, match="2010 of train, 2016 of validation"):
        split_of(item, **RULES["time"])
    assert split_of(replace(item, events=(late,)), **RULES["time"]) == "validation"
    assert split_of(item) == expected(item.split_key, recipe_of().split.shares)


@pytest.mark.parametrize("rule", RULES)
def test_simulated_windows_are_split_by_event_under_every_rule(rule):
    item = event(kind="simulated", time_ns=-1, latitude_deg=float("nan"))
    others = [replace(item, split_key=f"group {n}") for n in range(40)]
    found = [split_of(other, **RULES[rule]) for other in others]
    assert found == [split_of(other) for other in others] and len(set(found)) > 1


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"station"}))
def test_hard_negatives_of_a_day_are_in_one_split(rule):
    start, found = ns("2014-12-20T00:00:00"), []
    for day in range(20):
        splits = set()
        for station in range(6):
            item = noise(f"S{station}", start + day * DAY, place=(30.0 + station, 7.0))
            splits.add(split_of(hard_negative(item), **RULES[rule]))
        assert len(splits) == 1
        found += splits
    assert len(set(found)) > 1


@pytest.mark.parametrize("rule", RULES)
def test_the_sources_split_comes_before_the_rule(rule):
    for item in (event(time_ns=ns("2019-01-01T00:00:00")), noise("S1")):
        for split in SPLITS:
            said = replace(item, source_split=split)
            assert split_of(said, **RULES[rule], from_source=True) == split
            assert split_of(said, **RULES[rule]) == split_of(item, **RULES[rule])
