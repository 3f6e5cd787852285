"""Groups: the windows of one event at several stations, on one clock, as [G, S, T, 3].

A window's event is that of its first slot: every source lists its own event first, and what shares
the record or was superposed comes behind. Each window has a place of its own, so a station with two
instruments has two. A window without an event, or of unknown time, is a group by itself.

Steps on single windows draw for each station alone. A `time_stretch` among them, offline or online,
therefore leaves no true moveout between the stations.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.steps import BuiltStep, apply_steps
from pipelines.feed_make import Maker
from pipelines.feed_records import BLOCK, OfShard, Shards
from pipelines.feed_rows import Parsed, Rows, row_parser
from schemas.errors import UserError
from schemas.recipe import Groups, Recipe
from schemas.record import parser
from schemas.window import UNKNOWN_TIME_NS, P, WindowSpec

_BUCKETS = 2**63 - 1
# Later than any sample of any window.
_LATE = 1e12


def groups_of(shards: Shards, spec: WindowSpec, groups: Groups) -> OfShard:
    """Return what reads blocks of groups from a shard: string [G, S], empty where there is none.

    A group is what the shard holds of an event and copy, `stations` at the most: further ones form
    a further group, and what then has fewer than `min_stations` is left out.
    """
    key, size, least = _key(spec), groups.stations, groups.min_stations

    def padded(records: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.pad(records, [[0, size - tf.size(records)]]), [size])

    def of_shard(path: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        records = shards.blocks(path, count).unbatch()
        found = records.group_by_window(key, lambda _, some: some.batch(size), window_size=size)
        enough = found.filter(lambda some: tf.size(some) >= least)
        return enough.map(padded).batch(max(BLOCK // size, 1))

    return of_shard


def group_count(shards: Shards, spec: WindowSpec, groups: Groups) -> int:
    """Return how many groups `groups_of` reads; all records are read for it."""
    blocks = shards.in_order().map(_key(spec), tf.data.AUTOTUNE)
    sizes = Counter(key for block in blocks.as_numpy_iterator() for key in block.tolist())
    return sum(
        size // groups.stations + (size % groups.stations >= groups.min_stations)
        for size in sizes.values()
    )


def check_clock(online: tuple[BuiltStep, ...]) -> None:
    """Refuse online steps that do not put the stations of a group on one clock."""
    crops = [step.crops for step in online]
    if crops[:1] != [True] or sum(crops) > 1:
        raise UserError(
            "groups: expected the first online step to crop, as random_shift does, and no other, "
            "so that the stations are on one clock"
        )


def _key(spec: WindowSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a graph function from serialized windows, string [...], to int64 keys of groups."""
    parse = parser(spec, only=("window_id", "source", "event_id", "start_time_ns"))

    def key(records: tf.Tensor) -> tf.Tensor:
        window = parse(records)
        name, event = window["window_id"], window["event_id"][..., 0]
        copy = tf.strings.regex_replace(name, r"^.*/", "")
        # An event's id is only its source's.
        of_event = tf.strings.join([window["source"], event, copy], separator="\x1f")
        alone = (event == "") | (window["start_time_ns"] == UNKNOWN_TIME_NS)
        text = tf.where(alone, name, of_event)
        return tf.strings.to_hash_bucket_strong(text, _BUCKETS, [0x5E15, 0x311])

    return key


class Padded(Parsed):
    """Rows that may be cut beyond their ends, where nothing is valid."""

    def cut(self, start: tf.Tensor, size: int) -> Window:
        """See `Rows`."""
        near = tf.clip_by_value(start, 0, self.spec.samples - size)
        places = tf.range(size) + (start - near)[:, None]
        inside = ((places >= 0) & (places < size))[:, :, None]
        at = tf.clip_by_value(places, 0, size - 1)
        cut = {n: tf.gather(v, at, batch_dims=1) for n, v in super().cut(near, size).items()}
        return {name: tf.where(inside, v, tf.zeros([], v.dtype)) for name, v in cut.items()}


class GroupMaker(Maker):
    """Makes groups of stored windows into (inputs, targets) of [G, S, ...].

    The first online step crops, and draws one place for a group: at the station where its event's P
    comes first. All other stations are cut at the same time by the clock, to the nearest sample.
    One that recorded nothing then is not there. Steps on groups come last; what they draw is
    recorded with each station, and follows from the group's first window.
    """

    def __init__(self, recipe: Recipe, spec: WindowSpec, paths: list[str], split: str) -> None:
        """Check the steps and targets, and read the partners' pools."""
        super().__init__(recipe, spec, paths, split)
        check_clock(self.steps)
        self.stations = recipe.groups.stations
        self.grouped_steps = tuple(step for step in self.steps if step.grouped)
        self.steps = tuple(step for step in self.steps if not step.grouped)
        self.parse_rows = row_parser(spec)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, records: tf.Tensor, epoch: tf.Tensor) -> tuple[Any, Any, Any]:
        """Return inputs, targets and weights of serialized windows, string [G, S].

        The inputs are a dict of ``waveform``, float32 [G, S, T, 3], and ``station_mask``, bool
        [G, S]. The weights of a station that is not there are 0.
        """
        groups = self.groups(records, epoch)
        there = tf.cast(groups["station_mask"], tf.float32)
        mask = groups.pop("station_mask")
        flat = {name: tf.reshape(v, [-1, *v.shape[2:]]) for name, v in groups.items()}
        waves, targets, weights = tf.nest.map_structure(self._grouped, self.examples(flat))
        weights = {
            name: value * tf.reshape(there, [-1, self.stations, *[1] * (value.shape.rank - 2)])
            for name, value in weights.items()
        }
        return {"waveform": waves, "station_mask": mask}, targets, weights

    @tf.autograph.experimental.do_not_convert
    def groups(self, records: tf.Tensor, epoch: tf.Tensor) -> Window:
        """Return the groups after the online steps, [G, S, ...], and their ``station_mask``."""
        present = records != ""
        # A place that nothing fills holds its group's first window until it is silenced.
        filled = tf.reshape(tf.where(present, records, records[:, :1]), [-1])
        rows = self.parse_rows(filled)
        windows = self.stepped(Padded(rows.labels, rows.raw, rows.spec), epoch)
        there = tf.reshape(present, [-1]) & tf.reduce_any(windows["valid"], axis=[1, 2])
        windows = {**silenced(windows, there), "station_mask": there}
        groups = {name: self._grouped(value) for name, value in windows.items()}
        if not self.grouped_steps:
            return groups
        keys = self._grouped(draw.window_key(self.recipe.seed, rows.labels["window_id"]))[:, 0]
        signature = {name: tf.TensorSpec(v.shape[1:], v.dtype) for name, v in groups.items()}
        drawn = [name for step in self.grouped_steps for name in step.draws]
        signature |= {name: tf.TensorSpec([self.stations], tf.float32) for name in drawn}

        def one(row: tuple[Window, tf.Tensor]) -> Window:
            group, own = row
            seed, rate = self.recipe.seed, self.stored.sampling_rate_hz
            out = apply_steps(self.grouped_steps, group, {}, seed, epoch, rate, own, measure=False)
            each = {name: tf.repeat(out[name], self.stations) for name in drawn}
            return {**out, **each, "sampling_rate_hz": group["sampling_rate_hz"]}

        return tf.map_fn(one, (groups, keys), fn_output_signature=signature)

    def starts(self, rows: Rows, key: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Return where each window is cut, int32 [B]: all of a group at one time."""
        # What was superposed on a station is no reason to look elsewhere.
        others = rows.labels["pick_event"] != 0
        rows = dataclasses.replace(rows, labels=labels.clear_slots(rows.labels, "K", others))
        time = self._grouped(rows.labels["start_time_ns"])
        later_s = tf.cast(time - time[:, :1], tf.float64) * 1e-9
        later = later_s * self.stored.sampling_rate_hz
        first = tf.argmin(later + self._grouped(_first_pick(rows.labels)), axis=1)
        own = self._grouped(super().starts(rows, key, epoch))
        place, then = (tf.gather(v, first, axis=1, batch_dims=1)[:, None] for v in (own, later))
        far = 2.0 * self.stored.samples
        moved = tf.clip_by_value(tf.round(then - later), -far, far)
        return tf.reshape(place + tf.cast(moved, tf.int32), [-1])

    def _grouped(self, value: tf.Tensor) -> tf.Tensor:
        return tf.reshape(value, [-1, self.stations, *value.shape[1:]])


def _first_pick(window: Window) -> tf.Tensor:
    """Return the first P, float64 [B]; far behind it where there is none, and behind any pick."""
    late = tf.where(labels.is_pick(window, P), tf.constant(0.0, tf.float64), _LATE)
    sample = tf.cast(window["pick_sample"], tf.float64)
    picked = tf.where(labels.is_pick(window), sample + late, 2.0 * _LATE)
    return tf.reduce_min(picked, axis=1)


def silenced(windows: Window, there: tf.Tensor) -> Window:
    """Return windows, of which those not in bool [B] are zero, not valid and without labels."""
    out, here = windows, there[:, None, None]
    for letter in "KM":
        out = labels.clear_slots(out, letter, ~there[:, None])
    out["valid"] = windows["valid"] & here
    return out | {name: tf.where(here, v, 0.0) for name, v in labels.waves(windows).items()}
