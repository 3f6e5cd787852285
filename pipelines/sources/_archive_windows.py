"""The windows of an archive: events at the instruments that recorded them, and noise."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from pipelines.listing import day_of, free_stretches, noise_split_key, noise_starts
from pipelines.reference import Event, Pick, Reference, Rejected
from pipelines.sources import Listing
from pipelines.sources._archive_catalog import Arrival, Quake, Stations, split_keys
from pipelines.sources._archive_files import Group, Span, Tree, spans
from pipelines.sources._archive_settle import settle

# Read around an event's window, so that causal filters have settled where it begins.
MARGIN_S = 20.0

# Network, station and location.
Place = tuple[str, str, str]
# The arrivals of all events at one place: (index of the event, arrival), by time.
Met = list[tuple[int, Arrival]]


@dataclass(frozen=True)
class Maker:
    """Makes references from a tree; `inventory` is the path of the StationXML, if any."""

    listing: Listing
    tree: Tree
    stations: Stations
    inventory: str | None = None

    def events(self, quakes: Sequence[Quake]) -> Iterator[Reference | Rejected]:
        """Yield a window for each event and instrument, a `Rejected` for picks without data."""
        keys = split_keys(quakes, self.listing.window.length_s + 2 * MARGIN_S)
        wanted: list[tuple[int, Group]] = []
        own: dict[tuple[Place, int], list[Arrival]] = {}
        for index, quake in enumerate(quakes):
            for station, arrivals in _by_station(quake).items():
                chosen, left = settle(arrivals, self.tree)
                for group, members in chosen.items():
                    wanted.append((index, group))
                    own[group[:3], index] = members
                if left:
                    yield self._lost(quake, station, left)
        met: dict[Place, Met] = defaultdict(list)
        for (place, index), arrivals in own.items():
            met[place] += [(index, arrival) for arrival in arrivals]
        for arrivals in met.values():
            arrivals.sort(key=lambda m: (m[1].time_ns, m[0]))
        seen: set[str] = set()
        for index, group in wanted:
            place = group[:3]
            window = self._event(quakes, index, group, own[place, index], met[place])
            if window.trace in seen:
                yield self.listing.rejected(
                    f"{window.trace}/{index}",
                    f"event {quakes[index].event.event_id}: another event has the same window",
                )
                continue
            seen.add(window.trace)
            yield replace(window, split_key=keys[index])

    def _lost(self, quake: Quake, key: tuple[str, str], left: list[Arrival]) -> Rejected:
        name, pick = ".".join(key), left[0]
        code = f"{name}.{pick.location}.{pick.channel or '?'}"
        return self.listing.rejected(
            f"{name}_{stamp(pick.time_ns)}",
            f"{self.tree.root}: event {quake.event.event_id}: got no day file of {code} on "
            f"{day_of(pick.time_ns)}, expected one for {len(left)} picks",
        )

    def _event(
        self,
        quakes: Sequence[Quake],
        index: int,
        group: Group,
        own: list[Arrival],
        met: Met,
    ) -> Reference:
        anchor = min(own, key=lambda a: (a.phase, a.time_ns)).time_ns
        start = anchor - round(self.listing.window.p_at_s * 1e9)
        length = self.listing.window.length_s + 2 * MARGIN_S
        record = start - round(MARGIN_S * 1e9)
        # Labels are listed in the whole record: where it ends early, the window moves inside it.
        low = bisect_left(met, record, key=_time)
        high = bisect_left(met, record + round(length * 1e9), key=_time)
        inside = met[low:high] + [(index, a) for a in own if a.phase == "S"]
        inside = list(dict.fromkeys(inside))
        order = list(dict.fromkeys([index] + [i for i, _ in inside]))
        picks = [
            Pick(a.phase, (a.time_ns - record) / 1e9, a.polarity, order.index(i)) for i, a in inside
        ]
        return self._window(
            group,
            start,
            MARGIN_S,
            length,
            kind="event",
            split_key="",
            picks=tuple(sorted(picks, key=lambda p: (p.event, p.phase, p.time_s))),
            events=tuple(_at_station(quakes[i], i, group, inside, self.stations) for i in order),
        )

    def noise(self, busy_ns: Sequence[int]) -> Iterator[Reference | Rejected]:
        """Yield windows of what was recorded away from all picks, whose sorted times are given."""
        for group in self.tree.days:
            held, faults = spans(self.tree, group)
            for path, fault in faults:
                yield self.listing.rejected(path.removeprefix(self.tree.root).lstrip("/"), fault)
            for span in held:
                yield from self._noise_in(group, span, busy_ns)

    def _noise_in(self, group: Group, span: Span, busy_ns: Sequence[int]) -> Iterator[Reference]:
        window, rules = self.listing.window, self.listing.noise
        low = bisect_left(busy_ns, span.start_ns - round((rules.after_s + 1.0) * 1e9))
        high = bisect_right(busy_ns, span.end_ns + round((rules.guard_s + 1.0) * 1e9))
        picks = [(time - span.start_ns) / 1e9 for time in busy_ns[low:high]]
        whole = (0.0, (span.end_ns - span.start_ns) / 1e9)
        for stretch in free_stretches(whole, picks, rules):
            for at, usable in noise_starts(stretch, window, rules):
                start, length = span.start_ns + round(at * 1e9), usable[1] - usable[0]
                before = min(MARGIN_S, at)
                key = noise_split_key(group.network, group.station, start, str(group))
                yield self._window(
                    group,
                    start,
                    before,
                    before + length,
                    mark="_noise",
                    kind="noise",
                    split_key=key,
                    usable_s=(before, before + length),
                    sampling_rate_hz=span.rate_hz,
                )

    def _window(
        self, group: Group, start_ns: int, before_s: float, length_s: float, mark: str = "", **more
    ) -> Reference:
        record = start_ns - round(before_s * 1e9)
        locator = {
            "path": self.tree.root,
            "instrument": group.instrument,
            "components": self.tree.components(group, record, record + round(length_s * 1e9)),
            "length_s": repr(length_s),
        }
        if self.inventory:
            locator["inventory"] = self.inventory
        latitude_deg, longitude_deg = self.stations.place(group.network, group.station)
        return Reference(
            source=self.listing.name,
            trace=f"{group}_{stamp(start_ns)}{mark}",
            locator=locator,
            record_start_ns=record,
            start_s=before_s,
            network=group.network,
            station=group.station,
            location=group.location,
            instrument=group.instrument,
            environment=self.listing.environment,
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
            **more,
        )


def _by_station(quake: Quake) -> dict[tuple[str, str], list[Arrival]]:
    stations = defaultdict(list)
    for arrival in quake.arrivals:
        stations[arrival.network, arrival.station].append(arrival)
    return stations


def _time(met: tuple[int, Arrival]) -> int:
    return met[1].time_ns


def _at_station(quake: Quake, index: int, group: Group, met: Met, stations: Stations) -> Event:
    said = [a.distance_km for i, a in met if i == index and not math.isnan(a.distance_km)]
    distance = said[0] if said else stations.distance_km(quake.event, *group[:2])
    return replace(quake.event, distance_km=distance)


def stamp(time_ns: int) -> str:
    """Return a time as 20171007T092756.920, to the millisecond."""
    seconds, milli = divmod(round(time_ns / 1_000_000), 1000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y%m%dT%H%M%S}.{milli:03d}"
