"""`seismill profile`: a profile in the terminal, as a page and as JSON."""

from __future__ import annotations

import json
import os
import sys

from pipelines.files import absolute, first_line, is_local, write_text
from pipelines.profile import profile
from pipelines.profile_table import print_table
from schemas.errors import UserError
from schemas.recipe import load_recipe


def print_profile(path: str, inspecting: bool, html: str, to_json: str, workers: int) -> int:
    """Profile a recipe and show what was found.

    Args:
        path: the recipe.
        inspecting: read the samples too.
        html: where the page goes, if anywhere.
        to_json: where the JSON goes, if anywhere; ``-`` is the standard output, and then the
            table is left out and all else goes to the standard error.
        workers: processes.

    Raises:
        UserError: a mistake in the recipe or the options.
    """
    from rich.console import Console

    if workers < 1:
        raise UserError(f"--workers: got {workers}, expected at least 1")
    piped = to_json == "-"
    for option, target in (("--html", html), ("--json", "" if piped else to_json)):
        _check_target(option, target)
    recipe = load_recipe(path)
    # Rows that are done, for who waits at a terminal.
    with Console(stderr=True).status("0 rows") as status:
        made = profile(recipe, inspecting, workers, lambda rows: status.update(f"{rows} rows"))
    if not piped:
        print_table(made)
    said = [f"warning: {warning['message']}" for warning in made["warnings"]]
    if html:
        from pipelines.profile_page import page

        write_text(absolute(html), page(made))
        said.append(f"page: {html}")
    text = json.dumps(made, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if piped:
        sys.stdout.write(text)
    elif to_json:
        write_text(absolute(to_json), text)
        said.append(f"JSON: {to_json}")
    for line in said:
        print(line, file=sys.stderr if piped else sys.stdout)
    return 0


def _check_target(option: str, target: str) -> None:
    """Refuse a place that cannot be written to before hours of reading, not after them."""
    if not target or not is_local(target):
        return
    if os.path.isdir(target):
        raise UserError(f"{option}: got the folder {target!r}, expected a file")
    try:
        os.makedirs(os.path.dirname(absolute(target)), exist_ok=True)
    except OSError as error:
        raise UserError(f"{option}: {target}: cannot be written: {first_line(error)}") from None
