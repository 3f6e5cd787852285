"""The model that refuses unknown keys, and the types of numbers and names that recipes use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.window import ENVIRONMENTS, KINDS, SPLITS

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
Split = Literal[SPLITS]
Kind = Literal[KINDS]
Environment = Literal[ENVIRONMENTS]


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if not pair[0] < pair[1]:
        raise ValueError(f"expected low < high, got {pair[0]} and {pair[1]}")
    return pair


Band = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
