"""Mixup, against the sum that NumPy makes and the targets of both windows."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from scipy.stats import beta, kstest

from augment_ops.core import draws
from augment_ops.core.steps import with_pairs
from augment_ops.mixup import Mixup
from augment_ops.targets.detection import Detection
from augment_ops.targets.phase_picks import PhasePicks
from tests.mixup_truth import check, cropped, mixed, scaled
from tests.run_steps import assert_runs_everywhere, assert_sound, changes, compiled, one_step, rows
from tests.windows import CASES, LONG, NAN, SHORT, TWO, Quake, make, picks_of, tensors, windows

EVENT = one_step(Mixup(1.0))
PEAK = one_step(Mixup(1.0, scale="peak"))
NOISE = one_step(Mixup(1.0, "noise"))
OTHER = Quake(200.4, 230.8, 300.6, "other", 20.0, -1)
PARTNER = make(quakes=[OTHER], seed=9, window_id="partner")
QUIET = make(seed=5, window_id="noise", scale=1e-3)
EPOCHS = 300


@pytest.mark.parametrize("case", ["p_and_s", "p_only", "two_events", "z_only", "gaps", "padded"])
def test_mixture_is_the_sum_that_was_drawn(case):
    for steps, partner in ((EVENT, PARTNER), (PEAK, PARTNER), (NOISE, QUIET)):
        # Some of the partner's picks fall where a case has no samples.
        possible = partner is QUIET or CASES[case]["valid"][[200, 231]].any()
        for made in assert_sound(steps, CASES[case], partner, epochs=4):
            assert mixed(made) == possible
            check(made, CASES[case], partner, steps[0].op.scale)


@given(windows(quakes=(0, 2)), windows(quakes=(0, 2)))
def test_any_pair_stays_sound(window, partner):
    for slot in np.flatnonzero(partner["event_id"] != b""):
        partner["event_id"][slot] = b"other %d" % slot
    for made in assert_sound(EVENT, window, partner, epochs=3):
        check(made, window, partner)


@settings(max_examples=10)
@given(windows(quakes=(1, 1)), windows(LONG, quakes=(1, 1)), windows(SHORT, quakes=(0, 0)))
def test_partners_of_other_lengths_stay_sound(window, longer, shorter):
    longer["event_id"][0] = b"other"
    for made in assert_sound(EVENT, window, longer, epochs=3):
        check(made, window, longer)
    for made in assert_sound(NOISE, window, shorter, epochs=2):
        check(made, window, shorter)


def test_a_longer_partner_keeps_its_p_and_its_record():
    partner = make(LONG, quakes=[Quake(500.0, 560.0, 700.0, "other")], recorded=(200, 1100))
    made = [m for m in rows(compiled(EVENT, CASES["p_and_s"], partner, EPOCHS)) if mixed(m)]
    starts = [m["step/start_samples"] for m in made]
    assert len(made) == EPOCHS and min(starts) == 200 and max(starts) == 300
    for each in made[:20]:
        check(each, CASES["p_and_s"], partner)


def test_shares_are_of_a_beta_distribution():
    shares = {1.0: compiled(EVENT, CASES["p_and_s"], PARTNER, EPOCHS)["step/lambda"]}
    seed = tf.constant([1, 2], tf.int64)
    shares |= {alpha: draws.beta(seed, "a", alpha, (2000,)).numpy() for alpha in (0.05, 0.3, 8.0)}
    for alpha, drawn in shares.items():
        assert ((drawn >= 0) & (drawn <= 1)).all()
        # Closer to 1 numbers are too sparse: the law is symmetric, so look at 0 as well.
        for side in (drawn, 1 - drawn):
            inside = side < 0.5
            law = beta(alpha, alpha)
            assert kstest(2 * law.cdf(side[inside]), "uniform").pvalue > 0.001 or alpha < 0.1
            assert abs(inside.mean() - 0.5) < 4 * np.sqrt(0.25 / len(side))
    low = shares[0.05][shares[0.05] < 0.5]
    assert kstest(2 * beta(0.05, 0.05).cdf(low), "uniform").pvalue > 0.001


def targets(window):
    return [op(tensors(window)).numpy() for op in (PhasePicks(), Detection(), PhasePicks("box"))]


# Apart, at one and the same P, and with both of them at the same time.
@pytest.mark.parametrize(
    "quake", [OTHER, Quake(400.3, 500.2, 620.0, "other"), Quake(name="other", amplitude=5.0)]
)
def test_targets_are_those_of_both_by_their_shares(quake):
    window, partner = CASES["p_and_s"], make(quakes=[quake], seed=9)
    for made in rows(compiled(EVENT, window, partner)):
        share = made["step/lambda"]
        for found, own, theirs in zip(*map(targets, (made, window, partner))):
            np.testing.assert_allclose(found, share * own + (1 - share) * theirs, atol=1e-5)
            assert (found != own).any() or (own == theirs).all()


def test_targets_of_a_mixture_with_noise():
    for made in rows(compiled(NOISE, CASES["two_events"], QUIET)):
        share = made["step/lambda"]
        sets = zip(*map(targets, (made, CASES["two_events"], QUIET)))
        for found, own, theirs in sets:
            np.testing.assert_allclose(found, share * own + (1 - share) * theirs, atol=1e-5)


def test_a_mixture_mixed_again_has_the_products_of_shares():
    (made,) = rows(compiled(EVENT, CASES["p_and_s"], PARTNER, 1))
    again = {n: v for n, v in made.items() if "/" not in n}
    for twice in rows(compiled(NOISE, again, QUIET, 4)):
        share = twice["step/lambda"]
        np.testing.assert_allclose(twice["event_weight"], again["event_weight"] * share, rtol=1e-6)
        check(twice, again, QUIET)


@pytest.mark.parametrize(
    "window, partner",
    [
        pytest.param(CASES["p_and_s"], make(quakes=[Quake()], seed=9), id="the same event"),
        pytest.param(CASES["p_and_s"], CASES["noise"], id="partner of no event"),
        pytest.param(CASES["p_and_s"], make(quakes=[OTHER], live=(1, 1, 0)), id="without Z"),
        pytest.param(CASES["p_and_s"], {**PARTNER, "window_id": np.array(b"")}, id="no partner"),
        pytest.param(CASES["p_and_s"], make(quakes=[OTHER], scale=0.0), id="silent partner"),
        pytest.param(make(quakes=[Quake()], scale=0.0), PARTNER, id="silent window"),
        pytest.param(CASES["noise"], PARTNER, id="noise"),
        pytest.param(
            CASES["two_events"], make(quakes=[OTHER, Quake(name="x")]), id="too many events"
        ),
        pytest.param(
            CASES["p_and_s"], make(quakes=[OTHER], gaps=[(455, 465, None)]), id="gap at a pick"
        ),
    ],
)
def test_where_it_cannot_be_done_the_window_is_untouched(window, partner):
    for made in rows(compiled(EVENT, window, partner, 2)):
        assert not mixed(made)
        check(made, window, partner)
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_partners_of_several_events_fit_while_there_are_slots():
    for made in rows(compiled(EVENT, CASES["p_only"], make(quakes=TWO, seed=3), 4)):
        assert mixed(made) and len(picks_of(made)) == 5
        check(made, CASES["p_only"], make(quakes=TWO, seed=3))
    full = make(quakes=TWO)
    crowded = make(quakes=[Quake(100, NAN, 150, "x"), Quake(120, NAN, 150, "y")])
    for made in rows(compiled(EVENT, full, crowded, 2)):
        assert not mixed(made)


@pytest.mark.parametrize("role", ["event", "noise"])
def test_pairs_are_mixed_by_the_same_shares(role):
    held = with_pairs(tensors(CASES["p_and_s"]), ("clean_waveform", "unclipped_waveform"))
    partner = {"event": PARTNER, "noise": QUIET}[role]
    stacked = {name: value[None] for name, value in tensors(partner).items()}
    op = Mixup(1.0, role)
    assert op.needs == {role: 1}
    made = op({**held, role: stacked}, tf.constant([1, 2], tf.int64))
    np.testing.assert_array_equal(made["unclipped_waveform"], made["waveform"])
    own = made["lambda"] * held["waveform"]
    expected = made["waveform"] if role == "event" else own
    np.testing.assert_allclose(made["clean_waveform"], expected, rtol=1e-6)


def test_runs_everywhere_and_options_differ():
    assert_runs_everywhere(EVENT, CASES["two_events"], PARTNER)
    assert changes(EVENT, CASES["p_and_s"], PARTNER) == 8
    rms, peak = (compiled(s, CASES["p_and_s"], PARTNER)["step/gain"] for s in (EVENT, PEAK))
    assert (rms != peak).all()
    for how, gain in (("rms", rms), ("peak", peak)):
        expected = scaled(CASES["p_and_s"], cropped(PARTNER, 0, 800), how)
        np.testing.assert_allclose(gain, expected, rtol=1e-5)
