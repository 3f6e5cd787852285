"""New windows of a rare class, made between recorded ones: the recipe's `synthesis`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.balance import Number
from schemas.strict import Finite, Positive, Strict

# What synthetic windows have for their source, and no source of a recipe is called.
METHODS = ("smote", "adasyn")


class Synthesis(Strict):
    """Makes windows between neighbours of a rare class; in train alone.

    `smote` (Chawla et al., 2002) chooses the windows to begin from at random; `adasyn` (He et
    al., 2008) rather those that have windows of other classes for neighbours.
    """

    method: Literal[METHODS] = "smote"
    minority: dict[Number, tuple[Finite, Finite]] = Field(
        min_length=1, description="from the first value on, and below the second; all must hold"
    )
    number: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    share: Positive | None = Field(None, description="of the minority's recorded windows")
    neighbours: int = Field(5, ge=1, le=100)

    @model_validator(mode="after")
    def _fits(self) -> Synthesis:
        if (self.number is None) == (self.share is None):
            raise ValueError("expected either number or share")
        for name, (low, high) in self.minority.items():
            if not low < high:
                raise ValueError(f"minority: {name}: expected low < high, got {low} and {high}")
        return self
