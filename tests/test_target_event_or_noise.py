"""Event or noise, against the events' spans."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from augment_ops.core import labels
from augment_ops.core.targets import labelled
from augment_ops.mixup import Mixup
from augment_ops.targets.event_or_noise import EventOrNoise
from tests.windows import CASES, NAN, RATE, SPEC, TWO, Quake, make, tensors, windows

RUN = tf.function(
    lambda window: labelled({"shaken": EventOrNoise()}, window, RATE), autograph=False
)


def target(window):
    values, weights = RUN(window if tf.is_tensor(window["weight"]) else tensors(window))
    assert values["shaken"].shape == (1,) and weights["shaken"].shape == ()
    return values["shaken"].numpy()[0], weights["shaken"].numpy()


@given(windows(quakes=(0, 3)))
def test_any_window_with_an_onset_in_it_is_an_event_and_noise_is_none(window):
    spans = [window[f"event_{name}_sample"] for name in ("p", "s", "coda_end")]
    inside = [(at >= 0) & (at <= SPEC.samples - 1) for at in spans[:2]]
    assert target(window) == (float(np.any(inside)), 1.0)


@pytest.mark.parametrize(
    "quake, expected",
    [
        pytest.param(Quake(), (1, 1), id="whole"),
        pytest.param(Quake(-200.0, -150.0, 0.0), (1, 1), id="the coda's end at the first sample"),
        pytest.param(Quake(-200.0, -150.0, -1.0), (0, 1), id="over before the window"),
        pytest.param(Quake(-200.0, -150.0, 2000.0), (1, 1), id="coda throughout"),
        pytest.param(Quake(799.0, 900.0, 999.0), (1, 1), id="P at the last sample"),
        pytest.param(Quake(800.0, 900.0, 999.0), (0, 1), id="after the window"),
        pytest.param(Quake(NAN, 400.0, NAN), (1, 1), id="S alone"),
        pytest.param(Quake(-200.0, -150.0, NAN), (0, 0), id="no one knows when it ended"),
        pytest.param(Quake(900.0, 950.0, NAN), (0, 1), id="its end does not matter"),
        pytest.param(Quake(NAN, NAN, 300.0), (0, 0), id="no onset"),
    ],
)
def test_spans_that_reach_the_window_and_those_that_do_not(quake, expected):
    assert target(make(quakes=[quake])) == expected
    # Beside an event that is there, what is not known changes nothing.
    there = Quake(500.0, 550.0, 600.0, "there")
    assert target(make(quakes=[quake, there])) == (1, 1)


@pytest.mark.parametrize("start, there", [(0, 0), (250, 0), (251, 1), (600, 1), (601, 0)])
def test_a_crop_beside_the_event_is_noise(start, there):
    window = make(quakes=[Quake(400.0, 460.0, 600.0)])
    assert target(labels.crop(tensors(window), tf.constant(start), 150)) == (there, 1)


@pytest.mark.parametrize("kind", [b"noise", b"hard_negative"])
def test_noise_and_hard_negatives_are_none(kind):
    assert target({**CASES["noise"], "kind": np.array(kind, object)}) == (0, 1)


def test_what_was_mixed_up_counts_by_its_share():
    def mixed(role, quakes=()):
        partner = make(quakes=quakes, seed=9, window_id="partner")
        stacked = {name: value[None] for name, value in tensors(partner).items()}
        window = {**tensors(CASES["p_and_s"]), role: stacked}
        return Mixup(1.0, role)(window, tf.constant([1, 2], tf.int64))

    made = mixed("noise")
    assert 0 < made["lambda"] < 1 and target(made) == (made["lambda"], 1)
    # Two events of one partner share what it has, and all that is there shakes.
    made = mixed("event", TWO)
    assert np.isfinite(made["event_weight"]).all()
    np.testing.assert_allclose(target(made), (1, 1), rtol=1e-6)
    # Where a crop leaves one of the two windows' events, its share is what shakes.
    made = {n: v for n, v in made.items() if n in tensors(CASES["noise"])}
    alone = labels.crop(made, tf.constant(700), 90)
    assert target(alone) == (0, 1)
    first = labels.crop(made, tf.constant(200), 150)
    np.testing.assert_allclose(target(first)[0], made["event_weight"][1], rtol=1e-6)
