"""Windows per second of each op on [9000, 3]: ``python -m tests.benchmarks.ops``.

Beside each stands the same work on the samples in plain NumPy and SciPy (`plain`), which moves no
labels, keeps no validity and records no draws. Both run on one thread, in turn, in one run.
``none`` is the frame around an op: a window into the graph and out again, its SNR measured anew.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import tensorflow as tf

from augment_ops.core.registry import op_class, op_names
from augment_ops.core.steps import BuiltStep, apply_steps, output_spec
from pipelines.augment import one_thread_per_op
from schemas.window import WindowSpec
from tests.benchmarks.plain import PLAIN, RATE_HZ
from tests.windows import Quake, make, tensors

SPEC = WindowSpec(samples=9000, sampling_rate_hz=RATE_HZ)
P_SAMPLE, WINDOWS, ROUNDS = 3000, 32, 5


def windows(number: int, name: str, quakes: bool) -> list[dict[str, np.ndarray]]:
    """Return windows of noise, with an event each if asked for."""
    made = []
    for row in range(number):
        quake = [Quake(P_SAMPLE + row, P_SAMPLE + 600, P_SAMPLE + 1500, f"{name}{row}")]
        made.append(make(SPEC, quake if quakes else (), seed=row, window_id=f"{name}/{row}/e0/0"))
    return made


def stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, tf.Tensor]:
    """Return windows as one batch of tensors."""
    each = [tensors(row) for row in rows]
    return {name: tf.stack([row[name] for row in each]) for name in each[0]}


def compiled(op, noise, events):
    """Return the op as the job runs it: a batch through one traced `map_fn`."""
    steps = (BuiltStep("step", op),) if op else ()
    spec = output_spec(SPEC, steps)
    signature = {f.name: tf.TensorSpec(spec.shape(f), f.dtype) for f in spec.fields}
    roles = {"noise": noise, "event": events}
    partners = {
        role: {n: tf.stack([v] * number, axis=1) for n, v in roles[role].items()}
        for step in steps
        for role, number in step.needs.items()
    }

    @tf.function(autograph=False)
    def run(batch):
        def one(pair):
            return apply_steps(steps, pair[0], {"step": pair[1]}, 0, 0, RATE_HZ)

        return tf.map_fn(one, (batch, partners), fn_output_signature=signature)

    return run


def best_s(run) -> float:
    """Return the least time of some rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print a row for each op."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ops", nargs="*", help="only these")
    args = parser.parse_args()
    one_thread_per_op()
    rows = windows(WINDOWS, "own", True)
    batch, noise = stacked(rows), stacked(windows(WINDOWS, "noise", False))
    others = windows(WINDOWS, "other", True)
    events = stacked(others)
    print(f"{'op':20} {'SeisMill':>10} {'plain':>10}   ratio   (windows/s of {SPEC.samples} x 3)")
    for name in ("none", *(args.ops or op_names())):
        op = op_class(name)() if name != "none" else None
        if getattr(op, "grouped", False):
            continue
        run = compiled(op, noise, events)
        run(batch)
        ours = WINDOWS / best_s(lambda run=run: run(batch))
        plain = theirs(name, rows, others)
        shown = f"{plain:10.0f} {ours / plain:7.2f}" if plain else f"{'-':>10}"
        print(f"{name:20} {ours:10.0f} {shown}", flush=True)


def theirs(name: str, rows: list[dict], others: list[dict]) -> float | None:
    """Return windows per second of the plain version, if there is one."""
    if name not in PLAIN:
        return None
    rng = np.random.default_rng(0)

    def run():
        for row, (own, other) in enumerate(zip(rows, others)):
            PLAIN[name](rng, own["waveform"], P_SAMPLE + row, other["waveform"])

    return WINDOWS / best_s(run)


if __name__ == "__main__":
    main()
