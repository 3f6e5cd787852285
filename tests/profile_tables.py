"""SeisBench tables for profiles: without a fault, and with planted ones."""

from __future__ import annotations

from schemas.recipe import parse_recipe
from tests.builders import WINDOW, write_rows

HALVES = {"shares": {"train": 0.5, "validation": 0.5}}


def rows(count=500):
    """Return rows of a SeisBench table without a fault: two stations an event, all known."""
    made = []
    for number in range(count):
        event = number // 2
        day = f"2015-{1 + event % 12:02d}-{1 + event % 28:02d}"
        made.append(
            {
                "trace_name": f"t{number}",
                "trace_start_time": f"{day}T{number % 20:02d}:00:00",
                "trace_sampling_rate_hz": 100,
                "trace_p_arrival_sample": 2500,
                "trace_s_arrival_sample": 2600 + number,
                "trace_polarity": ["up", "down", ""][number % 3],
                "trace_channel": ["HHZ", "EHZ"][number % 2],
                "source_id": f"e{event}",
                "source_magnitude": 2 + (event % 10) ** 3 // 100 / 10,
                "source_depth_km": number % 15,
                "path_ep_distance_km": 10 + number % 90,
                "station_network_code": "NC",
                "station_code": f"S{number % 12}",
                "split": ["train", "test"][event % 2],
            }
        )
    return made


def noise_rows(row, count=60):
    """Return rows of noise of one station and day, which the source puts into two splits."""
    given = {"trace_category": "noise", "trace_npts": 4000, "trace_p_arrival_sample": ""}
    own = [{"trace_name": f"n{n}", "split": ["train", "test"][n % 2]} for n in range(count)]
    return [{**row, **given, "trace_s_arrival_sample": "", **names} for names in own]


def table_recipe(folder, table, **more):
    """Return a recipe of a SeisBench table, whose samples nobody reads."""
    folder.mkdir(exist_ok=True)
    write_rows(folder / "metadata.csv", table)
    source = {"name": "a", "format": "seisbench", "path": str(folder)}
    given = {"window": WINDOW, "noise": {"min_length_s": 10}, "split": HALVES, "sources": [source]}
    return parse_recipe({**given, **more}, "test")


def changed(**columns):
    """Return a change of rows: each column to a function of the row's number and value."""

    def change(table):
        for number, row in enumerate(table):
            row.update({name: new(number, row[name]) for name, new in columns.items()})
        return table

    return change
