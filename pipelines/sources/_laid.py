"""A record's components on one grid: what has another rate or was not recorded is a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.sources._archive_samples import Segment, choose_rate, lay, make_grid, same_rate

Channels = dict[str, list[Segment]]


@dataclass(frozen=True)
class Laid:
    """Samples [n, C] of the components that `letters` names, 0 where not `valid`."""

    letters: str
    samples: np.ndarray
    valid: np.ndarray
    rate_hz: float
    start_ns: int


def lay_all(
    channels: Channels, anchor_ns: int, span_ns: tuple[int, int], cover_ns: list[int]
) -> Laid | None:
    """Lay the components of an instrument on one grid; None if nothing is inside the span.

    Args:
        channels: segments by the component's letter, at least one.
        anchor_ns: the time whose rate counts; what has another rate is a gap.
        span_ns: the first time and the one behind the last.
        cover_ns: times that the grid reaches, recorded or not.

    Raises:
        ValueError: the rate is beyond any seismometer's.
    """
    rate = choose_rate(channels, anchor_ns)
    kept = {
        letter: [part for part in parts if same_rate(part.rate_hz, rate)]
        for letter, parts in channels.items()
    }
    kept = {letter: parts for letter, parts in kept.items() if parts}
    vertical = kept.get("Z") or kept.get("3") or next(iter(kept.values()))
    grid = make_grid(kept, vertical[0].rate_hz, *span_ns, cover_ns)
    if grid is None:
        return None
    dtype = np.result_type(*(part.data for parts in kept.values() for part in parts))
    columns = [lay(parts, grid, dtype) for parts in kept.values()]
    samples, valid = (np.stack(parts, axis=1) for parts in zip(*columns))
    return Laid("".join(kept), samples, valid, grid.rate_hz, grid.start_ns)
