"""One picture of what the job and the feed made of a few windows, with their labels."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from augment_ops.core.normalise import normalise
from augment_ops.targets.phase_picks import PhasePicks
from pipelines.feed_make import Maker
from pipelines.feed_rows import row_parser
from pipelines.inspection import read_window
from pipelines.publish import stored_manifest, stored_recipe
from pipelines.reference import Reference
from pipelines.sources import list_parts, list_windows
from schemas.recipe import Recipe
from schemas.record import parser
from schemas.validate import text
from schemas.window import COMPONENTS, SPLITS, P, WindowSpec

Window = dict[str, np.ndarray]
_COLOURS = {"P": "#c1272d", "S": "#0b6e99"}
_GAP = "#d9d9d9"


def draw(folder: str, path: str, rows: int = 3) -> None:
    """Draw some event windows as recorded, as stored and as fed, into a PNG.

    Args:
        folder: where a job published its shards; its sources must still be there.
        path: the PNG.
        rows: how many windows.
    """
    from matplotlib.figure import Figure

    recipe, manifest = stored_recipe(folder), stored_manifest(folder)
    spec = WindowSpec.from_json(manifest["window"])
    split = next(iter(recipe.augmented_splits), "train")
    maker = Maker(recipe, spec, _paths(folder, manifest, split), split)
    pairs, parse = _pairs(recipe, folder, manifest, spec, rows), parser(spec)
    figure = Figure(figsize=(15, 3.1 * len(pairs)), layout="constrained", dpi=110)
    axes = figure.subplots(len(pairs), 3, squeeze=False)
    for row, (reference, recorded, record) in zip(axes, pairs):
        stored = _numpy(parse(record))
        made = maker.windows(row_parser(spec)(record[None]), tf.constant(1, tf.int64))
        fed = {name: value[0] for name, value in _numpy(made).items()}
        draw_window(row[0], recorded, recipe, f"recorded: {reference.trace}")
        draw_window(row[1], stored, recipe, _drawn(stored, spec.draws))
        tensors = {name: tf.constant(value) for name, value in fed.items()}
        fed["waveform"] = normalise(tensors, recipe.normalise).numpy()
        draw_window(row[2], fed, recipe, "fed: shifted, normalised, labelled")
        _curves(row[2], PhasePicks()(tensors).numpy(), recipe)
    for axis in axes[-1]:
        axis.set_xlabel("s")
    figure.savefig(path)


def _pairs(
    recipe: Recipe, folder: str, manifest: dict[str, Any], spec: WindowSpec, rows: int
) -> list[tuple[Reference, Window, tf.Tensor]]:
    """Return references, their windows as recorded, and their stored records.

    The windows with most live components, and of these the ones in which most was drawn, come
    first: they show most.
    """
    references = {
        item.base_id: item
        for part in list_parts(recipe)
        for item in list_windows(recipe, *part)
        if isinstance(item, Reference) and item.kind == "event"
    }
    parse = parser(spec)
    best: dict[str, tuple[tuple[int, int], tf.Tensor]] = {}
    for split in SPLITS:
        for record in tf.data.TFRecordDataset(_paths(folder, manifest, split)):
            window = _numpy(parse(record))
            base = text(window["window_id"]).rpartition("/")[0]
            live = int(window["valid"].any(axis=0).sum())
            drawn = sum(np.nan_to_num(window[name]) > 0 for name in spec.draws)
            if base in references and (base not in best or (live, drawn) > best[base][0]):
                best[base] = ((live, drawn), record)
    chosen = sorted(sorted(best), key=lambda base: best[base][0], reverse=True)[:rows]
    return [(references[b], read_window(references[b], recipe), best[b][1]) for b in chosen]


def _paths(folder: str, manifest: dict[str, Any], split: str) -> list[str]:
    names = [s["name"] for s in manifest["shards"] if s["split"] == split]
    return [posixpath.join(folder, name) for name in names]


def _numpy(window: dict[str, tf.Tensor]) -> Window:
    return {name: value.numpy() for name, value in window.items()}


def _drawn(window: Window, draws: tuple[str, ...]) -> str:
    """Return what each step that was applied drew first."""
    said: dict[str, str] = {}
    for name in draws:
        step, _, value = name.partition("/")
        if np.isfinite(window[name]) and step not in said:
            said[step] = f"{step}: {value} {float(window[name]):.3g}"
    return "\n".join(said.values()) or "as recorded"


def draw_window(
    axis: Any, window: Window, recipe: Recipe, title: str, names: Sequence[str] = COMPONENTS
) -> None:
    """Draw components, or other traces, with picks into axes; grey is what is not valid."""
    rate = recipe.window.sampling_rate_hz
    time = np.arange(len(window["waveform"])) / rate
    for row in range(len(names)):
        trace, valid = window["waveform"][:, row], window["valid"][:, row]
        level = len(names) - 1 - row
        scale = 2.2 * max(np.abs(trace).max(), 1e-30)
        shown = np.where(valid, trace / scale + level, np.nan)
        axis.plot(time, shown, color="#333333", linewidth=0.5)
        axis.fill_between(time, level - 0.5, level + 0.5, where=~valid, color=_GAP, linewidth=0)
    for sample, phase in zip(window["pick_sample"], window["pick_phase"]):
        if np.isfinite(sample):
            name = "P" if phase == P else "S"
            axis.axvline(sample / rate, color=_COLOURS[name], linewidth=1.1)
            axis.text(
                sample / rate,
                len(names) - 0.45,
                name,
                color=_COLOURS[name],
                ha="center",
                va="bottom",
            )
    axis.set_yticks(range(len(names)), names[::-1])
    axis.set_xlim(0, time[-1])
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.set_title(title, fontsize=9, loc="left", pad=14)


def _curves(axis: Any, targets: np.ndarray, recipe: Recipe) -> None:
    time = np.arange(len(targets)) / recipe.window.sampling_rate_hz
    for column, phase in enumerate("PS"):
        curve = targets[:, column] - 0.6
        axis.fill_between(time, -0.6, curve, color=_COLOURS[phase], alpha=0.6, linewidth=0)
