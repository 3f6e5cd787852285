"""Why an op is slower than its plain version, where it is: shown beside its row."""

_FRAME = "the frame alone takes longer"
_LABELS = "the frame; picks, events and validity follow"
_FILTER = "the frame; float64 spectra, padded until the slowest of the filters is silent"
REASONS = {
    "amplitude_scale": _FRAME,
    "bandpass": _FILTER,
    "channel_dropout": _FRAME,
    "clip": _FRAME + "; two pairs more to keep",
    "colored_noise": "the frame; slope exact at each bin, in float64",
    "component_gain": _FRAME,
    "component_permute": _FRAME,
    "data_gap": _FRAME,
    "frequency_mask": "the frame; float64 spectra, padded so that no end reaches the other",
    "frequency_stretch": "the frame; phases locked to peaks and onsets",
    "highpass": _FILTER,
    "impulse_noise": "the frame; normal draws for all of the window; peaks found, to be as drawn",
    "lowpass": _FILTER,
    "mixup": _LABELS,
    "pca_scale": "the frame; covariance in float64 over what is valid on all components",
    "polarity_flip": _FRAME,
    "random_shift": _FRAME,
    "resample_rate": "the frame; float64, the line through each span's ends taken off and put back",
    "rotate_horizontals": _FRAME,
    "step_glitch": _FRAME,
    "superpose_event": _LABELS + "; 64 places tried",
    "superpose_noise": "the frame; noise cropped where it is recorded, exact SNR",
    "taper": "the frame; each component over its own recorded span",
    "time_stretch": "the frame; 48 taps to a sample in float64, where the plain FFT wraps round",
    "white_noise": "the frame; TensorFlow's normal draws take longer than NumPy's",
    "zero_mask": _FRAME,
}
