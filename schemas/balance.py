"""How often windows of each class go into the training set: the recipe's `balance`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.errors import nearest
from schemas.strict import Finite, Positive, Strict
from schemas.window import KINDS

NAMED = ("kind", "source", "network", "station", "environment", "instrument")
NUMBERS = ("magnitude", "distance_km", "depth_km", "s_minus_p_s", "snr_db")
Attribute = Literal[NAMED + NUMBERS]
Number = Literal[NUMBERS]


class Balance(Strict):
    """Classes of windows, and what is done about their numbers; in augmented splits alone.

    `oversample` copies each class up to the largest, `undersample` thins each down to the
    smallest, `inverse_frequency` does both to reach their mean, and `shares` copies classes until
    they have their shares. Windows of a class without a share keep their own copies.

    ``{event: 0.6, noise: 0.4}`` is short for `shares` by kind, with no cap.
    """

    by: tuple[Attribute, ...] = Field(min_length=1, description="classes are all that these tell")
    bins: dict[Number, Annotated[tuple[Finite, ...], Field(min_length=1)]] = Field(
        {}, description="edges between the classes of a number"
    )
    quantiles: dict[Number, Annotated[int, Field(ge=2, le=100)]] = Field(
        {}, description="classes of a number with as many windows each"
    )
    method: Literal["oversample", "undersample", "inverse_frequency", "shares"] = "oversample"
    shares: dict[str, Positive] = Field(
        {}, description="by class, such as 'event, magnitude 2 to 3'; of their sum"
    )
    max_copies: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        10, description="the most copies of a window; null for no cap"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_kinds(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not set(value) & set(KINDS):
            return value
        for kind, share in value.items():
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no kind; {nearest(str(kind), KINDS)}")
            if not isinstance(share, int | float) or not 0 < share <= 1:
                raise ValueError(f"{kind}: expected a share above 0 and up to 1, got {share!r}")
        if abs(sum(value.values()) - 1.0) > 1e-9:
            raise ValueError(f"balance sums to {sum(value.values())}, not to 1")
        return {"by": ["kind"], "method": "shares", "shares": value, "max_copies": None}

    @model_validator(mode="after")
    def _fits(self) -> Balance:
        if len(set(self.by)) < len(self.by):
            raise ValueError(f"by: got {', '.join(self.by)}, expected each once")
        for name in (n for n in self.by if n in NUMBERS):
            if (name in self.bins) == (name in self.quantiles):
                raise ValueError(f"by: {name}: expected it either in bins or in quantiles")
        if stray := sorted({*self.bins, *self.quantiles} - set(self.by)):
            raise ValueError(f"bins, quantiles: got {stray[0]}, which `by` does not name")
        for name, edges in self.bins.items():
            if any(a >= b for a, b in zip(edges, edges[1:])):
                raise ValueError(f"bins: {name}: expected ascending edges, got {edges}")
        if (self.method == "shares") != bool(self.shares):
            raise ValueError(
                f"shares: got {len(self.shares)} with {self.method}, "
                "expected them with method shares, and only there"
            )
        return self
