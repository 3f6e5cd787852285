"""Denoise masks: which part of each time and frequency is signal, and which is noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tensorflow as tf
from pydantic import Field

from augment_ops.core.clean import clean
from augment_ops.core.labels import Window
from augment_ops.core.stft import ShortTimeFourier

Samples = Annotated[int, Field(ge=2, le=2**16)]


@dataclass(frozen=True)
class DenoiseMasks:
    """Ratio masks of a short-time Fourier transform: |S| / (|S| + |N|) for signal S and noise N.

    S is the clean waveform's transform and N that of what the mixture has beside it, on each
    component. The two masks sum to 1; where there is neither, it is noise. A window without an
    event is noise as a whole. The weight is 0 where that is not known, or nothing is valid.

    `transform` makes a model's input spectra and turns masked ones back into waves.

    Args:
        frame_samples: samples of a frame, under a Hann window.
        hop_samples: samples from one frame to the next, at most half of a frame.
        fft_samples: samples of the transform, frame and zeros; half of it, plus 1, are the bins.

    Source: Zhu, Mousavi & Beroza (2019), DeepDenoiser: frames of 30 at 100 Hz, transforms of 60.
    """

    frame_samples: Samples = 30
    hop_samples: Annotated[int, Field(ge=1)] = 15
    fft_samples: Samples = 60

    pairs = ("clean_waveform",)

    def __post_init__(self) -> None:
        """Refuse frames that do not cover the samples, or that the transform cannot hold."""
        if 2 * self.hop_samples > self.frame_samples:
            raise ValueError(
                f"hop_samples: got {self.hop_samples}, expected at most half of "
                f"frame_samples {self.frame_samples}"
            )
        if self.fft_samples < self.frame_samples or self.fft_samples % 2:
            raise ValueError(
                f"fft_samples: got {self.fft_samples}, expected an even number from "
                f"frame_samples {self.frame_samples} on"
            )

    @property
    def transform(self) -> ShortTimeFourier:
        """The transform that the masks are of."""
        return ShortTimeFourier(self.frame_samples, self.hop_samples, self.fft_samples)

    def __call__(self, window: Window) -> tf.Tensor:
        """Return float32 [frames, bins, 3, 2]: of E, N, Z the signal's mask and the noise's."""
        signal = clean(window)[0]
        noise = window["waveform"] - signal
        both = tf.abs(self.transform(tf.concat([signal, noise], axis=-1)))
        signal, noise = both[..., :3], both[..., 3:]
        mask = tf.math.divide_no_nan(signal, signal + noise)
        return tf.stack([mask, 1.0 - mask], axis=-1)

    def weight(self, window: Window) -> tf.Tensor:
        """Return float32 []."""
        return tf.reduce_max(clean(window)[1])
