"""Windows per second of each op on [9000, 3]: ``python -m tests.benchmarks.ops``.

Each op runs as the job runs it, frame and all: a window into the graph and out of it again, with
validity, labels and draws, and its SNR measured anew. ``none`` is that frame alone, ``op only`` is
what the op takes beside it. By its side stands the same work on the samples alone in plain NumPy
and SciPy (`plain`), and what SeisBench and audiomentations make of it, each in an interpreter that
has it. All run on one core, one after the other, in one run. `reasons` says why an op is
slower than its plain version; one that is, and stands there without a reason, is unexplained.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from augment_ops.core.batches import map_windows
from augment_ops.core.registry import op_class, op_names
from augment_ops.core.steps import BuiltStep, apply_steps, output_spec
from pipelines.augment import one_thread_per_op
from schemas.window import WindowSpec
from tests.benchmarks.clock import use_cores, windows_per_s
from tests.benchmarks.plain import PLAIN, RATE_HZ
from tests.benchmarks.reasons import REASONS
from tests.windows import Quake, make, tensors

SPEC = WindowSpec(samples=9000, sampling_rate_hz=RATE_HZ)
P_SAMPLE, WINDOWS = 3000, 32
PEERS = ("seisbench", "audiomentations")


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
    """Return the op as the job runs it: a batch through one traced function."""
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

        return map_windows(one, (batch, partners), signature)

    return run


def plain_rate(name: str, rows: list[dict], others: list[dict]) -> float | None:
    """Return windows per second of the plain version, if there is one."""
    if name not in PLAIN:
        return None
    rng = np.random.default_rng(0)

    def run() -> None:
        for row, (own, other) in enumerate(zip(rows, others)):
            PLAIN[name](rng, own["waveform"], P_SAMPLE + row, other["waveform"])

    return windows_per_s(run, WINDOWS)


def peer_rates(peer: str, python: str, rows: list[dict]) -> dict[str, float]:
    """Return windows per second of a peer's versions, by our ops' names."""
    script = Path(__file__).with_name(f"ops_{peer}.py")
    with tempfile.TemporaryDirectory() as folder:
        waves = Path(folder) / "waves.npy"
        np.save(waves, np.stack([row["waveform"].T for row in rows]))
        child = subprocess.run(
            [python, str(script), str(waves)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(child.stdout.splitlines()[-1])


def line(name: str, ours: float, frame: float, plain: float | None, peers: list) -> str:
    """Return an op's row."""
    only_us = 1e6 * (1.0 / ours - 1.0 / frame)
    cells = [f"{name:20}{ours:9.0f}{max(only_us, 0.0):9.0f}"]
    cells += [f"{plain:9.0f}{ours / plain:7.2f}" if plain else f"{'-':>9}{'':7}"]
    cells += [f"{rate:17.0f}" if rate else f"{'-':>17}" for rate in peers]
    slower = plain is not None and ours < plain
    return "".join(cells) + (f"  {REASONS.get(name, 'unexplained')}" if slower else "")


def main() -> None:
    """Print a row for each op."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ops", nargs="*", help="only these")
    parser.add_argument("--cores", type=int, default=1, help="cores to use (default: %(default)s)")
    for peer in PEERS:
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"an interpreter that has {peer}")
    args = parser.parse_args()
    use_cores(args.cores)
    one_thread_per_op()
    rows, others = windows(WINDOWS, "own", True), windows(WINDOWS, "other", True)
    batch, noise = stacked(rows), stacked(windows(WINDOWS, "noise", False))
    events = stacked(others)
    asked = {peer: getattr(args, peer) for peer in PEERS if getattr(args, peer)}
    theirs = {peer: peer_rates(peer, python, rows) for peer, python in asked.items()}
    print(f"windows/s of {SPEC.samples} x 3 on {args.cores} core(s); op only in us a window")
    heads = f"{'op':20}{'SeisMill':>9}{'op only':>9}{'plain':>9}{'ratio':>7}"
    print(heads + "".join(f"{peer:>17}" for peer in theirs) + "  why below plain")
    frame = None
    for name in ("none", *(args.ops or op_names())):
        op = op_class(name)() if name != "none" else None
        if getattr(op, "grouped", False):
            continue
        run = compiled(op, noise, events)
        ours = windows_per_s(lambda run=run: run(batch), WINDOWS)
        frame = frame or ours
        peers = [rates.get(name) for rates in theirs.values()]
        print(line(name, ours, frame, plain_rate(name, rows, others), peers), flush=True)


if __name__ == "__main__":
    main()
