"""Targets of the first event: polarity, magnitude, distance, depth and back azimuth."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from augment_ops.core import labels
from augment_ops.core.targets import labelled, target_class
from tests.windows import CASES, NAN, RATE, SPEC, Quake, make, tensors, windows

FIELDS = {
    "magnitude": "event_magnitude",
    "distance": "event_distance_km",
    "depth": "event_depth_km",
    "back_azimuth": "event_back_azimuth_deg",
}
TARGETS = {name: target_class(name)() for name in ("polarity", *FIELDS)}
CLASSES = [1, -1, 0]
RUN = tf.function(lambda window: labelled(TARGETS, window, RATE), autograph=False)


def targets(window):
    values, weights = RUN(window if tf.is_tensor(window["weight"]) else tensors(window))
    return {n: v.numpy() for n, v in values.items()}, {n: w.numpy() for n, w in weights.items()}


def filled(window, seed=0):
    """Return a window whose events have numbers of their own in every field."""
    rng, window = np.random.default_rng(seed), dict(window)
    used = window["event_id"] != b""
    for field in FIELDS.values():
        drawn = rng.uniform(0.5, 359, SPEC.events).astype(np.float32)
        window[field] = np.where(used, drawn, np.float32(NAN))
    return window


def first_p(window):
    """Return the slot of the earliest P, or None."""
    held = [k for k, phase in enumerate(window["pick_phase"]) if phase == 1]
    return min(held, key=lambda k: window["pick_sample"][k], default=None)


def expected(window, field):
    slot = first_p(window)
    value = NAN if slot is None else window[field][window["pick_event"][slot]]
    return (float(value), 1.0) if np.isfinite(value) else (0.0, 0.0)


def check(window):
    values, weights = targets(window)
    slot = first_p(window)
    polarity = 0 if slot is None else window["pick_polarity"][slot]
    np.testing.assert_array_equal(values["polarity"], np.equal(CLASSES, polarity))
    assert weights["polarity"] == (slot is not None)
    for name, field in FIELDS.items():
        value, weight = expected(window, field)
        if name == "back_azimuth":
            angle = np.radians(value)
            value = [np.sin(angle), np.cos(angle)] if weight else [0.0, 0.0]
        np.testing.assert_allclose(values[name], np.atleast_1d(value), atol=1e-5)
        assert values[name].dtype == weights[name].dtype == np.float32
        assert weights[name] == weight and weights[name].shape == ()
    return values, weights


@given(windows(quakes=(0, 3)), st.integers(0, 99))
def test_any_window_has_those_of_its_earliest_p(window, seed):
    check(filled(window, seed))


def test_it_is_the_earliest_p_and_neither_the_first_slot_nor_the_largest():
    late, early = Quake(500.0, 550.0, 600.0, "large", 80.0, 1), Quake(100.0, 150.0, 200.0, "small")
    window = filled(make(quakes=[late, early]))
    window["event_magnitude"][:2] = 6.0, 1.5
    values, weights = check(window)
    assert values["magnitude"] == [1.5] and all(w == 1 for w in weights.values())


@pytest.mark.parametrize("polarity", CLASSES)
def test_each_polarity_is_a_class_with_weight_1(polarity):
    values, weights = check(make(quakes=[Quake(polarity=polarity)]))
    assert values["polarity"].argmax() == CLASSES.index(polarity) and weights["polarity"] == 1


@pytest.mark.parametrize("case", ["noise", "p_and_s"])
def test_what_is_unknown_is_0_with_weight_0(case):
    window = {**CASES[case]}
    for field in FIELDS.values():
        window[field] = np.full(SPEC.events, NAN, np.float32)
    values, weights = check(window)
    assert not any(values[name].any() or weights[name] for name in FIELDS)


def test_an_s_alone_or_a_p_that_a_crop_or_a_gap_took_names_no_first_event():
    window = filled(CASES["p_and_s"])
    assert all(targets(window)[1].values())
    cropped = labels.crop(tensors(window), tf.constant(410), 300)
    gap = labels.invalidate(tensors(window), labels.on_all(tf.range(800) // 10 == 40))
    assert labels.is_pick(cropped).numpy().any() and labels.is_pick(gap).numpy().any()
    for lost in (cropped, gap):
        values, weights = targets(lost)
        assert not any(weights.values())
        np.testing.assert_array_equal(values["polarity"], [0, 0, 1])


def test_the_next_event_is_first_once_a_crop_took_the_first():
    window = filled(CASES["two_events"])
    start = int(window["event_p_sample"][0]) + 1
    values, _ = targets(labels.crop(tensors(window), tf.constant(start), 400))
    assert values["magnitude"] == window["event_magnitude"][1] != window["event_magnitude"][0]


def test_weights_are_the_events_share_times_the_windows_weight():
    window = filled(CASES["two_events"])
    window["event_weight"] = np.array([0.25, 0.75, NAN], np.float32)
    window["weight"] = np.float32(3.0)
    assert set(targets(window)[1].values()) == {0.75}
