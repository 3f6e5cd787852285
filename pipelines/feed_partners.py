"""Partners for online steps: a pool of the split's own windows, held in memory, drawn by seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core.labels import Window, live
from augment_ops.core.steps import BuiltStep, leaves
from pipelines.feed_records import until_damage
from schemas.channel import SENSORS
from schemas.record import parser
from schemas.window import KINDS, WINDOW_SPEC, WindowSpec

# 256 windows of 90 s at 100 Hz are 35 MB.
POOL_WINDOWS = 256


@dataclass(frozen=True)
class Pool:
    """Windows of one kind, stacked, and what of them decides who fits whom."""

    windows: Window
    live: tf.Tensor
    record: tf.Tensor


Pools = dict[str, Pool]


def load_pools(paths: list[str], spec: WindowSpec, steps: tuple[BuiltStep, ...]) -> Pools:
    """Read a split's first windows of each kind that the steps need, in the shards' own order.

    The job shuffled that order, so the first are a fair sample, and the same on every machine.
    """
    roles: dict[str, int] = {}
    for step in leaves(steps):
        for role, number in step.needs.items():
            roles[role] = max(number, roles.get(role, 0))
    return {role: _load_pool(paths, spec, role, roles[role]) for role in sorted(roles)}


def _load_pool(paths: list[str], spec: WindowSpec, kind: str, least: int) -> Pool:
    """Return the pool of a kind; empty windows fill it up to what one window wants."""
    names = [*(field.name for field in WINDOW_SPEC), *spec.pairs]
    parse = parser(spec, only=names)
    # Whoever reads the epochs says what is damaged.
    windows = tf.data.Dataset.from_tensor_slices(paths).flat_map(until_damage).map(parse)
    found = windows.filter(lambda window: window["kind"] == kind).take(POOL_WINDOWS)
    rows = list(found.as_numpy_iterator())
    rows += [spec.empty_window()] * (least - len(rows))
    stacked = {name: tf.constant(np.stack([row[name] for row in rows])) for name in names}
    alive = tf.reduce_any(stacked["valid"], axis=1)
    return Pool(stacked, alive, _record(stacked["window_id"]))


def attach(
    pools: Pools, steps: tuple[BuiltStep, ...], window: Window, key: draw.Seed, epoch: tf.Tensor
) -> dict[str, dict[str, Window]]:
    """Return each step's partners for one window, as `apply_steps` takes them."""
    partners: dict[str, dict[str, Window]] = {}
    for step in leaves(steps):
        for role, number in step.needs.items():
            seed = draw.step_seed(key, f"{step.name}/partner", epoch)
            chosen = _draw(pools[role], window, seed, number, step.op)
            partners.setdefault(step.name, {})[role] = chosen
    return partners


def _draw(pool: Pool, window: Window, seed: tf.Tensor, number: int, op: Any) -> Window:
    """Draw windows that fit, as `plan.fits` has it.

    For a window of a kind that the op takes: of another record and event, with every live
    component, with what the op says must match, and of a source that its weights draw.
    """
    windows, ids = pool.windows, window["event_id"]
    fit = tf.reduce_all(pool.live | ~live(window), axis=-1)
    fit &= tf.reduce_any(window["kind"] == tf.constant(getattr(op, "kinds", KINDS)))
    fit &= (windows["window_id"] != "") & (pool.record != _record(window["window_id"]))
    same = (windows["event_id"][:, :, None] == ids[None, None, :]) & (ids != "")[None, None, :]
    fit &= ~tf.reduce_any(same, axis=(1, 2))
    for name in getattr(op, "match", ()):
        fit &= _matched(windows, name) == _matched(window, name)
    if sources := getattr(op, "sources", ()):
        names, weights = zip(*sources)
        reached = tf.cumsum(tf.constant(weights, tf.float32))
        place = draw.uniform(seed, "source", shape=(1,)) * reached[-1]
        fit &= windows["source"] == tf.gather(names, tf.searchsorted(reached[:-1], place, "right"))
    keys = draw.uniform(seed, "choice", shape=fit.shape)
    order = tf.argsort(tf.where(fit, keys, 2.0))[:number]
    chosen = {
        name: tf.ensure_shape(tf.gather(value, order), (number, *value.shape[1:]))
        for name, value in windows.items()
    }
    # A place for which nothing fits keeps an empty id, and the op leaves it out.
    chosen["window_id"] = tf.where(tf.gather(fit, order), chosen["window_id"], "")
    return chosen


def _matched(windows: Window, name: str) -> tf.Tensor:
    """Return what `plan.fits` compares, of one window or of many."""
    if name == "station":
        return tf.strings.join([windows["network"], windows["station"]], ".")
    if name != "sensor":
        return windows[name]
    sensor = tf.zeros_like(windows["instrument"])
    for told, codes in SENSORS:
        found = tf.strings.regex_full_match(windows["instrument"], codes)
        sensor = tf.where(found, told, sensor)
    return sensor


def _record(window_id: tf.Tensor) -> tf.Tensor:
    """Return the source and trace of an id, without the start and the copy."""
    return tf.strings.regex_replace(window_id, r"/[^/]*/[^/]*$", "")
