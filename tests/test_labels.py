"""The moves that ops are made of, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from augment_ops.core import labels
from augment_ops.core.measure import event_snr_db, mean_product, peak, snr_slices
from schemas.snr import snr_db
from schemas.window import MOVING, P, S
from tests.windows import CASES, NAN, SPEC, START_NS, TWO, Quake, make, picks_of, tensors


def arrays(window):
    return {name: value.numpy() for name, value in window.items()}


@pytest.mark.parametrize("start, size", [(0, 800), (0, 1), (799, 1), (333, 400)])
def test_crop_slices_samples_and_shifts_every_position(start, size):
    before = make(quakes=TWO)
    before["clean_waveform"] = 2 * before["waveform"]
    window = {**tensors(before), "clean_waveform": tf.constant(before["clean_waveform"])}
    after = arrays(labels.crop(window, tf.constant(start), size))
    for name in ("waveform", "valid", "clean_waveform"):
        np.testing.assert_array_equal(after[name], before[name][start : start + size])
    for key, (at, _) in picks_of(before).items():
        assert (key in picks_of(after)) == (start <= at <= start + size - 1)
    seen = after["event_id"] != b""
    for name in MOVING[1:]:
        np.testing.assert_array_equal(after[name][seen], before[name][seen] - np.float32(start))
    rate = int(SPEC.sampling_rate_hz)
    assert (after["start_time_ns"] - START_NS) * rate == start * 10**9


@pytest.mark.parametrize("recorded", [(0, 800), (0, 1), (799, 800), (17, 650), (5, 5)])
def test_recorded_span_is_first_and_behind_last(recorded):
    window = make(recorded=recorded, live=(False, True, False))
    span = labels.recorded_span(tensors(window))
    assert [int(end) for end in span] == (list(recorded) if recorded[0] < recorded[1] else [0, 0])
    broken = make(gaps=[(0, 30, None), (100, 200, None), (790, 800, 0)])
    assert [int(end) for end in labels.recorded_span(tensors(broken))] == [30, 800]


@pytest.mark.parametrize("at, kept", [(0.0, True), (799.0, True), (-0.2, False), (799.2, False)])
def test_picks_at_the_ends(at, kept):
    window = tensors(CASES["p_only"])
    window["pick_sample"] = tf.where(labels.is_pick(window), at, NAN)
    after = arrays(labels.clear_unrecorded_picks(window))
    assert bool(picks_of(after)) == kept
    if not kept:
        empty = SPEC.empty_window()
        for name in labels.SLOTS["K"]:
            np.testing.assert_array_equal(after[name], empty[name])


def test_events_are_kept_while_a_pick_or_their_span_is_seen():
    events = [
        Quake(-90, -80, -70, "before"),
        Quake(-90, -80, 5, "coda"),
        Quake(810, 820, 830, "after"),
    ]
    after = arrays(labels.clear_unseen_events(tensors(make(quakes=events))))
    assert after["event_id"].tolist() == [b"", b"coda", b""]
    unknown = [Quake(NAN, NAN, NAN, "unknown"), Quake(100, NAN, NAN, "picked")]
    after = arrays(labels.clear_unseen_events(tensors(make(quakes=unknown))))
    assert after["event_id"].tolist() == [b"", b"picked", b""]


def test_event_span_falls_back_from_onset_to_onset():
    events = [Quake(10, 20, 30, "1"), Quake(NAN, 20, NAN, "2"), Quake(10, NAN, NAN, "3")]
    first, last = (end.numpy().tolist() for end in labels.event_span(tensors(make(quakes=events))))
    assert (first, last) == ([10, 20, 10], [30, 20, 10])
    short = make(quakes=[Quake(10, 40, 30)])
    assert float(labels.event_span(tensors(short))[1][0]) == 40


@pytest.mark.parametrize(
    "components, known, picked",
    [((0, 1), True, True), ((2,), False, True), ((0, 1, 2), False, False)],
)
def test_losing_the_samples_at_a_pick(components, known, picked):
    before = CASES["p_and_s"]
    where = np.zeros(before["valid"].shape, bool)
    where[395:405, components] = True
    after = arrays(labels.invalidate(tensors(before), tf.constant(where)))
    np.testing.assert_array_equal(after["valid"], ~where)
    np.testing.assert_array_equal(after["waveform"], np.where(where, 0, before["waveform"]))
    assert ((0, P) in picks_of(after)) == picked and (0, S) in picks_of(after)
    assert (after["pick_polarity"] != 0).any() == known


def test_losing_nothing_changes_nothing():
    window = tensors(CASES["z_only"])
    window["valid"] &= [True, False, False]
    after = labels.invalidate(window, ~window["valid"])
    for name in set(window) - {"waveform", *labels.SLOTS["K"]}:
        np.testing.assert_array_equal(after[name], window[name])


def test_first_sample_is_the_earliest_pick():
    first = labels.first_sample(tensors(make(quakes=TWO[::-1])), P)
    assert float(first) == np.float32(TWO[0].p)
    assert np.isnan(labels.first_sample(tensors(CASES["p_only"]), S))


@pytest.mark.parametrize("case", CASES)
def test_event_snr_agrees_with_numpy(case):
    window = CASES[case]
    found = event_snr_db(tensors(window)).numpy()
    rate = SPEC.sampling_rate_hz
    expected = [
        snr_db(window["waveform"], window["valid"], at, rate) for at in window["event_p_sample"]
    ]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_slices_of_snr_are_those_of_the_docstring():
    onset, rate = 400, int(SPEC.sampling_rate_hz)
    signal, noise = snr_slices(tensors(CASES["p_and_s"]), tf.constant(400.3), 2.0, 3.0, 1.0)
    time = np.arange(SPEC.samples)
    assert time[signal].tolist() == list(range(onset, onset + 2 * rate))
    assert time[noise].tolist() == list(range(onset - 4 * rate, onset - rate))
    nowhere = snr_slices(tensors(CASES["p_and_s"]), tf.constant(NAN))
    assert not any(len(time[part]) for part in nowhere)


@pytest.mark.parametrize("missing, usable", [(50, True), (51, False)])
def test_half_of_a_slice_must_be_recorded(missing, usable):
    window = make(quakes=[Quake(p=400.0)], gaps=[(410, 410 + missing, None)])
    assert np.isfinite(event_snr_db(tensors(window))[0]) == usable
    found = snr_db(window["waveform"], window["valid"], 400.0, SPEC.sampling_rate_hz)
    assert np.isfinite(found) == usable


def test_mean_product_and_peak():
    window = CASES["gaps"]
    wave, valid = window["waveform"].astype(np.float64), window["valid"]
    found = mean_product(window["waveform"], 2 * window["waveform"], valid)
    assert float(found) == pytest.approx(np.mean(2 * wave[valid] ** 2))
    assert np.isnan(mean_product(wave, wave, np.zeros_like(valid)))
    assert float(peak(tensors(window))) == np.abs(window["waveform"]).max()
