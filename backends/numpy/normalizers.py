"""Normalisation of data and of activations in NumPy, with derivatives written out; and SciPy's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.numpy._parts import Array

rules = FunctionTraining()


class DataNormalization:
    """By mean and variance of the data that it was trained on."""

    correction = 0

    def __init__(
        self, features: tuple[int, ...], gain: None, shift: None, *, epsilon: float
    ) -> None:
        self.epsilon = epsilon
        self.mean, self.variance = np.zeros(features), np.ones(features)

    def train(self, data: Array) -> Array:
        """Learn the statistics of ``data``, and apply them to it."""
        self.mean = np.mean(data, axis=0)
        self.variance = np.var(data, axis=0, ddof=self.correction)
        return self.evaluate(data)

    def evaluate(self, data: Array) -> Array:
        """Apply them to other data."""
        normal: Array = (data - self.mean) / np.sqrt(self.variance + self.epsilon)
        return normal

    def gradients(self, data: Array, cotangent: Array) -> Mapping[str, Array]:
        """Nothing is learned before the data."""
        return {}

    def state(self) -> Mapping[str, Array]:
        """What is applied."""
        return {"mean": self.mean, "variance": self.variance}


rules.normalizer("data-normalization", dialect="two-pass")(DataNormalization)


@rules.normalizer("data-normalization", dialect="two-pass+unbiased")
class DataNormalizationByEstimate(DataNormalization):
    """By the unbiased estimate of the variance."""

    correction = 1


@rules.normalizer(
    "data-normalization",
    dialect="two-pass",
    options={"library": "scipy.stats.zmap"},
    fixed={"epsilon": 0.0},
)
class ScoresOfSciPy(DataNormalization):
    """SciPy's standard scores, relative to the data that it was trained on."""

    def train(self, data: Array) -> Array:
        """The scores of the data in themselves."""
        self.data = data
        return np.asarray(stats.zscore(data))

    def evaluate(self, data: Array) -> Array:
        """The scores of other data."""
        return np.asarray(stats.zmap(data, self.data))

    def state(self) -> Mapping[str, Array]:
        """It shows no statistics."""
        return {}


class BatchNormalization:
    """By mean and variance of the batch; in inference, by their running averages."""

    correction = 0

    def __init__(
        self,
        features: tuple[int, ...],
        gain: Array | None,
        shift: Array | None,
        *,
        momentum: float,
        epsilon: float,
    ) -> None:
        self.gain, self.shift = gain, shift
        self.kept, self.epsilon = self.share_kept(momentum), epsilon
        self.mean, self.spread = np.zeros(features[0]), np.ones(features[0])

    def share_kept(self, momentum: float) -> float:
        """How much of an average is left after a batch."""
        return momentum

    def train(self, batch: Array) -> Array:
        """By its own statistics, which the averages take in."""
        return self.train_masked(batch, np.ones(len(batch), dtype=bool))

    def train_masked(self, batch: Array, mask: Array) -> Array:
        """By the statistics of the examples of ``mask``."""
        counted = batch[mask]
        per_feature = counted.size // batch.shape[1]
        if per_feature <= self.correction:
            raise ValueError(f"{per_feature} values of a feature have no variance")
        mean, variance = self._moments(counted)
        self._average(mean, variance * (per_feature / (per_feature - self.correction)))
        return self._output((batch - mean) / np.sqrt(variance + self.epsilon))

    def evaluate(self, batch: Array) -> Array:
        """By the averages."""
        mean, variance = (each.astype(batch.dtype) for each in (self.mean, self.variance()))
        centre, width = (_per_feature(each, batch) for each in (mean, variance))
        return self._output((batch - centre) / np.sqrt(width + self.epsilon))

    def gradients(self, batch: Array, cotangent: Array) -> Mapping[str, Array]:
        """Through the statistics of the batch too."""
        mean, variance = self._moments(batch)
        root = np.sqrt(variance + self.epsilon)
        normal = (batch - mean) / root
        axes = _others(batch)
        weighted = cotangent if self.gain is None else cotangent * _per_feature(self.gain, batch)
        along = np.mean(weighted * normal, axis=axes, keepdims=True)
        centred = weighted - np.mean(weighted, axis=axes, keepdims=True)
        return {
            "batch": (centred - normal * along) / root,
            "gain": np.sum(cotangent * normal, axis=axes),
            "shift": np.sum(cotangent, axis=axes),
        }

    def state(self) -> Mapping[str, Array]:
        """The averages."""
        return {"mean": self.mean, "variance": self.spread}

    def variance(self) -> Array:
        """By which inference normalises."""
        return self.spread

    def _moments(self, batch: Array) -> tuple[Array, Array]:
        axes = _others(batch)
        mean: Array = np.mean(batch, axis=axes, keepdims=True)
        return mean, np.mean((batch - mean) ** 2, axis=axes, keepdims=True)

    def _average(self, mean: Array, variance: Array) -> None:
        for name, new in (("mean", mean), ("spread", self._spread(variance))):
            old = getattr(self, name).astype(new.dtype)
            setattr(self, name, self.kept * old + (1 - self.kept) * new.ravel())

    def _spread(self, variance: Array) -> Array:
        return variance

    def _output(self, normal: Array) -> Array:
        if self.gain is None or self.shift is None:
            return normal
        return normal * _per_feature(self.gain, normal) + _per_feature(self.shift, normal)


rules.normalizer("batch-normalization", dialect="kept-share")(BatchNormalization)


@rules.normalizer("batch-normalization", dialect="new-share+unbiased")
class BatchNormalizationByEstimate(BatchNormalization):
    """The running variance averages unbiased estimates; the momentum is the new one's share."""

    correction = 1

    def share_kept(self, momentum: float) -> float:
        return 1 - momentum


@rules.normalizer("batch-normalization", dialect="kept-share+deviation")
class BatchNormalizationByDeviation(BatchNormalization):
    """The standard deviation is averaged, as one text prints it."""

    def state(self) -> Mapping[str, Array]:
        return {"mean": self.mean, "deviation": self.spread}

    def variance(self) -> Array:
        return self.spread**2

    def _spread(self, variance: Array) -> Array:
        root: Array = np.sqrt(variance)
        return root


class LayerNormalization:
    """By mean and variance of each example, over its last axis; nothing is kept."""

    def __init__(
        self,
        features: tuple[int, ...],
        gain: Array | None,
        shift: Array | None,
        *,
        epsilon: float,
    ) -> None:
        self.axes = self.shared(len(features))
        self.gain, self.shift, self.epsilon = gain, shift, epsilon

    def shared(self, rank: int) -> tuple[int, ...]:
        """The axes whose values share their statistics."""
        return (-1,)

    def train(self, batch: Array) -> Array:
        """Each example for itself."""
        normal, _ = self._normal(batch)
        return normal if self.gain is None else normal * self.gain + self.shift

    evaluate = train

    def gradients(self, batch: Array, cotangent: Array) -> Mapping[str, Array]:
        """Through the statistics of the example too."""
        normal, root = self._normal(batch)
        weighted = cotangent if self.gain is None else cotangent * self.gain
        along = np.mean(weighted * normal, axis=self.axes, keepdims=True)
        centred = weighted - np.mean(weighted, axis=self.axes, keepdims=True)
        others = tuple(range(batch.ndim - len(self.axes)))
        return {
            "batch": (centred - normal * along) / root,
            "gain": np.sum(cotangent * normal, axis=others),
            "shift": np.sum(cotangent, axis=others),
        }

    def state(self) -> Mapping[str, Array]:
        """Nothing is kept."""
        return {}

    def _normal(self, batch: Array) -> tuple[Array, Any]:
        distances = batch - np.mean(batch, axis=self.axes, keepdims=True)
        variance = np.mean(distances**2, axis=self.axes, keepdims=True)
        root = np.sqrt(variance + self.epsilon)
        return distances / root, root


rules.normalizer("layer-normalization", dialect="last-axis")(LayerNormalization)


@rules.normalizer("layer-normalization", dialect="all-axes")
class ExampleNormalization(LayerNormalization):
    """Over all axes of an example."""

    def shared(self, rank: int) -> tuple[int, ...]:
        return tuple(range(-rank, 0))


def _others(batch: Array) -> tuple[int, ...]:
    """All axes but that of the features, the second."""
    return (0, *range(2, batch.ndim))


def _per_feature(values: Array, batch: Array) -> Array:
    """One number for each feature, so that it meets a batch."""
    return values.reshape(-1, *[1] * (batch.ndim - 2))
