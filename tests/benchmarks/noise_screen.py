"""What the tests of noise windows catch, and what they cost, on real noise.

`python -m tests.benchmarks.noise_screen` reads the folder SEISMILL_REAL_DATA.

The noise is the 28 s before P of the `ncedc` records. Which of it is clean was judged by eye; see
`noise_truth`. Into each clean window an event of another station is planted, from its P on, at a
time drawn by seed, with one gain for all components. It comes from a record of 30 dB or more, so
that its own noise does not count. SNR is here 20 log10 of the rms of its first 5 s over that of
the whole noise window, both as recorded, in all their frequencies.

The catalogue is tried on SeisBench's example: records of 60 s from the origins of known events on.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.inspection import inspect, read_window
from pipelines.noise_screen import in_band, kurtosis, sta_lta, std_ratio
from pipelines.reference import Inspected
from pipelines.sources import list_parts, list_windows
from schemas.noise import Kurtosis, Screen, StaLta
from schemas.recipe import Recipe, load_recipe, parse_recipe
from tests.benchmarks.noise_truth import DOUBTFUL, HIDDEN, PADDED

RECIPE = Path(__file__).parents[2] / "pipelines/recipes/ncedc_npz.yaml"
SNRS_DB = (-5, 0, 5, 10, 15, 20)
ROUNDS = 2
DONOR_DB = 30.0
SIGNAL = 500
LEAST = 300
BAND = Screen().band_hz
# A window's samples, its components live all along: [n, C].
Samples = np.ndarray


def in_windows(recipe: Recipe, kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield each window of a kind with its reference."""
    for part in list_parts(recipe):
        for item in list_windows(recipe, *part):
            if item.kind == kind:
                yield item, read_window(item, recipe)


def samples_of(window: dict[str, Any]) -> Samples:
    """Return what is recorded of the live components."""
    live = window["valid"].any(axis=0)
    recorded = window["valid"][:, live].all(axis=1)
    return window["waveform"][recorded][:, live].astype(np.float64)


def donors_of(recipe: Recipe) -> list[tuple[str, Samples]]:
    """Return (station, samples from P on) of the events that are far above their noise."""
    found = []
    for item, window in in_windows(recipe, "event"):
        snr = inspect(item, recipe)
        if isinstance(snr, Inspected) and snr.snr_db[0] >= DONOR_DB:
            p = round(float(window["event_p_sample"][0]))
            found.append((item.station, window["waveform"][p:].astype(np.float64)))
    return found


def planted(
    station: str, noise: Samples, donors: list, snr_db: float, rng: np.random.Generator
) -> Samples:
    """Return noise with an event of another station in it."""
    components = noise.shape[1]
    others = [
        event[:, -components:]
        for name, event in donors
        if name != station and event[:, -components:].any(axis=0).all()
    ]
    event = others[rng.integers(len(others))]
    at = rng.integers(100, len(noise) - LEAST)
    event = event[: len(noise) - at]
    level = np.sqrt(np.mean((noise - noise.mean(axis=0)) ** 2))
    gain = 10 ** (snr_db / 20) * level / np.sqrt(np.mean(event[:SIGNAL] ** 2))
    made = noise.copy()
    made[at : at + len(event)] += gain * event
    return made


def measures(how: Screen) -> dict[str, Callable[[np.ndarray], float]]:
    """Return the statistics of one component, by name."""
    where = "2-20 Hz" if how.band_hz else "as prepared"
    rules = {"sta_lta": (sta_lta, StaLta()), "kurtosis": (kurtosis, Kurtosis())}
    return {
        f"{name}, {where}": lambda x, f=f, rule=rule: f(
            in_band(x, how.band_hz, 100.0), rule, 100.0
        )[0]
        for name, (f, rule) in rules.items()
    }


ALL = {
    "std_ratio": lambda x: std_ratio(x, 100.0),
    **measures(Screen(band_hz=None)),
    **measures(Screen()),
}
THRESHOLDS = {
    "std_ratio": (5.0, 3.0, 2.5, 2.2),
    "sta_lta, as prepared": (8.0, 7.0, 6.0, 5.0),
    "kurtosis, as prepared": (6.0, 4.0, 3.0, 2.5),
    "sta_lta, 2-20 Hz": (7.0, 5.0, 4.5, 4.0, 3.7),
    "kurtosis, 2-20 Hz": (6.0, 4.0, 3.0, 2.5),
}
PRESENT = {"std_ratio": 5.0}
TOGETHER = {
    "std_ratio": 5.0,
    "sta_lta, 2-20 Hz": StaLta().max_ratio,
    "kurtosis, 2-20 Hz": Kurtosis().max,
}


def values(windows: list[Samples]) -> dict[str, np.ndarray]:
    """Return each statistic of each window: the largest of its components."""
    return {
        name: np.array([max(f(x) for x in window.T) for window in windows])
        for name, f in ALL.items()
    }


def print_table(groups: dict[str, dict[str, np.ndarray]]) -> None:
    """Print the share that each test refuses of each group of windows, %."""
    print(f"{'refused, %':34s}" + "".join(f"{name:>10s}" for name in groups))
    for name, thresholds in THRESHOLDS.items():
        for threshold in thresholds:
            print_row(f"{name} > {threshold:g}", {name: threshold}, groups)
    print_row("the default: std_ratio alone", PRESENT, groups)
    print_row("with the screen's defaults", TOGETHER, groups)


def print_row(title: str, limits: dict[str, float], groups: dict) -> None:
    """Print what is refused if any of some limits is passed."""
    shares = [
        100 * np.mean(np.any([held[name] > limit for name, limit in limits.items()], axis=0))
        for held in groups.values()
    ]
    print(f"{title:34s}" + "".join(f"{share:10.0f}" for share in shares))


def print_catalogue(folder: Path) -> None:
    """Print how many records of known events are refused, and how many an hour away from them."""
    with open(folder / "metadata.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as made:
        for hours in (0, 1):
            path = Path(made, f"{hours}.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("time,latitude,longitude,depth,mag\n")
                for row in rows:
                    start = np.datetime64(
                        row["trace_start_time"].replace("/", "-").replace(" ", "T")
                    )
                    place = [row[f"source_{x}"] for x in ("latitude_deg", "longitude_deg")]
                    told = [*place, row["source_depth_km"], row["source_magnitude"]]
                    time = start + np.timedelta64(hours, "h")
                    file.write(",".join([str(time), *told]) + "\n")
            source = {"name": "a", "format": "seisbench", "path": str(folder), "unpicked": "noise"}
            noise = {"max_std_ratio": None, "screen": {"catalogue": {"path": str(path)}}}
            window = {"sampling_rate_hz": 20, "length_s": 60, "p_at_s": 20}
            given = {"sources": [source], "noise": noise, "window": window}
            recipe = parse_recipe(given, "catalogue")
            items = [x for part in list_parts(recipe) for x in list_windows(recipe, *part)]
            refused = sum(not isinstance(inspect(item, recipe), Inspected) for item in items)
            print(f"catalogue moved by {hours} h: {refused} of {len(items)} records refused")


def main() -> None:
    """Read, plant, measure, print."""
    recipe, rng = load_recipe(RECIPE), np.random.default_rng(0)
    noise = {
        item.trace.removesuffix(".npz"): (item.station, samples_of(window))
        for item, window in in_windows(recipe, "noise")
    }
    clean = {name: noise[name] for name in noise if name not in HIDDEN | PADDED | DOUBTFUL}
    donors = donors_of(recipe)
    print(f"{len(noise)} windows: {len(clean)} clean; {len(donors)} events to plant")
    groups = {"clean": values([samples for _, samples in clean.values()])}
    for snr_db in SNRS_DB:
        made = [planted(*one, donors, snr_db, rng) for one in clean.values() for _ in range(ROUNDS)]
        groups[f"{snr_db} dB"] = values(made)
    for name, members in (("hidden", HIDDEN), ("padded", PADDED), ("doubtful", DOUBTFUL)):
        groups[f"{name} {len(members)}"] = values([noise[trace][1] for trace in members])
    print_table(groups)
    print_catalogue(Path(os.environ["SEISMILL_REAL_DATA"], "seisbench_examples/dummydataset"))


if __name__ == "__main__":
    main()
