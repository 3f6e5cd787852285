"""Run a pipeline: locally without any network by default, else wherever Beam's options say."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sys
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from augment_ops.core.steps import build_steps, leaves, output_spec
from augment_ops.core.targets import stored_spec
from pipelines import progress, worker
from pipelines.feed_groups import check_clock
from pipelines.job import AugmentJob
from pipelines.known_events import check_catalogue
from pipelines.publish import claim, stored_manifest
from pipelines.regroup import spill_folder
from pipelines.sources import list_parts
from pipelines.split_lists import check_lists
from pipelines.tags import check_tags
from schemas.errors import UserError, nearest
from schemas.recipe import Recipe

# How Python ends a traceback: a class with its module, and what it says.
_ERROR_LINE = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt): ")


def check(recipe: Recipe) -> None:
    """Check all that can be checked before anything is read: sources, steps, targets.

    Raises:
        UserError: an unknown key or a bad value, with its place in the recipe.
    """
    list_parts(recipe)
    check_lists(recipe.split)
    check_catalogue(recipe.noise.screen.catalogue)
    check_tags(recipe.tags)
    offline = build_steps(recipe.offline, "offline")
    online = build_steps(recipe.online, "online", grouped=recipe.groups is not None)
    if recipe.groups:
        check_clock(online)
    output_spec(stored_spec(recipe), online)
    known = {source.name for source in recipe.sources}
    for step in leaves(offline + online):
        for name, _ in getattr(step.op, "sources", ()):
            if name not in known:
                raise UserError(f"{step.name}: sources: got {name!r}; {nearest(name, known)}")


def augment(
    recipe: Recipe,
    output: str,
    beam_args: list[str] | None = None,
    workers: int = 1,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Run the job and return its manifest.

    Args:
        recipe: the recipe.
        output: a folder, local or a URL.
        beam_args: options for Beam; with a ``--runner`` among them the job runs there.
        workers: local processes.
        resume: keep the shards that are whole.
        quiet: show no progress.

    Raises:
        UserError: a mistake in the recipe or the output folder, or a job that failed.
    """
    check(recipe)
    claim(recipe, output)
    options = PipelineOptions(beam_args or [], save_main_session=False)
    local = options.view_as(StandardOptions).runner in (None, "DirectRunner")
    if local:
        _refuse_unknown(options)
    try:
        with progress.shown(output, quiet or not local), spill_folder(output, local) as spill:
            pipeline = beam.Pipeline(
                runner=local_runner(options, workers) if local else None, options=options
            )
            pipeline | "Augment" >> AugmentJob(recipe, output, resume, spill)
            pipeline.run().wait_until_finish()
    except Exception as error:  # a runner wraps whatever a worker raised
        logging.getLogger(__name__).debug("the job failed", exc_info=True)
        raise UserError(
            f"{output}: the job failed: {_root_cause(error)}; what is whole is "
            f"kept, run again with --resume"
        ) from None
    return stored_manifest(output)


def _refuse_unknown(options: PipelineOptions) -> None:
    """Refuse options that Beam does not know, which it would drop with a warning."""
    known = set(options.get_all_options())
    unknown = sorted(set(options.get_all_options(retain_unknown_options=True)) - known)
    if unknown:
        raise UserError(f"--{unknown[0]}: unknown option; {nearest(unknown[0], known)}")


def local_runner(options: PipelineOptions, workers: int) -> Any:
    """Return Beam's in-process runner itself: DirectRunner would first try a download."""
    from apache_beam.options.pipeline_options import DirectOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    options.view_as(DirectOptions).direct_num_workers = workers
    if workers == 1:
        return FnApiRunner()
    if not logging.getLogger().isEnabledFor(logging.INFO):
        os.environ[worker.QUIET] = "1"
    command = f"{shlex.quote(sys.executable)} -m {worker.__name__}"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command))


def _root_cause(error: BaseException) -> str:
    """Return the last line that says what happened, out of a runner's nested traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if _ERROR_LINE.match(line)]
    last = (named or lines or [type(error).__name__])[-1]
    return _ERROR_LINE.sub("", last.partition(" [while running")[0])[:300]
