"""Rotated horizontals, against ObsPy's rotations both ways."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from obspy.signal.rotate import rotate2zne, rotate_ne_rt
from scipy.stats import kstest

from augment_ops.core.steps import with_pairs
from augment_ops.rotate_horizontals import RotateHorizontals
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
)
from tests.windows import CASES, SPEC, TWO, make, picks_of, tensors, windows

ANY = one_step(RotateHorizontals())
SMALL = one_step(RotateHorizontals((-30.0, 10.0)))
NORTH_UNKNOWN = make(quakes=TWO, gaps=[(100, 130, 0), (120, 140, 1), (490, 520, 2)])


def columns(window):
    return window["waveform"].T.astype(np.float64)


def check(made, window):
    """Check one turn against ObsPy's radial and transverse, and ObsPy's way back."""
    angle = made.pop("step/angle_deg")
    both = window["valid"][:, :2].all(axis=1)
    if not both.any():
        assert np.isnan(angle)
        assert_same(made, window, ["event_snr_db"])
        return
    np.testing.assert_array_equal(made["valid"][:, :2], np.stack([both, both], axis=1))
    np.testing.assert_array_equal(made["valid"][:, 2], window["valid"][:, 2])
    east, north, up = columns(window)
    radial, transverse = rotate_ne_rt(north, east, float(angle + 180) % 360)
    close = 1e-6 * max(np.abs(columns(window)).max(), 1e-30)
    turned = np.stack([transverse, radial, up]) * [both, both, np.ones(len(both))]
    np.testing.assert_allclose(columns(made), turned, atol=close)
    found = columns(made)
    back = rotate2zne(up, 0, -90, found[1], float(angle), 0, found[0], float(angle) + 90, 0)
    np.testing.assert_allclose(back, np.stack([up, north * both, east * both]), atol=2 * close)
    kept = picks_of(made)
    for key, (at, polarity) in picks_of(window).items():
        assert (key in kept) == made["valid"][int(np.round(at))].any()
        assert kept.get(key, (at, polarity)) == (at, polarity)
    if len(kept) == len(picks_of(window)):
        moved = ["waveform", "valid", "event_snr_db", "event_back_azimuth_deg"]
        assert_same(made, window, moved)


@pytest.mark.parametrize("case", CASES)
def test_a_turn_is_that_of_obspy(case):
    for made in assert_sound(ANY, CASES[case]):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(ANY, window, epochs=2):
        check(made, window)


def test_samples_need_both_horizontals():
    for made in assert_sound(ANY, NORTH_UNKNOWN):
        assert not made["valid"][100:140, :2].any() and made["valid"][100:140, 2].all()
        check(made, NORTH_UNKNOWN)
    # The last component beneath a pick goes, and the pick with it.
    flat = make(quakes=TWO, live=(1, 1, 0), gaps=[(440, 460, 1)])
    for made in assert_sound(ANY, flat):
        assert len(picks_of(made)) == len(picks_of(flat)) - 1
        check(made, flat)


def test_horizontals_that_never_meet_are_left_alone():
    apart = make(gaps=[(0, 400, 0), (400, SPEC.samples, 1)], live=(1, 1, 0))
    for made in assert_sound(ANY, apart):
        check(made, apart)


@pytest.mark.parametrize("steps", [ANY, SMALL], ids=["any", "small"])
def test_back_azimuths_follow_and_show_in_the_motion(steps):
    known = np.array([0.0, 300.0, np.nan], np.float32)
    ray = np.sin(np.radians(known[1])), np.cos(np.radians(known[1])), 0.5
    wave = np.sin(np.arange(SPEC.samples) / 3.0)[:, None] * np.array(ray)
    window = {
        **CASES["two_events"],
        "event_back_azimuth_deg": known,
        "waveform": wave.astype(np.float32),
    }
    out = compiled(steps, window, epochs=100)
    found = out["event_back_azimuth_deg"]
    expected = (known - out["step/angle_deg"][:, None].astype(np.float64)) % 360
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    assert np.nanmin(found) >= 0 and np.nanmax(found) < 360
    best = np.abs(out["waveform"][:, :, 2]).argmax(axis=1)
    east, north = (out["waveform"][np.arange(100), best, at] for at in (0, 1))
    up = out["waveform"][np.arange(100), best, 2]
    shown = np.degrees(np.arctan2(east / up, north / up)) % 360
    np.testing.assert_allclose(shown, found[:, 1], atol=1e-2)


def test_angles_are_uniform_in_their_range():
    for steps in (ANY, SMALL):
        low, high = steps[0].op.angle_deg
        drawn = compiled(steps, CASES["two_events"], epochs=100)["step/angle_deg"]
        assert kstest((drawn - low) / (high - low), "uniform").pvalue > 0.001


def test_pairs_and_clips_are_turned_too():
    held = with_pairs(tensors(make()), ("clean_waveform", "clipped"))
    clipped = np.zeros((SPEC.samples, 3), bool)
    clipped[5, 0] = clipped[7, 2] = True
    made = RotateHorizontals()(
        {**held, "clipped": tf.constant(clipped)}, tf.constant([1, 2], "int64")
    )
    np.testing.assert_array_equal(made["clean_waveform"], made["waveform"])
    assert np.argwhere(made["clipped"].numpy()).tolist() == [[5, 0], [5, 1], [7, 2]]


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(ANY, NORTH_UNKNOWN)
    assert changes(ANY, CASES["p_and_s"]) == 8
