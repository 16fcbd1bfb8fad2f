"""Data, batch and layer normalisation: what is averaged over what, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.domains import Domain, non_negative
from optcheck.reference.functions import sqrt
from optcheck.reference.normalization.transforms import (
    Moments,
    affine,
    derivative,
    folded,
    normalised,
    one_pass,
    running_average,
    total,
    two_pass,
    two_pass_unbiased,
    unbiased,
)
from optcheck.reference.oracle import Quantity, namespace
from optcheck.reference.procedures import Form, Procedure, procedure

Floats = npt.NDArray[np.float64]
Group = Literal["feature", "last-axis", "example"]
Share = Callable[[SimpleNamespace], Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class NormalizerForm(Form):
    """A dialect: which values share their statistics, and how those are computed and kept.

    A feature has its statistics over all examples and all places, the axes after the first;
    otherwise they are those of an example, over the last axis or over all.
    """

    group: Group
    moments: Moments = two_pass
    # The share of what was averaged before; None where nothing is averaged.
    kept: Share | None = None
    # Of the running variance.
    unbiased: bool = False
    # What runs is the average of the deviation, not of the variance.
    deviation: bool = False
    # Computed as one product and one sum.
    folded: bool = False

    @property
    def spread(self) -> str:
        """The name of the running statistic beside the mean."""
        return "deviation" if self.deviation else "variance"

    def groups(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The values of ``batch``, shape ``(n, *features)``; those of one group are a row."""
        if self.group == "feature":
            return np.moveaxis(batch, 1, 0).reshape(batch.shape[1], -1)
        if self.group == "last-axis":
            return batch.reshape(-1, batch.shape[-1])
        return batch.reshape(len(batch), -1)

    def learned(self, features: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of gain and shift."""
        of = {"feature": features[:1], "last-axis": features[-1:], "example": features}
        return of[self.group]


@dataclass(frozen=True)
class Setting:
    """A layer; ``gain`` and ``shift`` are None together, where it has none."""

    features: tuple[int, ...]
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    gain: Floats | None = None
    shift: Floats | None = None


class NormalizerOracle:
    """Evaluates a dialect in both arithmetics; the order of all that it returns is by groups."""

    def __init__(self, form: NormalizerForm, setting: Setting, working: Arithmetic) -> None:
        self.form = form
        self.setting = setting
        self.arithmetics = (Arithmetic.exact(), working)

    def training(self, batch: Floats, mask: Mask | None = None) -> Quantity:
        """The batch by its own statistics: those of the examples of ``mask``, if there is one."""
        rows = self.form.groups(batch)
        counted = self._counted(batch, mask)

        def outputs(arithmetic: Arithmetic) -> list[Balls]:
            statistics = [self.form.moments(arithmetic.array(row[counted])) for row in rows]
            return self._outputs(rows, statistics, arithmetic)

        return self._quantity(outputs)

    def inference(self, batch: Floats, averages: Mapping[str, Floats]) -> Quantity:
        """The batch by what an implementation has kept."""
        rows = self.form.groups(batch)

        def outputs(arithmetic: Arithmetic) -> list[Balls]:
            columns = averages["mean"].ravel(), averages[self.form.spread].ravel()
            statistics = []
            for centre, spread in zip(*columns, strict=True):
                width = arithmetic.scalar(float(spread))
                variance = width * width if self.form.deviation else width
                statistics.append((arithmetic.scalar(float(centre)), variance))
            return self._outputs(rows, statistics, arithmetic)

        return self._quantity(outputs)

    def by_training_data(self, batch: Floats, data: Floats) -> Quantity:
        """The batch by the statistics of other ``data``."""
        rows, learned = self.form.groups(batch), self.form.groups(data)

        def outputs(arithmetic: Arithmetic) -> list[Balls]:
            statistics = [self.form.moments(arithmetic.array(row)) for row in learned]
            return self._outputs(rows, statistics, arithmetic)

        return self._quantity(outputs)

    def averages(
        self,
        before: Mapping[str, Floats],
        batch: Floats,
        count: int,
        mask: Mask | None = None,
    ) -> dict[str, Quantity]:
        """What is kept after ``batch``, the ``count``-th, by name."""
        rows, kept = self.form.groups(batch), self.form.kept
        counted = self._counted(batch, mask)
        assert kept is not None

        def after(name: str) -> Callable[[Arithmetic], list[Balls]]:
            def averaged(arithmetic: Arithmetic) -> list[Balls]:
                h = namespace(arithmetic, self.setting.hyperparameters, count)
                found = (
                    self._statistic(name, arithmetic.array(row[counted]), arithmetic)
                    for row in rows
                )
                old = (arithmetic.array(each) for each in before[name].ravel())
                return [
                    running_average(average, new, kept(h))
                    for average, new in zip(old, found, strict=True)
                ]

            return averaged

        return {name: self._quantity(after(name)) for name in ("mean", self.form.spread)}

    def gradients(self, batch: Floats, cotangent: Floats) -> dict[str, Quantity]:
        """The derivatives of ``sum(cotangent * training(batch))`` by name."""
        rows, slopes = self.form.groups(batch), self.form.groups(cotangent)
        found: dict[str, list[Balls]] = {}
        for arithmetic in self.arithmetics:
            for name, balls in self._derivatives(rows, slopes, arithmetic).items():
                found.setdefault(name, []).append(balls)
        return {name: Quantity(*both) for name, both in found.items()}

    def _derivatives(
        self, rows: Floats, slopes: Floats, arithmetic: Arithmetic
    ) -> dict[str, Balls]:
        h = namespace(arithmetic, self.setting.hyperparameters, 1)
        inward, normal, outward = [], [], []
        for index, (row, slope) in enumerate(zip(rows, slopes, strict=True)):
            upstream, learned = arithmetic.array(slope), self._learned(index, arithmetic)
            weighted = upstream * learned[0] if learned else upstream
            in_values, values = derivative(
                arithmetic.array(row), weighted, self.form.moments, h.epsilon
            )
            inward.append(in_values)
            normal.append(values)
            outward.append(upstream)
        gradients = {"batch": _joined(inward)}
        if self.setting.gain is not None:
            if self.form.group != "feature":
                normal, outward = _transposed(normal), _transposed(outward)
            products = [a * b for a, b in zip(normal, outward, strict=True)]
            for name, terms in (("gain", products), ("shift", outward)):
                sums = [total(each).ball for each in terms]
                gradients[name] = Balls(sums, arithmetic)
        return gradients

    def _outputs(
        self, rows: Floats, statistics: list[tuple[Any, Any]], arithmetic: Arithmetic
    ) -> list[Balls]:
        h = namespace(arithmetic, self.setting.hyperparameters, 1)
        outputs = []
        for index, (row, (centre, variance)) in enumerate(zip(rows, statistics, strict=True)):
            values, learned = arithmetic.array(row), self._learned(index, arithmetic)
            if self.form.folded:
                outputs.append(folded(values, centre, variance, h.epsilon, *learned))
                continue
            normal = normalised(values, centre, variance, h.epsilon)
            outputs.append(affine(normal, *learned) if learned else normal)
        return outputs

    def _learned(self, index: int, arithmetic: Arithmetic) -> tuple[Any, ...]:
        """Gain and shift of a group: numbers of a feature, vectors of an example."""
        if self.setting.gain is None or self.setting.shift is None:
            return ()
        pair = self.setting.gain.ravel(), self.setting.shift.ravel()
        if self.form.group == "feature":
            return tuple(arithmetic.scalar(float(each[index])) for each in pair)
        return tuple(arithmetic.array(each) for each in pair)

    def _statistic(self, name: str, values: Balls, arithmetic: Arithmetic) -> Any:
        centre, variance = self.form.moments(values)
        if name == "mean":
            return centre
        if name == "deviation":
            return sqrt(variance)
        return unbiased(variance, len(values)) if self.form.unbiased else variance

    def _counted(self, batch: Floats, mask: Mask | None) -> Mask:
        """Which members of a feature's group count."""
        chosen = np.ones(len(batch), dtype=bool) if mask is None else mask
        if self.form.group != "feature":
            return np.ones(self.form.groups(batch).shape[1], dtype=bool)
        return np.repeat(chosen, int(np.prod(batch.shape[2:])))

    def _quantity(self, outputs: Callable[[Arithmetic], list[Balls]]) -> Quantity:
        return Quantity(*(_joined(outputs(arithmetic)) for arithmetic in self.arithmetics))


def _joined(vectors: list[Balls]) -> Balls:
    return Balls([ball for each in vectors for ball in each.balls], vectors[0].arithmetic)


def _transposed(vectors: list[Balls]) -> list[Balls]:
    columns = zip(*(each.balls for each in vectors), strict=True)
    return [Balls(column, vectors[0].arithmetic) for column in columns]


EPSILON = non_negative(1e-5, 1e-3, 0.0)
MOMENTUM = {"momentum": Domain(0.0, 1.0, (0.9, 0.1, 0.5, 0.0, 1.0))}

_DATA = ("input-standardisation", "standardised-moments")
_BATCH = (
    "batch-normalisation-transform",
    "batch-normalisation-affine",
    "batch-normalisation-running-averages",
    "batch-normalisation-inference",
)
_LAYER = ("layer-normalisation-transform", "layer-normalisation-same-in-inference")


def _form(summary: str, equations: tuple[str, ...], group: Group, **more: Any) -> NormalizerForm:
    return NormalizerForm(summary, equations, group=group, **more)


def _batch(summary: str, kept: Share, **more: Any) -> NormalizerForm:
    return _form(summary, _BATCH, "feature", kept=kept, **more)


def kept_share(h: SimpleNamespace) -> Any:
    """The momentum is the share of what was there, as in bishop:7.56."""
    return h.momentum


def new_share(h: SimpleNamespace) -> Any:
    """The momentum is the share of what is new."""
    return 1 - h.momentum


def cumulative(h: SimpleNamespace) -> Any:
    """All batches count alike."""
    return (h.step - 1) / h.step


DATA_NORMALIZATION = procedure(
    Procedure(
        id="data-normalization",
        title="Data normalisation",
        source="bishop:7.50",
        capability="normalizer",
        family="normalisation",
        hyperparameters={"epsilon": non_negative(0.0, 1e-5)},
        dialects={
            "two-pass": _form("by the variance of the data", _DATA, "feature"),
            "two-pass+unbiased": _form(
                "the variance has N - 1", _DATA, "feature", moments=two_pass_unbiased
            ),
            "one-pass": _form(
                "the variance is E[x^2] - E[x]^2", _DATA, "feature", moments=one_pass
            ),
        },
    )
)

BATCH_NORMALIZATION = procedure(
    Procedure(
        id="batch-normalization",
        title="Batch normalisation",
        source="bishop:7.54",
        capability="normalizer",
        family="normalisation",
        hyperparameters={"epsilon": EPSILON},
        extra={
            dialect: MOMENTUM
            for dialect in (
                "kept-share",
                "kept-share+one-pass",
                "kept-share+deviation",
                "new-share+unbiased",
                "new-share+unbiased+folded",
            )
        },
        dialects={
            "kept-share": _batch("momentum is what is kept of the averages", kept_share),
            "kept-share+one-pass": _batch(
                "the same; the variance is E[a^2] - E[a]^2", kept_share, moments=one_pass
            ),
            "kept-share+deviation": _batch(
                "as bishop:7.57 is printed: the deviation is averaged", kept_share, deviation=True
            ),
            "new-share+unbiased": _batch(
                "momentum is the share of the new batch; the running variance has K - 1",
                new_share,
                unbiased=True,
            ),
            "new-share+unbiased+folded": _batch(
                "the same, computed as slope times value plus constant",
                new_share,
                unbiased=True,
                folded=True,
            ),
            "cumulative+unbiased+folded": _batch(
                "the same; all batches count alike", cumulative, unbiased=True, folded=True
            ),
        },
    )
)

LAYER_NORMALIZATION = procedure(
    Procedure(
        id="layer-normalization",
        title="Layer normalisation",
        source="bishop:7.60",
        capability="normalizer",
        family="normalisation",
        hyperparameters={"epsilon": EPSILON},
        dialects={
            "last-axis": _form("over the last axis", _LAYER, "last-axis"),
            "last-axis+one-pass": _form(
                "the same; the variance is E[a^2] - E[a]^2", _LAYER, "last-axis", moments=one_pass
            ),
            "all-axes": _form("over all axes of an example", _LAYER, "example"),
        },
    )
)
