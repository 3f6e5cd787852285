"""Picks and their scores: closed-form cases, and a brute-force truth of the matching."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment_ops.targets.phase_picks import PhasePicks
from pipelines.pick_metrics import find_picks, match, score
from schemas.window import PHASES, P
from tests.windows import RATE, Quake, make, tensors

# Of 10 ms, as picks of 100 Hz records are.
TIMES = st.lists(st.integers(0, 300), max_size=4).map(lambda at: np.array(at) / 100)
WINDOWS = st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=4)
TOLERANCES = st.sampled_from([0.1, 0.25, 0.5])


def best_matching(predicted, true, tolerance):
    """Return (pairs, sum of absolute residuals) of the best of all ways to pair, by trying all."""
    best = (0, 0.0)
    for count in range(1, min(len(predicted), len(true)) + 1):
        for left in itertools.combinations(predicted, count):
            for right in itertools.permutations(true, count):
                sizes = np.abs(np.subtract(left, right))
                if (np.round(sizes, 6) <= tolerance).all():
                    best = min(best, (count, sizes.sum()), key=lambda b: (-b[0], b[1]))
    return best


@given(TIMES, TIMES, TOLERANCES)
def test_the_matching_is_the_best_of_all(predicted, true, tolerance):
    residuals = match(predicted, true, tolerance)
    pairs, total = best_matching(predicted, true, tolerance)
    assert len(residuals) == pairs
    np.testing.assert_allclose(np.abs(residuals).sum(), total, atol=1e-9)


def test_the_nearest_pair_first_would_lose_one():
    # The nearest are 0.3 and 0.4, and then nothing is left within reach of 0.
    np.testing.assert_allclose(sorted(match([0.3, 0.7], [0.0, 0.4], 0.35)), [0.3, 0.3])


def test_a_residual_of_the_tolerance_itself_is_within_it_and_one_sample_more_is_not():
    samples = np.arange(0, 9000, 7)
    for late, pairs in ((10, 1), (-10, 1), (11, 0), (-11, 0)):
        for at in samples:
            assert len(match([(at + late) / 100], [at / 100], 0.1)) == pairs


@given(WINDOWS, TOLERANCES)
def test_a_score_is_the_sum_of_its_windows(windows, tolerance):
    predicted, true = zip(*windows)
    found = score(predicted, true, tolerance)
    truths = [best_matching(a, b, tolerance) for a, b in windows]
    assert found.matched == sum(pairs for pairs, _ in truths)
    assert found.predicted == sum(map(len, predicted)) and found.true == sum(map(len, true))
    if found.predicted and found.true and found.matched:
        harmonic = 2 / (1 / found.precision + 1 / found.recall)
        assert found.precision == found.matched / found.predicted
        assert found.recall == found.matched / found.true
        np.testing.assert_allclose(found.f1, harmonic)


@given(WINDOWS, TOLERANCES)
def test_prediction_and_truth_change_places_with_precision_and_recall(windows, tolerance):
    predicted, true = zip(*windows)
    one, other = score(predicted, true, tolerance), score(true, predicted, tolerance)
    np.testing.assert_equal((one.precision, one.recall), (other.recall, other.precision))
    np.testing.assert_allclose(one.f1, other.f1)


def test_several_picks_a_window_noise_and_a_miss():
    true = [np.array([5.0, 12.0]), np.array([7.0]), np.array([])]
    predicted = [np.array([12.02, 5.04, 20.0]), np.array([7.3]), np.array([1.0, 2.0])]
    near, far = score(predicted, true, 0.1), score(predicted, true, 0.5)
    assert (near.matched, near.predicted, near.true) == (2, 6, 3)
    assert (near.precision, near.recall) == (2 / 6, 2 / 3)
    np.testing.assert_allclose([near.mean_s, near.std_s], [0.03, 0.01])
    assert far.matched == 3
    residuals = [0.04, 0.02, 0.3]
    np.testing.assert_allclose([far.mean_s, far.std_s], [np.mean(residuals), np.std(residuals)])


def test_what_is_late_has_a_positive_mean():
    true = [np.array([3.0, 9.0]), np.array([4.0])]
    late = score([at + 0.07 for at in true], true, 0.1)
    np.testing.assert_allclose([late.f1, late.mean_s, late.std_s], [1.0, 0.07, 0.0], atol=1e-12)


def test_nothing_over_nothing_is_not_a_number():
    none, one = [np.array([])], [np.array([1.0])]
    silent, noise, empty = score(none, one, 0.1), score(one, none, 0.1), score(none, none, 0.1)
    assert np.isnan([silent.precision, silent.mean_s, silent.std_s, noise.recall, empty.f1]).all()
    assert (silent.recall, silent.f1, noise.precision, noise.f1) == (0, 0, 0, 0)


def test_as_many_windows_on_both_sides():
    with pytest.raises(ValueError):
        score([np.array([1.0])], [np.array([1.0])] * 2, 0.1)


def bumps(size, *peaks):
    """Return a curve [size] of triangles, 10 samples wide, of (sample, height)."""
    time = np.arange(size)
    return np.max([h * np.clip(1 - np.abs(time - at) / 5, 0, 1) for at, h in peaks], axis=0)


@given(st.sets(st.integers(0, 12), min_size=1), st.floats(0.05, 0.95))
def test_the_peaks_of_separate_bumps_are_those_above_the_threshold(places, threshold):
    heights = {20 * place: (place + 1) / 14 for place in places}
    curve = bumps(250, *heights.items())
    expected = sorted(at for at, height in heights.items() if height >= threshold)
    assert find_picks(curve, threshold, 10).tolist() == expected


def test_of_two_close_peaks_the_higher_stays():
    curve = bumps(100, (40, 0.6), (52, 0.9), (80, 0.5))
    assert find_picks(curve, 0.3, 12).tolist() == [40, 52, 80]
    assert find_picks(curve, 0.3, 13).tolist() == [52, 80]


def test_a_peak_may_lie_at_either_end_and_a_plateau_counts_once():
    assert find_picks(bumps(100, (0, 0.8), (99, 0.7)), 0.3, 5).tolist() == [0, 99]
    flat = np.zeros(50)
    flat[20:31] = 0.9
    assert find_picks(flat, 0.3, 1).tolist() == [25]
    assert find_picks(np.zeros(50), 0.3, 1).size == 0


@pytest.mark.parametrize("shape", ["gaussian", "triangle", "box"])
def test_the_targets_own_curve_gives_its_picks_back(shape):
    quakes = (Quake(120.0, 180.0, 230.0, "a"), Quake(400.0, 455.0, 520.0, "b"))
    window = make(quakes=quakes)
    target = PhasePicks(shape, width_s=0.2)(tensors(window)).numpy()
    for phase in PHASES.values():
        true = window["pick_sample"][window["pick_phase"] == phase]
        found = find_picks(target[:, phase - P], 0.3, 0.5 * RATE)
        np.testing.assert_array_equal(found, true)
        assert score([found / RATE], [true / RATE], 0.1).f1 == 1.0
