"""A recipe: the YAML file that a data set is reproducible from, strictly checked.

An unknown key is an error that names the nearest known one. The options of a source's format
and of an op are checked where those live; here they are mappings.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from schemas.balance import Balance
from schemas.errors import UserError, explain
from schemas.noise import Noise
from schemas.split_rule import SplitRule
from schemas.strict import (
    Band,
    Environment,
    Finite,
    Kind,
    Name,
    NotNegative,
    Positive,
    Share,
    Split,
    Strict,
)
from schemas.strict_yaml import load_yaml
from schemas.synthesis import METHODS, Synthesis
from schemas.tags import Tags
from schemas.window import WindowSpec

TfdsName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]


def _not_descending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"expected low <= high, got {pair[0]} and {pair[1]}")
    return pair


Range = Annotated[tuple[Finite, Finite], AfterValidator(_not_descending)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(_not_descending)]
Count = Annotated[int, Field(ge=1, le=64)]
Weights = Annotated[
    tuple[tuple[str, Positive], ...],
    # Written as a mapping of names to weights.
    BeforeValidator(lambda value: tuple(value.items()) if isinstance(value, dict) else value),
]
CountRange = Annotated[tuple[Count, Count], AfterValidator(_not_descending)]


class WindowSize(Strict):
    """The stored window: longer than the training window, so that a shift crops records."""

    sampling_rate_hz: Positive = 100.0
    length_s: Positive = 90.0
    p_at_s: NotNegative = Field(30.0, description="where P lies, if the record allows")
    max_picks: int = Field(8, ge=1, le=256)
    max_events: int = Field(4, ge=1, le=64)

    @model_validator(mode="after")
    def _consistent(self) -> WindowSize:
        samples = self.length_s * self.sampling_rate_hz
        if abs(samples - round(samples)) > 1e-6 or samples > 10_000_000:
            raise ValueError(f"length_s x sampling_rate_hz is {samples}, not a usable whole number")
        if self.p_at_s >= self.length_s:
            raise ValueError(f"p_at_s {self.p_at_s} is not inside length_s {self.length_s}")
        return self

    @property
    def samples(self) -> int:
        """Samples of a stored window."""
        return round(self.length_s * self.sampling_rate_hz)


class Source(Strict):
    """A source: its name, its format, and the options of that format."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: Name
    format: str
    environment: Environment = ""
    kind: Literal["hard_negative"] | None = Field(
        None, description="what its windows are, whatever is picked in them: no events of interest"
    )
    simulated: bool = Field(False, description="waveforms were computed, and are free of noise")

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name in METHODS:
            raise ValueError(f"expected another name: {name} is the source of synthetic windows")
        return name

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        if self.kind and self.simulated:
            raise ValueError(f"kind: got {self.kind}, expected none of a simulated source")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the format."""
        return dict(self.model_extra or {})


class Preparation(Strict):
    """What is done to the long record before it is cropped."""

    detrend: Literal["linear", "mean", "none"] = "linear"
    band_hz: Band | None = None
    band_order: int = Field(4, ge=1, le=10)
    zero_phase: bool = Field(False, description="moves energy ahead of onsets; causal if false")


class Inspect(Strict):
    """When a window is refused."""

    min_valid_share: Share = Field(0.2, description="of the best component's samples")
    min_snr_db: Finite | None = None
    max_clipped_share: Share | None = Field(None, description="samples held at the extremes")


class Groups(Strict):
    """Windows of one event at several stations, fed to training together.

    The windows of an event, and its noise windows each alone, then share a shard.
    """

    stations: Annotated[int, Field(ge=2, le=256)] = Field(8, description="the most in a group")
    min_stations: Count = Field(2, description="groups of fewer are left out")

    @model_validator(mode="after")
    def _reachable(self) -> Groups:
        if self.min_stations > self.stations:
            raise ValueError(
                f"min_stations: got {self.min_stations}, expected at most stations {self.stations}"
            )
        return self


class Sampling(Strict):
    """The share that each class of windows has in what training sees."""

    by: Literal["kind", "source", "environment", "instrument", "network", "station", "magnitude"]
    edges: tuple[Finite, ...] = Field((), description="of magnitude: classes lie between them")
    weights: dict[str, Positive] | tuple[Positive, ...] = Field(
        description="by name; of magnitude a list, one more than the edges"
    )
    others: NotNegative = Field(0.0, description="weight of windows of no such class")

    @model_validator(mode="after")
    def _fits(self) -> Sampling:
        if self.by == "magnitude":
            if isinstance(self.weights, dict) or len(self.weights) != len(self.edges) + 1:
                raise ValueError(f"weights: expected a list of {len(self.edges) + 1}, by the edges")
            if any(a >= b for a, b in zip(self.edges, self.edges[1:])):
                raise ValueError(f"edges: expected ascending, got {self.edges}")
        elif not isinstance(self.weights, dict) or not self.weights or self.edges:
            raise ValueError(f"weights: expected a mapping of each {self.by} to its weight")
        return self


class Step(Strict):
    """One op in a list of steps: ``- op_name: {parameter: value, probability: 0.5}``."""

    op: str
    name: Name
    probability: Share = 1.0
    parameters: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"op": value, "name": value}
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError("expected an op's name, or one name with its parameters")
        ((op, given),) = value.items()
        if not isinstance(op, str) or not isinstance(given, dict | None):
            raise ValueError("expected a mapping of parameters behind the op's name")
        given = dict(given or {})
        own = {key: given.pop(key) for key in ("name", "probability") if key in given}
        return {"op": op, "name": op, **own, "parameters": given}

    @model_serializer
    def _to_yaml(self) -> dict[str, Any]:
        return {self.op: {"name": self.name, "probability": self.probability, **self.parameters}}


class Target(Step):
    """A training target: its function, and the name it has in a model's outputs."""


class Output(Strict):
    """How the shards are cut."""

    name: TfdsName = "windows"
    windows_per_shard: int = Field(256, ge=1, le=100_000)


class Recipe(Strict):
    """The whole recipe. A run is reproducible from it and the sources alone."""

    seed: int = Field(0, ge=-(2**63), lt=2**63)
    window: WindowSize = WindowSize()
    sources: tuple[Source, ...] = Field(min_length=1)
    preparation: Preparation = Preparation()
    tags: Tags = Tags()
    noise: Noise = Noise()
    inspect: Inspect = Inspect()
    split: SplitRule = SplitRule()
    augmented_splits: tuple[Split, ...] = ("train",)
    copies: dict[Kind, Annotated[int, Field(ge=1, le=10_000)]] = {}
    # An empty one is none.
    balance: Annotated[Balance | None, BeforeValidator(lambda given: given or None)] = None
    synthesis: Synthesis | None = None
    offline: tuple[Step, ...] = ()
    online: tuple[Step, ...] = ()
    groups: Groups | None = None
    sampling: Sampling | None = None
    normalise: Literal["std", "peak", "none"] = "std"
    targets: tuple[Target, ...] = ()
    output: Output = Output()

    @model_validator(mode="after")
    def _unique(self) -> Recipe:
        for what, items in (
            ("sources", self.sources),
            ("steps", self.offline + self.online),
            ("targets", self.targets),
        ):
            names = [item.name for item in items]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} share the name {twice[0]!r}; give one another `name`")
        return self

    @model_validator(mode="after")
    def _copies_below_cap(self) -> Recipe:
        cap = self.balance.max_copies if self.balance else None
        for kind, number in self.copies.items():
            if cap is not None and number > cap:
                raise ValueError(f"copies: {kind}: got {number}, above balance.max_copies {cap}")
        return self

    @model_validator(mode="after")
    def _below_nyquist(self) -> Recipe:
        nyquist, screen = self.window.sampling_rate_hz / 2, self.noise.screen
        bands = {"preparation.band_hz": self.preparation.band_hz}
        if screen.sta_lta or screen.kurtosis:
            bands["noise.screen.band_hz"] = screen.band_hz
        for name, band in bands.items():
            if band is not None and band[1] >= nyquist:
                raise ValueError(f"{name}: got {band[1]:g} Hz, expected below {nyquist:g}")
        return self

    @property
    def spec(self) -> WindowSpec:
        """The stored window's spec before any step."""
        size = self.window
        return WindowSpec(size.samples, size.sampling_rate_hz, size.max_picks, size.max_events)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON, which `parse_recipe` reads again."""
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """A digest of all that the recipe says."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def parse_recipe(data: Any, where: str) -> Recipe:
    """Check a recipe that is already a mapping; `where` names it in errors."""
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected a mapping of keys, got {type(data).__name__}")
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise explain(error, where, Recipe) from None


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a YAML file.

    Raises:
        UserError: the file cannot be read, is not YAML, or has an unknown key or a bad value.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"{path}: cannot read the recipe: {reason}") from None
    return parse_recipe(load_yaml(text, str(path)), str(path))
