"""The coda's end by its envelope, against decays whose end is known."""

import math

import numpy as np
import pytest

from pipelines.coda import coda_end_sample

RATE, P, COUNT = 50.0, 1000, 4000
NOISE, PEAK = 1.0, 200.0


def decaying(decay_s, seed=0, count=COUNT):
    """Return noise, and from P on a burst that decays to 1/e in `decay_s`."""
    rng = np.random.default_rng(seed)
    after = np.maximum(np.arange(count) - P, 0) / RATE
    burst = np.where(np.arange(count) >= P, PEAK * np.exp(-after / decay_s), 0.0)
    return rng.normal(0.0, np.sqrt(NOISE**2 + burst**2)[:, None], (count, 3))


@pytest.mark.parametrize("decay_s", [1.0, 3.0, 6.0])
def test_it_ends_where_the_decay_meets_twice_the_noise(decay_s):
    # sqrt(noise^2 + burst^2) = 2 noise, in closed form.
    expected_s = decay_s * math.log(PEAK / (math.sqrt(3.0) * NOISE))
    wave = decaying(decay_s)
    end = coda_end_sample(wave, np.ones(wave.shape, bool), P, RATE)
    assert abs((end - P) / RATE - expected_s) < 1.0 + 0.1 * decay_s


def test_only_what_is_recorded_counts():
    wave = decaying(3.0)
    valid = np.ones(wave.shape, bool)
    valid[:, :2] = False
    whole = coda_end_sample(wave[:, 2:].repeat(3, axis=1), np.ones(wave.shape, bool), P, RATE)
    assert coda_end_sample(np.where(valid, wave, 1e9), valid, P, RATE) == whole


@pytest.mark.parametrize(
    ("p", "count", "recorded"),
    [
        (math.nan, COUNT, True),
        (-5.0, COUNT, True),
        (P, P + 60, True),
        (P, COUNT, False),
        (10, 900, True),
    ],
)
def test_where_it_is_not_seen_it_is_unknown(p, count, recorded):
    wave = decaying(3.0, count=count)
    assert math.isnan(coda_end_sample(wave, np.full(wave.shape, recorded), p, RATE))
