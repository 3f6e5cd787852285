"""Synthetic windows whose content is known, and hypothesis strategies that draw them."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from hypothesis import assume
from hypothesis import strategies as st

from schemas.snr import snr_db
from schemas.validate import window_faults
from schemas.window import PHASES, WINDOW_SPEC, WindowSpec

# Slow enough that windows are small, and the slices of SNR still whole samples.
RATE = 20.0
SPEC = WindowSpec(samples=800, sampling_rate_hz=RATE, picks=6, events=3)
# Shorter than the slices that SNR is measured in.
SHORT = WindowSpec(samples=100, sampling_rate_hz=RATE, picks=4, events=2)
LONG = WindowSpec(samples=1100, sampling_rate_hz=RATE, picks=6, events=3)
NAN = math.nan
START_NS = 1_200_000_000_000_000_000


@dataclass(frozen=True)
class Quake:
    """An event to put into a window; positions in samples, NaN where there is none."""

    p: float = 400.3
    s: float = 460.6
    coda: float = 600.0
    name: str = "quake"
    amplitude: float = 50.0
    polarity: int = 1


def make(
    spec=SPEC,
    quakes=(),
    seed=0,
    live=(True, True, True),
    gaps=(),
    recorded=None,
    window_id="window",
    scale=1.0,
):
    """Return a window as NumPy arrays: noise of deviation 1, and decaying bursts at each onset.

    Args:
        gaps: (first, behind, component) of samples that are lost; component None for all.
        recorded: (first, behind) of the samples that are there at all.
        scale: what all samples are multiplied by.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(spec.samples)
    wave = rng.normal(size=(spec.samples, 3))
    for quake in quakes:
        for onset, share in ((quake.p, 1.0), (quake.s, 2.0)):
            # Written so that NaN adds nothing.
            after = np.where(time >= onset, time - onset, np.inf)
            decay = np.exp(-after / (2.0 * spec.sampling_rate_hz))[:, None]
            wave += share * quake.amplitude * decay * rng.normal(size=wave.shape)
    valid = np.zeros(wave.shape, bool)
    valid[slice(*(recorded or (0, spec.samples)))] = live
    for first, behind, component in gaps:
        valid[first:behind, slice(None) if component is None else component] = False
    window = spec.empty_window()
    window["window_id"] = np.array(window_id.encode(), object)
    window["kind"] = np.array(b"event" if quakes else b"noise", object)
    window["split"] = np.array(b"train", object)
    window["sampling_rate_hz"] = np.float32(spec.sampling_rate_hz)
    window["start_time_ns"] = np.int64(START_NS)
    window["valid"] = valid
    window["waveform"] = np.where(valid, scale * wave, 0.0).astype(np.float32)
    picks = []
    for slot, quake in enumerate(quakes):
        window["event_id"][slot] = quake.name.encode()
        window["event_magnitude"][slot] = 2.0
        for name, at in (("p", quake.p), ("s", quake.s), ("coda_end", quake.coda)):
            window[f"event_{name}_sample"][slot] = at
        for phase, at in (("P", quake.p), ("S", quake.s)):
            if 0 <= at <= spec.samples - 1 and valid[round(at)].any():
                polarity = quake.polarity if phase == "P" and valid[round(at), 2] else 0
                picks.append((at, PHASES[phase], polarity, slot))
        window["event_snr_db"][slot] = snr_db(
            window["waveform"], valid, window["event_p_sample"][slot], spec.sampling_rate_hz
        )
    for slot, pick in enumerate(picks):
        for name, value in zip(("sample", "phase", "polarity", "event"), pick):
            window[f"pick_{name}"][slot] = value
    return window


TWO = (Quake(250.2, 280.7, 340.0, "first"), Quake(450.8, 500.1, 600.0, "second", 80.0, -1))
CASES = {
    "p_and_s": make(quakes=[Quake()]),
    "p_only": make(quakes=[Quake(s=NAN)]),
    "two_events": make(quakes=TWO),
    "noise": make(),
    "z_only": make(quakes=[Quake()], live=(False, False, True)),
    "e_only": make(quakes=[Quake()], live=(True, False, False)),
    "gaps": make(quakes=[Quake()], gaps=[(100, 130, None), (390, 420, 2), (455, 470, None)]),
    "padded": make(quakes=[Quake()], recorded=(170, 650)),
    "short_record": make(quakes=[Quake()], recorded=(350, 480)),
}


@st.composite
def windows(draw, spec=SPEC, quakes=(0, 2)):
    """Draw a sound window: some events, gaps, dead components, padding, any amplitude."""
    length = spec.samples
    inside = st.floats(0, length - 1, width=32)
    events = []
    for number in range(draw(st.integers(*quakes))):
        p, wait = draw(inside), draw(st.floats(2, length / 4))
        s = draw(st.sampled_from([p + wait, NAN]))
        coda = draw(st.sampled_from([p + 3 * wait, NAN]))
        amplitude = draw(st.floats(1, 1000))
        events.append(Quake(p, s, coda, f"event {number}", amplitude, draw(st.integers(-1, 1))))
    component = st.sampled_from([None, 0, 1, 2])
    gap = st.tuples(st.integers(0, length - 1), st.integers(1, 40), component)
    first = draw(st.just(0) | st.integers(0, length // 2))
    window = make(
        spec,
        events,
        seed=draw(st.integers(0, 2**16)),
        live=draw(st.sampled_from([(1, 1, 1), (1, 1, 1), (0, 1, 1), (1, 0, 0), (0, 0, 1)])),
        gaps=[(a, a + n, c) for a, n, c in draw(st.lists(gap, max_size=2))],
        recorded=(first, draw(st.just(length) | st.integers(first + 1, length))),
        window_id=draw(st.text("abc", min_size=1)),
        scale=draw(st.sampled_from([1e-6, 1.0, 1e5])),
    )
    assume(not window_faults(window, spec))
    return window


def picks_of(window):
    """Return {(event slot, phase): (sample, polarity)} of a window's picks."""
    names = ("event", "phase", "sample", "polarity")
    columns = [window[f"pick_{name}"].tolist() for name in names]
    return {(e, ph): (at, pol) for e, ph, at, pol in zip(*columns) if ph}


def tensors(window):
    """Return a window's fields as tensors of their dtypes."""
    return {f.name: tf.constant(window[f.name], f.dtype) for f in WINDOW_SPEC}
