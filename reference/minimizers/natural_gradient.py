"""The natural gradient: steepest descent where length is Kullback-Leibler divergence."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import above
from optcheck.reference.functions import total
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

statement(
    "natural-gradient-constrained-problem",
    title="Natural gradient as steepest descent under a constraint on the divergence",
    formula=(
        r"\Delta_N\equiv\mathrm{argmin}_{\Delta\theta}"
        r"\mathbb E_{\hat p}[-\log p_{\theta+\Delta\theta}]"
        r"\quad\text{s.t. }\mathrm{KL}(p_\theta\|p_{\theta+\Delta\theta})=\Delta\mathrm{KL}"
    ),
    sources=("goodfellow:8.25",),
)

statement(
    "log-probability-taylor-expansion",
    title="Second-order expansion of the log probability",
    formula=(
        r"\log p_{\theta+\Delta\theta}\approx\log p_\theta+(\nabla\log p_\theta)^T\Delta\theta"
        r"+\frac12\Delta\theta^T(\nabla^2\log p_\theta)\Delta\theta"
    ),
    sources=("goodfellow:8.26",),
)


@equation(
    "score-zero-mean",
    title="The expected score is zero under the model",
    formula=r"\sum_{\mathcal X}p_\theta\nabla\log p_\theta=\nabla\sum_{\mathcal X}p_\theta=0",
    sources=("goodfellow:8.27",),
)
def expected_score(weights: Sequence[Any], scores: Sequence[Sequence[Any]]) -> list[Any]:
    """The weighted sum of ``scores``, one for each outcome; zero for the model's weights."""
    indices = range(len(scores[0]))
    return [total([p * s[i] for p, s in zip(weights, scores, strict=True)]) for i in indices]


@equation(
    "fisher-information-matrix",
    title="Fisher information matrix",
    formula=r"\mathbf F=\mathbb E_{p_\theta}[(\nabla\log p_\theta)(\nabla\log p_\theta)^T]",
    sources=("goodfellow:8.28",),
    erratum="printed in the other order, which of column gradients is a scalar, the trace (G30)",
)
def fisher_information(weights: Sequence[Any], scores: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The expected outer product of the score with itself, by rows."""
    indices = range(len(scores[0]))
    pairs = list(zip(weights, scores, strict=True))
    return [[total([p * (s[i] * s[j]) for p, s in pairs]) for j in indices] for i in indices]


@equation(
    "fisher-hessian-equivalence",
    title="Fisher information equals minus the expected Hessian of the log likelihood",
    formula=(
        r"0=\sum p_\theta(\nabla\log p_\theta)(\nabla\log p_\theta)^T"
        r"+\sum p_\theta\nabla^2\log p_\theta\ \Rightarrow\ "
        r"\mathbf F=-\mathbb E[\nabla^2\log p_\theta]"
    ),
    sources=("goodfellow:8.29",),
    erratum="the last nabla is lost and the sums are displaced (G31)",
)
def expected_curvature(weights: Sequence[Any], hessians: Sequence[Any]) -> list[list[Any]]:
    """Minus the expected Hessian of the log probability, by rows."""
    indices = range(len(hessians[0]))
    pairs = list(zip(weights, hessians, strict=True))
    return [[-total([p * H[i][j] for p, H in pairs]) for j in indices] for i in indices]


@equation(
    "kl-divergence-quadratic-approximation",
    title="Kullback-Leibler divergence to second order",
    formula=(
        r"\mathrm{KL}(p_\theta\|p_{\theta+\Delta\theta})\approx"
        r"\frac12\Delta\theta^T\mathbf F\Delta\theta"
    ),
    sources=("goodfellow:sec 8.6",),
)
def quadratic_divergence(fisher: Sequence[Sequence[Any]], step: Sequence[Any]) -> Any:
    """Half of ``d'F d``."""
    products = [
        each * step[i] * step[j] for i, row in enumerate(fisher) for j, each in enumerate(row)
    ]
    return total(products) / 2


@equation(
    "natural-gradient-lagrangian",
    title="Lagrangian of the natural gradient's problem",
    formula=(
        r"L_N(\theta,\Delta\theta)=\mathbb E_{\hat p}[-\log p_\theta]"
        r"+\mathbb E_{\hat p}[-\nabla\log p_\theta]^T\Delta\theta"
        r"+\frac\lambda2\Delta\theta^T\mathbf F\Delta\theta"
    ),
    sources=("goodfellow:8.30",),
    erratum="printed without the step in the linear term, which then is no number (G32)",
)
def lagrangian(
    value: Any,
    gradient: Sequence[Any],
    fisher: Sequence[Sequence[Any]],
    step: Sequence[Any],
    multiplier: Any,
) -> Any:
    """The loss to first order and ``multiplier`` times the divergence to second order."""
    linear = total([g * d for g, d in zip(gradient, step, strict=True)])
    return value + linear + multiplier * quadratic_divergence(fisher, step)


@equation(
    "natural-gradient-update",
    title="Natural gradient update",
    formula=(
        r"\theta_{t+1}=\theta_t"
        r"-\frac1\lambda\mathbf F^{-1}\mathbb E_{\hat p}[-\nabla\log p_\theta]"
    ),
    sources=("goodfellow:8.31",),
    erratum="printed with a plus and without the multiplier: the likelihood would fall (G33)",
)
def natural_gradient_force(gradient: Sequence[Any], multiplier: Any) -> list[Any]:
    """``F`` times the step: minus the gradient of the loss over the multiplier."""
    return [-each / multiplier for each in gradient]


statement(
    "natural-gradient-versus-newton",
    title="Natural gradient and Newton differ in the distribution of the expectation",
    formula=(
        r"\text{Newton}:\ \mathbb E_{\hat p}[-\nabla^2\log p_\theta]^{-1};\quad"
        r"\text{natural gradient}:\ \mathbb E_{p_\theta}[-\nabla^2\log p_\theta]^{-1}"
    ),
    sources=("goodfellow:sec 8.6",),
)

statement(
    "natural-gradient-parametrisation-invariance",
    title="Natural gradient is invariant to reparametrisation, gradient descent is not",
    formula=(
        r"\theta=h(\psi):\ \mathbf F_\psi=\mathbf J^T\mathbf F_\theta\mathbf J,\ "
        r"\mathbf J\,\mathbf F_\psi^{-1}\nabla_\psi=\mathbf F_\theta^{-1}\nabla_\theta;\quad"
        r"\theta=c\,\psi:\ \text{a step of gradient descent scales by }c^2"
    ),
    sources=("goodfellow:sec 8.6",),
)


def score_outer_product(problem: Any, point: Any) -> list[list[Any]]:
    """The Fisher matrix of a likelihood from its scores, by rows."""
    outcomes = problem.outcomes(point)
    scores = [problem.score(point, outcome) for _, outcome in outcomes]
    return fisher_information([weight for weight, _ in outcomes], scores)


def expected_hessian(problem: Any, point: Any) -> list[list[Any]]:
    """The Fisher matrix of a likelihood from its second derivatives, by rows."""
    outcomes = problem.outcomes(point)
    hessians = [problem.score_hessian(point, outcome) for _, outcome in outcomes]
    return expected_curvature([weight for weight, _ in outcomes], hessians)


def _by_scores(problem: Any, point: Any, damping: Any, h: SimpleNamespace) -> tuple[Any, Any]:
    force = natural_gradient_force(problem.gradient(point), h.multiplier)
    return score_outer_product(problem, point), force


def _by_hessians(problem: Any, point: Any, damping: Any, h: SimpleNamespace) -> tuple[Any, Any]:
    force = natural_gradient_force(problem.gradient(point), h.multiplier)
    return expected_hessian(problem, point), force


NATURAL_GRADIENT = procedure(
    Procedure(
        id="natural-gradient",
        title="Natural gradient",
        source="goodfellow:8.31",
        capability="minimizer",
        objective="likelihood",
        # With half a multiplier and less, the step leads away even from next to the minimum.
        hyperparameters={"multiplier": above(0.5, 1.0, 2.0, 8.0)},
        dialects={
            "score-outer-product": Form(
                summary="Fisher matrix as the expected outer product of the score",
                equations=("natural-gradient-update", "fisher-information-matrix"),
                system=_by_scores,
            ),
            "expected-hessian": Form(
                summary="Fisher matrix as minus the expected Hessian of the log likelihood",
                equations=("natural-gradient-update", "fisher-hessian-equivalence"),
                system=_by_hessians,
            ),
        },
    )
)
