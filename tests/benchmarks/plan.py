"""Time and memory of planning N synthetic references: ``python -m tests.benchmarks.plan``.

The job's own transforms run on the job's local runner, from inspected references to shards whose
windows know their partners; no samples are read. Two of three references are events, each at four
stations, and the rest is noise; every event asks for two partners.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

# Read by the job's runner before TensorFlow is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_CHUNK = 1000
_RECIPE = {
    "sources": [{"name": "a", "format": "seisbench", "path": "nowhere"}],
    "balance": {
        "by": ["kind", "magnitude", "distance_km"],
        "bins": {"magnitude": [1, 2, 3]},
        "quantiles": {"distance_km": 4},
        "method": "inverse_frequency",
    },
    "offline": [{"superpose_event": {}}, {"superpose_noise": {"match": ["instrument"]}}],
}


def synthetic(number: int):
    """Return an inspected reference of the size that real ones have."""
    from pipelines.reference import Event, Inspected, Pick, Reference, unit_hash

    trace = f"bucket{number // 1000}${number % 1000},:3,:12000"
    event, time_ns = f"nc{number // 6:08d}", 1_262_304_000_000_000_000 + number * 10**9
    own = {
        "source": "a",
        "trace": trace,
        "locator": {"file": f"/data/seisbench/waveforms{number // 100_000}.hdf5", "trace": trace},
        "record_start_ns": time_ns,
        "sampling_rate_hz": 100.0,
        "network": "NC",
        "station": f"S{number % 300}",
        "instrument": ("HH", "EH")[number % 2],
        "latitude_deg": 37.0,
        "longitude_deg": -122.0,
    }
    if number % 3 == 0:
        noise = Reference(kind="noise", start_s=1.5, split_key=f"noise {number // 7}", **own)
        return Inspected(noise, "ENZ")
    draw = unit_hash("magnitude", event), unit_hash("distance", trace)
    origin = Event(event, 4.0 * draw[0] ** 3, 8.0, 1 + 99 * draw[1], 12.0, time_ns=time_ns)
    picks = (Pick("P", 30.0 + draw[0], 1), Pick("S", 35.0 + draw[1]))
    labels = {"start_s": 12.5, "split_key": event, "picks": picks, "events": (origin,)}
    return Inspected(Reference(kind="event", **labels, **own), "ENZ", (20.0 * draw[1],))


def _plan(references: int, copies: int, workers: int) -> None:
    """Plan in this process, and print what came of it as JSON."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from pipelines.planning import PlanShards
    from pipelines.regroup import GroupRows, spill_folder
    from pipelines.runner import local_runner
    from schemas.recipe import parse_recipe

    def chunk(first: int) -> Iterator:
        return (synthetic(n) for n in range(first, min(first + _CHUNK, references)))

    recipe = parse_recipe({**_RECIPE, "copies": {"event": copies, "noise": copies}}, "benchmark")
    options, began = PipelineOptions([]), time.monotonic()
    with tempfile.TemporaryDirectory() as output, spill_folder(output, True) as spill:
        pipeline = beam.Pipeline(runner=local_runner(options, workers), options=options)
        chunks = pipeline | beam.Create(range(0, references, _CHUNK)) | beam.FlatMap(chunk)
        shards, _, _ = chunks | PlanShards(recipe, output, spill)
        sizes = shards | GroupRows(spill) | beam.Map(_size) | beam.CombineGlobally(_sums)
        sizes | beam.Map(lambda told: print(json.dumps(told), flush=True))
        pipeline.run().wait_until_finish()
    seconds = time.monotonic() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in used)
    print(json.dumps([seconds, cpu, *(u.ru_maxrss // 1024 for u in used)]))


def _size(group: tuple) -> tuple[int, int, int]:
    from pipelines.planning import planned_of

    planned = planned_of(group[1])
    return 1, len(planned), sum(len(found) for p in planned for found in p.partners.values())


def _sums(told) -> tuple[int, ...]:
    return tuple(map(sum, zip(*told))) or (0, 0, 0)


def main() -> None:
    """Print a row for each number of references, each planned in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = (10_000, 100_000, 1_000_000)
    parser.add_argument("--references", type=int, nargs="+", default=numbers)
    parser.add_argument("--copies", type=int, nargs="+", default=(1, 4))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        _plan(args.references[0], args.copies[0], args.workers)
        return
    for copies in args.copies:
        for references in args.references:
            command = [sys.executable, "-m", __spec__.name, "--child"]
            for name, value in (("references", references), ("copies", copies)):
                command += [f"--{name}", str(value)]
            command += ["--workers", str(args.workers)]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            (shards, windows, partners), told = map(json.loads, run.stdout.splitlines()[-2:])
            seconds, cpu, own, child = told
            print(
                f"{references:8d} references, copies {copies}: {windows:8d} windows with "
                f"{partners} partners in {shards} shards, {seconds:6.1f} s ({cpu:.1f} s of "
                f"processor), peak {max(own, child)} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
