"""Superposed noise, against an SNR, a gain and a reflection that NumPy finds by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from augment_ops.superpose_noise import SuperposeNoise
from schemas.window import WindowSpec
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
from tests.windows import CASES, LONG, RATE, SHORT, SPEC, Quake, make, picks_of, windows

# Well above the ratio that the noise has of itself, below which no gain can go.
LOW, HIGH = 3.0, 12.0
MIX = one_step(SuperposeNoise((LOW, HIGH)))
MASK = one_step(SuperposeNoise((LOW, HIGH), short_noise="mask"))
BRIEF = WindowSpec(samples=500, sampling_rate_hz=RATE, picks=6, events=3)
NOISE = make(seed=5, window_id="noise")
EPOCHS = 200


def mixed(made):
    return not np.isnan(made["step/gain"])


def gain_of(made, window, noise):
    """Return the least-squares gain of the noise on each live component."""
    there = made["valid"] & window["valid"]
    added = np.where(there, made["waveform"].astype(np.float64) - window["waveform"], 0.0)
    known = np.where(there, noise, 0.0).astype(np.float64)
    live = there.any(axis=0)
    return (added * known).sum(axis=0)[live] / (known * known).sum(axis=0)[live]


def check(made, window):
    """Check the SNR of a mixture, and that nothing else of its labels moved."""
    if not mixed(made):
        assert np.isnan(made["step/snr_db"])
        assert_same({n: v for n, v in made.items() if "/" not in n}, window, ["event_snr_db"])
        return
    assert measured_db(made) == pytest.approx(made["step/snr_db"], abs=0.05)
    assert not (made["valid"] & ~window["valid"]).any()
    for key, pick in picks_of(made).items():
        assert pick == picks_of(window)[key]


@pytest.mark.parametrize("case", ["p_and_s", "p_only", "two_events", "z_only", "gaps", "padded"])
def test_mixture_has_the_snr_that_was_drawn_by_one_gain(case):
    window = CASES[case]
    for made in assert_sound(MIX, window, NOISE):
        assert mixed(made) and LOW <= made["step/snr_db"] <= HIGH
        check(made, window)
        np.testing.assert_allclose(
            gain_of(made, window, NOISE["waveform"]), made["step/gain"], rtol=1e-4
        )
        np.testing.assert_array_equal(made["valid"], window["valid"])
        assert set(picks_of(made)) == set(picks_of(window))
        rebuilt = window["waveform"] + made["step/gain"] * NOISE["waveform"] * window["valid"]
        np.testing.assert_allclose(made["waveform"], rebuilt, atol=1e-4)


@given(windows(), windows(quakes=(0, 0)), st.booleans())
def test_any_pair_stays_sound(window, noise, masked):
    for made in assert_sound(MASK if masked else MIX, window, noise, epochs=4):
        check(made, window)


@given(windows(spec=SHORT), windows(quakes=(0, 0)))
def test_any_short_window_is_left_alone(window, noise):
    for made in assert_sound(MIX, window, noise, epochs=2, spec=SHORT):
        assert not mixed(made)
        check(made, window)


@pytest.mark.parametrize("share", [0.01, -0.5])
def test_noise_that_resembles_the_event_is_mixed_as_exactly(share):
    window = CASES["p_and_s"]
    alike = {**NOISE, "waveform": NOISE["waveform"] + np.float32(share) * window["waveform"]}
    for made in rows(compiled(MIX, window, alike, 32)):
        assert mixed(made)
        check(made, window)


@pytest.mark.parametrize(
    "window, noise, steps",
    [
        pytest.param(CASES["noise"], NOISE, MIX, id="no P"),
        pytest.param(
            CASES["p_and_s"], NOISE, one_step(SuperposeNoise((80.0, 80.0))), id="noisier already"
        ),
        pytest.param(CASES["p_and_s"], {**NOISE, "window_id": np.array(b"")}, MIX, id="no partner"),
        pytest.param(
            CASES["p_and_s"], make(live=(1, 1, 0)), MIX, id="partner without a live component"
        ),
        pytest.param(make(quakes=[Quake(p=30.0)]), NOISE, MIX, id="no samples before P"),
        pytest.param(
            CASES["p_and_s"], make(quakes=[Quake()], seed=4), MIX, id="no gain goes so low"
        ),
        pytest.param(CASES["p_and_s"], make(scale=0.0), MIX, id="silent partner"),
        pytest.param(CASES["p_and_s"], make(recorded=(0, 0)), MIX, id="partner of nothing"),
        pytest.param(make(quakes=[Quake()], scale=0.0), NOISE, MIX, id="silent window"),
    ],
)
def test_where_it_cannot_be_done_the_window_is_untouched(window, noise, steps):
    # Negative zeros would betray an addition of zeros.
    window = {**window, "waveform": np.where(window["waveform"] == 0, -0.0, window["waveform"])}
    window["waveform"] = window["waveform"].astype(np.float32)
    for made in rows(compiled(steps, window, noise, 4)):
        assert not mixed(made)
        check(made, window)
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_longer_noise_is_cropped_anywhere():
    noise, starts = make(LONG, seed=6, window_id="noise", recorded=(40, 1000)), []
    window = CASES["p_and_s"]
    for made in rows(compiled(MIX, window, noise, EPOCHS)):
        check(made, window)
        added = (made["waveform"][:, 0] - window["waveform"][:, 0]) / made["step/gain"]
        fits = np.correlate(noise["waveform"][:, 0], added, mode="valid")
        starts.append(int(np.argmax(fits)))
        there = noise["waveform"][starts[-1] : starts[-1] + SPEC.samples, 0]
        np.testing.assert_allclose(added, there, atol=1e-3)
    spare = 1000 - 40 - SPEC.samples
    assert 40 <= min(starts) and max(starts) <= 40 + spare
    assert kstest((np.array(starts) - 40) / spare, "uniform").pvalue > 0.001


def test_short_noise_goes_on_by_reflection():
    first, behind = 60, 360
    noise = make(BRIEF, seed=6, window_id="noise", recorded=(first, behind))
    recorded = noise["waveform"][first:behind, 0]
    reflected = np.pad(recorded, (0, 3 * SPEC.samples), mode="reflect")
    window = CASES["p_and_s"]
    starts = set()
    for made in rows(compiled(MIX, window, noise, 32)):
        check(made, window)
        assert made["valid"].all()
        added = (made["waveform"][:, 0] - window["waveform"][:, 0]) / made["step/gain"]
        start = int(np.argmax(np.correlate(reflected[: 2 * SPEC.samples], added, mode="valid")))
        np.testing.assert_allclose(added, reflected[start : start + SPEC.samples], atol=1e-3)
        starts.add(start)
    assert len(starts) > 16


def test_short_noise_masks_the_rest():
    first, behind = 20, 480
    noise = make(BRIEF, seed=6, window_id="noise", recorded=(first, behind))
    window = make(quakes=[Quake(p=300.0, s=500.0)])
    starts = set()
    for made in filter(mixed, rows(compiled(MASK, window, noise, 32))):
        check(made, window)
        covered = np.flatnonzero(made["valid"][:, 0])
        # One whole stretch of it, somewhere.
        assert len(covered) == behind - first == np.ptp(covered) + 1
        starts.add(covered[0])
        own = picks_of(window).items()
        assert picks_of(made) == {key: pick for key, pick in own if pick[0] in covered}
    assert len(starts) > 4


def test_gaps_of_the_noise_are_gaps_of_the_mixture():
    gaps = [(50, 80, None), (610, 640, 1)]
    for made in assert_sound(MIX, CASES["p_and_s"], make(seed=5, gaps=gaps)):
        np.testing.assert_array_equal(made["valid"], make(gaps=gaps)["valid"])


def test_draws_are_uniform():
    drawn = compiled(MIX, CASES["p_and_s"], NOISE, EPOCHS)["step/snr_db"]
    assert kstest((drawn - LOW) / (HIGH - LOW), "uniform").pvalue > 0.001


@pytest.mark.parametrize("option", [{"signal_s": 2.0}, {"noise_s": 2.0}, {"guard_s": 2.0}])
def test_each_slice_is_measured_as_asked(option):
    made = eager(one_step(SuperposeNoise((LOW, HIGH), **option)), CASES["p_and_s"], NOISE)
    assert measured_db(made, **option) == pytest.approx(made["step/snr_db"], abs=0.05)
    usual = eager(MIX, CASES["p_and_s"], NOISE)
    assert made["step/snr_db"] == usual["step/snr_db"] and made["step/gain"] != usual["step/gain"]


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(MIX, CASES["two_events"], NOISE)
    assert changes(MIX, CASES["two_events"], NOISE) == 8
