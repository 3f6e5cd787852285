"""Steps: ops by name, each with its probability, run one after another on one window."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tensorflow as tf
from pydantic import ConfigDict, TypeAdapter, ValidationError

import augment_ops
from augment_ops.core import draws as draw
from augment_ops.core.labels import NAN, Window
from augment_ops.core.measure import event_snr_db
from schemas.errors import UserError, explain, nearest
from schemas.recipe import Step
from schemas.window import WindowSpec


@lru_cache(maxsize=1)
def op_names() -> tuple[str, ...]:
    """Return the known ops: the module names in `augment_ops`."""
    modules = pkgutil.iter_modules(augment_ops.__path__)
    return tuple(sorted(module.name for module in modules if not module.ispkg))


def op_class(name: str, where: str = "op") -> type:
    """Return the dataclass of an op.

    Raises:
        UserError: there is no such op.
    """
    if name not in op_names():
        raise UserError(f"{where}: unknown op {name!r}; {nearest(name, op_names())}")
    return load_class(f"augment_ops.{name}", name)


def load_class(module: str, name: str) -> type:
    """Return ``SuperposeNoise`` of the module ``superpose_noise``."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    return getattr(importlib.import_module(module), camel)


def build(cls: type, parameters: dict[str, Any], where: str) -> Any:
    """Make an op from a recipe's parameters, strictly.

    Raises:
        UserError: an unknown parameter, or a value out of its range.
    """
    cls.__pydantic_config__ = ConfigDict(extra="forbid")
    try:
        return TypeAdapter(cls).validate_python(parameters)
    except ValidationError as error:
        raise explain(error, where, cls) from None


@dataclass(frozen=True)
class BuiltStep:
    """An op with its name in the recipe and its probability."""

    name: str
    op: Any
    probability: float = 1.0

    @property
    def draws(self) -> tuple[str, ...]:
        """The names of the fields that its drawn values are recorded in."""
        return tuple(f"{self.name}/{value}" for value in self.op.draws)

    @property
    def needs(self) -> dict[str, int]:
        """How many partners of each role it wants, such as ``{"noise": 1}``."""
        return dict(getattr(self.op, "needs", {}))

    @property
    def crops(self) -> bool:
        """Whether it changes the window's length, and so must always run."""
        return hasattr(self.op, "output_samples")


def build_steps(steps: tuple[Step, ...], where: str) -> tuple[BuiltStep, ...]:
    """Make a recipe's steps.

    Raises:
        UserError: an unknown op or parameter, or a cropping step that may not run.
    """
    built = []
    for step in steps:
        place = f"{where}.{step.name}"
        op = build(op_class(step.op, place), step.parameters, place)
        built.append(BuiltStep(step.name, op, step.probability))
        if built[-1].crops and step.probability != 1.0:
            raise UserError(
                f"{place}: probability: got {step.probability}, expected 1: "
                f"the step sets the window's length"
            )
    return tuple(built)


def output_spec(spec: WindowSpec, steps: tuple[BuiltStep, ...]) -> WindowSpec:
    """Return the spec of what the steps make of windows of `spec`."""
    samples, draws = spec.samples, list(spec.draws)
    for step in steps:
        if step.crops:
            samples = step.op.output_samples(samples, spec.sampling_rate_hz)
        draws += step.draws
    return dataclasses.replace(spec, samples=samples, draws=tuple(draws))


def apply_steps(
    steps: tuple[BuiltStep, ...],
    window: Window,
    partners: dict[str, dict[str, Window]],
    run_seed: int,
    epoch: tf.Tensor | int,
    sampling_rate_hz: float,
) -> Window:
    """Run steps on one window.

    Args:
        steps: what to run, in order.
        window: one unbatched window.
        partners: by step name and role, the stacked partner windows.
        run_seed: the recipe's seed.
        epoch: int64 scalar; the offline job is epoch 0.
        sampling_rate_hz: the data set's rate, known when the graph is built.

    Returns:
        The window with the steps' draws, and with `event_snr_db` measured anew.
    """
    recorded = {name: value for name, value in window.items() if "/" in name}
    window = {name: value for name, value in window.items() if "/" not in name}
    for step in steps:
        # A constant here, so that ops can turn seconds into static lengths.
        window["sampling_rate_hz"] = tf.constant(sampling_rate_hz, tf.float32)
        seed = draw.step_seed(run_seed, window["window_id"], step.name, epoch)
        window, drawn = _apply(step, window, partners.get(step.name, {}), seed)
        recorded |= drawn
    window["event_snr_db"] = event_snr_db(window)
    return {**window, **recorded}


def _apply(
    step: BuiltStep, window: Window, partners: dict[str, Window], seed: tf.Tensor
) -> tuple[Window, Window]:
    def run() -> tuple[Window, Window]:
        out = step.op({**window, **partners}, seed)
        drawn = {f"{step.name}/{v}": tf.cast(out[v], tf.float32) for v in step.op.draws}
        return {name: out[name] for name in window}, drawn

    def skip() -> tuple[Window, Window]:
        return dict(window), {name: tf.constant(NAN) for name in step.draws}

    if step.probability >= 1.0:
        return run()
    return tf.cond(draw.uniform(seed, "probability") < step.probability, run, skip)
