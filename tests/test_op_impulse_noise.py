"""Impulse noise, against the spikes, envelopes and spectra that NumPy finds in what was added."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import binomtest, chisquare, kstest

from augment_ops.impulse_noise import ImpulseNoise
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

LOW, HIGH = 0.5, 4.0
MANY = one_step(ImpulseNoise((1, 4), (LOW, HIGH)))
ALL = one_step(ImpulseNoise((1, 4), (LOW, HIGH), "rms", components="all"))
SPIKE = one_step(ImpulseNoise((1, 1), (LOW, HIGH), burst_share=0.0))
DECAY_S = 1.5
BURST = one_step(ImpulseNoise((1, 1), (10.0, 10.0), "rms", 1.0, (DECAY_S, DECAY_S)))
BAND_HZ = (4.0, 6.0)
BAND = one_step(ImpulseNoise((1, 1), (10.0, 10.0), "rms", 1.0, (40.0, 40.0), BAND_HZ, "all"))
EPOCHS = 200
NOISE = CASES["noise"]


def unit_of(window, steps):
    """Return what amplitudes are measured in."""
    there = window["waveform"][window["valid"]].astype(np.float64)
    peak = steps[0].op.relative_to == "peak"
    return np.abs(there).max() if peak else np.sqrt(np.mean(there**2))


def added_to(made, window):
    return made["waveform"].astype(np.float64) - window["waveform"]


def check(made, window, steps):
    """Check what holds of any window; return what was added."""
    kept = {name: value for name, value in made.items() if "/" not in name}
    assert_same(kept, window, ["waveform", "event_snr_db"])
    added = added_to(made, window)
    count = made["step/impulses"]
    assert 0 <= made["step/bursts"] <= count
    if count == 0:
        assert np.isnan(made["step/amplitude"])
        assert made["waveform"].tobytes() == window["waveform"].tobytes()
    else:
        top = np.abs(added).max() / unit_of(window, steps)
        assert 0 < top <= count * made["step/amplitude"] * 1.001
        if count == 1:
            assert top == pytest.approx(made["step/amplitude"], rel=1e-4)
    return added


@pytest.mark.parametrize("steps", [MANY, ALL], ids=["one", "all"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_added_is_as_large_as_drawn(steps, case):
    for made in assert_sound(steps, CASES[case], epochs=12):
        check(made, CASES[case], steps)
        assert made["step/impulses"] > 0


@given(windows())
def test_any_window_stays_sound(window):
    for steps in (MANY, ALL):
        for made in assert_sound(steps, window, epochs=3):
            check(made, window, steps)


@given(windows(spec=SHORT))
def test_any_short_window_stays_sound(window):
    for made in assert_sound(MANY, window, epochs=3, spec=SHORT):
        check(made, window, MANY)


def test_spikes_are_single_samples_anywhere_that_is_recorded():
    window = CASES["padded"]
    places, signs, components, sizes = [], [], [], []
    for made in rows(compiled(SPIKE, window, epochs=EPOCHS)):
        added = check(made, window, SPIKE)
        ((time, component),) = np.argwhere(added)
        places.append(time)
        components.append(component)
        signs.append(added[time, component] > 0)
        sizes.append(made["step/amplitude"])
    valid = np.flatnonzero(window["valid"][:, 0])
    share = (np.array(places) - valid[0] + 0.5) / len(valid)
    assert kstest(share, "uniform").pvalue > 0.001
    assert chisquare(np.unique(components, return_counts=True)[1]).pvalue > 0.001
    assert binomtest(sum(signs), EPOCHS).pvalue > 0.001
    assert kstest(np.log(np.array(sizes) / LOW) / np.log(HIGH / LOW), "uniform").pvalue > 0.001


def test_counts_and_kinds_are_drawn_evenly():
    out = compiled(MANY, NOISE, epochs=EPOCHS)
    seen, counts = np.unique(out["step/impulses"], return_counts=True)
    assert seen.tolist() == [1, 2, 3, 4] and chisquare(counts).pvalue > 0.001
    bursts, number = (int(out[f"step/{name}"].sum()) for name in ("bursts", "impulses"))
    assert binomtest(bursts, number).pvalue > 0.001


def test_bursts_decay_as_asked():
    onsets, late = 0, int(4 * RATE)
    energy = np.zeros(late)
    for made in rows(compiled(BURST, NOISE, epochs=EPOCHS)):
        added = check(made, NOISE, BURST)
        struck = np.abs(added).sum(axis=0) > 0
        assert struck.sum() == 1 and made["step/bursts"] == 1
        wave = added[:, struck][:, 0]
        start = np.flatnonzero(wave)[0]
        if start + late <= SPEC.samples:
            energy += wave[start : start + late] ** 2
            onsets += 1
    assert onsets > EPOCHS / 2
    # Each burst has its own peak, and so does not weigh as much as another.
    slope = np.polyfit(np.arange(late) / RATE, np.log(energy), 1)[0]
    assert -2.0 / slope == pytest.approx(DECAY_S, rel=0.1)


def test_bursts_stay_in_their_band_and_differ_between_components():
    inside, all_of_it, alike = 0.0, 0.0, []
    hz = np.fft.rfftfreq(SPEC.samples, 1.0 / RATE)
    margin = 0.5
    passed = (hz > BAND_HZ[0] - margin) & (hz < BAND_HZ[1] + margin)
    for made in rows(compiled(BAND, NOISE, epochs=32)):
        added = check(made, NOISE, BAND)
        power = np.abs(np.fft.rfft(added, axis=0)) ** 2
        inside += power[passed].sum()
        all_of_it += power.sum()
        alike.append(np.corrcoef(added.T)[0, 1])
    assert inside > 0.95 * all_of_it
    # Of a burst at the window's end a few samples are left, which may be alike.
    assert np.median(np.abs(alike)) < 0.5


def test_a_silent_window_is_left_alone():
    window = make(scale=-0.0)
    for made in rows(compiled(MANY, window)):
        assert made["step/impulses"] == 0
        check(made, window, MANY)


def test_a_band_of_nothing_adds_nothing():
    steps = one_step(ImpulseNoise(burst_share=1.0, band_hz=(RATE, 2 * RATE)))
    made = eager(steps, NOISE)
    assert made["step/impulses"] == 0
    check(made, NOISE, steps)


def test_runs_everywhere_and_draws_anew():
    # Ranges of one value are folded by graphs.
    for steps, case in ((MANY, "two_events"), (BAND, "gaps")):
        assert_runs_everywhere(steps, CASES[case], epochs=2)
    assert changes(MANY, CASES["two_events"]) == 8
