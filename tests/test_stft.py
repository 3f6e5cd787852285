"""Short-time Fourier transforms, against SciPy's."""

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from augment_ops.core.stft import ShortTimeFourier

SHAPES = [(30, 15, 60, 3000), (32, 8, 32, 800), (31, 10, 64, 101), (100, 50, 128, 77), (2, 1, 2, 5)]


def wave(samples, lead=()):
    return np.random.default_rng(samples).normal(size=(*lead, samples, 3)).astype(np.float32)


def scipys(samples, frame, hop, size):
    """Return SciPy's spectra, [frames, bins, C], of a window whose sum they are divided by."""
    window = scipy.signal.get_window("hann", frame)
    _, _, spectra = scipy.signal.stft(
        samples.astype(np.float64), window=window, nperseg=frame, noverlap=frame - hop, nfft=size,
        axis=0,
    )  # fmt: skip
    return np.moveaxis(spectra, (0, 1, 2), (1, 2, 0)) * window.sum()


# SciPy shortens frames that are longer than the samples.
@pytest.mark.parametrize("frame, hop, size, samples", [s for s in SHAPES if s[3] >= s[0]])
def test_spectra_are_scipys(frame, hop, size, samples):
    given = wave(samples)
    found = ShortTimeFourier(frame, hop, size)(tf.constant(given))
    expected = scipys(given, frame, hop, size)
    assert found.dtype == tf.complex64 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_spectra_are_those_of_scipys_short_time_fft():
    frame, hop, size, samples = SHAPES[0]
    given = wave(samples)
    window = scipy.signal.get_window("hann", frame)
    # Phases from a frame's first sample on, as here.
    truth = scipy.signal.ShortTimeFFT(window, hop, 1.0, mfft=size, phase_shift=None)
    expected = truth.stft(given.astype(np.float64), p0=0, p1=samples // hop + 1, axis=0)
    found = ShortTimeFourier(frame, hop, size)(tf.constant(given)).numpy()
    np.testing.assert_allclose(found, np.moveaxis(expected, -1, 0), atol=2e-5)


@pytest.mark.parametrize("frame, hop, size, samples", SHAPES)
def test_the_inverse_is_exact_up_to_both_ends(frame, hop, size, samples):
    transform = ShortTimeFourier(frame, hop, size)
    given = wave(samples)
    back = transform.inverse(transform(tf.constant(given)), samples)
    assert back.shape == given.shape
    np.testing.assert_allclose(back, given, atol=1e-5)


@given(st.integers(2, 40), st.integers(1, 20), st.integers(0, 20), st.integers(1, 200))
def test_any_layout_comes_back(frame, hop, more, samples):
    transform = ShortTimeFourier(frame, min(hop, frame // 2), frame + frame % 2 + 2 * more)
    spectra = transform(tf.constant(wave(samples)))
    assert spectra.shape[0] == transform.frames(samples)
    np.testing.assert_allclose(transform.inverse(spectra, samples), wave(samples), atol=2e-5)


def test_batches_and_graphs_make_the_same():
    transform = ShortTimeFourier(30, 15, 60)
    batch = wave(300, (2, 4))
    spectra = tf.function(transform, autograph=False)(tf.constant(batch))
    for row in np.ndindex(2, 4):
        np.testing.assert_allclose(spectra[row], transform(tf.constant(batch[row])), atol=1e-5)
    np.testing.assert_allclose(transform.inverse(spectra, 300), batch, atol=1e-5)


def test_the_inverse_of_what_is_no_waves_spectrum_is_scipys():
    frame, hop, size, samples = SHAPES[0]
    mask = np.random.default_rng(1).random((201, 31, 3)).astype(np.float32)
    transform = ShortTimeFourier(frame, hop, size)
    masked = transform(tf.constant(wave(samples))).numpy() * mask
    window = scipy.signal.get_window("hann", frame)
    _, expected = scipy.signal.istft(
        np.moveaxis(masked, 2, 0) / window.sum(), window=window, nperseg=frame,
        noverlap=frame - hop, nfft=size, time_axis=1, freq_axis=2,
    )  # fmt: skip
    found = transform.inverse(tf.constant(masked), samples)
    np.testing.assert_allclose(found, expected.T[:samples], atol=1e-5)
