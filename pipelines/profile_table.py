"""A profile in the terminal."""

from __future__ import annotations

from typing import Any

from pipelines.profile_statistics import QUANTILES

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SPARK = 12
_TOP = 6
CATEGORY_TITLES = {
    "source": "Source",
    "station": "Station",
    "network": "Network",
    "instrument": "Instrument",
    "sampling_rate_hz": "Sampling rate, Hz",
    "environment": "Environment",
    "live": "Live components",
    "polarity": "Polarity of P",
    "phase": "Picks",
}


def print_table(made: dict[str, Any]) -> None:
    """Print the counts, distributions and categories of a profile.

    Args:
        made: see `pipelines.profile_statistics.summary`.
    """
    from rich.console import Console

    console = Console()
    verb = "fit" if made["inspected"] else "usable"
    console.print(
        f"listed {made['listed']} = {verb} {made['windows']} + rejected {made['rejected']}; "
        f"{made['events']} events",
        highlight=False,
    )
    for table in (_classes(made), _distributions(made), _categories(made), _reasons(made)):
        if table.row_count:
            console.print(table)
    console.print(fit_line(made["gutenberg_richter"]), highlight=False)


def _table(title: str, *columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=f"[bold]{title}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in columns:
        words = column in (columns[0], "most frequent", "such as", "shape")
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    return table


def _classes(made: dict[str, Any]) -> Any:
    kinds = list(next(iter(made["classes"].values())))
    table = _table("Windows", "split", *kinds)
    for split, counts in made["classes"].items():
        table.add_row(split, *(str(counts[kind]) for kind in kinds))
    return table


def _distributions(made: dict[str, Any]) -> Any:
    table = _table("Distributions", "", "known", "unknown", "min", *QUANTILES, "max", "shape")
    for found in made["distributions"].values():
        values = [number(scaled(found, key)) for key in ("min", *QUANTILES, "max")]
        known, unknown = str(found["known"]), str(found["unknown"])
        table.add_row(titled(found), known, unknown, *values, _spark(found))
    return table


def titled(found: dict[str, Any]) -> str:
    """Return a distribution's title with the unit that it is shown in."""
    unit = "%" if found["unit"] == "share" else found["unit"]
    return f"{found['title']}, {unit}" if unit else found["title"]


def scaled(found: dict[str, Any], key: str) -> float | None:
    """Return an extreme or a quantile in the unit that it is shown in; None where it is unknown."""
    factor = 100.0 if found["unit"] == "share" else 1.0
    return factor * found[key] if key in found else None


def _categories(made: dict[str, Any]) -> Any:
    table = _table("Categories", "", "values", "most frequent")
    for name, counts in made["counts"].items():
        total = sum(counts.values())
        top = [f"{k} {n} ({100 * n / total:.0f} %)" for k, n in list(counts.items())[:_TOP]]
        if top:
            more = [f"{len(counts) - _TOP} more"] if len(counts) > _TOP else []
            table.add_row(CATEGORY_TITLES[name], str(len(counts)), ", ".join(top + more))
    return table


def _reasons(made: dict[str, Any]) -> Any:
    from rich.markup import escape

    table = _table("Rejected", "stage", "windows", "such as")
    for reason in made["reasons"]:
        table.add_row(reason["stage"], str(reason["windows"]), escape(reason["example"]))
    return table


def number(value: float | None) -> str:
    """Return a figure in three digits, or a dash for none."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spark(found: dict[str, Any]) -> str:
    """Return a distribution as one line of blocks, with what lies outside of its bins."""
    ends = {end: [found[end]] if found[end] else [] for end in ("below", "above")}
    counts = [*ends["below"], *found["counts"], *ends["above"]]
    if not counts:
        return ""
    size = -(-len(counts) // _SPARK)
    bars = [sum(counts[at : at + size]) for at in range(0, len(counts), size)]
    top = max(bars)
    # What is there at all shows.
    return "".join(_BLOCKS[-(-bar * (len(_BLOCKS) - 1) // top)] for bar in bars)


def fit_line(fit: dict[str, Any]) -> str:
    """Return what the Gutenberg-Richter fit says, as a sentence."""
    if not fit["events"]:
        return "Gutenberg-Richter: no event has a magnitude"
    said = (
        f"Gutenberg-Richter: complete from M {fit['completeness']:.1f} on (maximum curvature), "
        f"{fit['complete_events']} of {fit['events']} events"
    )
    if "b" not in fit:
        return f"{said}: too few, or too much alike, for a slope"
    return f"{said}: b = {fit['b']:.2f} ± {fit['b_error']:.2f}, a = {fit['a']:.2f}"
