"""Pairs through ops: signal goes into all of them, what corrupts a recording into none."""

import numpy as np
import pytest
import tensorflow as tf

from augment_ops.core.registry import op_class, op_names
from augment_ops.core.steps import build_steps, with_pairs
from augment_ops.mixup import Mixup
from augment_ops.pca_scale import PcaScale
from augment_ops.rotate_horizontals import RotateHorizontals
from augment_ops.superpose_event import SuperposeEvent
from augment_ops.superpose_noise import SuperposeNoise
from schemas.recipe import Step
from schemas.validate import window_faults
from schemas.window import PAIR_FIELDS, WindowSpec
from tests.run_steps import compiled, rows
from tests.windows import CASES, LONG, RATE, SPEC, Quake, make, tensors

SEED = tf.constant([3, 4], tf.int64)
PAIRS = ("clean_waveform", "unclipped_waveform", "unmasked_waveform")
OTHER = Quake(200.4, 230.8, 300.6, "other", 20.0, -1)
PARTNER = make(quakes=[OTHER], seed=9, window_id="partner")
NOISE = make(seed=5, window_id="noise", gaps=[(300, 350, None)])
CORRUPTING = (
    "calibration_pulse",
    "channel_dropout",
    "colored_noise",
    "data_gap",
    "impulse_noise",
    "step_glitch",
    "superpose_noise",
    "white_noise",
    "zero_mask",
)


def stacked(window, **more):
    return {n: tf.convert_to_tensor(v)[None] for n, v in {**tensors(window), **more}.items()}


def beside(window, **pairs):
    """Return a window with the pairs given, and the others begun now."""
    held = {**tensors(window), **{name: tf.constant(v) for name, v in pairs.items()}}
    return with_pairs(held, (*PAIRS, "clipped"))


def sound(made, pairs=PAIR_FIELDS):
    spec = WindowSpec(800, RATE, SPEC.picks, SPEC.events, pairs=tuple(pairs))
    # Measured anew by `apply_steps`.
    faults = window_faults({n: v.numpy() for n, v in made.items()}, spec)
    return all("event_snr_db" in fault for fault in faults)


@pytest.mark.parametrize("name", CORRUPTING)
def test_what_corrupts_a_recording_leaves_the_pairs_alone(name):
    window = {n: tf.constant(v) for n, v in beside(CASES["two_events"]).items()}
    noise = {"noise": stacked(NOISE)} if name == "superpose_noise" else {}
    made = op_class(name)()({**window, **noise}, SEED)
    assert (made["waveform"].numpy() != window["waveform"].numpy()).any()
    for pair in PAIRS:
        np.testing.assert_array_equal(made[pair], window[pair])
    assert sound(made)


def test_every_op_keeps_pairs_finite_and_of_the_windows_length():
    for name in op_names():
        op = op_class(name)()
        if getattr(op, "grouped", False):
            continue
        given = beside(CASES["gaps"]) | {"sampling_rate_hz": tf.constant(RATE)}
        roles = getattr(op, "needs", {})
        given |= {role: stacked(NOISE if role == "noise" else PARTNER) for role in roles}
        made = op(given, SEED)
        for pair in PAIRS:
            assert made[pair].shape == made["waveform"].shape, name
            assert np.isfinite(made[pair]).all(), name


def test_superposed_noise_with_gaps_leaves_the_clean_waveform_whole():
    made = SuperposeNoise((3.0, 3.0))({**beside(CASES["p_and_s"]), "noise": stacked(NOISE)}, SEED)
    lost = ~made["valid"].numpy()
    assert lost.any() and made["clean_waveform"].numpy()[lost].all()
    assert not made["waveform"].numpy()[lost].any() and sound(made)


@pytest.mark.parametrize("case", ["p_and_s", "gaps"])
def test_a_superposed_event_is_in_every_pair_from_the_partners_own(case):
    window = CASES[case]
    rng = np.random.default_rng(1)
    own = (rng.normal(size=(800, 3)) * window["valid"]).astype(np.float32)
    theirs = (rng.normal(size=(1100, 3)) + 2).astype(np.float32)
    clipped = rng.random((1100, 3)) < 0.5
    partner = make(LONG, quakes=[OTHER], seed=9, gaps=[(700, 720, 0)])
    op = SuperposeEvent((0.5, 0.5), dense_swarm=True)
    event = stacked(partner, clean_waveform=theirs, clipped=clipped)
    made = op({**beside(window, clean_waveform=own), "event": event}, SEED)
    assert made["placed"] == 1 and sound(made)
    # What was added to the waveform shows envelope, gain and place.
    added = made["waveform"] - window["waveform"]
    for pair in ("unclipped_waveform", "unmasked_waveform"):
        np.testing.assert_array_equal(made[pair], made["waveform"])
    shift = int(made["shift_samples"])
    at = np.arange(800) - shift
    inside = (at >= 0) & (at < 1100)
    at = at.clip(0, 1099)
    source = np.where(inside[:, None], partner["waveform"][at], 0)
    heard = np.abs(added.numpy()) > 1e-3
    weight = np.divide(added, source, out=np.zeros((800, 3)), where=heard & (source != 0))
    expected = own + weight * theirs[at]
    found = made["clean_waveform"].numpy()
    np.testing.assert_allclose(found[heard], expected[heard], rtol=1e-3, atol=1e-3)
    assert (np.abs(found - own)[heard] > 1e-3).mean() > 0.9
    quiet = ~heard.any(axis=1)
    np.testing.assert_allclose(found[quiet], own[quiet], atol=1e-3)
    marked = made["clipped"].numpy()
    assert marked.any() and not marked[~(inside[:, None] & clipped[at])].any()


@pytest.mark.parametrize("role", ["event", "noise"])
def test_mixup_mixes_the_partners_own_pairs_and_marks_both_clips(role):
    rng = np.random.default_rng(2)
    own, theirs = (rng.normal(3, 1, (800, 3)).astype(np.float32) for _ in range(2))
    partner = {"event": PARTNER, "noise": make(seed=5, window_id="n", gaps=[(10, 30, 1)])}[role]
    clips = [rng.random((800, 3)) < 0.2 for _ in range(2)]
    pairs = {"clean_waveform": theirs, "unclipped_waveform": theirs, "clipped": clips[1]}
    window = beside(CASES["p_and_s"], clean_waveform=own, unclipped_waveform=own, clipped=clips[0])
    made = Mixup(1.0, role)({**window, role: stacked(partner, **pairs)}, SEED)
    share, gain = float(made["lambda"]), float(made["gain"])
    sums = share * own + (1 - share) * gain * theirs
    np.testing.assert_allclose(made["unclipped_waveform"], sums, rtol=1e-5)
    clean = sums if role == "event" else share * own
    np.testing.assert_allclose(made["clean_waveform"], clean, rtol=1e-5)
    np.testing.assert_array_equal(made["unmasked_waveform"], made["waveform"])
    np.testing.assert_array_equal(made["clipped"], clips[0] | clips[1])
    assert sound(made)


def test_a_pair_that_an_op_keeps_begins_with_the_op_even_in_a_group():
    held = [{"white_noise": {"snr_db": [3, 3]}}, {"clip": {"probability": 0.0}}]
    group = Step.model_validate({"some_of": {"steps": held, "count": [2, 2]}})
    (made,) = rows(compiled(build_steps((group,), "online"), CASES["p_and_s"], epochs=1))
    assert np.isfinite(made["white_noise/snr_db"]) and np.isnan(made["clip/level"])
    # Nothing was clipped: so the pair has the noise that was added before.
    np.testing.assert_array_equal(made["unclipped_waveform"], made["waveform"])


@pytest.mark.parametrize("op", [RotateHorizontals((40.0, 50.0)), PcaScale(0.5)])
def test_mixed_components_are_known_where_all_that_go_in_are(op):
    whole, gap = CASES["p_and_s"], slice(390, 420)
    lossy = make(quakes=[Quake()], gaps=[(gap.start, gap.stop, 0)])
    # One pair knows what lies in the gap and the other does not.
    pairs = {"unmasked_waveform": whole["waveform"], "clean_waveform": lossy["waveform"]}
    made = op(beside(lossy, **pairs), SEED)
    assert not made["valid"].numpy()[gap, :2].any()
    assert made["unmasked_waveform"].numpy()[gap, :2].all()
    assert not made["clean_waveform"].numpy()[gap, :2].any()
    np.testing.assert_array_equal(made["clean_waveform"], made["waveform"])
