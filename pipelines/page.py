"""Pages that need no network: a template, and plots as SVG in colours that the page sets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

# Colours that no plot would have by itself stand for those of the page, light or dark.
INK, GRID, BAR, ACCENT = "#010203", "#010204", "#010205", "#010206"
SERIES = ("#010207", "#010208", "#010209")
_VARIABLES = {
    INK: "var(--ink)",
    GRID: "var(--grid)",
    BAR: "var(--bar)",
    ACCENT: "var(--accent)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(SERIES)},
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "seismill",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def render(template: str, **values: Any) -> str:
    """Return a template of ``pipelines/templates`` filled with values, all of them escaped."""
    environment = Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


class Plot:
    """One plot: draw into `axes` with this module's colours, then take its `svg`."""

    def __init__(self, figure: Any, label: str) -> None:
        """Keep a figure and what it is called where it cannot be seen."""
        self.axes, self.svg = figure.subplots(), Markup()
        self._figure, self._label = figure, label

    def finish(self) -> None:
        """Turn the figure into SVG for the inside of a page."""
        held = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        self._figure.savefig(held, format="svg", transparent=True, metadata=nothing)
        text = held.getvalue()
        # Of the XML only the picture: a page knows the name spaces, and ids must not repeat.
        text = text[text.index("<svg") :].strip()
        text = re.sub(r'\sxmlns(:\w+)?="[^"]*"|\sid="[a-z]+[\d._]*_\d+"', "", text)
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, variable)
        label = Markup.escape(self._label)
        self.svg = Markup(text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))


@contextmanager
def plot(label: str, size: tuple[float, float] = (4.6, 2.6)) -> Iterator[Plot]:
    """Give a plot to draw into; its `svg` is there once the block has ended.

    Args:
        label: what it shows, for who cannot see it.
        size: inches, which set how large letters are in it.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        made = Plot(Figure(figsize=size, layout="constrained"), label)
        yield made
        made.finish()
