"""The plan: partners and shards, as sets say."""

import hashlib
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


def wish_of(window, step, number=1, copy=0):
    """Return what a window wants of one step."""
    window_id = f"{window.reference.base_id}/{copy}"
    return next(w for _, w in plan.wishes_of(window, window_id, (step,)))._replace(number=number)


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


def test_fits():
    window = inspected("own", live="NZ", event="quake")
    other = inspected("b", "noise", station="S1")
    assert plan.fits(wish_of(window, noise_step()), other, ())
    own, wish = window.reference, wish_of(window, noise_step())
    for changes in ({"split_key": own.split_key}, {"trace": own.trace, "split_key": "n"}):
        assert not plan.fits(
            wish, replace(other, reference=replace(other.reference, **changes)), ()
        )
    same_event = replace(other, reference=replace(other.reference, events=(Event("quake"),)))
    assert not plan.fits(wish, same_event, ())
    for live, fits in (("ENZ", True), ("NZ", True), ("EZ", False), ("Z", False)):
        assert plan.fits(wish, replace(other, live=live), ()) == fits
    match = ("station", "instrument")
    assert not plan.fits(wish_of(window, noise_step(match=match)), other, match)
    there = replace(window, reference=replace(own, station="S1"))
    assert plan.fits(wish_of(there, noise_step(match=match)), other, match)


@pytest.mark.parametrize(
    ("match", "own", "other", "expected"),
    [
        ("station", ("NC", "A", "HH"), ("NC", "A", "EH"), True),
        ("station", ("NC", "A", "HH"), ("BK", "A", "HH"), False),
        ("network", ("NC", "A", "HH"), ("NC", "B", "EH"), True),
        ("network", ("NC", "A", "HH"), ("BK", "A", "HH"), False),
        ("instrument", ("NC", "A", "HH"), ("BK", "B", "BH"), False),
        ("sensor", ("NC", "A", "HH"), ("BK", "B", "BH"), True),
        ("sensor", ("NC", "A", "HH"), ("NC", "A", "EH"), False),
        # What is unknown matches the unknown alone.
        ("sensor", ("NC", "A", "HH"), ("NC", "A", ""), False),
        ("sensor", ("NC", "A", "XX"), ("NC", "A", ""), True),
        ("network", ("", "A", "HH"), ("NC", "A", "HH"), False),
        ("network", ("", "A", "HH"), ("", "B", "HH"), True),
    ],
)
def test_what_must_match(match, own, other, expected):
    names = ("network", "station", "instrument")
    step = noise_step(match=[match])
    window = inspected("e", **dict(zip(names, own)))
    pool = [inspected("n", "noise", **dict(zip(names, other)))]
    assert bool(plan.choose_partners(wish_of(window, step), step, pool, 0)) == expected


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
    wish = wish_of(item, step, number)
    chosen = plan.choose_partners(wish, step, pool, 0)
    fitting = [m for m in pool if plan.fits(wish, m, ("station",))]
    assert len(chosen) == min(number, len(fitting)) == len(set(map(id, chosen)))
    assert all(any(member is partner for member in fitting) for partner in chosen)
    for partner in (member.reference for member in chosen):
        assert partner.station == item.reference.station
        assert partner.split_key != item.reference.split_key
        assert partner.trace != item.reference.trace


def test_partners_are_spread_and_depend_on_window_step_and_seed():
    step, pool = noise_step(), pool_of(50)
    windows = [(inspected(f"e{n}"), copy) for n in range(60) for copy in (0, 1)]

    def choices(step, seed):
        wishes = [wish_of(window, step, 1, copy) for window, copy in windows]
        return [plan.choose_partners(w, step, pool, seed)[0].reference.trace for w in wishes]

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
    wishes = [wish_of(inspected(f"e{n}"), step) for n in range(400)]
    found = [plan.choose_partners(w, step, pool, 0)[0].reference.source for w in wishes]
    assert set(found) == {"x", "y"}
    assert 0.7 < found.count("x") / len(found) < 0.8


def test_only_kinds_that_a_step_takes_ask_for_partners():
    recipe = recipe_of(offline=["superpose_noise", "data_gap", "superpose_event"])
    steps = build_steps(recipe.offline, "offline")
    wanted = [(w.step, role, w.number) for role, w in plan.wishes_of(inspected("e"), "e", steps)]
    assert wanted == [("superpose_noise", "noise", 1), ("superpose_event", "event", 1)]
    assert list(plan.wishes_of(inspected("n", "noise"), "n", steps)) == []


@given(st.integers(1, 2000), st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_shards_are_as_many_as_are_filled(windows, size):
    shards = plan.shard_count(windows, recipe_of(output={"windows_per_shard": size}))
    assert (shards - 1) * size < windows <= shards * size


def test_shards_hang_on_ids_alone():
    recipe = recipe_of()
    planned = [Planned(inspected(f"e{n}"), copy) for n in range(200) for copy in range(4)]
    shards = {p.window_id: plan.shard_of(p.inspected, p.copy, recipe, 8) for p in planned}
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
