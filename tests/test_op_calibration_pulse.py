"""Calibration pulses, against the oscillator that `scipy.signal` solves."""

import numpy as np
import pytest
from hypothesis import given
from scipy.signal import TransferFunction, lsim
from scipy.stats import binomtest, kstest

from augment_ops.calibration_pulse import CalibrationPulse
from augment_ops.core.registry import build
from schemas.errors import UserError
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
    rows,
)
from tests.windows import CASES, RATE, SHORT, SPEC, make, windows

LOW, HIGH = 0.3, 3.0
NAMES = ("amplitude", "natural_hz", "damping")
FIXED = {"natural_hz": (0.8, 0.8), "damping": (0.6, 0.6), "duration_s": (6.2125, 6.2125)}
STEP = one_step(CalibrationPulse("step", (LOW, HIGH), **FIXED))
SINE = one_step(CalibrationPulse("sine", (LOW, HIGH), **FIXED, sine_hz=(1.5, 1.5)))
ANY = one_step(CalibrationPulse())
FINE = 40
EPOCHS = 100
NOISE = CASES["noise"]


def truth(natural_hz, damping, duration_s, sine_hz):
    """Return a pulse of T samples and peak 1, from an equation of motion solved in fine steps."""
    omega = 2.0 * np.pi * natural_hz
    time = np.arange(SPEC.samples * FINE) / (RATE * FINE)
    current = np.ones_like(time) if sine_hz is None else np.sin(2.0 * np.pi * sine_hz * time)
    # Half at the end, as lsim draws lines between samples.
    current *= 0.5 * (np.sign(np.round((duration_s - time) * RATE * FINE)) + 1.0)
    velocity = TransferFunction([1.0, 0.0], [1.0, 2.0 * damping * omega, omega**2])
    pulse = lsim(velocity, current, time)[1][::FINE]
    return pulse / np.abs(pulse).max()


def top_of(pulse):
    """Return the first sample of those as large as any."""
    return int(np.argmax(np.abs(pulse) > 0.9999 * np.abs(pulse).max()))


def check(made, window):
    """Check what holds of any window; return what was added over its peak."""
    kept = {name: value for name, value in made.items() if "/" not in name}
    assert_same(kept, window, ["waveform", "event_snr_db"])
    added = made["waveform"].astype(np.float64) - window["waveform"]
    if np.isnan(made["step/amplitude"]):
        assert all(np.isnan(made[f"step/{name}"]) for name in NAMES)
        assert made["waveform"].tobytes() == window["waveform"].tobytes()
        return added
    assert not added[~window["valid"]].any()
    added /= np.abs(window["waveform"]).max()
    assert np.abs(added).max() == pytest.approx(made["step/amplitude"], rel=1e-4)
    return added


@pytest.mark.parametrize("steps, sine_hz", [(STEP, None), (SINE, 1.5)], ids=["step", "sine"])
def test_the_pulse_is_the_response_of_the_oscillator(steps, sine_hz):
    pulse = truth(0.8, 0.6, 6.2125, sine_hz)
    top, signs, places = top_of(pulse), [], []
    for made in rows(compiled(steps, NOISE, epochs=EPOCHS)):
        added = check(made, NOISE)
        np.testing.assert_allclose(added, added[:, :1] @ np.ones((1, 3)), atol=1e-5)
        place = top_of(added[:, 0])
        sign = np.sign(added[place, 0] * pulse[top])
        at = np.arange(SPEC.samples) - place + top
        shown = np.where(at >= 0, pulse[np.clip(at, 0, SPEC.samples - 1)], 0.0)
        fitted = sign * made["step/amplitude"] * shown
        np.testing.assert_allclose(added[:, 0], fitted, atol=1e-4 * made["step/amplitude"])
        signs.append(sign > 0)
        places.append(place)
    assert binomtest(sum(signs), EPOCHS).pvalue > 0.001
    assert kstest((np.array(places) + 0.5) / SPEC.samples, "uniform").pvalue > 0.001


def test_draws_are_as_asked():
    out = compiled(ANY, NOISE, epochs=EPOCHS)
    op = ANY[0].op
    for name in ("amplitude", "natural_hz"):
        low, high = getattr(op, name)
        share = np.log(out[f"step/{name}"] / low) / np.log(high / low)
        assert kstest(share, "uniform").pvalue > 0.001
    share = (out["step/damping"] - op.damping[0]) / np.ptp(op.damping)
    assert kstest(share, "uniform").pvalue > 0.001


def test_each_option_changes_the_pulse():
    made = {}
    for drive in ("step", "sine"):
        given = {**FIXED, "drive": drive, "amplitude": (1.0, 1.0), "sine_hz": (1.5, 1.5)}
        ranges = [name for name in given if name != "drive"]
        for name in (None, *ranges):
            other = {} if name is None else {name: (given[name][0] / 2,) * 2}
            op = CalibrationPulse(**{**given, **other})
            made[drive, name] = eager(one_step(op), NOISE)["waveform"].tobytes()
    # A step has no frequency.
    assert made.pop(("step", "sine_hz")) == made["step", None]
    assert len(set(made.values())) == len(made)


@pytest.mark.parametrize("case", CASES)
def test_all_live_components_show_it(case):
    window = CASES[case]
    for made in assert_sound(ANY, window):
        added = check(made, window)
        moved = np.abs(added).max(axis=0) > 0
        np.testing.assert_array_equal(moved, window["valid"].any(axis=0))


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(ANY, window, epochs=3):
        check(made, window)


@given(windows(spec=SHORT))
def test_any_short_window_stays_sound(window):
    for made in assert_sound(ANY, window, epochs=3, spec=SHORT):
        check(made, window)


def test_a_silent_window_is_left_alone():
    window = make(scale=-0.0)
    for made in rows(compiled(ANY, window)):
        assert np.isnan(made["step/amplitude"])
        check(made, window)


def test_what_does_not_swing_is_refused():
    with pytest.raises(UserError, match="below 1"):
        build(CalibrationPulse, {"damping": (0.5, 1.0)}, "step")


def test_runs_everywhere_and_draws_anew():
    # Where nothing but the amplitude varies, a graph folds most of the pulse.
    assert_runs_everywhere(SINE, CASES["gaps"], epochs=2)
    assert changes(ANY, CASES["two_events"]) == 8
