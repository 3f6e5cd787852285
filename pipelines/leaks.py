"""What must not be in two splits, looked for in the records themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.hard_negative import day_key
from pipelines.listing import day_of, noise_split_key
from pipelines.reference import parent_events, stable_hash
from schemas.recipe import Recipe
from schemas.synthesis import METHODS
from schemas.validate import text
from schemas.window import EVENT_KINDS, UNKNOWN_TIME_NS, WindowSpec


class Leaks:
    """Finds events, station-days of noise and days of hard negatives in two splits; by station,
    stations in two.

    An event counts wherever its labels are: in copies, and in windows that it was added to. Of a
    split by station, events are in two splits by nature and are not looked at. What is held of a
    record is 64 bits a name and where it was first seen, so memory grows with the names alone.

    Args:
        recipe: the recipe of the records.
        spec: their spec.
    """

    def __init__(self, recipe: Recipe, spec: WindowSpec) -> None:
        """Begin before the first shard."""
        self._by_station = recipe.split.by == "station"
        # A step may have cropped the window; and its grid may lie one sample before its start.
        sample_ns = round(1e9 / spec.sampling_rate_hz)
        cropped_ns = round((recipe.window.samples - spec.samples) * sample_ns)
        self._length_ns = round(recipe.window.length_s * 1e9)
        self._earlier_ns, self._later_ns = max(cropped_ns, 0) + sample_ns, sample_ns
        self._shards: list[tuple[str, str]] = []
        self._ids: set[int] = set()
        self._first: dict[int, int] = {}
        self._told: set[tuple[int, str]] = set()

    def begin(self, shard: str, split: str) -> None:
        """Begin a shard; its split counts, whatever its records say."""
        self._shards.append((shard, split))

    def faults(self, window: dict[str, Any], number: int) -> Iterator[str]:
        """Yield what contradicts the records before; each leak once in each split.

        Args:
            window: a window as NumPy values.
            number: of its record in the shard.
        """
        window_id = text(window["window_id"])
        if (name := stable_hash(window_id)) in self._ids:
            yield f"window_id: {window_id!r} is there twice"
        self._ids.add(name)
        here = ((len(self._shards) - 1) << 32) | number
        split = self._shards[-1][1]
        for key in self._keys(window):
            name = stable_hash(key)
            place = self._first.setdefault(name, here)
            shard, other = self._shards[place >> 32]
            if other != split and (name, split) not in self._told:
                self._told.add((name, split))
                record = place & 0xFFFFFFFF
                yield f"leak: {key} is in {split}, and in {other}: {shard}: record {record}"

    def _keys(self, window: dict[str, Any]) -> Iterator[str]:
        kind = text(window["kind"])
        network, station = text(window["network"]), text(window["station"])
        if self._by_station and kind != "simulated":
            yield f"station {network}.{station}"
            return
        names = [name for name in map(text, window["event_id"]) if name]
        if text(window["source"]) in METHODS:
            # Of its parents too: they are in the same split.
            names += [part for name in names for part in parent_events(name)]
        yield from (f"event {name}" for name in names)
        start = int(window["start_time_ns"])
        if kind in EVENT_KINDS or start == UNKNOWN_TIME_NS:
            return
        # The day is that of the stretch as it was listed; what may be of either day tells nothing.
        # A hard negative may have moved inside its record.
        moved = self._length_ns if kind == "hard_negative" else 0
        if day_of(start - self._earlier_ns - moved) == day_of(start + self._later_ns + moved):
            noise = kind == "noise"
            yield noise_split_key(network, station, start, "") if noise else day_key(start)
