"""Targets of denoisers: pairs, and masks that give the clean waveform back."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from augment_ops.core import labels
from augment_ops.core.normalise import normalised
from augment_ops.core.registry import build
from augment_ops.core.targets import labelled, target_pairs
from augment_ops.targets.denoise_masks import DenoiseMasks
from augment_ops.targets.denoise_pair import DenoisePair
from schemas.errors import UserError
from tests.windows import CASES, NAN, RATE, SPEC, Quake, make, tensors, windows

TARGETS = {"masks": DenoiseMasks(), "pair": DenoisePair()}
RUN = tf.function(
    lambda window: labelled(TARGETS, normalised(window, "std"), RATE), autograph=False
)
TRANSFORM = TARGETS["masks"].transform
SAMPLES = SPEC.samples


def noisy(window, level=10.0):
    """Return a window that noise was added to, and its clean waveform."""
    noise = np.random.default_rng(3).normal(2.0, level, (SAMPLES, 3)) * window["valid"]
    mixture = (window["waveform"] + noise).astype(np.float32)
    clean = tf.constant(window["waveform"])
    return {**tensors(window), "waveform": tf.constant(mixture), "clean_waveform": clean}


def targets(window):
    values, weights = RUN(window)
    return {n: v.numpy() for n, v in values.items()}, {n: w.numpy() for n, w in weights.items()}


def parts(window):
    """Return the mixture as it is fed, and the normalised clean waveform."""
    made = normalised(window, "std")
    return made["waveform"].numpy(), made["clean_waveform"].numpy()


@given(windows(quakes=(0, 2)))
def test_masks_of_any_window_sum_to_1_and_pairs_are_0_where_nothing_is_valid(window):
    values, weights = targets(noisy(window))
    masks = values["masks"]
    assert masks.shape == (TRANSFORM.frames(SAMPLES), 31, 3, 2) and masks.dtype == np.float32
    assert (masks >= 0).all() and (masks <= 1).all()
    np.testing.assert_allclose(masks.sum(axis=-1), 1, atol=1e-6)
    assert not values["pair"][~window["valid"]].any()
    np.testing.assert_array_equal(weights["pair"], window["valid"].any(axis=1))
    assert weights["masks"].shape == (1, 1, 1) and weights["masks"] == 1


@pytest.mark.parametrize("case", ["two_events", "gaps", "z_only"])
def test_masks_are_the_ratios_of_signal_and_noise(case):
    window = noisy(CASES[case])
    mixture, clean = parts(window)
    clean = np.where(CASES[case]["valid"], clean, 0)
    masks = targets(window)[0]["masks"]
    signal, noise = (
        np.abs(TRANSFORM(tf.constant(w)).numpy().astype(np.complex128))
        for w in (clean, mixture - clean)
    )
    clear = signal + noise > 1e-3
    np.testing.assert_allclose(
        masks[..., 0][clear], (signal / (signal + noise + 1e-30))[clear], atol=1e-3
    )
    nothing = signal + noise == 0
    assert nothing.any() == (case != "two_events")
    assert not masks[..., 0][nothing].any() and (masks[..., 1][nothing] == 1).all()


def test_the_true_mask_gives_the_clean_waveform_back_and_the_ratio_mask_comes_near():
    window = noisy(CASES["two_events"])
    mixture, clean = parts(window)
    spectrum, signal = (TRANSFORM(tf.constant(w)) for w in (mixture, clean))
    true = signal / spectrum
    assert np.isfinite(true).all()
    back = TRANSFORM.inverse(spectrum * true, SAMPLES)
    np.testing.assert_allclose(back, clean, atol=1e-5)
    values, _ = targets(window)
    np.testing.assert_array_equal(values["pair"], clean)
    mask = tf.cast(values["masks"][..., 0], tf.complex64)
    masked = TRANSFORM.inverse(spectrum * mask, SAMPLES).numpy()
    # Better than the best that one factor a component can do.
    factor = (mixture * clean).sum(axis=0) / (mixture * mixture).sum(axis=0)
    error = [np.mean((wave - clean) ** 2) for wave in (mixture, factor * mixture, masked)]
    assert error[2] < 0.5 * error[1] < 0.5 * error[0]
    rest = TRANSFORM.inverse(spectrum * tf.cast(values["masks"][..., 1], tf.complex64), SAMPLES)
    np.testing.assert_allclose(masked + rest, mixture, atol=1e-5)


@pytest.mark.parametrize("case", ["two_events", "gaps", "padded"])
def test_a_pair_and_its_noise_make_the_mixture(case):
    window, valid = noisy(CASES[case]), CASES[case]["valid"]
    mixture, _ = parts(window)
    pair = targets(window)[0]["pair"]
    raw = [np.ma.array(window[n].numpy(), np.float64, mask=~valid) for n in ("waveform",)]
    raw.append(np.ma.array(CASES[case]["waveform"], np.float64, mask=~valid))
    gain = 1 / raw[0].std(axis=0)
    noise = raw[0] - raw[1]
    np.testing.assert_allclose(
        mixture - pair, (gain * (noise - noise.mean(axis=0))).filled(0), atol=1e-4
    )


def test_windows_without_an_event_are_noise_as_a_whole():
    cropped = labels.crop(noisy(CASES["p_and_s"]), tf.constant(620), 150)
    cases = [noisy(CASES["noise"]), cropped]
    for window in cases:
        window = {n: v for n, v in window.items()}
        values, weights = labelled(TARGETS, normalised(window, "std"), RATE)
        assert not values["pair"].numpy().any() and not values["masks"].numpy()[..., 0].any()
        assert weights["pair"].numpy().all() and weights["masks"] == 1


def test_weights_are_0_where_nothing_is_valid_or_known():
    values, weights = targets(noisy(CASES["gaps"]))
    assert not weights["pair"][100:130].any() and weights["pair"].sum() == SAMPLES - 45
    unknown = make(quakes=[Quake(p=-200.0, s=-150.0, coda=NAN)])
    _, weights = targets(noisy(unknown))
    assert not weights["pair"].any() and weights["masks"] == 0


def test_each_parameter_gives_another_layout_and_bad_ones_are_refused():
    window = normalised(noisy(CASES["p_and_s"]), "std")
    shapes = [
        DenoiseMasks(*given)(window).shape for given in ((), (40, 15), (30, 10), (30, 15, 64))
    ]
    # SPEC's 800 samples and half a frame on both sides, in whole hops.
    assert shapes[0] == (1 + -(-800 // 15), 31, 3, 2) and shapes[2] == (81, 31, 3, 2)
    assert shapes[3] == (shapes[0][0], 33, 3, 2)
    other = DenoiseMasks(40, 15)(window).numpy(), DenoiseMasks()(window).numpy()
    assert (other[0] != other[1]).any()
    for wrong in ({"hop_samples": 16}, {"fft_samples": 28}, {"fft_samples": 61}):
        with pytest.raises(
            UserError, match=f"{next(iter(wrong))}: got {next(iter(wrong.values()))}"
        ):
            build(DenoiseMasks, wrong, "targets")
    assert target_pairs(TARGETS) == ("clean_waveform",)
