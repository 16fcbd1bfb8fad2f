"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, chapter 8: steps and batches."""

from __future__ import annotations

import itertools
from fractions import Fraction
from statistics import mean
from types import SimpleNamespace

from optcheck.reference.decay import ascent_gradient
from optcheck.reference.descent.gradient_descent import second_order_change
from optcheck.reference.domains import positive
from optcheck.reference.errata.exact import (
    NUMBER,
    POSITIVE_DEFINITE,
    SIZE,
    Array,
    column,
    entries,
    gradient,
    hessian,
    lower,
    product,
    quadratic,
    slope,
    vector,
)
from optcheck.reference.errata.record import Erratum, erratum, whether, whole
from optcheck.reference.gradient_descent import descend
from optcheck.reference.sampling.minibatches import expected_mean, of_mean, of_sum

_RATE = positive(0.1, 1.0, 0.5)
_LABELS = {"y1": NUMBER, "y2": NUMBER}


def _summed_loss(case: SimpleNamespace, theta: Fraction) -> Fraction:
    """Half the squared distance to each label, added up."""
    return Fraction((theta - case.y1) ** 2 + (theta - case.y2) ** 2, 2)


def _gradients(case: SimpleNamespace) -> list[Fraction]:
    """The derivatives of the loss, one for each label."""
    return [Fraction(case.theta - case.y1), Fraction(case.theta - case.y2)]


def _lower_end(case: SimpleNamespace) -> Fraction:
    """Of the two ends that a step of this length can have, the one with the smaller loss."""
    length = case.rate * abs(slope(lambda theta: _summed_loss(case, theta), case.theta))
    ends = (case.theta + length, case.theta - length)
    return Fraction(lower(lambda theta: _summed_loss(case, theta), *ends))


erratum(
    Erratum(
        id="G01",
        status="confirmed",
        source="goodfellow:8.10",
        as_printed=r"\theta\leftarrow\theta+\epsilon\nabla_\theta\sum_tL(f(x^{(t)};\theta),y^{(t)})",
        as_corrected=(
            r"\theta\leftarrow\theta-\epsilon\nabla_\theta\sum_tL(f(x^{(t)};\theta),y^{(t)})"
        ),
        why="the loss is to be minimised, and a step along its gradient raises it",
        equations=("gradient-descent-update-summed-loss",),
        variables={"theta": NUMBER, **_LABELS, "rate": _RATE},
        fact=_lower_end,
        printed=lambda case: case.theta + case.rate * of_sum(_gradients(case)),
        corrected=lambda case: descend(case.theta, of_sum(_gradients(case)), case.rate),
    )
)


def _drop(case: SimpleNamespace) -> tuple[Array, Array, Fraction]:
    """Hessian and gradient of a quadratic, and what a step changes in its value."""
    H, theta = hessian(case), vector(case.x, case.y)
    cost = quadratic(H)
    g = gradient(cost, theta)
    return H, g, cost(theta - case.rate * g) - cost(theta)


def _printed_drop(case: SimpleNamespace) -> Fraction:
    H, g, _ = _drop(case)
    bent = product(column(g), H, column(g))
    return Fraction(-case.rate * (g @ g) + case.rate**2 * bent.item() / 2)


def _corrected_drop(case: SimpleNamespace) -> Fraction:
    H, g, _ = _drop(case)
    return Fraction(second_order_change(case.rate, g @ g, g @ H @ g))


erratum(
    Erratum(
        id="G02",
        status="confirmed",
        source="goodfellow:sec 8.2.1",
        as_printed=r"\tfrac12\alpha^2\,\mathbf g\mathbf H\mathbf g",
        as_corrected=r"\tfrac12\alpha^2\,\mathbf g^T\mathbf H\mathbf g",
        why="g is a column, which cannot stand on the left of a matrix; printed so three times",
        equations=("gradient-step-second-order-cost",),
        variables={**POSITIVE_DEFINITE, "x": NUMBER, "y": NUMBER, "rate": _RATE},
        fact=lambda case: _drop(case)[2],
        printed=_printed_drop,
        corrected=_corrected_drop,
    )
)


def _falls(case: SimpleNamespace) -> str:
    """Whether a plane with the slopes ``g1`` and ``g2`` is lower after a step."""
    g = vector(case.g1, case.g2)
    return whether(g @ (-case.rate * g) < 0, "falling")


erratum(
    Erratum(
        id="G03",
        status="qualification",
        source="goodfellow:sec 8.2.1",
        as_printed=r"-\alpha\,\mathbf g^T\mathbf g\text{ is always negative}",
        as_corrected=r"-\alpha\,\mathbf g^T\mathbf g\le0,\text{ and }0\text{ where }\mathbf g=0",
        why="at a critical point there is no slope to go down",
        equations=("gradient-step-second-order-cost",),
        variables={"g1": NUMBER, "g2": NUMBER, "rate": _RATE},
        fact=_falls,
        printed=lambda case: "falling",
        corrected=lambda case: whether((case.g1, case.g2) != (0, 0), "falling"),
    )
)

erratum(
    Erratum(
        id="G16",
        status="confirmed",
        source="goodfellow:Alg 8.2 to 8.8",
        as_printed=r"\mathbf g\leftarrow\sum_{i=1}^m\nabla_\theta L(f(x^{(i)};\theta),y^{(i)})",
        as_corrected=(
            r"\mathbf g\leftarrow\frac1m\sum_{i=1}^m\nabla_\theta L(f(x^{(i)};\theta),y^{(i)})"
        ),
        why=(
            "the cost is a mean, and Algorithm 8.1 and the equations of the sections divide by m; "
            "what is scaled by the gradients' own size does not notice"
        ),
        equations=(
            *("sgd-minibatch-mean-algorithm", "gradient-accumulation"),
            *("nesterov-sgd-algorithm-goodfellow", "adam-algorithm-goodfellow"),
            *("adagrad-algorithm-no-stabiliser", "rmsprop-algorithm-no-stabiliser"),
        ),
        variables={"theta": NUMBER, **_LABELS},
        fact=lambda case: slope(lambda theta: _summed_loss(case, theta) / 2, case.theta),
        printed=lambda case: of_sum(_gradients(case)),
        corrected=lambda case: of_mean(_gradients(case)),
    )
)


def _step_on_parabola(case: SimpleNamespace) -> bool:
    """Whether ``L x**2 / 2`` is smaller after a step from 1."""
    return bool((1 - case.rate * case.L) ** 2 < 1)


erratum(
    Erratum(
        id="G47",
        status="qualification",
        source="goodfellow:footnote 2",
        as_printed=r"\text{the loss may rise where }\epsilon>1/\mathcal L",
        as_corrected=r"\text{it falls where }\epsilon<2/\mathcal L",
        why="the step changes it by at most -e (1 - L e / 2) |g|^2, which is below 0 up to 2/L",
        equations=("gradient-descent-descent-threshold",),
        variables={"L": SIZE, "rate": positive(0.1, 1.0, 1.5)},
        fact=lambda case: whether(_step_on_parabola(case), "falling"),
        printed=lambda case: whether(case.rate <= Fraction(1, case.L), "falling"),
        corrected=lambda case: whether(case.rate < Fraction(2, case.L), "falling"),
    )
)


def _lower_direction(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """Of a gradient and its opposite, the one that the loss falls along."""
    g = _example_gradient(case)
    return entries(lower(lambda d: _example_loss(case, case.rate * d), g, -g))


def _example_loss(case: SimpleNamespace, step: Array) -> Fraction:
    """Half the squared distance to the example, from the origin moved by ``step``."""
    away = step - vector(case.y1, case.y2)
    return Fraction(away @ away, 2)


def _example_gradient(case: SimpleNamespace) -> Array:
    return gradient(lambda step: _example_loss(case, step), vector(0, 0))


erratum(
    Erratum(
        id="G48",
        status="notation",
        source="goodfellow:sec 8.1.4, 8.3.1",
        as_printed=r"\text{a step in the direction of }\hat{\mathbf g}",
        as_corrected=r"\text{a step in the direction of }-\hat{\mathbf g}",
        why="the loss is to be minimised, and g is its gradient",
        equations=("online-gradient-generalisation-error",),
        variables={**_LABELS, "rate": _RATE},
        fact=_lower_direction,
        printed=lambda case: entries(_example_gradient(case)),
        corrected=lambda case: entries(-_example_gradient(case)),
    )
)


def _mean_log_likelihood(case: SimpleNamespace, theta: Fraction) -> Fraction:
    """Of a normal density with the variance 1, up to a constant."""
    return -_summed_loss(case, theta) / 2


def _score(case: SimpleNamespace) -> Fraction:
    return Fraction(-of_mean(_gradients(case)))


def _likelier(case: SimpleNamespace) -> Fraction:
    """Of the two ends that a step of this length can have, the likelier one."""
    length = case.rate * abs(_score(case))
    ends = (case.theta + length, case.theta - length)
    return Fraction(lower(lambda theta: -_mean_log_likelihood(case, theta), *ends))


erratum(
    Erratum(
        id="G49",
        status="notation",
        source="goodfellow:8.3, 8.4",
        as_printed=(
            r"J(\theta)=\mathbb E\log p_{\text{model}}(\mathbf x;\theta),\ "
            r"\theta\leftarrow\theta-\epsilon\nabla_\theta J"
        ),
        as_corrected=r"\theta\leftarrow\theta+\epsilon\nabla_\theta J",
        why="J is maximised here and minimised elsewhere: descent makes the data unlikely",
        equations=(
            *("gradient-ascent-update", "maximum-likelihood-objective"),
            "maximum-likelihood-gradient",
        ),
        variables={"theta": NUMBER, **_LABELS, "rate": _RATE},
        fact=_likelier,
        printed=lambda case: descend(case.theta, _score(case), case.rate),
        corrected=lambda case: descend(case.theta, ascent_gradient(_score(case)), case.rate),
    )
)

_EXAMPLES = {"y1": NUMBER, "y2": NUMBER, "y3": NUMBER}


def _examples(case: SimpleNamespace) -> list[Fraction]:
    return [Fraction(case.y1), Fraction(case.y2), Fraction(case.y3)]


def _neighbours(case: SimpleNamespace) -> list[tuple[int, int]]:
    """Batches of two examples that always come together: of three on a line or on a circle."""
    pairs = [(0, 1), (1, 2), (2, 0)]
    return pairs if case.circle else pairs[:2]


def _unbiased(case: SimpleNamespace) -> bool:
    values = _examples(case)
    return mean((values[i] + values[j]) / 2 for i, j in _neighbours(case)) == mean(values)


def _equally_often(case: SimpleNamespace) -> bool:
    drawn = list(itertools.chain.from_iterable(_neighbours(case)))
    return len({drawn.count(index) for index in range(3)}) == 1


erratum(
    Erratum(
        id="G51",
        status="qualification",
        source="goodfellow:sec 8.1.3, 8.3.2",
        as_printed=r"\text{an unbiased estimate requires independent samples}",
        as_corrected=r"\text{it requires that each example is drawn with the same probability}",
        why="expectations add up, dependent or not; it is the error's 1/sqrt(n) that needs it",
        equations=("sgd-gradient-unbiased", "sample-mean-standard-error"),
        variables={**_EXAMPLES, "circle": whole(0, 1, 1, 0)},
        fact=lambda case: whether(_unbiased(case), "unbiased"),
        printed=lambda case: "not unbiased",
        corrected=lambda case: "unbiased" if _equally_often(case) else None,
    )
)


def _smaller_error(case: SimpleNamespace) -> bool:
    """Whether ``x'Hx / 2`` falls by the factor ``1 - mu / L``; H has mu and L on its diagonal."""
    mu, L = case.mu, case.mu * case.kappa
    rate = case.rate_times_L / L
    before = mu * case.x**2 + L * case.y**2
    after = mu * (case.x * (1 - rate * mu)) ** 2 + L * (case.y * (1 - rate * L)) ** 2
    return bool(after <= (1 - Fraction(mu, L)) * before)


erratum(
    Erratum(
        id="G53",
        status="qualification",
        source="goodfellow:sec 8.3.1",
        as_printed=r"J(\theta_{k+1})-J^\star\le(1-\mu/\mathcal L)(J(\theta_k)-J^\star)",
        as_corrected=(
            r"J(\theta_{k+1})-J^\star\le(1-\mu/\mathcal L)(J(\theta_k)-J^\star)"
            r"\text{ for }\epsilon=1/\mathcal L"
        ),
        why="no learning rate is given, and the factor depends on it",
        equations=("gd-linear-rate-strongly-convex",),
        variables={
            **{"mu": SIZE, "kappa": SIZE, "x": NUMBER, "y": NUMBER},
            "rate_times_L": positive(1.0, 0.1),
        },
        fact=lambda case: whether(_smaller_error(case), "so"),
        printed=lambda case: "so",
        corrected=lambda case: "so" if case.rate_times_L == 1 else None,
    )
)


def _mean_over_batches(case: SimpleNamespace) -> Fraction:
    """Of the mean gradient, over all batches of this size."""
    batches = itertools.combinations(_examples(case), case.size)
    return Fraction(mean(mean(batch) for batch in batches))


erratum(
    Erratum(
        id="G54",
        status="notation",
        source="goodfellow:sec 8.3.2",
        as_printed=r"\mathbb E[\hat{\mathbf g}]=\mathbf g,\text{ the total gradient}",
        as_corrected=r"\mathbb E[\hat{\mathbf g}]=\mathbf g,\text{ the gradient of the mean loss}",
        why="Algorithm 8.1 divides by m, and the gradient of the sum is N times as large",
        equations=("sgd-gradient-unbiased",),
        variables={**_EXAMPLES, "size": whole(1, 3, 1, 2)},
        fact=_mean_over_batches,
        printed=lambda case: sum(_examples(case), Fraction(0)),
        corrected=lambda case: expected_mean(_examples(case)),
    )
)
