"""Windows per second of the feed and of its peers: ``python -m tests.benchmarks.feed``.

All read the same real windows and crop, drop components, normalise and label alike; bare reading
and parsing are what no feed can outrun. SeisBench runs in an environment of its own, if given.
``--epochs N`` prints the feed's memory after each of N epochs instead.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BATCH = 64
OURS = "SeisMill's feed"
SEISBENCH = Path(__file__).with_name("seisbench_feed.py")
# Windows a second, and CPU time of all threads and workers a window, us.
Timing = tuple[float, float]
Shares = dict[str, float]


def readers(folder: Path) -> dict[str, Callable[[], object]]:
    """Return what makes each endless data set of batches, by the name it is printed with."""
    import tensorflow as tf

    from pipelines.feed import training_dataset
    from schemas.record import parser
    from tests.benchmarks.feed_windows import shard_paths, stored_spec

    auto = tf.data.AUTOTUNE
    parse = parser(stored_spec(folder))

    def records(parallel: int | None = None) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(shard_paths(folder), num_parallel_reads=parallel).repeat()

    def parsed(parallel: int | None = None) -> tf.data.Dataset:
        return records(parallel).map(parse, auto).batch(BATCH).prefetch(auto)

    return {
        OURS: lambda: training_dataset(str(folder), batch_size=BATCH, epochs=0),
        "read, one shard at a time": lambda: records().batch(BATCH).prefetch(auto),
        "read, two shards at a time": lambda: records(2).batch(BATCH).prefetch(auto),
        "read + parse, one shard": lambda: parsed(),
        "read + parse, two shards": lambda: parsed(2),
        "read + parse by batches": lambda: records(2).batch(BATCH).map(parse, auto).prefetch(auto),
    }


def timed(dataset: object, epoch: int, seconds: float) -> Timing:
    """Time an endless data set over whole epochs of so many windows, its first batch left out."""
    import tensorflow as tf

    batches = iter(dataset)
    next(batches)
    windows, cpu, began = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        end = windows + epoch
        while windows < end:
            windows += tf.nest.flatten(next(batches))[0].shape[0]
    return (
        windows / (time.perf_counter() - began),
        (time.process_time() - cpu) / windows * 1e6,
    )


def seisbench(python: str, data: Path, seconds: float) -> tuple[dict[str, Timing], Shares]:
    """Return SeisBench's timings by the name they are printed with, and its label shares."""
    run = subprocess.run(
        [python, str(SEISBENCH), str(data), "--seconds", str(seconds), "--batch", str(BATCH)],
        # The package makes a folder of its own on import.
        env={**os.environ, "SEISBENCH_CACHE_ROOT": str(data)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout.splitlines()[-1])
    return found["timings"], found["labels"]


def has_seisbench(python: str | None) -> bool:
    """Whether an interpreter is given and can import SeisBench and PyTorch; says so if not."""
    why = "no --seisbench PYTHON"
    if python is not None:
        command = [python, "-c", "import seisbench, torch"]
        try:
            subprocess.run(command, check=True, capture_output=True)
            return True
        except (OSError, subprocess.CalledProcessError):
            why = f"{python} cannot import seisbench and torch"
    print(f"SeisBench is left out: {why}")
    return False


def our_labels(folder: Path) -> Shares:
    """Return the share of an epoch's windows that each label reaches a half in."""
    import numpy as np

    from pipelines.feed import training_dataset

    batches = training_dataset(str(folder), batch_size=BATCH).as_numpy_iterator()
    peaks = np.concatenate([batch[1].max(axis=1) for batch in batches])
    return dict(zip("PSN", (peaks > 0.5).mean(axis=0).tolist()))


def compare(folder: Path, python: str | None, rounds: int, seconds: float) -> None:
    """Time all readers in turn, some rounds since the machine may be busy, and print a table."""
    from pipelines.publish import stored_manifest
    from tests.benchmarks.feed_windows import export_seisbench

    epoch = stored_manifest(str(folder))["counts"]["windows"]
    data = folder.with_name(f"{folder.name}-seisbench")
    python = python if has_seisbench(python) else None
    if python:
        export_seisbench(folder, data)
    shares, found = {OURS: our_labels(folder)}, {}
    for number in range(1, rounds + 1):
        timings = {name: timed(make(), epoch, seconds) for name, make in readers(folder).items()}
        if python:
            theirs, shares["SeisBench"] = seisbench(python, data, seconds)
            timings |= theirs
        for name, timing in timings.items():
            found.setdefault(name, []).append(timing)
        print(f"round {number}: {OURS} {timings[OURS][0]:.0f} windows/s", flush=True)
    for name, labels in shares.items():
        shown = ", ".join(f"{label} {share:.1%}" for label, share in labels.items())
        print(f"windows with a label, {name}: {shown}")
    table(found)


def table(found: dict[str, list[Timing]]) -> None:
    """Print each reader's best and median round and least CPU time, and ratios to ours."""
    rows = {}
    for name, timings in found.items():
        rates, cpu = zip(*timings)
        rows[name] = max(rates), statistics.median(rates), min(cpu)
    best, median, cpu = rows[OURS]
    print(f"{'':32} {'windows/s':>17} {'CPU us':>8}   SeisMill is faster by")
    print(f"{'':32} {'best':>8} {'median':>8} {'/window':>8} {'best':>8} {'median':>8} {'CPU':>8}")
    for name, row in rows.items():
        ratios = f"{best / row[0]:8.2f} {median / row[1]:8.2f} {row[2] / cpu:8.2f}"
        print(f"{name:32} {row[0]:8.0f} {row[1]:8.0f} {row[2]:8.0f} {ratios}")


def memory(folder: Path, epochs: int) -> None:
    """Print the feed's memory after each epoch of one run."""
    from pipelines.feed import steps_per_epoch, training_dataset

    steps = steps_per_epoch(str(folder), batch_size=BATCH)
    page = os.sysconf("SC_PAGE_SIZE")
    dataset = training_dataset(str(folder), batch_size=BATCH, epochs=epochs)
    for number, _ in enumerate(dataset, 1):
        if number % steps == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            now = int(Path("/proc/self/statm").read_text().split()[1]) * page / 2**20
            shown = f"peak {peak:6.0f} MiB, now {now:6.0f} MiB"
            print(f"epoch {number // steps:3d}: {shown}", flush=True)


def profile(folder: Path, output: str) -> None:
    """Write TensorFlow's profile of two epochs of the feed, for TensorBoard."""
    import tensorflow as tf

    from pipelines.feed import steps_per_epoch, training_dataset

    batches = iter(training_dataset(str(folder), batch_size=BATCH, epochs=0))
    next(batches)
    with tf.profiler.experimental.Profile(output):
        for _ in range(2 * steps_per_epoch(str(folder), batch_size=BATCH)):
            next(batches)


def main() -> None:
    """Make the windows, then do what was asked on so many cores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seisbench", metavar="PYTHON", help="an interpreter that has SeisBench")
    parser.add_argument("--shards", metavar="DIR", help="keep the windows here, or use those here")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0, help="at least, each (default: 10)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="print the memory after each of so many instead")
    parser.add_argument("--profile", metavar="DIR", help="write TensorFlow's profile here instead")
    args = parser.parse_args()
    # Before TensorFlow counts its cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.shards or f"{scratch}/shards").absolute()
        # In a process of its own, so that the job's memory is not the feed's.
        if subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.feed_windows", folder]
        ).returncode:
            sys.exit(2)
        if args.epochs:
            memory(folder, args.epochs)
        elif args.profile:
            profile(folder, args.profile)
        else:
            compare(folder, args.seisbench, args.rounds, args.seconds)


if __name__ == "__main__":
    main()
