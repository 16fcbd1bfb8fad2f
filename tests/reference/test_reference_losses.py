"""Losses, their slopes and the closed forms of objectives, against independent evaluations."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from optcheck.reference import EQUATIONS, FORMATS, PROCEDURES, procedures
from optcheck.reference.balls import Arithmetic
from optcheck.reference.calculus.losses import LossForm, slope_of, value_of
from optcheck.reference.calculus.objectives import least_squares_minimum, validation_losses

EXACT = Arithmetic.exact()
WORKING = Arithmetic.working(
    FORMATS["float64"], scalar_bits=53, step_bits=53, flushes_subnormals=False
)
mp = mpmath.mp


def _sig(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def _entropy(p: Any, t: Any) -> Any:
    left = t * mpmath.log(p) if t else mpmath.mpf(0)
    right = (1 - t) * mpmath.log(1 - p) if t != 1 else mpmath.mpf(0)
    return -left - right


def _density(y: Any, mean: Any, scale: Any) -> Any:
    return -mpmath.log(mpmath.npdf(y, mean, scale))


# One element of each dialect, from the texts, with 60 digits.
TEXTBOOK: dict[str, dict[str, Any]] = {
    "squared-error": {
        "sum": lambda y, t: (y - t) ** 2,
        "half-sum": lambda y, t: (y - t) ** 2 / 2,
        "mean": lambda y, t: (y - t) ** 2,
        "elementwise": lambda y, t: (y - t) ** 2,
        "half-elementwise": lambda y, t: (y - t) ** 2 / 2,
    },
    "binary-cross-entropy": {
        name: _entropy if name.startswith("probabilities") else lambda z, t: _entropy(_sig(z), t)
        for name in PROCEDURES["binary-cross-entropy"].dialects
    },
    "gaussian-negative-log-likelihood": {
        "precision+sum": lambda m, y, b: _density(y, m, 1 / mpmath.sqrt(b)),
        "variance+sum": lambda m, y, v: _density(y, m, mpmath.sqrt(v)),
        "variance-without-constant+mean": lambda m, y, v: (
            _density(y, m, mpmath.sqrt(v)) - mpmath.log(2 * mp.pi) / 2
        ),
        "scale": _density,
    },
    "logistic-sigmoid": {"textbook": _sig},
    "rectifier": {"flat-at-zero": lambda z: max(z, mpmath.mpf(0))},
    "softplus": {
        "exact": lambda z: mpmath.log1p(mpmath.exp(z)),
        "linear-above-threshold": lambda z: z if z > 20 else mpmath.log1p(mpmath.exp(z)),
    },
    "zero-one-loss": {
        "elementwise": lambda z, t: mpmath.mpf(0 if mpmath.sign(z) == t else 1),
    },
}
CASES = [(method, dialect) for method, forms in TEXTBOOK.items() for dialect in forms]


def _form(method: str, dialect: str) -> LossForm:
    form = PROCEDURES[method].dialects[dialect]
    assert isinstance(form, LossForm)
    return form


def _arguments(method: str, dialect: str) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(len(method + dialect))
    drawn = {
        "prediction": random.normal(size=6) * 6,
        "target": random.normal(size=6),
        "argument": np.array([-60.0, -3.3, 0.25, 7.5, 19.5, 30.5]),
    }
    if method == "binary-cross-entropy":
        drawn["target"] = np.array([0.0, 1.0, 0.25, 0.5, 1.0, 0.0])
        if dialect.startswith("probabilities"):
            drawn["prediction"] = random.uniform(0.01, 0.99, 6)
    if method == "zero-one-loss":
        drawn["target"] = np.sign(drawn["target"])
    names = _form(method, dialect).arguments
    return {name: drawn.get(name, random.uniform(0.1, 4.0, 6)) for name in names}


def test_every_loss_is_compared_with_the_texts() -> None:
    declared = {(r.id, d) for r in procedures("loss").values() for d in r.dialects}
    assert declared == {*CASES, ("batch-loss", "sum"), ("batch-loss", "mean")}


@pytest.mark.parametrize(("method", "dialect"), CASES)
def test_value_and_slopes_are_those_of_the_texts(method: str, dialect: str) -> None:
    form, arguments = _form(method, dialect), _arguments(method, dialect)
    text = TEXTBOOK[method][dialect]
    with mp.workdps(60):
        rows = [
            [mpmath.mpf(float(v)) for v in row] for row in zip(*arguments.values(), strict=True)
        ]
        terms = [text(*row) for row in rows]
        value = {"none": terms, "sum": [sum(terms)], "mean": [sum(terms) / 6]}[form.reduction]
        found = value_of(form, arguments, WORKING)
        expected = np.array([float(v) for v in value])
        assert found.expected() == pytest.approx(expected, rel=1e-15)
        for place, name in enumerate(form.arguments):
            if name not in form.slopes:
                continue
            slopes = [
                mpmath.diff(text, tuple(row), tuple(int(i == place) for i in range(len(row))))
                for row in rows
            ]
            weight = 6 if form.reduction == "mean" else 1
            ordered = {name: arguments[name], **arguments}
            found = slope_of(form, ordered, WORKING)
            expected = np.array([float(s / weight) for s in slopes])
            assert found.expected() == pytest.approx(expected, rel=1e-14, abs=1e-25)


@pytest.mark.parametrize(("method", "dialect"), CASES)
def test_the_formula_in_double_precision_is_within_its_budget(method: str, dialect: str) -> None:
    form, arguments = _form(method, dialect), _arguments(method, dialect)
    quantity = value_of(form, arguments, WORKING)
    assert np.max(quantity.judge(form.value(arguments))) <= 1.0
    for name in form.slopes:
        ordered = {name: arguments[name], **arguments}
        assert np.max(slope_of(form, ordered, WORKING).judge(form.slope(name, arguments))) <= 1.0


def test_clamped_logarithms_are_finite_at_certainty() -> None:
    form = _form("binary-cross-entropy", "probabilities-clamped+sum")
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    arguments = {"prediction": p, "target": t}
    assert value_of(form, arguments, WORKING).expected() == [200.0]
    assert slope_of(form, arguments, WORKING).expected().tolist() == [1.0, -1.0, 0.0, 0.0]


def test_certainty_of_the_wrong_class_is_undecided_where_nothing_is_clamped() -> None:
    form = _form("binary-cross-entropy", "probabilities+sum")
    wrong = {"prediction": np.array([0.0]), "target": np.array([1.0])}
    right = {"prediction": np.array([0.0]), "target": np.array([0.0])}
    assert np.isnan(value_of(form, wrong, WORKING).judge([1.0]))
    assert value_of(form, right, WORKING).judge([0.0]) == 0.0
    assert slope_of(form, right, WORKING).expected() == 1.0


@pytest.mark.parametrize("z", [-1e30, -750.0, -90.0, 90.0, 750.0, 1e30])
def test_far_scores_are_finite_in_single_precision(z: float) -> None:
    single = Arithmetic.working(
        FORMATS["float32"], scalar_bits=53, step_bits=53, flushes_subnormals=True
    )
    arguments = {"argument": np.array([z])}
    for method, dialect in (("logistic-sigmoid", "textbook"), ("softplus", "exact")):
        form = _form(method, dialect)
        for quantity in (value_of(form, arguments, single), slope_of(form, arguments, single)):
            assert np.isfinite(quantity.allowed()).all()
            assert np.isfinite(quantity.expected()).all()


def test_the_printed_cross_entropy_is_concave() -> None:
    x, t = np.array([0.5, -1.5, 2.0]), np.array([1.0, 0.0, 1.0])

    def printed(w: Any, b: Any) -> Any:
        scores = [w * mpmath.mpf(float(v)) + b for v in x]
        return -sum(_entropy(_sig(z), int(c)) for z, c in zip(scores, t, strict=True))

    point = (mpmath.mpf("0.3"), mpmath.mpf("-0.2"))
    trace = sum(mpmath.diff(printed, point, order) for order in ((2, 0), (0, 2)))
    assert printed(*point) < 0 > trace
    assert "minus sign" in str(EQUATIONS["cross-entropy-error"].erratum)


def test_one_text_halves_what_the_other_has() -> None:
    y, t = np.array([1.0, 2.5, -3.0]), np.array([0.5, 2.0, 1.0])
    whole = value_of(_form("squared-error", "sum"), {"prediction": y, "target": t}, WORKING)
    half = value_of(_form("squared-error", "half-sum"), {"prediction": y, "target": t}, WORKING)
    mean = value_of(_form("squared-error", "mean"), {"prediction": y, "target": t}, WORKING)
    assert whole.expected() == 16.5 == 2 * half.expected()
    assert mean.expected() == 5.5


@pytest.mark.parametrize("dialect", ["sum", "mean"])
def test_batches_share_their_weights(dialect: str) -> None:
    random = np.random.default_rng(3)
    inputs, weights, target = random.normal(size=(5, 3)), random.normal(size=3), np.arange(5.0)
    arguments = {"weights": weights, "inputs": inputs, "target": target}
    residual = inputs @ weights - target
    scale = 5 if dialect == "mean" else 1
    form = _form("batch-loss", dialect)
    value, slope = value_of(form, arguments, WORKING), slope_of(form, arguments, WORKING)
    assert value.expected() == pytest.approx(residual @ residual / scale, rel=1e-13)
    assert slope.expected() == pytest.approx(2 * inputs.T @ residual / scale, rel=1e-12)
    native = {**arguments, "inputs": list(inputs)}
    assert form.value(native) == pytest.approx(value.expected(), rel=1e-13)
    assert form.slope("weights", native) == pytest.approx(slope.expected(), rel=1e-12)


@pytest.mark.parametrize("inputs", [[0.0, 1.0, -2.0, 0.5], [2.0, 2.0, 2.0, 2.0]])
def test_least_squares_comes_to_rest_at_the_minimum_nearest_to_its_start(
    inputs: list[float],
) -> None:
    x, y, start = np.array(inputs), np.array([1.0, 3.0, -1.0, 0.25]), np.array([4.0, -7.0])
    design = np.stack([x, np.ones(4)], axis=1)
    # The shortest way from the start, by the pseudo-inverse.
    nearest = start + np.linalg.pinv(design) @ (y - design @ start)
    found = [float(each.mid()) for each in least_squares_minimum(x, y, start)]
    assert found == pytest.approx(nearest, rel=1e-12)


def test_validation_losses_are_those_of_the_path() -> None:
    names = ("curvature", "center", "weight", "target")
    problem = dict(
        zip(names, np.array([[1.0, 4.0], [2.0, -1.0], [3.0, 0.5], [0.0, 1.0]]), strict=True)
    )
    start, rate = np.array([5.0, 3.0]), 0.125
    rows = {name: [Fraction(v) for v in values] for name, values in problem.items()}
    w, expected = [Fraction(v) for v in start], []
    for _ in range(6):
        each = zip(rows["weight"], w, rows["target"], strict=True)
        expected.append(sum(h * (v - b) ** 2 / 2 for h, v, b in each))
        steps = zip(w, rows["curvature"], rows["center"], strict=True)
        w = [v - Fraction(rate) * k * (v - a) for v, k, a in steps]
    found = validation_losses(start, problem, rate, 5)
    assert [float(each.mid()) for each in found] == [float(each) for each in expected]


@pytest.mark.parametrize(
    "identifier", ["one-dimensional-loss-classification", "optimisation-hardness-results"]
)
def test_what_no_law_can_check_says_why(identifier: str) -> None:
    assert EQUATIONS[identifier].unchecked
