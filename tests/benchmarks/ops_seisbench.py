"""SeisBench's augmentations on [3, T]: a script for an interpreter that has SeisBench.

Takes a file of float32 [N, 3, T], which `tests.benchmarks.ops` writes, and prints one JSON object
of windows per second by our ops' names. Parameters are as near as they can be said: its filters
have fixed corners, its gap any length, its noise a random peak and not an SNR.
"""

from __future__ import annotations

import sys

import clock
import numpy as np
import seisbench.generate as generate
import torch


class Noise:
    """Noise windows, as much of a data set as `RealNoise` asks for."""

    def __init__(self, waves: np.ndarray) -> None:
        """Keep the waves."""
        self.waves = waves

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.waves)

    def get_sample(self, index: int, *_, **__) -> tuple[np.ndarray, dict]:
        """Return one, and what is said of it."""
        return self.waves[index].copy(), {"trace_sampling_rate_hz": clock.RATE_HZ}


def main() -> None:
    """Time each on the file's windows."""
    torch.set_num_threads(1)
    waves = np.load(sys.argv[1])
    augmentations = {
        "bandpass": generate.Filter(4, (1.8, 8.5), "bandpass"),
        "channel_dropout": generate.ChannelDropout(),
        "data_gap": generate.AddGap(),
        "highpass": generate.Filter(2, 0.7, "highpass"),
        "lowpass": generate.Filter(2, 11.0, "lowpass"),
        "random_shift": generate.RandomWindow(windowlen=3000),
        "rotate_horizontals": generate.RotateHorizontalComponents(),
        "superpose_noise": generate.RealNoise(Noise(waves[::-1].copy())),
        "white_noise": generate.GaussianNoise(),
        "zero_mask": generate.AddGap(),
    }

    def applied(augmentation):
        said = {"trace_sampling_rate_hz": clock.RATE_HZ, "trace_component_order": "ENZ"}

        def one(wave: np.ndarray) -> None:
            augmentation({"X": (wave.copy(), dict(said))})

        return one

    clock.print_rates([(name, applied(each)) for name, each in augmentations.items()], waves)


if __name__ == "__main__":
    main()
