"""White noise, against an SNR that NumPy measures and the statistics of SciPy."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import kstest, levene, pearsonr

from augment_ops.white_noise import WhiteNoise
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
from tests.snr_truth import measured_db
from tests.windows import CASES, SHORT, Quake, make, windows

# Well above the ratio that white noise has of itself, below which no gain can go.
LOW, HIGH = 3.0, 20.0
MIX = one_step(WhiteNoise((LOW, HIGH)))
EPOCHS = 100
WAVE = ["waveform", "event_snr_db"]


def mixed(made):
    return not np.isnan(made["step/noise_std"])


def check(made, window):
    """Check the SNR of a mixture, and that nothing but its valid samples is another."""
    kept = {name: value for name, value in made.items() if "/" not in name}
    assert_same(kept, window, WAVE)
    if mixed(made):
        assert measured_db(made) == pytest.approx(made["step/snr_db"], abs=1e-3)
        assert ((made["waveform"] == 0) == (window["waveform"] == 0))[~window["valid"]].all()
    else:
        assert np.isnan(made["step/snr_db"])
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


@pytest.mark.parametrize("case", ["p_and_s", "p_only", "two_events", "z_only", "gaps", "padded"])
def test_mixture_has_the_snr_that_was_drawn(case):
    for made in assert_sound(MIX, CASES[case]):
        assert mixed(made) and LOW <= made["step/snr_db"] <= HIGH
        check(made, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(MIX, window, epochs=4):
        check(made, window)


def test_noise_is_white_and_independent_and_as_strong_on_each_component():
    window = CASES["p_and_s"]
    out = compiled(MIX, window, epochs=EPOCHS)
    added = out["waveform"].astype(np.float64) - window["waveform"]
    unit = added / out["step/noise_std"][:, None, None]
    assert kstest(unit.ravel(), "norm").pvalue > 0.001
    east, north, up = unit.reshape(-1, 3).T
    assert levene(east, north, up).pvalue > 0.001
    for one, other in ((east, north), (north, up), (up, east), (up[1:], up[:-1])):
        assert pearsonr(one, other).pvalue > 0.001
    assert pearsonr(unit[1:].ravel(), unit[:-1].ravel()).pvalue > 0.001


def test_less_snr_is_more_noise():
    out = compiled(MIX, CASES["p_and_s"], epochs=EPOCHS)
    order = np.argsort(out["step/snr_db"])
    # The cross terms differ from draw to draw.
    assert pearsonr(out["step/snr_db"], np.log(out["step/noise_std"])).statistic < -0.95
    assert out["step/noise_std"][order[0]] > 3 * out["step/noise_std"][order[-1]]
    share = (out["step/snr_db"] - LOW) / (HIGH - LOW)
    assert kstest(share, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    "window, steps",
    [
        pytest.param(CASES["noise"], MIX, id="no P"),
        pytest.param(CASES["p_and_s"], one_step(WhiteNoise((80.0, 80.0))), id="noisier already"),
        pytest.param(CASES["p_and_s"], one_step(WhiteNoise((-30.0, -30.0))), id="no gain so low"),
        pytest.param(make(quakes=[Quake(p=30.0)]), MIX, id="no samples before P"),
        pytest.param(make(quakes=[Quake()], scale=0.0), MIX, id="silent window"),
    ],
)
def test_where_it_cannot_be_done_the_window_is_untouched(window, steps):
    # Negative zeros would betray an addition of zeros.
    wave = np.where(window["waveform"] == 0, -0.0, window["waveform"]).astype(np.float32)
    for made in rows(compiled(steps, {**window, "waveform": wave}, epochs=4)):
        assert not mixed(made)
        check(made, {**window, "waveform": wave})


def test_a_window_shorter_than_the_slices_is_left_alone():
    window = make(SHORT, [Quake(60.0, 80.0, 90.0)])
    for made in assert_sound(MIX, window, epochs=2, spec=SHORT):
        assert not mixed(made)
        check(made, window)


@pytest.mark.parametrize("option", [{"signal_s": 2.0}, {"noise_s": 2.0}, {"guard_s": 2.0}])
def test_each_slice_is_measured_as_asked(option):
    made = eager(one_step(WhiteNoise((LOW, HIGH), **option)), CASES["p_and_s"])
    assert measured_db(made, **option) == pytest.approx(made["step/snr_db"], abs=1e-3)
    usual = eager(MIX, CASES["p_and_s"])
    assert made["step/snr_db"] == usual["step/snr_db"]
    assert made["step/noise_std"] != usual["step/noise_std"]


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(MIX, CASES["two_events"])
    assert changes(MIX, CASES["two_events"]) == 8
