"""Targets by name, as a recipe lists them."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from typing import Any

import augment_ops.targets
from augment_ops.core.registry import build, load_class
from schemas.errors import UserError, nearest
from schemas.recipe import Target


@lru_cache(maxsize=1)
def target_names() -> tuple[str, ...]:
    """Return the known targets: the module names in `augment_ops.targets`."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(augment_ops.targets.__path__)))


def target_class(name: str, where: str = "target") -> type:
    """Return the dataclass of a target.

    Raises:
        UserError: there is no such target.
    """
    if name not in target_names():
        raise UserError(f"{where}: unknown target {name!r}; {nearest(name, target_names())}")
    return load_class(f"augment_ops.targets.{name}", name)


def build_targets(targets: tuple[Target, ...]) -> dict[str, Any]:
    """Return a recipe's targets, by the name that each has among a model's outputs.

    Raises:
        UserError: an unknown target or parameter.
    """
    built = {}
    for target in targets:
        where = f"targets.{target.name}"
        built[target.name] = build(target_class(target.op, where), target.parameters, where)
    return built
