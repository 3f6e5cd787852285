"""Step glitches, against the jumps that NumPy finds in what was added."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import binomtest, chisquare, kstest

from augment_ops.step_glitch import StepGlitch
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, RATE, SHORT, SPEC, make, windows

LOW, HIGH = 2.0, 20.0
STAY = one_step(StepGlitch((1, 1), (LOW, HIGH)))
RECOVERY_S = (1.0, 4.0)
BACK = one_step(StepGlitch((1, 1), (LOW, HIGH), RECOVERY_S))
SEVERAL = one_step(StepGlitch((1, 3), (LOW, HIGH)))
EPOCHS = 200
NOISE = CASES["noise"]


def rms(window):
    return np.sqrt(np.mean(window["waveform"][window["valid"]].astype(np.float64) ** 2))


def check(made, window):
    """Check what holds of any window; return what was added over its rms."""
    kept = {name: value for name, value in made.items() if "/" not in name}
    assert_same(kept, window, ["waveform", "event_snr_db"])
    if made["step/jumps"] == 0:
        assert np.isnan(made["step/height"])
        assert made["waveform"].tobytes() == window["waveform"].tobytes()
        return np.zeros(window["waveform"].shape)
    assert LOW <= made["step/height"] <= HIGH
    added = made["waveform"].astype(np.float64) - window["waveform"]
    assert not added[~window["valid"]].any()
    return added / rms(window)


def one_jump(made, window):
    """Return the component, the sample, and the course from there on of the only jump."""
    added = check(made, window)
    (component,) = np.flatnonzero(np.abs(added).max(axis=0))
    start = np.flatnonzero(added[:, component])[0]
    return component, start, added[start:, component]


@pytest.mark.parametrize("case", CASES)
def test_a_jump_lasts_to_the_end(case):
    window = CASES[case]
    for made in assert_sound(STAY, window, epochs=12):
        component, start, course = one_jump(made, window)
        there = window["valid"][start:, component]
        expected = np.sign(course[0]) * made["step/height"]
        np.testing.assert_allclose(course, np.where(there, expected, 0.0), rtol=1e-4)


def test_a_jump_recovers_exponentially():
    times = []
    for made in rows(compiled(BACK, NOISE, epochs=EPOCHS)):
        _, _, course = one_jump(made, NOISE)
        size = min(len(course), int(RECOVERY_S[0] * RATE))
        if size < 10:
            continue
        assert abs(course[0]) == pytest.approx(made["step/height"], rel=1e-4)
        rate, level = np.polyfit(np.arange(size) / RATE, np.log(np.abs(course[:size])), 1)
        times.append(-1.0 / rate)
        # A straight line to rounding: an exponential.
        fitted = np.exp(level + rate * np.arange(size) / RATE)
        np.testing.assert_allclose(np.abs(course[:size]), fitted, rtol=1e-3)
    share = np.log(np.array(times) / RECOVERY_S[0]) / np.log(RECOVERY_S[1] / RECOVERY_S[0])
    assert kstest(share, "uniform").pvalue > 0.001


def test_places_components_signs_and_heights():
    window = CASES["padded"]
    made = rows(compiled(STAY, window, epochs=EPOCHS))
    components, starts, courses = zip(*(one_jump(each, window) for each in made))
    valid = np.flatnonzero(window["valid"][:, 0])
    share = (np.array(starts) - valid[0] + 0.5) / len(valid)
    assert kstest(share, "uniform").pvalue > 0.001
    assert chisquare(np.unique(components, return_counts=True)[1]).pvalue > 0.001
    assert binomtest(sum(course[0] > 0 for course in courses), EPOCHS).pvalue > 0.001
    heights = np.array([each["step/height"] for each in made])
    assert kstest(np.log(heights / LOW) / np.log(HIGH / LOW), "uniform").pvalue > 0.001


def test_several_jumps_are_as_many_as_drawn():
    drawn = []
    for made in rows(compiled(SEVERAL, NOISE, epochs=EPOCHS)):
        added = check(made, NOISE)
        jumps = np.abs(np.diff(added, axis=0, prepend=0.0))
        found = np.count_nonzero(jumps > LOW / 2)
        drawn.append(made["step/jumps"])
        # Two at one sample of one component are seen as one, or as none if they cancel.
        assert drawn[-1] - 2 <= found <= drawn[-1]
        assert jumps.max() <= 2 * made["step/height"] * 1.001
    seen, counts = np.unique(drawn, return_counts=True)
    assert seen.tolist() == [1, 2, 3] and chisquare(counts).pvalue > 0.001


@given(windows())
def test_any_window_stays_sound(window):
    for steps in (SEVERAL, BACK):
        for made in assert_sound(steps, window, epochs=3):
            assert np.abs(check(made, window)).max() > 0


@given(windows(spec=SHORT))
def test_any_short_window_stays_sound(window):
    for made in assert_sound(SEVERAL, window, epochs=3, spec=SHORT):
        check(made, window)


def test_a_silent_window_is_left_alone():
    window = make(scale=-0.0)
    for made in rows(compiled(SEVERAL, window)):
        assert made["step/jumps"] == 0
        check(made, window)


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(SEVERAL, CASES["two_events"])
    assert_runs_everywhere(BACK, CASES["gaps"])
    assert changes(STAY, make(SPEC)) == 8
