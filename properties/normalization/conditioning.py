"""What standardising the inputs does to the Hessian of linear regression."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.normalization.normalizing import (
    Case,
    deviation,
    draw_layer,
    form_of,
    is_data,
    judge,
    oracle,
    trained,
)
from optcheck.reference.balls import Arithmetic
from optcheck.reference.functions import dot, sqrt
from optcheck.reference.normalization.claims import standardised_condition
from optcheck.reference.normalization.transforms import two_pass_unbiased
from optcheck.reference.oracle import Bound

# How far descent has to come, of its start, and where it is given up.
_GOAL, _MOST = 1e-3, 100_000


@law(
    id="standardising-conditions-the-hessian",
    title="Standardised inputs make the Hessian of linear regression as round as they correlate",
    statement=(
        "Inputs whose spreads differ by a factor r and that correlate by rho have a Hessian "
        "sum x x^T of a condition number between r^2 and r^2 (1 + |rho|) / (1 - |rho|). After "
        "standardisation by the library its eigenvalues are N (1 - |rho|) and N (1 + |rho|), "
        "with N - 1 for N where the variance has it, within what the inputs are allowed (Weyl). "
        "Gradient descent with the rate 1 / lambda_max comes to a thousandth of its start in the "
        "number of steps that each condition number predicts, ln(1/1000) / ln(1 - 1/kappa), "
        "within one."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("input-scale-curvature-anisotropy", "input-standardisation"),
    about=is_data,
    one_dtype=True,
    dtypes=("float32", "float64"),
    share=0.15,
)
def standardising_conditions_the_hessian(subject: Subject, data: st.DataObject) -> float:
    ratio = data.draw(st.sampled_from((4.0, 8.0, 16.0)), label="ratio of the spreads")
    # Orthogonal patterns of mean 0, in small integers: the correlation is exact.
    first, second = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    a, b, c = data.draw(st.sampled_from(((0, 1, 1), (3, 4, 5), (-4, 3, 5))), label="angle")
    inputs = np.stack([c * first, ratio * (a * first + b * second)], axis=1)
    case = Case(draw_layer(subject, data, (2,), epsilon=0.0), (inputs,))
    output = trained(subject, case)

    correlation = abs(a) / c
    divisor = len(inputs) - (form_of(subject).moments is two_pass_unbiased)
    expected = divisor * np.array([1 - correlation, 1 + correlation])
    error = float(np.linalg.norm(oracle(subject, case).training(inputs).allowed()))
    change = error * (2 * float(np.linalg.norm(output)) + error)
    before, after = _eigenvalues(inputs), _eigenvalues(output)
    found = judge(
        subject, case, Bound(expected, np.full(2, change)), after, "eigenvalues of the Hessian"
    )
    conditions = before[1] / before[0], standardised_condition(correlation)
    if not ratio**2 <= conditions[0] <= ratio**2 * conditions[1]:
        raise deviation(subject, case, f"spreads {ratio:g} apart, condition {conditions[0]:g}")
    for rows, condition in zip((inputs, output), conditions, strict=True):
        steps, predicted = _descent(rows), _predicted(condition)
        if abs(steps - predicted) > 1:
            message = f"{steps} steps of descent for {predicted:.1f}, condition {condition:.6g}"
            raise deviation(subject, case, message)
    return found


def _eigenvalues(inputs: Floats) -> Floats:
    """Of ``inputs.T @ inputs``, the smaller one first; by 200 bits."""
    exact = Arithmetic.exact()
    first, second = (exact.array(column) for column in inputs.T)
    a, b, c = dot(first, first), dot(first, second), dot(second, second)
    root = sqrt((a - c) * (a - c) + 4 * b * b)
    return np.array([float(((a + c + sign * root) / 2).ball.mid()) for sign in (-1, 1)])


def _descent(inputs: Floats) -> int:
    """Steps along the flattest direction until a thousandth is left."""
    hessian = inputs.T @ inputs
    eigenvalues, vectors = np.linalg.eigh(hessian)
    (a, b), (c, d) = (np.eye(2) - hessian / eigenvalues[1]).tolist()
    (x, y), steps = vectors[:, 0].tolist(), 0
    while x * x + y * y > _GOAL**2 and steps < _MOST:
        x, y, steps = a * x + b * y, c * x + d * y, steps + 1
    return steps


def _predicted(condition: float) -> float:
    return math.log(_GOAL) / math.log1p(-1 / condition) if condition > 1 else 0.0
