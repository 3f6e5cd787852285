"""Groups: stations on one clock, against the times at which the test had them record P."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from augment_ops.core import draws
from augment_ops.core.steps import apply_steps, build_steps
from pipelines.feed import steps_per_epoch
from pipelines.feed_groups import GroupMaker, group_count, groups_of
from pipelines.feed_make import Maker
from pipelines.publish import stored_recipe
from schemas.record import parser
from schemas.window import SLOTS, P
from tests.builders import RATE
from tests.jobs import windows
from tests.network import LATE, SIZE, STATIONS, held_in, network_shards, parts_of, plain_groups
from tests.windows import tensors


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the shards, and when P came to each trace."""
    return network_shards(tmp_path_factory.getbasetemp() / "network")


@pytest.fixture(scope="module")
def plain(made):
    """Some epochs without steps on groups."""
    return plain_groups(made[0])


def arrivals_in(group, arrivals):
    """Return when P came to each station that is there, ns; nothing for noise and without time."""
    if not group["event_id"][0, 0] or (group["start_time_ns"][0] == -1):
        return {}
    names = (group["window_id"][s].decode().split("/")[1] for s in held_in(group))
    return {s: arrivals[name] for s, name in zip(held_in(group), names)}


def p_of(group, station):
    sample, phase = group["pick_sample"][station], group["pick_phase"][station]
    return sample[phase == P].astype(float)


def test_picks_of_all_stations_are_on_one_clock(made, plain):
    off, pairs = [], 0
    for group in (g for epoch in plain for g in epoch):
        came = arrivals_in(group, made[1])
        for station, at in came.items():
            for sample in p_of(group, station):
                since = round(sample / RATE * 1e9)
                # Positions of float32 samples are exact to a thousandth.
                assert group["start_time_ns"][station] + since == pytest.approx(at, abs=1e4)
        if len(came) > 1:
            first = min(came, key=came.get)
            (own,) = p_of(group, first)
            assert RATE - 1 <= own <= SIZE - RATE
            for station in came.keys() - {first}:
                for sample in p_of(group, station):
                    truth = (came[station] - came[first]) / 1e9 * RATE
                    off.append(sample - own - truth)
                    begun = group["start_time_ns"][[first, station]] / 1e9 * RATE
                    pairs += 1
                    assert abs(begun[1] - begun[0]) <= 0.5 + 1e-3
    assert pairs > 20 and 0.3 < np.abs(off).max() <= 0.5 + 1e-3


def test_samples_are_those_stored_at_that_time_and_none_beyond(made, plain):
    stored = {w["window_id"].item(): w for w in windows(made[0])}
    beyond = 0
    for group in (g for epoch in plain for g in epoch):
        for station in held_in(group):
            whole = stored[group["window_id"][station]]
            start = int(group["random_shift/samples"][station])
            if whole["start_time_ns"] != -1:
                moved = int(group["start_time_ns"][station] - whole["start_time_ns"])
                assert moved == pytest.approx(start / RATE * 1e9, abs=1)
            at = start + np.arange(SIZE)
            inside = (at >= 0) & (at < len(whole["valid"]))
            for name in ("waveform", "valid"):
                expected = np.where(inside[:, None], whole[name].take(at, 0, mode="clip"), 0)
                np.testing.assert_array_equal(group[name][station], expected)
            beyond += 0 < (~inside).sum()
            picks = whole["pick_sample"] - start
            seen = (picks >= 0) & (picks <= SIZE - 1)
            np.testing.assert_allclose(
                np.sort(group["pick_sample"][station])[: seen.sum()],
                np.sort(picks[seen]),
                atol=1e-3,
            )
            assert np.isfinite(group["pick_sample"][station]).sum() == seen.sum()
    assert beyond > 3


def test_the_place_is_what_the_step_draws_for_the_first_station_alone(made, plain):
    stored = {w["window_id"].item(): w for w in windows(made[0])}
    recipe = stored_recipe(str(made[0]))
    steps, places = build_steps(recipe.online, "online"), []
    for group in [g for g in plain[1] if len(arrivals_in(g, made[1])) > 1][:5]:
        came = arrivals_in(group, made[1])
        first = min(came, key=came.get)
        window = tensors(stored[group["window_id"][first]])
        out = apply_steps(steps, window, {}, recipe.seed, 1, RATE)
        assert out["random_shift/samples"] == group["random_shift/samples"][first]
        places.append(float(out["random_shift/samples"]))
    assert len(set(places)) > 3


def test_what_was_superposed_on_a_station_does_not_move_the_group(made):
    shards, spec, recipe = parts_of(made[0])
    make = GroupMaker(recipe, spec, list(shards.paths), "train")
    for block in shards.in_order(groups_of(shards, spec, recipe.groups)):
        records = tf.boolean_mask(block, tf.reduce_all(block != "", axis=1))
        if len(records):
            break
    rows = make.parse_rows(tf.reshape(records, [-1]))
    key, epoch = (
        draws.window_key(5, rows.labels["window_id"]),
        tf.zeros([tf.size(records)], tf.int64),
    )
    labels = {name: rows.labels[name].numpy() for name in SLOTS["K"]}
    free = np.isnan(labels["pick_sample"]).argmax(axis=1)
    for name, value in (("sample", 0.0), ("phase", P), ("event", 1)):
        labels[f"pick_{name}"][np.arange(len(free)), free] = value
    other = dataclasses.replace(rows, labels={**rows.labels, **labels})
    expected, found = (make.starts(each, key, epoch).numpy() for each in (rows, other))
    np.testing.assert_array_equal(found, expected)
    # As a step on single windows would have drawn it, it would have.
    assert (Maker.starts(make, other, key, epoch).numpy() != expected).any()


def test_what_is_not_there_is_empty(made, plain):
    empty = parts_of(made[0])[1].empty_window()
    for group in plain[0]:
        gone = ~group["station_mask"]
        assert not group["waveform"][gone].any()
        assert not group["valid"][gone].any() and group["valid"][~gone].any(axis=(1, 2)).all()
        for name in SLOTS["K"] + SLOTS["M"]:
            for value in group[name][gone]:
                np.testing.assert_array_equal(value, empty[name])


@pytest.mark.parametrize("stations, least", [(4, 1), (2, 1), (2, 2), (3, 2)])
def test_each_event_comes_once_with_all_its_stations(made, stations, least):
    groups = {"stations": stations, "min_stations": least}
    shards, spec, recipe = parts_of(made[0], groups=groups)
    parse, found = parser(spec, only=("window_id", "event_id", "start_time_ns")), []
    for block in shards.in_order(groups_of(shards, spec, recipe.groups)):
        assert block.shape[1] == stations
        for records in block:
            found.append(parse(tf.boolean_mask(records, records != ""))["window_id"].numpy())
    assert len(shards.paths) > 2
    stored = {}
    for window in windows(made[0]):
        name, event = window["window_id"].item(), window["event_id"][0]
        alone = not event or window["start_time_ns"] == -1
        stored.setdefault(name if alone else (event, name[-1]), set()).add(name)
    assert max(len(names) for names in stored.values()) == STATIONS
    for names in stored.values():
        parts = [set(group) for group in found if names & set(group)]
        sizes = [stations] * (len(names) // stations) + [len(names) % stations]
        assert sorted(map(len, parts)) == sorted(size for size in sizes if size >= least)
        assert set().union(*parts) <= names and sum(map(len, parts)) == len(set().union(*parts))
    assert group_count(shards, spec, recipe.groups) == len(found)
    assert steps_per_epoch(str(made[0]), batch_size=4, recipe=recipe) == -(-len(found) // 4)


def test_a_station_that_recorded_nothing_of_the_time_is_not_there(plain):
    late = 0
    for group in (g for epoch in plain for g in epoch):
        names = [name.decode() for name in group["window_id"]]
        if len(set(names)) > 1:
            places = {place for place, name in enumerate(names) if LATE in name}
            assert not places & set(held_in(group))
            late += len(places)
    assert late > 3
