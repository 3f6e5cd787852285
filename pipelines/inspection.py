"""Read a window once and say whether it is fit, and why not."""

from __future__ import annotations

import numpy as np

from pipelines import simulated
from pipelines.cut import cut
from pipelines.prepare import Record, prepare
from pipelines.reference import Inspected, Reference, Rejected, unit_hash
from pipelines.sources import load
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.snr import snr_db
from schemas.window import COMPONENTS, EVENT_KINDS

_SCREEN_S = 3.0
_CLIP_RUN = 3


def read_window(reference: Reference, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return a reference's window: read, prepared and cut.

    Raises:
        UserError: it cannot be read, or its labels and samples contradict each other.
    """
    return _window(_load(reference, recipe), reference, recipe)


def _load(reference: Reference, recipe: Recipe) -> Record:
    return load(reference, {source.name: source.format for source in recipe.sources})


def _window(record: Record, reference: Reference, recipe: Recipe) -> dict[str, np.ndarray]:
    preparation = recipe.preparation
    if reference.kind == "simulated":
        record = simulated.from_rest(record, reference.start_s)
        preparation = simulated.preparation(preparation)
    prepared = prepare(record, preparation, recipe.window.sampling_rate_hz)
    return cut(prepared, reference, recipe.spec)


def inspect(reference: Reference, recipe: Recipe) -> Inspected | Rejected:
    """Read a window and measure it; what fails the recipe's limits is rejected."""
    try:
        record = _load(reference, recipe)
        window = _window(record, reference, recipe)
        snr = _check(window, record, reference, recipe)
    except UserError as error:
        return Rejected(reference.base_id, "inspect", str(error))
    live = "".join(c for c, alive in zip(COMPONENTS, window["valid"].any(axis=0)) if alive)
    return Inspected(reference, live, snr, assign_split(reference, recipe))


def _check(window: dict, record: Record, reference: Reference, recipe: Recipe) -> tuple[float, ...]:
    """Return the SNR of each event.

    A simulation has no noise and no recorder: neither SNR nor clipping refuses it.

    Raises:
        UserError: the window is beyond one of the recipe's limits.
    """
    limits, valid = recipe.inspect, window["valid"]
    recorded = reference.kind != "simulated"
    share = valid.mean(axis=0).max()
    if share < limits.min_valid_share:
        raise UserError(
            f"{share:.3f} of the samples are recorded, expected at least "
            f"inspect.min_valid_share {limits.min_valid_share:g}"
        )
    if recorded and limits.max_clipped_share is not None:
        clipped = clipped_share(record.samples, record.valid)
        if clipped > limits.max_clipped_share:
            raise UserError(
                f"{clipped:.4f} of the samples are clipped, expected at most "
                f"inspect.max_clipped_share {limits.max_clipped_share:g}"
            )
    if reference.kind not in EVENT_KINDS:
        if recipe.noise.max_std_ratio is not None:
            _screen(window, recipe)
        return ()
    if not np.isfinite(window["pick_sample"]).any():
        raise UserError("no pick lies on a recorded sample of the window")
    rate = recipe.window.sampling_rate_hz
    p_samples = window["event_p_sample"][: len(reference.events)]
    snr = tuple(snr_db(window["waveform"], valid, p, rate) for p in p_samples)
    if recorded and limits.min_snr_db is not None and not snr[0] >= limits.min_snr_db:
        raise UserError(
            f"SNR is {snr[0]:.1f} dB, expected at least inspect.min_snr_db {limits.min_snr_db:g}"
        )
    return snr


def _screen(window: dict, recipe: Recipe) -> None:
    """Refuse noise with a hidden event: a stretch far louder than the median stretch."""
    step = max(round(_SCREEN_S * recipe.window.sampling_rate_hz), 2)
    for component, samples, valid in zip(COMPONENTS, window["waveform"].T, window["valid"].T):
        recorded = samples[valid].astype(np.float64)
        stretches = recorded[: len(recorded) // step * step].reshape(-1, step)
        if len(stretches) < 3:
            continue
        spreads = stretches.std(axis=1)
        ratio = spreads.max() / max(np.median(spreads), np.finfo(float).tiny)
        if ratio > recipe.noise.max_std_ratio:
            raise UserError(
                f"hidden event: on {component} the largest {_SCREEN_S:g} s standard "
                f"deviation is {ratio:.1f} times the median, expected at most "
                f"noise.max_std_ratio {recipe.noise.max_std_ratio:g}"
            )


def clipped_share(samples: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the largest share of a component's samples held at an extreme, three in a row.

    Args:
        samples: [n, C], as recorded.
        valid: bool [n, C]; what is not recorded is left out.
    """
    worst = 0.0
    for index, trace in enumerate(samples.T):
        trace = trace if valid is None else trace[valid[:, index]]
        if not trace.size:
            continue
        held = (trace == trace.max()) | (trace == trace.min())
        if held.all():
            continue
        runs = np.convolve(held, np.ones(_CLIP_RUN), "valid") == _CLIP_RUN
        in_run = np.convolve(runs, np.ones(_CLIP_RUN), "full") > 0
        worst = max(worst, float(in_run.mean()))
    return worst


def assign_split(reference: Reference, recipe: Recipe) -> str:
    """Return the reference's split: a stable hash of its key, whatever the run's seed."""
    if recipe.split.from_source and reference.source_split:
        return reference.source_split
    place, reached = unit_hash("split", reference.split_key), 0.0
    for split, share in sorted(recipe.split.shares.items()):
        reached += share
        if share and place < reached:
            return split
    return max(recipe.split.shares, key=recipe.split.shares.get)
