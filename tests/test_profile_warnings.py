"""A profile warns of a planted fault, of no other, and not where there is none."""

import pytest

from pipelines.profile import profile
from tests.builders import phasenet_folder, phasenet_rows, recipe_of, wave
from tests.profile_tables import changed, noise_rows, rows, table_recipe


def names(made):
    return {warning["name"] for warning in made["warnings"]}


FAULTS = {
    "few_of_a_kind": (lambda table: table[:40], {}, {"few_of_a_magnitude"}),
    "few_of_a_magnitude": (changed(source_magnitude=lambda n, m: 5 if n < 2 else m), {}, set()),
    "one_station": (changed(station_code=lambda n, s: s if n % 2 else "LOUD"), {}, set()),
    "one_instrument": (changed(trace_channel=lambda n, c: "HHZ"), {}, set()),
    "unknown_polarities": (changed(trace_polarity=lambda n, p: ""), {}, set()),
    "no_noise": (list, {"noise": {"before_p": False}}, set()),
    "shared_events": (
        changed(split=lambda n, s: ["train", "test"][n % 2]),
        {"split": {"from_source": True, "shares": {"train": 0.5, "test": 0.5}}},
        set(),
    ),
    "shared_events_as_the_source_splits": (
        changed(split=lambda n, s: "train" if n < 3 else s),
        {},
        set(),
    ),
    "shared_noise_station_days": (
        lambda table: table + noise_rows(table[0]),
        {"split": {"from_source": True, "shares": {"train": 0.5, "test": 0.5}}},
        set(),
    ),
    "shared_stations": (
        list,
        {"split": {"by": "station", "from_source": True, "shares": {"train": 0.5, "test": 0.5}}},
        set(),
    ),
    "rejected": (changed(trace_s_arrival_sample=lambda n, s: s if n % 5 else -1), {}, set()),
    "no_windows": (changed(trace_p_arrival_sample=lambda n, s: -1), {}, {"rejected"}),
}


def test_a_sound_table_warns_of_nothing(tmp_path):
    assert profile(table_recipe(tmp_path, rows()))["warnings"] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_warned_of_and_no_other(tmp_path, name):
    change, more, along = FAULTS[name]
    made = profile(table_recipe(tmp_path, change(rows()), **more))
    assert names(made) == {name} | along
    assert all(len(w["message"].splitlines()) == 1 for w in made["warnings"])


@pytest.mark.parametrize(
    ("name", "gain", "dead"), [("", 9.0, 0), ("dead_components", 9.0, 2), ("low_snr", 1.1, 0)]
)
def test_faults_of_the_samples_are_warned_of(tmp_path, name, gain, dead):
    samples = [wave(n, onset=2500, gain=gain) for n in range(8)]
    for data in samples:
        data[:, :dead] = 0.0
    phasenet_folder(tmp_path, phasenet_rows(4), samples)
    recipe = recipe_of(tmp_path)
    of_samples = {"dead_components", "low_snr"}
    assert names(profile(recipe, inspecting=True)) & of_samples == {name} - {""}
    assert not names(profile(recipe)) & of_samples
