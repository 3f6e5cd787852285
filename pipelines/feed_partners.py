"""Partners for online steps: a pool of the split's own windows, held in memory, drawn by seed."""

from __future__ import annotations

import posixpath
from typing import Any

import numpy as np
import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core.labels import Window, live
from augment_ops.core.steps import BuiltStep, leaves
from schemas.record import parser
from schemas.window import WINDOW_SPEC, WindowSpec

# 256 windows of 90 s at 100 Hz are 35 MB.
POOL_WINDOWS = 256
_PARTNER_SPLIT = "train"
Pools = dict[str, dict[str, tf.Tensor]]


def load_pools(
    folder: str, manifest: dict[str, Any], spec: WindowSpec, steps: tuple[BuiltStep, ...]
) -> Pools:
    """Read the first windows of each kind that the steps need, in the shards' own order.

    The job shuffled that order, so the first are a fair sample, and the same on every machine.
    """
    roles = {role for step in leaves(steps) for role in step.needs}
    shards = [s for s in manifest["shards"] if s["split"] == _PARTNER_SPLIT]
    return {role: _load_pool(folder, shards, spec, role) for role in sorted(roles)}


def _load_pool(folder: str, shards: list[dict], spec: WindowSpec, kind: str) -> Window:
    paths = [posixpath.join(folder, s["name"]) for s in shards if s["kinds"].get(kind)]
    parse, names = parser(spec), [field.name for field in WINDOW_SPEC]
    windows = tf.data.TFRecordDataset(paths).map(parse)
    found = windows.filter(lambda window: window["kind"] == kind).take(POOL_WINDOWS)
    rows = list(found.as_numpy_iterator()) or [spec.empty_window()]
    return {name: tf.constant(np.stack([row[name] for row in rows])) for name in names}


def attach(
    pools: Pools, steps: tuple[BuiltStep, ...], window: Window, run_seed: int, epoch: tf.Tensor
) -> dict[str, dict[str, Window]]:
    """Return each step's partners for one window, as `apply_steps` takes them."""
    partners: dict[str, dict[str, Window]] = {}
    for step in leaves(steps):
        for role, number in step.needs.items():
            seed = draw.step_seed(run_seed, window["window_id"], f"{step.name}/partner", epoch)
            match = getattr(step.op, "match", ())
            chosen = _draw(pools[role], window, seed, number, match)
            partners.setdefault(step.name, {})[role] = chosen
    return partners


def _draw(
    pool: Window, window: Window, seed: tf.Tensor, number: int, match: tuple[str, ...]
) -> Window:
    """Draw windows that fit: another event, every live component, what must match."""
    alive = tf.reduce_any(pool["valid"], axis=1)
    fit = tf.reduce_all(alive | ~live(window), axis=-1)
    fit &= pool["window_id"] != window["window_id"]
    ids = window["event_id"]
    same = (pool["event_id"][:, :, None] == ids[None, None, :]) & (ids != "")[None, None, :]
    fit &= ~tf.reduce_any(same, axis=(1, 2))
    for name in match:
        fit &= pool[name] == window[name]
    keys = draw.uniform(seed, "choice", shape=tf.shape(fit))
    order = tf.argsort(tf.where(fit, keys, 2.0))[:number]
    # A place for which nothing fits keeps an empty id, and the op leaves it out.
    chosen = {name: tf.gather(value, order) for name, value in pool.items()}
    chosen["window_id"] = tf.where(tf.gather(fit, order), chosen["window_id"], "")
    return {
        name: tf.ensure_shape(value, (number, *pool[name].shape[1:]))
        for name, value in chosen.items()
    }
