"""A small real archive from the recordings in ObsPy's wheel: no network, no picks of ObsPy's own.

Onsets are picked by the Akaike information criterion (`obspy.signal.trigger.aic_simple`, summed
over the components) in half a second around where the eye sees them, and marked automatic.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from obspy import Stream, Trace, UTCDateTime
from obspy.core.event import Catalog, Event, Pick, ResourceIdentifier, WaveformStreamID
from obspy.signal.trigger import aic_simple

from pipelines import files
from pipelines.sources._archive_files import DAY_NS, Group, day_path

_SWARM = tuple(
    f"BW.{station}._.{channel}.D.2010.147.cut.slist.gz"
    for station, channel in (
        ("UH1", "SHZ"),
        ("UH2", "SHZ"),
        ("UH3", "SHE"),
        ("UH3", "SHN"),
        ("UH3", "SHZ"),
        ("UH4", "EHZ"),
    )
)
_RJOB = "loc_RJOB20050801145719850"
# Where the eye sees onsets: event, origin day and minute, then station, phase and seconds.
# The swarm's S is only seen at UH3, the one station with horizontal components.
_SEEN: dict[str, tuple[str, tuple[tuple[str, str, float], ...]]] = {
    "rjob-2005": ("2005-08-01T14:57:00", (("RJOB", "P", 50.48), ("RJOB", "S", 51.14))),
    "rjob-2009": ("2009-08-24T00:20:00", (("RJOB", "P", 7.70), ("RJOB", "S", 8.70))),
    "uh-1": (
        "2010-05-27T16:24:00",
        (
            ("UH1", "P", 33.34),
            ("UH2", "P", 33.26),
            ("UH3", "P", 33.15),
            ("UH3", "S", 34.32),
            ("UH4", "P", 34.12),
        ),
    ),
    "uh-2": (
        "2010-05-27T16:25:00",
        (
            ("UH1", "P", 26.85),
            ("UH3", "P", 26.58),
            ("UH3", "S", 27.75),
        ),
    ),
    "uh-3": (
        "2010-05-27T16:27:00",
        (
            ("UH1", "P", 2.23),
            ("UH2", "P", 2.12),
            ("UH3", "P", 2.01),
            ("UH3", "S", 3.21),
        ),
    ),
    "uh-4": (
        "2010-05-27T16:27:00",
        (
            ("UH1", "P", 30.62),
            ("UH2", "P", 30.54),
            ("UH3", "P", 30.43),
            ("UH3", "S", 31.61),
            ("UH4", "P", 31.39),
        ),
    ),
}
_BEFORE_S, _AFTER_S, _HIGHPASS_HZ = 0.35, 0.2, 5.0
_METHOD = "smi:seismill.local/picker/aic_simple"


def build_archive(folder: Path) -> dict[str, Any]:
    """Write an SDS archive and its QuakeML catalog from ObsPy's own example recordings.

    Args:
        folder: where ``sds/`` and ``catalog.xml`` go; made if need be.

    Returns:
        The paths ``archive`` and ``catalog``, and the counts ``events``, ``picks``, ``day_files``.
    """
    folder = Path(folder)
    root, catalog_path = folder / "sds", folder / "catalog.xml"
    root.mkdir(parents=True, exist_ok=True)
    stream = _recordings()
    for trace in stream:
        path = Path(_path(root, trace))
        path.parent.mkdir(parents=True, exist_ok=True)
        trace.write(str(path), format="MSEED")
    catalog = Catalog(
        [_event(name, minute, seen, stream) for name, (minute, seen) in _SEEN.items()],
        resource_id=ResourceIdentifier("smi:seismill.local/catalog/obspy-examples"),
    )
    catalog.write(str(catalog_path), format="QUAKEML")
    return {
        "archive": str(root),
        "catalog": str(catalog_path),
        "events": len(catalog),
        "picks": sum(len(event.picks) for event in catalog),
        "day_files": len(stream),
    }


def _recordings() -> Stream:
    package = Path(find_spec("obspy").origin).parent
    data = package / "signal" / "tests" / "data"
    stream = Stream()
    for name in _SWARM:
        with files.reading(str(data / name)):
            stream += obspy.read(str(data / name), format="SLIST")
    for letter in "zne":
        path = data / f"{_RJOB}.{letter}"
        with files.reading(str(path)):
            samples = np.loadtxt(path)
        stream += Trace(
            samples,
            {
                "network": "BW",
                "station": "RJOB",
                "channel": "EH" + letter.upper(),
                "sampling_rate": 200.0,
                "starttime": UTCDateTime(2005, 8, 1, 14, 57, 19, 850000),
            },
        )
    return stream + obspy.read()


def _path(root: Path, trace: Trace) -> str:
    stats = trace.stats
    group = Group(stats.network, stats.station, stats.location, stats.channel[:2])
    return day_path(str(root), group, stats.channel[2], stats.starttime.ns // DAY_NS)


def _event(name: str, minute: str, seen: Sequence[tuple[str, str, float]], stream: Stream) -> Event:
    event_id = f"smi:seismill.local/event/{name}"
    picks = []
    for station, phase, second in seen:
        near = UTCDateTime(minute) + second
        traces = _components(stream, station, phase, near)
        code = traces[0].stats
        picks.append(
            Pick(
                resource_id=ResourceIdentifier(f"{event_id}/pick/{station}-{phase}"),
                time=_onset(traces, near),
                phase_hint=phase,
                evaluation_mode="automatic",
                method_id=ResourceIdentifier(_METHOD),
                waveform_id=WaveformStreamID(
                    code.network, code.station, code.location, code.channel
                ),
            )
        )
    return Event(resource_id=ResourceIdentifier(event_id), event_type="earthquake", picks=picks)


def _components(stream: Stream, station: str, phase: str, near: UTCDateTime) -> list[Trace]:
    """Return the vertical for P, the horizontals for S, that recorded a time."""
    letters = "Z" if phase == "P" else "NE"
    return [
        trace
        for letter in letters
        for trace in stream.select(station=station, component=letter)
        if trace.stats.starttime < near < trace.stats.endtime
    ]


def _onset(traces: Sequence[Trace], near: UTCDateTime) -> UTCDateTime:
    """Return the time at which a trace's two halves differ most: the AIC's minimum."""
    total, cut = 0.0, None
    for trace in traces:
        filtered = trace.copy().detrend("linear")
        filtered.filter("highpass", freq=_HIGHPASS_HZ, corners=2)
        cut = filtered.trim(near - _BEFORE_S, near + _AFTER_S)
        total = total + aic_simple(cut.data.astype(np.float64))
    # The ends' variances are of a few samples. The minimum is the last sample before the onset.
    edge = 4
    last_quiet = edge + int(np.argmin(total[edge:-edge]))
    return cut.stats.starttime + (last_quiet + 1) * cut.stats.delta
