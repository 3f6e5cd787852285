"""Synthetic windows: where P and S lie, how large they are, what they are made of, and where."""

import json

import numpy as np
import pytest
from scipy import signal

from pipelines.inspection import read_and_inspect, read_window
from pipelines.leaks import Leaks
from pipelines.reference import Rejected
from pipelines.runner import augment
from pipelines.synthesis import featured, synthesised
from pipelines.synthetic import at_places, load_window, parents_of
from pipelines.validation import validate
from schemas.errors import UserError
from tests.builders import RATE, listed, phasenet_folder, recipe_of
from tests.jobs import digests, windows, with_parts

COUNT, P_AT = 4000, 2500
SYNTHESIS = {"minority": {"s_minus_p_s": [3.5, 6]}, "number": 9, "neighbours": 3}


def quake(seed, delay, gain):
    """Return noise with a pulse of 4 Hz at P, and a larger one of 2 Hz `delay` samples later."""
    samples = np.random.default_rng(seed).normal(0.0, 1.0, (COUNT, 3))
    for start, hertz, size in ((P_AT, 4.0, 40.0), (P_AT + delay, 2.0, 100.0)):
        time = np.arange(400) / RATE
        pulse = size * np.exp(-time / 0.8) * np.sin(2 * np.pi * hertz * time)
        samples[start : start + 400] += pulse[: COUNT - start, None] * (0.5, 0.8, 1.0)
    return gain * samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    delays = [200 + 5 * n for n in range(14)] + [380 + 15 * n for n in range(8)]
    rows = [
        {
            "fname": f"NC_S{n % 3}_201001{1 + n:02d}010000000.npz",
            "itp": P_AT,
            "its": P_AT + delay,
            "channels": "HHE_HHN_HHZ",
        }
        for n, delay in enumerate(delays)
    ]
    samples = (quake(n, delay, 10.0 ** (n % 4)) for n, delay in enumerate(delays))
    path = tmp_path_factory.mktemp("synthesis") / "data"
    phasenet_folder(path, rows, samples)
    return path


def recipe_for(folder, **synthesis):
    given = {**SYNTHESIS, **synthesis}
    noise = {"min_length_s": 10, "max_std_ratio": None}
    split = {"shares": {"train": 0.7, "validation": 0.3}}
    return recipe_of(folder, synthesis=given, noise=noise, split=split, copies={"event": 2})


def found_in(recipe):
    """Return the features of all windows, as the job finds them."""
    found = []
    for reference in listed(recipe):
        read = read_and_inspect(reference, recipe)
        assert not isinstance(read, Rejected)
        found += featured(read[0], read[2], recipe)
    return found


@pytest.fixture(scope="module")
def made(folder):
    recipe = recipe_for(folder)
    return recipe, synthesised(found_in(recipe), recipe)


def test_p_and_s_lie_where_the_labels_say(made):
    recipe, items = made
    assert len(items) == 9
    for item in items:
        window = load_window(item.reference, recipe)
        first, second, share = parents_of(item.reference)
        delays = [parent.picks[1].time_s - parent.picks[0].time_s for parent in (first, second)]
        assert min(delays) >= 3.5 and 0 <= share <= 1
        p, s = window["pick_sample"][:2]
        assert p == recipe.window.p_at_s * RATE
        assert abs(s - p - RATE * ((1 - share) * delays[0] + share * delays[1])) < 1e-3
        for parent in (first, second):
            own = read_window(parent, recipe)
            own_p, own_s = own["event_p_sample"][0], own["event_s_sample"][0]
            # What follows S in a parent follows it here: the best lag of their correlation.
            for at, own_at, size in ((s, own_s, 150), (p, own_p, 100)):
                here = window["waveform"][round(at) - 100 : round(at) + size, 2]
                there = own["waveform"][round(own_at) : round(own_at) + size - 60, 2]
                lag = np.argmax(signal.correlate(here, there, "valid"))
                assert abs(lag + round(at) - 100 - at) <= 3


def test_amplitude_magnitude_and_spectrum_lie_between_the_parents(made):
    recipe, items = made
    for item in items:
        window = load_window(item.reference, recipe)
        first, second, share = parents_of(item.reference)

        def level(window):
            p, s = (int(window[f"event_{n}_sample"][0]) for n in "ps")
            return np.log10(window["waveform"][p : 2 * s - p].std())

        levels = [level(read_window(parent, recipe)) for parent in (first, second)]
        expected = (1 - share) * levels[0] + share * levels[1]
        # Warped, a parent is as large as it was but for where its pulses lie.
        assert abs(level(window) - expected) < 0.05
        p = int(window["event_p_sample"][0])
        hertz, power = signal.periodogram(window["waveform"][p : p + 700, 2], RATE)
        assert power[hertz < 8].sum() > 0.9 * power.sum()


def test_the_choice_is_one_of_the_seed_and_not_of_the_order(folder, made):
    recipe, items = made
    found = found_in(recipe)
    assert len(found) == sum(window.minority for window in found) > 3
    ids = [item.reference.base_id for item in items]
    again = synthesised(found[::-1], recipe)
    assert [item.reference.base_id for item in again] == ids and len(set(ids)) == len(ids)
    other = synthesised(found, with_parts(recipe, seed=5))
    assert not {item.reference.base_id for item in other} & set(ids)
    share = with_parts(recipe, synthesis={**SYNTHESIS, "number": None, "share": 2.0})
    assert len(synthesised(found, share)) == 2 * len(found)


def test_neighbours_are_the_nearest_in_the_features(made):
    recipe, items = made
    found = {window.base_id: np.array(window.features) for window in found_in(recipe)}
    table = np.array(list(found.values()))
    known = ~np.isnan(table).any(axis=0)
    spread = table.std(axis=0)
    weight = np.sqrt(np.repeat([12, 6, 2], [12, 6, 2]))
    scaled = (table / np.where(spread > 0, spread, 1) / weight)[:, known]
    near = np.argsort(np.linalg.norm(scaled[:, None] - scaled, axis=-1), axis=1)[:, 1:4]
    names = list(found)
    for item in items:
        first, second = (names.index(p.base_id) for p in parents_of(item.reference)[:2])
        assert second in near[first] or first in near[second]


def test_adasyn_looks_at_other_classes(folder):
    apart = recipe_for(folder, method="adasyn", neighbours=2)
    with pytest.raises(UserError, match="adasyn: none of"):
        synthesised(found_in(apart), apart)
    between = {"s_minus_p_s": [2.4, 6]}
    recipe = recipe_for(folder, method="adasyn", neighbours=5, minority=between)
    found = found_in(recipe)
    assert {window.minority for window in found} == {False, True}
    items = synthesised(found, recipe)
    rare = {window.base_id for window in found if window.minority}
    assert items and all(
        parent.base_id in rare for item in items for parent in parents_of(item.reference)[:2]
    )
    assert {item.reference.source for item in items} == {"adasyn"}


def test_the_interpolator_moves_a_band_limited_signal():
    at = np.arange(600)
    places = 150 + np.linspace(0, 300, 500)
    wave = np.cos(0.6 * at)[:, None]
    moved = at_places(wave, places, np.ones(500))
    np.testing.assert_allclose(moved[:, 0], np.cos(0.6 * places), atol=1e-4)
    # Whole places give the samples; half the band takes away what lies above it.
    np.testing.assert_allclose(at_places(wave, at[50:60] * 1.0, np.ones(10)), wave[50:60])
    fast = np.cos(2.5 * at)[:, None]
    assert np.abs(at_places(fast, places, np.full(500, 0.5))).max() < 1e-2


def test_the_job_writes_them_in_train_alone_and_the_same_twice(folder, tmp_path):
    recipe = recipe_for(folder)
    manifests = [augment(recipe, str(tmp_path / name), quiet=True) for name in "ab"]
    assert digests(tmp_path / "a") == digests(tmp_path / "b") and manifests[0] == manifests[1]
    assert validate(str(tmp_path / "a")).faults == []
    counts = manifests[0]["counts"]
    assert counts["listed"] == counts["written"] + counts["rejected"]
    assert manifests[0]["synthetic"] == 9
    lines = (tmp_path / "a/synthetic.jsonl").read_text().splitlines()
    parents = {line["window_id"]: line["parents"] for line in map(json.loads, lines)}
    split_of, copies = {}, {}
    for window in windows(tmp_path / "a"):
        base, _, copy = window["window_id"].item().decode().rpartition("/")
        split_of[base] = window["split"].item()
        copies.setdefault(base, []).append(window["waveform"])
    assert set(parents) == {base for base in split_of if base.startswith("smote/")}
    for base, names in parents.items():
        assert split_of[base] == b"train" and len(copies[base]) == 2
        assert [split_of[name] for name in names] == [b"train"] * 2


def test_a_parents_event_in_another_split_is_a_leak(made):
    recipe, items = made
    leaks = Leaks(recipe, recipe.spec)
    window = load_window(items[0].reference, recipe)
    window["window_id"] = np.array(b"one", dtype=object)
    leaks.begin("a", "train")
    assert list(leaks.faults(window, 0)) == []
    parent = read_window(parents_of(items[0].reference)[1], recipe)
    parent["window_id"] = np.array(b"two", dtype=object)
    leaks.begin("b", "test")
    assert [fault[:5] for fault in leaks.faults(parent, 0)] == ["leak:"]


def test_too_few_and_bad_values_are_named(folder):
    with pytest.raises(UserError, match="got 0 windows of train"):
        recipe = recipe_for(folder, minority={"s_minus_p_s": [50, 60]})
        synthesised(found_in(recipe), recipe)
    for given, told in (
        ({"share": 1.0}, "either number or share"),
        ({"minority": {"s_minus_p_s": [6, 3]}}, "expected low < high"),
        ({"method": "gan"}, "synthesis.method"),
    ):
        with pytest.raises(UserError, match=told):
            recipe_for(folder, **given)
    with pytest.raises(UserError, match="source of synthetic windows"):
        source = recipe_for(folder).to_json()["sources"][0]
        with_parts(recipe_for(folder), sources=[{**source, "name": "smote"}])
