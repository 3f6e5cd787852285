"""First motion, against the vertical as NumPy cuts it."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from augment_ops.core import labels
from augment_ops.core.registry import build
from augment_ops.core.targets import labelled
from augment_ops.targets.first_motion import FirstMotion
from schemas.errors import UserError
from tests.windows import CASES, RATE, SPEC, Quake, make, tensors, windows

BEFORE, AFTER = 30, 50
OP = FirstMotion(BEFORE / RATE, AFTER / RATE)
RUN = tf.function(lambda window: labelled({"cut": OP}, window, RATE), autograph=False)


def cut(window):
    given = window if tf.is_tensor(window["weight"]) else tensors(window)
    values, weights = RUN(given)
    return values["cut"].numpy(), weights["cut"].numpy()


def expected(window):
    """Return the cut by its definition, or None."""
    held = window["pick_sample"][window["pick_phase"] == 1]
    if not held.size:
        return None
    at = int(np.round(held.min()))
    if at < BEFORE or at + AFTER > SPEC.samples:
        return None
    span = slice(at - BEFORE, at + AFTER)
    if not window["valid"][span, 2].all():
        return None
    wave = window["waveform"][span, 2].astype(np.float64)
    wave -= wave[:BEFORE].mean()
    return wave / np.abs(wave).max()


def check(window):
    value, weight = cut(window)
    assert value.shape == (BEFORE + AFTER, 1) and weight.shape == (1,)
    wanted = expected(window)
    assert weight == (wanted is not None)
    if wanted is None:
        assert not value.any()
    else:
        np.testing.assert_allclose(value[:, 0], wanted, atol=1e-5)
    return weight[0]


@given(windows())
def test_any_window_gives_the_cut_or_nothing(window):
    check(window)


def test_p_lies_where_it_should_wherever_it_was():
    for p in (30.0, 123.4, 400.0, 749.0):
        window = make(quakes=[Quake(p, p + 100, p + 200)], scale=0.0)
        window["waveform"][int(p) :, 2] = 5.0
        window["waveform"] += np.float32(1000.0)
        value, weight = cut(window)
        assert weight == 1
        np.testing.assert_array_equal(value[:, 0], np.arange(BEFORE + AFTER) >= BEFORE)


@pytest.mark.parametrize(
    "window, there",
    [
        pytest.param(CASES["p_and_s"], 1, id="whole"),
        pytest.param(CASES["noise"], 0, id="no P"),
        pytest.param(make(quakes=[Quake(p=29.0)]), 0, id="too early"),
        pytest.param(make(quakes=[Quake(p=751.0, s=790.0)]), 0, id="too late"),
        pytest.param(make(quakes=[Quake()], gaps=[(449, 450, 2)]), 0, id="Z has a gap"),
        pytest.param(make(quakes=[Quake()], gaps=[(450, 460, 2)]), 1, id="the gap is behind"),
        pytest.param(make(quakes=[Quake()], gaps=[(390, 410, 0)]), 1, id="E has a gap"),
        pytest.param(CASES["e_only"], 0, id="no Z"),
        pytest.param(make(quakes=[Quake()], scale=0.0), 0, id="silent"),
    ],
)
def test_where_it_is_cut_and_where_not(window, there):
    if window["waveform"].any():
        assert check(window) == there
    else:
        value, weight = cut(window)
        assert not value.any() and weight == there


def test_a_flip_turns_it_and_a_gain_does_not_change_it():
    window = CASES["p_and_s"]
    value, _ = cut(window)
    for factor in (-1.0, 1e-6, 3e4):
        moved = {**window, "waveform": window["waveform"] * np.float32(factor)}
        np.testing.assert_allclose(cut(moved)[0], np.sign(factor) * value, atol=1e-6)


def test_it_follows_a_crop():
    cropped = labels.crop(tensors(CASES["p_and_s"]), tf.constant(333), 400)
    np.testing.assert_array_equal(cut(cropped)[0], cut(CASES["p_and_s"])[0])


def test_the_share_of_the_event_is_its_weight():
    window = {**CASES["p_and_s"], "event_weight": np.array([0.3, np.nan, np.nan], np.float32)}
    assert cut(window)[1] == np.float32(0.3)


def test_lengths_that_cannot_be_cut_are_refused():
    window = tensors(CASES["p_and_s"])
    for op in (FirstMotion(0.01, 1.0), FirstMotion(1.0, 0.01), FirstMotion(30.0, 10.1)):
        with pytest.raises(UserError, match="first_motion.*expected"):
            labelled({"cut": op}, window, RATE)
    with pytest.raises(UserError, match="before_s"):
        build(FirstMotion, {"before_s": 0.0}, "targets")
