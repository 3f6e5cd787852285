"""The part of a recipe that says what shares a split."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from schemas.strict import Share, Split, Strict


def _text_day(value: Any) -> Any:
    if not isinstance(value, str | date):
        raise ValueError("expected a date such as 2015-01-01")
    return value


def _file_or_names(value: Any) -> str | frozenset[str]:
    if isinstance(value, str) and value:
        return value
    names = value if isinstance(value, list | tuple | frozenset) else [None]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("expected a file, or a list of names in quotes")
    return frozenset(names)


Day = Annotated[date, BeforeValidator(_text_day)]
Members = Annotated[str | frozenset[str], BeforeValidator(_file_or_names)]
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
_BLOCK_DEG = 0.5


class SplitRule(Strict):
    """What is never in two splits; `pipelines.split` says how noise and simulations follow."""

    by: Literal["event", "station", "region", "time"] = "event"
    shares: dict[Split, Share] = Field(_SHARES, description="by stable hash; not by time")
    from_source: bool = Field(False, description="use the source's own split where it names one")
    block_deg: Annotated[float, Field(gt=0, le=90)] = Field(
        _BLOCK_DEG, description="by region: side of a block, in latitude and in longitude"
    )
    boundaries: dict[Split, Day] = Field(
        {}, description="by time: the UTC day that a split begins on; before them all is train"
    )
    lists: dict[Split, Members] = Field(
        {}, description="fixed members, in a list or a file: event ids, or by station NET.STA"
    )

    @field_validator("shares")
    @classmethod
    def _whole(cls, shares: dict[str, float]) -> dict[str, float]:
        if abs(sum(shares.values()) - 1.0) > 1e-9:
            raise ValueError(f"shares sum to {sum(shares.values())}, not to 1")
        return shares

    @model_validator(mode="after")
    def _fits(self) -> SplitRule:
        days = list(self.boundaries.values())
        if (self.by == "time") != bool(days):
            raise ValueError(f"boundaries: got {len(days)} by {self.by}, expected them by time")
        if "train" in self.boundaries or len(set(days)) < len(days):
            raise ValueError("boundaries: expected a day of its own for validation or test or both")
        if self.by == "time" and self.shares != _SHARES:
            raise ValueError("shares: by time, the boundaries say what a split holds")
        if self.by != "region" and self.block_deg != _BLOCK_DEG:
            raise ValueError(f"block_deg: expected none by {self.by}, only by region")
        return self

    @field_serializer("lists")
    def _in_order(self, lists: dict[str, str | frozenset[str]]) -> dict[str, str | list[str]]:
        return {k: v if isinstance(v, str) else sorted(v) for k, v in lists.items()}
