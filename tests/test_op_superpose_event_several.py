"""Several superposed events, and events turned upside down."""

import numpy as np

from augment_ops.superpose_event import SuperposeEvent
from tests.event_sums import HIGH, LEAD_S, LOW, PICKS_S, heard
from tests.run_steps import assert_runs_everywhere, assert_sound, compiled, one_step, rows
from tests.windows import CASES, SPEC, Quake, make, picks_of

OTHERS = [
    make(quakes=[Quake(200.4, 230.8, 300.6, name, 20.0, sign)], seed=seed, window_id=name)
    for seed, (name, sign) in enumerate((("first", 1), ("second", -1), ("third", 1)), start=20)
]
WINDOW = CASES["p_and_s"]
EPOCHS = 48


def op(**more):
    given = {"amplitude_ratio": (LOW, HIGH), "pick_separation_s": PICKS_S, "lead_s": LEAD_S}
    return one_step(SuperposeEvent(**{**given, **more}))


def test_several_partners_add_up_as_far_as_there_are_slots():
    steps = op(events=3, dense_swarm=True)
    numbers = set()
    for made in assert_sound(steps, WINDOW, OTHERS, epochs=16):
        total = WINDOW["waveform"].astype(float)
        expected = {WINDOW["event_id"][0]}
        for number, partner in enumerate(OTHERS, start=1):
            ratio = made[f"step/amplitude_ratio_{number}"]
            if np.isfinite(ratio):
                moved, whole = heard(partner, made[f"step/shift_samples_{number}"], SPEC.samples)
                total += ratio * np.abs(WINDOW["waveform"]).max() / np.abs(whole).max() * moved
                expected.add(partner["event_id"][0])
        np.testing.assert_allclose(made["waveform"], total, atol=1e-5 * np.abs(total).max())
        assert set(made["event_id"]) - {b""} == expected
        assert made["step/placed"] == len(expected) - 1
        numbers.add(int(made["step/placed"]))
    # Three slots hold the window's own event and two more.
    assert max(numbers) == SPEC.events - 1


def test_partners_are_drawn_apart_and_the_first_as_if_it_were_alone():
    several = compiled(op(events=2, dense_swarm=True), WINDOW, OTHERS[:2], EPOCHS)
    alone = compiled(op(dense_swarm=True), WINDOW, OTHERS[0], EPOCHS)
    for name in ("amplitude_ratio", "shift_samples"):
        np.testing.assert_array_equal(several[f"step/{name}_1"], alone[f"step/{name}"])
        assert (several[f"step/{name}_1"] != several[f"step/{name}_2"]).all()


def test_a_random_sign_turns_samples_and_polarities():
    plain = rows(compiled(op(), WINDOW, OTHERS[0], EPOCHS))
    turned = rows(compiled(op(random_sign=True), WINDOW, OTHERS[0], EPOCHS))
    signs = []
    for upright, made in zip(plain, turned):
        if upright["step/placed"] != 1:
            continue
        sign = made["step/sign"]
        signs.append(sign)
        added = upright["waveform"].astype(float) - WINDOW["waveform"]
        total = WINDOW["waveform"] + sign * added
        np.testing.assert_allclose(made["waveform"], total, atol=1e-4 * np.abs(total).max())
        own = set(picks_of(WINDOW))
        for key, (at, polarity) in picks_of(upright).items():
            swapped = polarity if key in own else polarity * sign
            assert picks_of(made)[key] == (at, swapped)
    assert set(signs) == {-1.0, 1.0} and 0.2 < np.mean(np.array(signs) > 0) < 0.8


def test_it_runs_everywhere():
    assert_runs_everywhere(op(events=2, random_sign=True), CASES["gaps"], OTHERS[:2])
