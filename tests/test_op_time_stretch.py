"""Time stretching, its labels and validity against NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import kstest

from augment_ops.core.registry import build
from augment_ops.time_stretch import TimeStretch
from schemas.errors import UserError
from schemas.window import MOVING, P
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
    rows,
)
from tests.span_truth import assert_pairs_follow
from tests.windows import CASES, SHORT, SPEC, Quake, make, picks_of, tensors, windows

RANGE = (0.7, 1.6)
STEPS = one_step(TimeStretch(RANGE))
MIDDLE = one_step(TimeStretch(RANGE, "middle"))


def centre_of(window, about="p"):
    first = np.min(window["pick_sample"][window["pick_phase"] == P], initial=np.inf)
    size = len(window["waveform"])
    return float(first) if about == "p" and np.isfinite(first) else (size - 1) / 2


def places_of(made, window, about="p"):
    """Return the places in the window that the stretched samples come from."""
    centre = centre_of(window, about)
    factor = np.float64(made["step/factor"])
    places = centre + (np.arange(len(window["waveform"])) - centre) / factor
    whole = np.round(places)
    return np.where(np.isclose(places, whole, rtol=0, atol=1e-6), whole, places)


def check(made, window, about="p"):
    """Check validity, positions and polarities against NumPy's."""
    places, centre = places_of(made, window, about), centre_of(window, about)
    size = len(places)
    padded = np.concatenate([window["valid"], np.zeros((1, 3), bool)])
    before, after = (
        padded[np.where((side >= 0) & (side < size), side, size).astype(int)]
        for side in (np.floor(places), np.ceil(places))
    )
    np.testing.assert_array_equal(made["valid"], before & after)
    kept, moved = picks_of(made), {}
    for key, (at, polarity) in picks_of(window).items():
        to = np.float32(centre) + np.float32(at - centre) * made["step/factor"]
        near = int(np.clip(np.round(to), 0, size - 1))
        if 0 <= to <= size - 1 and made["valid"][near].any():
            moved[key] = (to, polarity if made["valid"][near, 2] else 0)
    assert kept == moved
    for slot in np.flatnonzero(made["event_id"] != b""):
        for name in (n for n in MOVING if n.startswith("event")):
            to = centre + (window[name][slot] - centre) * made["step/factor"]
            np.testing.assert_allclose(made[name][slot], to, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_labels_and_validity_follow(case):
    for made in assert_sound(STEPS, CASES[case]):
        check(made, CASES[case])
    for made in assert_sound(MIDDLE, CASES[case]):
        check(made, CASES[case], "middle")


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(STEPS, window, epochs=3):
        if np.isfinite(made["step/factor"]):
            check(made, window)


def test_p_stays_and_everything_after_it_scales():
    window = CASES["p_and_s"]
    for made in rows(compiled(STEPS, window)):
        (p, _), (s, _) = (picks_of(made)[0, phase] for phase in (1, 2))
        assert p == window["pick_sample"][0]
        wait = window["pick_sample"][1] - window["pick_sample"][0]
        assert s - p == pytest.approx(wait * made["step/factor"], rel=1e-5)


def test_a_record_that_would_leave_the_window_is_left():
    window = make(SHORT, recorded=(0, 9))
    made = eager(one_step(TimeStretch((1.5, 1.5), "middle")), window, spec=SHORT)
    assert np.isnan(made.pop("step/factor"))
    assert_same(made, window, but=["event_snr_db"])


def test_polarity_is_forgotten_where_z_is_lost():
    # Stretched, the sample of Z nearest to P has a neighbour that is not valid.
    window = make(quakes=[Quake(p=402.4, s=460.0)], gaps=[(403, 420, 2)])
    assert picks_of(window)[0, P][1] == 1
    steps = one_step(TimeStretch((1.2, 1.2)))
    assert picks_of(eager(steps, window))[0, P][1] == 0


def test_factors_are_log_uniform_and_within_reach():
    drawn = compiled(STEPS, CASES["p_and_s"], epochs=300)["step/factor"]
    share = np.log(drawn / RANGE[0]) / np.log(RANGE[1] / RANGE[0])
    assert kstest(share, "uniform").pvalue > 0.001
    for wrong in ((0.2, 1.0), (1.0, 4.1), (1.2, 0.9)):
        with pytest.raises(UserError, match="factor"):
            build(TimeStretch, {"factor": wrong}, "time_stretch")


def test_clipped_marks_move_too():
    window, marks = CASES["p_and_s"], np.zeros((SPEC.samples, 3), bool)
    marks[[500, 510, 511]] = True
    out = STEPS[0].op({**tensors(window), "clipped": marks}, np.array([1, 2], np.int64))
    places = places_of({"step/factor": out["factor"].numpy()}, window)
    # Whatever takes anything from a clipped neighbour.
    near = np.isin([np.floor(places), np.ceil(places)], [500, 510, 511]).any(axis=0)
    assert near.sum() > 2
    np.testing.assert_array_equal(out["clipped"][:, 0], near)


def test_pairs_follow_and_runs_everywhere_and_draws_anew():
    assert_pairs_follow(STEPS[0].op)
    assert_runs_everywhere(STEPS, CASES["gaps"], epochs=2)
    assert changes(STEPS, CASES["two_events"]) == changes(MIDDLE, CASES["two_events"]) == 8
