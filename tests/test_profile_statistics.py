"""What a profile counts with and says of it, against NumPy, sets and closed forms."""

import math

import numpy as np
import pytest

from pipelines import profile_counts
from pipelines.profile_counts import MAGNITUDE_BIN, Groups, Histogram
from pipelines.profile_statistics import MIN_EVENTS, distribution, gutenberg_richter, share_below
from pipelines.profile_tally import AXES
from schemas.window import SPLITS


def counted(values, axis):
    histogram = Histogram(axis.edges)
    for value in values:
        histogram.add(float(value))
    return histogram


def random_values(axis, count=3000):
    """Return values within the edges, on them, beyond them, and some unknown."""
    rng = np.random.default_rng(4)
    edges = np.array(axis.edges)
    middle = rng.choice(edges[:-1], count) + rng.random(count) * np.diff(edges).min()
    beyond = [edges[0] - 1, edges[0] - 2, edges[-1] + 1]
    return np.concatenate([middle, edges, beyond, [math.nan] * 7])


@pytest.mark.parametrize("name", AXES)
def test_a_histogram_counts_as_numpy_does(name):
    axis = AXES[name]
    values = random_values(axis)
    made = distribution(counted(values, axis), axis)
    known = values[np.isfinite(values)]
    expected, _ = np.histogram(known, axis.edges)
    kept = np.flatnonzero(expected)
    assert made["counts"] == expected[kept[0] : kept[-1] + 1].tolist()
    assert made["edges"] == list(axis.edges[kept[0] : kept[-1] + 2])
    assert (made["below"], made["above"], made["unknown"]) == (2, 1, 7)
    assert made["known"] == len(known)
    assert (made["min"], made["max"]) == (known.min(), known.max())
    limit = axis.edges[len(axis.edges) // 2]
    assert share_below(made, limit) == pytest.approx(np.mean(known < limit))


@pytest.mark.parametrize("name", ["magnitude", "distance_km"])
def test_quantiles_are_right_to_a_bin(name):
    axis, rng = AXES[name], np.random.default_rng(5)
    values = rng.lognormal(1.0, 0.5, 5000)
    made = distribution(counted(values, axis), axis)
    for key, share in (("p5", 0.05), ("median", 0.5), ("p95", 0.95)):
        truth = np.quantile(values, share)
        bin_ = np.searchsorted(axis.edges, truth)
        assert abs(made[key] - truth) <= axis.edges[bin_] - axis.edges[bin_ - 1]
    assert made["min"] < made["p5"] < made["median"] < made["p95"] < made["max"]


def test_nothing_known_is_said_so():
    axis = AXES["magnitude"]
    made = distribution(counted([math.nan] * 3, axis), axis)
    assert (made["known"], made["unknown"], made["counts"]) == (0, 3, []) and "median" not in made
    assert share_below(made, 1.0) == 0.0
    outside = distribution(counted([50.0, 60.0], axis), axis)
    assert (outside["above"], outside["min"], outside["max"]) == (2, 50.0, 60.0)
    assert 50.0 <= outside["median"] <= 60.0


def catalogue(b, count, least=1.0, seed=0):
    """Return a catalogue with a known slope, complete from `least` on, as whole bins."""
    rng = np.random.default_rng(seed)
    # The bin of `least` reaches half a bin below it.
    magnitudes = least - MAGNITUDE_BIN / 2 + rng.exponential(1 / (b * math.log(10)), count)
    return np.round(magnitudes / MAGNITUDE_BIN).astype(np.int64)


@pytest.mark.parametrize("b", [0.7, 1.0, 1.4])
def test_a_known_slope_is_found_within_its_error(b):
    drawn = [gutenberg_richter(catalogue(b, 4000, seed=seed)) for seed in range(40)]
    found = np.array([fit["b"] for fit in drawn if fit["completeness"] == 1.0])
    assert len(found) > 35
    error = drawn[0]["b_error"]
    assert abs(found[0] - b) < 3 * error
    # Shi & Bolt's error is what repeated catalogues scatter by.
    assert found.std(ddof=1) == pytest.approx(error, rel=0.35)
    assert abs(found.mean() - b) < 3 * error / math.sqrt(len(found)) + 0.01 * b


@pytest.mark.parametrize("b", [0.7, 1.0, 1.4])
def test_the_slope_agrees_with_an_exact_formula(b):
    """Tinti & Mulargia (1987) solve for binned magnitudes exactly; Utsu's is its first order."""
    magnitudes = catalogue(b, 4000)
    fit = gutenberg_richter(magnitudes)
    above = magnitudes[magnitudes >= round(fit["completeness"] / MAGNITUDE_BIN)] * MAGNITUDE_BIN
    excess = above.mean() - fit["completeness"]
    exact = math.log10(1 + MAGNITUDE_BIN / excess) / MAGNITUDE_BIN
    assert fit["b"] == pytest.approx(exact, rel=0.01)
    assert fit["complete_events"] == len(above)
    reached = 10 ** (fit["a"] - fit["b"] * (fit["completeness"] - MAGNITUDE_BIN / 2))
    assert reached == pytest.approx(len(above))


def test_completeness_is_where_events_begin_to_be_missed():
    rng = np.random.default_rng(6)
    magnitudes = catalogue(1.0, 20000, least=0.5)
    kept = magnitudes[(magnitudes >= 17) | (rng.random(len(magnitudes)) < 0.3)]
    fit = gutenberg_richter(kept[kept >= 12])
    assert fit["completeness"] == 1.7
    assert abs(fit["b"] - 1.0) < 3 * fit["b_error"]
    assert sum(fit["events_in_bin"]) == fit["events"] == np.sum(kept >= 12)


def test_too_few_events_give_no_slope():
    assert gutenberg_richter(np.empty(0, np.int64)) == {"events": 0}
    few = np.arange(MIN_EVENTS - 1)
    assert "b" not in gutenberg_richter(few) and "b" not in gutenberg_richter(np.full(500, 12))
    assert "b" in gutenberg_richter(np.r_[np.full(MIN_EVENTS, 12), 13, 14])


@pytest.mark.parametrize("fold_at", [1, 7, 1 << 16])
def test_groups_know_the_splits_and_the_magnitude_of_each(monkeypatch, fold_at):
    monkeypatch.setattr(profile_counts, "_FOLD_AT", fold_at)
    rng, parts = np.random.default_rng(7), [Groups(), Groups()]
    splits, named, magnitudes = {}, {}, {}
    for window in range(400):
        key, split = f"e{rng.integers(60)}", SPLITS[rng.choice(3, p=[0.9, 0.07, 0.03])]
        own, magnitude = rng.choice(["", "train", "test"]), rng.choice([math.nan, 1.04, 2.25, -0.5])
        parts[window % 2].add((key,), split, own, magnitude)
        splits.setdefault(key, set()).add(split)
        named.setdefault(key, set()).update({own} - {""})
        if math.isfinite(magnitude):
            magnitudes[key] = max(magnitudes.get(key, -9.0), magnitude)
    whole = Groups()
    for part in parts:
        whole.merge(part)
    assert len(whole.rows()) == len(splits)
    for column, sets in (("splits", splits), ("named", named)):
        expected = {}
        for group in sets.values():
            if len(group) > 1:
                text = ", ".join(s for s in SPLITS if s in group)
                expected[text] = expected.get(text, 0) + 1
        assert expected and whole.shared(column) == expected
    tenths = {1.04: 10, 2.25: 23, -0.5: -5}
    assert sorted(whole.magnitudes()) == sorted(tenths[m] for m in magnitudes.values())
