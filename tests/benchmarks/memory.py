"""Peak memory of the job on N windows and on 8 N: ``python -m tests.benchmarks.memory``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.builders import phasenet_folder, phasenet_rows, recipe_of, wave

OFFLINE = [{"superpose_event": {"probability": 0.3}}, {"superpose_noise": {"probability": 0.5}}]
RECORD, P_SAMPLE = 9001, 3000


def measure(folder: Path, records: int, workers: int) -> tuple[int, float, int]:
    """Run the job on so many 90 s records; return windows, seconds and peak RSS in MiB."""
    rows = phasenet_rows(events=records // 2, itp=P_SAMPLE)
    samples = (wave(number, RECORD, P_SAMPLE) for number in range(len(rows)))
    phasenet_folder(folder / "data", rows, samples)
    window = {"length_s": 90, "p_at_s": 30}
    recipe = recipe_of(folder / "data", window=window, offline=OFFLINE, copies={"event": 2})
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.to_json()))
    output = folder / "out"
    command = [sys.executable, "-m", "pipelines.cli", "augment", str(folder / "recipe.yaml")]
    command += ["--output", str(output), "--quiet", "--workers", str(workers)]
    began = time.monotonic()
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, *command], capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - began
    manifest = yaml.safe_load((output / "manifest.json").read_text())
    return manifest["counts"]["windows"], seconds, int(child.stdout.splitlines()[-1]) // 1024


# A process of its own, so that the peak of one run does not hide behind another's.
_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    """Print a row for N and one for 8 N, and the ratio of their peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200, help="N (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    peaks = []
    for records in (args.records, 8 * args.records):
        with tempfile.TemporaryDirectory() as folder:
            windows, seconds, peak = measure(Path(folder), records, args.workers)
        peaks.append(peak)
        print(
            f"{records:6d} records, {windows:6d} windows: {seconds:6.1f} s, "
            f"{windows / seconds:5.0f} windows/s, largest process {peak} MiB",
            flush=True,
        )
    print(f"ratio of the peaks: {peaks[1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
