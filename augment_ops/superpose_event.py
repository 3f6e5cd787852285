"""Superposed events: a second earthquake in the window, with its own picks."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.measure import peak
from augment_ops.core.merging import merge_labels
from schemas.recipe import Count, NotNegative, Positive, PositiveRange
from schemas.window import P

_TRIES = 64
_FAR = 1e9
# What is drawn for each partner.
_EACH = ("amplitude_ratio", "shift_samples", "sign")


@dataclass(frozen=True)
class SuperposeEvent:
    """Add other events of the same split where they collide with none; all picks stay.

    A partner enters with a cosine ramp that ends before its P and leaves with one after its
    coda, so its own noise is not added. It is placed where the spans from P to coda end stay
    apart by `separation_s`; in a dense swarm spans may overlap, and only picks stay apart. It is
    signal: pairs get the partner's own pair, or else its waveform, with the same gain.

    Draws ``placed``, how many were; 0, and nothing changed, where no place was found or no
    partner will do: it is the same event, has several, lacks a live component, a P pick or a coda
    end; where the window has no P pick, or too few free slots.

    Args:
        amplitude_ratio: least and largest peak of the partner over the window's peak, drawn
            log-uniformly.
        separation_s: least time between the spans of two events, s.
        dense_swarm: let spans overlap.
        pick_separation_s: least time between any two picks of different events, s.
        lead_s: how long before its P, and after its coda, the partner fades, s.
        events: how many partners are tried, one after another.
        random_sign: turn every other partner upside down, its polarities with it.

    Source: Zhu, Mousavi & Beroza (2020), superimposing events.
    """

    amplitude_ratio: PositiveRange = (0.1, 2.0)
    separation_s: NotNegative = 1.0
    dense_swarm: bool = False
    pick_separation_s: Positive = 0.5
    lead_s: Positive = 1.0

    events: Count = 1
    random_sign: bool = False

    kinds = ("event",)

    @property
    def needs(self) -> dict[str, int]:
        """So many partners."""
        return {"event": self.events}

    @property
    def draws(self) -> tuple[str, ...]:
        """How many were placed, and what was drawn for each; numbered if there are several."""
        each = (f"{name}{tag}" for tag in self._tags() for name in _EACH)
        return ("placed", *each)

    def _tags(self) -> list[str]:
        return [""] if self.events == 1 else [f"_{n}" for n in range(1, self.events + 1)]

    @classmethod
    def at_magnitude(cls, magnitude: float) -> SuperposeEvent:
        """Return a partner of one amplitude: a hundredth of the window's, up to twice it."""
        return cls(amplitude_ratio=(0.01 * 200.0**magnitude,) * 2)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Place the partners in ``window["event"]`` one after another."""
        partners = window["event"]
        window = {name: value for name, value in window.items() if name != "event"}
        loudest, placed, drawn = peak(window), 0.0, {}
        for number, tag in enumerate(self._tags()):
            partner = {name: value[number] for name, value in partners.items()}
            own = draw.fold(seed, f"partner {number}") if number else seed
            window, values = self._add(window, partner, own, loudest)
            drawn |= {f"{name}{tag}": value for name, value in zip(_EACH, values)}
            placed += tf.cast(tf.math.is_finite(values[0]), tf.float32)
        return {**window, **drawn, "placed": placed}

    def _add(
        self, window: Window, partner: Window, seed: draw.Seed, loudest: tf.Tensor
    ) -> tuple[Window, tuple[tf.Tensor, ...]]:
        """Return the window with one partner, and ratio, shift and sign, NaN if it has no place."""
        shift, placeable = self._place(window, partner, seed)
        ratio = draw.log_uniform(seed, "amplitude_ratio", *self.amplitude_ratio)
        sign = tf.constant(1.0)
        if self.random_sign:
            sign = tf.where(draw.uniform(seed, "sign") < 0.5, -1.0, 1.0)
            turned = partner["pick_polarity"] * tf.cast(sign, tf.int64)
            partner = {**partner, "pick_polarity": turned}
        merged, slots_left = merge_labels(window, partner, shift)
        gain = tf.math.divide_no_nan(ratio * loudest, self._peak(window, partner))
        done = placeable & slots_left & _fit(window, partner) & (gain > 0.0)
        sums, lost = self._sums(window, partner, shift, sign * gain)
        merged = labels.invalidate({**merged, **sums}, lost)
        # A polarity is read off the vertical, which may be dead here and not in the partner.
        merged = labels.forget_polarity(merged, ~labels.recorded_beneath(merged)[:, labels.Z])
        out = labels.either(done, {name: merged[name] for name in window}, window)
        return out, tuple(tf.where(done, value, labels.NAN) for value in (ratio, shift, sign))

    def _place(
        self, window: Window, partner: Window, seed: draw.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the first of some random shifts that collides with nothing, and if any did."""
        rate, last = labels.rate_hz(window), float(labels.length(window) - 1)
        p, end = _span(partner)
        onset = draw.integer(seed, "shift_samples", 0, labels.length(window) - 1, shape=(_TRIES,))
        # An unknown P fits nowhere (`_fit`); the shift must be a number all the same.
        shift = tf.cast(onset, tf.float32) - tf.where(tf.math.is_finite(p), tf.round(p), 0.0)
        apart = _apart(window, partner, shift, self.pick_separation_s * rate)
        apart &= (p + shift >= 0.0) & (p + shift <= last)
        if not self.dense_swarm:
            first, behind = _spans(window)
            gap = self.separation_s * rate
            before = (end + shift)[:, None] + gap < first[None, :]
            after = (p + shift)[:, None] - gap > behind[None, :]
            apart &= tf.reduce_all(before | after, axis=-1)
        fade = self.lead_s * rate
        start, stop = (tf.cast(at, tf.float32) for at in labels.recorded_span(partner))
        # What is heard of the partner in this window must be recorded.
        apart &= (p - fade >= start) | (start + shift <= 0.0)
        apart &= (end + fade <= stop - 1.0) | (stop + shift > last)
        return tf.gather(shift, tf.argmax(apart)), tf.reduce_any(apart)

    def _heard(self, window: Window, partner: Window, time: tf.Tensor) -> tf.Tensor:
        """Return how much of the partner is heard at samples of its own, [n, 1]."""
        p, end = _span(partner)
        fade = self.lead_s * labels.rate_hz(window)
        # Full from half a lead before P to the coda's end. Graphs turn a division by a
        # constant into this product, and so would round otherwise than eager code.
        rise = tf.clip_by_value((time - (p - fade)) * (2.0 / fade), 0.0, 1.0)
        fall = tf.clip_by_value((end + fade - time) * (1.0 / fade), 0.0, 1.0)
        return 0.5 - 0.5 * tf.cos(3.14159265 * tf.minimum(rise, fall))[:, None]

    def _peak(self, window: Window, partner: Window) -> tf.Tensor:
        """Return the faded partner's largest sample on the window's live components."""
        time = tf.range(labels.length(partner), dtype=tf.float32)
        whole = self._heard(window, partner, time) * partner["waveform"]
        return tf.reduce_max(tf.abs(tf.where(labels.live(window), whole, 0.0)))

    def _sums(
        self, window: Window, partner: Window, shift: tf.Tensor, gain: tf.Tensor
    ) -> tuple[Window, tf.Tensor]:
        """Return all waves with the faded partner in them, and where its samples are lost."""
        count = labels.length(partner)
        time = tf.range(labels.length(window), dtype=tf.float32) - shift
        at = tf.cast(tf.clip_by_value(time, 0.0, float(count - 1)), tf.int32)
        inside = ((time >= 0.0) & (time <= float(count - 1)))[:, None]
        weight = self._heard(window, partner, time)
        valid, sums = partner["valid"], {}
        for name, own in labels.waves(window).items():
            theirs = partner.get(name, partner["waveform"])
            recorded = tf.gather(labels.known(theirs, valid), at) & inside
            here = labels.known(own, window["valid"])
            added = tf.where(recorded & here, weight * tf.gather(theirs, at), 0.0)
            # Where the partner would be heard and is not known, neither is the sum.
            sums[name] = labels.where_valid((weight <= 0.0) | recorded, own + gain * added)
        if "clipped" in window and "clipped" in partner:
            brought = tf.gather(partner["clipped"], at) & inside & (weight > 0.0)
            sums["clipped"] = window["clipped"] | brought
        return sums, (weight > 0.0) & ~(tf.gather(valid, at) & inside)


def _span(partner: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return P and coda end of the partner's one event, NaN where unknown."""
    slot = tf.argmax(partner["event_id"] != "")
    return partner["event_p_sample"][slot], partner["event_coda_end_sample"][slot]


def _spans(window: Window) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where each event begins and ends; an unknown end is far, an unused slot nowhere."""
    first, behind = labels.event_span(window)
    known = tf.math.is_finite(window["event_coda_end_sample"])
    used = window["event_id"] != ""
    first = tf.where(tf.math.is_finite(first), first, -_FAR)
    behind = tf.where(known, behind, _FAR)
    return tf.where(used, first, 2 * _FAR), tf.where(used, behind, -2 * _FAR)


def _apart(window: Window, partner: Window, shift: tf.Tensor, least: tf.Tensor) -> tf.Tensor:
    """Return for each shift whether all picks of both events stay apart."""
    moved = partner["pick_sample"][None, :] + shift[:, None]
    distance = tf.abs(moved[:, :, None] - window["pick_sample"][None, None, :])
    return tf.reduce_all(tf.math.is_nan(distance) | (distance > least), axis=(-2, -1))


def _fit(window: Window, partner: Window) -> tf.Tensor:
    """Return whether the partner is one other event that shows on all live components."""
    slot = tf.argmax(partner["event_id"] != "")
    one = tf.reduce_sum(tf.cast(partner["event_id"] != "", tf.int32)) == 1
    other = tf.reduce_all(window["event_id"] != partner["event_id"][slot])
    heard = tf.reduce_all(labels.live(partner) | ~labels.live(window))
    p, end = _span(partner)
    known = tf.math.is_finite(p) & tf.math.is_finite(end)
    picked = (tf.reduce_any(labels.is_pick(each, P)) for each in (window, partner))
    return one & other & heard & known & tf.reduce_all([*picked])
