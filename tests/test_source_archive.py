"""The archive source, against files that ObsPy wrote and rotated, and real ones."""

import csv
import math
from collections import Counter, defaultdict
from io import BytesIO

import numpy as np
import obspy
import pytest
from obspy import Stream, Trace, UTCDateTime
from obspy.core import event as quakeml
from obspy.core.inventory import Channel, Inventory, Network, Site, Station

from pipelines.cut import cut
from pipelines.prepare import prepare
from pipelines.reference import Reference, Rejected
from pipelines.sources import formats, list_parts, list_windows, load
from pipelines.sources._archive_samples import nominal_rate
from pipelines.sources._obspy_examples import build_archive
from schemas.errors import UserError
from schemas.recipe import parse_recipe

NOON = UTCDateTime("2020-03-01T12:00:00")
RNG = np.random.default_rng(5)
FORMATS = {"a": "archive"}


def counts(n):
    return RNG.integers(-1000, 1000, n).astype(np.int32)


def trace(seed_id, start, data, rate=100.0):
    network, station, location, channel = seed_id.split(".")
    return Trace(
        data,
        {
            "network": network,
            "station": station,
            "location": location,
            "channel": channel,
            "starttime": start,
            "sampling_rate": rate,
        },
    )


def put(root, *traces, day=None):
    """Write traces to the day file of the first one's start, or of `day`."""
    stats = traces[0].stats
    day = (day or stats.starttime).datetime
    channel = f"{stats.channel}.D"
    name = f"{stats.network}.{stats.station}.{stats.location}.{channel}.{day:%Y.%j}"
    folder = root / f"{day:%Y}" / stats.network / stats.station / channel
    folder.mkdir(parents=True, exist_ok=True)
    Stream(list(traces)).write(str(folder / name), format="MSEED", reclen=512)
    return folder / name


def pick(seed_id, phase, time, **more):
    network, station, location, channel = seed_id.split(".")
    code = quakeml.WaveformStreamID(network, station, location, channel or None)
    return quakeml.Pick(waveform_id=code, phase_hint=phase, time=time, **more)


def write_catalog(path, **picks):
    events = [
        quakeml.Event(resource_id=quakeml.ResourceIdentifier(f"smi:test/{name}"), picks=list(held))
        for name, held in picks.items()
    ]
    quakeml.Catalog(events).write(str(path), format="QUAKEML")
    return path


def recipe_of(tmp_path, catalog=None, noise=None, window=None, **options):
    source = {
        "name": "a",
        "format": "archive",
        "path": str(tmp_path / "sds"),
        "catalog": str(catalog or tmp_path / "catalog.xml"),
        **options,
    }
    return parse_recipe({"sources": [source], "noise": noise or {}, "window": window or {}}, "test")


def listed(recipe):
    items = [
        item
        for source, options in list_parts(recipe)
        for item in list_windows(recipe, source, options)
    ]
    windows = [item for item in items if isinstance(item, Reference)]
    return windows, [item for item in items if isinstance(item, Rejected)]


def events_of(recipe):
    return [w for w in listed(recipe)[0] if w.kind == "event"]


def window_of(reference, recipe):
    record = load(reference, FORMATS)
    return cut(
        prepare(record, recipe.preparation, recipe.window.sampling_rate_hz), reference, recipe.spec
    )


def reason(recipe):
    windows, rejected = listed(recipe)
    assert not windows and len(rejected) == 1
    assert "\n" not in rejected[0].reason
    return rejected[0].reason


@pytest.fixture
def sds(tmp_path):
    folder = tmp_path / "sds"
    folder.mkdir()
    return folder


def one_event(tmp_path, *picks, **options):
    """Return the recipe and the single event window of a P at noon."""
    picks = picks or (pick("XX.A..HHZ", "P", NOON),)
    write_catalog(tmp_path / "catalog.xml", one=picks)
    recipe = recipe_of(tmp_path, **options)
    (window,) = events_of(recipe)
    return recipe, window


def test_helpers_are_not_formats():
    assert "archive" in formats()
    assert not [name for name in formats() if name.startswith("_")]


def test_an_event_window_with_what_the_catalog_says(sds, tmp_path):
    data = {c: counts(30_000) for c in "ENZ"}
    for c in data:
        put(sds, trace(f"XX.A.00.HH{c}", NOON - 150, data[c]))
    origin = quakeml.Origin(time=NOON - 9, latitude=10.0, longitude=20.0, depth=12_000.0)
    p = pick("XX.A.00.HHZ", "Pg", NOON, polarity="negative")
    s = pick("XX.A.00.HHN", "Sg", NOON + 5.1234)
    origin.arrivals = [quakeml.Arrival(pick_id=p.resource_id, phase="Pg", distance=0.5)]
    late = pick("XX.A.00.HHZ", "P", NOON + 3, evaluation_status="rejected")
    other = pick("XX.A.00.HHZ", "pP", NOON + 1)
    event = quakeml.Event(
        resource_id=quakeml.ResourceIdentifier("smi:test/one"),
        picks=[p, s, late, other],
        origins=[origin],
        magnitudes=[quakeml.Magnitude(mag=3.5)],
    )
    quakeml.Catalog([event]).write(str(tmp_path / "catalog.xml"), format="QUAKEML")
    recipe = recipe_of(tmp_path)
    (window,) = events_of(recipe)
    assert window.trace == "XX.A.00.HH_20200301T115930.000"
    assert [(k.phase, k.time_s, k.polarity) for k in window.picks] == [
        ("P", 50.0, -1),
        ("S", 55.1234, 0),
    ]
    (found,) = window.events
    assert (found.event_id, found.magnitude, found.depth_km) == ("smi:test/one", 3.5, 12.0)
    assert found.distance_km == pytest.approx(55.6, abs=0.1)
    assert (found.time_ns, found.latitude_deg, found.longitude_deg) == ((NOON - 9).ns, 10.0, 20.0)
    assert math.isnan(window.latitude_deg) and math.isnan(window.longitude_deg)
    record = load(window, FORMATS)
    assert (record.components, record.offset_s, record.sampling_rate_hz) == ("ENZ", 0.0, 100.0)
    first = 15_000 - 5_000
    np.testing.assert_array_equal(
        record.samples, np.stack([data[c][first : first + 13_000] for c in "ENZ"], axis=1)
    )
    assert record.valid.all()
    held = window_of(window, recipe)
    assert held["pick_sample"][:2].tolist() == [3000.0, pytest.approx(3512.34, abs=1e-3)]


def test_a_distance_from_the_inventory_where_the_catalog_has_none(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(12_000)))
    origin = quakeml.Origin(time=NOON, latitude=0.0, longitude=1.0)
    event = quakeml.Event(picks=[pick("XX.A..HHZ", "P", NOON)], origins=[origin])
    quakeml.Catalog([event]).write(str(tmp_path / "catalog.xml"), format="QUAKEML")
    path = inventory(tmp_path, {"HHZ": (0.0, -90.0)})
    quiet = {"guard_s": 2, "after_s": 10, "min_length_s": 20}
    windows, _ = listed(recipe_of(tmp_path, inventory=path, noise=quiet))
    assert windows[0].events[0].distance_km == pytest.approx(111.3, abs=0.1)
    assert [w.kind for w in windows] == ["event", "noise", "noise"]
    station = obspy.read_inventory(path)[0][0]
    for window in windows:
        assert (window.latitude_deg, window.longitude_deg) == (station.latitude, station.longitude)


def test_a_window_across_midnight_is_one_record(sds, tmp_path):
    midnight, data = UTCDateTime("2020-03-01"), counts(20_000)
    # The first file ends a second late, as the last miniSEED record of a day does.
    put(sds, trace("XX.A..HHZ", midnight - 100, data[:10_100]))
    put(sds, trace("XX.A..HHZ", midnight + 1, data[10_100:]))
    _, window = one_event(tmp_path, pick("XX.A..HHZ", "P", midnight + 2))
    record = load(window, FORMATS)
    np.testing.assert_array_equal(record.samples[:, 0], data[5_200:18_200])
    assert record.valid.all()
    (_, early) = one_event(tmp_path, pick("XX.A..HHZ", "P", midnight - 2))
    np.testing.assert_array_equal(load(early, FORMATS).samples[:, 0], data[4_800:17_800])


def test_a_gap_is_not_valid_and_a_missing_component_is_a_gap(sds, tmp_path):
    data = counts(20_000)
    put(
        sds,
        trace("XX.A..HHZ", NOON - 100, data[:10_500]),
        trace("XX.A..HHZ", NOON + 10, data[11_000:]),
    )
    put(sds, trace("XX.A..HHN", NOON - 90, data[:300]), day=NOON)
    recipe, window = one_event(tmp_path)
    record = load(window, FORMATS)
    assert record.components == "Z"  # N ends before the record begins
    gap = slice(10_500 - 5_000, 11_000 - 5_000)
    expected = np.ones(13_000, bool)
    expected[gap] = False
    np.testing.assert_array_equal(record.valid[:, 0], expected)
    assert not record.samples[gap].any()
    np.testing.assert_array_equal(record.samples[expected, 0], data[5_000:18_000][expected])


def test_overlaps_stay_valid_only_where_they_agree(sds, tmp_path):
    data = counts(20_000)
    other = data[11_900:].copy()
    other[:100] += 1
    put(
        sds,
        trace("XX.A..HHZ", NOON - 100, data[:10_500]),
        trace("XX.A..HHZ", NOON + 2, data[10_200:12_000]),
        trace("XX.A..HHZ", NOON + 19, other),
    )
    _, window = one_event(tmp_path)
    record = load(window, FORMATS)
    bad = slice(11_900 - 5_000, 12_000 - 5_000)
    assert not record.valid[bad].any() and record.valid.sum() == 13_000 - 100
    keep = record.valid[:, 0]
    np.testing.assert_array_equal(record.samples[keep, 0], data[5_000:18_000][keep])
    merged = obspy.read(str(next(sds.rglob("*.061")))).merge(method=0)[0]
    np.testing.assert_array_equal(~np.ma.getmaskarray(merged.data)[5_000:18_000], keep)


def test_the_rate_at_the_pick_is_kept(sds, tmp_path):
    data = counts(20_000)
    put(
        sds,
        trace("XX.A..HHZ", NOON - 100, data[:2_500], 50.0),
        trace("XX.A..HHZ", NOON - 50, data, 100.0),
    )
    put(sds, trace("XX.A..HHE", NOON - 100, data, 50.0))
    put(sds, trace("XX.A..HHN", NOON - 100, data, 100.0 * (1 + 4e-6)))
    _, window = one_event(tmp_path)
    record = load(window, FORMATS)
    assert (record.components, record.sampling_rate_hz) == ("NZ", 100.0)
    np.testing.assert_array_equal(record.samples[:, 1], data[:13_000])
    # P before the change: the slower rate counts, and E joins.
    _, early = one_event(tmp_path, pick("XX.A..HHZ", "P", NOON - 60))
    record = load(early, FORMATS)
    assert (record.components, record.sampling_rate_hz) == ("EZ", 50.0)
    valid = record.valid[:, record.components.index("Z")]
    assert valid.sum() == 2_500 and record.offset_s == 10.0


def test_components_share_the_verticals_grid(sds, tmp_path):
    data = counts(20_000)
    put(sds, trace("XX.A..HHZ", NOON - 40.003, data))
    put(sds, trace("XX.A..HHN", NOON - 45.001, data))
    _, window = one_event(tmp_path)
    record = load(window, FORMATS)
    # Times of Z's grid are 7 ms past a hundredth of a second; N is 2 ms off it, and earlier.
    assert record.offset_s == pytest.approx(4.997) and record.components == "NZ"
    np.testing.assert_array_equal(record.samples[:12_000, 0], data[:12_000])
    assert record.valid[:, 1].argmax() == 500
    np.testing.assert_array_equal(record.samples[500:12_000, 1], data[:11_500])


def inventory(tmp_path, lies):
    channels = [
        Channel(code, "", 0.0, 0.0, 0.0, 0.0, azimuth=azimuth, dip=dip, sample_rate=100.0)
        for code, (azimuth, dip) in lies.items()
    ]
    station = Station("A", 0.0, 0.0, 0.0, channels=channels, site=Site("A"))
    path = tmp_path / "stations.xml"
    Inventory([Network("XX", stations=[station])]).write(str(path), format="STATIONXML")
    return str(path)


def test_1_2_z_stay_without_an_inventory_and_turn_with_one(sds, tmp_path):
    data = {c: counts(13_000) for c in "12Z"}
    for c in data:
        put(sds, trace(f"XX.A..HH{c}", NOON - 50, data[c]))
    recipe, window = one_event(tmp_path)
    assert load(window, FORMATS).components == "12Z"
    assert window_of(window, recipe)["valid"].all()
    path = inventory(tmp_path, {"HH1": (33.0, 2.0), "HH2": (125.0, -1.0), "HHZ": (0.0, -90.0)})
    _, window = one_event(tmp_path, inventory=path)
    record = load(window, FORMATS)
    stream = Stream([trace(f"XX.A..HH{c}", NOON - 50, data[c].astype(float)) for c in "12Z"])
    stream.rotate("->ZNE", inventory=obspy.read_inventory(path))
    assert record.components == "ENZ" and record.valid.all()
    for column, c in enumerate("ENZ"):
        expected = stream.select(component=c)[0].data
        np.testing.assert_allclose(record.samples[:, column], expected, atol=1e-9)


def test_turned_components_are_valid_where_all_are(sds, tmp_path):
    put(
        sds,
        trace("XX.A..HH1", NOON - 50, counts(6_000)),
        trace("XX.A..HH1", NOON + 20, counts(6_000)),
    )
    for c in "2Z":
        put(sds, trace(f"XX.A..HH{c}", NOON - 50, counts(13_000)))
    lies = {"HH1": (33.0, 0.0), "HH2": (123.0, 0.0), "HHZ": (0.0, -90.0)}
    _, window = one_event(tmp_path, inventory=inventory(tmp_path, lies))
    record = load(window, FORMATS)
    assert record.valid.sum(axis=0).tolist() == [12_000] * 3
    _, window = one_event(tmp_path, inventory=inventory(tmp_path, dict(list(lies.items())[1:])))
    assert window.locator["inventory"] and load(window, FORMATS).components == "12Z"


def test_locations_are_separate_instruments(sds, tmp_path):
    data = {"00": counts(20_000), "10": counts(20_000)}
    for location in data:
        put(sds, trace(f"XX.A.{location}.HHZ", NOON - 60, data[location]))
    _, window = one_event(tmp_path, pick("XX.A.10.HHZ", "P", NOON), pick("XX.A..", "S", NOON + 4))
    assert (window.location, [p.phase for p in window.picks]) == ("10", ["P", "S"])
    np.testing.assert_array_equal(load(window, FORMATS).samples[:, 0], data["10"][1_000:14_000])


@pytest.mark.parametrize(
    ("held", "codes", "found"),
    [
        (["EHZ", "HHZ", "HNZ"], ["XX.A..", "XX.A.."], ["HH"]),
        (["HNZ", "EHZ"], ["XX.A..", "XX.A.."], ["EH"]),
        (["DPZ", "BNZ"], ["XX.A..", "XX.A.."], ["BN"]),
        (["EHZ", "HHZ"], ["XX.A..", "XX.A..EHN"], ["EH"]),
        (["EHZ", "HHZ"], ["XX.A..EH", "XX.A.."], ["EH"]),
        (["HHZ", "HNZ"], ["XX.A..HHZ", "XX.A..HNZ"], ["HH", "HN"]),
        (["HHZ"], ["XX.A..HHZ", "XX.A..HNN"], ["HH"]),
    ],
)
def test_picks_find_their_instrument_and_join(sds, tmp_path, held, codes, found):
    for channel in held:
        put(sds, trace(f"XX.A..{channel}", NOON - 60, counts(20_000)))
    write_catalog(
        tmp_path / "catalog.xml", one=[pick(codes[0], "P", NOON), pick(codes[1], "S", NOON + 5)]
    )
    windows = events_of(recipe_of(tmp_path))
    assert sorted(w.instrument for w in windows) == found
    assert all([p.phase for p in w.picks] == ["P", "S"] for w in windows)


def test_a_manual_pick_replaces_an_automatic_one(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    _, window = one_event(
        tmp_path,
        pick("XX.A..HHZ", "P", NOON - 1, evaluation_mode="automatic"),
        pick("XX.A..HHZ", "P", NOON, evaluation_mode="manual"),
    )
    assert [p.time_s for p in window.picks] == [50.0]


def test_events_in_one_window_are_all_labelled_and_share_a_split(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 200, counts(50_000)))
    write_catalog(
        tmp_path / "catalog.xml",
        late=[pick("XX.A..HHZ", "P", NOON + 40), pick("XX.A..HHZ", "S", NOON + 45)],
        first=[pick("XX.A..HHZ", "P", NOON), pick("XX.A..HHZ", "S", NOON + 5)],
        far=[pick("XX.A..HHZ", "P", NOON + 240)],
    )
    recipe = recipe_of(tmp_path)
    late, first, far = events_of(recipe)
    assert [e.event_id for e in first.events] == ["smi:test/first", "smi:test/late"]
    assert [e.event_id for e in late.events] == ["smi:test/late", "smi:test/first"]
    assert [(p.phase, p.time_s, p.event) for p in first.picks] == [
        ("P", 50.0, 0),
        ("S", 55.0, 0),
        ("P", 90.0, 1),
        ("S", 95.0, 1),
    ]
    assert first.split_key == late.split_key == "event smi:test/first" != far.split_key
    held = window_of(first, recipe)
    assert held["pick_sample"][:4].tolist() == [3000, 3500, 7000, 7500]
    assert held["pick_event"][:4].tolist() == [0, 0, 1, 1]
    assert len({w.base_id for w in listed(recipe)[0]}) == len(listed(recipe)[0])


def test_a_pick_beyond_what_was_recorded_costs_only_itself(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(7_000)))
    write_catalog(
        tmp_path / "catalog.xml",
        one=[pick("XX.A..HHZ", "P", NOON)],
        two=[pick("XX.A..HHZ", "P", NOON + 30)],
    )
    recipe = recipe_of(tmp_path)
    one, two = events_of(recipe)
    held = window_of(one, recipe)
    assert np.isfinite(held["pick_sample"]).sum() == 1
    assert held["event_p_sample"][1] - held["event_p_sample"][0] == 3000
    assert not np.isfinite(window_of(two, recipe)["pick_sample"][1:]).any()


def test_the_same_event_twice_is_one_window_and_one_rejected(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    write_catalog(
        tmp_path / "catalog.xml",
        one=[pick("XX.A..HHZ", "P", NOON)],
        two=[pick("XX.A..HHZ", "P", NOON)],
    )
    windows, rejected = listed(recipe_of(tmp_path, noise={"min_length_s": 1e6}))
    assert len(windows) == len(rejected) == 1 and "same window" in rejected[0].reason


def test_a_pick_of_a_station_without_a_file_is_rejected(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    write_catalog(
        tmp_path / "catalog.xml", one=[pick("XX.A..HHZ", "P", NOON), pick("XX.B..HHZ", "P", NOON)]
    )
    windows, rejected = listed(recipe_of(tmp_path))
    assert [w.station for w in windows if w.kind == "event"] == ["A"]
    assert "no day file of XX.B..HHZ on 2020-03-01" in rejected[0].reason


def test_noise_keeps_away_from_every_pick(sds, tmp_path):
    midnight = UTCDateTime("2020-03-02")
    put(sds, trace("XX.A..HHZ", midnight - 1000, counts(100_000)))
    put(sds, trace("XX.A..HHZ", midnight, counts(100_000)))
    put(sds, trace("XX.B..HHN", midnight - 500, counts(30_000)))
    times = [midnight - 700, midnight - 130, midnight + 400, midnight + 410]
    write_catalog(
        tmp_path / "catalog.xml",
        one=[
            pick("XX.A..HHZ", "P", times[0]),
            pick("XX.B..HHZ", "S", times[1], evaluation_status="rejected"),
        ],
        two=[pick("YY.C..HHZ", "P", times[2]), pick("XX.A..HHZ", "Lg", times[3])],
    )
    recipe = recipe_of(tmp_path, noise={"guard_s": 3.0, "after_s": 60.0})
    windows = [w for w in listed(recipe)[0] if w.kind == "noise"]
    spans = sorted(
        (
            w.station,
            w.record_start_ns + round(w.usable_s[0] * 1e9),
            w.record_start_ns + round(w.usable_s[1] * 1e9),
        )
        for w in windows
    )
    for _, start, end in spans:
        assert end - start >= 20e9
        for time in times:
            assert end <= time.ns - 3e9 or start >= time.ns + 60e9
    # 297 s + 507 s (across midnight) + 527 s + 460 s... in 90 s tiles of at least 20 s.
    a = [(start, end) for station, start, end in spans if station == "A"]
    expected = [297, 507, 467, 530]
    assert len(a) == sum(int(t // 90) + (t % 90 >= 20) for t in expected)
    assert any(start < midnight.ns < end for start, end in a)
    assert all(e1 <= s2 for (_, e1), (s2, _) in zip(a, a[1:]))
    assert {s for s, *_ in spans} == {"A", "B"}
    for reference in windows:
        held = window_of(reference, recipe)
        share = (reference.usable_s[1] - reference.usable_s[0]) / 90.0
        assert held["valid"].any(axis=1).mean() == pytest.approx(share, abs=1e-3)


def test_noise_can_be_left_out(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 600, counts(80_000)))
    write_catalog(tmp_path / "catalog.xml", one=[pick("XX.A..HHZ", "P", NOON)])
    source = recipe_of(tmp_path).sources[0].model_dump() | {"noise": False}
    recipe = parse_recipe({"sources": [source]}, "test")
    assert [w.kind for w in listed(recipe)[0]] == ["event"]


@pytest.mark.parametrize(
    ("rate", "nominal"),
    [
        (99.9999, 100.0),
        (62.5, 62.5),
        (99.99, 99.99),
        (0.1, 0.1),
        (200.0005, 200.0),
        (math.inf,) * 2,
    ],
)
def test_a_rate_that_jitters_is_the_nominal_one(rate, nominal):
    assert nominal_rate(rate) == nominal


def whole(path):
    return path.read_bytes()


def truncated(path):
    path.write_bytes(whole(path)[: 512 * 4 + 100])


def garbage(path):
    path.write_bytes(bytes(range(256)) * 20)


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    data = bytearray(whole(path))
    middle = len(data) // 1024 * 512
    data[middle + 200 : middle + 260] = bytes(60)
    path.write_bytes(bytes(data))


def tail_of_garbage(path):
    path.write_bytes(whole(path) + b"\xff" * 700)


def of_another_channel(path):
    Stream([trace("XX.Z..HHZ", NOON - 60, counts(9_000))]).write(str(path), format="MSEED")


def of_text(path):
    held = Trace(np.frombuffer(b"hello seismology" * 9, "|S1"))
    held.id, held.stats.starttime = "XX.A..HHZ", NOON
    held.write(str(path), format="MSEED", encoding="ASCII")


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        garbage,
        emptied,
        flipped,
        tail_of_garbage,
        of_another_channel,
        of_text,
    ],
)
def test_a_damaged_day_file_is_one_line_and_others_go_on(sds, tmp_path, damage):
    path = put(sds, trace("XX.A..HHZ", NOON - 200, counts(40_000)))
    put(sds, trace("XX.B..HHZ", NOON - 200, counts(40_000)))
    write_catalog(
        tmp_path / "catalog.xml", one=[pick("XX.A..HHZ", "P", NOON), pick("XX.B..HHZ", "P", NOON)]
    )
    damage(path)
    recipe = recipe_of(tmp_path)
    windows, rejected = listed(recipe)
    (bad,) = [w for w in windows if w.kind == "event" and w.station == "A"]
    with pytest.raises(UserError) as error:
        load(bad, FORMATS)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    if damage not in (flipped, of_text):  # damage that headers do not show
        assert len(rejected) == 1 and str(path) in rejected[0].reason
    good = [w for w in windows if w.station == "B"]
    assert Counter(w.kind for w in good)["noise"] >= 2
    assert all(window_of(w, recipe)["valid"].any() for w in good)


def test_a_header_that_declares_too_much_is_refused(sds, tmp_path, monkeypatch):
    path = put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    _, window = one_event(tmp_path)
    monkeypatch.setattr("pipelines.sources._archive_samples._MAX_SAMPLES", 10_000)
    with pytest.raises(UserError, match=r"declares 1\d{4} samples, expected at most 10000"):
        load(window, FORMATS)
    monkeypatch.undo()
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 512):
        data[at + 32 : at + 36] = b"\x7f\xff\x7f\xff"  # rate factor and multiplier: 1 GHz
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"sds: XX.A..HH.: .* more than 1"):
        load(window, FORMATS)


def test_nothing_recorded_is_one_line(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 5000, counts(1_000)))
    _, window = one_event(tmp_path)
    with pytest.raises(UserError, match="XX.A..HH.: got no samples"):
        load(window, FORMATS)
    next(sds.rglob("*.061")).unlink()
    with pytest.raises(UserError, match="got no samples"):
        load(window, FORMATS)


def test_foreign_files_in_the_tree_are_ignored(sds, tmp_path):
    path = put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    for end in ("Z.D.2020.367", "N.D.2020.061", "Z.L.2020.061", "Z.D.2020.061.gz", "Z.D.2020.x61"):
        (path.parent / f"XX.A..HH{end}").write_bytes(b"x")
    (sds / "2020" / "XX" / "README").write_text("x")
    (sds / "2020" / "README").write_text("x")
    (sds / "1999").write_text("x")
    recipe, window = one_event(tmp_path)
    assert window.locator["components"] == "Z" and not listed(recipe)[1]


BOMB = """<?xml version="1.0"?><!DOCTYPE q [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2" xmlns="http://quakeml.org/xmlns/bed/1.2">
<eventParameters publicID="smi:x/y"><event publicID="smi:x/&b;"/></eventParameters></q:quakeml>"""
EXTERNAL = BOMB.replace('<!ENTITY a "aaaaaaaaaa">', '<!ENTITY a SYSTEM "file:///etc/passwd">')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "no such file"),
        ("", "not XML"),
        ("not xml at all", "not XML"),
        ("<html><body/></html>", "cannot be read"),
        (BOMB, "document type"),
        (EXTERNAL, "document type"),
        (BOMB.encode("utf-16"), "document type"),
    ],
)
def test_a_bad_catalog_is_one_line(sds, tmp_path, text, expected):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    path = tmp_path / "catalog.xml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = reason(recipe_of(tmp_path))
    assert found.startswith(f"{path}: ") and expected in found


def test_an_empty_catalog_and_a_missing_tree_are_one_line(sds, tmp_path):
    write_catalog(tmp_path / "catalog.xml")
    assert "got none, expected at least one" in reason(recipe_of(tmp_path))
    write_catalog(tmp_path / "catalog.xml", one=[pick("XX.A..HHZ", "P", NOON)])
    sds.rmdir()
    assert reason(recipe_of(tmp_path)) == f"{sds}: no such folder"


def test_a_bad_inventory_is_one_line(sds, tmp_path):
    put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    write_catalog(tmp_path / "catalog.xml", one=[pick("XX.A..HHZ", "P", NOON)])
    path = tmp_path / "stations.xml"
    path.write_text(EXTERNAL)
    assert reason(recipe_of(tmp_path, inventory=str(path))).startswith(f"{path}: ")


def test_an_unknown_key_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match="did you mean 'inventory'"):
        list_parts(recipe_of(tmp_path, inventry="x"))


def test_the_tree_may_lie_behind_a_url(sds, tmp_path):
    import fsspec

    path = put(sds, trace("XX.A..HHZ", NOON - 60, counts(20_000)))
    catalog = write_catalog(tmp_path / "catalog.xml", one=[pick("XX.A..HHZ", "P", NOON)])
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/archive/{path.relative_to(sds)}", path.read_bytes())
    memory.pipe("/catalog.xml", catalog.read_bytes())
    recipe = recipe_of(tmp_path, path="memory://archive", catalog="memory://catalog.xml")
    local = recipe_of(tmp_path)
    far, near = (events_of(r)[0] for r in (recipe, local))
    np.testing.assert_array_equal(load(far, FORMATS).samples, load(near, FORMATS).samples)


def test_real_windows_equal_the_npz_files_they_came_from(real_data, tmp_path):
    archive = real_data / "ncedc" / "archive"
    recipe = recipe_of(tmp_path, catalog=archive / "catalog.xml", path=str(archive))
    windows, rejected = listed(recipe)
    assert not rejected and Counter(w.kind for w in windows) == {"event": 154, "noise": 154}
    with open(real_data / "ncedc" / "waveform.csv") as file:
        rows = {row["fname"].removesuffix(".npz"): row for row in csv.DictReader(file)}
    for reference in windows:
        held = window_of(reference, recipe)
        assert held["valid"].any()
        if reference.kind == "noise":
            assert not np.isfinite(held["pick_sample"]).any()
            continue
        name = reference.events[0].event_id.removeprefix("smi:local/")
        expected = np.load(real_data / "ncedc" / "npz" / f"{name}.npz")["data"]
        record = load(reference, FORMATS)
        assert len(record.samples) == len(expected) == 9001 and record.offset_s == 20.0
        columns = ["ENZ".index(c) for c in record.components]
        difference = record.samples - expected[:, columns]
        # The files were demeaned before they were written; the archive holds whole counts.
        assert np.ptp(difference, axis=0).max() < 1.001
        picks = held["pick_sample"][np.isfinite(held["pick_sample"])]
        row = rows.pop(name)
        np.testing.assert_allclose(picks, [float(row["itp"]), float(row["its"])], atol=1e-3)
    assert not rows


def test_the_demo_archive_is_whole_and_its_picks_are_onsets(tmp_path):
    built = build_archive(tmp_path)
    assert (built["events"], built["picks"], built["day_files"]) == (6, 21, 12)
    recipe = recipe_of(tmp_path, path=built["archive"], catalog=built["catalog"])
    windows, rejected = listed(recipe)
    assert not rejected
    by_event = defaultdict(list)
    for window in windows:
        if window.kind == "event":
            by_event[window.events[0].event_id.rsplit("/")[-1]].append(window.station)
    assert {name: sorted(held) for name, held in by_event.items()} == {
        "rjob-2005": ["RJOB"],
        "rjob-2009": ["RJOB"],
        "uh-1": ["UH1", "UH2", "UH3", "UH4"],
        "uh-2": ["UH1", "UH3"],
        "uh-3": ["UH1", "UH2", "UH3"],
        "uh-4": ["UH1", "UH2", "UH3", "UH4"],
    }
    assert Counter(w.kind for w in windows) == {"event": 15, "noise": 5}
    for reference in windows:
        held = window_of(reference, recipe)
        samples = held["waveform"].astype(np.float64)
        for at in held["pick_sample"][np.isfinite(held["pick_sample"])]:
            assert rms_ratio_db(samples, held["valid"], round(float(at))) > 0


def rms_ratio_db(samples, valid, at):
    """Half a second from a pick over half a second before it, in dB, above 5 Hz or so."""
    rough = np.diff(samples, axis=0)[:, valid.any(axis=0)]
    signal, noise = rough[at : at + 50], rough[at - 55 : at - 5]
    return 20 * np.log10(np.sqrt((signal**2).mean()) / np.sqrt((noise**2).mean()))


def test_the_demo_archive_is_the_same_each_time(tmp_path):
    built = [build_archive(tmp_path / name) for name in ("one", "two")]
    one, two = (
        {
            p.relative_to(tmp_path / name): p.read_bytes()
            for p in sorted((tmp_path / name).rglob("*.2*"))
        }
        for name in ("one", "two")
    )
    assert one == two and len(one) == 12
    first, second = (obspy.read_events(BytesIO(open(b["catalog"], "rb").read())) for b in built)
    for a, b in zip(first, second):
        assert [p.time for p in a.picks] == [p.time for p in b.picks]
        assert {p.evaluation_mode for p in a.picks} == {"automatic"}
        assert all("aic_simple" in str(p.method_id) for p in a.picks)
