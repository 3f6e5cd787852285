"""Short-time Fourier transforms that come back exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class ShortTimeFourier:
    """Spectra of frames under a periodic Hann window, from one centred on the first sample on.

    Zeros at both ends make the frames whole, and every sample lies within one at least, so that
    `inverse` returns all of them; of a spectrum that is no wave's, the wave whose spectrum is
    nearest to it (Griffin & Lim 1984). The layout, but for its order and scale, is that of
    ``scipy.signal.stft``.

    Args:
        frame: samples a frame.
        hop: samples from one frame to the next, at most half of a frame.
        size: samples of the transform, a frame and zeros behind it.
    """

    frame: int
    hop: int
    size: int

    def frames(self, samples: int) -> int:
        """Return how many frames so many samples have."""
        return 1 - (self.frame - samples - 2 * (self.frame // 2)) // self.hop

    def __call__(self, wave: tf.Tensor) -> tf.Tensor:
        """Return complex64 [..., frames, size / 2 + 1, C] of a float32 wave [..., T, C]."""
        samples, lead = wave.shape[-2], self.frame // 2
        behind = self._length(samples) - lead - samples
        padded = tf.pad(wave, [[0, 0]] * (wave.shape.rank - 2) + [[lead, behind], [0, 0]])
        at = np.arange(self.frames(samples))[:, None] * self.hop + np.arange(self.frame)
        framed = tf.gather(padded, at, axis=-2) * self._window[:, None]
        return tf.linalg.matrix_transpose(
            tf.signal.rfft(tf.linalg.matrix_transpose(framed), [self.size])
        )

    def inverse(self, spectrum: tf.Tensor, samples: int) -> tf.Tensor:
        """Return the float32 wave [..., T, C] of a spectrum [..., frames, bins, C].

        Args:
            spectrum: complex64; of a wave, or of one times a mask.
            samples: T.
        """
        framed = tf.signal.irfft(tf.linalg.matrix_transpose(spectrum), [self.size])
        framed = framed[..., : self.frame] * self._window
        # [..., frames, C, frame] to [..., C, frames, frame].
        axes = list(range(framed.shape.rank))
        axes[-3], axes[-2] = axes[-2], axes[-3]
        summed = tf.signal.overlap_and_add(tf.transpose(framed, axes), self.hop)
        lead = self.frame // 2
        there = slice(lead, lead + samples)
        return tf.linalg.matrix_transpose(summed[..., there] * self._share(samples)[there])

    def _length(self, samples: int) -> int:
        return self.frame + (self.frames(samples) - 1) * self.hop

    @property
    def _window(self) -> np.ndarray:
        turn = 2.0 * np.pi * np.arange(self.frame) / self.frame
        return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)

    def _share(self, samples: int) -> np.ndarray:
        """Return 1 over the sum of the squares of all windows at each sample."""
        total = np.zeros(self._length(samples))
        for number in range(self.frames(samples)):
            start = number * self.hop
            total[start : start + self.frame] += self._window.astype(np.float64) ** 2
        return (1.0 / np.where(total > 0.0, total, 1.0)).astype(np.float32)
