"""Several targets with weights of their own in Keras `fit`, against NumPy's weighted means."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from augment_ops.core.normalise import normalised
from augment_ops.core.steps import with_pairs
from augment_ops.core.targets import build_targets, feed_pairs, labelled
from schemas.recipe import Target
from tests.windows import CASES, RATE, SPEC, make, tensors

pytestmark = pytest.mark.slow

NAMES = ("phase_picks", "magnitude", "polarity", "denoise_pair", "denoise_masks", "autoencoder")
TARGETS = build_targets(tuple(Target.model_validate(name) for name in NAMES))
LOSSES = {
    "phase_picks": "categorical_crossentropy",
    "magnitude": "mean_absolute_error",
    "polarity": "categorical_crossentropy",
    "denoise_pair": "mean_squared_error",
    "denoise_masks": "binary_crossentropy",
    "autoencoder": "mean_squared_error",
}
BATCH, T = 3, SPEC.samples


@pytest.fixture(scope="module")
def batches():
    """Batches as the feed yields them, of windows in which each target is unknown somewhere."""
    cases = [*CASES.values(), make(seed=8), make(seed=9, gaps=[(0, 500, None)])]
    rng = np.random.default_rng(0)
    given = []
    for case in cases:
        window = {**tensors(case), "weight": tf.constant(rng.uniform(0.5, 2), tf.float32)}
        clean = window["waveform"]
        window = with_pairs(window, feed_pairs(TARGETS))
        noise = tf.constant(rng.normal(size=(T, 3)).astype(np.float32))
        mixture = clean + noise * tf.cast(window["valid"], tf.float32)
        given.append({**window, "waveform": mixture})
    stacked = {name: tf.stack([window[name] for window in given]) for name in given[0]}

    @tf.autograph.experimental.do_not_convert
    def example(window):
        window = normalised(window, "std")
        return window["waveform"], *labelled(TARGETS, window, RATE)

    return tf.data.Dataset.from_tensor_slices(stacked).map(example).batch(BATCH)


def model_of(masks):
    """Return a model of every output; the masks' come from one layer over all the samples."""
    wave = keras.Input((T, 3))
    hidden = keras.layers.Conv1D(4, 5, padding="same", activation="tanh")(wave)
    pooled = keras.layers.GlobalAveragePooling1D()(hidden)
    flat = keras.layers.Dense(int(np.prod(masks)), activation="sigmoid")(pooled)
    model = keras.Model(
        wave,
        {
            "phase_picks": keras.layers.Conv1D(3, 1, activation="softmax")(hidden),
            "magnitude": keras.layers.Dense(1)(pooled),
            "polarity": keras.layers.Dense(3, activation="softmax")(pooled),
            "denoise_pair": keras.layers.Conv1D(3, 1)(hidden),
            "denoise_masks": keras.layers.Reshape(masks)(flat),
            "autoencoder": keras.layers.Conv1D(3, 1)(hidden),
        },
    )
    model.compile(keras.optimizers.Adam(0.01), LOSSES)
    return model


@pytest.fixture(scope="module")
def model(batches):
    keras.utils.set_random_seed(1)
    return model_of(batches.element_spec[1]["denoise_masks"].shape[1:])


def closed_form(loss, target, found):
    """Return the loss of each sample in NumPy, over the last axis."""
    target, found = target.astype(np.float64), found.astype(np.float64)
    if loss == "mean_squared_error":
        return ((target - found) ** 2).mean(axis=-1)
    if loss == "mean_absolute_error":
        return np.abs(target - found).mean(axis=-1)
    found = found.clip(1e-7, 1 - 1e-7)
    if loss == "binary_crossentropy":
        return -(target * np.log(found) + (1 - target) * np.log(1 - found)).mean(axis=-1)
    return -(target * np.log(found)).sum(axis=-1)


def expected(model, batch):
    """Return each target's loss of one batch, weighted, and the sum of those without weights."""
    wave, targets, weights = batch
    found = model.predict(wave, verbose=0)
    losses, plain = {}, 0.0
    for name, loss in LOSSES.items():
        each = closed_form(loss, targets[name].numpy(), found[name])
        losses[name] = np.mean(each * np.broadcast_to(weights[name].numpy(), each.shape))
        plain += np.mean(each)
    return losses, plain


def test_weights_have_one_axis_less_than_their_targets(batches):
    _, targets, weights = batches.element_spec
    assert set(targets) == set(weights) == set(NAMES)
    for name in NAMES:
        assert weights[name].shape.rank == targets[name].shape.rank - 1
    assert weights["magnitude"].shape == (None,) and weights["phase_picks"].shape == (None, 1)
    assert weights["denoise_pair"].shape == (None, T)
    values = {n: np.concatenate([w[n].numpy().ravel() for *_, w in batches]) for n in NAMES}
    # Each has samples that count and, but for picks, samples that do not.
    assert all((value > 0).any() for value in values.values())
    assert {n for n in NAMES if (values[n] == 0).any()} == set(NAMES) - {
        "phase_picks",
        "denoise_masks",
    }


def test_the_loss_of_fit_is_the_weighted_one(model, batches):
    for batch in batches.take(3):
        wave, targets, weights = batch
        found = model.evaluate(wave, targets, BATCH, 0, weights, return_dict=True)
        losses, plain = expected(model, batch)
        np.testing.assert_allclose(found["loss"], sum(losses.values()), rtol=1e-4)
        assert abs(plain / found["loss"] - 1) > 0.01
        for name, loss in losses.items():
            np.testing.assert_allclose(found[f"{name}_loss"], loss, rtol=1e-4, atol=1e-6)


def test_fit_learns_from_the_data_set_as_it_is(model, batches):
    history = model.fit(batches, epochs=3, verbose=0).history
    assert set(history) == {"loss", *(f"{name}_loss" for name in NAMES)}
    assert history["loss"][-1] < history["loss"][0]
    found = model.evaluate(batches, verbose=0, return_dict=True)
    sums = [(len(batch[0]), sum(expected(model, batch)[0].values())) for batch in batches]
    mean = sum(n * loss for n, loss in sums) / sum(n for n, _ in sums)
    np.testing.assert_allclose(found["loss"], mean, rtol=1e-4)


def test_what_has_weight_0_changes_nothing(model, batches):
    spoilt = []
    for wave, targets, weights in batches:
        counts = {name: (weights[name] > 0)[..., None] for name in NAMES}
        other = {name: tf.where(counts[name], targets[name], 7.0) for name in NAMES}
        spoilt += [name for name in NAMES if (other[name] != targets[name]).numpy().any()]
        losses = []
        for each in (targets, other):
            model.reset_metrics()
            losses.append(model.test_on_batch(wave, each, weights))
        np.testing.assert_allclose(*losses, rtol=1e-6)
    assert set(spoilt) == {"magnitude", "polarity", "denoise_pair", "autoencoder"}


def test_one_output_takes_a_tensor_and_weights_of_its_samples(batches):
    wave = keras.Input((T, 3))
    single = keras.Model(wave, keras.layers.Conv1D(3, 1)(wave))
    single.compile("sgd", "mean_squared_error")
    only = batches.map(lambda x, y, w: (x, y["denoise_pair"], w["denoise_pair"]))
    single.fit(only, verbose=0)
    x, y, w = next(iter(only))
    loss = closed_form("mean_squared_error", y.numpy(), single.predict(x, verbose=0))
    found = single.evaluate(x, y, BATCH, 0, w)
    np.testing.assert_allclose(found, np.mean(loss * w.numpy()), rtol=1e-5)
