"""Station dropout on groups, against what NumPy says of each station."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from augment_ops.core import draws
from augment_ops.core.steps import build_steps
from augment_ops.station_dropout import StationDropout
from schemas.errors import UserError
from schemas.recipe import Step
from schemas.validate import window_faults
from schemas.window import SLOTS, WINDOW_SPEC
from tests.windows import CASES, SPEC, Quake, make, tensors, windows

HALF = StationDropout((0.3, 0.7))


def group_of(stations, mask=None):
    """Return windows as one group: each field stacked, and which stations there are."""
    parts = [tensors(window) for window in stations]
    group = {f.name: tf.stack([part[f.name] for part in parts]) for f in WINDOW_SPEC}
    group["station_mask"] = tf.constant(mask or [True] * len(parts))
    return group


def seeds(count):
    return [draws.step_seed(draws.window_key(7, "group"), "step", n) for n in range(count)]


QUAKE = [make(quakes=[Quake(400 + n, 450 + n)], seed=n, window_id=f"w{n}") for n in range(6)]
GROUP = group_of(QUAKE)
TRACED = {op: tf.function(op, autograph=False) for op in (HALF, StationDropout((0.0, 1.0)))}


def check(made, group):
    """Check which stations were dropped, all that they lost, and that the others kept all."""
    made, group = ({n: v.numpy() for n, v in each.items()} for each in (made, group))
    count = made.pop("stations")
    gone = group["station_mask"] & ~made["station_mask"]
    live = group["station_mask"] & group["valid"].any(axis=(1, 2))
    assert gone.sum() == count and not (gone & ~live).any()
    assert (live & ~gone).any() or not live.any()
    assert not (made["station_mask"] & ~group["station_mask"]).any()
    empty = SPEC.empty_window()
    lost = {"waveform", "valid", *SLOTS["K"]}
    for name in set(made) - {"station_mask"}:
        np.testing.assert_array_equal(made[name][~gone], group[name][~gone], err_msg=name)
        for station in np.flatnonzero(gone):
            expected = empty[name] if name in lost else group[name][station]
            np.testing.assert_array_equal(made[name][station], expected, err_msg=name)
    return gone


@pytest.mark.parametrize("op", TRACED)
def test_whole_stations_are_dropped_and_one_stays(op):
    for seed in seeds(20):
        made = TRACED[op](GROUP, seed)
        gone = check(made, GROUP)
        low, high = (round(share * len(QUAKE)) for share in op.share)
        assert low <= gone.sum() <= min(high, len(QUAKE) - 1)
        for station in np.flatnonzero(~gone):
            window = {n: v[station].numpy() for n, v in made.items() if n in GROUP}
            window.pop("station_mask")
            assert window_faults(window, SPEC) == []


@given(st.lists(windows(), min_size=6, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_any_group_keeps_a_station(stations, mask):
    group = group_of(stations, mask)
    for op, traced in TRACED.items():
        for seed in seeds(2):
            made = traced(group, seed)
            check(made, group)
            for name, value in op(group, seed).items():
                np.testing.assert_array_equal(value, made[name], err_msg=name)
                assert value.shape == made[name].shape and value.dtype == made[name].dtype


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(group_of(QUAKE, [False, True, False, False, False, False]), id="one there"),
        pytest.param(group_of([CASES["p_and_s"]]), id="one"),
        pytest.param(
            group_of([make(recorded=(0, 0)) if n else QUAKE[0] for n in range(6)]), id="one live"
        ),
    ],
)
def test_the_last_live_station_stays(group):
    for seed in seeds(5):
        made = StationDropout((0.9, 1.0))(group, seed)
        assert made["stations"] == 0 and made["stations"].dtype == tf.float32
        for name, value in group.items():
            np.testing.assert_array_equal(made[name], value, err_msg=name)


def test_a_share_too_small_drops_none_and_each_station_goes_alike():
    assert StationDropout((0.0, 0.05))(GROUP, seeds(1)[0])["stations"] == 0
    gone = np.sum([~TRACED[HALF](GROUP, seed)["station_mask"].numpy() for seed in seeds(300)], 0)
    assert chisquare(gone).pvalue > 0.001


def test_it_runs_in_tf_data_with_static_shapes():
    data = tf.data.Dataset.from_tensors(GROUP).map(lambda group: HALF(group, seeds(1)[0]))
    (made,) = data
    expected = HALF(GROUP, seeds(1)[0])
    for name, value in expected.items():
        assert data.element_spec[name].shape == value.shape
        np.testing.assert_array_equal(made[name], value, err_msg=name)


@pytest.mark.parametrize("step", ["station_dropout", {"one_of": {"steps": ["station_dropout"]}}])
def test_it_is_no_step_on_single_windows(step):
    with pytest.raises(UserError, match=r"offline\..*works on groups of stations"):
        build_steps((Step.model_validate(step),), "offline")
