"""The gallery: every op on one real seismogram, before and after, as pictures and a page.

An op for simulated events is shown on one of these, an op for groups on an event's stations.
"""

from __future__ import annotations

import html
import os
import tempfile
from collections import Counter
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from augment_ops.core.registry import op_class, op_names
from augment_ops.core.steps import BuiltStep, apply_steps
from pipelines.demo import ARCHIVE, RECIPE
from pipelines.describe import summary
from pipelines.inspection import inspect, read_window
from pipelines.picture import draw_window
from pipelines.reference import Inspected, Reference
from pipelines.sources import list_parts, list_windows
from pipelines.sources._obspy_examples import build_archive
from schemas.recipe import Recipe, Source, load_recipe
from schemas.validate import text
from schemas.window import COMPONENTS, KINDS, WINDOW_SPEC

Window = dict[str, np.ndarray]
# One whose mechanism shows both P and S.
_SIMULATED = Source(
    name="simulated",
    format="full_space",
    simulated=True,
    events=1,
    seed=15,
    magnitude=(4.5, 4.5),
    distance_km=(25.0, 25.0),
)
# An op draws anew until it changes something, so often at the most.
_TRIES = 50


def draw_gallery(folder: str) -> list[Path]:
    """Draw each op into a PNG, all of them onto a sheet, and a page that shows them.

    Args:
        folder: where ``OP.png``, ``sheet.png`` and ``index.html`` go.

    Returns:
        The paths of the ops' pictures.
    """
    os.makedirs(folder, exist_ok=True)
    recipe, windows = examples()
    shown = {name: applied(name, windows, recipe) for name in op_names()}
    paths = []
    for name, (after, drawn) in shown.items():
        paths.append(Path(folder, f"{name}.png"))
        _draw({name: (after, drawn)}, shown_on(name, windows), recipe, paths[-1])
    _draw(shown, windows["event"], recipe, Path(folder, "sheet.png"))
    Path(folder, "index.html").write_text(_page(list(shown)), encoding="utf-8")
    return paths


@lru_cache(maxsize=1)
def examples() -> tuple[Recipe, dict[str, Window]]:
    """Return the demo's recipe, and windows on three components.

    They are the demo's clearest ``event``, the next clear one as its ``partner``, ``noise``, a
    ``simulated`` event, and as ``group`` the event that most stations recorded.
    """
    with tempfile.TemporaryDirectory() as folder:
        build_archive(Path(folder))
        os.environ[ARCHIVE] = folder
        recipe = load_recipe(RECIPE)
        recipe = recipe.model_copy(update={"sources": (*recipe.sources, _SIMULATED)})
        found = [
            inspected
            for part in list_parts(recipe)
            for item in list_windows(recipe, *part)
            if isinstance(inspected := inspect(item, recipe), Inspected)
        ]
        whole = [i for i in found if i.live == "ENZ"]
        kinds = {kind: [i for i in whole if i.reference.kind == kind] for kind in KINDS}
        events = [
            i for i in kinds["event"] if len(i.reference.events) == 1 and len(i.reference.picks) > 1
        ]
        events.sort(key=lambda i: i.snr_db[0])
        chosen = {"event": events[-1], "partner": events[-2]}
        chosen |= {kind: kinds[kind][0] for kind in ("noise", "simulated")}
        windows = {role: read_window(i.reference, recipe) for role, i in chosen.items()}
        windows["group"] = _group([i.reference for i in found if i.reference.events], recipe)
    for role, window in windows.items():
        window["window_id"] = np.array(f"gallery/{role}".encode(), dtype=object)
        window["split"] = np.array(b"train", dtype=object)
    return recipe, windows


def _group(references: list[Reference], recipe: Recipe) -> Window:
    """Return the event that most stations recorded: their windows of one time, stacked."""
    counts = Counter(reference.events[0].event_id for reference in references)
    ((event, _),) = counts.most_common(1)
    chosen = [r for r in references if r.events[0].event_id == event]
    first_ns = min(r.record_start_ns + round(r.start_s * 1e9) for r in chosen)
    windows = [
        read_window(replace(r, start_s=(first_ns - r.record_start_ns) / 1e9), recipe)
        for r in sorted(chosen, key=lambda r: r.station)
    ]
    stacked = {name: np.stack([window[name] for window in windows]) for name in windows[0]}
    return {**stacked, "station_mask": np.ones(len(windows), bool)}


def shown_on(name: str, windows: dict[str, Window]) -> Window:
    """Return the window that an op is shown on: of the first kind that it takes, or the group."""
    cls = op_class(name)
    return windows[
        "group" if getattr(cls, "grouped", False) else getattr(cls, "kinds", ["event"])[0]
    ]


def _tensors(window: Window) -> dict[str, tf.Tensor]:
    dtypes = {"station_mask": "bool", **{field.name: field.dtype for field in WINDOW_SPEC}}
    return {n: tf.constant(window[n], dtype) for n, dtype in dtypes.items() if n in window}


def applied(name: str, windows: dict[str, Window], recipe: Recipe) -> tuple[Window, str]:
    """Return what an op makes of its window in the first epoch that shows it."""
    step, window = BuiltStep(name, op_class(name)()), shown_on(name, windows)
    partners = {**windows, "event": windows["partner"]}
    attached = {
        name: {
            role: {n: tf.stack([v] * number) for n, v in _tensors(partners[role]).items()}
            for role, number in step.needs.items()
        }
    }
    rate = recipe.window.sampling_rate_hz
    given = _tensors(window)
    for epoch in range(_TRIES):
        out = apply_steps((step,), given, attached, recipe.seed, epoch, rate, measure=False)
        made = {field: value.numpy() for field, value in out.items()}
        if not np.array_equal(made["waveform"], window["waveform"]):
            break
    values = (f"{draw.partition('/')[2]} {made[draw]:.3g}" for draw in step.draws)
    return made, ", ".join(values)


def _draw(shown: dict[str, tuple[Window, str]], window: Window, recipe: Recipe, path: Path) -> None:
    from matplotlib.figure import Figure

    columns = 1 if len(shown) == 1 else 4
    rows = -(-(len(shown) + 1) // columns) if columns > 1 else 2
    figure = Figure(figsize=(6.5 if columns == 1 else 16, 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    simulated = np.all(window["kind"] == b"simulated")
    _panel(axes[0], window, recipe, "simulated" if simulated else "as recorded")
    for axis, (name, (after, drawn)) in zip(axes[1:], shown.items()):
        _panel(axis, after, recipe, f"{name}\n{drawn}" if columns == 1 else name)
    for axis in axes[len(shown) + 1 :]:
        axis.set_axis_off()
    figure.savefig(path, dpi=90)


def _panel(axis: Any, window: Window, recipe: Recipe, title: str) -> None:
    """Draw a window, or the verticals of a group's stations with all their picks."""
    if "station_mask" not in window:
        draw_window(axis, window, recipe, title)
        return
    verticals = {name: window[name][..., COMPONENTS.index("Z")].T for name in ("waveform", "valid")}
    picks = {name: window[name].ravel() for name in ("pick_sample", "pick_phase")}
    draw_window(axis, {**verticals, **picks}, recipe, title, [text(s) for s in window["station"]])


def _page(names: list[str]) -> str:
    """Return a page without scripts that shows each op with its parameters."""
    items = []
    for name in names:
        cls = op_class(name)
        parameters = "".join(
            f"<li><code>{html.escape(f'{field.name}: {field.default}')}</code></li>"
            for field in fields(cls)
        )
        items.append(
            f'<section><h2 id="{name}">{name}</h2><p>{html.escape(summary(cls))}</p>'
            f'<img src="{name}.png" alt="{name}, before and after"><ul>{parameters}</ul></section>'
        )
    return _PAGE.format(count=len(names), items="\n".join(items))


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SeisMill's ops</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem }}
body {{ margin: 2rem auto; padding: 0 1rem }}
img {{ max-width: 100%; background: white }}
</style>
<h1>{count} ops on one seismogram</h1>
<p>Above as recorded or simulated, below after the op with its default parameters. Grey is not
valid; red is P, blue is S.</p>
{items}
</html>
"""


def print_gallery(folder: str) -> int:
    """Draw the gallery and say where it is."""
    paths = draw_gallery(folder)
    print(f"{len(paths)} ops: {os.path.join(folder, 'index.html')}")
    return 0
