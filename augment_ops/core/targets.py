"""Targets by name, as a recipe lists them."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from typing import Any

import augment_ops.targets
from augment_ops.core.steps import build, load_class
from schemas.errors import UserError, nearest
from schemas.recipe import Target


@lru_cache(maxsize=1)
def target_names() -> tuple[str, ...]:
    """Return the known targets: the module names in `augment_ops.targets`."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(augment_ops.targets.__path__)))


def build_targets(targets: tuple[Target, ...]) -> dict[str, Any]:
    """Return a recipe's targets, by the name that each has among a model's outputs.

    Raises:
        UserError: an unknown target or parameter.
    """
    built = {}
    for target in targets:
        where = f"targets.{target.name}"
        if target.op not in target_names():
            raise UserError(
                f"{where}: unknown target {target.op!r}; {nearest(target.op, target_names())}"
            )
        cls = load_class(f"augment_ops.targets.{target.op}", target.op)
        built[target.name] = build(cls, target.parameters, where)
    return built
