"""The STEAD source, against arrays that the tests wrote and files read by h5py alone."""

import csv
import math

import h5py
import numpy as np
import pytest

from pipelines.cut import cut
from pipelines.prepare import prepare
from pipelines.reference import Pick, Reference, Rejected
from pipelines.sources import list_parts, list_windows, load, stead
from schemas.errors import UserError
from schemas.recipe import parse_recipe

EVENT = "109C.TA_20060723155859_EV"
NOISE = "109C.TA_201510210555_NO"
# The columns and the habits of STEAD's own CSV.
REAL = {
    "network_code": "TA",
    "receiver_code": "109C",
    "receiver_type": "HH",
    "receiver_latitude": "32.8889",
    "receiver_longitude": "-117.1051",
    "p_arrival_sample": "700.0",
    "p_status": "manual",
    "p_weight": "0.5",
    "p_travel_sec": "17.08",
    "s_arrival_sample": "1894.0",
    "source_id": "10161",
    "source_origin_time": "2006-07-23 15:58:50.15",
    "source_latitude": "33.7496",
    "source_longitude": "-117.4938",
    "source_depth_km": "21.3",
    "source_magnitude": "3.6",
    "source_distance_km": "102.09",
    "snr_db": "[56.79999924 55.40000153 47.40000153]",
    "coda_end_sample": "[[2896.]]",
    "trace_start_time": "2006-07-23 15:58:59.45",
    "trace_category": "earthquake_local",
    "trace_name": EVENT,
}
QUIET = {
    "network_code": "TA",
    "receiver_code": "109C",
    "receiver_type": "HH",
    "p_arrival_sample": "",
    "s_arrival_sample": "None",
    "source_id": "None",
    "coda_end_sample": "",
    "trace_start_time": "2015-10-21 05:55:00",
    "trace_category": "noise",
    "trace_name": NOISE,
}


def samples(seed=0, length=6000):
    flat = np.random.default_rng(seed).permutation(length * 3)
    return flat.reshape(length, 3).astype(np.float32)


def write(folder, rows, data=None):
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(folder / "stead.csv", "w", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows(rows)
    names = [row["trace_name"] for row in rows]
    data = {n: samples(i) for i, n in enumerate(names)} if data is None else data
    with h5py.File(folder / "stead.hdf5", "w") as file:
        file.create_group("data")
        for name, values in data.items():
            file["data"][name] = values
        file["outside"] = samples(99)


def recipe_of(folder, **more):
    paths = {"csv": str(folder / "stead.csv"), "hdf5": str(folder / "stead.hdf5")}
    return parse_recipe({"sources": [{"name": "a", "format": "stead", **paths}], **more}, "test")


def listed(folder, **more):
    recipe = recipe_of(folder, **more)
    return [x for source, part in list_parts(recipe) for x in list_windows(recipe, source, part)]


def refusal(folder, **more):
    (found,) = listed(folder, **more)
    assert isinstance(found, Rejected) and "\n" not in found.reason, found
    return found.reason


def load_refusal(folder):
    (reference,) = listed(folder)
    with pytest.raises(UserError) as caught:
        load(reference, {"a": "stead"})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole_way(recipe):
    for source, part in list_parts(recipe):
        for reference in list_windows(recipe, source, part):
            assert isinstance(reference, Reference), reference
            record = load(reference, {source.name: source.format})
            prepared = prepare(record, recipe.preparation, recipe.window.sampling_rate_hz)
            yield reference, cut(prepared, reference, recipe.spec)


def test_an_event_row_of_the_real_csv(tmp_path):
    write(tmp_path, [REAL])
    (event,) = listed(tmp_path)
    assert (event.kind, event.trace, event.split_key) == ("event", EVENT, "10161")
    assert event.picks == (Pick("P", 7.0), Pick("S", 18.94))
    (told,) = event.events
    assert (told.event_id, told.magnitude, told.depth_km) == ("10161", 3.6, 21.3)
    assert (told.distance_km, told.coda_end_s) == (102.09, 28.96)
    assert (event.network, event.station, event.instrument) == ("TA", "109C", "HH")
    assert event.record_start_ns == 1153670339_450000000
    assert event.start_s == 7.0 - 30.0
    assert told.time_ns == event.record_start_ns - 9_300000000
    assert (told.latitude_deg, told.longitude_deg) == (33.7496, -117.4938)
    assert (event.latitude_deg, event.longitude_deg) == (32.8889, -117.1051)
    np.testing.assert_array_equal(stead.load(event).samples, samples(0))


def test_a_noise_row_of_the_real_csv(tmp_path):
    write(tmp_path, [QUIET])
    (noise,) = listed(tmp_path)
    assert (noise.kind, noise.picks, noise.events) == ("noise", (), ())
    assert (noise.start_s, noise.usable_s) == (0.0, (0.0, 60.0))
    assert noise.split_key == "noise TA.109C 2015-10-21"


@pytest.mark.parametrize(
    "name, category, kind",
    [
        (NOISE, "", "noise"),
        ("X_EV", "noise", "noise"),
        ("X_EV", "earthquake_local", "event"),
        ("X_EV", "", "event"),
    ],
)
def test_name_or_category_tells_the_kind(tmp_path, name, category, kind):
    p = {"p_arrival_sample": "700" if kind == "event" else "None"}
    write(tmp_path, [{**QUIET, **p, "trace_name": name, "trace_category": category}])
    assert [x.kind for x in listed(tmp_path)] == [kind]


def test_what_is_none_is_unknown(tmp_path):
    unknown = ("source_id", "source_magnitude", "source_depth_km", "source_distance_km")
    unknown += ("coda_end_sample", "s_arrival_sample", "trace_start_time")
    write(tmp_path, [{**REAL, **dict.fromkeys(unknown, "None")}])
    (event,) = listed(tmp_path)
    (told,) = event.events
    assert event.split_key == told.event_id == EVENT and event.record_start_ns == -1
    assert all(map(math.isnan, (told.magnitude, told.depth_km, told.distance_km, told.coda_end_s)))
    assert event.picks == (Pick("P", 7.0),)


def test_columns_beyond_name_and_p_may_be_absent(tmp_path):
    write(tmp_path, [{"trace_name": EVENT, "p_arrival_sample": "700"}])
    assert [x.picks for x in listed(tmp_path)] == [(Pick("P", 7.0),)]


def test_noise_before_a_late_p(tmp_path):
    write(tmp_path, [{**REAL, "p_arrival_sample": "3000", "s_arrival_sample": "3500"}])
    event, noise = listed(tmp_path, noise={"guard_s": 3.0})
    assert (event.kind, noise.kind, noise.usable_s) == ("event", "noise", (0.0, 27.0))
    assert len(listed(tmp_path, noise={"before_p": False})) == 1


def test_the_way_to_a_window(tmp_path):
    write(tmp_path, [REAL, QUIET])
    recipe = recipe_of(tmp_path, preparation={"detrend": "none"}, window={"length_s": 60.0})
    (event, window), (noise, quiet) = whole_way(recipe)
    np.testing.assert_array_equal(window["waveform"], samples(0))
    np.testing.assert_array_equal(window["pick_sample"][:2], [700, 1894])
    assert window["event_coda_end_sample"][0] == 2896
    np.testing.assert_array_equal(quiet["waveform"], samples(1))
    assert window["start_time_ns"] == 1153670339_450000000 and quiet["valid"].all()


# Bad input


@pytest.mark.parametrize(
    "cells, parts",
    [
        ({"p_arrival_sample": "-1.0"}, ("p_arrival_sample", "'-1.0'")),
        ({"s_arrival_sample": "-0.5"}, ("s_arrival_sample", "'-0.5'")),
        ({"p_arrival_sample": "early"}, ("p_arrival_sample", "'early'")),
        ({"p_arrival_sample": "inf"}, ("p_arrival_sample", "'inf'")),
        ({"p_arrival_sample": "None"}, ("p_arrival_sample", "'None'")),
        ({"s_arrival_sample": "[[]]"}, ("s_arrival_sample", "'[[]]'")),
        ({"trace_category": "noise"}, ("marked as noise",)),
        ({"trace_name": "A_NO"}, ("marked as noise",)),
        ({"trace_name": "../outside"}, ("trace_name", "'../outside'")),
        ({"trace_name": "/outside"}, ("trace_name", "'/outside'")),
        ({"trace_name": ".."}, ("trace_name", "'..'")),
        ({"trace_name": "None"}, ("trace_name", "empty")),
    ],
)
def test_bad_cells_name_file_line_and_field(tmp_path, cells, parts):
    write(tmp_path, [{**REAL, **cells}], {})
    reason = refusal(tmp_path)
    for part in (f"{tmp_path}/stead.csv:2: ", *parts):
        assert part in reason


def test_noise_too_short_for_the_recipe_is_not_lost(tmp_path):
    write(tmp_path, [QUIET])
    assert "60 s of noise" in refusal(tmp_path, noise={"min_length_s": 70})


def test_a_trace_named_twice_is_listed_once(tmp_path):
    write(tmp_path, [REAL, REAL], {})
    kept, again = listed(tmp_path)
    assert kept.kind == "event" and "after line 2" in again.reason


@pytest.mark.parametrize(
    "content, part",
    [
        (b"", "['p_arrival_sample', 'trace_name'] are missing"),
        (b"trace_name,its\nx,1\n", "['p_arrival_sample'] are missing"),
        (b"trace_name,p_arrival_sample\n", "no windows"),
        (b"trace_name,p_arrival_sample\nx\n", "cells"),
        (b"trace_name,p_arrival_sample\nx,1,2\n", "cells"),
        (b"trace_name,p_arrival_sample\n\xff,1\n", "utf-8"),
    ],
)
def test_bad_csv(tmp_path, content, part):
    (tmp_path / "stead.csv").write_bytes(content)
    reason = refusal(tmp_path)
    assert part in reason and f"{tmp_path}/stead.csv" in reason


def test_no_csv_there(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}/stead.csv: no such file"


def test_unknown_key_names_the_nearest(tmp_path):
    given = {"name": "a", "format": "stead", "csv": "x", "hdf": "y"}
    with pytest.raises(UserError, match="did you mean 'hdf5'"):
        list_parts(parse_recipe({"sources": [given]}, "test"))


def test_a_trace_that_is_not_there(tmp_path):
    write(tmp_path, [REAL], {})
    assert load_refusal(tmp_path) == f"{tmp_path}/stead.hdf5: data/{EVENT} is missing"


def test_a_name_reaches_nothing_beside_data(tmp_path):
    write(tmp_path, [{**REAL, "trace_name": "outside"}], {})
    assert "data/outside is missing" in load_refusal(tmp_path)


@pytest.mark.parametrize("values", [np.zeros((3, 6000)), np.zeros(6000), np.zeros((2, 6000, 3)), 1])
def test_a_trace_of_another_shape(tmp_path, values):
    write(tmp_path, [REAL], {EVENT: values})
    reason = load_refusal(tmp_path)
    assert "expected [n, 3]" in reason and EVENT in reason


def test_a_linked_trace_is_not_followed(tmp_path):
    write(tmp_path, [REAL], {})
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = samples()
    with h5py.File(tmp_path / "stead.hdf5", "a") as file:
        file[f"data/{EVENT}"] = h5py.ExternalLink(tmp_path / "other.h5", "/secret")
    assert "ExternalLink" in load_refusal(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 4000, -1])
def test_truncated_hdf5(tmp_path, keep):
    write(tmp_path, [REAL])
    path = tmp_path / "stead.hdf5"
    path.write_bytes(path.read_bytes()[:keep])
    assert load_refusal(tmp_path).startswith(f"{path}: cannot be read: ")


def test_missing_hdf5(tmp_path):
    write(tmp_path, [REAL])
    (tmp_path / "stead.hdf5").unlink()
    assert load_refusal(tmp_path) == f"{tmp_path}/stead.hdf5: no such file"


# Real data


def test_real_windows_equal_the_file_the_csv_and_the_npz(real_data):
    folder = real_data / "ncedc/stead"
    recipe = recipe_of(folder, preparation={"detrend": "none"}, window={"length_s": 60.0})
    rows = list(csv.DictReader(open(folder / "stead.csv")))
    made = list(whole_way(recipe))
    assert len(made) == len(rows) == 308
    assert sum(r.kind == "noise" for r, _ in made) == 154
    with h5py.File(folder / "stead.hdf5") as file:
        for row, (reference, window) in zip(rows, made):
            truth = file["data"][row["trace_name"]][()]
            np.testing.assert_array_equal(stead.load(reference).samples, truth)
            live = np.ptp(truth, axis=0) > 0
            np.testing.assert_array_equal(window["waveform"][:, live], truth[:, live])
            assert (window["valid"].all(axis=0) == live).all()
            noise = row["trace_name"].endswith("_NO")
            picks = [] if noise else [float(row[f"{p}_arrival_sample"]) for p in "ps"]
            found = window["pick_sample"][np.isfinite(window["pick_sample"])]
            np.testing.assert_array_equal(found, [pick for pick in picks if pick <= 5999])
            assert [p.time_s for p in reference.picks] == [pick / 100 for pick in picks]
            if not noise:
                coda = float(row["coda_end_sample"].strip("[]"))
                assert window["event_coda_end_sample"][0] == pytest.approx(coda, abs=1e-3)


def test_real_cuts_are_the_npz_from_fifteen_seconds_on(real_data):
    listing = list(csv.DictReader(open(real_data / "ncedc/waveform.csv")))
    by_start = {}
    for row in listing:
        with np.load(real_data / "ncedc/npz" / row["fname"]) as npz:
            by_start[
                row["fname"].split("_")[1], npz["data"].astype(np.float32)[1500:7500].tobytes()
            ] = row
    events = [x for x in listed(real_data / "ncedc/stead") if x.kind == "event"]
    assert len(events) == len(listing) == 154
    for reference in events:
        samples_ = stead.load(reference).samples.astype(np.float32)
        row = by_start[reference.station, samples_.tobytes()]
        assert reference.picks[0].time_s * 100 == pytest.approx(int(row["itp"]) - 1500, abs=1e-9)
        assert reference.picks[1].time_s * 100 == pytest.approx(int(row["its"]) - 1500, abs=1e-9)
