"""The clock of the op benchmarks; imports NumPy alone, for the peers' interpreters have no more."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

RATE_HZ = 100
ROUNDS = 5


def use_cores(number: int) -> None:
    """Keep this process, and those that it starts, to so many of the machine's cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])


def windows_per_s(run: Callable[[], None], windows: int) -> float:
    """Return the windows per second of the best of some rounds, after one that is not counted.

    On one core the processor's time counts, which no other program makes longer; on several the
    clock on the wall.
    """
    now = time.process_time if len(os.sched_getaffinity(0)) == 1 else time.perf_counter
    run()
    times = []
    for _ in range(ROUNDS):
        began = now()
        run()
        times.append(now() - began)
    return windows / min(times)


def print_rates(one_each: Iterable[tuple[str, Callable]], waves: np.ndarray) -> None:
    """Print as JSON the windows per second of functions of one float32 [3, T]."""
    rates = {}
    for name, one in one_each:

        def run(one: Callable = one) -> None:
            for wave in waves:
                one(wave)

        try:
            rates[name] = windows_per_s(run, len(waves))
        except Exception as error:
            # An op that this version lacks or refuses leaves its place empty.
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    print(json.dumps(rates))
