"""Read a window once and say whether it is fit, and why not."""

from __future__ import annotations

import numpy as np

from pipelines import simulated
from pipelines.cut import cut
from pipelines.noise_catalogue import refused_by_catalogue
from pipelines.noise_screen import refused_by_samples
from pipelines.prepare import Record, prepare
from pipelines.reference import Inspected, Reference, Rejected
from pipelines.sources import load
from pipelines.split import assign_split
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.snr import snr_db
from schemas.window import COMPONENTS, EVENT_KINDS

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
    read = read_and_inspect(reference, recipe)
    return read if isinstance(read, Rejected) else read[0]


def read_and_inspect(
    reference: Reference, recipe: Recipe
) -> tuple[Inspected, Record, dict[str, np.ndarray]] | Rejected:
    """Inspect a window, and return with it the record and the window that were read."""
    try:
        split = assign_split(reference, recipe)
        noise = reference.kind == "noise"
        # Before it is read.
        refused = refused_by_catalogue(reference, recipe) if noise else None
        if refused is None:
            record = _load(reference, recipe)
            window = _window(record, reference, recipe)
            snr = _check(window, record, reference, recipe)
            if noise:
                rate = recipe.window.sampling_rate_hz
                refused = refused_by_samples(window, recipe.noise, rate)
    except UserError as error:
        return Rejected(reference.base_id, "inspect", str(error))
    if refused is not None:
        return Rejected(reference.base_id, "inspect", refused.reason, refused.test)
    live = "".join(c for c, alive in zip(COMPONENTS, window["valid"].any(axis=0)) if alive)
    return Inspected(reference, live, snr, split), record, window


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
