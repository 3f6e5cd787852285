"""Groups: the windows of one event at several stations, on one clock, as [G, S, T, 3]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.steps import BuiltStep
from pipelines.feed_make import Maker
from pipelines.feed_records import BLOCK, OfShard, Shards
from pipelines.feed_rows import Rows, row_parser
from schemas.errors import UserError
from schemas.recipe import Groups, Recipe
from schemas.record import parser
from schemas.window import UNKNOWN_TIME_NS, P, WindowSpec

_BUCKETS = 2**63 - 1


def groups_of(shards: Shards, spec: WindowSpec, groups: Groups) -> OfShard:
    """Return what reads blocks of groups from a shard: string [G, S], empty where there is none.

    A group is what the shard holds of an event and copy, `stations` at the most; a window without
    an event is a group of its own.
    """
    parse = parser(spec, only=("window_id", "event_id"))
    size, least = groups.stations, groups.min_stations

    def key(record: tf.Tensor) -> tf.Tensor:
        window = parse(record)
        name, event = window["window_id"], window["event_id"][0]
        copy = tf.strings.regex_replace(name, r"^.*/", "")
        of_event = tf.strings.join([event, copy], separator="\x1f")
        return tf.strings.to_hash_bucket_strong(
            tf.where(event == "", name, of_event), _BUCKETS, [0x5E15, 0x311]
        )

    def padded(records: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.pad(records, [[0, size - tf.size(records)]]), [size])

    def of_shard(path: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        records = shards.blocks(path, count).unbatch()
        found = records.group_by_window(key, lambda _, some: some.batch(size), window_size=size)
        enough = found.filter(lambda some: tf.size(some) >= least)
        return enough.map(padded).batch(max(BLOCK // size, 1))

    return of_shard


@dataclass(frozen=True)
class Padded:
    """Rows that may be cut beyond their ends, where nothing is valid."""

    rows: Rows

    @property
    def labels(self) -> Window:
        """See `Rows`."""
        return self.rows.labels

    def span(self) -> tf.Tensor:
        """See `Rows`."""
        return self.rows.span()

    def whole(self) -> Window:
        """See `Rows`."""
        return self.rows.whole()

    def cut(self, start: tf.Tensor, size: int) -> Window:
        """See `Rows`."""
        whole = self.rows.whole()
        last = whole["valid"].shape[1] - 1
        places = start[:, None] + tf.range(size)
        inside = ((places >= 0) & (places <= last))[:, :, None]
        at = tf.clip_by_value(places, 0, last)
        cut = {name: tf.gather(value, at, batch_dims=1) for name, value in whole.items()}
        return {name: tf.where(inside, v, tf.zeros([], v.dtype)) for name, v in cut.items()}


class GroupMaker(Maker):
    """Makes groups of stored windows into (inputs, targets) of [G, S, ...].

    The first online step crops, and draws one place for a group: that of the station where P
    comes first. All other stations are cut at the same time by the clock, to the nearest sample.
    A window of unknown time cannot stand beside others, and leaves the mask.
    """

    def __init__(self, recipe: Recipe, spec: WindowSpec, paths: list[str], split: str) -> None:
        """Check the steps and targets, and read the partners' pools."""
        super().__init__(recipe, spec, paths, split)
        if not (self.steps and self.steps[0].crops):
            raise UserError(
                "groups: the first online step must crop, as random_shift does, to put the "
                "stations on one clock"
            )
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
        mask = groups.pop("station_mask")
        flat = {name: tf.reshape(v, [-1, *v.shape[2:]]) for name, v in groups.items()}
        waves, targets, weights = tf.nest.map_structure(self._grouped, self.examples(flat))
        there = tf.cast(mask, tf.float32)
        weights = {
            name: value * tf.reshape(there, [-1, self.stations, *[1] * (value.shape.rank - 2)])
            for name, value in weights.items()
        }
        return {"waveform": waves, "station_mask": mask}, targets, weights

    @tf.autograph.experimental.do_not_convert
    def groups(self, records: tf.Tensor, epoch: tf.Tensor) -> Window:
        """Return the groups after the online steps, [G, S, ...], and their ``station_mask``."""
        present = records != ""
        # A place that nothing fills holds its group's first window until the mask clears it.
        filled = tf.where(present, records, records[:, :1])
        rows = Padded(self.parse_rows(tf.reshape(filled, [-1])))
        windows = self.stepped(rows, epoch)
        groups = {name: self._grouped(value) for name, value in windows.items()}
        first, known = self._clock(rows)
        anchor = tf.one_hot(first, self.stations, on_value=True, off_value=False)
        groups["station_mask"] = present & (known | anchor)
        key = self._grouped(draw.window_key(self.recipe.seed, rows.labels["window_id"]))[:, 0]
        if not self.augmented:
            epoch = tf.zeros_like(epoch)

        def one(group: tuple[Window, tf.Tensor]) -> Window:
            return apply_grouped(self.grouped_steps, silenced(group[0]), group[1], epoch)

        return tf.map_fn(one, (groups, key), fn_output_signature=_signature(groups))

    def starts(self, rows: Rows, key: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Return where each window is cut: at the time that its group's first P has drawn."""
        own = self._grouped(super().starts(rows, key, epoch))
        time = self._grouped(rows.labels["start_time_ns"])
        first, known = self._clock(rows)
        place, then = (tf.gather(value, first, batch_dims=1)[:, None] for value in (own, time))
        later_s = tf.cast(then - time, tf.float64) * 1e-9
        moved = tf.round(later_s * self.stored.sampling_rate_hz)
        far = 2.0 * self.stored.samples
        moved = tf.cast(tf.clip_by_value(moved, -far, far), tf.int32)
        return tf.reshape(tf.where(known, place + moved, own), [-1])

    def _clock(self, rows: Rows) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the station where P comes first, int64 [G], and whose time is known, [G, S]."""
        time = rows.labels["start_time_ns"]
        held = labels.is_pick(rows.labels, P)
        pick = tf.reduce_min(tf.where(held, rows.labels["pick_sample"], float("inf")), axis=1)
        time, pick = self._grouped(time), tf.cast(self._grouped(pick), tf.float64)
        known = time != UNKNOWN_TIME_NS
        later_s = tf.cast(time - tf.reduce_min(time, axis=1, keepdims=True), tf.float64) * 1e-9
        at_s = later_s + pick / self.stored.sampling_rate_hz
        late = tf.constant(float("inf"), tf.float64)
        return tf.argmin(tf.where(known, at_s, late), axis=1), known

    def _grouped(self, value: tf.Tensor) -> tf.Tensor:
        return tf.reshape(value, [-1, self.stations, *value.shape[1:]])


def silenced(group: Window) -> Window:
    """Return a group whose stations outside its mask are zero, not valid and without picks."""
    there = group["station_mask"]
    out = labels.clear_slots(group, "K", ~there[:, None])
    out["valid"] = group["valid"] & there[:, None, None]
    for name, wave in labels.waves(group).items():
        out[name] = labels.where_valid(tf.broadcast_to(there[:, None, None], wave.shape), wave)
    return out


def apply_grouped(
    steps: tuple[BuiltStep, ...], group: Window, key: draw.Seed, epoch: tf.Tensor
) -> Window:
    """Run steps on one group, each if its probability has it so."""
    for step in steps:
        seed = draw.step_seed(key, step.name, epoch)

        def run(group: Window = group, op: Any = step.op, seed: draw.Seed = seed) -> Window:
            out = op(group, seed)
            return {name: out[name] for name in group}

        lucky = draw.uniform(seed, "probability") < step.probability
        group = tf.cond(lucky, run, lambda group=group: group)
    return group


def _signature(groups: Window) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec(v.shape[1:], v.dtype) for name, v in groups.items()}
