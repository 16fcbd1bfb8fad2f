"""The constants of the worst cases against performance estimation (PEPit), for a few steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.descent.convergence import convex_bound, sharp_convex_bound
from optcheck.reference.descent.gradient_descent import best_factor
from optcheck.reference.descent.momentum import best_descent, best_envelope, best_momentum
from optcheck.reference.descent.nesterov import (
    convex_bounds,
    convex_momenta,
    strongly_convex,
    strongly_convex_envelope,
)

pytest.importorskip("PEPit")

from PEPit import PEP
from PEPit.functions import (
    SmoothConvexFunction,
    SmoothStronglyConvexFunction,
    SmoothStronglyConvexQuadraticFunction,
)

# What the solver of the semidefinite programs leaves open; it is told to leave less.
OPEN = 1e-5
ROOT = 3  # of the condition number

Method = Callable[[Any, Any], Any]


def momentum(rate: float, coefficients: list[float], *, ahead: bool) -> Method:
    """Momentum or Nesterov momentum with a coefficient for each step."""

    def method(f: Any, x: Any) -> Any:
        change = None
        for coefficient in coefficients:
            lead = x if change is None else x + coefficient * change
            gradient = f.gradient(lead if ahead else x)
            change, x = lead - rate * gradient - x, lead - rate * gradient
        return x

    return method


def worst(
    kind: Any,
    method: Method,
    metric: Callable[[Any, Any, Any], Any],
    start: Callable[[Any, Any, Any], Any] = lambda f, x, s: (x - s) ** 2,
    **bounds: float,
) -> float:
    """The largest ``metric`` after ``method``, where that of the start is at most 1."""
    problem = PEP()
    f = problem.declare_function(kind, **bounds)
    solution = f.stationary_point()
    x = problem.set_initial_point()
    problem.set_initial_condition(start(f, x, solution) <= 1)
    problem.set_performance_metric(metric(f, method(f, x), solution))
    return float(problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0))


def excess(f: Any, x: Any, solution: Any) -> Any:
    return f(x) - f(solution)


def squared_distance(f: Any, x: Any, solution: Any) -> Any:
    return (x - solution) ** 2


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_gradient_descent_on_convex_functions(steps: int) -> None:
    method = momentum(0.5, [0.0] * steps, ahead=False)
    value = worst(SmoothConvexFunction, method, excess, L=2.0)
    assert value == pytest.approx(sharp_convex_bound(2.0, 1.0, steps), rel=OPEN)
    assert value <= convex_bound(2.0, 1.0, steps)


@pytest.mark.parametrize("steps", [1, 3])
def test_gradient_descent_on_strongly_convex_functions(steps: int) -> None:
    kappa = ROOT**2
    bounds = {"mu": 1.0 / kappa, "L": 1.0}
    best = momentum(2.0 / (1.0 + 1.0 / kappa), [0.0] * steps, ahead=False)
    value = worst(SmoothStronglyConvexFunction, best, squared_distance, **bounds)
    assert value == pytest.approx(best_factor(kappa) ** (2 * steps), rel=OPEN)
    with ball_arithmetic():
        assert float(best_descent(ROOT).factor.mid()) == pytest.approx(best_factor(kappa))
    plain = momentum(1.0, [0.0] * steps, ahead=False)
    value = worst(SmoothStronglyConvexFunction, plain, excess, excess, **bounds)
    # A factor of 1 - 1/kappa a step is proved; that of a quadratic is its square.
    assert value == pytest.approx((1.0 - 1.0 / kappa) ** (2 * steps), rel=OPEN)
    assert value <= (1.0 - 1.0 / kappa) ** steps


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_nesterov_on_convex_functions(steps: int) -> None:
    value = worst(
        SmoothConvexFunction, momentum(0.5, convex_momenta(steps), ahead=True), excess, L=2.0
    )
    bound = convex_bounds(steps, 2.0, 1.0)[-1]
    # No method that adds gradients is faster than 3 L R^2/(32 (k + 1)^2) on all functions.
    assert 3.0 * bound / 64.0 <= value <= bound
    if steps == 4:
        assert value < sharp_convex_bound(2.0, 1.0, steps)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_nesterov_on_strongly_convex_functions(steps: int) -> None:
    kappa = ROOT**2
    with ball_arithmetic():
        tuned = strongly_convex(ROOT)
        envelope = float(strongly_convex_envelope("look-ahead", ROOT, steps).mid())
    method = momentum(1.0, [float(tuned.momentum.mid())] * steps, ahead=True)
    bounds = {"mu": 1.0 / kappa, "L": 1.0}
    on_quadratics = worst(
        SmoothStronglyConvexQuadraticFunction, method, squared_distance, **bounds
    )
    assert on_quadratics == pytest.approx(envelope**2, rel=OPEN)

    def energy(f: Any, x: Any, solution: Any) -> Any:
        return excess(f, x, solution) + (x - solution) ** 2 / (2.0 * kappa)

    on_all = worst(SmoothStronglyConvexFunction, method, excess, energy, **bounds)
    assert on_all <= (1.0 - 1.0 / ROOT) ** steps


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_best_momentum_on_quadratics(steps: int) -> None:
    with ball_arithmetic():
        tuned = best_momentum(ROOT)
        envelope = float(best_envelope(ROOT, steps).mid())
        rate, coefficient = float(tuned.product.mid()), float(tuned.momentum.mid())

    method = momentum(rate, [coefficient] * steps, ahead=False)
    value = worst(
        SmoothStronglyConvexQuadraticFunction,
        method,
        squared_distance,
        mu=1.0 / ROOT**2,
        L=1.0,
    )
    assert value == pytest.approx(envelope**2, rel=OPEN)
