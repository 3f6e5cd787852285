"""Stations that record events at known times, to a fraction of a sample, and their groups."""

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf

from pipelines.feed_groups import GroupMaker, groups_of
from pipelines.feed_records import Shards
from pipelines.publish import stored_manifest, stored_recipe
from pipelines.runner import augment
from schemas.recipe import Recipe, parse_recipe
from schemas.window import WindowSpec
from tests.builders import RATE, RECORD, WINDOW, wave, write_rows
from tests.jobs import with_parts

# Of P after the first station's. The training windows are 8 s, the stored ones 16 s with P in their
# middle: the third is cut beyond an end now and then, the last has nothing of the same time.
DELAYS_S = (0.0, 0.71836, 7.04712, 40.0)
LATE = "_s3/e"
TRACE = "q{}_s{}"
EVENTS, SIZE, STATIONS = 7, int(8 * RATE), 4
_BEGIN_NS = 1_262_304_000_000_000_000
_P = 2500


def network_folder(folder: Path, events: int) -> dict[str, int]:
    """Write a SeisBench folder of events that 2, 3 or 4 stations recorded, by turns.

    The last event's records have no time. P lies between samples, as each station's clock does.

    Returns:
        The UTC time of P at each trace, ns.
    """
    folder.mkdir(parents=True)
    rng, rows, arrivals = np.random.default_rng(3), [], {}
    with h5py.File(folder / "waveforms.hdf5", "w") as file:
        file["data_format/dimension_order"] = "CW"
        file["data_format/component_order"] = "ENZ"
        for event in range(events):
            for station, delay in enumerate(DELAYS_S[: 2 + event % 3]):
                trace = TRACE.format(event, station)
                at = _BEGIN_NS + (event + 1) * 3600 * 10**9 + round(delay * 1e9)
                p = _P + float(rng.uniform())
                start = at - round(p / RATE * 1e9)
                file[f"data/{trace}"] = wave(len(rows), onset=_P).T.astype(np.float32)
                time = f"{np.datetime64(start, 'ns')}Z" if event + 1 < events else ""
                rows.append(
                    {
                        "trace_name": trace,
                        "trace_start_time": time,
                        "trace_sampling_rate_hz": RATE,
                        "trace_npts": RECORD,
                        "trace_p_arrival_sample": repr(p),
                        "trace_s_arrival_sample": repr(p + 300.0),
                        "source_id": f"quake{event}",
                        "station_code": f"S{station}",
                    }
                )
                arrivals[trace] = at
    write_rows(folder / "metadata.csv", rows)
    return arrivals


def network_recipe(folder: Path, **more) -> Recipe:
    """Return a recipe whose feed is groups of up to four stations, samples as they are stored."""
    given = {
        "seed": 5,
        "window": WINDOW,
        "preparation": {"detrend": "none"},
        "noise": {"min_length_s": 10},
        "sources": [{"name": "net", "format": "seisbench", "path": str(folder)}],
        "split": {"shares": {"train": 1.0}},
        "copies": {"event": 2},
        "online": [{"random_shift": {"length_s": 8}}],
        "groups": {"stations": 4, "min_stations": 1},
        "normalise": "none",
        "targets": [{"phase_picks": {"width_s": 0.05}}],
        "output": {"name": "net", "windows_per_shard": 12},
    }
    return parse_recipe({**given, **more}, "test")


@lru_cache(maxsize=1)
def network_shards(base: Path) -> tuple[Path, dict[str, int]]:
    """Run the job; return the folder of its shards, and when P came to each trace.

    Once for all test files that name the same folder.
    """
    arrivals = network_folder(base / "data", EVENTS)
    augment(network_recipe(base / "data"), str(base / "out"), quiet=True)
    return base / "out", arrivals


def parts_of(folder, **parts):
    """Return the shards, their spec, and the recipe with other parts."""
    manifest = stored_manifest(str(folder))
    held = [s for s in manifest["shards"] if s["windows"]]
    shards = Shards(tuple(str(folder / s["name"]) for s in held), tuple(s["windows"] for s in held))
    spec = WindowSpec.from_json(manifest["window"])
    return shards, spec, with_parts(stored_recipe(str(folder)), **parts)


@lru_cache(maxsize=1)
def plain_groups(folder: Path) -> list[list[dict]]:
    """Return three epochs without steps on groups."""
    return fed(folder, 3)


def fed(folder, epochs, **parts):
    """Return the groups of each epoch after the online steps, as dicts of NumPy arrays."""
    shards, spec, recipe = parts_of(folder, **parts)
    make = GroupMaker(recipe, spec, list(shards.paths), "train")
    blocks = shards.in_order(groups_of(shards, spec, recipe.groups))
    numbers = tf.data.Dataset.range(epochs)
    data = numbers.flat_map(lambda n: blocks.map(lambda block: (n, make.groups(block, n))))
    found = [[] for _ in range(epochs)]
    for epoch, block in data.as_numpy_iterator():
        for row in range(len(block["station_mask"])):
            found[epoch].append({name: value[row] for name, value in block.items()})
    return found


def held_in(group):
    """Return the numbers of the stations that are there."""
    return np.flatnonzero(group["station_mask"])
