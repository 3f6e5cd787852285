"""Ground velocity of a point double couple in a homogeneous full space, in closed form.

Aki & Richards (2002), Quantitative Seismology, eq. 4.32: near, intermediate and far field of P
and S. The moment grows as in Brune (1970, J. Geophys. Res. 75). Q acts on each phase by itself,
as two causal poles, so the onsets stay exact: the amplitude falls to half where exp(-pi f t*)
does, with t* = r / (v Q).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

_STRESS_DROP_PA = 3e6
# States of the chain: two poles of the source, two of Q, then what integrates them.
_SLOPE, _RATE, _MOMENT, _INTEGRAL = 2, 3, 4, 5


@dataclass(frozen=True)
class Medium:
    """A full space: speeds in m/s, density in kg/m^3, and the Q of both phases."""

    vp_m_s: float
    vs_m_s: float
    density_kg_m3: float
    q: float


def moment_nm(magnitude: float) -> float:
    """Return the seismic moment of a moment magnitude (Hanks & Kanamori 1979), N m."""
    return 10.0 ** (1.5 * magnitude + 9.1)


def corner_hz(moment: float, medium: Medium) -> float:
    """Return Brune's corner frequency at a stress drop of 3 MPa."""
    radius = (7.0 * moment / (16.0 * _STRESS_DROP_PA)) ** (1.0 / 3.0)
    return 2.34 * medium.vs_m_s / (2.0 * math.pi * radius)


def mechanism(strike_deg: float, dip_deg: float, rake_deg: float) -> np.ndarray:
    """Return the moment tensor of unit moment, [3, 3] in east, north, up."""
    strike, dip, rake = np.radians((strike_deg, dip_deg, rake_deg))
    # Aki & Richards, eq. 4.88 and 4.89, whose axes are north, east, down.
    normal = np.array([-np.sin(dip) * np.sin(strike), np.sin(dip) * np.cos(strike), -np.cos(dip)])
    along = np.array([np.cos(strike), np.sin(strike), 0.0])
    updip = np.array([np.cos(dip) * np.sin(strike), -np.cos(dip) * np.cos(strike), -np.sin(dip)])
    slip = np.cos(rake) * along + np.sin(rake) * updip
    tensor = np.outer(slip, normal) + np.outer(normal, slip)
    to_enu = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    return to_enu @ tensor @ to_enu.T


def pulse(
    time_s: np.ndarray, corner: float, t_star_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a unit moment's second and first derivative, itself and its integral, each [n].

    Args:
        time_s: evenly spaced times after the onset, s; all is 0 before it.
        corner: Brune's corner frequency, Hz.
        t_star_s: r / (v Q).
    """
    source, damping = 2.0 * math.pi * corner, 2.0 * math.log(2.0) / t_star_s
    chain = np.zeros((6, 6))
    for state, pole in enumerate((source, source, damping, damping)):
        chain[state, state] = -pole
        if state:
            chain[state, state - 1] = pole
    chain[_MOMENT, _RATE] = chain[_INTEGRAL, _MOMENT] = 1.0
    begin = np.zeros(6)
    begin[0] = source
    first = int(np.searchsorted(time_s, 0.0))
    states = np.zeros((6, len(time_s)))
    if first < len(time_s):
        states[:, first:] = _stepped(chain, begin, time_s[first:])
    rising = damping * (states[_SLOPE] - states[_RATE])
    return rising, states[_RATE], states[_MOMENT], states[_INTEGRAL]


def _stepped(chain: np.ndarray, begin: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Return exp(chain t) begin at evenly spaced times, [6, n], by doubling what is there."""
    states = (expm(chain * time_s[0]) @ begin)[:, None]
    step = expm(chain * (time_s[-1] - time_s[0]) / max(len(time_s) - 1, 1))
    while states.shape[1] < len(time_s):
        states = np.concatenate([states, step @ states], axis=1)
        step = step @ step
    return states[:, : len(time_s)]


def velocity(
    time_s: np.ndarray,
    station_m: np.ndarray,
    tensor: np.ndarray,
    moment: float,
    medium: Medium,
) -> np.ndarray:
    """Return the ground velocity at a station, m/s, [n, 3] in east, north, up.

    Args:
        time_s: evenly spaced times after the origin time, s.
        station_m: from the source to the station, east, north, up.
        tensor: the moment tensor of unit moment, a double couple.
        moment: seismic moment, N m.
        medium: the full space.
    """
    r = float(np.linalg.norm(station_m))
    towards = station_m / r
    radial = (towards @ tensor @ towards) * towards
    transverse = tensor @ towards - radial
    total = np.zeros((len(time_s), 3))
    corner, near = corner_hz(moment, medium), 9.0 * radial - 6.0 * transverse
    phases = (
        (medium.vp_m_s, 1.0, 4.0 * radial - 2.0 * transverse, radial),
        (medium.vs_m_s, -1.0, 3.0 * transverse - 3.0 * radial, transverse),
    )
    # Near-field motion is of both phases: with one t* for both it ends where S has passed.
    shared = r / (medium.vp_m_s * medium.q)
    for speed, sign, middle, far in phases:
        arrival = r / speed
        rising, rate, _, _ = pulse(time_s - arrival, corner, r / (speed * medium.q))
        _, _, grown, summed = pulse(time_s - arrival, corner, shared)
        for pattern, shape in (
            (near, sign * (arrival * grown + summed) / r**4),
            (middle, rate / (speed * r) ** 2),
            (far, rising / (speed**3 * r)),
        ):
            total += shape[:, None] * pattern
    return total * moment / (4.0 * math.pi * medium.density_kg_m3)
