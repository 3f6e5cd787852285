"""Layers in feature space: what they do in training, and that nothing of it is left after it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import beta, kstest

from augment_ops.core.registry import op_names
from augment_ops.feature_space import (
    ChannelFeatureDropout,
    FeatureMixup,
    FeatureNoise,
    GradientReversal,
)

LAYERS = {
    "noise": lambda: FeatureNoise(0.3, seed=1),
    "absolute_noise": lambda: FeatureNoise(0.3, relative=False, seed=1),
    "mixup": lambda: FeatureMixup(0.4, seed=1),
    "dropout": lambda: ChannelFeatureDropout(0.25, seed=1),
    "reversal": lambda: GradientReversal(0.7),
}
RANDOM = [name for name in LAYERS if name != "reversal"]
# Channels of unequal deviation, so that a relative noise shows.
SIZES = np.array([0.1, 1.0, 10.0, 5.0], np.float32)
FEATURES = (np.random.default_rng(0).normal(3.0, 1.0, (64, 50, 4)) * SIZES).astype(np.float32)


def trained(layer, features=FEATURES):
    return layer(tf.constant(features), training=True).numpy()


def test_they_are_layers_and_not_ops():
    assert "feature_space" not in op_names()


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_happens_but_in_training(name):
    for kwargs in ({"training": False}, {}):
        np.testing.assert_array_equal(LAYERS[name]()(FEATURES, **kwargs), FEATURES)


@pytest.mark.parametrize("name", RANDOM)
def test_draws_follow_from_the_seed_and_are_new_each_time(name):
    one, other = LAYERS[name](), LAYERS[name]()
    first, second = trained(one), trained(one)
    assert (first != FEATURES).any() and (first != second).any()
    np.testing.assert_array_equal(first, trained(other))
    reseeded = type(one).from_config({**one.get_config(), "seed": 2})
    assert (trained(reseeded) != first).any()


@pytest.mark.parametrize("relative", [True, False])
def test_noise_has_the_deviation_that_was_asked_for(relative):
    layer = FeatureNoise(0.3, relative, seed=3)
    added = trained(layer) - FEATURES
    expected = 0.3 * (FEATURES.std(axis=(0, 1)) if relative else np.ones(4))
    np.testing.assert_allclose(added.std(axis=(0, 1)), expected, rtol=0.05)
    for channel in range(4):
        standard = (added[..., channel] / expected[channel]).ravel()
        assert kstest(standard, "norm").pvalue > 0.001


def test_mixup_mixes_features_and_labels_by_one_share():
    features = np.eye(64, dtype=np.float32)
    labels = np.arange(64)
    layer = FeatureMixup(0.4, seed=5)
    shares = []
    for _ in range(8):
        mixed, told = layer([tf.constant(features), tf.constant(labels)], training=True)
        # A row says of itself what it was mixed of.
        np.testing.assert_allclose(told, mixed.numpy() @ labels, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(mixed.numpy().sum(axis=1), 1, rtol=1e-5)
        assert (np.count_nonzero(mixed, axis=1) <= 2).all()
        own = np.diag(mixed)
        moved = np.array([row.sum() != row[at] for at, row in enumerate(mixed.numpy())])
        shares.append(own[moved])
    assert kstest(np.concatenate(shares), beta(0.4, 0.4).cdf).pvalue > 0.001


def test_dropped_channels_are_whole_and_the_mean_holds():
    ones = np.ones((512, 6, 16), np.float32)
    out = trained(ChannelFeatureDropout(0.25, seed=7), ones)
    assert (out == out[:, :1]).all()
    assert set(np.unique(out)) == {0, np.float32(1 / 0.75)}
    assert len({row.tobytes() for row in out[:, 0]}) > 100
    error = np.sqrt(0.25 / 0.75 / (512 * 16))
    assert abs(out.mean() - 1) < 4 * error
    np.testing.assert_array_equal(trained(ChannelFeatureDropout(0.0), ones), ones)


def slope(layer, at, training):
    with tf.GradientTape() as tape:
        tape.watch(at)
        loss = tf.reduce_sum(tf.sin(layer(at, training=training)))
    return tape.gradient(loss, at).numpy()


@pytest.mark.parametrize("training", [True, False])
def test_reversal_turns_the_numeric_gradient(training):
    at = tf.constant(np.linspace(-2, 2, 12).reshape(3, 4), tf.float64)
    layer = GradientReversal(0.7, dtype="float64")
    np.testing.assert_array_equal(layer(at, training=training), at)
    step = 1e-6
    numeric = (np.sin(at + step) - np.sin(at - step)) / (2 * step)
    found = slope(layer, at, training)
    np.testing.assert_allclose(found, (-0.7 if training else 1.0) * numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["absolute_noise", "mixup", "dropout"])
def test_gradients_go_through_what_is_linear(name):
    weights = np.random.default_rng(1).normal(size=FEATURES.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        at = tf.Variable(FEATURES)
        loss = tf.reduce_sum(weights * LAYERS[name]()(at, training=True))
    along = np.random.default_rng(2).normal(size=FEATURES.shape).astype(np.float32)
    ahead, behind = (trained(LAYERS[name](), FEATURES + sign * along) for sign in (1, -1))
    numeric = (weights * (ahead.astype(np.float64) - behind)).sum() / 2
    found = (tape.gradient(loss, at).numpy().astype(np.float64) * along).sum()
    assert found == pytest.approx(numeric, rel=1e-3)


def test_a_saved_model_keeps_the_layers_and_predicts_the_same(tmp_path):
    inputs = keras.Input((50, 4))
    value = keras.layers.Conv1D(8, 5)(inputs)
    for make in LAYERS.values():
        value = make()(value)
    model = keras.Model(inputs, keras.layers.Dense(1)(value[:, 0]))
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(FEATURES, np.zeros((64, 1)), batch_size=24, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0)
    )
    kept = [layer.get_config() for layer in again.layers]
    assert kept == [layer.get_config() for layer in model.layers]
    assert {type(layer) for layer in again.layers} >= {type(make()) for make in LAYERS.values()}


@pytest.mark.parametrize(
    "make",
    [
        lambda: FeatureNoise(-1.0),
        lambda: FeatureMixup(0.0),
        lambda: ChannelFeatureDropout(1.0),
        lambda: GradientReversal(float("nan")),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
