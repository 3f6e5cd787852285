"""What is told of stations beside what the sources tell: the recipe's `tags`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from schemas.strict import Environment, Strict

Instrument = Annotated[str, Field(pattern=r"^([A-Z0-9]{2})?$")]


class StationTags(Strict):
    """The tags of the stations that a pattern matches."""

    station: str = Field(min_length=1, description="pattern of NETWORK.STATION, such as NC.*")
    environment: Environment = ""
    instrument: Instrument = Field("", description="band and instrument codes, such as HH")

    @model_validator(mode="after")
    def _says_something(self) -> StationTags:
        if not (self.environment or self.instrument):
            raise ValueError("expected an environment or an instrument")
        return self


class Tags(Strict):
    """Environments and instruments of stations; a tag is the first that is told by

    `stations`, `table`, the source, `inventory`. In the first two it is the first row that matches
    the station and tells it.
    """

    stations: tuple[StationTags, ...] = ()
    table: str | None = Field(None, description="CSV: station, environment, instrument")
    inventory: str | None = Field(
        None, description="StationXML: channels, their depths, descriptions"
    )
