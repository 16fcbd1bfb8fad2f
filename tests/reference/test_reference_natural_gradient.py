"""The natural gradient against expectations written out: matrices, identities, misprints."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exact_numbers import MP
from flint import arb_mat

from optcheck.properties.minimizers.likelihoods import (
    column,
    curvature_range,
    divergence,
    doubles,
    spread,
)
from optcheck.reference import FORMATS
from optcheck.reference.balls import Arithmetic, ball_arithmetic
from optcheck.reference.families import Categorical, Gaussian, Reparametrised, Softmax
from optcheck.reference.minimizers.natural_gradient import (
    NATURAL_GRADIENT,
    expected_hessian,
    expected_score,
    fisher_information,
    lagrangian,
    natural_gradient_force,
    quadratic_divergence,
    score_outer_product,
)
from optcheck.reference.oracle import namespace
from optcheck.reference.trajectories import gradient_at, scalars, value_at

EXACT = Arithmetic.exact()
DOUBLE = Arithmetic.working(
    FORMATS["float64"], scalar_bits=53, step_bits=53, flushes_subnormals=False
)
WEIGHTS = (0.25, 0.625, 0.125)
CHANGE = ((2.0, 0.5), (0.0, -0.25))
NAMES = {name: getattr(math, name) for name in ("exp", "log")}


def softmax_log(x: Any, k: int) -> Any:
    logits = [MP.mpf(0), *x]
    return logits[k] - MP.log(sum(MP.exp(t) for t in logits))


def categorical_log(x: Any, k: int) -> Any:
    return MP.log([1 - sum(x), *x][k])


def gaussian_log(x: Any, o: Any) -> Any:
    return -x[1] - ((o - x[0]) / MP.exp(x[1])) ** 2 / 2


def changed(log: Callable[..., Any]) -> Callable[..., Any]:
    def other(x: Any, o: Any) -> Any:
        return log([sum(MP.mpf(a) * t for a, t in zip(row, x, strict=True)) for row in CHANGE], o)

    return other


CASES = {
    "softmax": (Softmax(WEIGHTS), softmax_log, [0.75, -1.25]),
    "two outcomes": (Softmax((0.25, 0.75)), softmax_log, [-2.5]),
    "categorical": (Categorical(WEIGHTS), categorical_log, [0.25, 0.4375]),
    "bernoulli": (Categorical((0.875, 0.125)), categorical_log, [0.25]),
    "gaussian": (Gaussian(0.5, 1.25), gaussian_log, [-0.75, 0.375]),
    "changed softmax": (
        Reparametrised(Softmax(WEIGHTS), CHANGE),
        changed(softmax_log),
        [0.5, 1.0],
    ),
    "changed gaussian": (
        Reparametrised(Gaussian(0.5, 1.25), CHANGE),
        changed(gaussian_log),
        [0.5, 1.0],
    ),
}
each_family = pytest.mark.parametrize(("family", "log", "x"), CASES.values(), ids=CASES)


def is_gaussian(family: Any) -> bool:
    return isinstance(getattr(family, "family", family), Gaussian)


def expectation(family: Any, log: Any, x: Any, f: Callable[[Any], Any]) -> Any:
    """Under the model: a sum, or for a density a rule of Gauss and Hermite."""
    if not is_gaussian(family):
        outcomes = range(len(getattr(family, "family", family).weights))
        return sum(MP.exp(log(x, k)) * f(k) for k in outcomes)
    inner = family.parameters(np.array(x)) if isinstance(family, Reparametrised) else x
    # Eight nodes integrate polynomials up to the fifteenth degree exactly.
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    observations = float(inner[0]) + math.exp(inner[1]) * nodes
    pairs = zip(weights / weights.sum(), observations, strict=True)
    return sum(MP.mpf(float(w)) * f(MP.mpf(float(o))) for w, o in pairs)


def loss(family: Any, log: Any, x: Any) -> Any:
    base = getattr(family, "family", family)
    if not is_gaussian(family):
        return -sum(MP.mpf(q) * log(x, k) for k, q in enumerate(base.weights))
    # Two equally frequent observations have any mean and variance.
    reach = MP.sqrt(base.variance)
    return -(log(x, base.mean - reach) + log(x, base.mean + reach)) / 2


def slope(f: Callable[..., Any], x: Any, *orders: int) -> Any:
    """A partial derivative, by differences in high precision."""
    return MP.diff(lambda *y: f(list(y)), tuple(MP.mpf(v) for v in x), orders)


def unit(n: int, *indices: int) -> tuple[int, ...]:
    return tuple(sum(i == index for index in indices) for i in range(n))


def close(ball: Any, value: Any, digits: int = 12) -> bool:
    found = MP.mpf(float(ball.ball.mid()))
    return bool(abs(found - value) <= MP.mpf(10) ** -digits * (1 + abs(value)))


@each_family
def test_derivatives_of_the_loss(family: Any, log: Any, x: Any) -> None:
    n, point = len(x), scalars(x, EXACT)

    def f(y: Any) -> Any:
        return loss(family, log, y)

    assert close(family.value(point), f([MP.mpf(v) for v in x]))
    gradient, hessian = family.gradient(point), family.hessian(point)
    for i in range(n):
        assert close(gradient[i], slope(f, x, *unit(n, i)))
        for j in range(n):
            assert close(hessian[i][j], slope(f, x, *unit(n, i, j)))


@each_family
def test_doubles_lie_in_the_balls_and_sources_say_the_same(family: Any, log: Any, x: Any) -> None:
    point, sources = np.array(x), family.sources()
    assert value_at(family, point, DOUBLE).judge(family.value(point)).max() <= 1.0
    assert gradient_at(family, point, DOUBLE).judge(family.gradient(point)).max() <= 1.0
    known = {"x": x, "np": np, **NAMES}
    assert eval(sources.value, known) == pytest.approx(float(family.value(point)), rel=1e-13)
    for text, each in zip(sources.gradient, family.gradient(point), strict=True):
        assert eval(text, known) == pytest.approx(float(each), rel=1e-12, abs=1e-14)
    for name in ("score", "score_hessian", "log_probability"):
        function = eval(sources.functions[name], known)
        for _, outcome in family.outcomes(point):
            told = getattr(family, name)(point, outcome)
            assert function(point, outcome) == pytest.approx(np.array(told), rel=1e-12, abs=1e-14)
    outcomes = eval(sources.functions["outcomes"], known)(point)
    assert np.array(outcomes) == pytest.approx(np.array(family.outcomes(point)), rel=1e-13)


@each_family
def test_coefficients_make_the_family(family: Any, log: Any, x: Any) -> None:
    again = family.with_coefficients(family.coefficients)
    assert again == family
    assert again.structure == family.structure
    assert hash(family.structure)


@each_family
def test_scores_are_derivatives_of_the_log_probability(family: Any, log: Any, x: Any) -> None:
    n, point = len(x), scalars(x, EXACT)
    for _, outcome in family.outcomes(point):
        o = outcome if isinstance(outcome, int) else MP.mpf(float(outcome.ball.mid()))
        score = family.score(point, outcome)
        hessian = family.score_hessian(point, outcome)
        for i in range(n):
            assert close(score[i], slope(lambda y, o=o: log(y, o), x, *unit(n, i)))
            for j in range(n):
                assert close(hessian[i][j], slope(lambda y, o=o: log(y, o), x, *unit(n, i, j)))


@each_family
def test_the_fisher_matrix_is_the_expectation(family: Any, log: Any, x: Any) -> None:
    n, point = len(x), scalars(x, EXACT)
    x = [MP.mpf(v) for v in x]
    forms = [form(family, point) for form in (score_outer_product, expected_hessian)]
    for i in range(n):
        for j in range(n):

            def square(o: Any, i: int = i, j: int = j) -> Any:
                parts = [slope(lambda y: log(y, o), x, *unit(n, k)) for k in (i, j)]
                return parts[0] * parts[1]

            expected = expectation(family, log, x, square)
            for rows in (*forms, family.fisher(point)):
                assert close(rows[i][j], expected, 10)


@each_family
def test_both_forms_and_the_expected_score_are_exact_identities(
    family: Any, log: Any, x: Any
) -> None:
    point = scalars(x, EXACT)
    outcomes = family.outcomes(point)
    scores = [family.score(point, each) for _, each in outcomes]
    for each in expected_score([p for p, _ in outcomes], scores):
        assert each.ball.contains(0)
        assert each.ball.rad() < 1e-50
    rows = zip(score_outer_product(family, point), expected_hessian(family, point), strict=True)
    for first, second in rows:
        for a, b in zip(first, second, strict=True):
            assert (a - b).ball.contains(0)
            assert (a - b).ball.rad() < 1e-50


def test_the_printed_order_of_scores_is_the_trace() -> None:
    family, x = Softmax(WEIGHTS), np.array([0.75, -1.25])
    pairs = family.outcomes(x)
    F = np.array(fisher_information([p for p, _ in pairs], [family.score(x, k) for _, k in pairs]))
    printed = sum(p * family.score(x, k) @ family.score(x, k) for p, k in pairs)
    assert printed == pytest.approx(np.trace(F), rel=1e-14)


def natural(family: Any, x: Any) -> Any:
    return np.linalg.solve(np.array(family.fisher(x)), -family.gradient(x))


def test_the_printed_last_term_is_no_derivative() -> None:
    """With ``p**2 log p`` for the sum of ``p`` times the Hessian, nothing cancels (G31)."""
    family, x = Softmax((0.25, 0.75)), np.array([0.75])
    square = float(score_outer_product(family, x)[0][0])
    printed = sum(p**2 * np.log(p) for p, _ in family.outcomes(x))
    assert abs(square + printed) > 0.01
    assert square == pytest.approx(float(expected_hessian(family, x)[0][0]))


def test_the_expansion_is_off_by_the_third_power() -> None:
    family, x, d = Gaussian(0.0, 1.0), np.array([0.25, 0.5]), np.array([0.125, 0.0625])
    off = []
    for scale in (1.0, 0.5, 0.25, 0.125):
        step = scale * d
        for_all = [
            family.log_probability(x + step, o)
            - family.log_probability(x, o)
            - family.score(x, o) @ step
            - step @ family.score_hessian(x, o) @ step / 2
            for o in (-2.0, 2.0)
        ]
        off.append(np.abs(for_all))
    for before, after in itertools.pairwise(off):
        assert np.all(before / after > 5.0)


@pytest.mark.parametrize("family", [Softmax(WEIGHTS), Categorical(WEIGHTS), Gaussian(0.5, 1.0)])
def test_the_divergence_is_quadratic_to_third_order(family: Any) -> None:
    x, off = np.array([0.25, 0.375]), []
    for scale in (1.0, 0.5, 0.25):
        step = scale * np.array([0.03125, -0.0625])
        fisher = np.array(family.fisher(x))
        exact = float(divergence(family, x, column(step)).mid())
        off.append(abs(exact - float(quadratic_divergence(fisher, step))))
        assert exact == pytest.approx(float(quadratic_divergence(fisher, step)), rel=0.2)
    for before, after in itertools.pairwise(off):
        assert before / after > 6.0


@pytest.mark.parametrize("seed", range(20))
def test_the_divergence_of_a_step_is_within_its_bounds(seed: int) -> None:
    random = np.random.default_rng(seed)
    family, x = Softmax(WEIGHTS), random.normal(size=2)
    step = column(random.normal(size=2) * 10.0 ** random.uniform(-4, 1))
    low, high = curvature_range(spread(step))
    point = scalars(x, EXACT)
    with ball_arithmetic():
        rows = [[each.ball for each in row] for row in family.fisher(point)]
        half = quadratic_divergence(rows, step.entries())
        exact = divergence(family, x, step)
        assert low * half <= exact <= high * half
    assert curvature_range(0.0) == (1, 1)


def test_the_step_is_stationary_and_the_printed_lagrangian_stays() -> None:
    family, x, multiplier = Softmax(WEIGHTS), np.array([0.75, -1.25]), 4.0
    fisher, g = np.array(family.fisher(x)), family.gradient(x)
    d = natural(family, x) / multiplier
    force = natural_gradient_force(g, multiplier)
    assert fisher @ d == pytest.approx(np.array(force), rel=1e-12)

    def at(step: Any) -> float:
        return float(lagrangian(family.value(x), g, fisher, step, multiplier))

    for other in np.random.default_rng(1).normal(size=(20, 2)):
        assert at(d) < at(d + 0.1 * other)
    # Without the step in the linear term, nothing but the divergence depends on it (G32).
    assert quadratic_divergence(fisher, 0 * d) == 0.0 < quadratic_divergence(fisher, d)


def test_the_corrected_update_raises_the_likelihood_and_the_printed_one_lowers_it() -> None:
    family, x = Softmax(WEIGHTS), np.array([0.75, -1.25])
    for multiplier in (1.0, 10.0):
        step = natural(family, x) / multiplier
        assert family.value(x + step) < family.value(x) < family.value(x - step)


def test_the_natural_gradient_is_newton_in_natural_parameters_alone() -> None:
    x = np.array([0.25, 0.375])
    family: Any = Softmax(WEIGHTS)
    assert np.array(family.hessian(x)) == pytest.approx(np.array(family.fisher(x)), rel=1e-14)
    for family in (Gaussian(0.5, 1.25), Categorical(WEIGHTS)):
        assert not family.natural
        assert np.abs(np.array(family.hessian(x)) - np.array(family.fisher(x))).max() > 0.1
    for family in (Gaussian(0.25, math.exp(0.75)), Categorical((0.375, 0.25, 0.375))):
        assert np.array(family.hessian(x)) == pytest.approx(np.array(family.fisher(x)), rel=1e-12)


def test_the_constrained_problem_has_the_natural_direction() -> None:
    family, x = Softmax(WEIGHTS), np.array([0.75, -1.25])
    target, best = 1e-6, (math.inf, np.zeros(2))
    for angle in np.linspace(0.0, 2.0 * np.pi, 721):
        direction = np.array([np.cos(angle), np.sin(angle)])
        step = direction * np.sqrt(
            2 * target / (direction @ np.array(family.fisher(x)) @ direction)
        )
        found = float(divergence(family, x, column(step)).mid())
        step = step * np.sqrt(target / found)
        best = min(best, (float(family.value(x + step)), step), key=lambda pair: pair[0])
    exact, found = natural(family, x), best[1]
    cosine = found @ exact / np.linalg.norm(found) / np.linalg.norm(exact)
    plain = -family.gradient(x) @ exact / np.linalg.norm(family.gradient(x))
    assert cosine > 1.0 - 1e-4 > plain / np.linalg.norm(exact)


@pytest.mark.parametrize("family", [Softmax(WEIGHTS), Categorical(WEIGHTS), Gaussian(0.5, 1.0)])
def test_linear_changes_of_parameters(family: Any) -> None:
    x = [0.25, 0.375]
    psi = np.linalg.inv(np.array(CHANGE)) @ np.array(x)
    steps, gradients = [], []
    for each, start in ((family, x), (Reparametrised(family, CHANGE), psi)):
        point = scalars(start, EXACT)
        with ball_arithmetic():
            rows = arb_mat([[a.ball for a in row] for row in each.fisher(point)])
            gradient = arb_mat([[a.ball] for a in each.gradient(point)])
            steps.append(doubles(rows.solve(gradient))[:, 0])
            gradients.append(doubles(gradient)[:, 0])
    M = np.array(CHANGE)
    assert M @ steps[1] == pytest.approx(steps[0], rel=1e-13)
    assert M @ gradients[1] == pytest.approx(M @ M.T @ gradients[0], rel=1e-13)
    assert np.abs(M @ gradients[1] - gradients[0]).max() > 0.1


def test_a_step_of_gradient_descent_scales_by_the_square() -> None:
    for c in (0.5, 4.0):
        family = Softmax((0.25, 0.75))
        scaled = Reparametrised(family, ((c,),))
        step, other = family.gradient(np.array([1.5])), scaled.gradient(np.array([1.5 / c]))
        assert c * other == pytest.approx(c**2 * step)
        natural_step = c * natural(scaled, np.array([1.5 / c]))
        assert natural_step == pytest.approx(natural(family, np.array([1.5])))


def test_curved_changes_of_parameters() -> None:
    family, x = Softmax(WEIGHTS), np.array([0.75, -1.25])
    p = np.array([float(each) for each in family.probabilities(x)[1:]])
    other = Categorical(WEIGHTS)
    apart: dict[str, list[float]] = {"natural": [], "plain": []}
    for multiplier in (4.0, 8.0, 16.0, 32.0):
        for name, step in (
            ("natural", natural),
            ("plain", lambda family, x: -family.gradient(x)),
        ):
            moved = x + step(family, x) / multiplier
            reached = np.array([float(each) for each in family.probabilities(moved)[1:]])
            off = np.abs(reached - (p + step(other, p) / multiplier)).max()
            apart[name].append(float(off))
            if name == "natural":
                assert off <= spread(column(moved - x)) ** 2 / 8
    ratios = {name: [a / b for a, b in itertools.pairwise(v)] for name, v in apart.items()}
    assert min(ratios["natural"]) > 3.4
    assert max(ratios["plain"]) < 2.6


@pytest.mark.parametrize("dialect", NATURAL_GRADIENT.dialects)
def test_the_system_of_a_dialect(dialect: str) -> None:
    family, x = Softmax(WEIGHTS), np.array([0.75, -1.25])
    system = NATURAL_GRADIENT.dialects[dialect].system
    assert system is not None
    h = namespace(EXACT, {"multiplier": 4.0}, 0)
    rows, right = system(family, scalars(x, EXACT), None, h)
    F = np.array([[float(each.ball.mid()) for each in row] for row in rows])
    b = np.array([float(each.ball.mid()) for each in right])
    assert np.linalg.solve(F, b) == pytest.approx(natural(family, x) / 4.0, rel=1e-12)
