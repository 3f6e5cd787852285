"""Groups: which of their steps run, what they draw, and what a recipe may say of them."""

import numpy as np
import pytest
from scipy.stats import chisquare

from augment_ops.core.registry import build, op_class, op_names
from augment_ops.core.steps import build_steps, leaves, output_spec
from schemas.errors import UserError
from schemas.recipe import Step
from tests.run_steps import assert_runs_everywhere, assert_sound, compiled
from tests.windows import CASES, SPEC

GAP = {"data_gap": {"gaps": [1, 1], "duration_s": [0.5, 0.5]}}
DROP = {"channel_dropout": {"max_channels": 1}}
THIRD = {"data_gap": {"name": "third", "gaps": [2, 2]}}
ALL = [GAP, DROP, THIRD]
NAMES = ("data_gap/gaps", "channel_dropout/channels", "third/gaps")
EPOCHS = 300


def built(*steps):
    return build_steps(tuple(Step.model_validate(step) for step in steps), "offline")


def ran(steps, epochs=EPOCHS):
    """Return bool [epochs, 3]: which of the three steps ran, by what they drew."""
    out = compiled(steps, CASES["p_and_s"], epochs=epochs)
    return np.stack([np.isfinite(out[name]) for name in NAMES], axis=1), out


def test_one_of_runs_one_as_often_as_weighted():
    weights = [1, 3, 0]
    steps = built({"one_of": {"steps": ALL, "weights": weights}})
    which, out = ran(steps)
    assert (which.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(which.argmax(axis=1), out["one_of/chosen"])
    counts = which.sum(axis=0)
    assert counts[2] == 0
    expected = np.array(weights[:2]) / sum(weights) * EPOCHS
    assert chisquare(counts[:2], expected).pvalue > 0.001
    even = ran(built({"one_of": {"steps": ALL}}))[0].sum(axis=0)
    assert chisquare(even).pvalue > 0.001


def test_some_of_runs_as_many_as_it_draws_each_alike():
    which, out = ran(built({"some_of": {"steps": ALL, "count": [1, 3]}}))
    np.testing.assert_array_equal(which.sum(axis=1), out["some_of/count"])
    assert set(out["some_of/count"]) == {1, 2, 3}
    assert chisquare(which.sum(axis=0)).pvalue > 0.001


def test_repeat_draws_anew_each_time():
    steps = built({"repeat": {"step": GAP, "times": [1, 3]}})
    out = compiled(steps, CASES["p_and_s"], epochs=64)
    times = out["repeat/times"]
    assert set(times) == {1, 2, 3}
    drawn = np.stack([out[f"data_gap_{n}/gaps"] for n in (1, 2, 3)], axis=1)
    np.testing.assert_array_equal(np.isfinite(drawn).sum(axis=1), times)
    lost = (~out["valid"]).all(axis=2).sum(axis=1)
    single = round(0.5 * SPEC.sampling_rate_hz)
    assert (lost[times == 1] == single).all()
    # Two gaps of one length at one place would be one gap.
    assert (lost[times == 3] > 2 * single).any()


def test_a_group_in_a_group_with_a_probability():
    steps = built({"one_of": {"steps": [{"some_of": {"steps": ALL[:2]}}, THIRD]}})
    which, _ = ran(steps)
    assert ((which[:, :2].any(axis=1)) ^ which[:, 2]).all()
    half = built({"one_of": {"steps": ALL, "probability": 0.5}})
    which, out = ran(half)
    assert 0.4 < which.any(axis=1).mean() < 0.6
    np.testing.assert_array_equal(np.isnan(out["one_of/chosen"]), ~which.any(axis=1))


def test_a_step_draws_the_same_in_a_group_as_alone():
    alone = compiled(built(THIRD), CASES["p_and_s"], epochs=EPOCHS)
    which, grouped = ran(built({"one_of": {"steps": ALL}}))
    chosen = which[:, 2]
    assert chosen.any()
    np.testing.assert_array_equal(grouped["waveform"][chosen], alone["waveform"][chosen])


def test_groups_are_sound_and_run_everywhere():
    steps = built({"some_of": {"steps": ALL}}, {"repeat": {"step": {**GAP}, "name": "again"}})
    assert_sound(steps, CASES["two_events"])
    assert_runs_everywhere(steps, CASES["gaps"])


def test_rand_augment_runs_ops_at_a_magnitude():
    names = ["data_gap", "channel_dropout"]
    weak, strong = (
        built({"rand_augment": {"ops": names, "count": 1, "magnitude": m}}) for m in (0.1, 1.0)
    )
    assert [leaf.op for leaf in leaves(strong)] == [op_class(n).at_magnitude(1.0) for n in names]
    assert [leaf.op for leaf in leaves(weak)] == [op_class(n).at_magnitude(0.1) for n in names]
    out = compiled(strong, CASES["p_and_s"], epochs=64)
    drawn = [np.isfinite(out[f"rand_augment_{n}/{v}"]) for n, v in zip(names, ("gaps", "mask"))]
    np.testing.assert_array_equal(drawn[0], ~drawn[1])
    lost = [
        (~compiled(steps, CASES["p_and_s"], epochs=64)["valid"]).sum() for steps in (weak, strong)
    ]
    assert lost[0] < lost[1]


@pytest.mark.parametrize("name", op_names())
def test_every_op_maps_a_magnitude_to_parameters(name):
    weak, middle, strong = (op_class(name).at_magnitude(m) for m in (0.0, 0.5, 1.0))
    assert weak != strong and isinstance(middle, op_class(name))
    # A recipe could say the same.
    for made in (weak, middle, strong):
        parameters = {field: getattr(made, field) for field in made.__dataclass_fields__}
        # Those on groups of stations are no steps.
        assert build(op_class(name), parameters, name) == made
        assert getattr(made, "grouped", False) or built({name: parameters})[0].op == made


def test_specs_of_groups_hold_the_draws_of_their_steps():
    steps = built({"one_of": {"steps": ALL}})
    inner = [name for step in steps[0].inner for name in step.draws]
    assert inner and output_spec(SPEC, steps).draws == ("one_of/chosen", *inner)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"one_of": {"steps": []}}, "at least 1"),
        ({"one_of": {"steps": ALL, "weights": [1]}}, "1 weights for 3 steps"),
        ({"one_of": {"steps": ALL, "weights": [0, 0, 0]}}, "above 0"),
        ({"some_of": {"steps": ALL, "count": [2, 4]}}, "4 of 3 steps"),
        ({"one_of": {"steps": [GAP, GAP]}}, "share the name 'data_gap'"),
        ({"one_of": {"steps": ["random_shift"]}}, "must stand alone"),
        ({"one_of": {"steps": ["data_gp"]}}, "did you mean 'data_gap'?"),
        ({"one_of": {"stepz": ALL}}, "did you mean 'steps'?"),
        ({"rand_augment": {"ops": ["one_of"], "count": 1}}, "expected ops"),
        ({"rand_augment": {"ops": ["data_gap"], "count": 2}}, "2 of 1 ops"),
        ({"repeat": {"step": "data_gap", "times": [3, 1]}}, "low <= high"),
    ],
)
def test_a_group_that_cannot_be_is_refused(step, said):
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        built(step)
