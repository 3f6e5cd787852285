"""The one error that a user's mistake becomes, and how its line is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError


class UserError(ValueError):
    """A mistake in a recipe, a file or a command: one clear line, no traceback."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for a misspelt name, else what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def explain(error: ValidationError, where: str, model: type | None = None) -> UserError:
    """Turn pydantic's report into one line a fault: file, field, got, expected."""
    lines = []
    faults = error.errors(include_url=False)
    for fault in faults:
        if fault["type"] == "too_short" and any(
            other["loc"][: len(fault["loc"])] == fault["loc"] != other["loc"] for other in faults
        ):
            continue  # its items are there, and have faults of their own
        field = ".".join(str(part) for part in fault["loc"]) or "(whole)"
        if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            hint = nearest(str(fault["loc"][-1]), _known_at(model, fault["loc"][:-1]))
            lines.append(f"{where}: unknown key {field!r}; {hint}")
        elif fault["type"] == "missing":
            lines.append(f"{where}: {field!r} is missing")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {field}: got {_short(fault['input'])}; {message}")
    return UserError("\n".join(lines))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _known_at(model: Any, loc: tuple) -> list[str]:
    """Return the keys that `model` takes at a location such as ``("window",)``."""
    for part in loc:
        if isinstance(part, int):
            continue
        field = _fields(model).get(part)
        model = _inner_model(getattr(field, "annotation", None)) if field else None
    return list(_fields(model))


def _fields(model: Any) -> dict[str, Any]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return dict(model.model_fields)
    return dict(getattr(model, "__dataclass_fields__", {}))


def _inner_model(annotation: Any) -> Any:
    """Return the model inside ``Model | None`` or ``list[Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _inner_model(part)
        if found is not None:
            return found
    return None
