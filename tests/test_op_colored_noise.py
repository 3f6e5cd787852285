"""Coloured noise, against its periodogram and an SNR that NumPy measures."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import kstest, pearsonr, ttest_1samp

from augment_ops.colored_noise import ColoredNoise
from augment_ops.core.registry import build
from schemas.errors import UserError
from schemas.window import WindowSpec
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
from tests.windows import CASES, RATE, SPEC, Quake, make, windows

LOW, HIGH = 6.0, 20.0
SLOPES = (-2.0, 1.0)
MIX = one_step(ColoredNoise((LOW, HIGH), SLOPES))
ODD = WindowSpec(samples=SPEC.samples - 1, sampling_rate_hz=RATE, picks=6, events=3)
EPOCHS = 60
NAMES = ("snr_db", "slope", "noise_std")


def mixed(made):
    return not np.isnan(made["step/noise_std"])


def check(made, window):
    """Check the SNR of a mixture, and that nothing but its valid samples is another."""
    kept = {name: value for name, value in made.items() if "/" not in name}
    assert_same(kept, window, ["waveform", "event_snr_db"])
    if mixed(made):
        assert measured_db(made) == pytest.approx(made["step/snr_db"], abs=1e-3)
        assert SLOPES[0] <= made["step/slope"] <= SLOPES[1]
    else:
        assert all(np.isnan(made[f"step/{name}"]) for name in NAMES)
        assert made["waveform"].tobytes() == window["waveform"].tobytes()


@pytest.mark.parametrize("case", ["p_and_s", "two_events", "z_only", "gaps", "padded"])
def test_mixture_has_the_snr_that_was_drawn(case):
    made = assert_sound(MIX, CASES[case])
    assert any(map(mixed, made))
    for each in made:
        check(each, CASES[case])


@given(windows())
def test_any_window_stays_sound(window):
    for made in assert_sound(MIX, window, epochs=4):
        check(made, window)


@pytest.mark.parametrize("spec", [SPEC, ODD], ids=["even", "odd"])
def test_power_goes_as_the_slope_that_was_drawn(spec):
    window = make(spec, [Quake()])
    made = [each for each in rows(compiled(MIX, window, epochs=EPOCHS, spec=spec)) if mixed(each)]
    whitened, errors, variances = [], [], []
    # Without the last bin of an even number, which is real.
    bins = np.arange(1, (spec.samples + 1) // 2)
    for each in made:
        unit = each["waveform"].astype(np.float64) - window["waveform"]
        unit /= each["step/noise_std"]
        power = np.square(np.abs(np.fft.rfft(unit, axis=0)))
        assert power[0].max() < 1e-6 * power.max()
        power = power[bins]
        expected = bins[:, None] ** float(each["step/slope"])
        whitened.append(power / expected / np.mean(power / expected))
        fit = np.polyfit(np.log(bins), np.log(power), 1)[0]
        errors.append(fit - each["step/slope"])
        variances.append(np.var(unit, axis=0))
    # A periodogram of Gaussian noise is exponentially distributed about its spectrum.
    assert kstest(np.ravel(whitened), "expon").pvalue > 0.001
    assert ttest_1samp(np.ravel(errors), 0.0).pvalue > 0.001
    assert ttest_1samp(np.ravel(variances), 1.0).pvalue > 0.001
    east, north, up = np.concatenate(whitened).T
    assert pearsonr(east, north).pvalue > 0.001 and pearsonr(north, up).pvalue > 0.001


def test_slopes_and_snrs_are_uniform():
    out = compiled(one_step(ColoredNoise((10.0, 20.0), (-1.0, 0.0))), CASES["p_and_s"], epochs=200)
    assert np.isfinite(out["step/noise_std"]).all()
    assert kstest(out["step/slope"] + 1.0, "uniform").pvalue > 0.001
    assert kstest((out["step/snr_db"] - 10.0) / 10.0, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(CASES["noise"], id="no P"),
        pytest.param(make(quakes=[Quake(p=30.0)]), id="no samples before P"),
        pytest.param(make(quakes=[Quake()], scale=0.0), id="silent window"),
    ],
)
def test_where_it_cannot_be_done_the_window_is_untouched(window):
    for made in rows(compiled(MIX, window, epochs=4)):
        assert not mixed(made)
        check(made, window)


@pytest.mark.parametrize("option", [{"signal_s": 2.0}, {"noise_s": 2.0}, {"guard_s": 2.0}])
def test_each_slice_is_measured_as_asked(option):
    made = eager(one_step(ColoredNoise((10.0, 10.0), **option)), CASES["p_and_s"])
    assert measured_db(made, **option) == pytest.approx(10.0, abs=1e-3)


def test_a_slope_that_leaves_no_spectrum_is_refused():
    with pytest.raises(UserError, match="within"):
        build(ColoredNoise, {"slope": (-9.0, 0.0)}, "step")


def test_runs_everywhere_and_draws_anew():
    assert_runs_everywhere(MIX, CASES["p_and_s"])
    assert changes(MIX, CASES["p_and_s"]) == 8
