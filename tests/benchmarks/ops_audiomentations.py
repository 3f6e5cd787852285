"""Audiomentations' transforms on [3, T]: a script for an interpreter that has audiomentations.

Takes a file of float32 [N, 3, T], which `tests.benchmarks.ops` writes, and prints one JSON object
of windows per second by our ops' names. Parameters are as near as they can be said.
"""

from __future__ import annotations

import sys

import audiomentations as audio
import clock
import numpy as np


def main() -> None:
    """Time each on the file's windows."""
    waves = np.load(sys.argv[1])
    # Of full scale 1, as audio is.
    waves /= np.abs(waves).max(axis=(1, 2), keepdims=True)
    always = {"p": 1.0}
    transforms = {
        "amplitude_scale": lambda: audio.Gain(-20.0, 20.0, **always),
        "bandpass": lambda: audio.BandPassFilter(1.0, 15.0, 1.09, 1.99, 24, 24, **always),
        "clip": lambda: audio.ClippingDistortion(0, 40, **always),
        "colored_noise": lambda: audio.AddColorNoise(3.0, 20.0, -6.0, 0.0, **always),
        "data_gap": lambda: audio.TimeMask(0.001, 0.033, fade_duration=0.0, **always),
        "frequency_mask": lambda: audio.BandStopFilter(1.0, 20.0, 0.1, 0.5, 24, 24, **always),
        "frequency_stretch": lambda: audio.PitchShift(-4.0, 4.0, **always),
        "highpass": lambda: audio.HighPassFilter(0.1, 5.0, 12, 12, **always),
        "lowpass": lambda: audio.LowPassFilter(4.0, 30.0, 12, 12, **always),
        "polarity_flip": lambda: audio.PolarityInversion(**always),
        "time_stretch": lambda: audio.Resample(80, 125, **always),
        "white_noise": lambda: audio.AddGaussianSNR(3.0, 20.0, **always),
        "zero_mask": lambda: audio.TimeMask(0.005, 0.033, fade_duration=0.0, **always),
    }

    def applied(make):
        transform = None

        def one(wave: np.ndarray) -> None:
            nonlocal transform
            transform = transform or make()
            transform(wave, sample_rate=clock.RATE_HZ)

        return one

    clock.print_rates([(name, applied(make)) for name, make in transforms.items()], waves)


if __name__ == "__main__":
    main()
