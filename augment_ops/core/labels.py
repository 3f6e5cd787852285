"""Labels follow samples: the few moves that every op is made of."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from schemas.window import COMPONENTS, FIELDS, MOVING, PAIRS, SLOTS, UNKNOWN_TIME_NS

Window = dict[str, tf.Tensor]
NAN = float("nan")
Z = COMPONENTS.index("Z")


def length(window: Window) -> int:
    """Return T, the static number of samples."""
    return window["waveform"].shape[0]


def rate_hz(window: Window) -> tf.Tensor:
    """Return the sampling rate as a float32 scalar."""
    return window["sampling_rate_hz"]


def static_rate_hz(window: Window) -> float:
    """Return the sampling rate, known when the graph is built: it decides lengths."""
    return float(tf.get_static_value(rate_hz(window)))


def waves(window: Window) -> dict[str, tf.Tensor]:
    """Return the waveform and the pairs kept beside it, all float32 [T, 3].

    What happens to the ground or the sensor (a flip, a rotation, a gain, a stretch) happens to
    all of them; what corrupts a recording (noise, gaps, clipping) happens to the waveform alone.
    """
    names = ("waveform", *(field.name for field in PAIRS if field.dtype == "float32"))
    return {name: window[name] for name in names if name in window}


def known(wave: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Return bool [T, 3]: where one of the `waves` has samples.

    Where the window is valid; and a pair may know more, such as what lay in a gap: it is known
    wherever it is not zero, too.
    """
    return valid | (wave != 0.0)


def where_valid(valid: tf.Tensor, wave: tf.Tensor) -> tf.Tensor:
    """Return the samples that are valid, 0 elsewhere; several times as fast as `tf.where`."""
    return tf.math.multiply_no_nan(wave, tf.cast(valid, wave.dtype))


def either(done: tf.Tensor, one: Window, other: Window) -> Window:
    """Return the fields of one window or of another by a bool scalar, without copying samples."""
    moved = {name: value for name, value in one.items() if value is not other[name]}
    return one | tf.cond(done, lambda: moved, lambda: {name: other[name] for name in moved})


def on_all(row: tf.Tensor) -> tf.Tensor:
    """Return [T] for each component, [T, 3]; several times as fast as a broadcast."""
    return tf.transpose(tf.stack([row] * len(COMPONENTS)))


def is_pick(window: Window, phase: int | None = None) -> tf.Tensor:
    """Return bool [K]: which slots hold a pick, of one phase if it is given."""
    held = tf.math.is_finite(window["pick_sample"])
    return held if phase is None else held & (window["pick_phase"] == phase)


def live(window: Window) -> tf.Tensor:
    """Return bool [3]: which components have any recorded sample."""
    return tf.reduce_any(window["valid"], axis=0)


def event_weight(window: Window) -> tf.Tensor:
    """Return the share that each event has in its labels, float32 [M]; 1 unless it was mixed."""
    weight = window["event_weight"]
    return tf.where(tf.math.is_finite(weight), weight, 1.0)


def pick_weight(window: Window) -> tf.Tensor:
    """Return the `event_weight` of each pick's event, float32 [K]."""
    return tf.gather(event_weight(window), tf.maximum(window["pick_event"], 0))


def move(window: Window, where: Callable[[tf.Tensor], tf.Tensor]) -> Window:
    """Move every position in samples by one function, such as ``lambda p: p - start``."""
    return {**window, **{name: where(window[name]) for name in MOVING}}


def crop(window: Window, start: tf.Tensor, size: int) -> Window:
    """Keep `size` samples from int32 `start` on; labels and start time follow."""
    count = length(window)
    cut = {
        name: tf.ensure_shape(value[start : start + size], (size, *value.shape[1:]))
        for name, value in window.items()
        if value.shape.rank == 2 and value.shape[0] == count
    }
    return follow_crop({**window, **cut}, start)


def follow_crop(window: Window, start: tf.Tensor) -> Window:
    """Return a window, whose samples are cut from int32 `start` on, with its labels moved there.

    What has no recorded sample beneath it any more, or lies outside, is gone.
    """
    window = move(window, lambda position: position - tf.cast(start, position.dtype))
    since_ns = tf.round(tf.cast(start, tf.float64) / tf.cast(rate_hz(window), tf.float64) * 1e9)
    time = window["start_time_ns"]
    moved = time + tf.cast(since_ns, tf.int64)
    window["start_time_ns"] = tf.where(time == UNKNOWN_TIME_NS, time, moved)
    return clear_unseen_events(clear_unrecorded_picks(window))


def recorded_span(window: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the first recorded sample and the one behind the last, int32; 0, 0 if none."""
    recorded = tf.reduce_any(window["valid"], axis=-1)
    first = tf.argmax(recorded, output_type=tf.int32)
    last = length(window) - tf.argmax(recorded[::-1], output_type=tf.int32)
    return first, tf.where(tf.reduce_any(recorded), last, 0)


def clear_slots(window: Window, letter: str, gone: tf.Tensor) -> Window:
    """Empty the pick slots (``K``) or event slots (``M``) where `gone` is true."""
    cleared = {}
    for name in SLOTS[letter]:
        value = window[name]
        empty = tf.constant(FIELDS[name].empty, value.dtype)
        cleared[name] = tf.where(gone, empty, value)
    return {**window, **cleared}


def clear_unrecorded_picks(window: Window) -> Window:
    """Empty the picks outside the window, and those with no valid sample beneath them."""
    recorded = tf.reduce_any(recorded_beneath(window), axis=-1)
    return clear_slots(window, "K", is_pick(window) & ~recorded)


def recorded_beneath(window: Window) -> tf.Tensor:
    """Return bool [K, 3]: which components are valid at each pick, none outside the window."""
    sample = window["pick_sample"]
    inside = (sample >= 0.0) & (sample <= float(length(window) - 1))
    nearest = tf.cast(tf.round(tf.where(inside, sample, 0.0)), tf.int32)
    return inside[:, None] & tf.gather(window["valid"], nearest)


def clear_unseen_events(window: Window) -> Window:
    """Empty the events that have no pick left and whose span lies outside the window.

    Each pick slot's event stays where it is: slots are never renumbered.
    """
    slots = tf.range(window["event_id"].shape[0], dtype=tf.int64)
    picked = tf.reduce_any(
        (window["pick_event"][:, None] == slots[None, :]) & is_pick(window)[:, None], axis=0
    )
    first, last = event_span(window)
    reached = (last >= 0.0) & (first <= float(length(window) - 1))
    return clear_slots(window, "M", ~picked & ~reached)


def event_span(window: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the first and last sample of each event, float32 [M], NaN where unknown.

    From its P, or else its S, to its coda end, or else its S or P.
    """
    p, s, coda = (window[f"event_{name}_sample"] for name in ("p", "s", "coda_end"))
    onset = tf.where(tf.math.is_finite(p), p, s)
    late = tf.where(tf.math.is_finite(s), s, onset)
    end = tf.where(tf.math.is_finite(coda), tf.maximum(coda, late), late)
    return onset, end


def invalidate(window: Window, where: tf.Tensor) -> Window:
    """Zero the samples of a bool [T, 3], mark them not valid, let their picks go.

    A pick is gone once none of the components is valid beneath it; where Z is lost, the
    polarities of picks without Z beneath them are unknown.
    """
    valid = window["valid"] & ~where
    lost_z = tf.reduce_any(window["valid"][:, Z] & where[:, Z])
    window = {**window, "valid": valid, "waveform": where_valid(valid, window["waveform"])}
    window = clear_unrecorded_picks(window)
    return forget_polarity(window, lost_z & ~recorded_beneath(window)[:, Z])


def forget_polarity(window: Window, where: tf.Tensor) -> Window:
    """Mark the polarities unknown where a bool, scalar or [K], is true."""
    polarity = window["pick_polarity"]
    return {**window, "pick_polarity": tf.where(where, tf.zeros_like(polarity), polarity)}


def first_sample(window: Window, phase: int) -> tf.Tensor:
    """Return the first pick of a phase as a float32 scalar, NaN if there is none."""
    held = is_pick(window, phase)
    first = tf.reduce_min(tf.where(held, window["pick_sample"], float("inf")))
    return tf.where(tf.reduce_any(held), first, NAN)
