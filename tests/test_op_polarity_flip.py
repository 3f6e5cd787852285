"""Polarity flip, against NumPy's negative and the azimuth that its motion shows."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from augment_ops.core.steps import with_pairs
from augment_ops.polarity_flip import PolarityFlip
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, SPEC, TWO, Quake, make, picks_of, tensors, windows

STEPS = {mode: one_step(PolarityFlip(mode)) for mode in ("vertical", "all")}
SIGNS = {"vertical": np.array([1, 1, -1]), "all": np.array([-1, -1, -1])}
AZIMUTH = 250.0


def check(made, window, mode):
    if mode == "vertical" and not window["valid"][:, 2].any():
        assert np.isnan(made["step/flipped"])
        assert_same({n: v for n, v in made.items() if "/" not in n}, window, ["event_snr_db"])
        assert made["waveform"].tobytes() == window["waveform"].tobytes()
        return
    assert made["step/flipped"] == 1
    np.testing.assert_array_equal(made["waveform"], window["waveform"] * SIGNS[mode])
    assert not np.signbit(made["waveform"][made["waveform"] == 0]).any()
    flipped = {key: (at, -polarity) for key, (at, polarity) in picks_of(window).items()}
    assert picks_of(made) == flipped
    changed = ["waveform", "pick_polarity", "event_back_azimuth_deg", "step/flipped"]
    assert_same(made, {**window, "step/flipped": 1}, changed)


@pytest.mark.parametrize("mode", STEPS)
@pytest.mark.parametrize("case", CASES)
def test_signs_and_polarities_are_turned(mode, case):
    for made in assert_sound(STEPS[mode], CASES[case], epochs=2):
        check(made, CASES[case], mode)


@given(windows())
def test_any_window_stays_sound(window):
    for mode, steps in STEPS.items():
        check(assert_sound(steps, window, epochs=1)[0], window, mode)


def test_twice_is_nothing():
    steps = one_step(PolarityFlip(), "one") + one_step(PolarityFlip(), "other")
    (made,) = rows(compiled(steps, CASES["two_events"], epochs=1))
    assert_same({n: v for n, v in made.items() if "/" not in n}, CASES["two_events"])


def seen_from(window):
    """Return the azimuth that P comes from, by how E and N move together with Z."""
    east, north = window["waveform"][:, :2].T.astype(np.float64) @ window["waveform"][:, 2]
    # Ground that moves up moves away from the source.
    return np.degrees(np.arctan2(-east, -north)) % 360


@pytest.mark.parametrize("mode, live", [("vertical", 1), ("all", 1), ("vertical", 0)])
def test_back_azimuths_follow_what_the_motion_shows(mode, live):
    window = make(quakes=TWO, live=(live, live, 1), scale=0.0)
    wave = np.zeros_like(window["waveform"])
    # A P wave moves the ground up and away from its source, or down and towards it.
    away = np.radians(AZIMUTH + 180)
    ray = np.array([np.sin(away), np.cos(away), 1.5])
    time = np.arange(SPEC.samples)
    wave[:] = np.where(time > 250, np.sin((time - 250) / 3.0), 0.0)[:, None] * ray
    window["waveform"] = np.where(window["valid"], wave, 0).astype(np.float32)
    window["event_back_azimuth_deg"][:2] = AZIMUTH, AZIMUTH - 180
    (made,) = rows(compiled(STEPS[mode], window, epochs=1))
    turned = 180 if mode == "vertical" and live else 0
    expected = (window["event_back_azimuth_deg"] + turned) % 360
    np.testing.assert_array_equal(made["event_back_azimuth_deg"], expected)
    if live:
        assert seen_from(window) == pytest.approx(AZIMUTH, abs=1e-3)
        assert seen_from(made) == pytest.approx(expected[0], abs=1e-3)


def test_pairs_are_flipped_too():
    window = tensors(CASES["p_and_s"])
    held = with_pairs(window, ("clean_waveform", "unclipped_waveform", "clipped"))
    made = PolarityFlip("vertical")(held, tf.constant([1, 2], tf.int64))
    for name in ("clean_waveform", "unclipped_waveform"):
        np.testing.assert_array_equal(made[name], made["waveform"])


def test_runs_everywhere_and_modes_differ():
    assert_runs_everywhere(STEPS["vertical"], make(quakes=[Quake()]))
    one, other = (compiled(STEPS[m], CASES["p_and_s"], epochs=1)["waveform"] for m in STEPS)
    assert (one != other).any()
