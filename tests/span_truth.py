"""What a filter should make of each component's recorded span, by NumPy alone."""

import numpy as np
import tensorflow as tf

from tests.run_steps import assert_same
from tests.windows import CASES, tensors

SEED = tf.constant([3, 4], tf.int64)


def by_span(window, function):
    """Return function(samples from the first recorded to the last) for each component.

    Straight lines bridge the gaps before; what is not valid is 0 after.
    """
    made = np.zeros(window["waveform"].shape)
    for component, valid in enumerate(window["valid"].T):
        at = np.flatnonzero(valid)
        if at.size:
            known = window["waveform"][at, component].astype(np.float64)
            span = np.arange(at[0], at[-1] + 1)
            made[span, component] = function(np.interp(span, at, known))
    return np.where(window["valid"], made, 0.0)


def assert_close(made, truth, tolerance=2e-7):
    """Check a waveform against its truth, as a share of its largest sample."""
    np.testing.assert_allclose(made, truth, rtol=0, atol=tolerance * max(np.abs(truth).max(), 1e-9))


def assert_labels_stay(made, window):
    """Check that only the samples changed."""
    made = {name: value for name, value in made.items() if "/" not in name}
    assert_same(made, window, ["waveform", "event_snr_db"])


def assert_pairs_follow(op):
    """Check that a kept pair is treated as the waveform is, also in a gap of the waveform."""
    whole, gappy = CASES["p_and_s"], CASES["gaps"]
    pairs = {"clean_waveform": tf.constant(whole["waveform"]), "clipped": tf.zeros((800, 3), bool)}
    out = op({**tensors(gappy), **pairs}, SEED)
    np.testing.assert_array_equal(out["clean_waveform"], op(tensors(whole), SEED)["waveform"])
    np.testing.assert_array_equal(out["waveform"], op(tensors(gappy), SEED)["waveform"])
