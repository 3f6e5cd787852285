"""Catalogue exclusion, against arrivals that TauP gives when it is asked for every phase."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipelines.inspection import inspect, read_window
from pipelines.listing import csv_rows
from pipelines.noise_catalogue import refused_by_catalogue, travel_times_s
from pipelines.noise_screen import in_band, sta_lta
from schemas.noise import Catalogue, StaLta
from tests.builders import listed, recipe_of, write_rows
from tests.quakes import (
    EARTH,
    LENGTH_S,
    ORIGIN_NS,
    PLACE,
    QUAKE,
    arrivals,
    degrees_to,
    noise,
    recipe_with,
)


@pytest.mark.parametrize("model", ["iasp91", "ak135"])
@pytest.mark.parametrize("depth_km", [0.0, 600.0])
def test_first_arrivals_are_those_of_taup_at_all_distances(model, depth_km):
    for degrees in (0.0, 0.05, 0.5, 2.0, 15.0, 60.0, 103.0, 125.0, 145.0, 180.0):
        got = travel_times_s(model, depth_km, degrees)
        assert got == pytest.approx(arrivals(model, depth_km, degrees), abs=1e-6), degrees


@pytest.mark.parametrize("model", ["iasp91", "ak135"])
def test_noise_is_refused_from_just_before_p_to_just_after_s(tmp_path, model):
    rules = {"model": model, "before_s": 3.0, "after_s": 20.0}
    recipe = recipe_with(tmp_path, [{"mag": 3, "id": "nc1"}], **rules)
    p, s = arrivals(model, 8.0, degrees_to(QUAKE))
    for starts_s, hit in (
        (p - 3.0 - LENGTH_S - 0.01, False),
        (p - 3.0 - LENGTH_S + 0.01, True),
        (p, True),
        (s + 20.0 - 0.01, True),
        (s + 20.0 + 0.01, False),
    ):
        found = refused_by_catalogue(noise(starts_s), recipe)
        assert (found is not None) == hit
    found = refused_by_catalogue(noise(p - 1.0), recipe)
    km = math.radians(degrees_to(QUAKE)) * 6371.0
    assert found.test == "catalogue" and "\n" not in found.reason
    assert f"event nc1 of magnitude 3.0 at {km:.0f} km is due with P at 1.0 s" in found.reason
    assert (
        f"and S at {1.0 + s - p:.1f} s, expected none from 3 s before P to 20 s after S"
        in found.reason
    )


def test_the_models_differ(tmp_path):
    far = {"latitude": 0.0, "longitude": 0.0, "mag": 8}
    both = [arrivals(model, 8.0, degrees_to(far))[1] for model in EARTH]
    assert abs(both[0] - both[1]) > 0.02
    between = sum(both) / 2
    found = [
        refused_by_catalogue(noise(between), recipe_with(tmp_path, [far], model=m, after_s=0))
        for m in EARTH
    ]
    assert [item is None for item in found] == [time < between for time in both]


def test_what_is_used_of_the_window_counts_and_no_more(tmp_path):
    recipe = recipe_with(tmp_path, [{"mag": 3}], before_s=0, after_s=0)
    p, _ = arrivals("iasp91", 8.0, degrees_to(QUAKE))
    # 16 s windows: noise that ends before P may lie in one that does not.
    assert refused_by_catalogue(noise(p - 12.0, length_s=10.0), recipe) is None
    assert refused_by_catalogue(noise(p - 12.0, length_s=14.0), recipe)
    endless = replace(noise(p - 12.0), usable_s=(5.0, np.inf))
    assert refused_by_catalogue(endless, recipe)
    assert (
        refused_by_catalogue(
            replace(endless, record_start_ns=endless.record_start_ns - 5 * 10**9), recipe
        )
        is None
    )


@pytest.mark.parametrize("magnitude", [0.0, 0.5, 1.0, 2.7, 4.0, 4.8])
def test_the_distance_follows_from_the_magnitude(tmp_path, magnitude):
    table = Catalogue(path="x").distance_km_by_magnitude
    km = np.interp(magnitude, *zip(*table))
    for share, hit in ((0.99, True), (1.01, False)):
        degrees = math.degrees(share * km / 6371.0)
        row = {"latitude": PLACE[0] - degrees, "mag": magnitude}
        recipe = recipe_with(tmp_path, [row])
        p, _ = arrivals("iasp91", 8.0, degrees)
        assert (refused_by_catalogue(noise(p), recipe) is not None) == hit


def test_beyond_the_table(tmp_path):
    near, p = {"latitude": 37.05}, arrivals("iasp91", 8.0, 0.05)[0]
    table = [[1, 20], [2, 100]]
    for cells, hit in (
        ({"mag": 0.9}, False),
        ({"mag": 1}, True),
        ({"mag": ""}, True),
        ({"mag": 9}, True),
    ):
        recipe = recipe_with(tmp_path, [{**near, **cells}], distance_km_by_magnitude=table)
        assert (refused_by_catalogue(noise(p), recipe) is not None) == hit
    p = arrivals("iasp91", 8.0, degrees_to(QUAKE))[0]
    for cells, hit in (({"mag": ""}, False), ({"mag": 9}, True)):
        recipe = recipe_with(tmp_path, [cells], distance_km_by_magnitude=table)
        assert (refused_by_catalogue(noise(p), recipe) is not None) == hit


def test_the_default_reach_is_where_the_published_curves_are_at_ten_nanometres():
    # Hutton & Boore (1987), equation 3, of a Wood-Anderson that magnifies 2080 times.
    amplitude_mm = 10e-6 * 2080
    for magnitude, km in Catalogue(path="x").distance_km_by_magnitude[:5]:
        at = math.log10(amplitude_mm) + 1.110 * math.log10(km / 100) + 0.00189 * (km - 100) + 3.0
        assert at == pytest.approx(magnitude, abs=0.05)


def test_events_of_any_order_are_all_looked_at(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"time": np.datetime64(ORIGIN_NS + int(s * 1e9), "ns"), "mag": 3, "id": f"q{s}"}
        for s in rng.permutation(40) * 300.0
    ]
    recipe = recipe_with(tmp_path, rows)
    p, s = arrivals("iasp91", 8.0, degrees_to(QUAKE))
    for number in range(40):
        found = refused_by_catalogue(noise(number * 300.0 + p), recipe)
        assert f"event q{number * 300.0} of" in found.reason
        assert refused_by_catalogue(noise(number * 300.0 + s + 61.0), recipe) is None


def test_real_onsets_come_when_they_are_predicted(real_data, tmp_path):
    folder = real_data / "seisbench_examples/dummydataset"
    source = {"name": "a", "format": "seisbench", "path": str(folder), "unpicked": "noise"}
    window = {"sampling_rate_hz": 20, "length_s": 60, "p_at_s": 20}
    rows = [row for _, row in csv_rows(str(folder / "metadata.csv"), {"trace_name"})][:12]
    cells = ("latitude_deg", "longitude_deg", "depth_km", "magnitude")
    events = [{cell: row[f"source_{cell}"] for cell in cells} for row in rows]
    # These records begin at the origin.
    times = [{"time": row["trace_start_time"]} for row in rows]
    path = write_rows(tmp_path / "events.csv", [a | b for a, b in zip(events, times)])
    screen = {"catalogue": {"path": str(path)}}
    noise = {"max_std_ratio": None, "screen": screen}
    recipe = recipe_of(tmp_path, sources=[source], window=window, noise=noise)
    for item in listed(recipe)[: len(rows)]:
        refused = inspect(item, recipe)
        due = float(refused.reason.split("P at ")[1].split()[0])
        trace = read_window(item, recipe)["waveform"][:, 2].astype(np.float64)
        _, onset = sta_lta(in_band(trace, (2.0, 9.0), 20.0), StaLta(), 20.0)
        assert refused.test == "catalogue" and abs(onset / 20.0 - due) < 3.0
