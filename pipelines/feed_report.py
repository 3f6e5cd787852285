"""What `seismill feed` prints: how fast the feed reads, and what one batch holds."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pipelines.feed import training_dataset


def print_feed(folder: str, split: str, batch_size: int, epochs: int) -> int:
    """Read some epochs; print windows per second and the first batch."""
    dataset = training_dataset(folder, split, batch_size, epochs=epochs)
    first, windows = None, 0
    began = time.monotonic()
    for batch in dataset.as_numpy_iterator():
        if first is None:
            # The first batch waits for the graph and the shuffle buffer.
            first, began = batch, time.monotonic()
        else:
            windows += len(batch[0])
    rate = windows / max(time.monotonic() - began, 1e-9)
    for line in describe_batch(*first):
        print(line)
    if windows:
        print(f"{windows} windows in {epochs} epochs after the first batch: {rate:.0f} windows/s")
    return 0


def describe_batch(inputs: np.ndarray, targets: Any) -> list[str]:
    """Return a line on the inputs and on each target of a batch."""
    lines = [f"inputs  {inputs.shape} {inputs.dtype}, standard deviation {inputs.std():.3f}"]
    named = targets if isinstance(targets, dict) else {"target": targets}
    for name, target in named.items():
        reached = (target.max(axis=1) > 0.5).mean(axis=0)
        shares = ", ".join(f"{share:.0%}" for share in np.ravel(reached))
        lines.append(f"{name}  {target.shape} {target.dtype}, above 0.5 in {shares} of windows")
    return lines
