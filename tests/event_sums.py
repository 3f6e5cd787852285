"""What a superposed event must add to a window, built in NumPy from the op's docstring."""

import numpy as np

from tests.run_steps import assert_same
from tests.windows import RATE, picks_of

LOW, HIGH, GAP_S, PICKS_S, LEAD_S = 0.2, 4.0, 2.0, 1.5, 1.0


def placed(made):
    return made["step/placed"] == 1


def heard(partner, shift, count, lead_s=LEAD_S):
    """Return the partner's envelope and samples in the window's time, from the docstring."""
    at = np.flatnonzero(partner["event_id"] != b"")[0]
    p, end = partner["event_p_sample"][at], partner["event_coda_end_sample"][at]
    time, fade = np.arange(len(partner["waveform"])), lead_s * RATE
    rise = np.clip((time - p + fade) / (fade / 2), 0, 1)
    fall = np.clip((end + fade - time) / fade, 0, 1)
    envelope = np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2
    whole = envelope[:, None] * partner["waveform"].astype(np.float64)
    moved = np.zeros((count, 3))
    source = np.arange(count) - int(shift)
    inside = (source >= 0) & (source < len(whole))
    moved[inside] = whole[source[inside]]
    return moved, whole


def check(made, window, partner):
    """Check a sum: samples, amplitude, labels of both events; or that nothing has changed."""
    if not placed(made):
        assert made["step/placed"] == 0
        assert np.isnan(made["step/amplitude_ratio"]) and np.isnan(made["step/shift_samples"])
        assert_same({n: v for n, v in made.items() if "/" not in n}, window, ["event_snr_db"])
        return
    shift, ratio = made["step/shift_samples"], made["step/amplitude_ratio"]
    assert LOW <= ratio <= HIGH and shift == round(shift)
    moved, whole = heard(partner, shift, len(window["waveform"]))
    live = window["valid"].any(axis=0)
    gain = ratio * np.abs(window["waveform"]).max() / np.abs(whole[:, live]).max()
    total = np.where(made["valid"], window["waveform"] + gain * moved, 0.0)
    close = 1e-5 * np.abs(total).max()
    np.testing.assert_allclose(made["waveform"], total, atol=close)
    mine, theirs, both = picks_of(window), picks_of(partner), picks_of(made)
    slot = int(np.flatnonzero(window["event_id"] == b"")[0])
    own = int(np.flatnonzero(partner["event_id"] != b"")[0])
    expected = {(slot, phase): (at + shift, pol) for (_, phase), (at, pol) in theirs.items()}
    for key, (at, polarity) in {**expected, **mine}.items():
        inside = 0 <= at <= len(window["waveform"]) - 1
        beneath = made["valid"][int(np.round(at))] if inside else np.zeros(3, bool)
        assert (key in both) == beneath.any()
        if key in both:
            assert both[key][0] == np.float32(at)
            assert both[key][1] == (polarity if beneath[2] else 0)
    assert set(both) <= set(expected) | set(mine)
    assert made["event_id"][slot] == partner["event_id"][own]
    for name in ("p", "s", "coda_end"):
        here, there = made[f"event_{name}_sample"][slot], partner[f"event_{name}_sample"][own]
        np.testing.assert_equal(here, np.float32(there + shift))
    at = np.sort([at for at, _ in expected.values()])
    away = np.abs(np.subtract.outer(at, [at for at, _ in mine.values()]))
    assert (away > PICKS_S * RATE).all()
