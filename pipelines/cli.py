"""The command line. TensorFlow, Beam and ObsPy are imported by the commands that use them.

Exit codes: 0 done; 1 the data are not as they should be; 2 a mistake in what was asked.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence

from schemas.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args, beam_args = _parser().parse_known_args(argv)
    if beam_args and args.run is not _augment:
        _parser().error(f"unrecognized arguments: {' '.join(beam_args)}")
    _quieten(args.verbose)
    try:
        return args.run(args, beam_args)
    except UserError as error:
        print(f"seismill: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("seismill: stopped; what is whole is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe went away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _quieten(verbose: bool) -> None:
    """Keep other libraries' chatter away unless it was asked for; workers inherit it."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.ERROR)
    logging.getLogger("pipelines").setLevel(logging.DEBUG if verbose else logging.WARNING)
    if not verbose:
        # Beam logs a worker's whole traceback; `runner.augment` gives its one line.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")
        warnings.simplefilter("ignore")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seismill",
        description="Turn recorded earthquakes and noise into training shards, labels exact.",
    )
    parser.add_argument("--verbose", action="store_true", help="show the libraries' own logs")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="the whole job on recordings that ship with ObsPy")
    demo.add_argument("--output", default="seismill-demo", help="a folder (default: %(default)s)")
    demo.set_defaults(run=_demo)

    augment = commands.add_parser(
        "augment",
        allow_abbrev=False,
        help="make shards from a recipe",
        epilog="Options that are not listed go to Beam, such as --runner and its own.",
    )
    augment.add_argument("recipe", help="a YAML file")
    augment.add_argument("--output", required=True, help="a folder, local or a URL")
    augment.add_argument("--workers", type=int, default=1, help="local processes (default: 1)")
    augment.add_argument("--resume", action="store_true", help="keep the shards that are whole")
    augment.add_argument("--quiet", action="store_true", help="show no progress")
    augment.set_defaults(run=_augment)

    validate = commands.add_parser("validate", help="check every record of a folder")
    validate.add_argument("folder", help="where a job published its shards")
    validate.set_defaults(run=_validate)

    profile = commands.add_parser("profile", help="what a recipe's sources hold, and what is amiss")
    profile.add_argument("recipe", help="a YAML file")
    profile.add_argument("--inspect", action="store_true", help="read the samples too")
    profile.add_argument("--html", default="", metavar="FILE", help="write a page with plots")
    profile.add_argument("--json", default="", metavar="FILE", help="write JSON; - prints it")
    profile.add_argument("--workers", type=int, default=1, help="local processes (default: 1)")
    profile.set_defaults(run=_profile)

    feed = commands.add_parser("feed", help="read a folder as training does, and time it")
    feed.add_argument("folder", help="where a job published its shards")
    feed.add_argument("--split", default="train", help="train, validation or test")
    feed.add_argument("--batch-size", type=int, default=32)
    feed.add_argument("--epochs", type=int, default=3)
    feed.add_argument("--in-memory", action="store_true", help="read once, and keep it")
    feed.add_argument("--skip-damaged", action="store_true", help="leave out what is damaged")
    feed.set_defaults(run=_feed)

    ops = commands.add_parser("ops", help="the ops and targets with their parameters and units")
    ops.add_argument("--gallery", metavar="DIR", help="draw each op on a seismogram, into DIR")
    ops.set_defaults(run=_ops)

    schema = commands.add_parser("schema", help="print a schema as JSON")
    schema.add_argument("what", choices=("recipe", "window"))
    schema.set_defaults(run=_schema)
    return parser


def _demo(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.demo import run_demo

    return run_demo(os.path.abspath(args.output))


def _augment(args: argparse.Namespace, beam_args: list[str]) -> int:
    from pipelines.files import absolute
    from pipelines.runner import augment
    from schemas.recipe import load_recipe

    if args.workers < 1:
        raise UserError(f"--workers: got {args.workers}, expected at least 1")
    output, began = absolute(args.output), time.monotonic()
    recipe = load_recipe(args.recipe)
    manifest = augment(recipe, output, beam_args, args.workers, args.resume, args.quiet)
    return summarise(manifest, output, time.monotonic() - began)


def summarise(manifest: dict, output: str, seconds: float) -> int:
    """Print what a job did; return 1 if its books do not balance or nothing was written."""
    from pipelines.balance_report import table
    from pipelines.publish import told_of_noise

    counts = manifest["counts"]
    print(
        f"listed {counts['listed']} = written {counts['written']} + rejected {counts['rejected']}"
    )
    rate = counts["windows"] / seconds
    print(
        f"{counts['windows']} windows with their copies in {len(manifest['shards'])} shards, "
        f"{rate:.0f} windows/s: {output}"
    )
    if noise := told_of_noise(manifest):
        print(noise)
    if manifest.get("synthetic"):
        print(f"{manifest['synthetic']} windows synthesised: {output}/synthetic.jsonl")
    for line in table(manifest):
        print(line)
    if counts["rejected"]:
        print(f"why windows were rejected: {output}/rejected.jsonl")
    if absent := manifest.get("balance", {}).get("absent"):
        print(
            f"seismill: warning: balance.shares: no window is of {', '.join(map(repr, absent))}",
            file=sys.stderr,
        )
    for split, names in manifest.get("unknown_in_lists", {}).items():
        some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        print(
            f"seismill: warning: split.lists.{split}: {len(names)} names are of no window: {some}",
            file=sys.stderr,
        )
    if counts["listed"] != counts["written"] + counts["rejected"]:
        print("seismill: error: windows were lost", file=sys.stderr)
        return 1
    if not counts["windows"]:
        print("seismill: error: no window was written", file=sys.stderr)
        return 1
    return 0


def _profile(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.profile_report import print_profile

    return print_profile(args.recipe, args.inspect, args.html, args.json, args.workers)


def _validate(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.validation import validate

    report = validate(args.folder)
    for fault in report.faults:
        print(fault)
    print(
        f"{args.folder}: {report.windows} windows in {report.shards} shards, "
        f"{len(report.faults)} faults"
    )
    return 1 if report.faults else 0


def _feed(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.feed_report import print_feed

    for name in ("batch_size", "epochs"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name.replace('_', '-')}: got {getattr(args, name)}, expected 1 on")
    how = {"in_memory": args.in_memory, "skip_damaged": args.skip_damaged}
    return print_feed(args.folder, args.split, args.batch_size, args.epochs, **how)


def _ops(args: argparse.Namespace, _: list[str]) -> int:
    if args.gallery:
        from pipelines.gallery import print_gallery

        return print_gallery(args.gallery)
    from pipelines.describe import print_ops

    return print_ops()


def _schema(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.describe import recipe_schema, window_schema

    print(json.dumps(recipe_schema() if args.what == "recipe" else window_schema(), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
