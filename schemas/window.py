"""The single truth about a window: each field's name, dtype, shape, unit and meaning.

Serializer, parser, TFMD schema, TFDS features and validation all derive from `WINDOW_SPEC`.
Shapes are written with the letters T (samples), C (components E, N, Z), K (pick slots)
and M (event slots); `WindowSpec` gives the letters their numbers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

COMPONENTS = "ENZ"
KINDS = ("event", "noise", "hard_negative", "simulated")
# What holds an event of its own; a simulated one is computed, and has no noise.
EVENT_KINDS = ("event", "simulated")
SPLITS = ("train", "validation", "test")
ENVIRONMENTS = ("", "surface", "borehole", "urban", "obs", "volcanic", "ice")
NO_PHASE, P, S = 0, 1, 2
PHASES = {"P": P, "S": S}
NO_EVENT = -1
UNKNOWN_TIME_NS = -1


@dataclass(frozen=True)
class Field:
    """One field of a window.

    `moves` marks positions in samples, which every op that moves samples moves with them.
    `empty` is the value of an unused slot or an unknown scalar.
    """

    name: str
    dtype: str
    dims: str
    unit: str
    meaning: str
    empty: Any = None
    moves: bool = False

    @property
    def raw(self) -> bool:
        """Whether it is stored as raw little-endian bytes and not as a list."""
        return self.dims.startswith("T")


_NAN = float("nan")

WINDOW_SPEC: tuple[Field, ...] = (
    Field("window_id", "string", "", "", "stable id: source/trace/start/copy", ""),
    Field("kind", "string", "", "", "event, noise, hard_negative or simulated", ""),
    Field("split", "string", "", "", "train, validation or test", ""),
    Field("source", "string", "", "", "name of the source in the recipe", ""),
    Field("network", "string", "", "", "network code", ""),
    Field("station", "string", "", "", "station code", ""),
    Field("location", "string", "", "", "location code", ""),
    Field("instrument", "string", "", "", "band and instrument codes, such as HH", ""),
    Field("environment", "string", "", "", "surface, borehole, urban, obs, ... or empty", ""),
    Field("waveform", "float32", "TC", "recorded units", "samples, E N Z, 0 where not valid", 0.0),
    Field("valid", "bool", "TC", "", "false in gaps, padding and dead components", False),
    Field("sampling_rate_hz", "float32", "", "Hz", "rate of the samples", _NAN),
    Field(
        "start_time_ns", "int64", "", "ns UTC", "time of sample 0, -1 if unknown", UNKNOWN_TIME_NS
    ),
    Field("pick_sample", "float32", "K", "samples", "arrival, NaN in unused slots", _NAN, True),
    Field("pick_phase", "int64", "K", "", "0 none, 1 P, 2 S", NO_PHASE),
    Field("pick_polarity", "int64", "K", "", "1 up, -1 down, 0 unknown", 0),
    Field("pick_event", "int64", "K", "", "slot of the pick's event, -1 none", NO_EVENT),
    Field("event_id", "string", "M", "", "the source's id, empty in unused slots", ""),
    Field("event_magnitude", "float32", "M", "", "magnitude", _NAN),
    Field("event_depth_km", "float32", "M", "km", "depth of the source", _NAN),
    Field("event_distance_km", "float32", "M", "km", "distance to the epicentre", _NAN),
    Field("event_back_azimuth_deg", "float32", "M", "deg", "from the station, N over E", _NAN),
    Field("event_weight", "float32", "M", "", "share of its labels, 1 unless mixed up", _NAN),
    Field("event_p_sample", "float32", "M", "samples", "P onset, may lie outside", _NAN, True),
    Field("event_s_sample", "float32", "M", "samples", "S onset, may lie outside", _NAN, True),
    Field(
        "event_coda_end_sample", "float32", "M", "samples", "coda end, may lie outside", _NAN, True
    ),
    Field("event_snr_db", "float32", "M", "dB", "5 s from P over 5 s ending 0.5 s before it", _NAN),
    Field("weight", "float32", "", "", "weight of the window in training", 1.0),
)
FIELDS = {field.name: field for field in WINDOW_SPEC}
MOVING = tuple(field.name for field in WINDOW_SPEC if field.moves)
SLOTS = {
    letter: tuple(field.name for field in WINDOW_SPEC if field.dims == letter) for letter in "KM"
}
# Further targets of the waveform's shape that an op may keep: what it was before the op.
PAIRS: tuple[Field, ...] = (
    Field("clean_waveform", "float32", "TC", "recorded units", "without the added noise", 0.0),
    Field("unclipped_waveform", "float32", "TC", "recorded units", "before it was clipped", 0.0),
    Field("clipped", "bool", "TC", "", "true where samples were clipped", False),
    # Only ever in the feed, from before its steps on.
    Field("unmasked_waveform", "float32", "TC", "recorded units", "before the online steps", 0.0),
)
PAIR_FIELDS = {field.name: field for field in PAIRS}


@dataclass(frozen=True)
class WindowSpec:
    """`WINDOW_SPEC` with sizes: what one data set's records hold.

    Args:
        samples: T, samples of a window.
        sampling_rate_hz: rate that all its windows share.
        picks: K, pick slots.
        events: M, event slots.
        draws: names such as ``superpose_noise/snr_db``, float32 scalars, NaN if not applied.
        pairs: names of `PAIRS` that are held, such as ``clean_waveform``.
    """

    samples: int
    sampling_rate_hz: float
    picks: int = 8
    events: int = 4
    draws: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields of a record, in their order on disk."""
        draws = (Field(n, "float32", "", "", "drawn value", _NAN) for n in self.draws)
        pairs = (PAIR_FIELDS[name] for name in self.pairs)
        return (*WINDOW_SPEC, *draws, *pairs)

    def shape(self, field: Field) -> tuple[int, ...]:
        """Return the static shape of a field."""
        sizes = {"T": self.samples, "C": len(COMPONENTS), "K": self.picks, "M": self.events}
        return tuple(sizes[letter] for letter in field.dims)

    def empty_window(self) -> dict[str, np.ndarray]:
        """Return a window of empty slots and zero samples, as NumPy arrays."""
        window = {}
        for field in self.fields:
            dtype = object if field.dtype == "string" else field.dtype
            value = b"" if field.dtype == "string" else field.empty
            window[field.name] = np.full(self.shape(field), value, dtype=dtype)
        return window

    def to_json(self) -> dict[str, Any]:
        """Return the sizes as JSON, for the manifest."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WindowSpec:
        """Rebuild what `to_json` gave."""
        tuples = {key: tuple(data.get(key, ())) for key in ("draws", "pairs")}
        return cls(**{**data, **tuples})
