"""What `seismill ops` and `seismill schema` show: read off the ops, sources and models."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from pydantic import TypeAdapter

from augment_ops.core.groups import GROUPS
from augment_ops.core.registry import op_class, op_names
from augment_ops.core.targets import feed_pairs, labelled, target_class, target_names
from pipelines.sources import formats, source_module
from schemas.metadata import window_table
from schemas.recipe import Recipe, WindowSize
from schemas.window import WindowSpec

# The training window that the shapes of targets are shown for.
_SHOWN = WindowSpec(samples=3000, sampling_rate_hz=100.0)


def summary(cls: type) -> str:
    """Return the first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def print_ops() -> int:
    """Print each op with its parameters, defaults and draws, and each target with its shape."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    groups = {name: GROUPS[name] for name in sorted(GROUPS)}
    for title, classes, third, said in (
        ("Ops", _ops(), "draws", _draws),
        ("Groups", groups, "draws", _draws),
        (f"Targets of windows of T = {_SHOWN.samples} samples", _targets(), "shape", _shape),
    ):
        table = Table(title=title, title_justify="left", show_lines=True)
        for column in ("name", "parameters", third, "what it does"):
            table.add_column(column, overflow="fold")
        for name, cls in classes.items():
            given = "\n".join(f"{f.name}: {_shown(f.default)}" for f in dataclasses.fields(cls))
            table.add_row(name, given, "\n".join(said(cls)), summary(cls))
        console.print(table)
    return 0


def _ops() -> dict[str, type]:
    return {name: op_class(name) for name in op_names()}


def _targets() -> dict[str, type]:
    return {name: target_class(name) for name in target_names()}


def _draws(cls: type) -> tuple[str, ...]:
    """Return what an op draws; where that depends on its parameters, with the default ones."""
    draws = getattr(cls, "draws", ())
    return cls().draws if isinstance(draws, property) else draws


def _shape(cls: type) -> tuple[str]:
    """Return the shape of a target with the default parameters, from an empty window."""
    import tensorflow as tf

    targets = {"target": cls()}
    spec = dataclasses.replace(_SHOWN, pairs=feed_pairs(targets))
    empty = spec.empty_window()
    window = {field.name: tf.constant(empty[field.name], field.dtype) for field in spec.fields}
    values, _ = labelled(targets, window, spec.sampling_rate_hz)
    sizes = ("T" if size == spec.samples else str(size) for size in values["target"].shape)
    return (f"[{', '.join(sizes)}]",)


def _shown(value: Any) -> str:
    if value is dataclasses.MISSING:
        return "required"
    return str(list(value)) if isinstance(value, tuple) else str(value)


def window_schema() -> list[dict[str, Any]]:
    """Return the window's fields at the default sizes."""
    size = WindowSize()
    return window_table(WindowSpec(size.samples, size.sampling_rate_hz))


def recipe_schema() -> dict[str, Any]:
    """Return the recipe's JSON Schema, with the options of every source, op and target."""
    schema = Recipe.model_json_schema()
    defs = schema["$defs"]
    defs["Source"] = {"anyOf": [_source_schema(name, defs["Source"]) for name in formats()]}
    defs["Step"] = _step_schema({**_ops(), **GROUPS})
    defs["Target"] = _step_schema(_targets())
    return schema


def _source_schema(name: str, common: dict[str, Any]) -> dict[str, Any]:
    options = source_module(name).Options.model_json_schema()
    return {
        "type": "object",
        "title": name,
        "properties": {
            **common["properties"],
            **options["properties"],
            "format": {"const": name},
        },
        "required": sorted({*common["required"], *options.get("required", ())}),
        "additionalProperties": False,
    }


def _step_schema(classes: dict[str, type]) -> dict[str, Any]:
    own = {
        "name": {"type": "string"},
        "probability": {"type": "number", "minimum": 0, "maximum": 1, "default": 1},
    }
    properties = {}
    for name, cls in classes.items():
        # A group's own steps refer to the definition that this makes.
        parameters = TypeAdapter(cls).json_schema(ref_template="#/$defs/{model}")
        properties[name] = {
            "type": ["object", "null"],
            "description": summary(cls),
            "properties": {**parameters.get("properties", {}), **own},
            "required": parameters.get("required", []),
            "additionalProperties": False,
        }
    mapping = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"enum": sorted(classes)}, mapping]}
