"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, chapter 8: momentum."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb

from optcheck.reference.descent.nesterov import strongly_convex
from optcheck.reference.domains import open_interval, positive
from optcheck.reference.errata.exact import NUMBER, SIZE, lower, slope
from optcheck.reference.errata.record import Erratum, erratum, real, whole
from optcheck.reference.momentum import exponential_average, heavy_ball_velocity
from optcheck.reference.nesterov import look_ahead_point

_HYPERPARAMETERS = {"rate": positive(1.0, 0.1), "momentum": open_interval(0.5, 0.9)}


def _printed_velocity(velocity: Any, g: Any, momentum: Any, rate: Any) -> Any:
    """The bracket is not closed where it was opened, and the minus has become a plus."""
    return momentum * velocity + rate * g


def _gradients(case: SimpleNamespace) -> list[int]:
    return [case.g1, case.g2, case.g3]


def _decaying_average(case: SimpleNamespace) -> Fraction:
    """Of the negative gradients: each weighs less by the momentum than the one after it."""
    newest_first = enumerate(reversed(_gradients(case)))
    return sum((-case.rate * g * case.momentum**age for age, g in newest_first), Fraction(0))


def _velocity(case: SimpleNamespace, update: Any) -> Fraction:
    velocity = Fraction(0)
    for g in _gradients(case):
        velocity = update(velocity, g, case.momentum, case.rate)
    return velocity


erratum(
    Erratum(
        id="G04",
        status="confirmed",
        source="goodfellow:sec 8.3.3",
        as_printed=(
            r"\mathbf v\leftarrow+\alpha\mathbf v+\eta\nabla_\theta\Big(\frac1m\sum_{i=1}^m"
            r"L(f(x^{(i)};\theta),y^{(i)})\Big)"
        ),
        as_corrected=(
            r"\mathbf v\leftarrow\alpha\mathbf v-\eta\nabla_\theta\Big(\frac1m\sum_{i=1}^m"
            r"L(f(x^{(i)};\theta),y^{(i)})\Big)"
        ),
        why="the velocity is an average of negative gradients; Algorithm 8.2 has the minus sign",
        equations=("momentum-update-heavy-ball",),
        variables={"g1": NUMBER, "g2": NUMBER, "g3": NUMBER, **_HYPERPARAMETERS},
        fact=_decaying_average,
        printed=lambda case: _velocity(case, _printed_velocity),
        corrected=lambda case: _velocity(case, heavy_ball_velocity),
    )
)


def _from_look_ahead(case: SimpleNamespace) -> Fraction:
    """From the interim point, downhill: of two ends the one with the smaller loss."""

    def loss(theta: Fraction) -> Fraction:
        return Fraction(case.curvature * theta**2, 2)

    interim = case.theta + case.momentum * case.velocity
    length = case.rate * abs(slope(loss, interim))
    return Fraction(lower(loss, interim + length, interim - length))


def _nesterov(case: SimpleNamespace, update: Any) -> Fraction:
    interim = look_ahead_point(case.theta, case.velocity, case.momentum)
    g = case.curvature * interim
    return Fraction(case.theta + update(case.velocity, g, case.momentum, case.rate))


erratum(
    Erratum(
        id="G05",
        status="confirmed",
        source="goodfellow:sec 8.3.4",
        as_printed=(
            r"\mathbf v\leftarrow+\alpha\mathbf v+\eta\nabla_\theta\Big[\frac1m\sum_{i=1}^m"
            r"L(f(x^{(i)};\theta+\alpha\mathbf v),y^{(i)})\Big]"
        ),
        as_corrected=(
            r"\mathbf v\leftarrow\alpha\mathbf v-\eta\nabla_\theta\Big[\frac1m\sum_{i=1}^m"
            r"L(f(x^{(i)};\theta+\alpha\mathbf v),y^{(i)})\Big]"
        ),
        why="from the interim point the step leads uphill; Algorithm 8.3 has the minus sign",
        equations=(
            *("nesterov-update-heavy-ball", "nesterov-update-velocity"),
            "rmsprop-nesterov-algorithm",
        ),
        variables={"theta": NUMBER, "velocity": NUMBER, "curvature": SIZE, **_HYPERPARAMETERS},
        fact=_from_look_ahead,
        printed=lambda case: _nesterov(case, _printed_velocity),
        corrected=lambda case: _nesterov(case, heavy_ball_velocity),
    )
)

_STEPS = whole(1, 5, 2, 3)


def _moved(steps: list[Any], momentum: Any) -> Any:
    """Where velocities lead that are decaying averages of descending ``steps``."""
    return -sum(
        momentum ** (now - before) * steps[before]
        for now in range(len(steps))
        for before in range(now + 1)
    )


def _end(steps: list[Any], momentum: Any, *, overwritten: bool) -> Any:
    """Where the algorithm leads; ``steps`` are the rate times the gradients."""
    theta = velocity = 0 * momentum
    for step in steps:
        interim = look_ahead_point(theta, velocity, momentum)
        velocity = heavy_ball_velocity(velocity, step, momentum, 1)
        theta = (interim if overwritten else theta) + velocity
    return theta


def _equal_steps(case: SimpleNamespace) -> list[Fraction]:
    return [case.rate * case.gradient] * case.steps


erratum(
    Erratum(
        id="G06",
        status="confirmed",
        source="goodfellow:Alg 8.3",
        as_printed=(
            r"\theta\leftarrow\theta+\alpha\mathbf v,\ \mathbf g\leftarrow\nabla J(\theta),\ "
            r"\mathbf v\leftarrow\alpha\mathbf v-\eta\mathbf g,\ \theta\leftarrow\theta+\mathbf v"
        ),
        as_corrected=(
            r"\tilde\theta\leftarrow\theta+\alpha\mathbf v,\ \mathbf g\leftarrow"
            r"\nabla J(\tilde\theta),\ "
            r"\mathbf v\leftarrow\alpha\mathbf v-\eta\mathbf g,\ \theta\leftarrow\theta+\mathbf v"
        ),
        why="theta is overwritten by the interim point, so that the velocity is added twice over",
        equations=("nesterov-sgd-algorithm-goodfellow", "nesterov-update-heavy-ball"),
        variables={"gradient": NUMBER, "steps": _STEPS, **_HYPERPARAMETERS},
        fact=lambda case: _moved(_equal_steps(case), case.momentum),
        printed=lambda case: _end(_equal_steps(case), case.momentum, overwritten=True),
        corrected=lambda case: _end(_equal_steps(case), case.momentum, overwritten=False),
    )
)


def _weighted_steps(case: SimpleNamespace) -> list[arb]:
    """The rate times a gradient of 1, over the root of its weighted squares so far."""
    totals = [
        sum(((1 - case.decay) * case.decay**age for age in range(step + 1)), Fraction(0))
        for step in range(case.steps)
    ]
    return [real(case.rate) / real(total).sqrt() for total in totals]


def _scaled_steps(case: SimpleNamespace) -> list[arb]:
    """The same, by the recursion of the algorithm."""
    squares, steps = Fraction(0), []
    for _ in range(case.steps):
        squares = exponential_average(squares, Fraction(1), case.decay)
        steps.append(real(case.rate) / real(squares).sqrt())
    return steps


erratum(
    Erratum(
        id="G07",
        status="confirmed",
        source="goodfellow:Alg 8.6",
        as_printed=(
            r"\theta\leftarrow\theta+\alpha\mathbf v,\ \mathbf g\leftarrow\nabla J(\theta),\ "
            r"\mathbf v\leftarrow\alpha\mathbf v-\tfrac{\eta}{\sqrt{\mathbf r}}\odot\mathbf g,\ "
            r"\theta\leftarrow\theta+\mathbf v"
        ),
        as_corrected=(
            r"\tilde\theta\leftarrow\theta+\alpha\mathbf v,\ \mathbf g\leftarrow"
            r"\nabla J(\tilde\theta),\ "
            r"\mathbf v\leftarrow\alpha\mathbf v-\tfrac{\eta}{\sqrt{\mathbf r}}\odot\mathbf g,\ "
            r"\theta\leftarrow\theta+\mathbf v"
        ),
        why="as in Algorithm 8.3, theta is overwritten by the interim point",
        equations=("rmsprop-nesterov-algorithm",),
        variables={"steps": _STEPS, "decay": open_interval(0.5, 0.9), **_HYPERPARAMETERS},
        fact=lambda case: _moved(_weighted_steps(case), real(case.momentum)),
        printed=lambda case: _end(_scaled_steps(case), real(case.momentum), overwritten=True),
        corrected=lambda case: _end(_scaled_steps(case), real(case.momentum), overwritten=False),
    )
)


def _spectral_radius(curvature: Fraction, momentum: Fraction) -> arb:
    """Of Nesterov's recursion with the rate 1 on a parabola, from two runs of one step."""

    def step(theta: Fraction, velocity: Fraction) -> tuple[Fraction, Fraction]:
        velocity = momentum * velocity - curvature * (theta + momentum * velocity)
        return theta + velocity, velocity

    (p, r), (q, s) = step(Fraction(1), Fraction(0)), step(Fraction(0), Fraction(1))
    trace, determinant = p + s, p * s - q * r
    discriminant = trace**2 - 4 * determinant
    if discriminant <= 0:
        return real(determinant).sqrt()
    return (real(abs(trace)) + real(discriminant).sqrt()) / 2


def _worst_factors(case: SimpleNamespace) -> tuple[Any, ...]:
    """Of gradient descent and of Nesterov's method on a quadratic, with the rate 1/L."""
    flat, momentum = Fraction(1, case.root**2), Fraction(case.root - 1, case.root + 1)
    modes = (flat, Fraction(1))
    descent = max(abs(1 - curvature) for curvature in modes)
    return descent, max(_spectral_radius(curvature, momentum) for curvature in modes)


def _plain_factor(case: SimpleNamespace) -> Fraction:
    return 1 - Fraction(1, case.root**2)


erratum(
    Erratum(
        id="G08",
        status="transcription-doubtful",
        source="goodfellow:sec 8.3.4",
        as_printed=r"\text{from }O(1-\mu/\mathcal L)\text{ to }O(1-\mu/\mathcal L)",
        as_corrected=(
            r"\text{from }O((1-\mu/\mathcal L)^k)\text{ to }O((1-\sqrt{\mu/\mathcal L})^k)"
            r"\text{ for strongly convex functions}"
        ),
        why="where the condition number is kappa, Nesterov's factor is 1 - 1/sqrt(kappa)",
        equations=("nesterov-rate-strongly-convex",),
        variables={"root": whole(2, 20, 2, 10)},
        fact=_worst_factors,
        printed=lambda case: (_plain_factor(case), _plain_factor(case)),
        corrected=lambda case: (_plain_factor(case), strongly_convex(case.root).factor),
        doubt="both sides are equal as transcribed, so that a root was probably lost on the way",
    )
)
