"""The lists that catalogue exclusion reads, in each format, and what is wrong with some."""

import math
from dataclasses import replace

import obspy
import pytest
from obspy.core.event import Catalog, Event, Magnitude, Origin, ResourceIdentifier
from obspy.core.inventory import Inventory, Network, Station

from pipelines.noise_catalogue import refused_by_catalogue
from schemas.errors import UserError
from tests.builders import recipe_of, write_rows
from tests.quakes import ORIGIN_NS, PLACE, QUAKE, arrivals, degrees_to, noise, recipe_with


def test_quakeml_and_stationxml_tell_the_same_as_csv(tmp_path):
    origin = Origin(
        time=obspy.UTCDateTime(ns=ORIGIN_NS), latitude=37.8, longitude=-122.0, depth=8000.0
    )
    name, size = ResourceIdentifier(id="smi:local/quake1"), Magnitude(mag=3)
    quake = Event(resource_id=name, origins=[origin], magnitudes=[size])
    Catalog([quake]).write(tmp_path / "events.xml", "QUAKEML")
    station = Station("A", *PLACE, elevation=0.0)
    Inventory([Network("NC", [station])]).write(tmp_path / "stations.xml", "STATIONXML")
    place = {"network": "NC", "station": "A", "latitude": PLACE[0], "longitude": PLACE[1]}
    write_rows(tmp_path / "stations.csv", [place])
    own = write_rows(tmp_path / "own.csv", [{**QUAKE, "mag": 3, "id": "smi:local/quake1"}])
    p, _ = arrivals("iasp91", 8.0, degrees_to(QUAKE))
    # The list comes before what the source says: there, nothing is due.
    wrong = noise(p, place=(-37.0, 50.0))
    told = set()
    for path in (own, tmp_path / "events.xml"):
        for stations in ("stations.csv", "stations.xml", None):
            how = {"path": str(path)} | ({"stations": str(tmp_path / stations)} if stations else {})
            recipe = recipe_of(tmp_path, noise={"screen": {"catalogue": how}})
            assert (refused_by_catalogue(wrong, recipe) is not None) == (stations is not None)
            told.add(refused_by_catalogue(noise(p - 1.0), recipe).reason)
    assert len(told) == 1


def test_what_nobody_can_predict_is_refused(tmp_path):
    recipe = recipe_with(tmp_path, [{"mag": 3}])
    timeless = replace(noise(0.0), record_start_ns=-1)
    assert "catalogue: time: got none" in refused_by_catalogue(timeless, recipe).reason
    nowhere = noise(0.0, place=(math.nan, math.nan))
    assert (
        "latitude and longitude of its station: got none"
        in refused_by_catalogue(nowhere, recipe).reason
    )
    assert refused_by_catalogue(nowhere, recipe_of(tmp_path)) is None


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        ([{"latitude": ""}], {}, "got no time, or no latitude and longitude on Earth"),
        ([{"latitude": 91}], {}, "got no time, or no latitude and longitude on Earth"),
        ([{"time": "soon"}], {}, "got no time, or no latitude and longitude on Earth"),
        ([], {}, "columns ['time'] are missing"),
        ([{}], {"path": "/none.csv"}, "/none.csv: no such file"),
        ([{}], {"stations": "/none.xml"}, "/none.xml: no such file"),
        ([{}], {"stations": "${NOT_SET_AT_ALL}/a.csv"}, "NOT_SET_AT_ALL is not set"),
        ([{}], {"model": "prem"}, "noise.screen.catalogue.model: got 'prem'"),
        ([{}], {"distance_km_by_magnitude": [[2, 50], [1, 60]]}, "expected rows of an ascending"),
        ([{}], {"distance_km_by_magnitude": [[1, 60], [2, 50]]}, "expected rows of an ascending"),
        ([{}], {"distance_km_by_magnitude": []}, "distance_km_by_magnitude"),
    ],
)
def test_a_bad_file_or_value_is_one_line(tmp_path, rows, more, told):
    with pytest.raises(UserError) as error:
        recipe_with(tmp_path, rows, **more)
    assert told in str(error.value) and "\n" not in str(error.value)
