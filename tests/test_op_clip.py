"""Clipping, against `numpy.clip` at the level that was drawn."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import kstest

from augment_ops.clip import Clip
from augment_ops.core.registry import build
from augment_ops.step_glitch import StepGlitch
from schemas.errors import UserError
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, SHORT, make, windows

LOW, HIGH = 0.1, 0.9
COMMON = one_step(Clip((LOW, HIGH)))
APART = one_step(Clip((LOW, HIGH), "component"))
# With something that changes the waveform between two clips.
TWICE = (*one_step(Clip(), "first"), *one_step(StepGlitch(), "jump"), *one_step(Clip(), "second"))
PAIRS = ["unclipped_waveform", "clipped"]
EPOCHS = 200


def check(made, window, steps):
    """Compare with the window that NumPy clips."""
    wave = window["waveform"]
    kept = {n: v for n, v in made.items() if "/" not in n and n not in PAIRS}
    assert_same(kept, window, ["waveform", "event_snr_db"])
    np.testing.assert_array_equal(made["unclipped_waveform"], wave)
    if not wave.any():
        assert np.isnan(made["step/level"]) and np.isnan(made["step/clipped_samples"])
        assert made["waveform"].tobytes() == wave.tobytes() and not made["clipped"].any()
        return
    common = steps[0].op.peaks == "common"
    level = made["step/level"] * np.abs(wave).max(axis=None if common else 0)
    assert (np.abs(made["waveform"]) <= level).all()
    np.testing.assert_array_equal(made["waveform"], np.clip(wave, -level, level))
    np.testing.assert_array_equal(made["clipped"], np.abs(wave) > level)
    np.testing.assert_array_equal(made["clipped"], made["waveform"] != wave)
    assert made["step/clipped_samples"] == made["clipped"].sum() > 0


@pytest.mark.parametrize("steps", [COMMON, APART], ids=["common", "component"])
@pytest.mark.parametrize("case", CASES)
def test_samples_beyond_the_level_are_at_it(steps, case):
    for made in assert_sound(steps, CASES[case]):
        assert LOW <= made["step/level"] <= HIGH
        check(made, CASES[case], steps)


@given(windows())
def test_any_window_stays_sound(window):
    for steps in (COMMON, APART):
        for made in assert_sound(steps, window, epochs=3):
            check(made, window, steps)


@given(windows(spec=SHORT))
def test_any_short_window_stays_sound(window):
    for made in assert_sound(COMMON, window, epochs=3, spec=SHORT):
        check(made, window, COMMON)


def test_one_level_leaves_weak_components_whole_and_a_share_of_each_does_not():
    window = make()
    window["waveform"] = window["waveform"] * np.float32([1.0, 1.0, 0.01])
    common, apart = (compiled(steps, window, epochs=16) for steps in (COMMON, APART))
    for out, steps in ((common, COMMON), (apart, APART)):
        for made in rows(out):
            check(made, window, steps)
    assert not common["clipped"][:, :, 2].any() and apart["clipped"].any(axis=1).all()


def test_the_level_is_uniform():
    drawn = compiled(COMMON, CASES["p_and_s"], epochs=EPOCHS)["step/level"]
    assert kstest((drawn - LOW) / (HIGH - LOW), "uniform").pvalue > 0.001


def test_the_truth_under_two_clips_is_what_was_before_each():
    window = CASES["p_and_s"]
    once = compiled(TWICE[:1], window, epochs=8)
    between = compiled(TWICE[:2], window, epochs=8)
    out = compiled(TWICE, window, epochs=8)
    assert (out["clipped"] & ~once["clipped"]).any() and once["clipped"].any()
    assert not (once["clipped"] & ~out["clipped"]).any()
    truth = np.where(once["clipped"], window["waveform"], between["waveform"])
    np.testing.assert_array_equal(out["unclipped_waveform"], truth)


@pytest.mark.parametrize(
    "window, steps",
    [(make(scale=0.0), COMMON), (make(scale=-0.0), APART)],
)
def test_a_silent_window_is_left_alone(window, steps):
    for made in rows(compiled(steps, window)):
        check(made, window, steps)


def test_a_level_of_the_peak_cuts_nothing():
    window = CASES["gaps"]
    for made in rows(compiled(one_step(Clip((1.0, 1.0))), window, epochs=2)):
        assert made["step/clipped_samples"] == 0 and not made["clipped"].any()
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_a_level_above_the_peak_is_refused():
    with pytest.raises(UserError, match="up to 1"):
        build(Clip, {"level": (0.5, 1.5)}, "step")


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(APART, CASES["two_events"])
    assert changes(COMMON, CASES["p_and_s"]) == 8
