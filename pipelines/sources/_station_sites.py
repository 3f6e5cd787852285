"""StationXML for tags: at each station, which instruments stood where, and when."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from obspy.core.inventory import Channel, Station

from pipelines.sources._archive_catalog import read_inventory
from schemas.window import UNKNOWN_TIME_NS

_BOREHOLE_M = 1.0
# Words of descriptions. Names of places are not read: Ice House Canyon is none of ice.
_WORDS = {
    "obs": r"obs|ocean[- ]bottom|sea ?floor",
    "borehole": r"borehole|downhole|posthole",
    "volcanic": r"volcano|volcanic",
    "ice": r"glacier|ice (?:sheet|shelf|cap)",
    "urban": r"urban",
}


@dataclass(frozen=True)
class Site:
    """An instrument at a station: band and instrument codes, its epoch, its environment."""

    location: str
    instrument: str
    start_ns: int
    end_ns: int
    environment: str

    def stood(self, time_ns: int) -> bool:
        """Whether it stood at a time; an unknown time is any."""
        return time_ns == UNKNOWN_TIME_NS or self.start_ns <= time_ns < self.end_ns


def read_sites(path: str) -> dict[tuple[str, str], tuple[Site, ...]]:
    """Return the instruments at each (network, station) of a StationXML file."""
    found: dict[tuple[str, str], set[Site]] = defaultdict(set)
    for network in read_inventory(path):
        for station in network:
            for channel in station:
                site = Site(
                    channel.location_code.strip(" -"),
                    channel.code[:2],
                    0 if channel.start_date is None else channel.start_date.ns,
                    2**63 - 1 if channel.end_date is None else channel.end_date.ns,
                    _environment(station, channel),
                )
                found[network.code, station.code].add(site)
    return {
        key: tuple(sorted(sites, key=lambda s: (s.start_ns, s.location, s.instrument)))
        for key, sites in found.items()
    }


def _environment(station: Station, channel: Channel) -> str:
    """Return what descriptions say; else borehole or surface by the depth, if it is told."""
    said = (channel.description, station.description, station.vault)
    for environment, words in _WORDS.items():
        if any(re.search(rf"\b(?:{words})\b", text or "", re.IGNORECASE) for text in said):
            return environment
    if channel.depth is None:
        return ""
    return "borehole" if channel.depth > _BOREHOLE_M else "surface"
