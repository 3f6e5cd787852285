"""Tags of stations: who is asked first, and what StationXML and channel codes say."""

from dataclasses import replace

import obspy
import pytest
from obspy.core.inventory import Channel, Inventory, Network, Site, Station

from pipelines.sources._station_sites import read_sites
from pipelines.tags import check_tags, tagged
from schemas.channel import SENSORS, sensor_of
from schemas.errors import UserError
from schemas.recipe import parse_recipe
from tests.builders import listed, phasenet_folder, phasenet_rows, recipe_of, reference, write_rows

DAY_NS = 86_400_000_000_000
NEW_NS = 1_262_304_000_000_000_000


def tags_of(tmp_path, **tags):
    """Return checked tags."""
    recipe = recipe_of(tmp_path, tags=tags)
    check_tags(recipe.tags)
    return recipe.tags


def told(tags, network="NC", station="A", **more):
    given = {"record_start_ns": NEW_NS, "network": network, "station": station, **more}
    found = tagged(reference("t", "noise", **given), tags)
    return found.environment, found.instrument


def channel(code, depth=0.0, location="", description=None, start_ns=None, end_ns=None):
    start, end = (time and obspy.UTCDateTime(ns=time) for time in (start_ns, end_ns))
    return Channel(
        *(code, location, 37.0, -122.0, 10.0, depth),
        description=description,
        start_date=start,
        end_date=end,
    )


def inventory(tmp_path, stations):
    """Write a StationXML file of {code: (channels, description)}, and return its path."""
    made = [
        Station(
            code, 37.0, -122.0, 10.0, channels=channels, description=description, site=Site(code)
        )
        for code, (channels, description) in stations.items()
    ]
    path = tmp_path / "stations.xml"
    Inventory([Network("NC", made)]).write(path, "STATIONXML")
    return str(path)


def test_the_first_row_that_matches_and_tells_counts(tmp_path):
    rows = [
        {"station": "NC.B*", "environment": "volcanic"},
        {"station": "NC.*", "environment": "urban", "instrument": "DP"},
        {"station": "*", "environment": "surface"},
    ]
    tags = tags_of(tmp_path, stations=rows)
    assert told(tags) == ("urban", "DP")
    assert told(tags, station="BX") == ("volcanic", "DP")
    assert told(tags, "BG", instrument="HH") == ("surface", "HH")
    assert told(tags_of(tmp_path), instrument="HH") == ("", "HH")
    # Patterns are of the whole code, and tell small letters from large ones.
    assert told(tags_of(tmp_path, stations=[{"station": "C.*", "environment": "ice"}])) == ("", "")
    assert told(tags_of(tmp_path, stations=[{"station": "nc.a", "environment": "ice"}])) == ("", "")


def test_who_is_asked_first(tmp_path):
    xml = inventory(tmp_path, {"A": ([channel("BHZ", 30.0)], None)})
    row = {"station": "NC.A", "environment": "urban", "instrument": "DP"}
    table = write_rows(tmp_path / "tags.csv", [{**row, "environment": "ice", "instrument": "EH"}])
    own = {"environment": "volcanic", "instrument": "HH"}
    all_of = {"stations": [row], "table": str(table), "inventory": xml}
    for keys, given, expected in (
        (("stations", "table", "inventory"), own, ("urban", "DP")),
        (("table", "inventory"), own, ("ice", "EH")),
        (("inventory",), own, ("volcanic", "HH")),
        (("inventory",), {}, ("borehole", "BH")),
        ((), {}, ("", "")),
    ):
        tags = tags_of(tmp_path, **{key: all_of[key] for key in keys})
        assert told(tags, **given) == expected


@pytest.mark.parametrize(
    ("depth", "said", "expected"),
    [
        (0.0, None, "surface"),
        (1.0, "a vault", "surface"),
        (1.5, None, "borehole"),
        (0.0, "Broadband Ocean Bottom sensor", "obs"),
        (200.0, "OBS", "obs"),
        (0.0, "downhole", "borehole"),
        (2.0, "on the Ross Ice Shelf", "ice"),
        (0.0, "urban array", "urban"),
        (0.0, "Volcano observatory", "volcanic"),
        (0.0, "suburban jobs, iced", "surface"),
    ],
)
def test_the_environment_of_a_stationxml(tmp_path, depth, said, expected):
    for where in ("station", "channel"):
        one = channel("HHZ", depth, description=said if where == "channel" else None)
        path = inventory(tmp_path, {"A": ([one], said if where == "station" else None)})
        assert told(tags_of(tmp_path, inventory=path)) == (expected, "HH")


def test_the_instrument_that_stood_there_then(tmp_path):
    channels = [
        channel("EHZ", 0.0, end_ns=NEW_NS),
        *(channel(f"HH{c}", 100.0, start_ns=NEW_NS) for c in "ENZ"),
        channel("HNZ", 0.0, "01", start_ns=NEW_NS),
    ]
    tags = tags_of(tmp_path, inventory=inventory(tmp_path, {"A": (channels, None)}))
    assert told(tags, record_start_ns=NEW_NS - DAY_NS) == ("surface", "EH")
    # The window's time is asked for, not the record's.
    assert told(tags, record_start_ns=NEW_NS - 10**9) == ("", "")
    assert told(tags, instrument="HH") == ("borehole", "HH")
    assert told(tags, location="01") == ("surface", "HN")
    # Two instruments, in two environments: none can be told.
    assert told(tags) == ("", "")
    assert told(tags, record_start_ns=-1, instrument="EH") == ("surface", "EH")
    assert told(tags, "BG") == told(tags, station="B") == ("", "")


def test_sites_are_all_there_once(tmp_path):
    channels = [channel(f"HH{c}") for c in "ENZ"]
    path = inventory(tmp_path, {"A": (channels, None), "B": ([], None)})
    ((key, (site,)),) = read_sites(path).items()
    assert key == ("NC", "A") and (site.instrument, site.location) == ("HH", "")


def test_every_source_is_tagged_and_loads_as_before(tmp_path):
    phasenet_folder(tmp_path, phasenet_rows(1))
    row = {"station": "NC.S1", "environment": "urban", "instrument": "DP"}
    found = listed(recipe_of(tmp_path, tags={"stations": [row]}))
    plain = listed(recipe_of(tmp_path))
    assert {x.environment for x in plain} == {""} and {x.instrument for x in plain} == {"HH"}
    for one, other in zip(found, plain, strict=True):
        tags = {"environment": "urban", "instrument": "DP"} if one.station == "S1" else {}
        assert one == replace(other, **tags)
    assert {x.environment for x in found} == {"", "urban"}


# By the SEED manual, appendix A.
CODES = {
    **dict.fromkeys(("HH", "BH", "CH", "LH", "MH"), "broadband"),
    **dict.fromkeys(("EH", "SH", "DH", "GH"), "short_period"),
    **dict.fromkeys(("HN", "EN", "BN"), "accelerometer"),
    **dict.fromkeys(("DP", "GP", "EP"), "geophone"),
    **dict.fromkeys(("EL", "HL", "SL"), "low_gain"),
    **dict.fromkeys(("", "H", "XX", "LDO", "HHZ"), ""),
}


@pytest.mark.parametrize("code", CODES)
def test_what_codes_stand_for(code):
    assert sensor_of(code) == CODES[code]
    assert {name for name, _ in SENSORS} == set(CODES.values()) - {""}


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"stations": [{"station": "NC.A"}]}, "expected an environment or an instrument"),
        ({"stations": [{"station": "A", "environment": "moon"}]}, "tags.stations.0.environment"),
        ({"stations": [{"station": "A", "instrument": "hh"}]}, "tags.stations.0.instrument"),
        ({"stations": [{"env": "ice"}]}, "unknown key 'tags.stations.0.env'"),
        ({"table": "/none.csv"}, "/none.csv: no such file"),
        ({"inventory": "/none.xml"}, "/none.xml: no such file"),
        (
            {"inventory": "${NOT_SET_AT_ALL}/x"},
            "tags.inventory: ${NOT_SET_AT_ALL}/x: the environment",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path, tags, said):
    with pytest.raises(UserError) as error:
        check_tags(
            parse_recipe({"sources": [{"name": "a", "format": "x"}], "tags": tags}, "r").tags
        )
    assert any(said in line for line in str(error.value).splitlines())


def test_a_bad_row_of_a_table_is_told_with_its_line(tmp_path):
    path = write_rows(
        tmp_path / "t.csv", [{"station": "A", "environment": "ice"}, {"station": "B"}]
    )
    with pytest.raises(UserError, match=r"t\.csv:3: .*expected an environment or an instrument"):
        tags_of(tmp_path, table=str(path))
