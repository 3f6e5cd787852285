"""Sources: one file a format, found by its name. A module here has

- ``Options``: a strict pydantic model of the format's keys in a recipe;
- ``list_windows(listing, options)``: yields a `Reference` for each window the source holds,
  or a `Rejected` for a row that cannot be one, and reads no samples where it can be avoided;
- ``load(reference)``: returns the long `Record` that the window is cut from;
- optionally ``parts(options)``: the options of pieces that can be listed in parallel;
- optionally ``SIMULATED = True``: it computes waveforms, and a recipe must mark it `simulated`.

Errors are `UserError`s: one line with the file, the field, what was got and what was expected.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from pipelines import files, simulated
from pipelines.hard_negative import hard_negative
from pipelines.prepare import Record
from pipelines.reference import Reference, Rejected
from pipelines.tags import tagged
from schemas.errors import UserError, explain, nearest
from schemas.recipe import Noise, Recipe, Source, WindowSize


@dataclass(frozen=True)
class Listing:
    """What a source is told when it lists: its name and the recipe's rules for windows."""

    name: str
    environment: str = ""
    window: WindowSize = WindowSize()
    noise: Noise = Noise()

    def rejected(self, trace: str, reason: str) -> Rejected:
        """Return a row that cannot become a window."""
        return Rejected(f"{self.name}/{trace}", "list", reason)


@lru_cache(maxsize=1)
def formats() -> tuple[str, ...]:
    """Return the known formats: the module names in this folder that do not start with ``_``."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def source_module(name: str, where: str = "sources") -> ModuleType:
    """Return the module of a format.

    Raises:
        UserError: there is no such format.
    """
    if name not in formats():
        raise UserError(f"{where}: format: got {name!r}; {nearest(name, formats())}")
    return importlib.import_module(f"{__name__}.{name}")


def source_options(source: Source) -> Any:
    """Check a source's keys against its format; fill in the environment's variables."""
    where = f"sources.{source.name}"
    module = source_module(source.format, where)
    if getattr(module, "SIMULATED", False) and not source.simulated:
        raise UserError(
            f"{where}: simulated: got false, expected true: {source.format} computes waveforms"
        )
    model = module.Options
    given = {
        key: files.expand(value, f"{where}.{key}") if isinstance(value, str) else value
        for key, value in source.options.items()
    }
    try:
        options = model.model_validate(given)
    except ValidationError as error:
        raise explain(error, where, model) from None
    if source.kind and getattr(options, "noise", False):
        raise UserError(
            f"{where}: noise: got true, expected false: what lies away from picks is no "
            f"{source.kind}"
        )
    return options


def list_parts(recipe: Recipe) -> list[tuple[Source, Any]]:
    """Return each piece of each source that can be listed by itself, with its options."""
    parts = []
    for source in recipe.sources:
        module, options = source_module(source.format), source_options(source)
        pieces = module.parts(options) if hasattr(module, "parts") else [options]
        parts += [(source, piece) for piece in pieces]
    return parts


def list_windows(recipe: Recipe, source: Source, options: Any) -> Iterator[Reference | Rejected]:
    """List one part of a source. A part that fails, or is empty, is one rejected entry.

    Of a source that is marked `simulated`, events are listed as simulated, and noise is not. Of one
    whose `kind` is hard_negative, all is listed as that, and what lies before P is not. Here too a
    window gets the recipe's `tags`.
    """
    special = source.simulated or source.kind
    rules = simulated.noise_rules(recipe.noise) if special else recipe.noise
    listing = Listing(source.name, source.environment, recipe.window, rules)
    empty = True
    try:
        for item in source_module(source.format).list_windows(listing, options):
            if source.simulated and (item := simulated.simulated(item)) is None:
                continue
            empty = False
            item = hard_negative(item) if source.kind else item
            yield tagged(item, recipe.tags) if isinstance(item, Reference) else item
    except UserError as error:
        yield listing.rejected("", str(error))
        return
    if empty:
        yield listing.rejected("", f"{options}: the source lists no windows")


def load(reference: Reference, formats_by_source: dict[str, str]) -> Record:
    """Read the long record of a reference through its source's module."""
    return source_module(formats_by_source[reference.source]).load(reference)
