"""Taper, against SciPy's Tukey window and ObsPy's cosine taper over the recorded span."""

import numpy as np
import pytest
from hypothesis import given
from obspy import Trace
from scipy.signal.windows import tukey
from scipy.stats import kstest

from augment_ops.core.registry import build
from augment_ops.taper import Taper
from schemas.errors import UserError
from tests.run_steps import (
    assert_runs_everywhere,
    assert_sound,
    changes,
    compiled,
    eager,
    one_step,
)
from tests.span_truth import assert_close, assert_labels_stay, assert_pairs_follow, by_span
from tests.windows import CASES, SHORT, make, windows

SHARES = (0.02, 0.4)
STEPS = one_step(Taper(SHARES))


def check(made, window):
    alpha = 2.0 * made["step/share"].astype(np.float64)
    truth = by_span(window, lambda span: span * tukey(len(span), alpha))
    assert_close(made["waveform"], truth)
    assert_labels_stay(made, window)


@pytest.mark.parametrize("case", CASES)
def test_taper_is_tukeys(case):
    for made in assert_sound(STEPS, CASES[case]):
        check(made, CASES[case])


def test_taper_is_obspys():
    window = make()
    for share in (0.1, 0.25, 0.5):
        made = eager(one_step(Taper((share, share))), window)
        trace = Trace(window["waveform"][:, 2].astype(np.float64)).taper(share, "hann")
        # ObsPy rounds the taper to whole samples.
        assert_close(made["waveform"][:, 2], trace.data, 0.02)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("recorded", [(0, 100), (40, 41), (40, 42), (40, 43)])
def test_no_taper_and_the_longest_on_spans_of_any_length(share, recorded):
    window = make(SHORT, recorded=recorded)
    made = eager(one_step(Taper((share, share))), window, spec=SHORT)
    check(made, window)
    if share == 0.0:
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(STEPS, window, epochs=3):
        check(made, window)


def test_shares_are_uniform_and_at_most_half():
    drawn = compiled(STEPS, CASES["noise"], epochs=300)["step/share"]
    assert kstest((drawn - SHARES[0]) / (SHARES[1] - SHARES[0]), "uniform").pvalue > 0.001
    for wrong in ((0.1, 0.6), (0.2, 0.1), (-0.1, 0.2)):
        with pytest.raises(UserError, match="share"):
            build(Taper, {"share": wrong}, "taper")


def test_pairs_follow_and_runs_everywhere_and_draws_anew():
    assert_pairs_follow(STEPS[0].op)
    assert_runs_everywhere(STEPS, CASES["gaps"])
    assert changes(STEPS, CASES["two_events"]) == 8
