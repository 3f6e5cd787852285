"""What mixup must make of two windows, built in NumPy from the op's docstring."""

import numpy as np

from tests.run_steps import assert_same
from tests.windows import picks_of

DRAWN = ("step/lambda", "step/gain", "step/start_samples")


def mixed(made):
    drawn = np.isnan([made[name] for name in DRAWN])
    assert drawn.all() or not drawn.any()
    return not drawn.any()


def cropped(partner, start, size):
    """Return the partner's samples and validity from `start` on, and its shift."""
    wave, valid = np.zeros((size, 3)), np.zeros((size, 3), bool)
    part = slice(start, start + size)
    count = len(partner["waveform"][part])
    wave[:count], valid[:count] = partner["waveform"][part], partner["valid"][part]
    return {"waveform": wave, "valid": valid}


def scaled(window, partner, how):
    """Return by what the partner is as large as the window where both are valid."""
    both = window["valid"] & partner["valid"]
    sizes = []
    for each in (window, partner):
        inside = each["waveform"][both].astype(np.float64)
        sizes.append(np.abs(inside).max() if how == "peak" else np.sqrt(np.mean(inside**2)))
    return sizes[0] / sizes[1]


def check(made, window, partner, how="rms"):
    """Check a mixture: samples, picks, events, weights; or that nothing has changed."""
    if not mixed(made):
        assert_same({n: v for n, v in made.items() if "/" not in n}, window, ["event_snr_db"])
        return
    share, gain, start = (float(made[name]) for name in DRAWN)
    size = len(window["waveform"])
    theirs = cropped(partner, int(start), size)
    both = window["valid"] & theirs["valid"]
    np.testing.assert_array_equal(made["valid"], both)
    np.testing.assert_allclose(gain, scaled(window, theirs, how), rtol=1e-5)
    total = share * window["waveform"] + (1 - share) * gain * theirs["waveform"]
    close = 1e-5 * np.abs(total[both]).max()
    np.testing.assert_allclose(made["waveform"], np.where(both, total, 0), atol=close)
    slots = {}
    for own, event in enumerate(partner["event_id"]):
        if event in made["event_id"] and event:
            (slots[own],) = np.flatnonzero(made["event_id"] == event)
    expected = picks_of(window)
    for (own, phase), (at, polarity) in picks_of(partner).items():
        if 0 <= at - start <= size - 1 and theirs["valid"][int(np.round(at - start))].any():
            expected[slots[own], phase] = (np.float32(at - start), polarity)
    found = picks_of(made)
    assert set(found) == set(expected)
    for key, (at, polarity) in expected.items():
        assert found[key][0] == at
        assert found[key][1] == (polarity if both[int(np.round(at)), 2] else 0)
    mine = window["event_id"] != b""
    np.testing.assert_array_equal(made["event_id"][mine], window["event_id"][mine])
    before = np.where(np.isnan(window["event_weight"]), 1, window["event_weight"])
    np.testing.assert_allclose(made["event_weight"][mine], share * before[mine], rtol=1e-6)
    for own, slot in slots.items():
        np.testing.assert_allclose(made["event_weight"][slot], 1 - share, atol=1e-6)
        for name in ("p", "s", "coda_end"):
            moved = np.float32(partner[f"event_{name}_sample"][own] - start)
            np.testing.assert_equal(made[f"event_{name}_sample"][slot], moved)
    used = made["event_id"] != b""
    assert used.sum() == mine.sum() + len(slots)
    assert np.isnan(made["event_weight"][~used]).all()
