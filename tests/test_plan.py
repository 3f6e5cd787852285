"""The plan: shares, copies, partners and shards, as counts and sets say."""

import hashlib
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment_ops.core.steps import BuiltStep, build_steps
from augment_ops.superpose_noise import SuperposeNoise
from pipelines import plan
from pipelines.reference import Event, Planned, stable_hash, unit_hash
from schemas.recipe import parse_recipe
from tests.builders import inspected

SOURCE = {"name": "a", "format": "phasenet_npz"}


def recipe_of(**more):
    return parse_recipe({"sources": [SOURCE], **more}, "test")


def copied(recipe, numbers, split="train"):
    """Return the copies of so many windows of each kind, all of one split."""
    items = [
        inspected(f"{kind}{n}", kind, split=split)
        for kind, count in numbers.items()
        for n in range(count)
    ]
    counts = {(split, kind): count for kind, count in numbers.items() if count}
    return [planned for item in items for planned in plan.copies_of(item, recipe, counts)]


def tally(planned):
    kinds = [item.inspected.reference.kind for item in planned]
    return {kind: kinds.count(kind) for kind in set(kinds)}


@pytest.mark.parametrize("parts", [("a", "b"), ("split", 7, "x"), ()])
def test_the_hash_is_that_of_the_joined_text(parts):
    text = "\x1f".join(map(str, parts)).encode()
    digest = hashlib.blake2b(text, digest_size=8).hexdigest()
    assert stable_hash(*parts) == int(digest, 16)
    assert 0 <= unit_hash(*parts) < 1
    assert abs(unit_hash(*parts) - int(digest, 16) / 2**64) < 2**-52


def test_the_hash_is_pinned():
    # Published splits and shards hang on it. By: printf 'split\x1fquake' | b2sum -l 64
    assert stable_hash("split", "quake") == 0xF0B68E590F575A96


def test_without_balance_every_window_is_there_once():
    numbers = {"event": 40, "noise": 70}
    planned = copied(recipe_of(), numbers)
    assert tally(planned) == numbers and {item.copy for item in planned} == {0}


def test_copies_are_numbered_and_only_in_augmented_splits():
    recipe = recipe_of(copies={"event": 3})
    planned = copied(recipe, {"event": 5, "noise": 5})
    assert tally(planned) == {"event": 15, "noise": 5}
    ids = [item.window_id for item in planned]
    assert len(set(ids)) == len(ids)
    assert sorted(item.copy for item in planned if item.copy) == [1] * 5 + [2] * 5
    assert tally(copied(recipe, {"event": 5}, "test")) == {"event": 5}


@given(
    st.integers(200, 600),
    st.integers(200, 600),
    st.floats(0.1, 0.9),
    st.integers(1, 3),
    st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_balance_is_met_and_nothing_is_dropped(events, noise, share, copies, seed):
    balance = {"event": share, "noise": 1 - share}
    recipe = recipe_of(balance=balance, copies={"event": copies}, seed=seed)
    numbers = {"event": events, "noise": noise}
    found = tally(copied(recipe, numbers))
    own = {"event": copies * events, "noise": noise}
    assert all(found[kind] >= own[kind] for kind in own)
    # The kind that is over its share keeps just its own copies.
    assert any(found[kind] == own[kind] for kind in own)
    total = sum(found.values())
    for kind in own:
        # Each window rounds by itself: five standard deviations of that.
        spread = 5 * math.sqrt(0.25 * numbers[kind])
        assert abs(found[kind] - balance[kind] * total) <= spread + 1


def test_a_kind_without_a_share_or_windows_stands_aside():
    balance = {"event": 0.5, "noise": 0.25, "hard_negative": 0.25}
    factor = plan.copy_factor("event", recipe_of(balance=balance), {"event": 10, "noise": 40})
    assert factor == 40 / 0.25 * 0.5 / 10
    balance = {"event": 0.5, "noise": 0.5}
    counts = {"event": 1, "noise": 9, "hard_negative": 5}
    recipe = recipe_of(balance=balance, copies={"hard_negative": 2})
    assert plan.copy_factor("hard_negative", recipe, counts) == 2.0


def test_balance_outside_the_augmented_splits_changes_nothing():
    recipe = recipe_of(balance={"event": 0.9, "noise": 0.1})
    assert tally(copied(recipe, {"event": 5, "noise": 5}, "validation")) == {"event": 5, "noise": 5}


def test_another_seed_rounds_other_windows():
    balance, numbers = {"event": 0.6, "noise": 0.4}, {"event": 100, "noise": 100}
    first, other = (
        {p.window_id for p in copied(recipe_of(balance=balance, seed=seed), numbers)}
        for seed in (0, 1)
    )
    assert first != other and {i for i in first if i.endswith("/0")} <= other


def test_fits():
    window = inspected("own", live="NZ", event="quake")
    other = inspected("b", "noise", station="S1")
    assert plan.fits(window, other, ())
    own = window.reference
    for changes in ({"split_key": own.split_key}, {"trace": own.trace, "split_key": "n"}):
        assert not plan.fits(
            window, replace(other, reference=replace(other.reference, **changes)), ()
        )
    same_event = replace(other, reference=replace(other.reference, events=(Event("quake"),)))
    assert not plan.fits(window, same_event, ())
    for live, fits in (("ENZ", True), ("NZ", True), ("EZ", False), ("Z", False)):
        assert plan.fits(window, replace(other, live=live), ()) == fits
    assert not plan.fits(window, other, ("station",))
    there = replace(window, reference=replace(own, station="S1"))
    assert plan.fits(there, other, ("station", "instrument"))


def noise_step(**parameters):
    recipe = recipe_of(offline=[{"superpose_noise": parameters}])
    return build_steps(recipe.offline, "offline")[0]


def pool_of(count):
    return [
        inspected(f"n{n:03d}", "noise", station=f"S{n % 4}", split_key=f"day{n % 5}")
        for n in range(count)
    ]


@given(st.integers(0, 40), st.integers(1, 4), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_partners_fit_differ_and_are_as_many_as_there_are(members, number, which):
    item = inspected(f"e{which}", station=f"S{which % 4}", split_key=f"day{which % 6}")
    step, pool = noise_step(match=["station"]), pool_of(members)
    chosen = plan.choose_partners(Planned(item, 0), step, number, pool, 0)
    fitting = [m for m in pool if plan.fits(item, m, ("station",))]
    assert len(chosen) == min(number, len(fitting)) == len(set(map(id, chosen)))
    assert all(any(member.reference is partner for member in fitting) for partner in chosen)
    for partner in chosen:
        assert partner.station == item.reference.station
        assert partner.split_key != item.reference.split_key
        assert partner.trace != item.reference.trace


def test_partners_are_spread_and_depend_on_window_step_and_seed():
    step, pool = noise_step(), pool_of(50)
    windows = [Planned(inspected(f"e{n}"), copy) for n in range(60) for copy in (0, 1)]

    def choices(step, seed):
        return [plan.choose_partners(w, step, 1, pool, seed)[0].trace for w in windows]

    first = choices(step, 0)
    assert first == choices(step, 0)
    # 120 draws from 50 hit far more than half of them, and no one very often.
    assert len(set(first)) > 35 and max(map(first.count, first)) < 12
    assert sum(a != b for a, b in zip(first[::2], first[1::2])) > 45
    assert first != choices(step, 1) != choices(replace(step, name="other"), 1)


def test_partners_come_from_their_sources_as_often_as_weighted():
    weights = (("x", 3.0), ("y", 1.0))
    step = BuiltStep("superpose_noise", SuperposeNoise(sources=weights))
    pool = [inspected(f"n{n}", "noise", source="xyz"[n % 3]) for n in range(30)]
    windows = [Planned(inspected(f"e{n}"), 0) for n in range(400)]
    found = [plan.choose_partners(w, step, 1, pool, 0)[0].source for w in windows]
    assert set(found) == {"x", "y"}
    assert 0.7 < found.count("x") / len(found) < 0.8


def test_only_kinds_that_a_step_takes_ask_for_partners():
    recipe = recipe_of(offline=["superpose_noise", "data_gap", "superpose_event"])
    steps = build_steps(recipe.offline, "offline")
    wanted = list(plan.requests_of(Planned(inspected("e"), 0), steps))
    assert wanted == [("superpose_noise", "noise", 1), ("superpose_event", "event", 1)]
    assert list(plan.requests_of(Planned(inspected("n", "noise"), 0), steps)) == []


@given(st.integers(1, 2000), st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_shards_are_as_many_as_are_filled(windows, size):
    shards = plan.shard_count(windows, recipe_of(output={"windows_per_shard": size}))
    assert (shards - 1) * size < windows <= shards * size


def test_shards_hang_on_ids_alone():
    recipe = recipe_of()
    planned = copied(recipe_of(copies={"event": 4}), {"event": 200})
    shards = {item.window_id: plan.shard_of(item, recipe, 8) for item in planned}
    counts = [list(shards.values()).count(shard) for shard in range(8)]
    assert sum(counts) == 800 and min(counts) > 60
    order = plan.in_shard_order(planned, recipe)
    assert plan.in_shard_order(reversed(planned), recipe) == order
    assert sorted(map(id, order)) == sorted(map(id, planned)) and order != planned
    assert plan.in_shard_order(planned, recipe_of(seed=1)) != order


def test_twins_of_one_id_keep_one_order():
    twins = [Planned(inspected("t", station=s), 0) for s in ("A", "B")]
    recipe = recipe_of()
    assert plan.in_shard_order(twins, recipe) == plan.in_shard_order(twins[::-1], recipe)


def test_a_shards_name_is_as_tfds_reads_it():
    recipe = recipe_of(output={"name": "quakes"})
    assert plan.shard_name(recipe, "train", 3, 12) == "quakes-train.tfrecord-00003-of-00012"
