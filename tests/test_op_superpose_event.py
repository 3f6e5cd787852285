"""Superposed events, against the sums of `event_sums`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from augment_ops.superpose_event import SuperposeEvent
from schemas.window import P, S, WindowSpec
from tests.event_sums import GAP_S, HIGH, LEAD_S, LOW, PICKS_S, check, placed
from tests.run_steps import (
    assert_runs_everywhere,
    assert_sound,
    changes,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, LONG, NAN, RATE, SHORT, SPEC, TWO, Quake, make, picks_of, windows

APART = one_step(SuperposeEvent((LOW, HIGH), GAP_S, False, PICKS_S, LEAD_S))
DENSE = one_step(SuperposeEvent((LOW, HIGH), GAP_S, True, PICKS_S, LEAD_S))
OTHER = Quake(200.4, 230.8, 300.6, "other", 20.0, -1)
PARTNER = make(quakes=[OTHER], seed=9, window_id="partner")
EPOCHS = 200


@pytest.mark.parametrize("steps", [APART, DENSE], ids=["apart", "dense"])
@pytest.mark.parametrize("case", ["p_and_s", "p_only", "two_events", "z_only", "gaps", "padded"])
def test_sum_is_the_window_and_the_partner_that_was_drawn(steps, case):
    made = assert_sound(steps, CASES[case], PARTNER, epochs=8)
    assert sum(map(placed, made)) >= 4
    for each in made:
        check(each, CASES[case], PARTNER)


@given(windows(quakes=(1, 2)), windows(quakes=(1, 1)), st.booleans())
def test_any_pair_stays_sound(window, partner, dense):
    partner["event_id"][0] = b"other"
    for made in assert_sound(DENSE if dense else APART, window, partner, epochs=4):
        check(made, window, partner)


@given(windows(SHORT, (1, 1)), windows(LONG, (1, 1)))
def test_any_short_window_stays_sound(window, partner):
    partner["event_id"][0] = b"other"
    for made in assert_sound(DENSE, window, partner, epochs=3, spec=SHORT):
        check(made, window, partner)


def gaps_between(made):
    """Return the samples between the spans of a window's first and second event."""
    p, end = made["event_p_sample"], made["event_coda_end_sample"]
    return max(p[1] - end[0], p[0] - end[1])


def test_spans_stay_apart_unless_dense():
    window = CASES["p_and_s"]
    apart, dense = (
        [made for made in rows(compiled(steps, window, PARTNER, EPOCHS)) if placed(made)]
        for steps in (APART, DENSE)
    )
    assert len(apart) == len(dense) == EPOCHS
    assert min(map(gaps_between, apart)) > GAP_S * RATE
    assert min(map(gaps_between, dense)) < 0
    for made in dense:
        check(made, window, PARTNER)
    # It comes before as well as after, at any place that is free.
    shifts = np.array([made["step/shift_samples"] for made in apart])
    assert shifts.min() + OTHER.p < 400 - 100 < 600 < shifts.max() + OTHER.p


def test_nothing_is_placed_where_nothing_fits():
    far = Quake(p=10.0, s=400.0, coda=790.0)
    steady = make(quakes=[far])
    for made in rows(compiled(APART, steady, PARTNER)):
        assert not placed(made)
        check(made, steady, PARTNER)
    unknown = make(quakes=[Quake(s=NAN, coda=NAN)])
    made = [each for each in rows(compiled(APART, unknown, PARTNER, 32)) if placed(each)]
    # An event of unknown end may go on for ever: only what ends before it fits.
    assert made and max(each["event_coda_end_sample"][1] for each in made) < 400


@pytest.mark.parametrize(
    "window, partner",
    [
        pytest.param(CASES["p_and_s"], make(quakes=[Quake()], seed=9), id="the same event"),
        pytest.param(CASES["p_and_s"], make(quakes=TWO), id="partner of two events"),
        pytest.param(CASES["p_and_s"], CASES["noise"], id="partner of none"),
        pytest.param(
            CASES["p_and_s"], make(quakes=[OTHER], live=(1, 1, 0)), id="partner without Z"
        ),
        pytest.param(
            CASES["p_and_s"],
            make(quakes=[Quake(200, 230, NAN, "other")]),
            id="partner of unknown coda",
        ),
        pytest.param(
            CASES["p_and_s"],
            make(quakes=[OTHER], gaps=[(195, 206, None)]),
            id="partner without a P pick",
        ),
        pytest.param(
            CASES["p_and_s"], make(quakes=[OTHER], recorded=(250, 800)), id="partner from its coda"
        ),
        pytest.param(CASES["p_and_s"], make(quakes=[OTHER], scale=0.0), id="silent partner"),
        pytest.param(make(quakes=[Quake()], scale=0.0), PARTNER, id="silent window"),
        pytest.param(CASES["noise"], PARTNER, id="noise"),
        pytest.param(
            make(quakes=[Quake(20, 30, 40, "1"), Quake(50, 60, 70, "2"), Quake(80, 90, 99, "3")]),
            PARTNER,
            id="no event slot left",
        ),
    ],
)
def test_where_it_cannot_be_done_the_window_is_untouched(window, partner):
    for steps in (APART, DENSE):
        for made in rows(compiled(steps, window, partner, 4)):
            assert not placed(made)
            check(made, window, partner)
            assert made["waveform"].tobytes() == window["waveform"].tobytes()


def test_nothing_is_placed_without_free_pick_slots():
    few = WindowSpec(SPEC.samples, RATE, picks=3, events=3)
    window = make(few, quakes=[Quake()])
    made = rows(compiled(DENSE, window, PARTNER, EPOCHS, few))
    # Where the partner's S falls outside, its P finds the last slot.
    inside = {len(picks_of(each)) for each in made if placed(each)}
    assert inside == {3} and sum(map(placed, made)) < EPOCHS / 4
    for each in made:
        check(each, window, PARTNER)


def test_partner_fades_before_its_lead_and_after_its_coda():
    loud = {**PARTNER, "waveform": np.full_like(PARTNER["waveform"], 100.0)}
    window = CASES["p_and_s"]
    (made,) = [m for m in rows(compiled(APART, window, loud, 8)) if placed(m)][:1]
    shift, fade = int(made["step/shift_samples"]), LEAD_S * RATE
    added = made["waveform"][:, 0] - window["waveform"][:, 0]
    time = np.arange(SPEC.samples) - shift
    outside = (time <= OTHER.p - fade) | (time >= OTHER.coda + fade)
    assert not added[outside].any()
    full = (time >= OTHER.p - fade / 2) & (time <= OTHER.coda)
    gain = made["step/amplitude_ratio"] * np.abs(window["waveform"]).max()
    np.testing.assert_allclose(added[full], gain, rtol=1e-4)
    assert (added[~outside] >= 0).all() and np.abs(np.diff(added)).max() < 0.2 * gain


def test_partner_must_be_recorded_where_it_is_heard():
    # Its record ends in its coda: it fits only where that is past the window's end.
    cut = make(quakes=[OTHER], seed=9, recorded=(0, 260))
    made = rows(compiled(DENSE, CASES["p_and_s"], cut, EPOCHS))
    shifts = [each["step/shift_samples"] for each in made if placed(each)]
    assert len(shifts) > EPOCHS / 4 and min(shifts) + 260 >= SPEC.samples
    # Its gap is a gap of the sum, over which no pick stays.
    gap = (225, 240)
    broken = make(quakes=[OTHER], seed=9, gaps=[(*gap, None)])
    for each in rows(compiled(APART, CASES["p_and_s"], broken, 16)):
        first = int(each["step/shift_samples"]) + gap[0]
        lost = np.zeros(SPEC.samples, bool)
        lost[max(first, 0) : max(first + gap[1] - gap[0], 0)] = True
        np.testing.assert_array_equal(~each["valid"][:, 0], lost)
        assert (1, S) not in picks_of(each) and (0, P) in picks_of(each)


def test_amplitude_ratios_are_log_uniform():
    ratio = compiled(APART, CASES["p_and_s"], PARTNER, EPOCHS)["step/amplitude_ratio"]
    share = np.log(ratio / LOW) / np.log(HIGH / LOW)
    assert kstest(share, "uniform").pvalue > 0.001


@pytest.mark.parametrize("option", [{"separation_s": 5.0}, {"lead_s": 3.0}])
def test_options_reach_the_samples(option):
    usual, other = (
        compiled(one_step(SuperposeEvent((LOW, HIGH), **kw)), CASES["p_and_s"], PARTNER, 32)
        for kw in ({}, option)
    )
    assert (usual["waveform"] != other["waveform"]).any()
    gaps = [gaps_between(made) for made in rows(other) if placed(made)]
    assert min(gaps) > option.get("separation_s", 1.0) * RATE


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(APART, CASES["p_and_s"], PARTNER)
    assert changes(APART, CASES["p_and_s"], PARTNER) == 8
