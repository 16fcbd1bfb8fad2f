"""Chains of layers: a recurrent network, and a deep one with weights of its own in each layer.

Forwards they are a recursion, backwards the reverse recursion of its derivatives. Both are written
for any kind of number, so that in balls they bound what rounding may do on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, Scalar
from optcheck.reference.functions import maximum, total, where_positive
from optcheck.reference.oracle import Quantity
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import statement

Floats = npt.NDArray[np.float64]
Vector = Sequence[Any]
Matrix = Sequence[Vector]


class Network(Protocol):
    """A chain in floating point; the shapes are those of ``optcheck.backends.layers``."""

    @property
    def weights(self) -> Floats: ...
    @property
    def start(self) -> Floats: ...
    @property
    def steps(self) -> int: ...
    @property
    def bias(self) -> Floats | None: ...
    @property
    def inputs(self) -> Floats | None: ...
    @property
    def input_weights(self) -> Floats | None: ...
    @property
    def output_weights(self) -> Floats | None: ...
    @property
    def output_bias(self) -> Floats | None: ...


@dataclass(frozen=True, kw_only=True)
class ChainForm(Form):
    """A dialect of a chain.

    ``slope(value, change)`` is ``change`` times the derivative of the activation, by its value.
    A ``residual`` layer adds what it computes to what it was given.
    """

    activation: Callable[[Any], Any]
    slope: Callable[[Any, Any], Any]
    residual: bool = False


@dataclass(frozen=True)
class Chain:
    """A chain in numbers of one kind, with the weights and biases of each step."""

    start: Matrix
    weights: Sequence[Matrix]
    bias: Matrix | None
    inputs: Sequence[Matrix] | None
    input_weights: Matrix | None
    shared: bool


@dataclass(frozen=True)
class Passed:
    """A chain's states, the start first, and the activations that led from each to the next."""

    states: Sequence[Matrix]
    values: Sequence[Matrix]


def forwards(form: ChainForm, chain: Chain, given: Sequence[Matrix] | None = None) -> Passed:
    """All states; each is made of the one before it, or of that in ``given``."""
    states, values = [chain.start], []
    for t, weights in enumerate(chain.weights):
        before = states[-1] if given is None else given[t]
        here = [[form.activation(a) for a in row] for row in _arguments(chain, t, weights, before)]
        values.append(here)
        states.append(_sums(before, here) if form.residual else here)
    return Passed(states, values)


def _arguments(chain: Chain, t: int, weights: Matrix, before: Matrix) -> list[list[Any]]:
    """``W s[t-1] + U x[t] + b``, each sum in any order."""
    rows = []
    for index, state in enumerate(before):
        terms = [_products(row, state) for row in weights]
        if chain.inputs is not None and chain.input_weights is not None:
            x = chain.inputs[t][index]
            more = (_products(row, x) for row in chain.input_weights)
            terms = [a + b for a, b in zip(terms, more, strict=True)]
        if chain.bias is not None:
            terms = [[*a, b] for a, b in zip(terms, chain.bias[t], strict=True)]
        rows.append([total(each) for each in terms])
    return rows


def _products(first: Vector, second: Vector) -> list[Any]:
    return [a * b for a, b in zip(first, second, strict=True)]


def _sums(first: Matrix, second: Matrix) -> list[list[Any]]:
    return [
        [a + b for a, b in zip(*rows, strict=True)] for rows in zip(first, second, strict=True)
    ]


def backwards(
    form: ChainForm, chain: Chain, passed: Passed, cotangents: Sequence[Matrix]
) -> dict[str, Any]:
    """The derivatives of ``sum(cotangents * states)``, from the last step to the first."""
    after = cotangents[-1]
    changes: list[Matrix] = []
    for t in reversed(range(len(chain.weights))):
        arguments = [
            [form.slope(v, d) for v, d in zip(*rows, strict=True)]
            for rows in zip(passed.values[t], after, strict=True)
        ]
        changes.insert(0, arguments)
        columns = list(zip(*chain.weights[t], strict=True))
        terms = [
            [[c, *_products(column, row)] for column, c in zip(columns, told, strict=True)]
            for row, told in zip(arguments, cotangents[t], strict=True)
        ]
        if form.residual:
            terms = [
                [[*sums, d] for sums, d in zip(*rows, strict=True)]
                for rows in zip(terms, after, strict=True)
            ]
        after = [[total(sums) for sums in row] for row in terms]
    return {"start": after, **_of_parameters(chain, passed, changes)}


def _of_parameters(chain: Chain, passed: Passed, changes: Sequence[Matrix]) -> dict[str, Any]:
    """What the arguments' derivatives make of those in the parameters."""
    steps = range(len(changes))
    groups = [list(steps)] if chain.shared else [[t] for t in steps]
    found: dict[str, Any] = {}
    weights = [_outer([(changes[t], passed.states[t]) for t in group]) for group in groups]
    found["weights"] = weights[0] if chain.shared else weights
    if chain.bias is not None:
        biases = [_columns([row for t in group for row in changes[t]]) for group in groups]
        found["bias"] = biases[0] if chain.shared else biases
    if chain.inputs is not None and chain.input_weights is not None:
        columns = list(zip(*chain.input_weights, strict=True))
        found["inputs"] = [
            [[total(_products(column, row)) for column in columns] for row in changes[t]]
            for t in steps
        ]
        pairs = [(changes[t], chain.inputs[t]) for t in steps]
        found["input_weights"] = _outer(pairs)
    return found


def _outer(pairs: Sequence[tuple[Matrix, Matrix]]) -> list[list[Any]]:
    """The sum over steps and batch of ``change[i] * state[j]``."""
    rows = [each for pair in pairs for each in zip(*pair, strict=True)]
    (first, second), *_ = rows
    return [
        [total([change[i] * state[j] for change, state in rows]) for j in range(len(second))]
        for i in range(len(first))
    ]


def _columns(rows: Sequence[Vector]) -> list[Any]:
    return [total(list(column)) for column in zip(*rows, strict=True)]


def chain_of(network: Network, arithmetic: Arithmetic) -> Chain:
    """The network in balls."""
    shared = network.weights.ndim == 2
    weights, bias = _numbers(network.weights, arithmetic), _numbers(network.bias, arithmetic)
    return Chain(
        start=_numbers(network.start, arithmetic),
        weights=[weights] * network.steps if shared else weights,
        bias=[bias] * network.steps if shared and bias is not None else bias,
        inputs=_numbers(network.inputs, arithmetic),
        input_weights=_numbers(network.input_weights, arithmetic),
        shared=shared,
    )


def _numbers(values: Floats | None, arithmetic: Arithmetic) -> Any:
    """Nested lists of balls; None where there is nothing."""
    if values is None:
        return None
    if values.ndim == 0:
        return Scalar(arb(float(values)), arithmetic.bits)
    return [_numbers(np.asarray(each), arithmetic) for each in values]


def _flat(values: Any) -> list[Scalar]:
    return [values] if isinstance(values, Scalar) else [s for each in values for s in _flat(each)]


def _vector(values: Any, arithmetic: Arithmetic) -> Balls:
    return Balls([each.ball for each in _flat(values)], arithmetic)


def next_states(
    form: ChainForm, network: Network, states: Floats, working: Arithmetic
) -> Quantity:
    """The start, and what follows from each of an implementation's own ``states`` but the last."""
    vectors = []
    for arithmetic in (Arithmetic.exact(), working):
        chain = chain_of(network, arithmetic)
        passed = forwards(form, chain, _numbers(states, arithmetic))
        vectors.append(_vector(passed.states, arithmetic))
    return Quantity(*vectors)


def gradients_of(
    form: ChainForm, network: Network, cotangents: Floats, working: Arithmetic
) -> dict[str, Quantity]:
    """The derivatives of ``sum(cotangents * states)`` in all that the network has."""
    found: list[Mapping[str, Balls]] = []
    for arithmetic in (Arithmetic.exact(), working):
        chain = chain_of(network, arithmetic)
        passed = forwards(form, chain)
        parts = backwards(form, chain, passed, _numbers(cotangents, arithmetic))
        found.append({name: _vector(each, arithmetic) for name, each in parts.items()})
    exact, rounded = found
    return {name: Quantity(exact[name], rounded[name]) for name in exact}


def step_jacobian(form: ChainForm, network: Network, working: Arithmetic) -> Quantity:
    """``diag(f'(a)) W`` of the first step from the first start, and the identity around it."""
    vectors = []
    for arithmetic in (Arithmetic.exact(), working):
        chain = chain_of(network, arithmetic)
        values = forwards(form, chain).values[0][0]
        one, zero = (Scalar(arb(value), arithmetic.bits) for value in (1, 0))
        rows = [
            [form.slope(value, one) * weight for weight in row]
            for value, row in zip(values, chain.weights[0], strict=True)
        ]
        if form.residual:
            around = [
                [one if i == j else zero for j in range(len(rows))] for i in range(len(rows))
            ]
            rows = _sums(around, rows)
        vectors.append(_vector(rows, arithmetic))
    return Quantity(*vectors)


def outputs_of(network: Network, states: Floats, working: Arithmetic) -> Quantity:
    """``V s[t] + c`` of an implementation's own ``states``."""
    vectors = []
    for arithmetic in (Arithmetic.exact(), working):
        rows = _numbers(network.output_weights, arithmetic)
        shifts = _numbers(network.output_bias, arithmetic)
        outputs = [
            total([*_products(row, state), shift])
            for batch in _numbers(states[1:], arithmetic)
            for state in batch
            for row, shift in zip(rows, shifts, strict=True)
        ]
        vectors.append(_vector(outputs, arithmetic))
    return Quantity(*vectors)


def _tanh(argument: Any) -> Any:
    return argument.function("tanh") if isinstance(argument, Scalar) else np.tanh(argument)


# Of x P(x^2) / Q(x^2) with polynomials of degree 9, which XLA takes for float64 (those for float32
# are of degrees 6 and 3): two for each step of Horner's scheme (Higham, section 5.1), the rounding
# of x^2 in each power of both, the product with x, and the quotient.
RATIONAL_ROUNDINGS = 2 * 9 + 2 * 9 + 2 * 9 + 2


def _rational_tanh(argument: Any) -> Any:
    value = argument.apply(lambda ball: ball.tanh())
    for _ in range(RATIONAL_ROUNDINGS - 1):
        value = value.elementary()
    return value


def evaluated(form: ChainForm, evaluation: frozenset[str]) -> ChainForm:
    """The dialect as an implementation evaluates it: ``rational-tanh``, or as libraries do."""
    rational = "rational-tanh" in evaluation and form.activation is _tanh
    return replace(form, activation=_rational_tanh) if rational else form


def _dialect(
    summary: str,
    equation: str,
    activation: Callable[[Any], Any],
    slope: Callable[[Any, Any], Any],
    *,
    residual: bool = False,
) -> ChainForm:
    return ChainForm(summary, (equation,), activation=activation, slope=slope, residual=residual)


def _dialects(equation: str) -> dict[str, ChainForm]:
    return {
        "linear": _dialect("no activation", equation, lambda a: a, lambda value, d: d),
        "tanh": _dialect(
            "hyperbolic tangent", equation, _tanh, lambda value, d: d * (1 - value * value)
        ),
        "relu": _dialect(
            "rectifier, with the slope 0 at 0",
            equation,
            lambda a: maximum(a, 0),
            lambda value, d: where_positive(value, d),
        ),
    }


statement(
    "state-recursion",
    title="Each state follows from the one before it",
    formula=r"s_t=F_\theta(s_{t-1},x_t)",
    sources=("goodfellow:8.6",),
)
statement(
    "state-output",
    title="Each state is read out by one function",
    formula=r"o_t=g_\omega(s_t)",
    sources=("goodfellow:8.7",),
)
statement(
    "jacobian-product-composition",
    title="The Jacobian of a composition is the product of the Jacobians",
    formula=r"f=f_T\circ\cdots\circ f_2\circ f_1\ \Rightarrow\ f'=f_T'f_{T-1}'\cdots f_2'f_1'",
    sources=("goodfellow:8.5", "goodfellow:Fig 8.4"),
    erratum="G09: a comma and a missing prime break the product.",
)
statement(
    "skip-connections-shorten-paths",
    title="Skip connections and auxiliary heads shorten the path of a gradient",
    formula=r"\frac{\partial}{\partial x}\big(x+f(x)\big)=\mathbf I+f'(x)",
    sources=("goodfellow:sec 8.7.4",),
)

RECURRENT_NETWORK = procedure(
    Procedure(
        id="recurrent-network",
        title="Recurrent network",
        source="goodfellow:8.6",
        capability="recurrence",
        family="long-term-dependencies",
        dialects=_dialects("state-recursion"),
    )
)
_LAYERS = _dialects("jacobian-product-composition")
LAYER_CHAIN = procedure(
    Procedure(
        id="layer-chain",
        title="Chain of layers, each with weights of its own",
        source="goodfellow:8.5",
        capability="recurrence",
        family="long-term-dependencies",
        dialects={
            **_LAYERS,
            "residual": _dialect(
                "what a layer of tanh computes is added to its input",
                "skip-connections-shorten-paths",
                _LAYERS["tanh"].activation,
                _LAYERS["tanh"].slope,
                residual=True,
            ),
        },
    )
)
