"""The training targets, against their closed forms in NumPy."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import augment_ops
from augment_ops.core import labels
from augment_ops.core.registry import build
from augment_ops.core.targets import build_targets, target_class, target_names
from augment_ops.targets.detection import Detection
from augment_ops.targets.phase_picks import PhasePicks
from schemas.errors import UserError
from schemas.recipe import Target
from schemas.window import P, S
from tests.windows import CASES, NAN, RATE, SPEC, TWO, Quake, make, tensors, windows

TIME = np.arange(SPEC.samples)
CURVES = {
    "gaussian": lambda away, width: np.exp(-((away / width) ** 2) / 2),
    "triangle": lambda away, width: np.clip(1 - np.abs(away) / width, 0, None),
    "box": lambda away, width: (np.abs(away) <= width).astype(float),
}
# At this rate a width of no whole number of samples: no sample lies on an edge.
WIDTH_S = 0.33


def target(op, window):
    """Return a target, made eagerly and in a graph alike."""
    value = op(tensors(window))
    # The rate is known when a graph is built.
    in_graph = tf.function(lambda given: op({**given, "sampling_rate_hz": tf.constant(RATE)}))
    np.testing.assert_allclose(in_graph(tensors(window)), value, atol=1e-6)
    return value.numpy()


def expected_picks(window, shape, width_s):
    phases = np.zeros((SPEC.samples, 2))
    for at, phase in zip(window["pick_sample"], window["pick_phase"]):
        if phase:
            curve = CURVES[shape](TIME - at.astype(np.float64), width_s * RATE)
            phases[:, phase - 1] = np.maximum(phases[:, phase - 1], curve)
    total = phases.sum(axis=1, keepdims=True)
    phases = np.where(total > 1, phases / np.maximum(total, 1), phases)
    return np.concatenate([phases, 1 - phases.sum(axis=1, keepdims=True)], axis=1)


def assert_probabilities(value, columns):
    assert value.shape == (SPEC.samples, columns) and value.dtype == np.float32
    assert (value >= 0).all() and (value <= 1).all()
    if columns > 1:
        np.testing.assert_allclose(value.sum(axis=1, dtype=np.float64), 1, atol=1e-6)


@pytest.mark.parametrize("shape", CURVES)
@pytest.mark.parametrize("case", CASES)
def test_phase_picks_are_their_closed_form(shape, case):
    value = PhasePicks(shape, WIDTH_S)(tensors(CASES[case])).numpy()
    assert_probabilities(value, 3)
    np.testing.assert_allclose(value, expected_picks(CASES[case], shape, WIDTH_S), atol=1e-5)


@given(windows(), st.sampled_from(list(CURVES)), st.sampled_from([0.05, 0.33, 4.0]))
def test_phase_picks_of_any_window_are_probabilities(window, shape, width_s):
    value = PhasePicks(shape, width_s)(tensors(window)).numpy()
    assert_probabilities(value, 3)
    if shape != "box":
        np.testing.assert_allclose(value, expected_picks(window, shape, width_s), atol=1e-5)


def test_every_shape_and_width_gives_another_curve():
    ops = [PhasePicks(shape, width) for shape in CURVES for width in (0.1, WIDTH_S)]
    assert len({target(op, CASES["p_and_s"]).tobytes() for op in ops}) == len(ops)


def test_whole_picks_reach_one_and_noise_is_the_rest():
    window = make(quakes=[Quake(p=100.0, s=200.0)])
    value = target(PhasePicks(), window)
    assert value[100, P - 1] == 1 and value[200, S - 1] == 1
    np.testing.assert_array_equal(value.argmax(axis=1)[[0, 100, 150, 200]], [2, 0, 2, 1])
    np.testing.assert_array_equal(target(PhasePicks(), CASES["noise"])[:, 2], 1)


def test_overlapping_p_and_s_share_the_whole():
    window = make(quakes=[Quake(p=100.0, s=102.0)])
    value = target(PhasePicks(width_s=1.0), window)
    np.testing.assert_allclose(value, expected_picks(window, "gaussian", 1.0), atol=1e-6)
    assert value[101, 0] == value[101, 1] == 0.5 and value[101, 2] == 0


def test_close_events_do_not_add_up():
    window = make(quakes=[Quake(100, NAN, NAN, "1"), Quake(103, NAN, NAN, "2")])
    value = target(PhasePicks(width_s=0.5), window)
    alone = make(quakes=[Quake(100, NAN, NAN, "1")])
    np.testing.assert_array_equal(value[:101, 0], target(PhasePicks(width_s=0.5), alone)[:101, 0])


@pytest.mark.parametrize("outside", [-1.0, SPEC.samples])
def test_a_pick_outside_leaves_no_tail(outside):
    window = {**CASES["p_only"]}
    window["pick_sample"] = np.where(window["pick_phase"] == P, outside, NAN).astype(np.float32)
    assert target(PhasePicks(width_s=5.0), window)[:, 2].min() == 1
    at = round(CASES["p_only"]["pick_sample"][0]) + 3
    cropped = labels.crop(tensors(CASES["p_only"]), tf.constant(at), 100)
    assert PhasePicks(width_s=5.0)(cropped).numpy()[:, 2].min() == 1


def spans(*pairs):
    """Return 1 from each first to each last position, both included."""
    return np.any([(TIME >= a) & (TIME <= b) for a, b in pairs], axis=0).astype(np.float32)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.4])
def test_detection_goes_from_p_past_s_by_the_factor(factor):
    value = target(Detection(factor), CASES["p_and_s"])
    assert_probabilities(value, 1)
    p, s = CASES["p_and_s"]["pick_sample"][:2]
    np.testing.assert_array_equal(value[:, 0], spans((p, s + factor * (s - p))))
    two = [(q.p, q.s + factor * (q.s - q.p)) for q in TWO]
    np.testing.assert_array_equal(target(Detection(factor), CASES["two_events"])[:, 0], spans(*two))


def test_events_that_overlap_shake_as_one_and_keep_their_picks():
    quakes = (
        Quake(300.0, 400.0, 500.0, "long"),
        Quake(350.0, 360.0, 500.0, "inside"),
        Quake(410.0, 450.0, 500.0, "across"),
    )
    window = make(quakes=quakes)
    value = target(Detection(0.4), window)
    assert_probabilities(value, 1)
    np.testing.assert_array_equal(value[:, 0], spans((300, 450 + 0.4 * 40)))
    ends = [target(Detection(c), window).sum() for c in (0.0, 0.4, 1.4)]
    assert ends == sorted(set(ends))
    # Wide enough that curves of all six picks reach each other.
    value = target(PhasePicks(width_s=2.0), window)
    assert_probabilities(value, 3)
    np.testing.assert_allclose(value, expected_picks(window, "gaussian", 2.0), atol=1e-5)
    narrow = target(PhasePicks(width_s=0.05), window)
    picks = [(int(q.p), 0) for q in quakes] + [(int(q.s), 1) for q in quakes]
    assert [narrow[at, column] for at, column in picks] == [1.0] * 6


@pytest.mark.parametrize(
    "quake, span",
    [
        pytest.param(Quake(s=NAN), (400.3, 600), id="no S: to the coda's end"),
        pytest.param(Quake(p=NAN), (460.6, 600), id="no P: from S to the coda's end"),
        pytest.param(Quake(p=-50.4, s=20.2), (0, 20.2 + 0.4 * 70.6), id="P before the window"),
        pytest.param(Quake(p=700.5, s=900.0), (700.5, SPEC.samples), id="S past the window"),
        pytest.param(Quake(p=-50.0, s=NAN, coda=2000), (0, SPEC.samples), id="all of the window"),
    ],
)
def test_detection_where_onsets_are_missing_or_outside(quake, span):
    np.testing.assert_array_equal(target(Detection(), make(quakes=[quake]))[:, 0], spans(span))


@pytest.mark.parametrize(
    "quake",
    [
        pytest.param(Quake(p=400.0, s=NAN, coda=NAN), id="P alone"),
        pytest.param(Quake(p=NAN, s=400.0, coda=NAN), id="S alone"),
        pytest.param(Quake(p=NAN, s=NAN, coda=400.0), id="coda alone"),
        pytest.param(Quake(p=-200.0, s=-100.0), id="over before the window"),
    ],
)
def test_detection_marks_nothing_that_is_not_known(quake):
    assert not target(Detection(), make(quakes=[quake])).any()
    assert not target(Detection(), CASES["noise"]).any()


@given(windows(), st.floats(0, 5))
def test_detection_of_any_window_is_zero_or_one(window, factor):
    value = Detection(factor)(tensors(window)).numpy()
    assert_probabilities(value, 1)
    assert set(np.unique(value)) <= {0.0, 1.0}
    held = window["pick_phase"] == P
    both = held & np.isfinite(window["event_s_sample"][window["pick_event"]])
    assert (value[np.floor(window["pick_sample"][both] + 1).astype(int).clip(max=799)] == 1).all()


def test_targets_by_name_and_their_mistakes():
    files = (Path(augment_ops.__path__[0]) / "targets").glob("[!_]*.py")
    assert target_names() == tuple(sorted(path.stem for path in files))
    assert all(inspect.getdoc(target_class(name)) for name in target_names())
    named = Target.model_validate({"detection": {"name": "shaken", "coda_factor": 1.4}})
    assert build_targets((named,)) == {"shaken": Detection(1.4)}
    for wrong, hint in (("detektion", "'detection'"), ("phase_pick", "'phase_picks'")):
        with pytest.raises(UserError, match=f"targets.*{wrong}.*did you mean {hint}"):
            build_targets((Target.model_validate(wrong),))
    with pytest.raises(UserError, match="unknown key 'width'.*did you mean 'width_s'"):
        build(PhasePicks, {"width": 1.0}, "targets")
    with pytest.raises(UserError, match="shape"):
        build(PhasePicks, {"shape": "circle"}, "targets")
