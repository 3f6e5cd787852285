"""The full-space source, against Green's functions differentiated by hand, and closed forms."""

import math

import numpy as np
import pytest
from obspy.imaging.beachball import MomentTensor, aux_plane, mt2plane
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.signal import impulse

from pipelines.inspection import inspect, read_window
from pipelines.reference import Inspected
from pipelines.sources import load
from pipelines.sources._double_couple import (
    Medium,
    corner_hz,
    mechanism,
    moment_nm,
    pulse,
    velocity,
)
from schemas.errors import UserError
from schemas.recipe import parse_recipe
from schemas.validate import window_faults
from tests.builders import WINDOW, listed

# Without attenuation to speak of: the Green's functions have none.
ROCK = Medium(6000.0, 3460.0, 2700.0, 1e5)
PLACE = np.array([2000.0, -1500.0, 3000.0])


def recipe(**options):
    source = {"name": "sim", "format": "full_space", "simulated": True, "events": 12, "seed": 4}
    return parse_recipe({"window": WINDOW, "sources": [{**source, **options}]}, "test")


def brune(time, corner):
    """Return Brune's moment of a unit event."""
    grown = 2.0 * np.pi * corner * np.maximum(time, 0.0)
    return 1.0 - (1.0 + grown) * np.exp(-grown)


def force_displacement(time, place, moment):
    """Return Aki & Richards' eq. 4.23: displacement n of a unit force p, [t, n, p]."""
    r, corner = np.linalg.norm(place), corner_hz(moment, ROCK)
    along = np.outer(place, place) / r**2
    p_s, s_s = r / ROCK.vp_m_s, r / ROCK.vs_m_s
    between = np.linspace(p_s, s_s, 2001)
    near = trapezoid(between * brune(time[:, None] - between, corner), between, axis=1)
    terms = (
        (near / r**3, 3.0 * along - np.eye(3)),
        (brune(time - p_s, corner) / (ROCK.vp_m_s**2 * r), along),
        (brune(time - s_s, corner) / (ROCK.vs_m_s**2 * r), np.eye(3) - along),
    )
    return sum(t[:, None, None] * g for t, g in terms) / (4.0 * np.pi * ROCK.density_kg_m3)


def test_a_double_couple_is_the_gradient_of_single_forces():
    moment, tensor, step = moment_nm(4.5), mechanism(30.0, 60.0, 100.0), 1.0
    time = np.arange(0.0, 2.0, 0.001)
    expected = np.zeros((len(time), 3))
    for axis, direction in enumerate(np.eye(3)):
        ahead, behind = (
            force_displacement(time, PLACE - sign * step * direction, moment) for sign in (1, -1)
        )
        expected += moment * (ahead - behind) / (2.0 * step) @ tensor[:, axis]
    found = velocity(time, PLACE, tensor, moment, ROCK)
    displaced = cumulative_trapezoid(found, time, axis=0, initial=0.0)
    assert np.abs(displaced - expected).max() < 5e-3 * np.abs(expected).max()
    # Both the waves and the static offset are there to be compared.
    assert np.abs(expected).max() > 2.0 * np.abs(expected[-1]).max() > 0.0


def test_the_pulse_is_that_of_four_poles():
    time, corner, t_star = np.arange(0.0, 3.0, 0.002), 3.0, 0.05
    source, damping = 2.0 * np.pi * corner, 2.0 * np.log(2.0) / t_star
    poles = [-source, -source, -damping, -damping]
    gain = (source * damping) ** 2
    _, expected = impulse(([], poles, gain), T=time)
    slope, rate, grown, summed = pulse(time - time[7], corner, t_star)
    np.testing.assert_allclose(rate[7:], expected[:-7], atol=1e-9 * expected.max())
    assert not rate[:7].any() and not slope[:7].any()
    for outer, inner in ((grown, rate), (rate, slope), (summed, grown)):
        total = cumulative_trapezoid(inner, time, initial=0.0)
        np.testing.assert_allclose(outer, total, atol=1e-3 * outer.max())
    assert grown[-1] == pytest.approx(1.0)
    # Q alone halves what exp(-pi f t*) halves.
    half = np.log(2.0) / (np.pi * t_star)
    alone = pulse(time, 1e4, t_star)[1]
    heard = trapezoid(alone * np.exp(-2j * np.pi * half * time), time)
    assert abs(heard) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("plane", [(30.0, 60.0, 100.0), (200.0, 35.0, -70.0), (310.0, 80.0, 5.0)])
def test_a_mechanism_has_the_planes_that_obspy_finds(plane):
    e, n, u = range(3)
    m = mechanism(*plane)
    assert m == pytest.approx(m.T) and np.linalg.eigvalsh(m) == pytest.approx([-1.0, 0.0, 1.0])
    # ObsPy's axes are up, south, east.
    found = mt2plane(MomentTensor(m[u, u], m[n, n], m[e, e], -m[u, n], m[u, e], -m[n, e], 0))
    planes = [(found.strike, found.dip, found.rake)]
    planes.append(aux_plane(*planes[0]))
    assert any(np.allclose(one, plane, atol=1e-6) for one in planes)


def test_onsets_and_polarities_are_exact():
    recipe_, polarities = recipe(stations=3), set()
    for item in listed(recipe_):
        told, record = item.events[0], load(item, {"sim": "full_space"})
        time = np.arange(len(record.samples)) / record.sampling_rate_hz
        p, s = item.picks
        r = math.hypot(told.distance_km, told.depth_km)
        assert s.time_s - p.time_s == pytest.approx(r / 3.46 - r / 6.0, abs=1e-9)
        assert item.start_s + WINDOW["p_at_s"] - p.time_s == pytest.approx(0.0, abs=0.02)
        assert not record.samples[time < p.time_s].any()
        motion = record.samples[time > p.time_s][0]
        assert np.sign(motion[2]) == p.polarity
        polarities.add(p.polarity)
        # P moves along the ray, away from where it came from or towards it.
        ray = np.radians(told.back_azimuth_deg)
        outwards = np.array([-np.sin(ray) * told.distance_km, -np.cos(ray) * told.distance_km])
        outwards = np.append(outwards, told.depth_km) / r
        assert motion @ outwards * p.polarity / np.linalg.norm(motion) > 0.98
        loud = np.abs(record.samples).max()
        assert np.abs(record.samples[time > told.coda_end_s]).max(initial=0.0) < 0.01 * loud
    assert polarities == {1, -1}


def test_windows_are_sound_and_no_limit_of_recordings_refuses_them():
    recipe_ = recipe()
    limits = {"min_snr_db": 5.0, "max_clipped_share": 0.0001}
    recipe_ = parse_recipe({**recipe_.to_json(), "inspect": limits}, "test")
    for item in listed(recipe_):
        assert item.kind == "simulated" and item.base_id.rpartition("/")[2].startswith("s")
        found = inspect(item, recipe_)
        assert isinstance(found, Inspected) and found.live == "ENZ"
        assert np.isnan(found.snr_db).all()
        window = read_window(item, recipe_)
        window["window_id"], window["split"] = (np.array(b, object) for b in (b"id", b"train"))
        assert window_faults(window, recipe_.spec) == []


OPTIONS = [
    {"seed": 5},
    {"magnitude": [2.0, 2.5]},
    {"distance_km": [30.0, 40.0]},
    {"depth_km": [5.0, 6.0]},
    {"vp_km_s": 5.5},
    {"vs_km_s": 3.0},
    {"density_kg_m3": 2500},
    {"q": 50},
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: next(iter(option)))
def test_each_option_changes_the_record_and_ranges_are_kept(option):
    usual, other = (
        [load(item, {"sim": "full_space"}).samples for item in listed(recipe(**more))[:2]]
        for more in ({}, option)
    )
    assert not np.array_equal(usual, other)
    again = [load(item, {"sim": "full_space"}).samples for item in listed(recipe(**option))[:2]]
    np.testing.assert_array_equal(again, other)
    ((name, value),) = option.items()
    if isinstance(value, list):
        told = [getattr(item.events[0], name) for item in listed(recipe(**option))]
        assert value[0] <= min(told) < max(told) <= value[1]


def test_stations_of_an_event_share_its_split():
    items = listed(recipe(events=3, stations=4))
    assert len(items) == len({item.base_id for item in items}) == 12
    assert len({(item.split_key, item.events[0].event_id) for item in items}) == 3
    assert len({item.events[0].distance_km for item in items}) == 12


@pytest.mark.parametrize(
    "options, said",
    [
        ({"simulated": False}, "sources.sim: simulated: got false, expected true"),
        ({"vs_km_s": 7.0}, "vs_km_s 7 is not below vp_km_s 6"),
        ({"q": 0}, "q"),
        ({"depth_km": [5, 1]}, "depth_km"),
        ({"events": 0}, "events"),
        ({"path": "x"}, "path"),
    ],
)
def test_what_cannot_be_is_refused_before_the_job(options, said):
    with pytest.raises(UserError) as error:
        listed(recipe(**options))
    assert said in str(error.value) and "\n" not in str(error.value)
