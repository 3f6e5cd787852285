"""Seismogram files that ObsPy writes, for the tests of their source."""

import numpy as np
from obspy import Trace, UTCDateTime
from obspy.io.sac import SACTrace

from pipelines.reference import Rejected
from schemas.recipe import parse_recipe
from tests.builders import WINDOW, listed

START = UTCDateTime("2012-03-04T05:06:07.891")
COUNT, RATE, P_S, S_S = 4000, 100.0, 25.0, 28.5
FORMATS = {"a": "seismograms"}


def samples(letter, station="ABC"):
    seed = sum(map(ord, station + letter))
    return np.random.default_rng(seed).integers(-(10**5), 10**5, COUNT).astype(np.int32)


def trace(letter, station="ABC", start=START, count=COUNT, channel="HH", **more):
    codes = {"network": "NC", "station": station, "channel": channel + letter, **more}
    told = {**codes, "starttime": start, "sampling_rate": RATE}
    return Trace(samples(letter, station)[:count], told)


def sac(path, letter, headers=None, station="ABC", **more):
    """Write a SAC file with P and S in its headers; its reference time is 5 s after its start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = trace(letter, station, **more)
    made.data = made.data.astype(np.float32)
    file = SACTrace.from_obspy_trace(made)
    # This makes `b` -5.
    file.reftime = START + 5.0
    usual = {"a": P_S - 5.0, "t0": S_S - 5.0}
    for name, value in ({**usual} if headers is None else headers).items():
        setattr(file, name, value)
    file.write(str(path))


def three(folder, headers=None, **more):
    for letter in "ENZ":
        sac(folder / f"x.{letter}.sac", letter, headers, **more)


def recipe(folder, simulated=False, noise=None, **options):
    source = {"name": "a", "format": "seismograms", "path": str(folder), **options}
    given = {"sources": [{**source, "simulated": simulated}], "window": WINDOW}
    return parse_recipe({**given, "noise": noise or {"before_p": False}}, "test")


def items(folder, **more):
    return listed(recipe(folder, **more))


def reasons(found):
    assert found and all(isinstance(item, Rejected) for item in found)
    return [item.reason for item in found]
