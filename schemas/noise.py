"""Where noise windows come from, and what tests they must pass: the recipe's `noise`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.strict import Band, Finite, NotNegative, Positive, Strict


def _rising(table: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    magnitudes, reaches = zip(*table)
    if any(a >= b for a, b in zip(magnitudes, magnitudes[1:])) or list(reaches) != sorted(reaches):
        raise ValueError("expected rows of an ascending magnitude and a km that does not fall")
    return table


Reach = Annotated[
    tuple[tuple[Finite, NotNegative], ...], Field(min_length=1), AfterValidator(_rising)
]


class StaLta(Strict):
    """The ratio of a short to a long running mean of squares, run forward and then backward.

    Source: Allen (1978); Withers et al. (1998).
    """

    sta_s: Positive = 0.5
    lta_s: Positive = 5.0
    max_ratio: Positive = 4.5

    @model_validator(mode="after")
    def _reachable(self) -> StaLta:
        # The long mean holds the short one, so the ratio ends at lta / sta.
        if not 1 < self.max_ratio < self.lta_s / self.sta_s:
            raise ValueError(
                f"max_ratio: got {self.max_ratio:g}, expected between 1 and lta_s / sta_s "
                f"{self.lta_s / self.sta_s:g}, which no ratio exceeds"
            )
        return self


class Kurtosis(Strict):
    """The largest excess kurtosis of windows that overlap by half; normal noise has 0.

    Source: Saragiotis et al. (2002).
    """

    window_s: Positive = 10.0
    max: Positive = 3.0


class Catalogue(Strict):
    """Known events, whose predicted arrivals noise must not hold.

    An event counts out to a distance that follows from its magnitude, linearly between the rows
    of the table and as in its last row beyond; one below its first row does not count, one of
    unknown magnitude is taken as of the first row.

    The table's default is where 10 nm of ground displacement are reached: by Hutton & Boore (1987)
    for local magnitudes up to 4, and by the amplitudes of body waves of Gutenberg & Richter (1956)
    beyond.
    """

    path: str = Field(description="QuakeML; or CSV: time, latitude, longitude, depth, mag, id")
    stations: str | None = Field(
        None, description="StationXML, or CSV: network, station, latitude, longitude"
    )
    distance_km_by_magnitude: Reach = (
        (0.0, 10.0),
        (1.0, 60.0),
        (2.0, 240.0),
        (3.0, 560.0),
        (4.0, 950.0),
        (5.0, 10_000.0),
        (6.0, 20_016.0),
    )
    before_s: NotNegative = Field(5.0, description="left free before the predicted P")
    after_s: NotNegative = Field(60.0, description="left free after the predicted S")
    model: Literal["iasp91", "ak135"] = Field("iasp91", description="of TauP")


class Screen(Strict):
    """Further tests of noise windows; each is made if it is there."""

    band_hz: Band | None = Field(
        (2.0, 20.0), description="where sta_lta and kurtosis look; null: the samples as prepared"
    )
    sta_lta: StaLta | None = None
    kurtosis: Kurtosis | None = None
    catalogue: Catalogue | None = None


class Noise(Strict):
    """Where noise windows come from, and when one is refused."""

    before_p: bool = Field(True, description="cut noise from event records, before P")
    guard_s: NotNegative = Field(2.0, description="left free before P")
    after_s: NotNegative = Field(120.0, description="left free after a pick, in archives")
    min_length_s: Positive = Field(20.0, description="shorter stretches are not listed")
    max_std_ratio: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = Field(
        5.0, description="largest 3 s standard deviation over the median one; hidden events"
    )
    screen: Screen = Screen()
