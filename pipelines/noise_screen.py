"""The tests that a noise window must pass, so that no event hides in it.

Of its samples: the ratio of 3 s standard deviations (`noise.max_std_ratio`), STA/LTA and kurtosis.
Before they are read: `pipelines.noise_catalogue`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal, stats

from schemas.noise import Kurtosis, Noise, StaLta
from schemas.window import COMPONENTS

_STRETCH_S = 3.0
_BAND_ORDER = 4
# ObsPy's sums run on: of so small a share of the largest power, rounding is all that is left.
_ROUNDING = 1e-10
# How far a test went and where, in samples after the span's first.
_Peak = tuple[float, int]


class Refusal(NamedTuple):
    """Which test a window failed, and what was got and expected."""

    test: str
    reason: str


def refused_by_samples(window: dict[str, Any], rules: Noise, rate_hz: float) -> Refusal | None:
    """Return the first test that a window fails on a component.

    Args:
        window: `waveform` [T, C] and `valid` [T, C].
        rules: the recipe's.
        rate_hz: of the samples.
    """
    traces = list(zip(COMPONENTS, window["waveform"].T.astype(np.float64), window["valid"].T))
    most = rules.max_std_ratio
    for component, samples, valid in traces if most is not None else ():
        ratio = std_ratio(samples[valid], rate_hz)
        if ratio > most:
            return Refusal(
                "std_ratio",
                f"hidden event: on {component} the largest {_STRETCH_S:g} s standard deviation is "
                f"{ratio:.1f} times the median, expected at most noise.max_std_ratio {most:g}",
            )
    for component, samples, valid in traces:
        if refusal := _refused_by_shape(component, samples, valid, rules, rate_hz):
            return refusal
    return None


def _refused_by_shape(
    component: str, samples: np.ndarray, valid: np.ndarray, rules: Noise, rate_hz: float
) -> Refusal | None:
    """Test what onsets do to the shape of a component, span by span between its gaps."""
    screen = rules.screen
    tests = []
    if screen.sta_lta:
        tests.append(("sta_lta", sta_lta, screen.sta_lta, "max_ratio"))
    if screen.kurtosis:
        tests.append(("kurtosis", kurtosis, screen.kurtosis, "max"))
    for first, last in _spans(valid) if tests else ():
        span = in_band(samples[first:last], screen.band_hz, rate_hz)
        for test, measure, how, limit in tests:
            value, at = measure(span, how, rate_hz)
            if value > getattr(how, limit):
                return Refusal(
                    test,
                    f"{test}: on {component} it is {value:.1f} at {(first + at) / rate_hz:.1f} s, "
                    f"expected at most noise.screen.{test}.{limit} {getattr(how, limit):g}",
                )
    return None


def _spans(valid: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield where each run of recorded samples begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist())


def in_band(span: np.ndarray, band_hz: tuple[float, float] | None, rate_hz: float) -> np.ndarray:
    """Return samples in a band, or without their mean; causal, and at rest on the first sample."""
    if band_hz is None:
        return span - span.mean()
    sos = signal.butter(_BAND_ORDER, band_hz, "bandpass", fs=rate_hz, output="sos")
    return signal.sosfilt(sos, span, zi=signal.sosfilt_zi(sos) * span[0])[0]


def std_ratio(samples: np.ndarray, rate_hz: float) -> float:
    """Return the largest standard deviation of 3 s stretches over the median one."""
    step = max(round(_STRETCH_S * rate_hz), 2)
    stretches = samples[: len(samples) // step * step].reshape(-1, step)
    if len(stretches) < 3:
        return 0.0
    spreads = stretches.std(axis=1)
    return float(spreads.max() / max(np.median(spreads), np.finfo(float).tiny))


def sta_lta(span: np.ndarray, rules: StaLta, rate_hz: float) -> _Peak:
    """Return the largest STA/LTA of a span: of the span itself, and of the span reversed.

    Forward alone it would be blind until the first long mean is there.
    """
    from obspy.signal.trigger import classic_sta_lta

    short, long = (max(round(s * rate_hz), 1) for s in (rules.sta_s, rules.lta_s))
    if len(span) <= long:
        return 0.0, 0
    power = span**2
    loud = sliding_window_view(power, long).max(axis=1) > _ROUNDING * power.max()
    # The long mean ends on its last sample forward, and on its first one backward.
    forward = classic_sta_lta(np.ascontiguousarray(span), short, long)[long - 1 :]
    backward = classic_sta_lta(np.ascontiguousarray(span[::-1]), short, long)[long - 1 :][::-1]
    ratios = [np.where(loud, ratio, 0.0) for ratio in (forward, backward)]
    values = [float(ratio.max()) for ratio in ratios]
    if values[0] >= values[1]:
        return values[0], int(ratios[0].argmax()) + long - 1
    return values[1], int(ratios[1].argmax())


def kurtosis(span: np.ndarray, rules: Kurtosis, rate_hz: float) -> _Peak:
    """Return the largest excess kurtosis of a span's windows; of the span, if it is shorter."""
    length = min(max(round(rules.window_s * rate_hz), 4), len(span))
    hop = max(length // 2, 1)
    values = np.nan_to_num(stats.kurtosis(sliding_window_view(span, length)[::hop], axis=1))
    return float(values.max()), int(values.argmax()) * hop
