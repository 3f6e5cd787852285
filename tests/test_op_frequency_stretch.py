"""Frequency stretching, against tones in closed form and what Welch's method finds in noise."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from scipy import signal
from scipy.stats import kstest

from augment_ops.core.registry import build
from augment_ops.frequency_stretch import FrequencyStretch
from schemas.errors import UserError
from schemas.window import P
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
)
from tests.span_truth import SEED, assert_labels_stay
from tests.windows import CASES, RATE, SPEC, Quake, make, picks_of, tensors, windows

RANGE = (0.7, 1.6)
STEPS = one_step(FrequencyStretch(RANGE))
TIME = np.arange(SPEC.samples)
# Samples of the shortest frame, which this rate comes to.
FRAME = 32
NAN = float("nan")


def by(factor, **more):
    return one_step(FrequencyStretch((factor, factor), **more))


def holding(wave, **more):
    """Return a window of one wave [T] on three components, of different sizes."""
    window = make(scale=0.0, **more)
    window["waveform"] = np.where(window["valid"], np.outer(wave, [1, 2, 3]), 0).astype(np.float32)
    return window


def tone(hz, amplitude=1.0):
    return amplitude * np.cos(2 * np.pi * hz * TIME / RATE + hz)


def found(wave, size=2**16):
    """Return the frequency of the highest peak of a spectrum, Hz, and the wave's amplitude."""
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size))
    return spectrum.argmax() * RATE / size, np.sqrt(2 * np.mean(wave**2))


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.25, 1.6])
@pytest.mark.parametrize("quakes", [[], [Quake(400.3, 460.6)]], ids=["noise", "event"])
def test_a_tone_lands_at_factor_times_its_frequency(factor, quakes):
    for hz in (2.3, 3.0, 4.4):
        made = eager(by(factor), holding(tone(hz), quakes=quakes))["waveform"][:, 1]
        for part in (made[:400], made[461:]):
            where, amplitude = found(part)
            assert where == pytest.approx(factor * hz, abs=0.1 * RATE / len(part))
            assert amplitude == pytest.approx(2.0, rel=0.04)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_tones_keep_their_own_amplitudes(factor):
    tones = {1.5: 1.0, 3.5: 0.3, 6.0: 2.0}
    made = eager(by(factor, frame_s=3.2), holding(sum(tone(*each) for each in tones.items())))
    columns = [f(2 * np.pi * factor * hz * TIME / RATE) for hz in tones for f in (np.cos, np.sin)]
    fit = np.linalg.lstsq(np.stack(columns, 1)[100:700], made["waveform"][100:700, 0], rcond=None)
    np.testing.assert_allclose(np.hypot(fit[0][::2], fit[0][1::2]), [*tones.values()], rtol=0.05)


def test_what_would_pass_half_the_rate_is_gone():
    # It would come back at RATE - 1.5 * 8 Hz.
    made = eager(by(1.5), holding(tone(8.0)))["waveform"][100:700]
    np.testing.assert_allclose(made, 0.0, atol=0.01)
    assert found(eager(by(1.5), holding(tone(5.0)))["waveform"][:, 0])[0] == pytest.approx(
        7.5, 0.01
    )


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_noise_has_its_spectrum_stretched(factor):
    rng = np.random.default_rng(1)
    sos = signal.butter(4, (2.5, 5.0), "bandpass", fs=RATE, output="sos")
    window = make(scale=0.0)
    window["waveform"] = signal.sosfiltfilt(sos, rng.normal(size=(800, 3)), 0).astype(np.float32)
    made = eager(by(factor), window)["waveform"]
    middles = []
    for wave in (window["waveform"], made):
        hz, power = signal.welch(wave, RATE, nperseg=128, axis=0)
        share = np.cumsum(power.sum(axis=1)) / power.sum()
        middles.append(np.interp(0.5, share, hz))
    assert middles[1] == pytest.approx(factor * middles[0], rel=0.03)
    assert 0.8 < made.std() / window["waveform"].std() < 1.05


def bursts(sample, p=400.0, s=460.0, hz=2.5, decay=30.0):
    """Return decaying sinusoids that start upwards at two onsets, the second three times as large.

    Between samples too, so it says what a time axis of another scale holds.
    """
    after = np.maximum(np.subtract.outer(sample, [p, s]), 0.0)
    return (np.sin(2 * np.pi * hz * after / RATE) * np.exp(-after / decay)) @ [1.0, 3.0]


@pytest.mark.parametrize("factor", [0.7, 0.8, 1.25, 1.6])
def test_onsets_stay_and_start_as_they_did(factor):
    wave = bursts(TIME)
    window = holding(wave, quakes=[Quake(400.0, 460.0)])
    made = eager(by(factor), window)
    assert picks_of(made) == picks_of(window) and picks_of(made)[0, P][1] == 1
    out = made["waveform"][:, 2] / 3
    assert not out[:400].any()
    for onset, behind in ((400, 460), (460, 800)):
        early = np.arange(5)
        truth = bursts(onset + factor * early)
        np.testing.assert_allclose(out[onset + early], truth, atol=0.2 * np.abs(truth).max())
        # When a tenth, and half, of the energy have come.
        come = [np.cumsum(w[onset:behind] ** 2) for w in (wave, out)]
        when = np.array([np.searchsorted(c, [0.1 * c[-1], 0.5 * c[-1]]) for c in come])
        assert np.abs(when[1] - when[0]).max() <= 0.1 * FRAME


def test_nothing_crosses_a_pick():
    window = CASES["p_and_s"]
    onset = int(np.ceil(window["pick_sample"][0]))
    made = eager(by(1.2), window)["waveform"]
    for part in (slice(0, onset), slice(onset, None)):
        other = {**window, "waveform": window["waveform"].copy()}
        other["waveform"][part] *= -7.0
        changed = eager(by(1.2), other)["waveform"] != made
        assert changed[part].any()
        changed[part] = False
        assert not changed.any()


@pytest.mark.parametrize("case", CASES)
def test_only_the_samples_change(case):
    for made in assert_sound(STEPS, CASES[case], epochs=2):
        assert_labels_stay(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(STEPS, window, epochs=2):
        assert_labels_stay(made, window)
        assert RANGE[0] <= made["step/factor"] <= RANGE[1]


def test_the_mean_stays_beside_gaps_and_in_short_records():
    for more in ({"gaps": [(390, 410, None)]}, {"recorded": (400, 403)}, {"recorded": (799, 800)}):
        window = holding(np.full(800, 7.0), quakes=[Quake(401.0, NAN)], **more)
        made = eager(by(1.3), window)["waveform"]
        np.testing.assert_allclose(made, window["waveform"], rtol=1e-5)


def test_a_window_without_samples_is_left():
    window = make(live=(False, False, False))
    made = eager(STEPS, window)
    assert np.isnan(made.pop("step/factor"))
    assert_same(made, window)


def test_a_mixture_stays_the_sum_of_its_parts():
    event, noise = CASES["p_and_s"], CASES["noise"]["waveform"]
    parts = {"clean_waveform": event["waveform"], "unclipped_waveform": noise}
    mixture = {**event, "waveform": event["waveform"] + noise}
    out = STEPS[0].op({**tensors(mixture), **{n: tf.constant(w) for n, w in parts.items()}}, SEED)
    total = sum(out[name].numpy() for name in parts)
    np.testing.assert_allclose(out["waveform"], total, atol=1e-5 * np.abs(total).max())
    assert np.abs(out["clean_waveform"] - event["waveform"]).max() > 1.0
    # What the waveform has lost, the pair still shows.
    held = tf.constant(event["waveform"])
    lost = {**tensors(event), "waveform": tf.zeros_like(held), "valid": tf.zeros(held.shape, bool)}
    lost["valid"] = tf.constant(np.arange(800) < 1)[:, None] & [True, False, False]
    out = STEPS[0].op({**lost, "clean_waveform": held}, SEED)
    whole = STEPS[0].op(tensors(event), SEED)["waveform"]
    np.testing.assert_array_equal(out["clean_waveform"][:, 2], whole[:, 2])


def test_factors_are_log_uniform_and_parameters_are_checked():
    drawn = compiled(STEPS, CASES["noise"], epochs=64)["step/factor"]
    share = np.log(drawn / RANGE[0]) / np.log(RANGE[1] / RANGE[0])
    assert kstest(share, "uniform").pvalue > 0.001
    for wrong in ({"factor": (0.2, 1.0)}, {"factor": (1.2, 0.9)}, {"frame_s": 0}, {"frame_s": 11}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            build(FrequencyStretch, wrong, "frequency_stretch")


def test_runs_everywhere_draws_anew_and_by_the_frame():
    assert_runs_everywhere(STEPS, CASES["gaps"], epochs=2)
    assert changes(STEPS, CASES["two_events"]) == 8
    longer = eager(one_step(FrequencyStretch(RANGE, 3.0)), CASES["two_events"])
    usual = eager(STEPS, CASES["two_events"])
    assert longer["step/factor"] == usual["step/factor"]
    assert np.abs(longer["waveform"] - usual["waveform"]).max() > 1.0
