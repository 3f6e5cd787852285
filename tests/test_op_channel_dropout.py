"""Channel dropout, against the components that its mask names."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import chisquare

from augment_ops.channel_dropout import ChannelDropout
from tests.run_steps import (
    assert_runs_everywhere,
    assert_same,
    assert_sound,
    compiled,
    one_step,
    rows,
)
from tests.windows import CASES, picks_of, windows

OPS = {most: one_step(ChannelDropout(most)) for most in (1, 2)}
EPOCHS = 600


def check(made, window):
    """Compare with the window whose components in the mask are zeroed by NumPy."""
    mask = int(made["step/mask"])
    dropped = np.array([bool(mask & 1 << component) for component in range(3)])
    live = window["valid"].any(axis=0)
    assert made["step/channels"] == dropped.sum()
    assert not (dropped & ~live).any() and (live & ~dropped).any()
    np.testing.assert_array_equal(made["valid"], window["valid"] & ~dropped)
    np.testing.assert_array_equal(made["waveform"], np.where(dropped, 0.0, window["waveform"]))
    kept = picks_of(made)
    for key, (at, polarity) in picks_of(window).items():
        beneath = made["valid"][int(np.round(at))]
        assert (key in kept) == beneath.any()
        if key in kept:
            assert kept[key] == (at, 0 if dropped[2] else polarity)


@pytest.mark.parametrize("most", OPS)
@pytest.mark.parametrize("case", CASES)
def test_drops_what_the_mask_says(most, case):
    for made in assert_sound(OPS[most], CASES[case]):
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(OPS[2], window):
        check(made, window)


@pytest.mark.parametrize("most", OPS)
def test_every_choice_is_equally_likely_and_never_all(most):
    out = compiled(OPS[most], CASES["p_and_s"], epochs=EPOCHS)
    assert set(out["step/channels"]) == set(range(1, most + 1))
    for channels in range(1, most + 1):
        masks = out["step/mask"][out["step/channels"] == channels]
        seen, counts = np.unique(masks, return_counts=True)
        assert {bin(int(mask)).count("1") for mask in seen} == {channels} and len(seen) == 3
        assert chisquare(counts).pvalue > 0.001
    if most > 1:
        assert chisquare(np.unique(out["step/channels"], return_counts=True)[1]).pvalue > 0.001


@pytest.mark.parametrize("case", ["z_only", "e_only"])
def test_one_live_component_is_left_alone(case):
    for made in rows(compiled(OPS[2], CASES[case])):
        assert made.pop("step/channels") == 0 and made.pop("step/mask") == 0
        assert_same(made, CASES[case], but=["event_snr_db"])


def test_runs_everywhere():
    assert_runs_everywhere(OPS[2], CASES["two_events"])
