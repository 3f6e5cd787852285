"""What `seismill feed` prints: how fast the feed reads, and what one batch holds."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pipelines.feed import as_numpy
from schemas.errors import UserError


def print_feed(folder: str, split: str, batch_size: int, epochs: int, **options: bool) -> int:
    """Read some epochs; print windows per second and the first batch.

    The options are `training_dataset`'s.

    Raises:
        UserError: as `as_numpy` does, or when nothing could be read.
    """
    batches = as_numpy(folder, split, batch_size, epochs=epochs, weights=True, **options)
    first, windows = None, 0
    began = time.monotonic()
    for batch in batches:
        if first is None:
            # The first batch waits for the graph and the shuffle buffer.
            first, began = batch, time.monotonic()
        else:
            windows += len(_there(batch[0], batch[1])[0])
    rate = windows / max(time.monotonic() - began, 1e-9)
    if first is None:
        raise UserError(f"{folder}: {split}: no window can be read")
    inputs, targets, _ = first
    if isinstance(inputs, dict):
        mask = inputs["station_mask"]
        print(f"groups  {mask.shape[0]} of {mask.sum(axis=1).mean():.1f} stations on average")
    for line in describe_batch(*_there(inputs, targets)):
        print(line)
    if windows:
        print(f"{windows} windows in {epochs} epochs after the first batch: {rate:.0f} windows/s")
    return 0


def _there(inputs: Any, targets: Any) -> tuple[np.ndarray, Any]:
    """Return the windows of a batch; of groups, those of the stations that are there."""
    if not isinstance(inputs, dict):
        return inputs, targets
    mask = inputs["station_mask"]
    if isinstance(targets, dict):
        return inputs["waveform"][mask], {name: value[mask] for name, value in targets.items()}
    return inputs["waveform"][mask], targets[mask]


def describe_batch(inputs: np.ndarray, targets: Any) -> list[str]:
    """Return a line on the inputs and on each target of a batch."""
    lines = [f"inputs  {inputs.shape} {inputs.dtype}, standard deviation {inputs.std():.3f}"]
    named = targets if isinstance(targets, dict) else {"target": targets}
    for name, target in named.items():
        reached = (target.max(axis=1) > 0.5).mean(axis=0)
        shares = ", ".join(f"{share:.0%}" for share in np.ravel(reached))
        lines.append(f"{name}  {target.shape} {target.dtype}, above 0.5 in {shares} of windows")
    return lines
