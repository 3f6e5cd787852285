"""SeisBench's generator and PyTorch's loader, timed: a script for an interpreter that has both.

Prints one JSON object. Started by `tests.benchmarks.feed`; imports nothing of this repository.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import torch
from seisbench.data import WaveformDataset
from seisbench.generate import (
    ChangeDtype,
    ChannelDropout,
    GenericGenerator,
    Normalize,
    ProbabilisticLabeller,
    RandomWindow,
    WindowAroundSample,
)
from seisbench.util import worker_seeding
from torch.utils.data import DataLoader

PHASES = {"trace_P_arrival_sample": "P", "trace_S_arrival_sample": "S"}


def loader(folder: str, cache: str | None, workers: int, args: argparse.Namespace) -> DataLoader:
    """Return the loader of shifted, dropped, normalised windows with their labels."""
    dataset = WaveformDataset(folder, cache=cache, component_order="ENZ", metadata_cache=True)
    if cache:
        dataset.preload_waveforms()
    generator = GenericGenerator(dataset)
    size = args.samples
    generator.add_augmentations(
        [
            # So that P lies anywhere in the window.
            WindowAroundSample(
                "trace_P_arrival_sample", samples_before=size, windowlen=2 * size, strategy="move"
            ),
            RandomWindow(windowlen=size),
            ChannelDropout(),
            Normalize(demean_axis=-1, amp_norm_axis=-1, amp_norm_type="std"),
            ChangeDtype(np.float32),
            ProbabilisticLabeller(
                label_columns=PHASES, model_labels="PSN", sigma=args.sigma, shape="gaussian", dim=0
            ),
            ChangeDtype(np.float32, "y"),
        ]
    )
    return DataLoader(
        generator,
        batch_size=args.batch,
        shuffle=True,
        num_workers=workers,
        worker_init_fn=worker_seeding,
        persistent_workers=workers > 0,
    )


def timed(batches: DataLoader, seconds: float) -> tuple[float, float]:
    """Return windows a second and CPU us a window of whole epochs, the first batch left out."""
    windows, began, cpu = 0, None, 0.0
    while began is None or time.perf_counter() - began < seconds:
        for batch in batches:
            if began is None:
                began, cpu = time.perf_counter(), time.process_time()
            else:
                windows += len(batch["X"])
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    # What the loader's workers used is known once they have ended.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    batches._iterator = None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu += after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return windows / took, cpu / windows * 1e6


def prevalence(batches: DataLoader) -> dict[str, float]:
    """Return the share of an epoch's windows that each label reaches a half in."""
    peaks = torch.cat([batch["y"].amax(dim=-1) for batch in batches])
    return {name: float((peaks[:, at] > 0.5).float().mean()) for at, name in enumerate("PSN")}


def main() -> None:
    """Time each way of caching with each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="a SeisBench data set")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--samples", type=int, default=3000, help="of a training window")
    parser.add_argument("--sigma", type=float, default=10.0, help="of a label, samples")
    args = parser.parse_args()
    timings = {}
    for cache in (None, "full"):
        for workers in (0, 2):
            batches = loader(args.folder, cache, workers, args)
            name = f"SeisBench, {'in memory' if cache else 'from disk'}, {workers} workers"
            timings[name] = timed(batches, args.seconds)
    labels = prevalence(loader(args.folder, "full", 0, args))
    print(json.dumps({"timings": timings, "labels": labels}))


if __name__ == "__main__":
    main()
