"""Steps: built from a recipe's words, run one after another, drawing by their names."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binomtest

import augment_ops
from augment_ops.channel_dropout import ChannelDropout
from augment_ops.core.registry import op_class, op_names
from augment_ops.core.steps import BuiltStep, apply_steps, build_steps, output_spec
from augment_ops.data_gap import DataGap
from augment_ops.random_shift import RandomShift
from schemas.errors import UserError
from schemas.recipe import Step
from tests.run_steps import (
    SEED,
    assert_runs_everywhere,
    assert_same,
    compiled,
    eager,
    one_step,
    rows,
)
from tests.windows import CASES, RATE, SPEC, Quake, make, tensors

SHIFT = {"random_shift": {"length_s": 20, "p_at_s": 5}}
GAP = {"data_gap": {"name": "gap", "duration_s": [0.5, 2.0]}}
LIKELY = {"channel_dropout": {"probability": 0.3}}
EPOCHS = 300


def steps_of(*given):
    return build_steps(tuple(Step.model_validate(each) for each in given), "online")


def drawn(out, name):
    return {key: value for key, value in out.items() if key.startswith(f"{name}/")}


def test_a_recipe_becomes_steps():
    built = steps_of(SHIFT, GAP, LIKELY, "superpose_noise")
    assert [step.name for step in built] == [
        "random_shift",
        "gap",
        "channel_dropout",
        "superpose_noise",
    ]
    assert built[0].op == RandomShift(length_s=20, p_at_s=5) and built[0].crops
    assert built[1].op == DataGap(duration_s=(0.5, 2.0)) and not built[1].crops
    assert built[2].probability == 0.3 and built[2].needs == {}
    assert built[3].needs == {"noise": 1}
    spec = output_spec(SPEC, built)
    assert spec.samples == 20 * RATE
    assert spec.draws == tuple(f"{step.name}/{name}" for step in built for name in step.op.draws)


def test_every_op_is_found_by_its_file():
    folder = Path(augment_ops.__file__).parent
    assert op_names() == tuple(sorted(p.stem for p in folder.glob("*.py") if p.stem[0] != "_"))
    assert {"random_shift", "superpose_noise"} <= set(op_names())
    for name in op_names():
        assert op_class(name).__name__.lower() == name.replace("_", "")


@pytest.mark.parametrize(
    "step, message",
    [
        ("random_shifd", "online.random_shifd: unknown op 'random_shifd'.*mean 'random_shift'"),
        ({"core": {}}, "unknown op 'core'; known: "),
        ({"data_gap": {"duration": 1}}, "unknown key 'duration'; did you mean 'duration_s'"),
        ({"data_gap": {"gaps": [3, 2]}}, "gaps: got .*low <= high"),
        ({"data_gap": {"name": "dig", "components": "two"}}, "online.dig: components: got 'two'"),
        ({"channel_dropout": {"max_channels": 3}}, "max_channels: got 3"),
        ({"random_shift": {"probability": 0.5}}, "random_shift: probability: got 0.5, expected 1"),
        ({"superpose_noise": {"snr_db": [0, "inf"]}}, "snr_db"),
    ],
)
def test_a_mistake_is_told_with_its_place(step, message):
    with pytest.raises(UserError, match=message):
        steps_of(step)


def test_probability_is_the_share_of_windows_it_runs_on():
    out = compiled(steps_of(LIKELY), CASES["p_and_s"], epochs=EPOCHS)
    ran = ~np.isnan(out["channel_dropout/channels"])
    assert binomtest(int(ran.sum()), EPOCHS, 0.3).pvalue > 0.001
    np.testing.assert_array_equal(ran, ~np.isnan(out["channel_dropout/mask"]))
    for made, did in zip(rows(out), ran):
        assert (made["valid"] != CASES["p_and_s"]["valid"]).any() == did
        if not did:
            base = {name: made[name] for name in CASES["p_and_s"]}
            assert_same(base, CASES["p_and_s"], but=["event_snr_db"])


def test_never_and_always_and_the_same_draws_where_it_runs():
    never, always = steps_of({"data_gap": {"probability": 0}}), steps_of("data_gap")
    sometimes = steps_of({"data_gap": {"probability": 0.6}})
    out = [rows(compiled(steps, CASES["noise"], epochs=40)) for steps in (never, always, sometimes)]
    ran = [not np.isnan(made["data_gap/gaps"]) for made in out[2]]
    assert any(ran) and not all(ran)
    for off, on, made, did in zip(*out, ran):
        assert_same(made, on if did else off)


def test_both_paths_run_everywhere():
    steps = (
        *one_step(ChannelDropout(), "drop", 0.5),
        *one_step(RandomShift(20.0, p_at_s=5.0), "shift"),
        *one_step(DataGap(), "gap", 0.5),
    )
    assert_runs_everywhere(steps, CASES["two_events"], epochs=6)


def test_two_steps_of_one_op_draw_each_under_its_name():
    gaps = [{"data_gap": {"name": name, "gaps": [1, 1]}} for name in ("early", "late")]
    made = rows(compiled(steps_of(*gaps), CASES["noise"]))
    assert all({"early/gap_samples", "late/gap_samples"} <= set(each) for each in made)
    assert any(each["early/gap_samples"] != each["late/gap_samples"] for each in made)


def test_another_step_leaves_the_draws_of_the_others():
    alone = compiled(steps_of(SHIFT, GAP), CASES["p_and_s"], epochs=16)
    first = {"channel_dropout": {"name": "more"}}
    joined = compiled(steps_of(first, SHIFT, GAP), CASES["p_and_s"], epochs=16)
    for name in ("random_shift", "gap"):
        assert_same(drawn(alone, name), drawn(joined, name))
    renamed = compiled(
        steps_of(SHIFT, {"data_gap": {**GAP["data_gap"], "name": "pit"}}),
        CASES["p_and_s"],
        epochs=16,
    )
    assert_same(drawn(alone, "random_shift"), drawn(renamed, "random_shift"))
    assert (alone["gap/gap_samples"] != renamed["pit/gap_samples"]).any()


def test_draws_of_earlier_runs_are_kept():
    stored = {**tensors(CASES["p_and_s"]), "offline/value": tf.constant(4.5)}
    out = apply_steps(steps_of(SHIFT), stored, {}, SEED, 0, RATE)
    assert float(out["offline/value"]) == 4.5 and "random_shift/samples" in out
    assert np.isfinite(apply_steps((), stored, {}, SEED, 0, RATE)["event_snr_db"][0])


@pytest.fixture(scope="module")
def batched():
    """Return a function that runs some steps on a batch of windows with their noise."""
    steps = steps_of("superpose_noise", SHIFT, GAP, LIKELY)
    spec = output_spec(SPEC, steps)
    signature = {f.name: tf.TensorSpec(spec.shape(f), f.dtype) for f in spec.fields}

    def one(pair):
        window, noise = pair
        return apply_steps(steps, window, {"superpose_noise": {"noise": noise}}, SEED, 0, RATE)

    @tf.function(reduce_retracing=True)
    def run(windows, noise):
        return tf.map_fn(one, (windows, noise), fn_output_signature=signature)

    def call(windows, noise):
        pair = [
            {name: tf.stack([each[name] for each in map(tensors, batch)]) for name in windows[0]}
            for batch in (windows, noise)
        ]
        pair[1] = {name: value[:, None] for name, value in pair[1].items()}
        return rows({name: value.numpy() for name, value in run(*pair).items()})

    return call


def test_neither_batch_nor_order_changes_a_byte(batched):
    quakes = [Quake(p=300.0 + 9 * n, s=360.0 + 9 * n, coda=500.0) for n in range(6)]
    windows = [make(quakes=[q], seed=n, window_id=f"w{n}") for n, q in enumerate(quakes)]
    noise = [make(seed=50 + n, window_id=f"n{n}") for n in range(6)]
    together = batched(windows, noise)
    for number, made in enumerate(reversed(batched(windows[::-1], noise[::-1]))):
        assert_same(made, together[number])
        (alone,) = batched([windows[number]], [noise[number]])
        assert_same(made, alone)
        assert made["waveform"].tobytes() == alone["waveform"].tobytes()
    assert len({float(made["superpose_noise/snr_db"]) for made in together}) > 3


def test_run_seed_epoch_and_id_give_other_draws():
    steps, window = steps_of(SHIFT), CASES["noise"]
    usual = eager(steps, window)["random_shift/samples"]
    assert eager(steps, window)["random_shift/samples"] == usual
    assert eager(steps, window, epoch=1)["random_shift/samples"] != usual
    assert eager(steps, make(window_id="other"))["random_shift/samples"] != usual
    other = apply_steps(steps, tensors(window), {}, SEED + 1, 0, RATE)["random_shift/samples"]
    assert float(other) != usual


def test_a_step_says_what_it_is():
    step = BuiltStep("drop", ChannelDropout())
    assert (step.draws, step.needs, step.crops) == (("drop/channels", "drop/mask"), {}, False)
