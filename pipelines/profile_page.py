"""A profile as one page that needs no network."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.page import ACCENT, BAR, SERIES, plot, render
from pipelines.profile_table import CATEGORY_TITLES, fit_line, number, scaled, titled
from pipelines.profile_tally import SMALLEST_SHARE
from schemas.window import COMPONENTS

# Bars of a histogram, and rows of a table; the JSON holds them all.
_BARS, _TOP = 40, 12
# Three outlines over each other are read more easily when they are coarse.
_OUTLINE_BARS = 20
_SNR = tuple(f"snr_{letter.lower()}_db" for letter in COMPONENTS)


def page(made: dict[str, Any]) -> str:
    """Return the HTML page of a profile.

    Args:
        made: see `pipelines.profile_statistics.summary`.
    """
    found, fit = made["distributions"], made["gutenberg_richter"]
    known = [one for name, one in found.items() if name not in _SNR and one["known"]]
    plots = [_histogram(one) for one in known if one["unit"] != "share"]
    components = {letter: found[n] for letter, n in zip(COMPONENTS, _SNR) if n in found}
    if any(one["counts"] for one in components.values()):
        plots.append(_components(components))
    if fit["events"]:
        plots.insert(0, _frequencies(fit))
    return render(
        "profile.html.j2",
        made=made,
        plots=plots,
        absent=[one["title"] for one in found.values() if not one["known"]],
        shares=[_shares(one) for one in known if one["unit"] == "share"],
        tables=[_ranking(name, counts) for name, counts in made["counts"].items() if counts],
    )


def _ranking(name: str, counts: dict[str, int]) -> dict[str, Any]:
    """Return the most frequent values of a category."""
    more = len(counts) - _TOP
    return _bars(CATEGORY_TITLES[name], counts, f"and {more} more" if more > 0 else "")


def _bars(title: str, counts: dict[str, int], said: str) -> dict[str, Any]:
    """Return the first of some counts as rows, with bars in % of the longest."""
    total, most = sum(counts.values()), max(counts.values())
    rows = [
        {"name": key, "number": n, "share": f"{100 * n / total:.1f} %", "bar": 100 * n / most}
        for key, n in list(counts.items())[:_TOP]
    ]
    return {"title": title, "rows": rows, "said": said}


def _histogram(found: dict[str, Any]) -> dict[str, Any]:
    """Return a distribution's title, plot, and what it says in words."""
    said = [
        f"Median {number(found['median'])}",
        f"90 % from {number(found['p5'])} to {number(found['p95'])}",
        f"all from {number(found['min'])} to {number(found['max'])}",
    ]
    if found["unknown"]:
        said.append(f"{found['unknown']} unknown")
    if found["below"] + found["above"]:
        said.append(f"{found['below'] + found['above']} not drawn")
    with plot(f"Histogram of {titled(found)}") as drawn:
        if found["counts"]:
            edges, counts = _coarser(found)
            drawn.axes.stairs(counts, edges, fill=True, color=BAR)
        _scales(drawn.axes, found["log"], titled(found))
    return {"title": titled(found), "said": "; ".join(said), "svg": drawn.svg}


def _coarser(found: dict[str, Any], bars: int = _BARS) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges [n + 1] and counts [n] of bins that are joined to a few bars."""
    edges, counts = np.array(found["edges"]), np.array(found["counts"])
    size = -(-len(counts) // bars)
    starts = np.arange(0, len(counts), size)
    whole = np.add.reduceat(counts, starts)
    # All bars are as wide, so the last may reach beyond what was counted.
    step = edges[1] / edges[0] if found["log"] else edges[1] - edges[0]
    ends = np.arange(len(starts) + 1) * size
    return edges[0] * step**ends if found["log"] else edges[0] + step * ends, whole


def _scales(axes: Any, log: bool, label: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(LogLocator(subs=()))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel(label)
    axes.set_ylabel("windows")


def _shares(found: dict[str, Any]) -> dict[str, Any]:
    """Return how many windows have none of what a share is of, and how many have how much."""
    edges = ["0" if edge == SMALLEST_SHARE else f"{100 * edge:g}" for edge in found["edges"]]
    names = ["none", *(f"{low} to {high} %" for low, high in zip(edges, edges[1:]))]
    counts = dict(zip(names, [found["below"], *found["counts"]]))
    said = f"Median {number(scaled(found, 'median'))} %, at most {number(scaled(found, 'max'))} %"
    return _bars(titled(found), counts, said)


def _components(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    with plot("Histogram of the SNR on each component, dB") as drawn:
        for (letter, one), colour in zip(found.items(), SERIES):
            if one["counts"]:
                edges, counts = _coarser(one, _OUTLINE_BARS)
                drawn.axes.stairs(counts, edges, color=colour, linewidth=1.6, label=letter)
        _scales(drawn.axes, False, "SNR, dB")
        drawn.axes.legend()
    said = ", ".join(f"{k} {number(one.get('median'))}" for k, one in found.items())
    return {"title": "SNR by component, dB", "said": f"Median on {said}", "svg": drawn.svg}


def _frequencies(fit: dict[str, Any]) -> dict[str, Any]:
    """Return the plot of how many events there are of each magnitude, and above it."""
    magnitudes, counts = np.array(fit["magnitude"]), np.array(fit["events_in_bin"])
    above = np.cumsum(counts[::-1])[::-1]
    with plot("Events by magnitude, with the Gutenberg-Richter fit") as drawn:
        axes = drawn.axes
        axes.bar(magnitudes, counts, width=0.8 * fit["bin_width"], color=BAR, label="in the bin")
        axes.plot(magnitudes, above, ".", color=SERIES[2], label="as large or larger")
        if "b" in fit:
            ends = np.array([fit["completeness"], magnitudes[-1]])
            line = 10.0 ** (fit["a"] - fit["b"] * (ends - fit["bin_width"] / 2))
            axes.plot(ends, line, color=ACCENT, label=f"b = {fit['b']:.2f} ± {fit['b_error']:.2f}")
        axes.axvline(fit["completeness"], color=ACCENT, linestyle=":", label="complete from here")
        axes.set_yscale("log")
        axes.set_ylim(0.7, 2.0 * len(magnitudes) + 2.0 * above[0])
        axes.set_xlabel("Magnitude")
        axes.set_ylabel("events")
        axes.legend(fontsize=8)
    return {
        "title": "Magnitudes of events",
        "said": fit_line(fit),
        "svg": drawn.svg,
    }
