"""A known event, noise that begins so long after it, and when TauP says that its waves come."""

from obspy.geodetics import locations2degrees
from obspy.taup import TauPyModel

from pipelines.known_events import check_catalogue
from tests.builders import recipe_of, reference, write_rows

ORIGIN_NS = 1_262_304_000_000_000_000
PLACE = (37.0, -122.0)
QUAKE = {"time": "2010-01-01T00:00:00Z", "latitude": 37.8, "longitude": -122.0, "depth": 8}
EARTH = {name: TauPyModel(name) for name in ("iasp91", "ak135")}
LENGTH_S = 10.0


def recipe_with(tmp_path, rows, **more):
    """Return a recipe with a catalogue of rows; each is QUAKE with some cells changed."""
    path = write_rows(tmp_path / "events.csv", [{**QUAKE, **row} for row in rows])
    recipe = recipe_of(tmp_path, noise={"screen": {"catalogue": {"path": str(path), **more}}})
    check_catalogue(recipe.noise.screen.catalogue)
    return recipe


def noise(starts_s, place=PLACE, length_s=LENGTH_S):
    """Return noise that begins so long after the origin of QUAKE."""
    more = {"latitude_deg": place[0], "longitude_deg": place[1], "network": "NC", "station": "A"}
    record = ORIGIN_NS + round(starts_s * 1e9) - 5_000_000_000
    own = {"record_start_ns": record, "start_s": 5.0, "usable_s": (5.0, 5.0 + length_s)}
    return reference("t", "noise", **own, **more)


def arrivals(model, depth_km, degrees):
    """Return the first P and S among all phases that TauP knows by these names."""
    found = [EARTH[model].get_travel_times(depth_km, degrees, [f"tt{x}"]) for x in "ps"]
    return [min(arrival.time for arrival in phases) for phases in found]


def degrees_to(row, place=PLACE):
    return locations2degrees(*place, row["latitude"], row["longitude"])
