"""A training loop to start from: a small U-Net picks P and S, scored before and after.

    python -m pipelines.train_example SHARDS --output DIR

The folder's online steps are drawn anew in every epoch. DIR gets ``best.keras`` (the epoch with
the least validation loss), ``history.csv``, ``metrics.json`` and ``training.png``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from pipelines.feed import steps_per_epoch, training_dataset
from pipelines.pick_metrics import find_picks, score
from pipelines.pick_report import Scores, draw_report, print_scores, write_scores
from pipelines.publish import stored_manifest, stored_recipe
from schemas.errors import UserError
from schemas.recipe import Recipe
from schemas.window import PHASES

THRESHOLD = 0.3  # least probability of a pick, PhaseNet's
MIN_DISTANCE_S = 0.5  # of two picks of a phase
TOLERANCES_S = (0.1, 0.5)


def u_net(samples: int, filters: Sequence[int] = (8, 16, 32, 64), stride: int = 4) -> keras.Model:
    """Return a model of [B, samples, 3] to probabilities [B, samples, 3] of P, S and noise.

    Each level reads `stride` times coarser samples than the one above it and hands what it saw
    back up (after Zhu & Beroza 2019, PhaseNet).
    """

    def block(x: Any, width: int, layer: type = layers.Conv1D, step: int = 1) -> Any:
        x = layer(width, 7, strides=step, padding="same", use_bias=False)(x)
        # The default momentum needs more steps than a small data set has in its first epochs.
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    wave = keras.Input((samples, 3))
    spare = -samples % stride ** (len(filters) - 1)
    x = block(layers.ZeroPadding1D((0, spare))(wave), filters[0])
    levels = []
    for above, below in zip(filters, filters[1:]):
        levels.append(block(x, above))
        x = block(levels[-1], below, step=stride)
    x = block(x, filters[-1])
    for level in reversed(levels):
        x = block(x, level.shape[-1], layers.Conv1DTranspose, stride)
        x = block(layers.Concatenate()([x, level]), level.shape[-1])
    x = layers.Cropping1D((0, spare))(x)
    return keras.Model(wave, layers.Conv1D(3, 1, activation="softmax")(x))


def train(folder: str, output: str, epochs: int, batch_size: int, seed: int) -> dict[str, Scores]:
    """Train on a folder of shards; return the scores of the untrained and the trained model.

    Raises:
        UserError: the recipe has no `phase_picks` among its targets, or the folder has no
            windows to train on or to validate with.
    """
    recipe = _picks_alone(folder)
    steps, _ = (steps_per_epoch(folder, split, batch_size) for split in ("train", "validation"))
    _make_folder(output)
    training = training_dataset(folder, batch_size=batch_size, epochs=epochs, recipe=recipe)
    validation = training_dataset(folder, "validation", batch_size, recipe=recipe)
    inputs, true, split = held_out(folder, recipe, batch_size)
    best = os.path.join(output, "best.keras")

    keras.utils.set_random_seed(seed)
    model = u_net(inputs.shape[1])
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * steps)
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
    untrained_loss = model.evaluate(validation, verbose=0)
    scores = {"untrained": _scores(model, inputs, true, recipe)}
    history = model.fit(
        training,
        steps_per_epoch=steps,
        epochs=epochs,
        validation_data=validation,
        callbacks=[
            keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True),
            keras.callbacks.CSVLogger(os.path.join(output, "history.csv")),
        ],
        verbose=2,
    ).history
    model.load_weights(best)
    scores["trained"] = _scores(model, inputs, true, recipe)

    write_scores(os.path.join(output, "metrics.json"), scores, split, len(inputs))
    draw_report(os.path.join(output, "training.png"), scores, split, history, untrained_loss)
    print(f"{len(inputs)} windows of the split {split}:")
    print_scores(scores)
    return scores


def _make_folder(output: str) -> None:
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output: {output}: {error.strerror}") from None


def _picks_alone(folder: str) -> Recipe:
    """Return the folder's recipe with `phase_picks` as its only target."""
    recipe = stored_recipe(folder)
    picks = [target for target in recipe.targets if target.op == "phase_picks"]
    if not picks:
        names = ", ".join(target.op for target in recipe.targets) or "none"
        raise UserError(f"{folder}: recipe: targets: got {names}, expected phase_picks among them")
    return recipe.model_copy(update={"targets": tuple(picks[:1])})


def held_out(
    folder: str, recipe: Recipe, batch_size: int
) -> tuple[np.ndarray, dict[str, list[np.ndarray]], str]:
    """Return inputs [N, T, 3], each phase's true picks (times, s, of each window), and the split.

    The split is test, or validation where there is no test. The true picks are the target's own
    peaks: a pick between two samples counts at the nearer one.
    """
    filled = {shard["split"] for shard in stored_manifest(folder)["shards"] if shard["windows"]}
    split = "test" if "test" in filled else "validation"
    batches = training_dataset(folder, split, batch_size, recipe=recipe).as_numpy_iterator()
    inputs, targets = (np.concatenate(parts) for parts in zip(*batches))
    # P and S at one sample halve each other; nothing else comes down so far.
    return inputs, _picks(targets, 0.5, 1.0, recipe), split


def _picks(
    curves: np.ndarray, threshold: float, least_samples: float, recipe: Recipe
) -> dict[str, list[np.ndarray]]:
    """Return each phase's times, s, in each window of curves [N, T, 3]: P, S, noise."""
    rate = recipe.window.sampling_rate_hz
    return {
        phase: [find_picks(curve, threshold, least_samples) / rate for curve in curves[..., column]]
        for column, phase in enumerate(PHASES)
    }


def _scores(
    model: keras.Model, inputs: np.ndarray, true: dict[str, list[np.ndarray]], recipe: Recipe
) -> Scores:
    """Return a model's score by phase and by tolerance."""
    least_samples = max(MIN_DISTANCE_S * recipe.window.sampling_rate_hz, 1.0)
    predicted = _picks(model.predict(inputs, verbose=0), THRESHOLD, least_samples, recipe)
    return {
        phase: {
            str(within): score(predicted[phase], true[phase], within) for within in TOLERANCES_S
        }
        for phase in true
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loop; return 0, or 2 for a mistake in what was asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shards", metavar="SHARDS", help="where a job published its shards")
    parser.add_argument("--output", required=True, help="a folder")
    for option, number in (("epochs", 30), ("batch-size", 16), ("seed", 0)):
        help_text = "(default: %(default)s)"
        parser.add_argument(f"--{option}", type=int, default=number, help=help_text)
    args = parser.parse_args(argv)
    try:
        for name in ("epochs", "batch_size"):
            if getattr(args, name) < 1:
                raise UserError(f"--{name.replace('_', '-')}: got {getattr(args, name)}, below 1")
        train(args.shards, args.output, args.epochs, args.batch_size, args.seed)
    except UserError as error:
        print(f"train_example: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
