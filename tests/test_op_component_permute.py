"""Permuted components, against Python's permutations."""

from itertools import permutations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from scipy.stats import chisquare

from augment_ops.component_permute import ComponentPermute
from augment_ops.core.steps import with_pairs
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    one_step,
)
from tests.windows import CASES, SPEC, make, picks_of, tensors, windows

ALL = one_step(ComponentPermute())
SWAP = one_step(ComponentPermute("horizontals"))
ORDERS = list(permutations(range(3)))
EPOCHS = 300


def check(made, window):
    """Check that components and validity have moved as drawn, and what became of labels."""
    drawn = made.pop("step/order")
    if np.isnan(drawn):
        assert_same(made, window, ["event_snr_db"])
        return None
    order = list(ORDERS[int(drawn)])
    for name in ("waveform", "valid"):
        np.testing.assert_array_equal(made[name], window[name][:, order])
    kept = order[2] == 2
    for key, (at, polarity) in picks_of(window).items():
        assert picks_of(made)[key] == (at, polarity if kept else 0)
    moved = ["waveform", "valid", "pick_polarity", "event_back_azimuth_deg", "event_snr_db"]
    assert_same(made, window, moved)
    return tuple(order)


@pytest.mark.parametrize("case", CASES)
def test_components_move_with_their_validity(case):
    alive = CASES[case]["valid"].any(axis=0)
    for steps in (ALL, SWAP):
        for made in assert_sound(steps, CASES[case]):
            order = check(made, CASES[case])
            assert steps is ALL or order == ((1, 0, 2) if alive[:2].any() else None)
            assert order is None or order != (0, 1, 2)


@given(windows())
def test_any_window_stays_sound(window):
    for steps in (ALL, SWAP):
        for made in assert_sound(steps, window, epochs=2):
            check(made, window)


def test_a_swap_of_dead_components_is_none():
    out = compiled(ALL, CASES["z_only"], epochs=EPOCHS)
    drawn = out["step/order"]
    left = np.isnan(drawn)
    assert left.any() and (out["valid"][left] == CASES["z_only"]["valid"]).all()
    assert ORDERS.index((1, 0, 2)) not in drawn
    assert (out["valid"][~left] != CASES["z_only"]["valid"]).any(axis=(1, 2)).all()


def test_every_other_order_is_drawn_alike():
    drawn = compiled(ALL, CASES["p_and_s"], epochs=EPOCHS)["step/order"]
    index, counts = np.unique(drawn, return_counts=True)
    assert index.tolist() == [n for n, order in enumerate(ORDERS) if order != (0, 1, 2)]
    assert chisquare(counts).pvalue > 0.001


def test_back_azimuths_are_mirrored_or_unknown():
    known = np.array([30.0, 200.0, np.nan])
    ways = np.stack([np.sin(np.radians(known)), np.cos(np.radians(known))])
    window = {**CASES["two_events"], "event_back_azimuth_deg": known.astype(np.float32)}
    out = compiled(ALL, window, epochs=64)
    for drawn, azimuth in zip(out["step/order"], out["event_back_azimuth_deg"]):
        order = ORDERS[int(drawn)]
        if order[2] == 2:
            turned = np.degrees(np.arctan2(*ways[list(order[:2])])) % 360
            np.testing.assert_allclose(azimuth, turned, rtol=1e-6)
        else:
            assert np.isnan(azimuth).all()


def test_pairs_move_too():
    held = with_pairs(tensors(make()), ("clean_waveform", "clipped"))
    clipped = np.zeros((SPEC.samples, 3), bool)
    clipped[5, 0] = clipped[7, 2] = True
    given_ = {**held, "clipped": tf.constant(clipped)}
    made = ComponentPermute()(given_, tf.constant([1, 2], tf.int64))
    order = list(ORDERS[int(made["order"])])
    np.testing.assert_array_equal(made["clean_waveform"], made["waveform"])
    np.testing.assert_array_equal(made["clipped"], clipped[:, order])


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(ALL, CASES["gaps"])
    assert changes(ALL, CASES["p_and_s"], epochs=64) == len(ORDERS) - 1
