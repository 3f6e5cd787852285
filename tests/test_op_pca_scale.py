"""PCA scale, against NumPy's covariance and eigenvectors."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from scipy.stats import kstest

from augment_ops.core.steps import with_pairs
from augment_ops.pca_scale import PcaScale
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, SPEC, TWO, Quake, make, picks_of, tensors, windows

STD = 0.4
PCA = one_step(PcaScale(STD))
NAMES = ("step/alpha_1", "step/alpha_2", "step/alpha_3")
# Three sines in quadrature over whole periods: exactly the same variance on each axis.
PHASES = np.outer(2 * np.pi * np.arange(SPEC.samples) / 8, [1, 1, 2]) + [0, np.pi / 2, 0]


def stretched(window, alphas):
    """Return what the samples become, one axis after another, and which count."""
    live = np.flatnonzero(window["valid"].any(axis=0))
    whole = window["valid"][:, live].all(axis=1)
    wave = window["waveform"].astype(np.float64)
    inside = wave[np.ix_(whole, live)]
    covariance = np.atleast_2d(np.cov(inside.T, bias=True)) if whole.any() else None
    if covariance is None or not np.trace(covariance) > 0:
        return None, whole
    variances, axes = np.linalg.eigh(covariance)
    out = np.zeros_like(wave)
    for rank, axis in enumerate(axes.T[np.argsort(-variances)]):
        along = inside @ axis
        out[np.ix_(whole, live)] += np.exp(alphas[rank]) * np.outer(along, axis)
    return out, whole


def check(made, window):
    alphas = np.array([made.pop(name) for name in NAMES], np.float64)
    expected, whole = stretched(window, alphas)
    live = window["valid"].any(axis=0)
    if expected is None:
        assert np.isnan(alphas).all()
        assert_same(made, window, ["event_snr_db"])
        return
    np.testing.assert_array_equal(np.isfinite(alphas), np.arange(3) < live.sum())
    np.testing.assert_array_equal(made["valid"], whole[:, None] & live)
    assert not made["waveform"][:, ~live].any()
    # Of two samples any direction has an axis of no variance: eigenvectors are loose there.
    if whole.sum() > 10:
        close = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(made["waveform"], expected, atol=close)
    for key, (at, polarity) in picks_of(window).items():
        kept = picks_of(made)
        assert (key in kept) == made["valid"][int(np.round(at))].any()
        assert kept.get(key, (at, polarity))[0] == at


@pytest.mark.parametrize("case", CASES)
def test_motion_is_stretched_along_the_axes_of_numpy(case):
    for made in assert_sound(PCA, CASES[case]):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(PCA, window, epochs=2):
        check(made, window)


def with_motion(wave, **kwargs):
    window = make(quakes=[Quake()], **kwargs)
    return {**window, "waveform": np.where(window["valid"], wave, 0).astype(np.float32)}


def test_a_line_of_motion_stays_one_and_has_the_drawn_gain():
    ray = np.array([1.0, 2.0, -2.0]) / 3
    window = with_motion(np.random.default_rng(1).normal(size=(SPEC.samples, 1)) * ray)
    for made in rows(compiled(PCA, window)):
        gain = np.exp(np.float64(made[NAMES[0]]))
        np.testing.assert_allclose(made["waveform"], gain * window["waveform"], atol=1e-5)


def test_axes_that_cannot_be_told_apart_share_one_gain():
    window = with_motion(np.sin(PHASES))
    for made in rows(compiled(PCA, window)):
        assert made[NAMES[0]] == made[NAMES[1]] == made[NAMES[2]]
        gain = np.exp(np.float64(made[NAMES[0]]))
        np.testing.assert_allclose(made["waveform"], gain * window["waveform"], atol=1e-6)
    # Two alike and one larger: NumPy's choice of axes in the plane has no say either.
    two = with_motion(np.sin(PHASES) * [1, 1, 3])
    for made in rows(compiled(PCA, two)):
        assert made[NAMES[1]] == made[NAMES[2]] != made[NAMES[0]]
        check(made, two)


@pytest.mark.parametrize("order", [[1, 0, 2], [2, 1, 0], [1, 2, 0]])
@pytest.mark.parametrize("signs", [[1, 1, 1], [-1, 1, -1]])
def test_names_and_signs_of_components_have_no_say(order, signs):
    for wave in (CASES["p_and_s"]["waveform"], np.sin(PHASES), np.sin(PHASES) * [1, 1, 3]):
        there, here = (compiled(PCA, with_motion(each)) for each in (wave[:, order] * signs, wave))
        back = there["waveform"] / np.array(signs)
        close = 1e-5 * np.abs(wave).max()
        np.testing.assert_allclose(back, here["waveform"][:, :, order], atol=close)


def test_dead_and_doubled_components_mix_with_no_others():
    wave = np.random.default_rng(1).normal(size=(SPEC.samples, 1)) * [1, 1, 1]
    window = with_motion(wave, live=(1, 0, 1))
    for made in rows(compiled(PCA, window)):
        assert not made["waveform"][:, 1].any() and not made["valid"][:, 1].any()
        gain = np.exp(np.float64(made[NAMES[0]]))
        np.testing.assert_allclose(made["waveform"], gain * window["waveform"], atol=1e-5)


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(make(quakes=[Quake()], scale=0.0), id="silence"),
        pytest.param(
            make(gaps=[(0, 400, 0), (400, SPEC.samples, 1)]), id="never all components at once"
        ),
    ],
)
def test_where_there_are_no_axes_the_window_is_untouched(window):
    for made in rows(compiled(PCA, window, epochs=2)):
        check(made, window)
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_alphas_are_normal():
    out = compiled(PCA, make(quakes=TWO), epochs=300)
    for name in NAMES:
        assert kstest(out[name] / STD, "norm").pvalue > 0.001


def test_pairs_are_stretched_too():
    held = with_pairs(tensors(CASES["p_and_s"]), ("clean_waveform", "clipped"))
    clipped = np.zeros((SPEC.samples, 3), bool)
    clipped[5, 1] = True
    made = PcaScale()({**held, "clipped": tf.constant(clipped)}, tf.constant([1, 2], tf.int64))
    np.testing.assert_array_equal(made["clean_waveform"], made["waveform"])
    assert made["clipped"].numpy().sum(axis=1).tolist() == (3 * clipped.any(axis=1)).tolist()


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(PCA, CASES["gaps"])
    assert changes(PCA, CASES["p_and_s"]) == 8
