"""Groups: steps that hold steps, and choose which of them run on a window.

A group gives the steps that it holds (`held`), and draws which of them run (`choose`). They run
in the order in which they are listed; draws are recorded under each step's own name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import tensorflow as tf
from pydantic import Field

from augment_ops.core import draws as draw
from augment_ops.core.registry import op_class
from schemas.errors import UserError
from schemas.recipe import Count, CountRange, NotNegative, Share, Step

Chosen = tuple[tf.Tensor, dict[str, tf.Tensor]]
Steps = Annotated[tuple[Step, ...], Field(min_length=1, max_length=64)]


@dataclass(frozen=True)
class OneOf:
    """Run one of several steps.

    Args:
        steps: the steps.
        weights: how likely each is beside the others; alike by default.
    """

    steps: Steps
    weights: tuple[NotNegative, ...] = ()

    draws = ("chosen",)

    def __post_init__(self) -> None:
        """Refuse weights that do not fit the steps."""
        if self.weights and len(self.weights) != len(self.steps):
            raise ValueError(f"got {len(self.weights)} weights for {len(self.steps)} steps")
        if self.weights and not sum(self.weights) > 0.0:
            raise ValueError("weights: expected at least one above 0")

    def held(self, name: str) -> tuple[Step, ...]:
        """Return the steps."""
        return self.steps

    def choose(self, seed: draw.Seed, number: int) -> Chosen:
        """Return bool [n] with one true, and draw ``chosen``, its index."""
        weights = tf.constant(self.weights or (1.0,) * number, tf.float64)
        reached = tf.cast(tf.cumsum(weights) / tf.reduce_sum(weights), tf.float32)
        # The last is reached by any draw, however the sum rounds.
        below = tf.searchsorted(reached[:-1], draw.uniform(seed, "chosen", shape=(1,)), "right")[0]
        return tf.range(number) == below, {"chosen": below}


@dataclass(frozen=True)
class SomeOf:
    """Run some of several steps, in their order.

    Args:
        steps: the steps.
        count: fewest and most that run, drawn uniformly.
    """

    steps: Steps
    count: CountRange = (1, 2)

    draws = ("count",)

    def __post_init__(self) -> None:
        """Refuse more than there are."""
        if self.count[1] > len(self.steps):
            raise ValueError(f"count: got {self.count[1]} of {len(self.steps)} steps")

    def held(self, name: str) -> tuple[Step, ...]:
        """Return the steps."""
        return self.steps

    def choose(self, seed: draw.Seed, number: int) -> Chosen:
        """Return bool [n] with ``count`` true, which is drawn."""
        return _some(seed, number, self.count)


@dataclass(frozen=True)
class Repeat:
    """Run one step several times; each time draws anew, as ``NAME_1``, ``NAME_2``, ...

    Args:
        step: the step.
        times: fewest and most times, drawn uniformly.
    """

    step: Step
    times: CountRange = (1, 3)

    draws = ("times",)

    def held(self, name: str) -> tuple[Step, ...]:
        """Return as many copies of the step as may run, with names of their own."""
        named = (f"{self.step.name}_{time}" for time in range(1, self.times[1] + 1))
        return tuple(self.step.model_copy(update={"name": copy}) for copy in named)

    def choose(self, seed: draw.Seed, number: int) -> Chosen:
        """Return bool [n] whose first ``times`` are true, which is drawn."""
        times = draw.integer(seed, "times", *self.times)
        return tf.range(number) < times, {"times": times}


@dataclass(frozen=True)
class RandAugment:
    """Run `count` of several ops at one magnitude, which each op maps to its parameters.

    Args:
        ops: names of ops.
        count: how many run.
        magnitude: from 0, the weakest, to 1, the strongest.

    Source: Cubuk et al. (2020), RandAugment.
    """

    ops: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    count: Count = 2
    magnitude: Share = 0.5

    draws = ("count",)

    def __post_init__(self) -> None:
        """Refuse more than there are, and ops that set the window's length."""
        if self.count > len(self.ops):
            raise ValueError(f"count: got {self.count} of {len(self.ops)} ops")

    def held(self, name: str) -> tuple[Step, ...]:
        """Return a step an op, named after the group and the op."""
        return tuple(_at_magnitude(op, self.magnitude, f"{name}_{op}") for op in self.ops)

    def choose(self, seed: draw.Seed, number: int) -> Chosen:
        """Return bool [n] with `count` true."""
        return _some(seed, number, (self.count, self.count))


def _some(seed: draw.Seed, number: int, bounds: tuple[int, int]) -> Chosen:
    count = draw.integer(seed, "count", *bounds)
    order = draw.ranks(seed, "order", tf.ones(number, tf.bool))
    return order < count, {"count": count}


def _at_magnitude(op: str, magnitude: float, name: str) -> Step:
    """Return an op as a step of the parameters that it maps a magnitude to."""
    if op in GROUPS:
        raise UserError(f"{name}: ops: got the group {op!r}, expected ops")
    made = op_class(op, name).at_magnitude(magnitude)
    parameters: dict[str, Any] = {n: getattr(made, n) for n in made.__dataclass_fields__}
    return Step.model_validate({op: {"name": name, **parameters}})


GROUPS = {"one_of": OneOf, "some_of": SomeOf, "repeat": Repeat, "rand_augment": RandAugment}
