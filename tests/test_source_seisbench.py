"""The SeisBench source, against arrays that the tests wrote and files read by h5py alone."""

import csv
import itertools
import math
import os
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import hdf5
from pipelines.cut import cut
from pipelines.prepare import prepare
from pipelines.reference import Pick, Reference, Rejected
from pipelines.sources import list_parts, list_windows, load, seisbench
from schemas.errors import UserError
from schemas.recipe import parse_recipe

RATE, LENGTH = 100, 4000


def traces(count, length=LENGTH, components=3, seed=0):
    """[count, components, length] of numbers that no two places share."""
    flat = np.random.default_rng(seed).permutation(count * components * length)
    return flat.reshape(count, components, length).astype(np.float32)


def write_csv(path, rows):
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows(rows)


def write_hdf5(path, data, order="CW", components="ENZ", rate=RATE):
    with h5py.File(path, "w") as file:
        for name, values in data.items():
            file[f"data/{name}"] = values
        for key, value in {
            "dimension_order": order,
            "component_order": components,
            "sampling_rate": rate,
        }.items():
            if value is not None:
                file[f"data_format/{key}"] = value


def row(name="bucket0$0,:3,:4000", **cells):
    return {
        "trace_name": name,
        "trace_sampling_rate_hz": RATE,
        "trace_P_arrival_sample": 2500,
        "source_id": "quake",
        **cells,
    }


def data_set(folder, rows, data=None, chunk="", **layout):
    data = {"bucket0": traces(2)} if data is None else data
    write_csv(folder / f"metadata{chunk}.csv", rows)
    write_hdf5(folder / f"waveforms{chunk}.hdf5", data, **layout)
    return folder


def recipe_of(folder, **more):
    options = {"name": "a", "format": "seisbench", "path": str(folder), **more.pop("options", {})}
    return parse_recipe({"sources": [options], **more}, "test")


def listed(folder, **more):
    recipe = recipe_of(folder, **more)
    return [x for source, part in list_parts(recipe) for x in list_windows(recipe, source, part)]


def events(folder, **more):
    found = listed(folder, **more)
    assert not [x for x in found if isinstance(x, Rejected)], found
    return [x for x in found if x.kind == "event"]


def refusal(folder, **more):
    """The one reason that the listing gives, on one line."""
    (found,) = listed(folder, **more)
    assert isinstance(found, Rejected) and "\n" not in found.reason, found
    return found.reason


def load_refusal(folder, **more):
    (reference,) = events(folder, **more)
    with pytest.raises(UserError) as caught:
        seisbench.load(reference)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Layouts


@pytest.mark.parametrize("order", ["CW", "WC", "NCW", "NWC"])
def test_block_slices_give_each_trace_without_padding(tmp_path, order):
    truth = traces(3)
    lengths = [4000, 3100, 2700]
    rows = []
    for i, length in enumerate(lengths):
        part = f":3,:{length}" if "CW" in order else f":{length},:3"
        rows.append(row(f"bucket0$0{i},{part}"))
    block = truth if "CW" in order else truth.transpose(0, 2, 1)
    data_set(tmp_path, rows, {"bucket0": block}, order=order)
    for reference, length, expected in zip(events(tmp_path), lengths, truth):
        record = seisbench.load(reference)
        np.testing.assert_array_equal(record.samples, expected[:, :length].T)
        assert record.components == "ENZ" and record.sampling_rate_hz == RATE


@pytest.mark.parametrize("order", ["CW", "WC", "NCW", "NWC"])
@pytest.mark.parametrize("leading", [True, False])
@pytest.mark.parametrize("name", ["own.name_1", "group/deeper/own"])
def test_named_data_set(tmp_path, order, leading, name):
    (truth,) = traces(1)
    held = truth if "CW" in order else truth.T
    data_set(tmp_path, [row(name)], {name: held[None] if leading else held}, order=order)
    (reference,) = events(tmp_path)
    np.testing.assert_array_equal(seisbench.load(reference).samples, truth.T)


@pytest.mark.parametrize("letters", ["".join(p) for p in itertools.permutations("ENZ")] + ["Z12"])
def test_component_order_lands_as_e_n_z(tmp_path, letters):
    (truth,) = traces(1)  # in the file's order
    data_set(tmp_path, [row("t")], {"t": truth}, components=letters)
    (reference,) = events(tmp_path)
    recipe = recipe_of(tmp_path, preparation={"detrend": "none"})
    out = prepare(load(reference, {"a": "seisbench"}), recipe.preparation, RATE).samples
    aliases = {"E": "E2", "N": "N1", "Z": "Z"}
    for column, component in enumerate("ENZ"):
        at = [i for i, letter in enumerate(letters) if letter in aliases[component]]
        np.testing.assert_array_equal(out[:, column], truth[at[0]])


def test_component_order_of_a_row_overrides(tmp_path):
    truth = traces(2)
    rows = [row("bucket0$0,:3,:4000", trace_component_order="ZNE"), row("bucket0$1,:3,:4000")]
    data_set(tmp_path, rows, {"bucket0": truth}, components="ENZ")
    assert [seisbench.load(r).components for r in events(tmp_path)] == ["ZNE", "ENZ"]


def test_vertical_only(tmp_path):
    truth = traces(1, components=1)
    data_set(tmp_path, [row("bucket0$0,:1,:4000")], {"bucket0": truth}, components="Z")
    (reference,) = events(tmp_path)
    recipe = recipe_of(tmp_path, preparation={"detrend": "none"})
    out = prepare(seisbench.load(reference), recipe.preparation, RATE)
    np.testing.assert_array_equal(out.samples[:, 2], truth[0, 0])
    assert out.valid.any(axis=0).tolist() == [False, False, True]


def test_chunks_are_parts_whose_equal_names_stay_apart(tmp_path):
    (tmp_path / "chunks").write_text("_a\n_b\r\n\n")
    for chunk, seed in (("_a", 1), ("_b", 2)):
        data_set(tmp_path, [row()], {"bucket0": traces(1, seed=seed)}, chunk)
    assert len(list_parts(recipe_of(tmp_path))) == 2
    first, second = events(tmp_path)
    assert first.base_id != second.base_id
    np.testing.assert_array_equal(seisbench.load(first).samples, traces(1, seed=1)[0].T)
    np.testing.assert_array_equal(seisbench.load(second).samples, traces(1, seed=2)[0].T)
    (only,) = events(tmp_path, options={"chunk": "_b"})
    assert only.base_id == second.base_id and only.locator == second.locator


def test_remote_folder():
    url = "memory://seisbench-test"
    truth = traces(1)
    files = fsspec.filesystem("memory")
    tmp = Path(os.environ.get("TMPDIR", "/tmp")) / f"seisbench-{os.getpid()}.hdf5"
    write_hdf5(tmp, {"bucket0": truth})
    files.pipe("/seisbench-test/waveforms.hdf5", tmp.read_bytes())
    tmp.unlink()
    cells = "trace_name,trace_P_arrival_sample\n" + '"bucket0$0,:3,:4000",2500\n'
    files.pipe("/seisbench-test/metadata.csv", cells.encode())
    (reference,) = events(url)
    np.testing.assert_array_equal(seisbench.load(reference).samples, truth[0].T)


def test_integers_become_floats_before_anything_overflows(tmp_path):
    truth = np.full((3, 4000), -32768, np.int16)
    truth[:, ::2] = 32767
    data_set(tmp_path, [row("t")], {"t": truth})
    record = seisbench.load(events(tmp_path)[0])
    assert record.samples.dtype == np.float64
    assert np.ptp(record.samples) == 65535


# What a row says


def test_every_field_of_a_row(tmp_path):
    cells = dict(
        trace_s_arrival_sample=3000.5,
        source_magnitude="2.5",
        source_depth_km="[7.25]",
        path_ep_distance_km=31.5,
        trace_coda_end_sample=3600,
        station_network_code="XX",
        station_code="ABC",
        station_location_code="00",
        trace_channel="HHZ",
        trace_start_time="2007/01/01 01:42:45.08",
        split="dev",
        source_origin_time="2007-01-01T01:42:30Z",
        source_latitude_deg=-20.5,
        source_longitude_deg=-69.25,
        station_latitude_deg=-21.0,
        station_longitude_deg=-69.5,
    )
    data_set(tmp_path, [row(**cells)])
    (event,) = events(tmp_path, noise={"before_p": False})
    assert event.picks == (Pick("P", 25.0), Pick("S", 30.005))
    (told,) = event.events
    assert (told.event_id, told.magnitude, told.depth_km) == ("quake", 2.5, 7.25)
    assert (told.distance_km, told.coda_end_s) == (31.5, 36.0)
    assert (event.network, event.station, event.location) == ("XX", "ABC", "00")
    assert (event.instrument, event.source_split) == ("HH", "validation")
    assert event.record_start_ns == 1167615765_080000000
    assert (event.split_key, event.start_s) == ("quake", -5.0)
    assert told.time_ns == event.record_start_ns - 15_080000000
    assert (told.latitude_deg, told.longitude_deg) == (-20.5, -69.25)
    assert (event.latitude_deg, event.longitude_deg) == (-21.0, -69.5)


def test_the_time_of_an_event_is_told_or_that_of_its_only_record(tmp_path):
    began = {"trace_start_time": "2007-01-01T00:00:00Z"}
    data_set(tmp_path, [row(**began), row("bucket0$1,:3,:4000", **began, source_id="")])
    shared, alone = events(tmp_path)
    assert shared.events[0].time_ns == -1
    assert alone.events[0].time_ns == alone.record_start_ns + 25_000000000


def test_noise_before_p_does_not_go_with_the_split_of_its_row(tmp_path):
    data_set(tmp_path, [row(split="test")])
    assert [(x.kind, x.source_split) for x in listed(tmp_path)] == [
        ("event", "test"),
        ("noise", ""),
    ]
    data_set(tmp_path, [row(split="test", trace_P_arrival_sample="", trace_category="noise")])
    assert {(x.kind, x.source_split) for x in listed(tmp_path)} == {("noise", "test")}


@pytest.mark.parametrize("split, expected", [("train", "train"), ("test", "test"), ("odd", "")])
def test_split(tmp_path, split, expected):
    data_set(tmp_path, [row(split=split)])
    assert {r.source_split for r in events(tmp_path)} == {expected}


def test_phases_that_count_and_those_that_do_not(tmp_path):
    counting = {"P": 2000, "Pg": 2100, "Pn": 2200, "P1": 2300, "p": 2400}
    counting |= {"S": 3000, "Sg": 3100.5, "Sn": 3200, "S1": 3300, "s": 3400}
    others = {"PmP": 2550, "SmS": 3550, "pP": 2600, "PKP": 2700, "SKS": 3600}
    cells = {f"trace_{k}_arrival_sample": v for k, v in {**others, **counting}.items()}
    data_set(tmp_path, [row(**cells)])
    (event,) = events(tmp_path)
    expected = {(phase[0].upper(), at / RATE) for phase, at in counting.items()}
    assert {(pick.phase, pick.time_s) for pick in event.picks} == expected
    assert len(event.picks) == len(counting) and {p.event for p in event.picks} == {0}


def test_one_phase_under_two_names_is_one_pick_with_its_polarity(tmp_path):
    cells = dict(
        trace_P_arrival_sample="",
        trace_Pg_arrival_sample=2500.0,
        trace_Pn_arrival_sample=2500,
        trace_Sg_arrival_sample=2500,
        trace_P1_arrival_sample=2600,
        trace_Pn_polarity="negative",
    )
    data_set(tmp_path, [row(**cells)], {"bucket0": traces(1)})
    (event,) = events(tmp_path)
    assert event.picks == (Pick("P", 25.0, -1), Pick("P", 26.0), Pick("S", 25.0))


def test_general_polarity_belongs_to_the_first_p(tmp_path):
    cells = dict(trace_Pn_arrival_sample=2400, trace_S_arrival_sample=3000)
    rows = [
        row(trace_polarity="positive", **cells),
        row("bucket0$1,:3,:4000", trace_polarity="up", trace_Pn_polarity="down", **cells),
    ]
    data_set(tmp_path, rows)
    got = [[pick.polarity for pick in event.picks] for event in events(tmp_path)]
    assert got == [[1, 0, 0], [-1, 0, 0]]


@given(
    rate=st.sampled_from([20.0, 31.25, 50.0, 100.0, 200.0]),
    at=st.floats(0, 1e6, allow_subnormal=False),
)
@settings(max_examples=40, deadline=None)
def test_seconds_are_samples_over_the_rate_of_the_row(tmp_path_factory, rate, at):
    folder = tmp_path_factory.mktemp("rate")
    rows = [row(trace_sampling_rate_hz=rate, trace_P_arrival_sample=repr(at))]
    write_csv(folder / "metadata.csv", rows)
    event = events(folder, noise={"before_p": False})[0]
    assert event.sampling_rate_hz == rate and event.picks[0].time_s == at / rate


@pytest.mark.parametrize(
    "cells, layout, expected",
    [
        ({"trace_sampling_rate_hz": 50}, {"rate": 100}, 50),
        ({"trace_sampling_rate_hz": ""}, {"rate": 40}, 40),
        ({"trace_sampling_rate_hz": "", "trace_dt_s": 0.005}, {"rate": None}, 200),
    ],
)
def test_where_the_rate_stands(tmp_path, cells, layout, expected):
    data_set(tmp_path, [row(**cells)], **layout)
    event = events(tmp_path)[0]
    assert event.picks[0].time_s == 2500 / expected
    assert seisbench.load(event).sampling_rate_hz == expected


def test_listing_does_not_open_the_waveforms(tmp_path):
    write_csv(tmp_path / "metadata.csv", [row()])
    assert len(events(tmp_path)) == 1


def test_missing_source_id_falls_back_on_the_trace(tmp_path):
    data_set(tmp_path, [row(source_id="")])
    (event,) = events(tmp_path)
    assert event.split_key == event.events[0].event_id == "bucket0$0,:3,:4000"


# Noise


def noise_of(folder, **more):
    return [x for x in listed(folder, **more) if x.kind == "noise"]


def test_noise_ends_a_guard_before_the_first_arrival_of_any_phase(tmp_path):
    rows = [
        row(),
        row("bucket0$1,:3,:4000", trace_PKP_arrival_sample=2400),
        row("bucket0$2,:3,:4000", trace_pP_arrival_sample=-5),
        row("bucket0$3,:3,:4000", trace_P_arrival_sample="", trace_S_arrival_sample=3900),
    ]
    data_set(tmp_path, rows)
    found = noise_of(tmp_path, noise={"guard_s": 1.5})
    assert [x.usable_s for x in found] == [(0.0, 23.5), (0.0, 22.5)]
    assert not noise_of(tmp_path, noise={"before_p": False})


@pytest.mark.parametrize(
    "mark",
    [{"trace_category": "noise"}, {"source_type": "Noise"}, {"trace_type": "seismic noise"}],
)
def test_marked_noise_is_tiled_over_its_record(tmp_path, mark):
    cells = dict(trace_P_arrival_sample="", source_id="", trace_start_time="2010-05-27T01:00:00")
    rows = [row("bucket0$0,:3,:25000", **cells, **mark, station_code="ABC")]
    data_set(tmp_path, rows)
    found = listed(tmp_path)
    assert [(x.kind, x.start_s, x.usable_s) for x in found] == [
        ("noise", 0.0, (0.0, 90.0)),
        ("noise", 90.0, (90.0, 180.0)),
        ("noise", 180.0, (180.0, 250.0)),
    ]
    assert {x.split_key for x in found} == {"noise .ABC 2010-05-27"}
    assert all(not x.picks and not x.events for x in found)


@pytest.mark.parametrize(
    "name, cells, ends",
    [
        ("bucket0$0,:3,:4000", {}, [40]),
        ("bucket0$0,100:4000,:3", {}, [39]),
        ("bucket0$0,:3,:", {}, [math.inf]),
        ("own", {}, [math.inf]),
        ("own", {"trace_npts": 12000}, [90, 120]),
    ],
)
def test_length_of_noise(tmp_path, name, cells, ends):
    rows = [row(name, trace_P_arrival_sample="", trace_category="noise", **cells)]
    data_set(tmp_path, rows)
    assert [x.usable_s[1] for x in listed(tmp_path)] == ends


def test_rows_without_arrivals(tmp_path):
    rows = [row(trace_P_arrival_sample=""), row("t", trace_P_arrival_sample="nan")]
    data_set(tmp_path, rows)
    found = listed(tmp_path)
    assert all(isinstance(x, Rejected) for x in found) and len(found) == 2
    assert "no arrival" in found[0].reason and "unpicked" in found[0].reason
    assert [x.kind for x in listed(tmp_path, options={"unpicked": "noise"})] == ["noise"] * 2


@pytest.mark.parametrize(
    "cells, part",
    [
        ({"trace_category": "noise"}, "marked as noise, yet it has arrivals"),
        ({"trace_P_arrival_sample": "", "trace_PmP_arrival_sample": 5}, "none of P or S"),
        ({"trace_P_arrival_sample": "", "trace_category": "noise", "trace_npts": 900}, "9 s of"),
    ],
)
def test_noise_that_is_none(tmp_path, cells, part):
    data_set(tmp_path, [row(**cells)])
    assert part in refusal(tmp_path, options={"unpicked": "noise"})


# Bad input at listing


@pytest.mark.parametrize(
    "cells, parts",
    [
        ({"trace_P_arrival_sample": -1}, ("trace_P_arrival_sample", "'-1'")),
        ({"trace_S_arrival_sample": -0.5}, ("trace_S_arrival_sample", "'-0.5'")),
        ({"trace_P_arrival_sample": "soon"}, ("trace_P_arrival_sample", "'soon'")),
        ({"trace_P_arrival_sample": "inf"}, ("trace_P_arrival_sample", "'inf'")),
        ({"trace_PmP_arrival_sample": "??"}, ("trace_PmP_arrival_sample", "'??'")),
        ({"trace_sampling_rate_hz": "fast"}, ("trace_sampling_rate_hz", "'fast'")),
        ({"trace_sampling_rate_hz": 0}, ("trace_sampling_rate_hz", "'0'")),
        ({"trace_sampling_rate_hz": -5}, ("trace_sampling_rate_hz", "'-5'")),
        ({"trace_sampling_rate_hz": "", "trace_dt_s": 0}, ("trace_dt_s", "'0'")),
        ({"name": ""}, ("trace_name", "empty")),
        ({"name": "b$__import__('os'),:3"}, ("trace_name", "expected such as")),
        ({"name": "b$0,:3,::2"}, ("trace_name", "expected such as")),
        ({"name": "b$-1,:3,:9"}, ("trace_name", "expected such as")),
        ({"name": "b$0,:3,:-9"}, ("trace_name", "expected such as")),
        ({"name": "b$"}, ("trace_name", "expected such as")),
        ({"name": "b$0,:3,9:9"}, ("trace_name", "'b$0,:3,9:9'", "empty")),
        ({"name": "b$0,:3,:0"}, ("trace_name", "empty")),
    ],
)
def test_bad_cells_name_file_line_and_field(tmp_path, cells, parts):
    data_set(tmp_path, [row(**cells)])
    reason = refusal(tmp_path)
    for part in (f"{tmp_path}/metadata.csv:2: ", *parts):
        assert part in reason


def test_bad_numbers_that_only_describe_are_unknown(tmp_path):
    cells = dict(source_magnitude="big", trace_start_time="yesterday", source_depth_km="None")
    data_set(tmp_path, [row(**cells)])
    (event,) = events(tmp_path)
    assert math.isnan(event.events[0].magnitude) and math.isnan(event.events[0].depth_km)
    assert event.record_start_ns == -1


@pytest.mark.parametrize(
    "content, parts",
    [
        (b"", ("'trace_name'", "missing")),
        (b"a,b\n1,2\n", ("'trace_name'", "missing", "['a', 'b']")),
        (b"trace_name\n", ("no windows",)),
        (b"trace_name,x\n\xff\xfe,1\n", ("utf-8",)),
        (b"trace_name,split\nbucket0$0,:3,:4000,train\n", ("cells",)),
        (b"trace_name,trace_P_arrival_sample\nbucket0", ("cells",)),
        (b"trace_name\n" + b"x" * 200_000, ("field larger",)),
    ],
)
def test_bad_csv(tmp_path, content, parts):
    (tmp_path / "metadata.csv").write_bytes(content)
    reason = refusal(tmp_path)
    for part in (str(tmp_path), *parts):
        assert part in reason


def test_no_data_set_there(tmp_path):
    assert "metadata.csv: no such file" in refusal(tmp_path / "nowhere")


def test_a_trace_named_twice_is_listed_once(tmp_path):
    data_set(tmp_path, [row(), row(split="test")])
    kept, _, again = listed(tmp_path)
    assert kept.kind == "event"
    assert again.reason.startswith(f"{tmp_path}/metadata.csv:3: ") and "line 2" in again.reason


@pytest.mark.parametrize("chunk", ["../up", "/etc/passwd", "..", "a/b", "a\\b", "\0"])
def test_chunks_stay_in_the_folder(tmp_path, chunk):
    (tmp_path / "chunks").write_text(f"ok\n{chunk}\n")
    with pytest.raises(UserError, match="chunks: got .*expected"):
        list_parts(recipe_of(tmp_path))


@pytest.mark.parametrize("text", ["", "\n\n", "a\na\n"])
def test_chunks_that_name_nothing_or_twice(tmp_path, text):
    (tmp_path / "chunks").write_text(text)
    with pytest.raises(UserError, match="expected suffixes that differ"):
        list_parts(recipe_of(tmp_path))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    data_set(inside, [row()])
    (inside / "waveforms.hdf5").rename(tmp_path / "elsewhere.hdf5")
    (inside / "waveforms.hdf5").symlink_to(tmp_path / "elsewhere.hdf5")
    assert "leads out of" in refusal(inside)


def test_missing_rate_names_the_file(tmp_path):
    data_set(tmp_path, [row(trace_sampling_rate_hz="")], rate=None)
    reason = refusal(tmp_path)
    assert "waveforms.hdf5: data_format/sampling_rate is missing" in reason


# Bad input at load


@pytest.mark.parametrize(
    "name, part",
    [
        ("bucket9$0,:3,:4000", "data/bucket9 is missing"),
        ("nowhere", "data/nowhere is missing"),
        ("bucket0/deeper", "data/bucket0/deeper is missing"),
        ("../data_format", "expected names between"),
        ("/data/bucket0", "expected names between"),
        ("bucket0$2,:3,:4000", "axis 0: got 2:3, it ends at 2"),
        ("bucket0$0,:4,:4000", "axis 1: got 0:4, it ends at 3"),
        ("bucket0$0,:3,:4001", "axis 2: got 0:4001, it ends at 4000"),
        ("bucket0$0,:3,5000:", "axis 2: got 5000:4000"),
        ("bucket0$0,:3,:4000,:1", "4 slices"),
        ("bucket0$:,:3,:4000", "expected one trace of a block"),
        ("bucket0", "(2, 3, 4000)"),
        ("bucket0$0,:2,:4000", "(2, 4000), expected CW with components 'ENZ'"),
    ],
)
def test_traces_that_are_not_there(tmp_path, name, part):
    data_set(tmp_path, [row(name)])
    reason = load_refusal(tmp_path)
    assert part in reason and str(tmp_path / "waveforms.hdf5") in reason


@pytest.mark.parametrize(
    "layout, part",
    [
        ({"order": None}, "data_format/dimension_order is missing"),
        ({"components": None}, "data_format/component_order is missing"),
        ({"order": "CNW"}, "dimension_order: got 'CNW', expected CW or WC"),
        ({"order": "XY"}, "dimension_order: got 'XY'"),
        ({"components": "ZZE"}, "'ZZE', expected distinct"),
        ({"components": "Z"}, "components 'Z'"),
        ({"order": np.zeros(3)}, "expected one text or number"),
        ({"order": h5py.Empty("f4")}, "expected a data set"),
    ],
)
def test_bad_data_format(tmp_path, layout, part):
    data_set(tmp_path, [row()], **layout)
    assert part in load_refusal(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 500, 0.5, 0.999])
def test_truncated_waveforms(tmp_path, keep):
    data_set(tmp_path, [row()])
    path = tmp_path / "waveforms.hdf5"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    assert f"{path}: cannot be read: " in load_refusal(tmp_path)


def test_missing_waveforms(tmp_path):
    data_set(tmp_path, [row()])
    (tmp_path / "waveforms.hdf5").unlink()
    assert "waveforms.hdf5: no such file" in load_refusal(tmp_path)


def outside(folder):
    """A good file elsewhere that a hostile one may point to."""
    path = folder / "other.h5"
    with h5py.File(path, "w") as file:
        file["secret"] = traces(1)[0]
    (folder / "raw.bin").write_bytes(traces(1)[0].tobytes())
    return path


def external_link(file, folder):
    file["data/t"] = h5py.ExternalLink(outside(folder), "/secret")


def soft_link(file, folder):
    file["elsewhere"] = traces(1)[0]
    file["data/t"] = h5py.SoftLink("/elsewhere")


def virtual(file, folder):
    layout = h5py.VirtualLayout((3, LENGTH), np.float32)
    layout[:] = h5py.VirtualSource(outside(folder), "secret", (3, LENGTH))
    file.create_virtual_dataset("data/t", layout)


def external_storage(file, folder):
    outside(folder)
    where = [(str(folder / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("data/t", (3, LENGTH), np.float32, external=where)


def group(file, folder):
    file.create_group("data/t")


def words(file, folder):
    file["data/t"] = np.full((3, 10), b"word")


def compound(file, folder):
    file["data/t"] = np.zeros((3, 10), [("x", "f4")])


def null(file, folder):
    file["data/t"] = h5py.Empty("f4")


def huge(file, folder):
    file.create_dataset("data/t", (3, 1 << 40), np.float32, chunks=(3, 1 << 10))


def huge_chunk(file, folder):
    file.create_dataset(
        "data/t", (3, 10), np.float32, chunks=(1 << 10, 1 << 19), maxshape=(None, None)
    )


@pytest.mark.parametrize(
    "write, part",
    [
        (external_link, "ExternalLink"),
        (soft_link, "SoftLink"),
        (virtual, "other files"),
        (external_storage, "other files"),
        (group, "expected a data set"),
        (words, "expected numbers"),
        (compound, "expected numbers"),
        (null, "expected a data set"),
        (huge, "bytes, expected at most"),
        (huge_chunk, "bytes, expected at most"),
    ],
)
def test_what_no_trace_may_be(tmp_path, write, part):
    data_set(tmp_path, [row("t")], {})
    with h5py.File(tmp_path / "waveforms.hdf5", "a") as file:
        write(file, tmp_path)
    reason = load_refusal(tmp_path)
    assert part in reason and "data/t" in reason


def test_an_external_link_above_the_trace_is_refused(tmp_path):
    data_set(tmp_path, [row("secret")], {})
    with h5py.File(tmp_path / "waveforms.hdf5", "a") as file:
        file["data"] = h5py.ExternalLink(outside(tmp_path), "/")
    assert "ExternalLink" in load_refusal(tmp_path)


@given(st.text(alphabet="b$0123:, -/.e", max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_name_is_parsed_as_numpy_would_or_refused(name):
    try:
        block, slices = hdf5.split_slices(name)
    except UserError:
        return
    axes = np.arange(5000)
    written = name.partition("$")[2].split(",") if "$" in name else []
    assert block == name.partition("$")[0] and len(slices) == len(written)
    for part, text in zip(slices, written):
        first, colon, last = text.strip().partition(":")
        stop = (int(last) if last else None) if colon else int(first) + 1
        expected = axes[slice(int(first or 0), stop)]
        np.testing.assert_array_equal(axes[part], expected)


def test_objects_that_are_no_text_are_not_read(tmp_path):
    data_set(tmp_path, [row()], components=None)
    with h5py.File(tmp_path / "waveforms.hdf5", "a") as file:
        kind = h5py.vlen_dtype(np.float32)
        file.create_dataset("data_format/component_order", (), kind)
    assert "component_order: got object (), expected one text or number" in load_refusal(tmp_path)


# Open files


def test_a_file_replaced_on_disk_is_read_anew(tmp_path):
    data_set(tmp_path, [row()], {"bucket0": traces(1, seed=1)})
    (reference,) = events(tmp_path)
    np.testing.assert_array_equal(seisbench.load(reference).samples, traces(1, seed=1)[0].T)
    write_hdf5(tmp_path / "new.hdf5", {"bucket0": traces(1, seed=2)})
    os.replace(tmp_path / "new.hdf5", tmp_path / "waveforms.hdf5")
    np.testing.assert_array_equal(seisbench.load(reference).samples, traces(1, seed=2)[0].T)


def test_few_files_stay_open(tmp_path):
    for i in range(20):
        write_hdf5(tmp_path / f"{i}.hdf5", {"t": np.full((3, 4), i)})
    for i in [*range(20), *range(20)]:
        assert hdf5.read(str(tmp_path / f"{i}.hdf5"), "data/t")[0, 0] == i
    if os.path.isdir("/proc/self/fd"):
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        held = [os.readlink(link) for link in links if os.path.islink(link)]
        assert 0 < sum(str(tmp_path) in name for name in held) <= 8


# The whole way


def whole_way(recipe):
    """Every listed reference with its window, as the job would make it."""
    for source, part in list_parts(recipe):
        for reference in list_windows(recipe, source, part):
            assert isinstance(reference, Reference), reference
            record = load(reference, {source.name: source.format})
            prepared = prepare(record, recipe.preparation, recipe.window.sampling_rate_hz)
            yield reference, cut(prepared, reference, recipe.spec)


def test_p_past_the_end_is_refused_by_the_cut(tmp_path):
    data_set(tmp_path, [row(trace_P_arrival_sample=4500)])
    with pytest.raises(UserError, match="P at 45 s is outside the record of 40 s"):
        list(whole_way(recipe_of(tmp_path, noise={"before_p": False})))


def test_s_past_the_end_is_no_pick_of_the_window(tmp_path):
    data_set(tmp_path, [row(trace_S_arrival_sample=4500)])
    ((_, window),) = whole_way(recipe_of(tmp_path, noise={"before_p": False}))
    assert np.isfinite(window["pick_sample"]).sum() == 1
    assert window["event_s_sample"][0] == 4500 + 500  # the window begins 5 s before the record


def truth_of_row(cells, file):
    """A row's samples, E N Z, read from the file by h5py alone."""
    block, where = cells["trace_name"].split("$")
    at, _, length = (int(part.strip(":")) for part in where.split(","))
    letters = file["data_format/component_order"][()].decode()
    held = file[f"data/{block}"][at][:, :length]
    return np.stack([held[letters.index(component)] for component in "ENZ"], axis=1)


def test_real_windows_equal_the_file_the_csv_and_the_npz(real_data):
    folder = real_data / "ncedc/seisbench"
    rows = list(csv.DictReader(open(folder / "metadata.csv")))
    recipe = recipe_of(folder, preparation={"detrend": "none"})
    made = list(whole_way(recipe))
    windows = [(r, w) for r, w in made if r.kind == "event"]
    assert len(windows) == len(rows) == 154
    assert sum(r.kind == "noise" for r, _ in made) == 154
    with h5py.File(folder / "waveforms.hdf5") as file:
        for cells, (reference, window) in zip(rows, windows):
            record, truth = seisbench.load(reference), truth_of_row(cells, file)
            assert record.components == "ENZ"
            np.testing.assert_array_equal(record.samples, truth)
            with np.load(real_data / "ncedc/npz" / cells["trace_name_original"]) as npz:
                np.testing.assert_array_equal(truth, npz["data"].astype(np.float32))
                picks = [float(npz["itp"]), float(npz["its"])]
            keys = ("trace_p_arrival_sample", "trace_s_arrival_sample")
            assert picks == [float(cells[key]) for key in keys]
            assert [p.time_s * 100 for p in reference.picks] == pytest.approx(picks, abs=1e-9)
            np.testing.assert_array_equal(window["waveform"], truth[:9000])
            np.testing.assert_array_equal(window["pick_sample"][:2], picks)
            assert window["pick_phase"][:3].tolist() == [1, 2, 0]
            assert reference.events[0].event_id == cells["source_id"]


def test_real_noise_lies_before_p(real_data):
    folder = real_data / "ncedc/seisbench"
    made = [w for r, w in whole_way(recipe_of(folder)) if r.kind == "noise"]
    assert len(made) == 154
    for window in made:
        valid = np.flatnonzero(window["valid"].any(axis=1))
        assert valid[0] == 0 and valid[-1] == 2799  # P is sample 3000, the guard 2 s
        assert not np.isfinite(window["pick_sample"]).any()


@pytest.mark.parametrize("name", ["dummydataset", "chunkeddummydataset"])
def test_real_examples_of_seisbench(real_data, name):
    folder = real_data / "seisbench_examples" / name
    more = {"options": {"unpicked": "noise"}, "preparation": {"detrend": "none"}}
    recipe = recipe_of(folder, **more, window={"sampling_rate_hz": 20, "length_s": 60})
    made, count = list(whole_way(recipe)), 0
    for chunk in ["0", "1"] if name.startswith("chunked") else [""]:
        with h5py.File(folder / f"waveforms{chunk}.hdf5") as file:
            for cells in csv.DictReader(open(folder / f"metadata{chunk}.csv")):
                reference, window = made[count]
                truth = truth_of_row(cells, file)
                live = np.ptp(truth, axis=0) > 0
                np.testing.assert_array_equal(
                    window["waveform"][:, live], truth[:, live].astype(np.float32)
                )
                assert reference.source_split == cells["split"].replace("dev", "validation")
                count += 1
    assert count == len(made) > 0
    assert all(isinstance(x, Rejected) for x in listed(folder))
