"""Cutting, against the record's own samples and times computed with integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cut import cut
from pipelines.prepare import Record
from pipelines.reference import Event, Pick
from schemas.errors import UserError
from schemas.window import WindowSpec
from tests.builders import RATE, reference

SPEC = WindowSpec(1600, RATE, picks=4, events=2)
P_S, S_S = 20.0, 23.0


def record(count=4000, offset_s=0.0, rate=RATE, valid=None):
    """A record whose samples say which they are: 1 + row, then the column in thousandths."""
    samples = 1.0 + np.arange(count)[:, None] + np.arange(3) / 8
    valid = np.ones((count, 3), bool) if valid is None else valid
    return Record(np.where(valid, samples, 0.0), "ENZ", rate, valid, offset_s)


def rows(window):
    """The record's rows that the window holds, -1 where it holds none."""
    return np.where(window["valid"][:, 0], np.floor(window["waveform"][:, 0]) - 1, -1).astype(int)


def picks(*given, events=1):
    named = tuple(Event(f"e{slot}") for slot in range(events))
    return {"picks": tuple(Pick(*pick) for pick in given), "events": named}


def test_the_sample_at_the_pick_is_the_records():
    window = cut(record(), reference(), SPEC)
    assert rows(window)[0] == 1200
    np.testing.assert_array_equal(window["pick_sample"], [800, 1100, np.nan, np.nan])
    np.testing.assert_array_equal(window["pick_phase"], [1, 2, 0, 0])
    np.testing.assert_array_equal(window["pick_event"], [0, 0, -1, -1])
    for pick, time_s in zip(window["pick_sample"], (P_S, S_S)):
        expected = record().samples[round(time_s * RATE)]
        np.testing.assert_array_equal(window["waveform"][int(pick)], expected)


@pytest.mark.parametrize("start_s, first", [(-5.0, 0), (30.0, 2400), (12.0, 1200), (24.0, 2400)])
def test_a_window_of_an_event_is_moved_into_its_record(start_s, first):
    window = cut(record(), reference(start_s=start_s), SPEC)
    np.testing.assert_array_equal(rows(window), first + np.arange(SPEC.samples))
    held = [at for at in (2000 - first, 2300 - first) if 0 <= at < SPEC.samples]
    found = window["pick_sample"][np.isfinite(window["pick_sample"])]
    np.testing.assert_array_equal(found, held)
    assert window["event_p_sample"][0] == 2000 - first


def test_a_shorter_record_is_padded_and_the_padding_marked():
    window = cut(record(1000), reference(**picks(("P", 5.0)), start_s=-3.0), SPEC)
    expected = np.full(SPEC.samples, -1)
    expected[300:1300] = np.arange(1000)
    np.testing.assert_array_equal(rows(window), expected)
    assert not window["waveform"][~window["valid"]].any()
    assert window["pick_sample"][0] == 800


def test_what_may_not_be_used_is_not_valid():
    limited = reference("t", "noise", start_s=2.0, usable_s=(4.005, 10.005))
    window = cut(record(), limited, SPEC)
    expected = np.full(SPEC.samples, -1)
    # From 4.005 s up to 10.005 s lie the samples 401 to 1000.
    expected[201:801] = np.arange(401, 1001)
    np.testing.assert_array_equal(rows(window), expected)


def test_a_noise_window_stays_where_it_is():
    window = cut(record(2000), reference("t", "noise", start_s=10.0), SPEC)
    assert rows(window)[0] == 1000 and (rows(window)[1000:] == -1).all()


def test_dead_components_and_gaps_stay_so():
    valid = np.ones((4000, 3), bool)
    valid[:, 1], valid[1300:1400, 0] = False, False
    window = cut(record(valid=valid), reference(), SPEC)
    np.testing.assert_array_equal(window["valid"], valid[1200:2800])


def test_a_pick_in_a_gap_is_no_pick_but_its_onset_is_known():
    valid = np.ones((4000, 3), bool)
    valid[2299:2302] = False
    window = cut(record(valid=valid), reference(), SPEC)
    np.testing.assert_array_equal(window["pick_phase"], [1, 0, 0, 0])
    assert window["event_s_sample"][0] == 1100


def test_an_s_after_the_end_of_the_record_is_left_out():
    window = cut(record(), reference(**picks(("P", 20.0), ("S", 41.0))), SPEC)
    np.testing.assert_array_equal(window["pick_phase"], [1, 0, 0, 0])
    assert window["event_s_sample"][0] == 4100 - 1200


@pytest.mark.parametrize("at", [-0.01, 40.0, 100.0])
def test_a_p_outside_its_record_is_refused(at):
    with pytest.raises(UserError, match=f"P at {at:g} s is outside the record of 40 s"):
        cut(record(), reference(**picks(("P", at))), SPEC)


@pytest.mark.parametrize("at", [0.0, 39.99])
def test_a_p_on_the_first_or_last_sample_is_kept(at):
    window = cut(record(), reference(**picks(("P", at)), start_s=at - 8), SPEC)
    assert rows(window)[int(window["pick_sample"][0])] == round(at * RATE)


@pytest.mark.parametrize("s_s", [20.0, 19.0])
def test_s_that_is_not_after_p_is_refused(s_s):
    with pytest.raises(UserError, match=f"S at {s_s:g} s is not after P at 20 s"):
        cut(record(), reference(**picks(("P", 20.0), ("S", s_s))), SPEC)


def test_too_many_labels_are_refused():
    many = picks(*[("P", 15.0 + n) for n in range(5)])
    with pytest.raises(UserError, match="5 picks, the window holds 4; raise window.max_picks"):
        cut(record(), reference(**many), SPEC)
    with pytest.raises(UserError, match="3 events, the window holds 2; raise window.max_events"):
        cut(record(), reference(**picks(("P", 20.0), events=3)), SPEC)


def test_picks_outside_the_window_take_no_slot():
    many = picks(*[("P", 1.0 + n) for n in range(11)], ("P", 20.0))
    window = cut(record(), reference(**many), SPEC)
    np.testing.assert_array_equal(window["pick_phase"], [1, 0, 0, 0])
    assert window["event_p_sample"][0] == 100 - 1200


def test_nothing_recorded_is_refused():
    with pytest.raises(UserError, match="no recorded samples"):
        cut(record(), reference("t", "noise", start_s=41.0), SPEC)
    with pytest.raises(UserError, match="no recorded samples"):
        cut(record(), reference("t", "noise", usable_s=(50.0, 60.0)), SPEC)
    with pytest.raises(UserError, match="no live component"):
        cut(record(valid=np.zeros((4000, 3), bool)), reference(), SPEC)


@pytest.mark.filterwarnings("ignore:overflow")
def test_samples_beyond_float32_are_refused():
    loud = record()
    loud.samples[1500, 2] = 1e39
    with pytest.raises(UserError, match="beyond what float32 holds"):
        cut(loud, reference(), SPEC)


@given(
    st.integers(0, 2_000_000_000_000_000_000),
    st.integers(-10_000_000, 10_000_000),
    st.floats(-10.0, 30.0),
)
@settings(max_examples=60, deadline=None)
def test_the_start_time_is_that_of_the_first_sample(start_ns, offset_us, start_s):
    offset_s = offset_us / 1e6
    given_ns = reference(record_start_ns=start_ns, start_s=start_s, **picks())
    window = cut(record(offset_s=offset_s), given_ns, SPEC)
    first = rows(window)[0]
    expected = start_ns + Fraction(offset_us * 1000) + Fraction(int(first) * 10**9, int(RATE))
    assert abs(int(window["start_time_ns"]) - expected) <= 1


def test_an_unknown_start_stays_unknown():
    assert cut(record(), reference(record_start_ns=-1), SPEC)["start_time_ns"] == -1


@given(st.floats(0.0, 39.9), st.floats(-0.05, 0.05), st.sampled_from([100.0, 62.5, 250.0]))
@settings(max_examples=100, deadline=None)
def test_a_pick_keeps_its_time_whatever_the_offset_and_rate(at, offset_s, rate):
    at = max(at, 0.06)
    long = record(round(40 * rate), offset_s, rate)
    given_at = reference(**picks(("P", at)), start_s=at - 3.21)
    spec = WindowSpec(round(8 * rate), rate)
    window = cut(long, given_at, spec)
    first = int(rows(window)[0])
    position = first + Fraction(float(window["event_p_sample"][0]))
    time = Fraction(offset_s) + position / Fraction(rate)
    # float32 holds a position of some thousand samples to about 1e-4 of a sample.
    assert abs(time - Fraction(at)) * Fraction(rate) < 2e-4
    np.testing.assert_array_equal(window["pick_sample"][0], window["event_p_sample"][0])


def test_events_keep_what_the_source_says():
    told = Event("quake", 3.5, 10.25, 88.0, coda_end_s=31.0)
    other = Event("other")
    made = picks(("P", 20.0, 1), ("S", 23.0), ("P", 24.0, -1, 1))["picks"]
    window = cut(record(), reference(picks=made, events=(told, other), network="NC"), SPEC)
    assert list(window["event_id"]) == [b"quake", b"other"]
    for name, value in (("magnitude", 3.5), ("depth_km", 10.25), ("distance_km", 88.0)):
        np.testing.assert_array_equal(window[f"event_{name}"], [value, np.nan])
    coda = window["event_coda_end_sample"]
    # The second event has no S: its coda ends where its shaking does, some time after its P.
    assert coda[0] == 3100 - 1200 and coda[1] >= 2400 - 1200
    np.testing.assert_array_equal(window["pick_polarity"], [1, 0, -1, 0])
    np.testing.assert_array_equal(window["pick_event"], [0, 0, 1, -1])
    assert window["network"].item() == b"NC" and window["kind"].item() == b"event"


def test_a_coda_that_no_source_gives_ends_after_s():
    window = cut(record(), reference(), SPEC)
    expected = (S_S + 1.4 * (S_S - P_S)) * RATE - 1200
    np.testing.assert_allclose(window["event_coda_end_sample"][0], expected)
