"""Tests of noise windows, against running means and moments that NumPy finds by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from pipelines.inspection import inspect
from pipelines.noise_screen import in_band, kurtosis, refused_by_samples, sta_lta
from pipelines.reference import Inspected
from schemas.errors import UserError
from schemas.noise import Kurtosis, Noise, Screen, StaLta
from tests.builders import RATE, listed, phasenet_folder, phasenet_rows, recipe_of, wave

ONSET = 1500
ALL = {"sta_lta": {}, "kurtosis": {}}


def noise_window(samples, valid=None):
    valid = np.ones(samples.shape, bool) if valid is None else valid
    return {"waveform": np.where(valid, samples, 0.0).astype(np.float32), "valid": valid}


def refused(samples, valid=None, std=None, **screen):
    rules = Noise(max_std_ratio=std, screen=Screen(**screen))
    return refused_by_samples(noise_window(samples, valid), rules, RATE)


def with_event(seed=0, column=2, gain=1.0, at=ONSET, count=2800):
    """Return noise and, on one component from `at` on, a decaying burst at 8 Hz."""
    samples, time = wave(seed, count), np.arange(count - at) / RATE
    burst = 600.0 * np.exp(-time / 1.5) * np.sin(2 * np.pi * 8 * time)
    samples[at:, column] += gain * burst
    return samples


def ratios_by_hand(trace, short, long):
    """Return each sample's ratio of the means of squares that end there, 0 until both are full."""
    power = trace.astype(np.float64) ** 2
    found = np.zeros(len(trace))
    for end in range(long, len(trace) + 1):
        over = power[end - long : end].mean()
        found[end - 1] = power[end - short : end].mean() / over if over else 0.0
    return found


@given(st.integers(0, 10_000), st.sampled_from([(0.1, 0.5), (0.2, 1.0), (0.5, 2.0)]))
@settings(max_examples=20, deadline=None)
def test_the_ratio_is_that_of_running_means_both_ways(seed, lengths):
    trace = np.random.default_rng(seed).normal(size=400)
    trace[: seed % 200] = 0.0  # padding has a ratio of none
    rules = StaLta(sta_s=lengths[0], lta_s=lengths[1], max_ratio=2)
    short, long = (round(s * RATE) for s in lengths)
    both = [ratios_by_hand(trace, short, long), ratios_by_hand(trace[::-1], short, long)[::-1]]
    value, at = sta_lta(trace, rules, RATE)
    expected = np.maximum(*both)
    assert value == pytest.approx(expected.max(), rel=1e-6)
    assert expected[at] == pytest.approx(value, rel=1e-6)


def test_an_onset_is_seen_before_the_first_long_mean_is_there():
    trace = np.random.default_rng(0).normal(size=2000)
    early = trace.copy()
    early[100:300] *= 20.0
    (quiet, _), (value, at) = (sta_lta(x, StaLta(), RATE) for x in (trace, early))
    assert quiet < 2.0 < StaLta().max_ratio < value and 100 <= at < 300
    assert sta_lta(early[:400], StaLta(), RATE) == (0.0, 0)  # shorter than the long mean


@given(st.integers(0, 10_000), st.integers(60, 500))
@settings(max_examples=20, deadline=None)
def test_the_kurtosis_is_that_of_the_moments(seed, count):
    trace = np.random.default_rng(seed).standard_t(4, size=count)
    length = min(200, count)
    windows = [trace[i : i + length] for i in range(0, count - length + 1, length // 2)]
    centred = [window - window.mean() for window in windows]
    by_hand = [np.mean(x**4) / np.mean(x**2) ** 2 - 3.0 for x in centred]
    value, at = kurtosis(trace, Kurtosis(window_s=2.0), RATE)
    assert value == pytest.approx(max(by_hand))
    assert at == int(np.argmax(by_hand)) * (length // 2)


def test_the_band_has_no_start_of_its_own_and_nothing_ahead_of_an_onset():
    assert np.abs(in_band(np.full(500, 1e6), (2.0, 20.0), RATE)).max() < 1e-3
    time = np.arange(3000) / RATE
    slow, inside = (np.sin(2 * np.pi * f * time) for f in (0.2, 8.0))
    assert np.abs(in_band(slow, (2.0, 20.0), RATE)[1000:]).max() < 1e-3
    assert np.abs(in_band(inside, (2.0, 20.0), RATE)[1000:]).max() == pytest.approx(1.0, abs=0.01)
    step = np.where(np.arange(500) < 250, 0.0, 1.0)
    assert not in_band(step, (2.0, 20.0), RATE)[:250].any()
    assert in_band(step + 5.0, None, RATE) == pytest.approx(step - step.mean())


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("test", ["sta_lta", "kurtosis"])
def test_a_planted_event_is_caught_by_each_test_and_its_time_told(test, column):
    limit = {"sta_lta": "max_ratio", "kurtosis": "max"}[test]
    samples = with_event(column=column, gain=4.0)
    found = refused(samples, **{test: {}})
    assert found.test == test and found.reason.startswith(f"{test}: on {'ENZ'[column]} it is ")
    value, at = (float(found.reason.split(word)[1].split()[0]) for word in ("it is", " at "))
    window_s = {"sta_lta": 1.0, "kurtosis": 10.0}[test]
    assert ONSET / RATE - window_s <= at <= ONSET / RATE + 1.0
    default = {"sta_lta": StaLta(), "kurtosis": Kurtosis()}[test]
    told = f"expected at most noise.screen.{test}.{limit} {getattr(default, limit):g}"
    assert found.reason.endswith(told) and "\n" not in found.reason
    raised = {"lta_s": 500.0, "sta_s": 0.5, limit: value + 1.0}
    raised = raised if test == "sta_lta" else {limit: value + 1.0}
    assert refused(samples, **{test: raised}) is None
    assert refused(samples) is None  # no test is made that is not asked for


def test_noise_stays():
    kept = [refused(wave(seed, 2800), std=5.0, **ALL) is None for seed in range(60)]
    assert all(kept)


def test_an_event_under_slow_noise_is_seen_in_the_band_alone():
    slow = signal.sosfilt(signal.butter(2, 0.3, fs=RATE, output="sos"), wave(7, 2800), axis=0)
    samples, quiet = with_event(gain=2.0) + 80.0 * slow, wave(0, 2800) + 80.0 * slow
    for test in ({"kurtosis": {}}, {"sta_lta": {"sta_s": 2, "lta_s": 15, "max_ratio": 4}}):
        assert refused(samples, std=5.0, band_hz=None, **test) is None
        assert refused(samples, std=5.0, **test).test in test
        assert refused(quiet, std=5.0, **test) is None


def test_a_gap_is_no_onset_and_hides_none():
    valid = np.ones((2800, 3), bool)
    valid[1000:1200], valid[2500:, 1] = False, False
    offset = wave(1, 2800) + 1e5
    assert refused(offset, valid, **ALL) is None
    assert refused(with_event() + 1e5, valid, **ALL).test == "sta_lta"
    hidden = valid.copy()
    hidden[ONSET - 50 : ONSET + 700] = False
    assert refused(with_event(gain=0.8), hidden, **ALL) is None
    assert refused(wave(1, 2800), np.zeros((2800, 3), bool), **ALL) is None


def test_padding_that_is_taken_for_samples_is_refused():
    samples = wave(2, 2800)
    samples[:700] = 3.0
    assert refused(samples, sta_lta={}).test == "sta_lta"


def test_the_first_test_that_fails_is_told():
    samples = with_event(gain=30.0)
    assert refused(samples, std=1.5, **ALL).test == "std_ratio"
    assert refused(samples, **ALL).test == "sta_lta"


def test_noise_alone_is_screened(tmp_path):
    samples = with_event(count=4000)
    phasenet_folder(tmp_path, phasenet_rows(1, 1, itp=2500), [samples])
    recipe = recipe_of(tmp_path, noise={"min_length_s": 10, "screen": ALL})
    event, *noise = (inspect(item, recipe) for item in listed(recipe))
    assert isinstance(event, Inspected) and len(noise) == 1
    assert (noise[0].stage, noise[0].test) == ("inspect", "sta_lta")
    hard = {"format": "phasenet_npz", "path": str(tmp_path), "csv": str(tmp_path / "waveform.csv")}
    sources = [{"name": "a", "kind": "hard_negative", **hard}]
    recipe = recipe_of(tmp_path, noise={"screen": ALL}, sources=sources)
    (kept,) = (inspect(item, recipe) for item in listed(recipe))
    assert isinstance(kept, Inspected) and kept.reference.kind == "hard_negative"


@pytest.mark.parametrize(
    ("screen", "told"),
    [
        ({"sta_lta": {"max_ratio": 10}}, "expected between 1 and lta_s / sta_s 10"),
        ({"sta_lta": {"sta_s": 6}}, "expected between 1 and lta_s / sta_s 0.8"),
        ({"sta_lta": {"sta": 1}}, "unknown key 'noise.screen.sta_lta.sta'; did you mean 'sta_s'?"),
        ({"kurtosis": {"max": 0}}, "noise.screen.kurtosis.max: got 0"),
        ({"band_hz": [20, 2]}, "noise.screen.band_hz: got [20, 2]; expected low < high"),
        (
            {"kurtosis": {}, "band_hz": [2, 50]},
            "noise.screen.band_hz: got 50 Hz, expected below 50",
        ),
    ],
)
def test_a_bad_value_is_one_line(tmp_path, screen, told):
    with pytest.raises(UserError) as error:
        recipe_of(tmp_path, noise={"screen": screen})
    assert told in str(error.value) and "\n" not in str(error.value)
