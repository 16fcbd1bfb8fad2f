"""Statements that follow from the equations: reductions, closed forms, bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.registry import equation, statement

statement(
    "momentum-form-equivalence",
    title="The forms of momentum are one at a constant rate",
    formula=(
        r"\Delta\mathbf w_t=-\eta\mathbf v_t=-\alpha\mathbf m_t,\quad"
        r"\eta=\alpha(1-\beta),\ \mu=\beta"
    ),
    sources=("bishop:7.31", "prince:6.11", "goodfellow:Alg 8.2"),
)
statement(
    "nesterov-change-of-variables",
    title="The shifted form of Nesterov momentum stores the point of evaluation",
    formula=r"\mathbf w^{\text{shifted}}_t=\mathbf w_t+\mu\,\Delta\mathbf w_t",
    sources=("bishop:7.34", "goodfellow:sec 8.3.4"),
)
statement(
    "adam-sgd-special-case",
    title="Adam with both decays 0 is sign descent, and not gradient descent",
    formula=(
        r"\beta_1=\beta_2=0:\ \Delta\phi=-\alpha\frac{\mathbf g}{|\mathbf g|+\epsilon}"
        r"\approx-\alpha\,\mathrm{sgn}(\mathbf g)"
    ),
    sources=("prince:Notes SGD vs. Adam",),
    erratum="Printed as: SGD is Adam with beta = gamma = 0. SGD is the limit epsilon to infinity.",
)
statement(
    "adam-equals-rmsprop-plus-momentum",
    title="Adam without first decay and correction is RMSProp",
    formula=r"\beta_1=0,\ \text{no correction}:\ \text{Adam}=\text{RMSProp}",
    sources=("bishop:sec 7.3.3", "goodfellow:sec 8.4.3"),
)
statement(
    "adam-step-bound",
    title="No step of Adam is longer than its decays allow",
    formula=(
        r"\frac{|\hat m_t|}{\sqrt{\hat v_t}}\le\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,"
        r"\frac{1-\beta_1}{\sqrt{1-\beta_2}}\sqrt{\sum_{k<t}(\beta_1^2/\beta_2)^k}"
    ),
    sources=("kingma-ba:sec 2.1", "Cauchy-Schwarz"),
)
statement(
    "rmsprop-step-bound",
    title="No step of RMSProp from zero is longer than 1/sqrt(1 - beta) rates",
    formula=r"\frac{|g_t|}{\sqrt{r_t}}\le\frac{1}{\sqrt{1-\beta}}",
    sources=("goodfellow:sec 8.4.3",),
)
statement(
    "adagrad-learning-rate-monotone-decay",
    title="AdaGrad's rates never rise",
    formula=r"\alpha_j(\tau+1)\le\alpha_j(\tau),\quad\alpha_j\to0\iff\sum_\tau g_j(\tau)^2=\infty",
    sources=("trofimov:slide 'AdaGrad'", "goodfellow:sec 8.4.1"),
    erratum="T06: the rate tends to zero only where the sum of squares diverges.",
)
statement(
    "adadelta-no-learning-rate",
    title="AdaDelta's steps have the units of the parameters",
    formula=(
        r"\epsilon\to0:\quad E\mapsto cE\Rightarrow\Delta\theta\mapsto\Delta\theta,\qquad"
        r"\theta\mapsto c\theta\Rightarrow\Delta\theta\mapsto c\,\Delta\theta"
    ),
    sources=("goodfellow:sec 8.4.4", "trofimov:slide 'AdaDelta'"),
)
statement(
    "rprop-sign-invariance",
    title="Rprop depends on the signs of the gradients alone",
    formula=r"g\mapsto Dg,\ D\succ0\ \text{diagonal}\ \Rightarrow\ \text{identical steps}",
    sources=("trofimov:slide 'RProp (Resilient Propagation)'",),
)
statement(
    "adam-nonconvergence-counterexample",
    title="Reddi's problem: Adam drifts to the wrong end, AMSGrad does not",
    formula=(
        r"f_t(x)=\begin{cases}Cx&t\bmod3=1\\-x&\text{otherwise}\end{cases},\quad C>2,\ "
        r"\beta_1=0,\ \beta_2=\tfrac1{1+C^2}:\ x_t\uparrow,\ x^\star=-1"
    ),
    sources=("prince:Notes Adaptive training", "reddi:Theorem 1"),
)


def _exact(values: npt.ArrayLike) -> Balls:
    return Arithmetic.exact().array(values)


@equation(
    "momentum-gradient-weights",
    title="Momentum is a weighted sum of all past gradients",
    formula=(
        r"\mathbf m_{t+1}=(1-\beta)\sum_{k=0}^{t}\beta^{k}\,\mathbf g_{t-k},\qquad"
        r"\mathbf v_{t+1}=\sum_{k=0}^{t}\mu^{k}\,\mathbf g_{t-k}"
    ),
    sources=("prince:Problem 6.10", "prince:sec 6.3"),
    erratum="P03: the sum is finite and its weights add up to 1 - beta^(t+1).",
)
def weighted_sum(
    gradients: Sequence[npt.ArrayLike], momentum: float, weights: Sequence[Any]
) -> Balls:
    """``sum(momentum**(t - k) * weights[k] * gradients[k])``, exactly, shape ``(n,)``."""
    exact = Arithmetic.exact()
    total = _exact(np.zeros(np.size(gradients[0])))
    for weight, gradient in zip(weights, gradients, strict=True):
        total = exact.scalar(momentum) * total + weight * _exact(gradient)
    return total


def adam_step_bound(beta1: float, beta2: float, step: int) -> float:
    """The largest ``abs(m_hat) / sqrt(v_hat)`` after ``step`` updates, rounded up."""
    if beta2 == 0.0 < beta1 and step > 1:
        return math.inf
    with ball_arithmetic():
        first, second = arb(beta1), arb(beta2)
        ratio = first**2 / second if beta2 else arb(0)
        total = sum((ratio**k for k in range(step)), arb(0))
        weight = (1 - second**step).sqrt() / (1 - first**step)
        upper = (weight * (1 - first) / (1 - second).sqrt() * total.sqrt()).upper()
        nearest = float(upper)
        # The nearest double may lie below.
        return nearest if arb(nearest) >= upper else math.nextafter(nearest, math.inf)
