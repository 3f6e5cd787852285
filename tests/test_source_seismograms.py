"""The seismograms source, against files that ObsPy writes and what it reads of them."""

import numpy as np
import pytest
from obspy import Stream, Trace
from scipy.signal import detrend

from pipelines.inspection import read_window
from pipelines.reference import Reference, Rejected
from pipelines.sources import load
from tests.builders import WINDOW, write_rows
from tests.seismogram_files import (
    FORMATS,
    P_S,
    RATE,
    START,
    items,
    recipe,
    sac,
    samples,
    three,
    trace,
)


@pytest.mark.parametrize(
    "form, together",
    [
        *((form, True) for form in ("MSEED", "SLIST", "TSPAIR", "AH")),
        *((form, False) for form in ("MSEED", "SLIST", "GSE2", "SAC", "SACXY")),
    ],
)
def test_samples_of_each_format_are_what_was_written(tmp_path, form, together):
    traces = [trace(letter) for letter in "ENZ"]
    if form in {"SAC", "SACXY", "AH"}:
        traces = [Trace(t.data.astype(np.float32), t.stats) for t in traces]
    written = {"all": traces} if together else {t.stats.channel: [t] for t in traces}
    for name, held in written.items():
        Stream(held).write(str(tmp_path / name), format=form)
    name = "all" if together else "HHZ"
    write_rows(tmp_path / "picks.csv", [{"file": name, "phase": "P", "time": P_S}])
    (item,) = items(tmp_path, picks=str(tmp_path / "picks.csv"))
    record = load(item, FORMATS)
    expected = {t.stats.channel[-1]: t.data for t in traces}
    assert sorted(record.components) == sorted("ENZ") and record.sampling_rate_hz == RATE
    for column, letter in enumerate(record.components):
        np.testing.assert_allclose(record.samples[:, column], expected[letter], rtol=1e-6)
    assert record.valid.all()
    assert [(p.phase, p.time_s) for p in item.picks] == [("P", P_S)]
    if form not in {"SACXY"}:
        assert abs(item.record_start_ns - START.ns) < 1_000_000


def test_picks_and_event_of_sac_headers(tmp_path):
    told = {"a": 20.0, "ka": "IPD0", "t1": 23.5, "kt1": "S", "t2": 1.0, "kt2": "PcP", "t3": 2.0}
    told |= {"evla": 38.0, "evlo": -122.0, "evdp": 7.5, "o": 15.0, "mag": 3.25, "dist": 40.0}
    three(tmp_path, {**told, "baz": 123.0, "lcalda": False})
    (item,) = items(tmp_path)
    assert [(p.phase, p.polarity) for p in item.picks] == [("P", -1), ("S", 0)]
    assert [p.time_s for p in item.picks] == pytest.approx([25.0, 28.5], abs=1e-5)
    (event,) = item.events
    assert (event.magnitude, event.depth_km, event.distance_km) == (3.25, 7.5, 40.0)
    assert event.back_azimuth_deg == 123.0
    assert (event.latitude_deg, event.longitude_deg) == (38.0, -122.0)
    assert event.time_ns == item.record_start_ns + round(item.picks[0].time_s * 1e9)
    assert (item.network, item.station, item.instrument) == ("NC", "ABC", "HH")
    window = read_window(item, recipe(tmp_path))
    start = round((25.0 - WINDOW["p_at_s"]) * RATE)
    assert window["pick_sample"][0] == pytest.approx(25.0 * RATE - start, abs=1e-2)


def test_stations_of_one_origin_share_their_event(tmp_path):
    origin = {"a": 20.0, "evla": 38.0, "evlo": -122.0, "o": 15.0}
    for station, p_s in (("ABC", 20.0), ("DEF", 18.0)):
        there = {"stla": p_s, "stlo": -p_s, "lcalda": False}
        sac(tmp_path / f"{station}.Z", "Z", {**origin, "a": p_s, **there}, station)
    sac(tmp_path / "later.Z", "Z", {**origin, "o": 16.0}, "GHI")
    sac(tmp_path / "named.Z", "Z", {**origin, "kevnm": "quake"}, "JKL")
    found = {item.station: item for item in items(tmp_path)}
    assert found["ABC"].split_key == found["DEF"].split_key != found["GHI"].split_key
    first = found["DEF"]
    time = first.record_start_ns + round(first.picks[0].time_s * 1e9)
    assert found["ABC"].events[0].time_ns == first.events[0].time_ns == time
    assert (first.latitude_deg, first.longitude_deg) == (18.0, -18.0)
    assert np.isnan(found["GHI"].latitude_deg)
    assert found["JKL"].events[0].event_id == "quake"


def test_an_event_without_a_name_is_its_folder(tmp_path):
    for folder, station in (("one", "ABC"), ("one", "DEF"), ("two", "ABC")):
        sac(tmp_path / folder / station, "Z", None, station)
    keys = [item.split_key for item in items(tmp_path)]
    assert keys[0] == keys[1] != keys[2]


def test_a_table_of_picks_tells_times_stations_and_events(tmp_path):
    both = [trace(letter, station) for letter in "ENZ" for station in ("ABC", "DEF")]
    Stream(both).write(str(tmp_path / "day.mseed"), format="MSEED")
    more = {"event_id": "q", "magnitude": "2.5", "depth_km": "8", "distance_km": "31.5"}
    base = {"file": "day.mseed", **more}
    rows = [
        {**base, "station": "ABC", "phase": "P", "time": P_S, "polarity": "up"},
        {**base, "station": "NC.DEF", "phase": "Pg", "time": str(START + 26.25)},
        {**base, "station": "NC.DEF", "phase": "S", "time": "29.5"},
    ]
    table = write_rows(tmp_path / "picks.csv", rows)
    found = {item.station: item for item in items(tmp_path, picks=str(table))}
    assert {s: [(p.phase, p.time_s, p.polarity) for p in i.picks] for s, i in found.items()} == {
        "ABC": [("P", P_S, 1)],
        "DEF": [("P", 26.25, 0), ("S", 29.5, 0)],
    }
    for item in found.values():
        (event,) = item.events
        assert event.event_id == "q"
        assert (event.magnitude, event.depth_km, event.distance_km) == (2.5, 8.0, 31.5)


def test_each_event_of_a_long_record_has_its_window(tmp_path):
    Stream([trace("Z")]).write(str(tmp_path / "z.mseed"), format="MSEED")
    times = {"one": 10.0, "two": 15.0, "three": 30.0, "four": 30.0}
    rows = [{"file": "z.mseed", "phase": "P", "time": t, "event_id": n} for n, t in times.items()]
    found = items(tmp_path, picks=str(write_rows(tmp_path / "p.csv", rows)))
    refused = [item.reason for item in found if isinstance(item, Rejected)]
    assert len(refused) == 1 and "another event has the same window" in refused[0]
    windows = [item for item in found if isinstance(item, Reference)]
    held = [[e.event_id for e in item.events] for item in windows]
    # 16 s each, from 2, 7 and 22 s on; picks inside are labels, whoever's window it is.
    assert held == [["one", "two"], ["two", "one"], ["three", "four"]]
    assert len({item.split_key for item in windows}) == 1


def test_gaps_and_late_components_are_not_valid(tmp_path):
    parts = trace("Z").slice(START, START + 10), trace("Z").slice(START + 12)
    late = trace("N").slice(START + 5)
    Stream([*parts, late]).write(str(tmp_path / "all"), format="MSEED")
    rows = [{"file": "all", "phase": "P", "time": P_S}]
    (item,) = items(tmp_path, picks=str(write_rows(tmp_path / "p.csv", rows)))
    record = load(item, FORMATS)
    valid = dict(zip(record.components, record.valid.T))
    np.testing.assert_array_equal(np.flatnonzero(~valid["Z"]), np.arange(1001, 1200))
    np.testing.assert_array_equal(np.flatnonzero(~valid["N"]), np.arange(500))


def test_noise_before_p_is_listed_unless_it_is_simulated(tmp_path):
    three(tmp_path)
    rules = {"min_length_s": 5, "guard_s": 2}
    found = items(tmp_path, noise=rules)
    assert [item.kind for item in found] == ["event", "noise", "noise"]
    assert found[-1].usable_s[1] == pytest.approx(P_S - 2.0, abs=1e-5)
    assert [item.kind for item in items(tmp_path, noise=rules, simulated=True)] == ["simulated"]


def test_folder_glob_and_file_url_list_the_same(tmp_path):
    three(tmp_path / "deep" / "er")
    (tmp_path / ".hidden").write_text("no seismogram")
    found = [
        [(i.trace.rpartition("/")[2], i.picks, i.start_s) for i in items(path)]
        for path in (tmp_path, tmp_path / "*" / "*" / "*.sac", f"file://{tmp_path}")
    ]
    assert found[0] == found[1] == found[2] and len(found[0]) == 1


def test_components_named_1_and_2_are_put_in_order(tmp_path):
    for letter in "12Z":
        sac(tmp_path / letter, letter)
    (item,) = items(tmp_path)
    window = read_window(item, recipe(tmp_path))
    start = round((P_S - WINDOW["p_at_s"]) * RATE)
    for column, letter in enumerate("21Z"):
        expected = detrend(samples(letter).astype(np.float32).astype(float))
        cut = expected[start : start + round(WINDOW["length_s"] * RATE)]
        np.testing.assert_allclose(window["waveform"][:, column], cut, atol=0.1)
