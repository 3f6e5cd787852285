"""Windows whose event, station, place and time are given, and recipes of one split rule."""

from dataclasses import replace
from datetime import datetime

from pipelines.reference import Event
from schemas.recipe import parse_recipe
from tests.builders import reference

DAY = 86400 * 10**9
BOUNDARIES = {"validation": "2015-01-01", "test": "2018-01-01"}
RULES = {
    "event": {"by": "event"},
    "station": {"by": "station"},
    "region": {"by": "region", "block_deg": 0.25},
    "time": {"by": "time", "boundaries": BOUNDARIES},
}


def recipe_of(**split):
    return parse_recipe({"sources": [{"name": "a", "format": "x"}], "split": split}, "test")


def ns(text):
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * 10**9


def event(name="quake", station="S0", kind="event", **told):
    """Return a window of an event at a station; the event's key is not its name."""
    given = {"time_ns": 0, "latitude_deg": 38.0, "longitude_deg": -122.0, **told}
    item = reference(f"{name} {station}", kind, split_key=f"group {name}")
    return replace(item, network="NC", station=station, events=(Event(name, **given),))


def noise(station="S0", start_ns=0, at_s=0.0, place=(38.0, -122.0)):
    key = f"noise NC.{station} {start_ns // DAY}"
    given = {"record_start_ns": start_ns, "start_s": at_s, "split_key": key}
    item = reference(f"{station} {start_ns}", "noise", network="NC", station=station, **given)
    return replace(item, latitude_deg=place[0], longitude_deg=place[1])
