"""TensorFlow ops on one window: augmentations, and training targets under `targets`.

One file an op, found by its name: ``superpose_noise.py`` holds the frozen dataclass
``SuperposeNoise``. An op takes one unbatched window (a dict of tensors of static shape, as
`schemas.window` describes it) and a seed, and returns a window. It

- draws with `augment_ops.core.draws` only, so that its draws follow from its seed alone;
- moves the labels with the samples, through `augment_ops.core.labels`;
- leaves samples that are not valid at zero, and says in ``valid`` what it made invalid;
- names what it drew in ``draws`` and returns each as a float32 scalar under that name;
- names in ``needs`` the partners that it wants, and finds them in the window under that role,
  stacked: ``window["noise"]["waveform"]`` is [N, T, 3]; an unused place has an empty id.

Imports TensorFlow, NumPy and `schemas` only.
"""
