"""The day files of an SDS tree, YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DOY."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import fsspec

from pipelines import files
from pipelines.sources._archive_samples import Segment, read_segments, same_rate
from schemas.errors import UserError

DAY_NS = 86_400_000_000_000
COMPONENT_ORDER = "EN12Z3"
_EPOCH = date(1970, 1, 1)
_CODE = re.compile(r"[A-Za-z0-9-]{1,8}")
_CHANNEL = re.compile(r"([A-Za-z0-9]{3})\.D")
_BAND_ORDER = ("HH", "BH", "EH", "HN")


class Group(NamedTuple):
    """The channels of one instrument."""

    network: str
    station: str
    location: str
    instrument: str

    def __str__(self) -> str:
        return ".".join(self)

    @property
    def rank(self) -> tuple:
        """Sorts the instruments that a pick without a channel may mean, best first."""
        known = self.instrument in _BAND_ORDER
        order = _BAND_ORDER.index(self.instrument) if known else len(_BAND_ORDER)
        return (order, self.instrument, self.location)


@dataclass
class Tree:
    """What an SDS tree holds: of each group and day, the component letters."""

    root: str
    days: dict[Group, dict[int, set[str]]] = field(default_factory=dict)
    stations: dict[tuple[str, str], list[Group]] = field(default_factory=dict)

    def groups_on(self, network: str, station: str, day: int) -> list[Group]:
        """Return the groups of a station that have a file on a day."""
        return [g for g in self.stations.get((network, station), ()) if day in self.days[g]]

    def components(self, group: Group, start_ns: int, end_ns: int) -> str:
        """Return the component letters that a group has on the days of a time span."""
        held: set[str] = set()
        for day in range(start_ns // DAY_NS, end_ns // DAY_NS + 1):
            held |= self.days[group].get(day, set())
        return "".join(letter for letter in COMPONENT_ORDER if letter in held)


def read_tree(root: str) -> Tree:
    """List the day files of an SDS tree; what is named otherwise is ignored.

    Raises:
        UserError: there is no such folder, or the place does not answer.
    """
    if not files.exists(root):
        raise UserError(f"{root}: no such folder")
    found: dict[Group, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    with files.reading(root):
        for group, letter, day in _day_files(root):
            found[group][day].add(letter)
    tree = Tree(root, {group: dict(found[group]) for group in sorted(found)})
    for group in tree.days:
        tree.stations.setdefault((group.network, group.station), []).append(group)
    return tree


def day_path(root: str, group: Group, letter: str, day: int) -> str:
    """Return the path of a day file."""
    on, channel = _EPOCH + timedelta(days=day), group.instrument + letter
    name = f"{group.network}.{group.station}.{group.location}.{channel}.D.{on:%Y.%j}"
    folder = f"{on:%Y}/{group.network}/{group.station}/{channel}.D"
    # Codes come from `_parse`; links are followed, as archives are often spread over disks.
    return posixpath.join(root, folder, name)


def _day_files(root: str) -> Iterator[tuple[Group, str, int]]:
    system, inner = fsspec.core.url_to_fs(root)

    def names(*parts: str) -> list[str]:
        try:
            paths = system.ls(posixpath.join(inner, *parts), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(posixpath.basename(path.rstrip("/")) for path in paths)

    for year in filter(re.compile(r"[12]\d{3}").fullmatch, names()):
        for network in filter(_CODE.fullmatch, names(year)):
            for station in filter(_CODE.fullmatch, names(year, network)):
                for folder in filter(_CHANNEL.fullmatch, names(year, network, station)):
                    for name in names(year, network, station, folder):
                        parsed = _parse(name, network, station, folder, year)
                        if parsed:
                            yield parsed


def _parse(
    name: str, network: str, station: str, folder: str, year: str
) -> tuple[Group, str, int] | None:
    parts = name.split(".")
    channel = folder[:3]
    if len(parts) != 7 or parts[:2] + parts[3:6] != [network, station, channel, "D", year]:
        return None
    location, number = parts[2], parts[6]
    if not re.fullmatch(r"\d{3}", number) or location and not _CODE.fullmatch(location):
        return None
    on = date(int(year), 1, 1) + timedelta(days=int(number) - 1)
    if on.year != int(year) or channel[2] not in COMPONENT_ORDER:
        return None
    return Group(network, station, location, channel[:2]), channel[2], (on - _EPOCH).days


class Span(NamedTuple):
    """A stretch of time that is recorded without a gap."""

    start_ns: int
    end_ns: int
    rate_hz: float


def spans(tree: Tree, group: Group) -> tuple[list[Span], list[tuple[str, str]]]:
    """Return what a group's vertical (else first) component has recorded, from headers alone.

    Returns:
        The spans, and the path and fault of each day file that cannot be read.
    """
    segments, faults = [], []
    for day, held in sorted(tree.days[group].items()):
        letter = next(c for c in "Z3" + COMPONENT_ORDER if c in held)
        path = day_path(tree.root, group, letter, day)
        try:
            segments += read_segments(path, str(group) + letter, headers_only=True)
        except UserError as error:
            faults.append((path, str(error)))
    return list(_merged(segments)), faults


def _merged(segments: Iterable[Segment]) -> Iterator[Span]:
    span = None
    for part in sorted(segments, key=lambda s: (s.start_ns, s.rate_hz)):
        step = 1e9 / part.rate_hz
        end = part.start_ns + round(part.count * step)
        meets = span and same_rate(span.rate_hz, part.rate_hz)
        if meets and part.start_ns <= span.end_ns + step / 2:
            span = span._replace(end_ns=max(span.end_ns, end))
            continue
        if span:
            yield span
        span = Span(part.start_ns, end, part.rate_hz)
    if span:
        yield span
