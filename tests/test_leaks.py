"""The leak check on names alone: what it must find, and where it must keep silent."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.leaks import Leaks
from pipelines.reference import Event
from pipelines.split import assign_split
from schemas.recipe import parse_recipe
from tests.split_windows import DAY, RULES, event, noise, ns

SIZE = {"length_s": 20, "p_at_s": 5, "sampling_rate_hz": 50}


def recipe_of(**split):
    source = {"name": "a", "format": "x"}
    return parse_recipe({"sources": [source], "window": SIZE, "split": split}, "test")


def window_of(item, copy=0, moved_ns=0):
    """Return what the check reads of a reference's window."""
    start = item.record_start_ns
    if start != -1:
        start += round(item.start_s * 1e9) + moved_ns
    names = {key: getattr(item, key).encode() for key in ("kind", "source", "network", "station")}
    ids = [e.event_id.encode() for e in item.events]
    return {
        "window_id": f"{item.base_id}/{copy}".encode(),
        **names,
        "event_id": np.array([*ids, b"", b""][:3], dtype=object),
        "start_time_ns": np.int64(start),
    }


def leaks_of(recipe, placed, spec=None):
    """Return the faults of (split, window) pairs, a shard a split."""
    leaks, found = Leaks(recipe, spec or recipe.spec), []
    for split in sorted({split for split, _ in placed}):
        leaks.begin(f"{split}.shard", split)
        windows = [window for where, window in placed if where == split]
        for number, window in enumerate(windows):
            found += [f"{number}: {fault}" for fault in leaks.faults(window, number)]
    return found


def test_an_event_in_two_splits_names_both_records():
    placed = [("test", window_of(event("other"))), ("test", window_of(event("e", "A")))]
    placed += [("train", window_of(event("e", "B"), copy)) for copy in (0, 1)]
    # Once, though two copies tell it.
    assert leaks_of(recipe_of(), placed) == [
        "0: leak: event e is in train, and in test: test.shard: record 1"
    ]
    placed.append(("validation", window_of(event("e", "C"))))
    assert leaks_of(recipe_of(), placed)[1:] == [
        "0: leak: event e is in validation, and in test: test.shard: record 1"
    ]


def test_an_event_that_was_added_to_another_ones_window_counts():
    stacked = window_of(replace(event("own"), events=(Event("own"), Event("added"))))
    placed = [("train", stacked), ("test", window_of(event("added")))]
    (fault,) = leaks_of(recipe_of(), placed)
    assert fault == "0: leak: event added is in train, and in test: test.shard: record 0"


def test_ids_are_those_of_all_sources():
    placed = [("train", window_of(replace(event("e"), source=source))) for source in "ab"]
    assert leaks_of(recipe_of(), placed) == []
    placed[1] = ("test", placed[1][1])
    assert len(leaks_of(recipe_of(), placed)) == 1


def test_a_station_day_in_two_splits():
    noon = ns("2012-05-06T12:00:00")
    one, other = (noise("A", noon + s * 10**9) for s in (0, 3600))
    placed = [("train", window_of(one)), ("test", window_of(other))]
    (fault,) = leaks_of(recipe_of(), placed)
    assert "leak: noise NC.A 2012-05-06 is in train, and in test: test.shard: record 0" in fault
    honest = [noise("B", noon), noise("A", noon + DAY), replace(noise("A"), record_start_ns=-1)]
    for item in (*honest, event("e", "A")):
        assert leaks_of(recipe_of(), [placed[0], ("test", window_of(item))]) == []


def test_by_station_stations_are_looked_at_and_events_are_not():
    recipe = recipe_of(by="station")
    placed = [("train", window_of(event("e", "A"))), ("test", window_of(event("e", "B")))]
    assert leaks_of(recipe, placed) == []
    placed.append(("test", window_of(noise("A"))))
    assert leaks_of(recipe, placed) == [
        "0: leak: station NC.A is in train, and in test: test.shard: record 1"
    ]
    # Simulated stations are names without a place; their events still count.
    computed = [event("e", "S0", "simulated"), event("f", "S0", "simulated")]
    placed = [(split, window_of(item)) for split, item in zip(("train", "test"), computed)]
    assert leaks_of(recipe, placed) == []
    placed.append(("test", window_of(event("e", "S1", "simulated"))))
    assert "event e is in train" in leaks_of(recipe, placed)[0]


def test_a_window_that_is_there_twice():
    window = window_of(event("e"))
    assert leaks_of(recipe_of(), [("train", window), ("train", window)]) == [
        f"1: window_id: {window['window_id'].decode()!r} is there twice"
    ]


def test_midnight_is_of_both_days():
    recipe, midnight = recipe_of(), ns("2012-05-06T00:00:00")
    before, behind = noise("A", midnight - 3600 * 10**9), noise("A", midnight + 3600 * 10**9)
    for moved, days in ((-1, "05"), (0, "056"), (10**7, "056"), (30 * 10**6, "6")):
        here = window_of(noise("A", midnight), moved_ns=moved * (10**9 if moved == -1 else 1))
        for day, other in (("5", before), ("6", behind)):
            told = leaks_of(recipe, [("train", window_of(other)), ("test", here)])
            sure = {"05": "5", "056": "", "6": "6"}[days]
            assert bool(told) == (day == sure)


def test_a_cropped_window_may_have_begun_on_the_day_before():
    recipe, midnight = recipe_of(), ns("2012-05-06T00:00:00")
    spec = replace(recipe.spec, samples=recipe.spec.samples // 2)
    placed = [("train", window_of(noise("A", midnight + 3600 * 10**9)))]
    for later_s, found in ((5, 0), (9, 0), (11, 1)):
        here = window_of(noise("A", midnight + later_s * 10**9))
        assert len(leaks_of(recipe, [*placed, ("test", here)], spec)) == found
        assert len(leaks_of(recipe, [*placed, ("test", here)])) == 1


DRAWN = st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(-3, 3), st.integers(0, 86399))


@given(
    st.sampled_from(sorted(RULES)),
    st.lists(DRAWN, min_size=1, max_size=30),
    st.integers(-9, 9),
    st.data(),
)
@settings(max_examples=80, deadline=None)
def test_honest_sets_raise_no_alarm_and_a_planted_leak_does(rule, drawn, jitter_ms, data):
    recipe, middle = recipe_of(**RULES[rule]), ns("2015-01-01T00:00:00")
    items = []
    for number, station, day, second in drawn:
        start = middle + day * DAY + second * 10**9
        told = {"time_ns": middle + (number - 3) * DAY, "latitude_deg": 30.0 + number}
        items.append(event(f"e{number}", f"S{station}", **told))
        items.append(noise(f"S{station}", start, place=(40.0 + station, 7.0)))
    unique = list({item.base_id: item for item in items}.values())
    placed = [
        (assign_split(item, recipe), window_of(item, moved_ns=jitter_ms * 10**6)) for item in unique
    ]
    assert leaks_of(recipe, placed) == []
    victim = data.draw(st.sampled_from([n for n, item in enumerate(unique) if item.events]))
    split, window = placed[victim]
    other = data.draw(st.sampled_from(sorted({"train", "validation", "test"} - {split})))
    found = leaks_of(recipe, [*placed, (other, {**window, "window_id": b"planted"})])
    name = f"station NC.{unique[victim].station}"
    name = name if rule == "station" else f"event {unique[victim].events[0].event_id}"
    # Of the two splits, the one that is read later tells it.
    assert len(found) == 1 and f"leak: {name} is in {max(split, other)}, and in" in found[0]
