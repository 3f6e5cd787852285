"""What of the feed's arguments and recipe cannot be asked for together, in one line each."""

from __future__ import annotations

from pipelines.feed_make import Maker
from pipelines.feed_service import check_service
from pipelines.publish import stored_recipe
from schemas.errors import UserError
from schemas.recipe import Recipe


def check_asked(folder: str, recipe: Recipe, in_memory: bool, weights: bool, service: str) -> None:
    """Refuse what cannot be asked for together."""
    if not recipe.targets:
        raise UserError(f"{folder}: recipe: targets: got none, expected at least one")
    if recipe.groups:
        _check_groups(folder, recipe, in_memory, weights)
    if service:
        if in_memory:
            raise UserError("in_memory: got True, expected False: the service reads the shards")
        check_service(service)


def _check_groups(folder: str, recipe: Recipe, in_memory: bool, weights: bool) -> None:
    """Refuse groups of shards that were not made for them, and what groups cannot be fed with."""
    if stored_recipe(folder).groups is None:
        raise UserError(
            f"{folder}: groups: the shards were made without `groups` in their recipe, so "
            "the windows of an event are not together; make them anew"
        )
    if recipe.sampling:
        raise UserError("sampling: weighs windows, not groups; expected it or `groups`, not both")
    if in_memory:
        raise UserError("in_memory: got True, expected False: groups are read from the shards")
    if not weights:
        raise UserError(
            "groups: a place without a station has no labels; pass weights=True for "
            "(inputs, targets, weights), in which its weights are 0"
        )


def check_weights(make: Maker, weights: bool) -> None:
    """Refuse targets without the weights that say where they are unknown."""
    for name, target in make.targets.items():
        if hasattr(target, "weight") and not weights:
            raise UserError(
                f"targets.{name}: is not known of every window; pass weights=True for "
                "(inputs, targets, weights)"
            )
