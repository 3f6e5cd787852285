"""Every invariant fails on a fault that was planted, and only then."""

import numpy as np
import pytest

from schemas.validate import window_faults
from schemas.window import FIELDS, WindowSpec
from tests.builders import sound_window

SPEC = WindowSpec(1600, 100.0, picks=4, events=2, draws=("op/x",), pairs=("clean_waveform",))
P_AT = SPEC.samples // 2


def put(name, value, *at):
    """A mutation: one value of one field."""

    def mutate(window):
        value_now = window[name] = np.array(window[name])
        value_now[at if at else ...] = value

    return mutate


def both(*mutations):
    return lambda window: [mutate(window) for mutate in mutations]


def drop(name):
    return lambda window: window.pop(name)


def replaced(name, value):
    return lambda window: window.update({name: value})


def gap_at(sample):
    return both(put("valid", False, sample), put("waveform", 0.0, sample))


SECOND = [put("event_id", b"other", 1), put("event_p_sample", 100.0, 1)]
FAULTS = {
    "a missing field": (drop("kind"), "kind: missing"),
    "floats for integers": (replaced("pick_phase", np.zeros(4)), "pick_phase: got float64"),
    "text for a number": (replaced("weight", np.bytes_(b"1")), "weight: got |S1, expected float32"),
    "a number for text": (replaced("kind", np.float32(1)), "kind: got float32, expected string"),
    "another shape": (
        replaced("valid", np.ones((9, 3), bool)),
        "valid: got shape (9, 3), expected",
    ),
    "an empty id": (put("window_id", b""), "window_id: empty"),
    "an unknown kind": (put("kind", b"quake"), "kind: got 'quake', expected one of event, noise"),
    "an unknown split": (put("split", b""), "split: got '', expected one of train"),
    "text that is not UTF-8": (put("kind", b"\xff"), "kind: got '\ufffd'"),
    "another rate": (put("sampling_rate_hz", 50.0), "sampling_rate_hz: got 50, expected 100"),
    "no rate": (put("sampling_rate_hz", np.nan), "sampling_rate_hz: got nan"),
    "a negative weight": (put("weight", -1.0), "weight: got -1.0"),
    "an infinite weight": (put("weight", np.inf), "weight: got inf"),
    "an infinite draw": (put("op/x", np.inf), "op/x: got inf"),
    "NaN samples": (put("waveform", np.nan, 5, 1), "waveform: 1 samples are not finite"),
    "NaN in a pair": (put("clean_waveform", np.nan, 5), "clean_waveform: 3 samples are not finite"),
    "samples in a gap": (put("valid", False, slice(0, 9), 0), "valid: 9 samples are not zero"),
    "nothing valid": (
        both(put("valid", False), put("waveform", 0.0), put("event_snr_db", np.nan)),
        "valid: no sample is recorded",
    ),
    "a phase without a sample": (put("pick_phase", 1, 3), "pick_sample: a slot has a phase"),
    "a sample without a phase": (put("pick_sample", 5.0, 3), "pick_sample: a slot has a phase"),
    "polarity of no pick": (put("pick_polarity", 1, 2), "pick slot 2: not used, and not empty"),
    "event of no pick": (put("pick_event", 0, 2), "pick slot 2: not used, and not empty"),
    "an unknown phase": (put("pick_phase", 3, 1), "pick slot 1: pick_phase: got 3"),
    "an unknown polarity": (put("pick_polarity", 2, 0), "pick slot 0: pick_polarity: got 2"),
    "a pick before": (put("pick_sample", -0.5, 0), "pick slot 0: pick_sample: got -0.5"),
    "a pick behind": (put("pick_sample", 1599.5, 1), "pick slot 1: pick_sample: got 1599.5"),
    "an infinite pick": (put("pick_sample", np.inf, 1), "pick slot 1: pick_sample: got inf"),
    "a pick in a gap": (gap_at(P_AT + 200), "pick slot 1: pick_sample: 1000 lies where nothing"),
    "a pick of no event": (put("pick_event", -1, 1), "pick slot 1: pick_event: got -1"),
    "a pick of an empty slot": (put("pick_event", 1, 1), "pick slot 1: pick_event: got 1"),
    "a pick of a slot beyond": (put("pick_event", 2, 1), "pick slot 1: pick_event: got 2"),
    "one event twice": (both(*SECOND, put("event_id", b"quake", 1)), "event_id: got ['quake'"),
    "noise with picks": (put("kind", b"noise"), "kind: noise, and yet it has events or picks"),
    "S before P": (
        both(put("event_s_sample", 700.0, 0), put("pick_sample", 700.0, 1)),
        "event slot 0: S at 700 is not after P at 800",
    ),
    "S with P": (
        both(put("event_s_sample", 800.0, 0), put("pick_sample", 800.0, 1)),
        "event slot 0: S at 800 is not after P at 800",
    ),
    "a pick ahead of its event": (
        put("pick_sample", 990.0, 1),
        "pick slot 1: at 990, ahead of its",
    ),
    "a pick without an onset": (
        put("event_s_sample", np.nan, 0),
        "ahead of its event's onset at nan",
    ),
    "labels that stayed behind": (
        both(put("event_p_sample", 900.0, 0), put("pick_sample", 900.0, 0)),
        "event slot 0: event_snr_db: got",
    ),
    "another SNR": (put("event_snr_db", 20.1, 0), "event slot 0: event_snr_db: got 20.10"),
    "no SNR": (put("event_snr_db", np.nan, 0), "event slot 0: event_snr_db: got nan"),
    "SNR of nothing": (put("event_snr_db", 3.0, 1), "event slot 1: event_snr_db"),
    **{
        f"{name} of no event": (put(name, 1.0, 1), f"event slot 1: {name}: not used")
        for name, field in FIELDS.items()
        if field.dims == "M" and field.dtype == "float32" and name != "event_snr_db"
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(fault):
    mutate, told = FAULTS[fault]
    window = sound_window(SPEC)
    assert window_faults(window, SPEC) == []
    mutate(window)
    found = window_faults(window, SPEC)
    assert any(told in line for line in found), found


@pytest.mark.parametrize(
    "fine",
    [
        lambda window: None,
        put("weight", 0.0),
        put("op/x", np.nan),
        put("pick_polarity", -1, 0),
        put("start_time_ns", 2**62),
        put("pick_sample", 1005.5, 1),
        both(*SECOND),
        both(put("waveform", 0.0, slice(0, 9), 0), put("valid", False, slice(0, 9), 0)),
        both(put("waveform", -0.0, 0), put("valid", False, 0)),
        put("event_coda_end_sample", 1e7, 0),
    ],
)
def test_what_is_allowed_is_no_fault(fine):
    window = sound_window(SPEC)
    fine(window)
    assert window_faults(window, SPEC) == []


def test_noise_is_sound_and_may_not_have_an_event():
    window = sound_window(SPEC, kind="noise")
    assert window_faults(window, SPEC) == []
    window["event_id"][0] = b"quake"
    assert "kind: noise, and yet it has events or picks" in window_faults(window, SPEC)


def test_a_scalar_of_bytes_is_text():
    window = sound_window(SPEC)
    window["kind"] = np.bytes_(b"event")
    assert window_faults(window, SPEC) == []
