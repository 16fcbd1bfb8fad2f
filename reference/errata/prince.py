"""Misprints of Prince, Understanding Deep Learning, chapter 6: updates, and their noise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb

from optcheck.reference.adam import ADAM, bias_correction
from optcheck.reference.domains import (
    Domain,
    count,
    non_negative,
    open_interval,
    positive,
    unit_interval,
)
from optcheck.reference.errata.record import Erratum, erratum, real, scalar, whether, whole
from optcheck.reference.gradient_descent import descend
from optcheck.reference.nadam import approximated_length, rectification
from optcheck.reference.sampling.minibatches import expected_sum
from optcheck.reference.signs import SIGN_DESCENT, normalised_step


def _distance(case: SimpleNamespace) -> arb:
    """The length of a step from 0 on g1 x + g2 y."""
    steps = [descend(Fraction(0), each, case.alpha) for each in (case.g1, case.g2)]
    return real(sum(each**2 for each in steps)).sqrt()


erratum(
    Erratum(
        id="P01",
        status="qualification",
        source="prince:sec 6.1",
        as_printed=r"\text{the step moves a distance }\alpha\text{ downhill}",
        as_corrected=r"\text{a distance }\alpha\,\|\nabla L\|",
        why="the gradient in (6.3) is not normalised, as the chapter's notes say",
        equations=("gradient-descent-update", "gd-step-proportional-to-gradient"),
        variables={
            "alpha": positive(0.1, 1.0),
            "g1": whole(-5, 5, 3, 1),
            "g2": whole(-5, 5, 4, 0),
        },
        fact=_distance,
        printed=lambda case: case.alpha,
        corrected=lambda case: real(case.alpha) * arb(case.g1**2 + case.g2**2).sqrt(),
    )
)


def _three(case: SimpleNamespace) -> list[Fraction]:
    return [Fraction(each) for each in (case.g1, case.g2, case.g3)]


def _mean_of_sums(case: SimpleNamespace) -> Fraction:
    """Of the gradients of a batch, over all batches."""
    sums = [sum(batch, Fraction(0)) for batch in itertools.combinations(_three(case), case.B)]
    return sum(sums, Fraction(0)) / len(sums)


erratum(
    Erratum(
        id="P02",
        status="confirmed",
        source="prince:sec 6.2.1, prince:6.10",
        as_printed=(
            r"\mathbb E\Big[\sum_{i\in\mathcal B}\nabla\ell_i\Big]=\sum_{i=1}^I\nabla\ell_i"
        ),
        as_corrected=(
            r"\mathbb E\Big[\sum_{i\in\mathcal B}\nabla\ell_i\Big]="
            r"\frac{|\mathcal B|}I\sum_{i=1}^I\nabla\ell_i"
        ),
        why="(6.10) sums over the batch and (6.6) over the data; means would be equal",
        equations=("batch-sum-gradient-expectation",),
        variables={
            "g1": whole(-3, 3, 1),
            "g2": whole(-3, 3, 0),
            "g3": whole(-3, 3, 0),
            "B": whole(1, 3, 1),
        },
        fact=_mean_of_sums,
        printed=lambda case: sum(_three(case), Fraction(0)),
        corrected=lambda case: expected_sum(_three(case), case.B),
    )
)


def _aligned(case: SimpleNamespace) -> Fraction:
    """The momentum after so many gradients of 1."""
    momentum = Fraction(0)
    for _ in range(case.t):
        momentum = case.beta * momentum + (1 - case.beta)
    return momentum


erratum(
    Erratum(
        id="P03",
        status="qualification",
        source="prince:sec 6.3, prince:Problem 6.10",
        as_printed=(
            r"\text{an infinite weighted sum; gradients that are aligned raise the effective rate}"
        ),
        as_corrected=r"\text{a finite sum of weight }1-\beta^{t+1}\le1\text{: at most }\alpha",
        why=(
            "the weights (1 - beta) beta^k of all past add up to one; asked for is the rate under "
            "a constant gradient after t steps, in units of alpha, and whether it is above 1"
        ),
        equations=("momentum-gradient-weights", "momentum-ema-effective-rate-bounds"),
        variables={"beta": unit_interval(0.9, 0.5, 0.0), "t": count(1, 5, 20)},
        fact=lambda case: (_aligned(case), whether(_aligned(case) > 1, "above")),
        printed=lambda case: (1, "above"),
        corrected=lambda case: (bias_correction(case.beta, case.t), "not above"),
    )
)


def _adam_step(case: SimpleNamespace, gradients: Sequence[int | Fraction]) -> Any:
    """How far down Adam with both decays 0 goes at the last of the gradients, with alpha = 1."""
    form = ADAM.dialect("epsilon-outside-root")
    before = w = scalar(0)
    state: Any = {"first_moment": scalar(0), "second_moment": scalar(0)}
    for step, gradient in enumerate(gradients, start=1):
        h = SimpleNamespace(
            learning_rate=scalar(1),
            beta1=scalar(0),
            beta2=scalar(0),
            epsilon=scalar(case.epsilon),
            step=scalar(step),
            evaluation=frozenset(),
        )
        before = w
        w, state = form.update(w, scalar(gradient), state, h)
    return (before - w).ball


erratum(
    Erratum(
        id="P04",
        status="transcription-doubtful",
        source="prince:6.17",
        as_printed=(
            r"\text{as before:}\quad\phi_{t+1}\leftarrow\phi_t-\alpha"
            r"\frac{\tilde{\mathbf m}_{t+1}}{\sqrt{\tilde{\mathbf v}_{t+1}+\epsilon}}"
        ),
        as_corrected=(
            r"\phi_{t+1}\leftarrow\phi_t-\alpha"
            r"\frac{\tilde{\mathbf m}_{t+1}}{\sqrt{\tilde{\mathbf v}_{t+1}}+\epsilon}"
        ),
        why=(
            "before, in (6.14), epsilon stands outside the root; both forms are dialects. Asked "
            "for is the first step, in units of alpha, where both moments are the gradient's own"
        ),
        equations=(
            "adam-update-epsilon-inside",
            "adam-update-epsilon-outside",
            "sign-normalised-gradient-update",
        ),
        variables={"epsilon": positive(1e-8, 1e-3), "g": positive(1e-4, 1.0)},
        fact=lambda case: normalised_step(scalar(case.g), scalar(1), scalar(case.epsilon)).ball,
        printed=lambda case: real(case.g) / real(case.g**2 + case.epsilon).sqrt(),
        corrected=lambda case: _adam_step(case, [case.g]),
        doubt="the length of the root's bar is what a scan loses first",
    )
)

erratum(
    Erratum(
        id="P05",
        status="confirmed",
        source="prince:Notes SGD vs. Adam",
        as_printed=r"\beta=\gamma=0:\ \phi_{t+1}=\phi_t-\alpha\,\mathbf g_t",
        as_corrected=(
            r"\beta=\gamma=0:\ \phi_{t+1}=\phi_t-\alpha\frac{\mathbf g_t}{|\mathbf g_t|+\epsilon}"
        ),
        why=(
            "gamma = 0 makes v = g^2, and both corrections are 1: sign descent. Gradient descent "
            "is the limit of large epsilon with alpha/epsilon fixed. Asked for is the second of "
            "two steps, in units of alpha"
        ),
        equations=("adam-sgd-special-case", "sign-normalised-gradient-update"),
        variables={
            "g1": whole(-3, 3, 1),
            "g2": whole(-3, 3, 3),
            "epsilon": positive(1e-8, 1e-3),
        },
        fact=lambda case: _adam_step(case, [case.g1, case.g2]),
        printed=lambda case: case.g2,
        corrected=lambda case: (
            normalised_step(scalar(case.g2), scalar(1), scalar(case.epsilon)).ball
        ),
    )
)


def _length(decay: Fraction, steps: int | None) -> arb:
    """Of the simple average that is as old as the exponential one after so many steps.

    The simple average of n numbers has the mean age (n + 1)/2, counted from 1. None is for ever.
    """
    if steps is None:
        return real(2 / (1 - decay) - 1)
    weights = [decay**k for k in range(steps)]
    ages = sum((age * weight for age, weight in enumerate(weights, start=1)), Fraction(0))
    return real(2 * ages / sum(weights) - 1)


def _variance(length: arb) -> arb:
    """Of the rate of an average of this length, to first order."""
    return length / (2 * (length - 2) * (length - 4))


def _rectified(case: SimpleNamespace) -> arb:
    length = _length(case.beta2, case.t)
    if not length > 5:
        return arb(1)
    return (_variance(_length(case.beta2, None)) / _variance(length)).sqrt()


def _factor(case: SimpleNamespace) -> arb:
    """What the reference multiplies the adaptive step with."""
    longest, length = approximated_length(
        SimpleNamespace(beta2=scalar(case.beta2), step=scalar(case.t))
    )
    return rectification(longest, length).ball if length.ball > 5 else arb(1)


erratum(
    Erratum(
        id="P08",
        status="qualification",
        source="prince:Notes Adaptive training",
        as_printed=r"\text{RAdam changes the momentum term over time}",
        as_corrected=(
            r"\text{RAdam keeps }\beta_1\text{ and multiplies the adaptive step by }r_t"
            r"\text{, once }\rho_t>5"
        ),
        why=(
            "of constant gradients every momentum is the gradient; asked for is the step number t "
            "under such gradients, in units of alpha"
        ),
        equations=("rectified-adam",),
        variables={"beta2": Domain(0.8, 0.999, (0.999, 0.99, 0.9)), "t": count(6, 10, 1)},
        fact=_rectified,
        printed=lambda case: 1,
        corrected=_factor,
    )
)


def _stationary(rate: Fraction) -> Fraction:
    """The variance that w <- w - rate (w - xi) leaves as it is; xi has the variance 1."""

    def after(variance: Fraction) -> Fraction:
        return (1 - rate) ** 2 * variance + rate**2

    constant = after(Fraction(0))
    return constant / (1 - (after(Fraction(1)) - constant))


erratum(
    Erratum(
        id="P09",
        status="qualification",
        source="prince:Notes Properties of SGD",
        as_printed=r"\alpha\to0:\ \text{a stochastic differential equation}",
        as_corrected=(
            r"\alpha\to0:\ \text{the gradient flow};\quad\text{at small }\alpha\text{: }"
            r"\mathrm{Var}\,\phi_\infty=\frac{\alpha}{2-\alpha}\text{ on }\phi^2/2"
        ),
        why=(
            "the noise is proportional to the root of the rate; asked for is whether a hundredth "
            "of the rate leaves less than a fiftieth of the variance"
        ),
        equations=("sgd-stochastic-differential-equation",),
        variables={"alpha": open_interval(0.1, 0.5)},
        fact=lambda case: whether(
            50 * _stationary(case.alpha / 100) < _stationary(case.alpha), "vanishing"
        ),
        printed=lambda case: "not vanishing",
        corrected=lambda case: whether(
            50 * (case.alpha / 100) / (2 - case.alpha / 100) < case.alpha / (2 - case.alpha),
            "vanishing",
        ),
    )
)


def _normalised(case: SimpleNamespace) -> Any:
    """How far the normalised form of sign descent moves from 0, with alpha = 1."""
    h = SimpleNamespace(learning_rate=scalar(1), epsilon=scalar(case.epsilon))
    after, _ = SIGN_DESCENT.dialect("normalised").update(scalar(0), scalar(case.g), {}, h)
    return abs(after.ball)


erratum(
    Erratum(
        id="P10",
        status="qualification",
        source="prince:sec 6.4 (6.14)",
        as_printed=r"|\Delta\phi_j|=\alpha",
        as_corrected=r"|\Delta\phi_j|=\alpha\frac{|g_j|}{|g_j|+\epsilon}",
        why="alpha only where the gradient is much larger than epsilon; 0 without a gradient",
        equations=("sign-descent-fixed-distance", "sign-normalised-gradient-update"),
        variables={"g": non_negative(0.0, 1e-8, 1.0), "epsilon": positive(1e-8, 1e-3)},
        fact=_normalised,
        printed=lambda case: 1,
        corrected=lambda case: case.g / (case.g + case.epsilon),
    )
)
