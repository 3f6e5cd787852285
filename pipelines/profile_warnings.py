"""What in a profile will bite in training: one line each, with figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.profile_statistics import share_below
from pipelines.profile_tally import UNKNOWN
from schemas.recipe import Recipe
from schemas.window import COMPONENTS

# A share that is told from so few windows has a standard error of up to 9 %.
FEW = 30
STATION_SHARE = 0.25
UNKNOWN_POLARITY_SHARE = 0.9
DEAD_SHARE = 0.5
LOW_SNR_DB, LOW_SNR_SHARE = 3.0, 0.2
REJECTED_SHARE = 0.1

Found = Iterator[tuple[str, str]]


def warnings_of(made: dict[str, Any], recipe: Recipe) -> list[dict[str, str]]:
    """Return the ``name`` and ``message`` of each thing that is amiss in a profile.

    Args:
        made: see `pipelines.profile_statistics.summary`.
        recipe: whose sources they are.
    """
    if not made["windows"]:
        looks = (_empty, _refused)
    else:
        looks = (_shared, _refused, _noise, _classes, _magnitudes, _station, _instrument)
        looks += (_polarity, _dead, _snr)
    return [{"name": n, "message": m} for look in looks for n, m in look(made, recipe)]


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.3g} %"


def _empty(made: dict, recipe: Recipe) -> Found:
    yield "no_windows", "the sources hold no window that could be used"


def _refused(made: dict, recipe: Recipe) -> Found:
    if made["rejected"] > REJECTED_SHARE * made["listed"]:
        top = made["reasons"][0]
        yield (
            "rejected",
            f"{_percent(made['rejected'], made['listed'])} of what is listed is rejected, "
            f"{top['windows']} like this: {top['example']}",
        )


def _shared(made: dict, recipe: Recipe) -> Found:
    # Of a split by station, events are in several splits by nature, and of the others stations.
    looks = {"events": "events", "noise_station_days": "station-days of noise"}
    if recipe.split.by == "station":
        looks = {"stations": "stations"}
    for what, name in looks.items():
        for splits, number in made["shared"][what].items():
            yield f"shared_{what}", f"{number} {name} are each in several splits: {splits}"
    if recipe.split.by == "station" or not made["shared"]["events"]:
        for splits, number in made["shared"]["events_as_the_source_splits"].items():
            yield (
                "shared_events_as_the_source_splits",
                f"the source itself puts {number} events each into several splits: {splits}",
            )


def _noise(made: dict, recipe: Recipe) -> Found:
    if not any(kinds.get("noise") for kinds in made["classes"].values()):
        yield "no_noise", "there is no noise: nothing to superpose, and no example without an event"


def _classes(made: dict, recipe: Recipe) -> Found:
    for split, kinds in made["classes"].items():
        few = {kind: n for kind, n in kinds.items() if n < FEW}
        if few:
            said = ", ".join(f"{n} {kind}" for kind, n in few.items())
            yield "few_of_a_kind", f"{split} holds only {said} windows, expected {FEW} or more"


def _magnitudes(made: dict, recipe: Recipe) -> Found:
    # Every bin that some split has: one that a split lacks is too few as well.
    bins = sorted({int(low) for found in made["magnitudes"].values() for low in found})
    for split, found in made["magnitudes"].items():
        few = [(low, found.get(str(low), 0)) for low in bins if found.get(str(low), 0) < FEW]
        if few:
            said = ", ".join(f"{n} of M {low} to {low + 1}" for low, n in few)
            yield (
                "few_of_a_magnitude",
                f"{split} holds fewer than {FEW} windows of some magnitudes: {said}",
            )


def _station(made: dict, recipe: Recipe) -> Found:
    station, number = next(iter(made["counts"]["station"].items()))
    if station != UNKNOWN and number > STATION_SHARE * made["windows"]:
        yield (
            "one_station",
            f"station {station} has {_percent(number, made['windows'])} of the windows: "
            f"what is learned may be the place",
        )


def _instrument(made: dict, recipe: Recipe) -> Found:
    found = [name for name in made["counts"]["instrument"] if name != UNKNOWN]
    if len(found) == 1 and len(made["counts"]["instrument"]) == 1:
        yield "one_instrument", f"every window is of one instrument: {found[0]}"


def _polarity(made: dict, recipe: Recipe) -> Found:
    polarities = made["counts"]["polarity"]
    unknown, total = polarities.get("unknown", 0), sum(polarities.values())
    if total and unknown > UNKNOWN_POLARITY_SHARE * total:
        yield (
            "unknown_polarities",
            f"{_percent(unknown, total)} of the P picks have no polarity: targets of first motion "
            f"have little to learn from",
        )


def _dead(made: dict, recipe: Recipe) -> Found:
    live = made["counts"].get("live", {})
    partly = sum(n for letters, n in live.items() if letters != COMPONENTS)
    if partly > DEAD_SHARE * sum(live.values()):
        yield (
            "dead_components",
            f"{_percent(partly, sum(live.values()))} of the windows have dead components",
        )


def _snr(made: dict, recipe: Recipe) -> Found:
    snr = made["distributions"].get("snr_db")
    if snr and (low := share_below(snr, LOW_SNR_DB)) > LOW_SNR_SHARE:
        yield (
            "low_snr",
            f"{_percent(low, 1)} of the events have an SNR below {LOW_SNR_DB:g} dB; "
            f"inspect.min_snr_db refuses them",
        )
