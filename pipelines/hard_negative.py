"""Hard negatives: windows of what a model takes for an event, such as a blast or a false detection.

They are split by UTC day, all stations together: neither a blast that several stations recorded nor
a noise that comes back all day is in two splits.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.listing import day_of
from pipelines.reference import Reference, Rejected
from schemas.window import UNKNOWN_TIME_NS


def hard_negative(item: Reference | Rejected) -> Reference | Rejected:
    """Return a listed window as a hard negative: where it lay, and none of its labels."""
    if isinstance(item, Rejected):
        return item
    start, key = item.record_start_ns, item.split_key
    if start != UNKNOWN_TIME_NS:
        key = day_key(start + round(item.start_s * 1e9))
    return replace(item, kind="hard_negative", split_key=key, picks=(), events=())


def day_key(start_ns: int) -> str:
    """Return the key that keeps the hard negatives of a day in one split."""
    return f"hard_negative {day_of(start_ns)}"
