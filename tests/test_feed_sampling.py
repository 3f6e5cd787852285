"""Balanced sampling: shares that hold, turns that are fair, times that draw anew."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from pipelines.feed import as_numpy, steps_per_epoch, training_dataset
from pipelines.feed_sampling import sampler
from schemas.errors import UserError
from schemas.recipe import Sampling
from tests.feed_batches import Stored, by_epochs, feed_folder, lean

WEIGHTS = {"event": 1.0, "noise": 3.0}
SEED = tf.constant([3, 4], tf.int64)


def times(values, seed=SEED, unread=0, **given):
    """Return how often windows of these values come; the last `unread` cannot be read."""
    values = np.asarray(values)
    read = np.arange(len(values) - unread)
    made = sampler(Sampling(**given), lambda _: (read, values[read]), len(values), "test")
    return made.times(tf.convert_to_tensor(seed)).numpy()


def kinds(**counts):
    names = np.array([name.encode() for name, n in counts.items() for _ in range(n)], object)
    return np.random.default_rng(0).permutation(names)


def test_each_class_has_its_share_and_its_windows_take_turns():
    values = kinds(event=700, noise=250, hard_negative=17, simulated=33)
    weights = {"event": 0.6, "noise": 0.3, "hard_negative": 0.1}
    often = times(values, by="kind", weights=weights)
    assert often.sum() == len(values)
    for name, weight in weights.items():
        own = often[values == name.encode()]
        assert abs(own.sum() - weight * len(values)) < 1
        assert own.max() - own.min() <= 1
    assert not often[values == b"simulated"].any()
    # A class below its share loses other windows in another epoch.
    np.testing.assert_array_equal(often, times(values, by="kind", weights=weights))
    other = times(values, seed=[3, 5], by="kind", weights=weights)
    assert ((often > 0) != (other > 0)).any()
    assert Counter(often) != {1: len(values)}


def test_windows_of_no_class_have_a_weight_of_their_own():
    values = kinds(event=50, noise=50)
    often = times(values, by="kind", weights={"noise": 3.0}, others=1.0)
    assert often[values == b"event"].sum() == 25


def test_a_class_that_is_lacking_leaves_its_weight_to_the_others(capsys):
    values = kinds(event=40, noise=60)
    weights = {"event": 0.6, "hard_negative": 0.3, "noise": 0.2}
    often = times(values, by="kind", weights=weights)
    assert often[values == b"event"].sum() == 75
    (line,) = capsys.readouterr().err.splitlines()
    assert "hard_negative" in line and "noise" not in line
    with pytest.raises(UserError, match="test: sampling: got no window of kind simulated"):
        times(values, by="kind", weights={"simulated": 1.0})


def test_magnitudes_fall_between_edges_and_the_largest_counts():
    values = np.random.default_rng(1).uniform(0, 5, (400, 3)).astype(np.float32)
    values[:, 2] = np.nan
    values[:40] = np.nan
    given = {"edges": [1.0, 3.0], "weights": [1.0, 1.0, 2.0]}
    often = times(values, by="magnitude", **given)
    largest = np.where(np.isnan(values[:, 0]), -1, np.nanmax(values[:, :2], axis=1, initial=-1))
    for low, high, share in ((0, 1, 0.25), (1, 3, 0.25), (3, 9, 0.5)):
        assert often[(largest >= low) & (largest < high)].sum() == share * len(values)
    assert not often[:40].any()


def test_windows_that_cannot_be_read_do_not_come():
    often = times(kinds(event=60, noise=40), unread=10, by="kind", weights=WEIGHTS)
    assert often.sum() == 90 and not often[-10:].any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return feed_folder(tmp_path_factory.mktemp("sampling"))


def test_the_share_holds_in_what_training_sees_and_each_time_draws_anew(folder):
    recipe = lean(folder, sampling={"by": "kind", "weights": WEIGHTS})
    stored, options = Stored(folder), {"recipe": recipe, "batch_size": 7}
    kind = {name: window["kind"].item().decode() for name, window in stored.windows.items()}
    count = len(kind)
    own = Counter(kind.values())
    expected = {name: count * w / sum(WEIGHTS.values()) for name, w in WEIGHTS.items()}
    assert all(abs(own[name] - expected[name]) > 1 for name in expected)

    dataset = training_dataset(str(folder), epochs=2, **options)
    steps = steps_per_epoch(str(folder), batch_size=7)
    assert dataset.cardinality().numpy() == 2 * steps
    epochs = by_epochs(dataset.as_numpy_iterator(), count)
    found = [stored.find(inputs) for inputs in epochs]
    for windows in found:
        shares = Counter(kind[name] for name, _ in windows)
        assert all(abs(shares[name] - expected[name]) < 1 for name in expected)
        # The same window comes again, and is cut elsewhere.
        assert max(Counter(name for name, _ in windows).values()) > 1
        assert len(set(windows)) == count
    assert sorted(found[0]) != sorted(found[1])

    again = np.concatenate([b[0] for b in as_numpy(str(folder), epoch=1, **options)])
    np.testing.assert_array_equal(again, epochs[1])
    kept = as_numpy(str(folder), epochs=2, in_memory=True, shuffle=0, recipe=recipe)
    ordered = [stored.find(inputs) for inputs in by_epochs(kept, count)]
    assert [sorted(windows) for windows in ordered] == [sorted(windows) for windows in found]
    # In the stored order, a window's times follow each other; its first draws as ever.
    plain = as_numpy(str(folder), in_memory=True, shuffle=0, recipe=lean(folder))
    cuts = dict(stored.find(by_epochs(plain, count)[0]))
    first = dict(reversed(ordered[0]))
    assert list(first)[::-1] == [name for name in stored.windows if name in first]
    assert first == {name: cuts[name] for name in first}


def test_only_augmented_splits_are_weighed(folder):
    stored = Stored(folder, "validation")
    recipe = lean(folder, sampling={"by": "kind", "weights": {"noise": 1.0}})
    batches = as_numpy(str(folder), "validation", recipe=recipe)
    found = stored.find(np.concatenate([batch[0] for batch in batches]))
    assert [name for name, _ in found] == list(stored.windows)
