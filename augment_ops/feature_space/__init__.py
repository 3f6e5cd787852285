"""Keras layers that augment a model's features while it trains, and are not there otherwise.

They are saved with the model (``.keras``) under the package ``seismill``, and draw from a
`keras.random.SeedGenerator` of their own. Features have the batch first and channels last.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

_REGISTER = keras.saving.register_keras_serializable(package="seismill")


def _within(name: str, value: float, low: float, high: float) -> float:
    if not low <= value < high:
        raise ValueError(f"{name}: got {value}, expected {low:g} <= {name} < {high:g}")
    return float(value)


class _Seeded(keras.layers.Layer):
    """A layer that draws, and keeps its seed in its configuration."""

    def __init__(self, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


@_REGISTER
class FeatureNoise(_Seeded):
    """Add Gaussian noise to features.

    Args:
        stddev: deviation of the noise; a share of the channel's own if `relative`.
        relative: measure each channel's deviation over the batch and all places, and scale the
            noise by it; no gradient flows through that measure.
        seed: of the draws.

    Source: DeVries & Taylor (2017), augmentation in feature space.
    """

    def __init__(
        self, stddev: float = 0.1, relative: bool = True, seed: int | None = None, **kwargs: Any
    ) -> None:
        """Take the noise's size."""
        super().__init__(seed, **kwargs)
        self.stddev = _within("stddev", stddev, 0.0, float("inf"))
        self.relative = relative

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the features, with noise in training."""
        if not training:
            return inputs
        shape, dtype = keras.ops.shape(inputs), inputs.dtype
        noise = keras.random.normal(shape, dtype=dtype, seed=self.seed_generator)
        if self.relative:
            axes = tuple(range(len(inputs.shape) - 1))
            noise = noise * keras.ops.std(tf.stop_gradient(inputs), axis=axes, keepdims=True)
        return inputs + self.stddev * noise

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer anew."""
        return {**super().get_config(), "stddev": self.stddev, "relative": self.relative}


@_REGISTER
class FeatureMixup(_Seeded):
    """Mix each example's features with those of another of the batch.

    Given ``[features, labels]``, the labels are mixed by the same shares, and both are returned.

    Args:
        alpha: of Beta(alpha, alpha), of which each example's own share is drawn.
        seed: of the draws.

    Source: Verma et al. (2019), manifold mixup.
    """

    def __init__(self, alpha: float = 0.2, seed: int | None = None, **kwargs: Any) -> None:
        """Take the shares' distribution."""
        super().__init__(seed, **kwargs)
        # Below, both gammas of a Beta may round to zero.
        self.alpha = _within("alpha", alpha, 0.05, float("inf"))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features, or features and labels, mixed in training."""
        if not training:
            return inputs
        several = isinstance(inputs, list | tuple)
        parts = list(inputs) if several else [inputs]
        count = keras.ops.shape(parts[0])[0]
        share = keras.random.beta(
            (count,), self.alpha, self.alpha, dtype="float32", seed=self.seed_generator
        )
        other = keras.random.shuffle(keras.ops.arange(count), seed=self.seed_generator)
        mixed = []
        for part in parts:
            # Labels may be whole numbers, which a share would round away.
            value = part if part.dtype.is_floating else keras.ops.cast(part, self.compute_dtype)
            own = keras.ops.reshape(share, (-1, *[1] * (len(part.shape) - 1)))
            own = keras.ops.cast(own, value.dtype)
            mixed.append(own * value + (1 - own) * keras.ops.take(value, other, axis=0))
        return type(inputs)(mixed) if several else mixed[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes as they come in."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer anew."""
        return {**super().get_config(), "alpha": self.alpha}


@_REGISTER
class ChannelFeatureDropout(_Seeded):
    """Drop whole feature channels of an example, and scale the others so that the mean holds.

    Args:
        rate: share of the channels that is dropped.
        seed: of the draws.

    Source: Tompson et al. (2015), spatial dropout; Huang et al. (2016), stochastic depth.
    """

    def __init__(self, rate: float = 0.1, seed: int | None = None, **kwargs: Any) -> None:
        """Take the rate."""
        super().__init__(seed, **kwargs)
        self.rate = _within("rate", rate, 0.0, 1.0)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the features, in training without the dropped channels."""
        if not training:
            return inputs
        size = keras.ops.shape(inputs)
        shape = (size[0], *[1] * (len(inputs.shape) - 2), size[-1])
        drawn = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        kept = keras.ops.cast(drawn >= self.rate, inputs.dtype)
        return inputs * kept * (1.0 / (1.0 - self.rate))

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer anew."""
        return {**super().get_config(), "rate": self.rate}


@_REGISTER
class GradientReversal(keras.layers.Layer):
    """Return features as they are, and in training turn their gradient by -strength.

    Below a head that tells domains apart (stations, regions, instruments), it makes the features
    tell them apart less.

    Args:
        strength: lambda, what the reversed gradient is multiplied by.

    Source: Ganin & Lempitsky (2015), domain adaptation by backpropagation.
    """

    def __init__(self, strength: float = 1.0, **kwargs: Any) -> None:
        """Take the strength."""
        super().__init__(**kwargs)
        self.strength = _within("strength", strength, 0.0, float("inf"))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the features."""
        if not training:
            return inputs

        @tf.custom_gradient
        def reverse(features: tf.Tensor) -> tuple[tf.Tensor, Any]:
            return tf.identity(features), lambda upstream: -self.strength * upstream

        return reverse(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer anew."""
        return {**super().get_config(), "strength": self.strength}
