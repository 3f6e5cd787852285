"""Ops by name, and how one is made from a recipe's parameters."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

import augment_ops
from schemas.errors import UserError, explain, nearest


@lru_cache(maxsize=1)
def op_names() -> tuple[str, ...]:
    """Return the known ops: the module names in `augment_ops`."""
    modules = pkgutil.iter_modules(augment_ops.__path__)
    return tuple(sorted(module.name for module in modules if not module.ispkg))


def op_class(name: str, where: str = "op") -> type:
    """Return the dataclass of an op.

    Raises:
        UserError: there is no such op.
    """
    if name not in op_names():
        raise UserError(f"{where}: unknown op {name!r}; {nearest(name, op_names())}")
    return load_class(f"augment_ops.{name}", name)


def load_class(module: str, name: str) -> type:
    """Return ``SuperposeNoise`` of the module ``superpose_noise``."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    return getattr(importlib.import_module(module), camel)


def build(cls: type, parameters: dict[str, Any], where: str) -> Any:
    """Make an op from a recipe's parameters, strictly.

    Raises:
        UserError: an unknown parameter, or a value out of its range.
    """
    cls.__pydantic_config__ = ConfigDict(extra="forbid")
    try:
        return TypeAdapter(cls).validate_python(parameters)
    except ValidationError as error:
        raise explain(error, where, cls) from None
