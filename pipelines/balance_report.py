"""What the balance did: windows of each class before and after, in the manifest and in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipelines.balance import Copies
from pipelines.reference import Inspected
from schemas.synthesis import METHODS

COPIES, SYNTHETIC = "copies", "synthetic"
# Classes that a table names; the manifest has all.
_MOST = 30


def tally(inspected: Inspected, copies: Copies) -> Iterator[tuple[tuple[str, str, str], int]]:
    """Yield what `report` counts of a window, by (split, class, what)."""
    split, name = inspected.split, copies.classes.name(inspected)
    yield (split, name, COPIES), copies.of_window(inspected)
    if inspected.reference.source in METHODS:
        yield (split, name, SYNTHETIC), 1


def report(copies: Copies, tallied: dict[tuple[str, str, str], int]) -> dict[str, Any]:
    """Return what the balance did, for the manifest: nothing without one."""
    rule = copies.classes.recipe.balance
    if rule is None:
        return {}
    before: Counter = Counter()
    for (split, _, name), windows in copies.counts.items():
        before[split, name] += windows
    rows = []
    for split, name in sorted(before):
        made = tallied.get((split, name, SYNTHETIC), 0)
        own = {"split": split, "class": name, "before": before[split, name] - made}
        rows.append({**own, SYNTHETIC: made, "after": tallied[split, name, COPIES]})
    absent = sorted(set(rule.shares) - {name for _, name in before})
    return {"classes": rows, "edges": copies.classes.edges(), "absent": absent}


def table(manifest: dict[str, Any]) -> list[str]:
    """Return the lines of a table of the classes that were balanced; none without a balance."""
    rows = manifest.get("balance", {}).get("classes", [])
    changed = {row["split"] for row in rows if row["before"] != row["after"]}
    rows = [row for row in rows if row["split"] in changed]
    if not rows:
        return []
    columns = ["before", *([SYNTHETIC] if any(row[SYNTHETIC] for row in rows) else []), "after"]
    shown = sorted(rows, key=lambda row: -row["after"])[:_MOST]
    names = {id(row): f"{row['split']}: {row['class']}" for row in shown}
    width = max(len("windows"), *map(len, names.values()))
    lines = [f"{'windows':{width}}" + "".join(f"{name:>11}" for name in columns)]
    for row in (row for row in rows if id(row) in names):
        lines.append(f"{names[id(row)]:{width}}" + "".join(f"{row[n]:11d}" for n in columns))
    if len(rows) > len(shown):
        lines.append(f"and {len(rows) - len(shown)} smaller classes: manifest.json has them")
    return lines
