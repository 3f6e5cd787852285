"""Superposed simulations, against an SNR, a gain and a sum that NumPy finds by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import kstest

from augment_ops.superpose_noise import SuperposeNoise
from augment_ops.superpose_simulated import SuperposeSimulated
from schemas.snr import snr_db
from schemas.window import SLOTS, WindowSpec
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
from tests.snr_truth import measured_db
from tests.windows import NAN, RATE, SPEC, TWO, Quake, make, picks_of, tensors, windows

LOW, HIGH = 3.0, 12.0
MIX = one_step(SuperposeSimulated((LOW, HIGH)))
MASK = one_step(SuperposeSimulated((LOW, HIGH), short_noise="mask"))
BRIEF = WindowSpec(samples=500, sampling_rate_hz=RATE, picks=6, events=3)
SENSOR = ("network", "station", "location", "instrument", "environment")
EPOCHS = 200
ONE = (Quake(),)


def simulated(window, quiet=None):
    """Return a window as a simulation in m/s: what is left of it without its noise `quiet`."""
    wave = window["waveform"] - (0.0 if quiet is None else quiet["waveform"])
    window = {**window, "waveform": (1e-9 * wave).astype(np.float32)}
    window["kind"] = np.array(b"simulated", object)
    for slot, p in enumerate(window["event_p_sample"]):
        args = (window["waveform"], window["valid"], p, SPEC.sampling_rate_hz)
        window["event_snr_db"][slot] = snr_db(*args)
    return window


def quake(quakes=ONE, **more):
    return simulated(make(quakes=quakes, **more), make(**more))


def recorded(**more):
    """Return noise that a sensor recorded."""
    window = make(seed=5, window_id="noise", **more)
    for name in SENSOR:
        window[name] = np.array(f"noise {name}".encode(), object)
    return window


NOISE = recorded()
CASES = {
    "p_and_s": quake(),
    "p_only": quake([Quake(s=NAN)]),
    "two_events": quake(TWO),
    "z_only": quake(live=(False, False, True)),
    "ended early": quake(recorded=(0, 620)),
    "gaps": quake(gaps=[(100, 130, None), (455, 470, None)]),
}


def mixed(made):
    return not np.isnan(made["step/gain"])


def check(made, window):
    """Check what holds of a mixture, and that a window that is none is as it was."""
    if not mixed(made):
        assert np.isnan(made["step/snr_db"])
        np.testing.assert_array_equal(made["clean_waveform"], window["waveform"])
        extra = {n for n in made if "/" in n} | {"clean_waveform"}
        assert_same({n: v for n, v in made.items() if n not in extra}, window, ["event_snr_db"])
        return
    assert measured_db(made) == pytest.approx(made["step/snr_db"], abs=0.05)
    np.testing.assert_allclose(
        made["clean_waveform"],
        np.where(made["valid"], made["step/gain"] * window["waveform"], 0.0),
        rtol=1e-6,
    )
    assert not (made["valid"] & ~window["valid"]).any()
    for name in ("source", "start_time_ns", "kind", *SLOTS["M"]):
        if name != "event_snr_db":
            np.testing.assert_array_equal(made[name], window[name], name)


def noise_in(made):
    """Return what a mixture is beyond its clean waveform."""
    return made["waveform"] - made["clean_waveform"]


@pytest.mark.parametrize("case", CASES)
def test_the_simulation_is_put_into_noise_that_stays_as_it_was(case):
    window = CASES[case]
    # Nothing can be measured of what is free of noise.
    assert np.isnan(window["event_snr_db"][0])
    for made in assert_sound(MIX, window, NOISE):
        assert mixed(made) and LOW <= made["step/snr_db"] <= HIGH
        check(made, window)
        np.testing.assert_array_equal(made["valid"], window["valid"] & NOISE["valid"])
        there = np.where(made["valid"], NOISE["waveform"], 0.0)
        np.testing.assert_allclose(noise_in(made), there, atol=1e-5 * np.abs(there).max())
        assert picks_of(made) == picks_of(window)
        assert [made[name] for name in SENSOR] == [NOISE[name] for name in SENSOR]


def test_the_gain_is_the_one_that_a_root_finder_finds():
    window = CASES["p_and_s"]
    for made in rows(compiled(MIX, window, NOISE)):

        def excess_db(gain, drawn=made["step/snr_db"]):
            wave = gain * window["waveform"].astype(np.float64) + NOISE["waveform"]
            return measured_db({**window, "waveform": wave}) - drawn

        gain = made["step/gain"]
        assert gain == pytest.approx(brentq(excess_db, 0.1 * gain, 10.0 * gain), rel=1e-4)


@given(windows(), windows(quakes=(0, 0)), st.booleans())
def test_any_pair_stays_sound(window, noise, masked):
    window = simulated(window)
    for made in assert_sound(MASK if masked else MIX, window, noise, epochs=4):
        check(made, window)


@pytest.mark.parametrize(
    "window, noise, steps",
    [
        pytest.param(make(quakes=[Quake()]), NOISE, MIX, id="a recorded event"),
        pytest.param(make(), NOISE, MIX, id="noise"),
        pytest.param(simulated(make()), NOISE, MIX, id="no P"),
        pytest.param(CASES["p_and_s"], {**NOISE, "window_id": np.array(b"")}, MIX, id="no partner"),
        pytest.param(CASES["p_and_s"], recorded(live=(1, 1, 0)), MIX, id="a dead component"),
        pytest.param(quake([Quake(p=30.0)]), NOISE, MIX, id="nothing before P"),
        pytest.param(CASES["p_and_s"], recorded(quakes=[Quake()]), MIX, id="noise louder after P"),
        pytest.param(CASES["p_and_s"], recorded(scale=0.0), MIX, id="silent noise"),
        pytest.param(quake(scale=0.0), NOISE, MIX, id="silent simulation"),
    ],
)
def test_where_it_cannot_be_done_the_window_is_untouched(window, noise, steps):
    window = {**window, "waveform": np.where(window["waveform"] == 0, -0.0, window["waveform"])}
    window["waveform"] = window["waveform"].astype(np.float32)
    for made in rows(compiled(steps, window, noise, 4)):
        assert not mixed(made)
        check(made, window)
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_recorded_noise_is_not_added_to_a_simulation_by_the_other_op():
    made = eager(one_step(SuperposeNoise((LOW, HIGH))), CASES["p_and_s"], NOISE)
    assert not mixed(made)
    np.testing.assert_array_equal(made["waveform"], CASES["p_and_s"]["waveform"])


def test_gaps_of_the_noise_are_gaps_and_take_picks_along():
    gaps = [(455, 470, None), (610, 640, 1)]
    for made in assert_sound(MIX, CASES["p_and_s"], recorded(gaps=gaps)):
        check(made, CASES["p_and_s"])
        np.testing.assert_array_equal(made["valid"], make(gaps=gaps)["valid"])
        assert set(picks_of(made)) == {(0, 1)}


@pytest.mark.parametrize("steps, whole", [(MIX, True), (MASK, False)])
def test_short_noise_is_mirrored_or_masks_the_rest(steps, whole):
    noise = make(BRIEF, seed=6, window_id="noise")
    window = quake([Quake(p=300.0, s=400.0)])
    made = [m for m in rows(compiled(steps, window, noise, 32)) if mixed(m)]
    assert len(made) > 4
    for one in made:
        check(one, window)
        assert one["valid"].all() == whole
        assert one["valid"][:, 0].sum() == (SPEC.samples if whole else BRIEF.samples)


def test_a_clean_waveform_that_was_kept_before_is_scaled_with_it():
    noise = {name: value[None] for name, value in tensors(NOISE).items()}
    window = {**tensors(CASES["p_and_s"]), "noise": noise}
    kept = {"clean_waveform": 2.0 * window["waveform"], "unclipped_waveform": window["waveform"]}
    made = SuperposeSimulated((LOW, HIGH))({**window, **kept}, np.array([1, 2], np.int64))
    assert np.isfinite(made["gain"])
    for name, wave in kept.items():
        np.testing.assert_allclose(made[name], made["gain"] * wave, rtol=1e-6)


def test_draws_are_uniform():
    drawn = compiled(MIX, CASES["p_and_s"], NOISE, EPOCHS)["step/snr_db"]
    assert kstest((drawn - LOW) / (HIGH - LOW), "uniform").pvalue > 0.001


@pytest.mark.parametrize("option", [{"signal_s": 2.0}, {"noise_s": 2.0}, {"guard_s": 2.0}])
def test_each_slice_is_measured_as_asked(option):
    made = eager(one_step(SuperposeSimulated((LOW, HIGH), **option)), CASES["p_and_s"], NOISE)
    assert measured_db(made, **option) == pytest.approx(made["step/snr_db"], abs=0.05)
    usual = eager(MIX, CASES["p_and_s"], NOISE)
    assert made["step/snr_db"] == usual["step/snr_db"] and made["step/gain"] != usual["step/gain"]


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(MIX, CASES["two_events"], NOISE)
    assert changes(MIX, CASES["two_events"], NOISE) == 8
