"""`seismill demo`: the whole job on real seismograms that ship with ObsPy, offline."""

from __future__ import annotations

import os
import time
from pathlib import Path

RECIPE = Path(__file__).parent / "recipes" / "demo.yaml"
# Where the demo's recipe finds its archive.
ARCHIVE = "SEISMILL_DEMO_ARCHIVE"


def run_demo(output: str) -> int:
    """Build an archive, make shards of it, validate, draw a picture, feed a batch.

    Args:
        output: a folder; ``archive``, ``shards`` and ``windows.png`` go there.

    Returns:
        The exit code: 0 if all went well and the shards are valid.
    """
    from pipelines.cli import summarise
    from pipelines.feed import training_dataset
    from pipelines.feed_report import describe_batch
    from pipelines.picture import draw
    from pipelines.runner import augment
    from pipelines.sources._obspy_examples import build_archive
    from pipelines.validation import validate
    from schemas.recipe import load_recipe

    archive, shards = os.path.join(output, "archive"), os.path.join(output, "shards")
    picture = os.path.join(output, "windows.png")
    built = build_archive(Path(archive))
    print(f"archive: {built['events']} events, {built['picks']} picks in {built['catalog']}")

    os.environ[ARCHIVE] = archive
    began = time.monotonic()
    manifest = augment(load_recipe(RECIPE), shards)
    code = summarise(manifest, shards, time.monotonic() - began)

    report = validate(shards)
    print(f"validated: {report.windows} windows, {len(report.faults)} faults")
    for fault in report.faults:
        print(fault)

    draw(shards, picture)
    print(f"picture: {picture}")
    print("the first batch that training would see:")
    for line in describe_batch(*next(training_dataset(shards, batch_size=16).as_numpy_iterator())):
        print(f"  {line}")
    print("run it again, or with changes of your own:")
    print(f"  {ARCHIVE}={archive} seismill augment {RECIPE} --output my-shards")
    return code or int(bool(report.faults))
