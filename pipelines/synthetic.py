"""A synthetic window: two recorded ones aligned at P and at S, mixed, as large as it should be.

Each is warped so that its P and S come to lie where the new window has them: as recorded before P
and after S, evenly stretched or squeezed between. Amplitudes are interpolated as logarithms, as
magnitudes are: that of a parent brought to the interpolated magnitude m, A 10^(m - m_parent), has
the same weighted mean.
"""

from __future__ import annotations

import json

import numpy as np

from pipelines.inspection import read_window
from pipelines.reference import BETWEEN, Event, Inspected, Pick, Reference, stable_hash
from pipelines.rows import reference_of, row_of_reference
from schemas.recipe import Recipe
from schemas.synthesis import METHODS
from schemas.window import UNKNOWN_TIME_NS, P, S

# Samples on each side that the band-limited interpolator reads.
_REACH = 32
_BETA = 8.0
_MIXED = ("magnitude", "depth_km", "distance_km")
_SAME = ("network", "station", "location", "instrument", "environment")


def synthetic(first: Inspected, second: Inspected, share: float, recipe: Recipe) -> Inspected:
    """Return the plan of a window between two parents.

    Args:
        first: a window of train with one event, P and S.
        second: another.
        share: of the second, 0 to 1.
        recipe: its `window.p_at_s` is where P will lie, and its `synthesis` the source.
    """
    parents = (first.reference, second.reference)
    method, ids = recipe.synthesis.method, [parent.base_id for parent in parents]
    name = BETWEEN.join(parent.events[0].event_id for parent in parents)
    p_s, delay_s = recipe.window.p_at_s, _mix(*(_delay_s(parent) for parent in parents), share)
    polarity = {_p(parent).polarity for parent in parents}
    numbers = {n: _mix(*(getattr(x.events[0], n) for x in parents), share) for n in _MIXED}
    reference = Reference(
        source=method,
        trace=f"{stable_hash(method, *ids, repr(share)):016x}",
        kind="event",
        locator={
            "first": json.dumps(row_of_reference(parents[0])),
            "second": json.dumps(row_of_reference(parents[1])),
            "share": repr(share),
        },
        record_start_ns=UNKNOWN_TIME_NS,
        start_s=0.0,
        split_key=name,
        picks=(
            Pick("P", p_s, polarity.pop() if len(polarity) == 1 else 0),
            Pick("S", p_s + delay_s),
        ),
        events=(Event(name, **numbers),),
        sampling_rate_hz=recipe.window.sampling_rate_hz,
        **{n: _common(*(getattr(parent, n) for parent in parents)) for n in _SAME},
    )
    live = "".join(letter for letter in first.live if letter in second.live)
    return Inspected(reference, live, (_mix(first.snr_db[0], second.snr_db[0], share),), "train")


def parents_of(reference: Reference) -> tuple[Reference, Reference, float]:
    """Return a synthetic window's parents, and the share of the second."""
    rows = (json.loads(reference.locator[name]) for name in ("first", "second"))
    # JSON knows no tuples.
    first, second = (
        reference_of(tuple(tuple(v) if isinstance(v, list) else v for v in row)) for row in rows
    )
    return first, second, float(reference.locator["share"])


def record_of(reference: Reference) -> str:
    """Return one line of ``synthetic.jsonl``: what a synthetic window was made of."""
    first, second, share = parents_of(reference)
    parents = [first.base_id, second.base_id]
    told = {"window_id": reference.base_id, "parents": parents, "share": share}
    return json.dumps(told, sort_keys=True)


def load_window(reference: Reference, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return a window: read, or made of its parents, which are.

    Raises:
        UserError: it or a parent cannot be read.
    """
    if reference.source not in METHODS:
        return read_window(reference, recipe)
    first, second, share = parents_of(reference)
    windows = read_window(first, recipe), read_window(second, recipe)
    return _between(*windows, share, reference, recipe)


def _between(
    first: dict, second: dict, share: float, reference: Reference, recipe: Recipe
) -> dict[str, np.ndarray]:
    spec, rate = recipe.spec, recipe.window.sampling_rate_hz
    window = spec.empty_window()
    p, s = (pick.time_s * rate for pick in reference.picks)
    warped, valid = zip(*(_warped(parent, p, s, spec.samples) for parent in (first, second)))
    window["valid"] = valid[0] & valid[1]
    # From P on until as long after S again.
    signal = slice(int(p), int(2 * s - p))
    levels = [_rms(wave[signal], window["valid"][signal]) for wave in warped]
    mixed = _mix(warped[0] / levels[0], warped[1] / levels[1], share)
    level = levels[0] ** (1 - share) * levels[1] ** share
    mixed *= level / _rms(mixed[signal], window["valid"][signal])
    window["waveform"] = np.where(window["valid"], mixed, 0.0).astype(np.float32)
    for name in ("kind", "source", *_SAME):
        window[name] = np.array(getattr(reference, name).encode(), dtype=object)
    window["sampling_rate_hz"] = np.float32(rate)
    _label(window, reference, p, s)
    codas = [
        parent["event_coda_end_sample"][0] - parent["event_p_sample"][0]
        for parent in (first, second)
    ]
    window["event_coda_end_sample"][0] = p + _mix(*codas, share)
    return window


def _label(window: dict, reference: Reference, p: float, s: float) -> None:
    event = reference.events[0]
    window["event_id"][0] = event.event_id.encode()
    for name in _MIXED:
        window[f"event_{name}"][0] = getattr(event, name)
    window["event_weight"][0] = 1.0
    window["event_p_sample"][0], window["event_s_sample"][0] = p, s
    slot = 0
    for pick, phase, at in zip(reference.picks, (P, S), (p, s)):
        if round(at) < len(window["valid"]) and window["valid"][round(at)].any():
            window["pick_sample"][slot], window["pick_phase"][slot] = at, phase
            window["pick_polarity"][slot], window["pick_event"][slot] = pick.polarity, 0
            slot += 1


def _warped(window: dict, p: float, s: float, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a window, float64 [T, 3], with P and S at these samples, and where it is valid."""
    own_p, own_s = (float(window[f"event_{n}_sample"][0]) for n in ("p", "s"))
    at, slope = np.arange(samples, dtype=float), (own_s - own_p) / (s - p)
    places = np.where(at < s, own_p + (at - p) * slope, own_s + (at - s))
    places = np.where(at < p, own_p + (at - p), places)
    # What is read faster must lose what would alias.
    cutoff = np.where((at >= p) & (at < s), min(1.0, 1.0 / slope), 1.0)
    return at_places(window["waveform"], places, cutoff), _valid_at(window["valid"], places)


def at_places(samples: np.ndarray, places: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """Return band-limited values between samples, by a sinc under a Kaiser window.

    Args:
        samples: [T, C]; zero beyond its ends.
        places: float [N], in samples.
        cutoff: [N], of the band that is kept, as a share of Nyquist.

    Returns:
        float64 [N, C]; at a whole place with cutoff 1, that sample.
    """
    padded = np.pad(samples.astype(np.float64), ((2 * _REACH, 2 * _REACH), (0, 0)))
    places = np.clip(places, -_REACH, len(samples) + _REACH - 1)
    near = np.floor(places).astype(int)[:, None] + np.arange(1 - _REACH, _REACH + 1)
    away = places[:, None] - near
    window = np.i0(_BETA * np.sqrt(np.clip(1.0 - (away / _REACH) ** 2, 0.0, None)))
    weights = np.sinc(cutoff[:, None] * away) * window
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkc->nc", weights, padded[near + 2 * _REACH])


def _valid_at(valid: np.ndarray, places: np.ndarray) -> np.ndarray:
    low, high = np.floor(places + 1e-6).astype(int), np.ceil(places - 1e-6).astype(int)
    inside = ((low >= 0) & (high < len(valid)))[:, None]
    last = len(valid) - 1
    return inside & valid[np.clip(low, 0, last)] & valid[np.clip(high, 0, last)]


def _rms(samples: np.ndarray, valid: np.ndarray) -> float:
    """Return the rms of what is recorded; tiny rather than zero."""
    total = np.square(samples, where=valid, out=np.zeros_like(samples)).sum()
    return max(float(np.sqrt(total / max(valid.sum(), 1))), np.finfo(float).tiny)


def _mix(first, second, share: float):
    return (1.0 - share) * first + share * second


def _common(first: str, second: str) -> str:
    return first if first == second else ""


def _p(reference: Reference) -> Pick:
    return next(pick for pick in reference.picks if pick.phase == "P")


def _delay_s(reference: Reference) -> float:
    return next(p.time_s for p in reference.picks if p.phase == "S") - _p(reference).time_s
