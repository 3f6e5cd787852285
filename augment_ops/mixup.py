"""Mixup: two windows in one, with the share that each has in the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tensorflow as tf
from pydantic import Field

from augment_ops.core import draws as draw
from augment_ops.core import labels
from augment_ops.core.labels import Window
from augment_ops.core.measure import mean_product, peak
from augment_ops.core.merging import merge_labels
from schemas.window import P


@dataclass(frozen=True)
class Mixup:
    """Mix two windows: lambda x + (1 - lambda) gain y, lambda ~ Beta(alpha, alpha).

    The gain makes both equal in rms or in peak over the samples that both have recorded, all
    live components together, so that lambda is the share of amplitude, in the window's own
    recorded units. The mixture is valid where both are. Picks and events of both stay, and
    ``event_weight`` says their share, lambda or 1 - lambda: targets add up by it. Pairs are mixed
    alike, with the partner's own pair or else its waveform; a noise partner has no part in a
    ``clean_waveform``.

    A longer partner is cropped at a random place that keeps its P and the most of its record; a
    shorter one is not valid behind its end. Nothing is mixed, and NaN is drawn, where the window
    has no event or the partner will not do: none is there, it has no event (of an event), shares
    one, lacks a live component, does not fit into the slots, is silent, or has gaps at a pick.

    Args:
        alpha: parameter of the Beta distribution; the smaller, the closer to one of the two.
        partner: ``event`` or ``noise``: whom to mix with.
        scale: what is made equal first, ``rms`` or ``peak``.

    Source: Zhang et al. (2018), mixup.
    """

    # Below, both gammas of a Beta may round to zero.
    alpha: Annotated[float, Field(ge=0.05, le=1000)] = 0.4
    partner: Literal["event", "noise"] = "event"
    scale: Literal["rms", "peak"] = "rms"

    draws = ("lambda", "gain", "start_samples")
    kinds = ("event",)

    @property
    def needs(self) -> dict[str, int]:
        """One partner of the kind that is asked for."""
        return {self.partner: 1}

    @classmethod
    def at_magnitude(cls, magnitude: float) -> Mixup:
        """Return mixtures that are mostly one of the two, up to evenly drawn ones."""
        return cls(alpha=0.05 + 0.95 * magnitude)

    def __call__(self, window: Window, seed: draw.Seed) -> Window:
        """Mix one window with ``window[partner]``; draws as `draws` names them."""
        whole = {name: value[0] for name, value in window[self.partner].items()}
        window = {name: value for name, value in window.items() if name != self.partner}
        partner, start = _aligned(whole, labels.length(window), seed)
        share = draw.beta(seed, "lambda", self.alpha)
        gain = self._gain(window, partner)
        merged, slots_left = merge_labels(window, partner, tf.constant(0.0))
        mixed = labels.invalidate(
            {**merged, **self._mixed(window, partner, share, gain)}, ~partner["valid"]
        )
        # The partner's vertical says nothing of a mixture that has none.
        mixed = labels.forget_polarity(mixed, ~labels.recorded_beneath(mixed)[:, labels.Z])
        mixed["event_weight"] = _weights(window, merged, tf.cast(share, tf.float32))
        done = slots_left & (gain > 0.0) & tf.math.is_finite(gain)
        done &= self._fit(window, partner) & _keeps(mixed, merged)
        drawn = {"lambda": share, "gain": gain, "start_samples": start}
        return {
            **{name: tf.where(done, mixed[name], window[name]) for name in window},
            **{n: tf.where(done, tf.cast(v, tf.float32), labels.NAN) for n, v in drawn.items()},
        }

    def _gain(self, window: Window, partner: Window) -> tf.Tensor:
        """Return by what the partner is as large as the window where both are valid, float64."""
        both = window["valid"] & partner["valid"]
        if self.scale == "rms":
            own, theirs = (
                tf.sqrt(mean_product(w["waveform"], w["waveform"], both)) for w in (window, partner)
            )
        else:
            own, theirs = (
                tf.cast(peak({"waveform": tf.where(both, w["waveform"], 0.0)}), tf.float64)
                for w in (window, partner)
            )
        return own / tf.where(theirs > 0.0, theirs, labels.NAN)

    def _mixed(
        self, window: Window, partner: Window, share: tf.Tensor, gain: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the waves of the mixture, 0 where those of either are not known."""
        mixed = {}
        for name, own in labels.waves(window).items():
            theirs = partner.get(name, partner["waveform"])
            heard = labels.known(theirs, partner["valid"])
            if self.partner == "noise" and name == "clean_waveform":
                theirs, heard = tf.zeros_like(own), tf.ones_like(heard)
            total = share * tf.cast(own, tf.float64)
            total += (1.0 - share) * gain * tf.cast(theirs, tf.float64)
            both = heard & labels.known(own, window["valid"])
            mixed[name] = tf.cast(tf.where(both, total, 0.0), tf.float32)
        if "clipped" in window and "clipped" in partner:
            mixed["clipped"] = window["clipped"] | partner["clipped"]
        return mixed

    def _fit(self, window: Window, partner: Window) -> tf.Tensor:
        """Return whether the partner shows other events on all live components."""
        own, theirs = window["event_id"], partner["event_id"]
        shared = (own[:, None] == theirs[None, :]) & (own != "")[:, None]
        heard = tf.reduce_all(labels.live(partner) | ~labels.live(window))
        eventful = tf.reduce_any(own != "")
        if self.partner == "event":
            eventful &= tf.reduce_any(theirs != "")
        return eventful & heard & ~tf.reduce_any(shared) & (partner["window_id"] != "")


def _aligned(partner: Window, size: int, seed: draw.Seed) -> tuple[Window, tf.Tensor]:
    """Return the partner with as many samples as the window, and its first one's place."""
    count = labels.length(partner)
    lacking = max(size - count, 0)
    if lacking:
        # Zeros are what is not valid, too.
        partner = {
            name: tf.pad(value, [[0, lacking], [0, 0]])
            if value.shape.rank == 2 and value.shape[0] == count
            else value
            for name, value in partner.items()
        }
    spare = count + lacking - size
    first, behind = labels.recorded_span(partner)
    low, high = tf.minimum(first, behind - size), tf.maximum(first, behind - size)
    p = labels.first_sample(partner, P)
    known, p = tf.math.is_finite(p), tf.where(tf.math.is_finite(p), p, 0.0)
    latest = tf.where(known, tf.cast(tf.floor(p), tf.int32), spare)
    earliest = tf.where(known, tf.cast(tf.math.ceil(p), tf.int32) - (size - 1), 0)
    latest, earliest = tf.clip_by_value(latest, 0, spare), tf.clip_by_value(earliest, 0, spare)
    low, high = (tf.clip_by_value(end, earliest, latest) for end in (low, high))
    start = draw.integer(seed, "start_samples", low, high)
    return labels.crop(partner, start, size), start


def _weights(window: Window, merged: Window, share: tf.Tensor) -> tf.Tensor:
    """Return the weights of all events: an event mixed twice has the product of its shares."""
    own, used = window["event_id"] != "", merged["event_id"] != ""
    weight = labels.event_weight(merged) * tf.where(own, share, 1.0 - share)
    return tf.where(used, weight, labels.NAN)


def _keeps(mixed: Window, merged: Window) -> tf.Tensor:
    """Return whether some sample is left, and every pick."""
    counts = [tf.reduce_sum(tf.cast(labels.is_pick(w), tf.int32)) for w in (mixed, merged)]
    return tf.reduce_any(mixed["valid"]) & (counts[0] == counts[1])
