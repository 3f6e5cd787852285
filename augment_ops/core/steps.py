"""Steps: ops by name, each with its probability, run one after another on one window."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core.groups import GROUPS
from augment_ops.core.labels import NAN, Window
from augment_ops.core.measure import event_snr_db
from augment_ops.core.registry import build, op_class
from schemas.errors import UserError
from schemas.recipe import Step
from schemas.window import PAIR_FIELDS, WindowSpec

Partners = dict[str, dict[str, Window]]


@dataclass(frozen=True)
class BuiltStep:
    """An op with its name in the recipe and its probability; a group holds further steps."""

    name: str
    op: Any
    probability: float = 1.0
    inner: tuple[BuiltStep, ...] = ()

    @property
    def own_draws(self) -> tuple[str, ...]:
        """The names of the fields that its own drawn values are recorded in."""
        return tuple(f"{self.name}/{value}" for value in self.op.draws)

    @property
    def draws(self) -> tuple[str, ...]:
        """`own_draws`, and those of the steps that it holds."""
        return self.own_draws + tuple(name for step in self.inner for name in step.draws)

    @property
    def pairs(self) -> tuple[str, ...]:
        """The further targets that it, or a step that it holds, keeps in the window."""
        own = tuple(getattr(self.op, "pairs", ()))
        return own + tuple(name for step in self.inner for name in step.pairs)

    @property
    def needs(self) -> dict[str, int]:
        """How many partners of each role it wants, such as ``{"noise": 1}``."""
        return dict(getattr(self.op, "needs", {}))

    @property
    def grouped(self) -> bool:
        """Whether it works on groups of stations and not on windows."""
        return getattr(self.op, "grouped", False)

    @property
    def crops(self) -> bool:
        """Whether it changes the window's length, and so must always run."""
        return hasattr(self.op, "output_samples")


def leaves(steps: tuple[BuiltStep, ...]) -> Iterator[BuiltStep]:
    """Yield the steps that are ops, those inside groups too."""
    for step in steps:
        if step.inner:
            yield from leaves(step.inner)
        else:
            yield step


def build_steps(
    steps: tuple[Step, ...], where: str, grouped: bool = False
) -> tuple[BuiltStep, ...]:
    """Make a recipe's steps.

    Args:
        steps: the recipe's.
        where: names them in errors.
        grouped: whether the last of them may work on groups of stations.

    Raises:
        UserError: an unknown op or parameter, two steps of one name, an op on groups of
            stations where there are none or before one on windows, or a cropping step that may
            not run.
    """
    built = tuple(_build_step(step, where, grouped) for step in steps)
    for step, following in zip(built, built[1:]):
        if step.grouped and not following.grouped:
            raise UserError(
                f"{where}.{step.name}: works on groups of stations, so it must come behind "
                f"{following.name}, which works on windows"
            )
    names = [leaf.name for leaf in leaves(built)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{where}: two steps share the name {twice[0]!r}; give one a `name`")
    return built


def _build_step(step: Step, where: str, grouped: bool = False) -> BuiltStep:
    place = f"{where}.{step.name}"
    group = GROUPS.get(step.op)
    op = build(group or op_class(step.op, place), step.parameters, place)
    if getattr(op, "grouped", False) and not grouped:
        raise UserError(
            f"{place}: works on groups of stations, not on single windows; "
            "expected `groups` in the recipe, and the step among the online ones"
        )
    inner = tuple(_build_step(held, place) for held in op.held(step.name)) if group else ()
    built = BuiltStep(step.name, op, step.probability, inner)
    if built.crops and step.probability != 1.0:
        raise UserError(
            f"{place}: probability: got {step.probability}, expected 1: "
            f"the step sets the window's length"
        )
    for held in inner:
        if held.crops:
            raise UserError(
                f"{place}: {held.name} sets the window's length, so it must stand alone"
            )
    return built


def output_spec(spec: WindowSpec, steps: tuple[BuiltStep, ...]) -> WindowSpec:
    """Return the spec of what the steps make of windows of `spec`."""
    samples, draws, pairs = spec.samples, list(spec.draws), list(spec.pairs)
    for step in steps:
        if step.crops:
            samples = step.op.output_samples(samples, spec.sampling_rate_hz)
        draws += step.draws
        pairs += [name for name in step.pairs if name not in pairs]
    return dataclasses.replace(spec, samples=samples, draws=tuple(draws), pairs=tuple(pairs))


def apply_steps(
    steps: tuple[BuiltStep, ...],
    window: Window,
    partners: Partners,
    run_seed: int,
    epoch: tf.Tensor | int,
    sampling_rate_hz: float,
    key: draw.Seed | None = None,
    measure: bool = True,
) -> Window:
    """Run steps on one window.

    Args:
        steps: what to run, in order.
        window: one unbatched window.
        partners: by step name and role, the stacked partner windows.
        run_seed: the recipe's seed.
        epoch: int64 scalar; the offline job is epoch 0.
        sampling_rate_hz: the data set's rate, known when the graph is built.
        key: the window's `draws.window_key`, where the caller made it for a whole batch.
        measure: whether to measure `event_snr_db` anew, which takes a while.

    Returns:
        The window with the steps' draws, and with `event_snr_db` as it is now.
    """
    recorded = {name: value for name, value in window.items() if "/" in name}
    window = {name: value for name, value in window.items() if "/" not in name}
    if key is None:
        key = draw.window_key(run_seed, window["window_id"])
    run = _Run(partners, key, epoch, sampling_rate_hz)
    for step in steps:
        window, drawn = run.step(step, window)
        recorded |= drawn
    if measure:
        window["event_snr_db"] = event_snr_db(window)
    return {**window, **recorded}


@dataclass(frozen=True)
class _Run:
    """What all steps of one window share."""

    partners: Partners
    key: draw.Seed
    epoch: tf.Tensor | int
    sampling_rate_hz: float

    def step(
        self, step: BuiltStep, window: Window, chosen: tf.Tensor | None = None
    ) -> tuple[Window, Window]:
        """Run one step if its probability, and the group that holds it, have it so.

        Returns:
            The window, and the drawn values by their names, NaN where the step did not run.
        """
        # A constant here, so that ops can turn seconds into static lengths.
        window = {**window, "sampling_rate_hz": tf.constant(self.sampling_rate_hz, tf.float32)}
        seed = draw.step_seed(self.key, step.name, self.epoch)

        def skip() -> tuple[Window, Window]:
            return with_pairs(window, step.pairs), {n: tf.constant(NAN) for n in step.draws}

        def run() -> tuple[Window, Window]:
            return (self._group if step.inner else self._op)(step, window, seed)

        if step.probability < 1.0:
            lucky = draw.uniform(seed, "probability") < step.probability
            chosen = lucky if chosen is None else chosen & lucky
        return run() if chosen is None else tf.cond(chosen, run, skip)

    def _op(self, step: BuiltStep, window: Window, seed: draw.Seed) -> tuple[Window, Window]:
        held = with_pairs(window, step.pairs)
        out = step.op({**held, **self.partners.get(step.name, {})}, seed)
        return {name: out[name] for name in held}, _recorded(step, out)

    def _group(self, step: BuiltStep, window: Window, seed: draw.Seed) -> tuple[Window, Window]:
        chosen, out = step.op.choose(seed, len(step.inner))
        drawn = _recorded(step, out)
        for number, held in enumerate(step.inner):
            window, more = self.step(held, window, chosen[number])
            drawn |= more
        return window, drawn


def _recorded(step: BuiltStep, out: Window) -> Window:
    return {f"{step.name}/{value}": tf.cast(out[value], tf.float32) for value in step.op.draws}


def with_pairs(window: Window, pairs: tuple[str, ...]) -> Window:
    """Return the window with pairs that it lacks: the waveform as it is, nothing marked."""
    lacking = {}
    for name in pairs:
        if name not in window:
            wave = window["waveform"]
            kept = PAIR_FIELDS[name].dtype == "float32"
            lacking[name] = wave if kept else tf.zeros(wave.shape, tf.bool)
    return {**window, **lacking}
