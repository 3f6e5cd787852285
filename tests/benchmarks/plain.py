"""The ops' work on samples in plain NumPy and SciPy: what a script would do, without labels.

Each takes a generator, a waveform float32 [T, 3], the sample of P, and a second waveform, and
returns a waveform. Parameters are the ops' defaults.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

RATE_HZ = 100.0


def _at_snr(wave, noise, p, snr_db):
    """Return the mixture whose SNR about P is `snr_db`, as the ops solve it."""
    slices = slice(p, p + 500), slice(p - 550, p - 50)
    ratio = 10 ** (snr_db / 10)
    own, cross, added = (
        [np.mean(a[part].astype(np.float64) * b[part]) for part in slices]
        for a, b in ((wave, wave), (wave, noise), (noise, noise))
    )
    roots = np.roots([x[0] - ratio * x[1] for x in (added, [2 * c for c in cross], own)])
    good = [root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0]
    return wave + np.float32(min(good, default=0.0)) * noise


def _coloured(rng, shape, slope):
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0)
    frequency = np.fft.rfftfreq(shape[0])
    frequency[0] = frequency[1]
    noise = np.fft.irfft(spectrum * frequency[:, None] ** (slope / 2), shape[0], axis=0)
    return (noise / noise.std(axis=0)).astype(np.float32)


def _filtered(wave, band, kind, order):
    sos = signal.butter(order, band, kind, fs=RATE_HZ, output="sos")
    return signal.sosfilt(sos, wave, axis=0).astype(np.float32)


def _bandpass(rng, wave, p, other):
    centre = np.exp(rng.uniform(np.log(1), np.log(15)))
    half = 2 ** (rng.uniform(1.5, 3) / 2)
    return _filtered(wave, (centre / half, min(centre * half, 0.45 * RATE_HZ)), "bandpass", 4)


def _gap(rng, wave, p, other):
    out = wave.copy()
    for _ in range(rng.integers(1, 3)):
        size = int(np.exp(rng.uniform(np.log(0.1), np.log(3))) * RATE_HZ)
        start = rng.integers(0, len(wave) - size)
        out[start : start + size] = 0
    return out


def _frequency_mask(rng, wave, p, other):
    spectrum = np.fft.rfft(wave, axis=0)
    low = np.exp(rng.uniform(0, np.log(20)))
    frequency = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    inside = np.clip(np.minimum(frequency - low + 0.5, low + 2.5 - frequency) / 0.5, 0, 1)
    return np.fft.irfft(spectrum * (1 - inside)[:, None], len(wave), axis=0).astype(np.float32)


def _stretch(rng, wave, p, other):
    factor = np.exp(rng.uniform(np.log(0.8), np.log(1.25)))
    out = signal.resample(wave, round(len(wave) * factor), axis=0)
    return out[: len(wave)].astype(np.float32)


def _frequency_stretch(rng, wave, p, other):
    factor = np.exp(rng.uniform(np.log(0.8), np.log(1.25)))
    _, _, frames = signal.stft(wave.T, nperseg=128, noverlap=96)
    place = np.arange(0, frames.shape[-1] - 1, 1 / factor)
    first = place.astype(int)
    size, angle = np.abs(frames), np.angle(frames)
    # Bins step on by a quarter of their number's turn from frame to frame.
    steady = 0.5 * np.pi * np.arange(frames.shape[1])[:, None]
    step = np.diff(angle, axis=-1) - steady
    step = (step + np.pi) % (2 * np.pi) - np.pi + steady
    turned = angle[..., :1] + np.cumsum(step[..., first], axis=-1)
    share = place - first
    size = (1 - share) * size[..., first] + share * size[..., first + 1]
    _, long = signal.istft(size * np.exp(1j * turned), nperseg=128, noverlap=96)
    return signal.resample(long, len(wave), axis=-1).T.astype(np.float32)


def _rotate(rng, wave, p, other):
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    out = wave.copy()
    out[:, :2] = wave[:, :2] @ turn.astype(np.float32)
    return out


def _pca(rng, wave, p, other):
    _, axes = np.linalg.eigh(np.cov(wave.T))
    scale = np.diag(np.exp(rng.normal(0, 0.2, 3)))
    return (wave @ (axes @ scale @ axes.T)).astype(np.float32)


def _resampled(rng, wave, p, other):
    factor = int(rng.choice([2, 4, 5]))
    low = signal.resample_poly(wave, 1, factor, axis=0)
    return signal.resample_poly(low, factor, 1, axis=0)[: len(wave)].astype(np.float32)


def _superpose_event(rng, wave, p, other):
    ratio = np.exp(rng.uniform(np.log(0.1), np.log(2))) * np.abs(wave).max() / np.abs(other).max()
    shift = rng.integers(-p, len(wave) - p)
    out = wave.copy()
    a, b = max(shift, 0), min(len(wave) + shift, len(wave))
    out[a:b] += np.float32(ratio) * other[a - shift : b - shift]
    return out


def _impulses(rng, wave, p, other):
    out = wave.copy()
    for _ in range(rng.integers(1, 6)):
        at, size = rng.integers(0, len(wave)), np.abs(wave).max() * rng.uniform(0.2, 3)
        burst = np.exp(-np.arange(len(wave) - at) / (rng.uniform(0.05, 1) * RATE_HZ))
        out[at:, rng.integers(3)] += size * burst * rng.normal(size=len(burst))
    return out


def _steps(rng, wave, p, other):
    out = wave.copy()
    for _ in range(rng.integers(1, 3)):
        out[rng.integers(0, len(wave)) :, rng.integers(3)] += rng.uniform(1, 10) * wave.std()
    return out


def _drop(rng, wave, p, other):
    out = wave.copy()
    out[:, rng.permutation(3)[: rng.integers(1, 3)]] = 0
    return out


def _shift(rng, wave, p, other):
    start = rng.integers(max(p - 2900, 0), min(p - 100, len(wave) - 3000) + 1)
    return wave[start : start + 3000]


def _clip(rng, wave, p, other):
    level = np.abs(wave).max() * rng.uniform(0.2, 0.8)
    return np.clip(wave, -level, level)


def _taper(rng, wave, p, other):
    return wave * signal.windows.tukey(len(wave), 2 * rng.uniform(0.01, 0.1))[:, None]


def _gain(span_db):
    def run(rng, wave, p, other):
        size = (1, 3) if span_db < 10 else ()
        return wave * (10 ** (rng.uniform(-span_db, span_db, size) / 20)).astype(np.float32)

    return run


def _mixup(rng, wave, p, other):
    share = np.float32(rng.beta(0.4, 0.4))
    return share * wave + (1 - share) * other * np.float32(wave.std() / other.std())


PLAIN = {
    "amplitude_scale": _gain(20.0),
    "bandpass": _bandpass,
    "channel_dropout": _drop,
    "clip": _clip,
    "colored_noise": lambda rng, wave, p, other: _at_snr(
        wave, _coloured(rng, wave.shape, rng.uniform(-2, 0)), p, rng.uniform(3, 20)
    ),
    "component_gain": _gain(6.0),
    "component_permute": lambda rng, wave, p, other: wave[:, rng.permutation(3)].copy(),
    "data_gap": _gap,
    "frequency_mask": _frequency_mask,
    "frequency_stretch": _frequency_stretch,
    "highpass": lambda rng, wave, p, other: _filtered(wave, rng.uniform(0.1, 5), "highpass", 2),
    "impulse_noise": _impulses,
    "lowpass": lambda rng, wave, p, other: _filtered(wave, rng.uniform(4, 30), "lowpass", 2),
    "mixup": _mixup,
    "pca_scale": _pca,
    "polarity_flip": lambda rng, wave, p, other: -wave,
    "random_shift": _shift,
    "resample_rate": _resampled,
    "rotate_horizontals": _rotate,
    "step_glitch": _steps,
    "superpose_event": _superpose_event,
    "superpose_noise": lambda rng, wave, p, other: _at_snr(wave, other, p, rng.uniform(3, 20)),
    "taper": _taper,
    "time_stretch": _stretch,
    "white_noise": lambda rng, wave, p, other: _at_snr(
        wave, rng.normal(size=wave.shape).astype(np.float32), p, rng.uniform(3, 20)
    ),
    "zero_mask": _gap,
}
