"""The models of the texts against the same formulas in mpmath, which also differentiates them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from exact_numbers import EXACT, MP, tight

from optcheck.reference.calculus.fitting import Model, Output
from optcheck.reference.calculus.models import (
    GABOR_DATA,
    Gabor,
    GaussianRegression,
    HalvedLinearRegression,
    LinearRegression,
    LogisticRegression,
    ShallowReLU,
    gabor_data,
)
from optcheck.reference.trajectories import scalars

INPUTS, TARGETS = (1.0, -2.0, 0.5), (0.0, 1.0, 1.0)
NETWORK = [0.5, 1.0, -1.0, 2.0, 0.25, 1.0, -1.0, 0.75, 0.125, 1.0]


def line(w: Any, x: Any) -> Any:
    return w[0] + w[1] * x


def sigmoid(w: Any, x: Any) -> Any:
    return 1 / (1 + MP.exp(-line(w, x)))


def gabor(w: Any, x: Any) -> Any:
    u = w[0] + MP.mpf(0.06) * w[1] * x
    return MP.sin(u) * MP.exp(-(u**2) / 32)


def network(w: Any, x: Any) -> Any:
    return w[0] + sum(w[k] * max(w[2 + 2 * k] + w[3 + 2 * k] * x, 0) for k in (1, 2, 3))


def squared(output: Any) -> Any:
    return lambda w, x, y: (output(w, x) - y) ** 2


# A class with parameters, its output, and the loss of one example.
CASES: list[tuple[type[Model], list[float], Any, Any]] = [
    (LinearRegression, [0.5, -1.25], line, squared(line)),
    (HalvedLinearRegression, [0.5, -1.25], line, lambda w, x, y: (line(w, x) - y) ** 2 / 2),
    (Gabor, [0.5, 12.0], gabor, squared(gabor)),
    (ShallowReLU, NETWORK, network, squared(network)),
    (
        LogisticRegression,
        [0.5, -1.25],
        sigmoid,
        lambda w, x, y: -y * MP.log(sigmoid(w, x)) - (1 - y) * MP.log(1 - sigmoid(w, x)),
    ),
    (
        GaussianRegression,
        [0.5, -1.25, 2.0],
        line,
        lambda w, x, y: (w[2] * (line(w, x) - y) ** 2 - MP.log(w[2])) / 2,
    ),
]
MODELS = pytest.mark.parametrize(
    ("kind", "point", "output", "loss"), CASES, ids=[each[0].__name__ for each in CASES]
)


def partial(function: Callable[..., Any], point: Sequence[float], *orders: int) -> Any:
    """A partial derivative by mpmath, whose differences are good to a third of its digits."""
    with MP.workprec(200):
        return MP.diff(lambda *w: function(w), [MP.mpf(each) for each in point], orders)


def unit(dimension: int, *places: int) -> list[int]:
    return [sum(place == i for place in places) for i in range(dimension)]


@MODELS
def test_output_loss_and_derivatives(
    kind: type[Model], point: list[float], output: Any, loss: Any
) -> None:
    model, x = kind(INPUTS, TARGETS), scalars(point, EXACT)

    def total(w: Any) -> Any:
        return sum(loss(w, MP.mpf(a), MP.mpf(b)) for a, b in zip(INPUTS, TARGETS, strict=True))

    def at(w: Any) -> Any:
        return output(w, MP.mpf(0.5))

    exact = [MP.mpf(each) for each in point]
    n = len(point)
    for problem, function in ((model, total), (model.at(0.5), at)):
        assert tight(problem.value(x).ball, function(exact))
        for i, slope in enumerate(problem.gradient(x)):
            assert near(slope, partial(function, point, *unit(n, i)))
        rows = problem.hessian(x)
        for i, row in enumerate(rows):
            for j, entry in enumerate(row[: i + 1]):
                assert near(entry, partial(function, point, *unit(n, i, j)))
                assert entry.ball.overlaps(rows[j][i].ball)


def near(found: Any, value: Any) -> bool:
    return abs(float(found.ball.mid()) - float(value)) <= 1e-14 * (1.0 + abs(float(value)))


@MODELS
def test_native_arrays_and_sources_say_the_same(
    kind: type[Model], point: list[float], output: Any, loss: Any
) -> None:
    names = {name: getattr(np, name) for name in ("sin", "cos", "exp", "log", "log1p", "where")}
    x = np.array(point)
    problem: Model | Output
    for problem in (kind(INPUTS, TARGETS), kind(INPUTS, TARGETS).at(0.5)):
        sources = problem.sources()
        told = {**names, "x": x}
        assert np.allclose(eval(sources.value, told), problem.value(x), rtol=1e-13)
        slopes = [eval(each, told) for each in sources.gradient]
        assert np.allclose(slopes, problem.gradient(x), rtol=1e-13)
        rows = [[eval(each, told) for each in row] for row in sources.hessian]
        assert np.allclose(rows, problem.hessian(x), rtol=1e-13)
        exact = [float(each.ball.mid()) for each in problem.gradient(scalars(point, EXACT))]
        assert np.allclose(exact, problem.gradient(x), rtol=1e-13)
        single = problem.gradient(x.astype(np.float32))
        assert single.dtype == np.float32


@MODELS
def test_coefficients_make_the_same_model_again(
    kind: type[Model], point: list[float], output: Any, loss: Any
) -> None:
    problem: Model | Output
    for problem in (kind(INPUTS, TARGETS), kind(INPUTS, TARGETS).at(0.5)):
        assert problem.with_coefficients(problem.coefficients) == problem
        assert problem.structure != kind(INPUTS[:2], TARGETS[:2]).structure
        assert problem.dimension == len(point)


def test_printed_sign_of_the_cross_entropy_gives_a_negative_trace() -> None:
    # Errata B14: bishop:7.64 is the log likelihood, and not an error.
    def printed(w: Any) -> Any:
        pairs = zip(INPUTS, TARGETS, strict=True)
        return sum(
            y * MP.log(sigmoid(w, x)) + (1 - y) * MP.log(1 - sigmoid(w, x)) for x, y in pairs
        )

    point = [0.5, -1.25]
    trace = sum(partial(printed, point, *unit(2, i, i)) for i in range(2))
    H = np.array(LogisticRegression(INPUTS, TARGETS).hessian(np.array(point)))
    assert trace < 0 < np.trace(H)
    assert np.isclose(float(trace), -np.trace(H))
    assert np.linalg.det(H) > 0


@pytest.mark.parametrize(("inputs", "determinant"), [((2.0,) * 3, 0.0), ((1.0, 2.0, 3.0), 6.0)])
def test_determinant_of_a_line_needs_two_inputs(
    inputs: tuple[float, ...], determinant: float
) -> None:
    # Errata B19, with its numbers.
    H = HalvedLinearRegression(inputs, (0.0, 1.0, 2.0)).hessian(np.array([1.0, 2.0]))
    assert np.isclose(np.linalg.det(H), determinant)


def test_saturated_sigmoids_overflow_nowhere() -> None:
    model = LogisticRegression((1.0, -1.0), (1.0, 1.0))
    with np.errstate(over="raise", invalid="raise"):
        for size in (40.0, 800.0, 1e6):
            point = np.array([0.0, size])
            assert model.value(point) == size
            assert model.gradient(point).tolist() == pytest.approx([-1.0, 1.0])
    assert model.hessian(np.array([0.0, 0.0]))[0, 0] == 0.5


def test_a_unit_at_its_kink_has_no_slope() -> None:
    model = ShallowReLU((2.0,), (0.0,))
    point = np.array([1.0, 1.0, 0.0, 0.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.0])
    assert model.gradient(point).tolist() == [2.0, *[0.0] * 9]
    point[4] = -0.5
    assert model.gradient(point).tolist() == [3.0, 1.5, 0.0, 0.0, 3.0, 6.0, *[0.0] * 4]


def test_gabor_data_follow_the_recipe() -> None:
    assert gabor_data(0) == GABOR_DATA != gabor_data(1)
    assert len(GABOR_DATA.inputs) == len(GABOR_DATA.targets) == 28
    assert max(abs(each) for each in GABOR_DATA.inputs) <= 15.0
    for each in (*GABOR_DATA.inputs, *GABOR_DATA.targets):
        assert each * 1024 == round(each * 1024)
    silent = gabor_data(3, noise=0.0)
    assert silent.value(np.array([0.0, 16.6])) < 28 * 2.0**-22


def test_precision_that_fits_best_is_that_of_the_residuals() -> None:
    model = GaussianRegression(INPUTS, TARGETS)
    mean_square = np.mean(
        [(0.5 - 1.25 * x - y) ** 2 for x, y in zip(INPUTS, TARGETS, strict=True)]
    )
    slope = model.gradient(np.array([0.5, -1.25, 1.0 / mean_square]))[2]
    assert slope == pytest.approx(0.0, abs=1e-12)
