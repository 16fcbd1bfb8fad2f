"""What is said of objectives: sums and means, likelihoods, surrogates, early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Balls, ball_arithmetic
from optcheck.reference.calculus.elements import squared
from optcheck.reference.calculus.losses import LossForm, Vectors, summed
from optcheck.reference.procedures import Procedure, procedure
from optcheck.reference.registry import statement

Floats = npt.NDArray[np.float64]

statement(
    "minimum-of-objective-argmin",
    title="Training looks for the minimiser of the objective",
    formula=(
        r"\hat\phi=\mathrm{argmin}_\phi L[\phi];\qquad "
        r"E(w)=\frac1n\sum_{i=1}^{n}L(F,(x^{(i)},\sigma^{(i)}))\to\min_w"
    ),
    sources=("prince:6.1", "trofimov:slide 'Neural Network Training Problem'"),
)
statement(
    "empirical-objective",
    title="The empirical objective is an expectation over the data",
    formula=(
        r"J(\theta)=\mathbb E_{(\mathbf x,y)\sim\hat p_{\text{data}}}L(f(\mathbf x;\theta),y)"
        r"=\frac1m\sum_{i=1}^{m}L(f(\mathbf x^{(i)};\theta),y^{(i)})"
    ),
    sources=("goodfellow:8.1", "goodfellow:sec 8.1.1", "goodfellow:sec 8.5"),
)
statement(
    "true-objective",
    title="The true objective is an expectation over what generates the data",
    formula=r"J^*(\theta)=\mathbb E_{(\mathbf x,y)\sim p_{\text{data}}}L(f(\mathbf x;\theta),y)",
    sources=("goodfellow:8.2", "goodfellow:sec 8.1.1"),
)
statement(
    "maximum-likelihood-objective",
    title="Maximum likelihood: the sum and the mean of the log likelihood agree",
    formula=(
        r"\theta_{\mathrm{ML}}=\mathrm{argmax}_\theta\sum_{i=1}^{m}\log p_{\text{model}}"
        r"(\mathbf x^{(i)};\theta)=\mathrm{argmax}_\theta\mathbb E_{\hat p_{\text{data}}}"
        r"\log p_{\text{model}}(\mathbf x;\theta)"
    ),
    sources=("goodfellow:sec 8.1.3", "goodfellow:8.3"),
    erratum="G49: J is maximised here, and minimised elsewhere in the text.",
)
statement(
    "maximum-likelihood-gradient",
    title="The gradient of the mean log likelihood is the mean score",
    formula=(
        r"\nabla_\theta J(\theta)=\mathbb E_{\hat p_{\text{data}}}"
        r"\nabla_\theta\log p_{\text{model}}(\mathbf x;\theta)"
    ),
    sources=("goodfellow:8.4",),
    erratum="G49: J is maximised here, and minimised elsewhere in the text.",
)
statement(
    "zero-one-loss-derivative",
    title="The zero-one loss has no useful derivative",
    formula=r"\frac{d}{d\theta}\mathbb 1[\mathrm{sign}f(x;\theta)\ne y]=0\ \text{a.e.}",
    sources=("goodfellow:sec 8.1.1", "goodfellow:sec 8.1.2"),
)
statement(
    "surrogate-loss",
    title="A surrogate for the zero-one loss",
    formula=r"\mathrm{argmax}_yp(y|x)\ \text{minimises the expected 0-1 loss}",
    sources=("goodfellow:sec 8.1.2",),
)
statement(
    "early-stopping-criterion",
    title="Early stopping",
    formula=r"\hat\tau=\mathrm{argmin}_\tau E_{\text{val}}(\mathbf w^{(\tau)})",
    sources=("goodfellow:sec 8.1.2",),
)
statement(
    "linear-regression-single-minimum",
    title="The loss of linear regression has one minimum",
    formula=(
        r"\exists\,n,n':\ x_n\ne x_{n'}\ \Rightarrow\ \mathbf H\succ0"
        r"\ \Rightarrow\ \text{unique minimum}"
    ),
    sources=("prince:sec 6.1.2",),
    erratum="P07: with equal inputs there is a whole line of minimisers.",
)
statement(
    "gradient-sum-decomposition",
    title="The gradient of a sum is the sum of the gradients",
    formula=(
        r"\frac{\partial L}{\partial\phi}=\frac{\partial}{\partial\phi}\sum_{i=1}^{I}\ell_i"
        r"=\sum_{i=1}^{I}\frac{\partial\ell_i}{\partial\phi}"
    ),
    sources=("prince:6.6",),
)
statement(
    "batch-gradient-additive-parallel",
    title="The gradients of disjoint parts of a batch add up",
    formula=(
        r"\nabla\sum_{i\in A\cup B}E^{(i)}=\nabla\sum_{i\in A}E^{(i)}+\nabla\sum_{i\in B}E^{(i)}"
        r"\quad(A\cap B=\emptyset)"
    ),
    sources=(
        "trofimov:slide 'Batch GD. Advantages and Disadvantages'",
        "goodfellow:sec 8.1.3",
    ),
)
statement(
    "one-dimensional-loss-classification",
    title="Which one-dimensional losses are convex",
    formula=r"\text{(figure only)}",
    sources=("prince:Problem 6.6", "prince:Fig 6.11"),
    unchecked="the functions are drawn and not given: nothing there can be evaluated",
)
statement(
    "optimisation-hardness-results",
    title="Hardness of exact minimisation",
    formula=r"\text{exact 0-1 loss minimisation: exponential in the input dimension}",
    sources=("goodfellow:sec 8.2.8", "goodfellow:sec 8.1.2"),
    unchecked="a statement about the worst case of every algorithm: no run can confirm it",
)


@dataclass(frozen=True, kw_only=True)
class BatchForm(LossForm):
    """The squared loss of a linear model, whose ``weights`` all rows of ``inputs`` share."""

    def value(self, vectors: Vectors) -> Any:
        return super().value(_residuals(vectors))

    def slope(self, argument: str, vectors: Vectors) -> Any:
        forces = super().slope("prediction", _residuals(vectors))
        return _joined([summed(forces * column) for column in _columns(vectors["inputs"])])


def _residuals(vectors: Vectors) -> Vectors:
    """The arguments of the loss of the examples."""
    weights = vectors["weights"]
    predictions = _joined([summed(row * weights) for row in vectors["inputs"]])
    return {"prediction": predictions, "target": vectors["target"]}


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Balls):
        return Balls([part.balls[0] for part in parts], parts[0].arithmetic)
    return np.concatenate(parts)


def _columns(rows: list[Any]) -> list[Any]:
    if isinstance(rows[0], Balls):
        columns = zip(*(row.balls for row in rows), strict=True)
        return [Balls(column, rows[0].arithmetic) for column in columns]
    return list(np.transpose(rows))


def _batch(summary: str, reduction: Any, equations: tuple[str, ...]) -> BatchForm:
    return BatchForm(
        summary,
        ("least-squares-loss", *equations),
        element=squared,
        slopes={"prediction": lambda prediction, target: 2 * (prediction - target)},
        arguments=("weights", "inputs", "target"),
        reduction=reduction,
    )


BATCH_LOSS = procedure(
    Procedure(
        id="batch-loss",
        title="Squared loss of a linear model over a batch",
        source="prince:6.6",
        capability="loss",
        family="minibatch",
        dialects={
            "sum": _batch("sum over the examples", "sum", ("error-sum-over-data",)),
            "mean": _batch("mean over the examples", "mean", ("mean-loss-objective",)),
        },
    )
)


def least_squares_minimum(inputs: Floats, target: Floats, start: Floats) -> tuple[arb, arb]:
    """Slope and intercept where gradient descent from ``start`` comes to rest, exactly.

    With equal inputs that is the point nearest to ``start`` on the line of minimisers.
    """
    with ball_arithmetic():
        x, y = ([arb(float(each)) for each in values] for values in (inputs, target))
        n = arb(len(x))
        mean_x, mean_y = sum(x, arb(0)) / n, sum(y, arb(0)) / n
        spread = sum(((each - mean_x) ** 2 for each in x), arb(0))
        if len(set(inputs.tolist())) > 1:
            pairs = zip(x, y, strict=True)
            slope = sum(((a - mean_x) * b for a, b in pairs), arb(0)) / spread
            return slope, mean_y - slope * mean_x
        first, second = (arb(float(each)) for each in start)
        residual = (mean_y - first * x[0] - second) / (1 + x[0] ** 2)
        return first + residual * x[0], second + residual


def validation_losses(
    start: Floats, problem: Mapping[str, Floats], learning_rate: float, steps: int
) -> list[arb]:
    """``sum h (w - b)**2 / 2`` along gradient descent on ``sum k (w - a)**2 / 2``.

    ``problem`` names k ``curvature``, a ``center``, h ``weight`` and b ``target``; the path of
    each coordinate is ``a + (1 - eta k)**tau (w_0 - a)``.
    """
    names = ("curvature", "center", "weight", "target")
    with ball_arithmetic():
        rows = [
            [arb(float(each)) for each in row]
            for row in zip(start, *(problem[name] for name in names), strict=True)
        ]
        rate = arb(learning_rate)
        return [
            sum(
                (
                    h * (a + (1 - rate * k) ** step * (w - a) - b) ** 2 / 2
                    for w, k, a, h, b in rows
                ),
                arb(0),
            )
            for step in range(steps + 1)
        ]
