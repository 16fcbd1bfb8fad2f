"""What theory promises of update rules on problems with a solution in closed form.

Everything here is evaluated exactly (balls at 200 bits); nothing here steps a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.registry import statement

statement(
    "gd-quadratic-mode-contraction",
    title="Each mode of a quadratic contracts by its own factor",
    formula=r"\alpha_i^{\text{new}}=(1-\eta\lambda_i)\,\alpha_i^{\text{old}}",
    sources=("bishop:7.27",),
)
statement(
    "gd-quadratic-mode-after-t-steps",
    title="A mode after T steps",
    formula=r"\alpha_i^{(T)}=(1-\eta\lambda_i)^{T}\alpha_i^{(0)}",
    sources=("bishop:7.29",),
)
statement(
    "gd-quadratic-convergence-condition",
    title="Learning-rate limit on a quadratic",
    formula=r"|1-\eta\lambda_i|<1\ \forall i\iff0<\eta<\frac{2}{\lambda_{\max}}",
    sources=("bishop:sec 7.3",),
)
statement(
    "momentum-largest-stable-rate",
    title="Learning-rate limit of momentum on a quadratic",
    formula=r"\eta<\frac{2(1+\mu)}{\lambda_{\max}}",
    sources=("polyak:1964", "bishop:sec 7.3.1"),
)
statement(
    "nesterov-largest-stable-rate",
    title="Learning-rate limit of Nesterov momentum on a quadratic",
    formula=r"\eta<\frac{2(1+\mu)}{(1+2\mu)\,\lambda_{\max}}",
    sources=("bishop:7.34",),
)
statement(
    "momentum-effective-rate-constant-gradient",
    title="Effective learning rate on a slope",
    formula=(
        r"\Delta\mathbf{w}=-\eta\nabla E\{1+\mu+\mu^2+\cdots\}\to-\frac{\eta}{1-\mu}\nabla E,"
        r"\qquad\text{after }T\text{ steps }\frac{1-\mu^T}{1-\mu}"
    ),
    sources=("bishop:7.32", "bishop:7.33", "trofimov:slide 'Flat Areas'"),
    erratum="B09: the series is geometric, not arithmetic.",
)
statement(
    "momentum-effective-rate-oscillating-gradient",
    title="Effective learning rate in a ravine",
    formula=r"\Delta w\to-\alpha\nabla E\,(1-\mu+\mu^2-\cdots)=-\frac{\alpha}{1+\mu}\nabla E",
    sources=("trofimov:slide 'Ravines'", "bishop:sec 7.3.1"),
    erratum="B11: bishop says 'close to eta'; it is eta / (1 + mu).",
)


def contracted_modes(
    start: Iterable[float], curvatures: Iterable[float], learning_rate: float, steps: int
) -> Balls:
    """``(1 - eta lambda_i)**T`` times each starting coordinate (``bishop:7.29``)."""
    with ball_arithmetic():
        rate = arb(learning_rate)
        modes = [
            (1 - rate * arb(curvature)) ** steps * arb(value)
            for value, curvature in zip(start, curvatures, strict=True)
        ]
    return Balls(modes, Arithmetic.exact())


# How much of the gradient a dialect lets into its velocity, and which threshold it obeys.
_GAIN: dict[str, Callable[[dict[str, float]], float]] = {
    "averaged": lambda h: 1.0 - h["momentum"],
    "look-ahead-averaged": lambda h: 1.0 - h["momentum"],
    "dampened": lambda h: 1.0 - h["dampening"],
}


def largest_stable_rate(
    method: str, dialect: str, hyperparameters: dict[str, float], curvature: float
) -> float:
    """The learning rate above which the rule diverges on ``curvature * w**2 / 2``."""
    gain = _GAIN[dialect](hyperparameters) if dialect in _GAIN else 1.0
    if method == "gradient-descent":
        return 2.0 / curvature
    momentum = hyperparameters["momentum"]
    look_ahead = 1.0 + 2.0 * momentum if method == "nesterov" else 1.0
    return 2.0 * (1.0 + momentum) / (look_ahead * gain * curvature)


def velocity_weight(dialect: str, step: int, h: dict[str, float], ratio: int) -> arb:
    """Step number ``step`` (from 1) over ``-eta g_step``, for gradients ``g, r g, r^2 g, ...``.

    ``ratio`` r is 1 on a slope and -1 in a ravine. Relative to the current gradient the past ones
    weigh ``(mu / r)**k``, a geometric series.
    """
    with ball_arithmetic():
        return _velocity_weight(dialect, step, h, ratio)


def _velocity_weight(dialect: str, step: int, h: dict[str, float], ratio: int) -> arb:
    q = arb(h["momentum"]) / ratio
    total = _geometric(q, step)
    if "averaged" in dialect:
        return (1 - arb(h["momentum"])) * total
    if "shifted" in dialect:
        return 1 + arb(h["momentum"]) * total
    if dialect == "dampened":
        # The first gradient enters undamped, every later one with weight 1 - dampening.
        damped = (1 - arb(h["dampening"])) * _geometric(q, step - 1)
        return damped + q ** (step - 1)
    return total


def slope_displacement(
    dialect: str,
    steps: int,
    hyperparameters: dict[str, float],
    gradient: Iterable[float],
    ratio: int,
) -> Balls:
    """Where a rule that starts at zero stands after ``steps`` such gradients."""
    with ball_arithmetic():
        weight = sum(
            (
                velocity_weight(dialect, step, hyperparameters, ratio) * ratio ** (step - 1)
                for step in range(1, steps + 1)
            ),
            arb(0),
        )
        total = -arb(hyperparameters["learning_rate"]) * weight
        return Balls([total * arb(value) for value in gradient], Arithmetic.exact())


def corrected_constant_gradient(
    decay: float, step: int, gradient: Iterable[float], power: int
) -> Balls:
    """``(1 - decay**t) g**power``: an exponential average from zero under a constant gradient."""
    with ball_arithmetic():
        weight = 1 - arb(decay) ** step
        return Balls([weight * arb(value) ** power for value in gradient], Arithmetic.exact())


def signed_steps(learning_rate: float, gradient: Iterable[float]) -> Balls:
    """``-learning_rate * sign(g)``."""
    with ball_arithmetic():
        steps = [-arb(learning_rate) * arb(value).sgn() for value in gradient]
    return Balls(steps, Arithmetic.exact())


def normalised_distances(learning_rate: float, gradient: Iterable[float], epsilon: float) -> Balls:
    """``-learning_rate * g / (abs(g) + epsilon)``; zero where g is zero."""
    with ball_arithmetic():
        rate, small = arb(learning_rate), arb(epsilon)
        steps = [
            -rate * arb(value) / (abs(arb(value)) + small) if value else arb(0)
            for value in gradient
        ]
    return Balls(steps, Arithmetic.exact())


def _geometric(q: arb, terms: int) -> arb:
    """``1 + q + ... + q**(terms - 1)``, summed in closed form where that is defined."""
    if (1 - q).contains(0):
        return arb(terms)
    return (1 - q**terms) / (1 - q)
