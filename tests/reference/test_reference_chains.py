"""Chains of layers, against mpmath, finite products and the numbers of the texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

from optcheck.backends.layers import Recurrence
from optcheck.reference import EQUATIONS, FORMATS, PROCEDURES, procedures
from optcheck.reference.balls import Arithmetic
from optcheck.reference.chains.growth import log_growth, lyapunov_exponent, product_moments
from optcheck.reference.chains.recurrences import (
    ChainForm,
    gradients_of,
    next_states,
    outputs_of,
    step_jacobian,
)

WORKING = Arithmetic.working(
    FORMATS["float64"], scalar_bits=53, step_bits=53, flushes_subnormals=False
)
CASES = [(r.id, dialect) for r in procedures("recurrence").values() for dialect in r.dialects]
ACTIVATIONS: dict[str, Any] = {
    "linear": lambda a: a,
    "tanh": mpmath.tanh,
    "relu": lambda a: max(a, mpmath.mpf(0)),
    "residual": mpmath.tanh,
}
STEPS, UNITS, BATCH = 3, 2, 2


def _form(method: str, dialect: str) -> ChainForm:
    form = PROCEDURES[method].dialects[dialect]
    assert isinstance(form, ChainForm)
    return form


def _network(method: str, seed: int = 0) -> Recurrence:
    random = np.random.default_rng(seed)
    each = () if method == "recurrent-network" else (STEPS,)
    return Recurrence(
        weights=random.normal(size=(*each, UNITS, UNITS)),
        start=random.normal(size=(BATCH, UNITS)),
        steps=STEPS,
        bias=random.normal(size=(*each, UNITS)),
        inputs=None if each else random.normal(size=(STEPS, BATCH, 1)),
        input_weights=None if each else random.normal(size=(UNITS, 1)),
        output_weights=random.normal(size=(1, UNITS)),
        output_bias=random.normal(size=1),
    )


@dataclass
class Text:
    """The recursion of the texts, in mpmath, from one flat list of all parameters."""

    network: Recurrence
    dialect: str

    def names(self) -> list[str]:
        """All that is differentiated in."""
        names = ("start", "weights", "bias", "inputs", "input_weights")
        return [name for name in names if getattr(self.network, name) is not None]

    def flat(self) -> list[Any]:
        """All numbers of the chain."""
        parts = [np.ravel(getattr(self.network, name)) for name in self.names()]
        return [mpmath.mpf(float(value)) for value in np.concatenate(parts)]

    def states(self, *values: Any) -> list[Any]:
        """All states for such numbers."""
        arrays, place = {}, 0
        for name in self.names():
            shape = getattr(self.network, name).shape
            size = math.prod(shape)
            arrays[name] = np.array(values[place : place + size], dtype=object).reshape(shape)
            place += size
        states = [arrays["start"]]
        shared = self.network.weights.ndim == 2
        for t in range(self.network.steps):
            pick = (lambda a: a) if shared else (lambda a, t=t: a[t])
            argument = states[-1] @ pick(arrays["weights"]).T + pick(arrays["bias"])
            if "inputs" in arrays:
                argument = argument + arrays["inputs"][t] @ arrays["input_weights"].T
            made = np.vectorize(ACTIVATIONS[self.dialect], otypes=[object])(argument)
            states.append(states[-1] + made if self.dialect == "residual" else made)
        return list(np.ravel(states))


@pytest.mark.parametrize(("method", "dialect"), CASES)
def test_states_and_outputs_are_those_of_the_texts(method: str, dialect: str) -> None:
    network = _network(method)
    with mpmath.mp.workdps(40):
        text = Text(network, dialect)
        exact = text.states(*text.flat())
        states = np.array([float(v) for v in exact]).reshape(STEPS + 1, BATCH, UNITS)
    found = next_states(_form(method, dialect), network, states, WORKING)
    assert found.expected() == pytest.approx(states.ravel(), rel=1e-14, abs=1e-15)
    assert network.output_weights is not None
    read = states[1:] @ network.output_weights.T + network.output_bias
    assert outputs_of(network, states, WORKING).expected() == pytest.approx(read.ravel())


@pytest.mark.parametrize(("method", "dialect"), CASES)
def test_derivatives_are_those_of_the_texts(method: str, dialect: str) -> None:
    network = _network(method, 1)
    cotangents = np.random.default_rng(2).normal(size=(STEPS + 1, BATCH, UNITS))
    found = gradients_of(_form(method, dialect), network, cotangents, WORKING)
    with mpmath.mp.workdps(40):
        text = Text(network, dialect)
        point, step = text.flat(), mpmath.mpf(10) ** -12
        weights = [mpmath.mpf(float(c)) for c in np.ravel(cotangents)]

        def loss(values: list[Any]) -> Any:
            terms = zip(weights, text.states(*values), strict=True)
            return sum((c * s for c, s in terms), mpmath.mpf(0))

        slopes = []
        for i in range(len(point)):
            ends = [[*point[:i], point[i] + d, *point[i + 1 :]] for d in (step, -step)]
            slopes.append(float((loss(ends[0]) - loss(ends[1])) / (2 * step)))
    together = np.concatenate([found[name].expected() for name in text.names()])
    assert together == pytest.approx(slopes, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("method", "dialect"), CASES)
def test_a_budget_is_a_few_units_of_the_last_place(method: str, dialect: str) -> None:
    network = _network(method, 3)
    cotangents = np.ones((STEPS + 1, BATCH, UNITS))
    found = gradients_of(_form(method, dialect), network, cotangents, WORKING)
    for quantity in found.values():
        scale = np.max(np.abs(quantity.expected()), initial=1.0)
        assert np.max(quantity.allowed()) < 1e-13 * scale


def test_a_rectified_unit_at_zero_passes_nothing() -> None:
    network = Recurrence(np.eye(2), np.array([[0.0, 1.0]]), 1)
    found = step_jacobian(_form("recurrent-network", "relu"), network, WORKING)
    assert found.expected().tolist() == [0.0, 0.0, 0.0, 1.0]
    assert found.allowed().tolist() == [0.0, 0.0, 0.0, 0.0]


def test_jacobian_of_a_residual_step_has_the_identity_around_it() -> None:
    network = Recurrence(np.array([[[0.5, -1.0], [2.0, 0.25]]]), np.array([[0.5, -0.25]]), 1)
    argument = network.weights[0] @ network.start[0]
    expected = np.eye(2) + np.diag(1 - np.tanh(argument) ** 2) @ network.weights[0]
    found = step_jacobian(_form("layer-chain", "residual"), network, WORKING)
    assert found.expected() == pytest.approx(expected.ravel(), rel=1e-14)


def test_the_count_of_small_factors_does_not_decide() -> None:
    # B18: 60 % of factors 0.9 and 40 % of 100.
    factors = np.array([0.9] * 60 + [100.0] * 40)
    assert round(len(factors) * log_growth(factors) / math.log(10)) == 77


def test_moments_of_a_lognormal_product() -> None:
    # G41: T = 9 gives sd 8102.6 and mean 90.0; e^9 is 8103.1.
    mean, deviation = product_moments(math.exp(0.5), math.exp(2.0), 9)
    assert (round(mean, 1), round(deviation, 1)) == (90.0, 8102.6)
    assert deviation == pytest.approx(math.sqrt((math.exp(9) - 1) * math.exp(9)))
    # The definition by all paths of two factors.
    paths = np.prod(np.array(np.meshgrid(*[[0.5, 3.0]] * 4)).reshape(4, -1), axis=0)
    assert product_moments(1.75, 4.625, 4) == pytest.approx((paths.mean(), paths.std()))


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.2])
def test_lyapunov_exponent_is_the_mean_logarithm_of_a_growth(scale: float) -> None:
    n = 5
    with mpmath.mp.workdps(20):
        density = mpmath.quad(
            lambda x: mpmath.log(scale**2 * x / n) / 2 * x ** (n / 2 - 1) * mpmath.exp(-x / 2),
            [0, 1, 5, 20, mpmath.inf],
        )
        expected = float(density / (2 ** mpmath.mpf(n / 2) * mpmath.gamma(mpmath.mpf(n) / 2)))
    assert lyapunov_exponent(n, scale) == pytest.approx(expected, rel=1e-10)
    assert lyapunov_exponent(1000, scale) == pytest.approx(math.log(scale), abs=6e-4)


def test_repeated_matrix_goes_to_its_eigenvector_and_not_to_a_singular_vector() -> None:
    # G38.
    matrix = np.array([[1.0, 5.0], [0.0, 0.5]])
    ahead = np.linalg.matrix_power(matrix, 60) @ [0.3, -0.7]
    back = np.linalg.matrix_power(matrix.T, 60) @ [0.3, -0.7]
    assert np.abs(ahead / np.linalg.norm(ahead)) == pytest.approx([1.0, 0.0], abs=1e-12)
    assert back[1] / back[0] == pytest.approx(10.0)
    left, _, right = np.linalg.svd(matrix)
    assert np.abs(left[:, 0]) == pytest.approx([0.995, 0.096], abs=1e-3)
    assert np.abs(right[0]) == pytest.approx([0.194, 0.981], abs=1e-3)


def test_a_small_determinant_does_not_contract() -> None:
    # G42: diag(2, 0.1).
    assert np.linalg.det(np.diag([2.0, 0.1])) == pytest.approx(0.2)
    assert np.linalg.matrix_power(np.diag([2.0, 0.1]), 20)[0, 0] == 2.0**20


def test_a_negative_factor_below_one_explodes() -> None:
    # G43.
    assert round((-1.5) ** 11, 1) == -86.5


def test_what_is_not_checked_says_why() -> None:
    assert EQUATIONS["rnn-learning-span-limit"].unchecked
