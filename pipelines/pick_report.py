"""What `train_example` leaves of its scores: a table, a JSON file and a picture."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from pipelines.files import write_text
from pipelines.pick_metrics import Score

# By phase, and by the tolerance in s, as text.
Scores = dict[str, dict[str, Score]]


def write_scores(path: str, scores: dict[str, Scores], split: str, windows: int) -> None:
    """Write each model's scores as JSON; null is what is not defined, such as 0/0."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        return value if math.isfinite(value) else None

    by_model = {
        model: {
            phase: {within: asdict(one) for within, one in each.items()}
            for phase, each in phases.items()
        }
        for model, phases in scores.items()
    }
    write_text(path, json.dumps({"split": split, "windows": windows, **plain(by_model)}, indent=1))


def print_scores(scores: dict[str, Scores]) -> None:
    """Print a line for each phase, tolerance and model."""
    print("phase  within     model  precision  recall     F1   mean, s    std, s    picks (true)")
    for phase, within, each in _rows(scores):
        for name, s in zip(scores, each):
            print(
                f"{phase:5}  ±{within} s {name:>9}  {s.precision:9.2f}  {s.recall:6.2f} {s.f1:6.2f}"
                f"  {s.mean_s:8.3f}  {s.std_s:8.3f}  {s.predicted:6} ({s.true})"
            )


def draw_report(
    path: str,
    scores: dict[str, Scores],
    split: str,
    history: dict[str, list[float]],
    untrained_loss: float,
) -> None:
    """Draw the losses by epoch, and each model's F1, into a PNG.

    Args:
        path: the PNG.
        scores: of two models, the untrained one first.
        split: what they were scored on.
        history: `loss` and `val_loss` by epoch, as `fit` returns them.
        untrained_loss: the validation loss before the first epoch.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained", dpi=100)
    losses, bars = figure.subplots(1, 2)
    epochs = range(1, len(history["loss"]) + 1)
    losses.axhline(untrained_loss, color="#888888", linestyle="--", label="validation, untrained")
    losses.plot([0, *epochs], [untrained_loss, *history["val_loss"]], "#c1272d", label="validation")
    losses.plot(epochs, history["loss"], "#0b6e99", label="training (augmented)")
    losses.set(xlabel="epoch", ylabel="cross-entropy", yscale="log")
    losses.legend(frameon=False)
    rows = _rows(scores)
    for number, (name, colour) in enumerate(zip(scores, ("#bbbbbb", "#c1272d"))):
        places = [row + 0.4 * number for row in range(len(rows))]
        drawn = bars.bar(places, [each[number].f1 for _, _, each in rows], 0.4, color=colour)
        drawn.set_label(name)
        bars.bar_label(drawn, fmt="%.2f", fontsize=8)
    named = [f"{phase} ±{within} s" for phase, within, _ in rows]
    bars.set_xticks([row + 0.2 for row in range(len(rows))], named)
    bars.set(ylim=(0, 1.15), ylabel=f"F1, {split}")
    bars.legend(frameon=False, ncols=2, loc="upper left")
    figure.savefig(path)


def _rows(scores: dict[str, Scores]) -> list[tuple[str, str, list[Score]]]:
    """Return (phase, tolerance, each model's score)."""
    first = next(iter(scores.values()))
    return [
        (phase, within, [of_model[phase][within] for of_model in scores.values()])
        for phase in first
        for within in first[phase]
    ]
