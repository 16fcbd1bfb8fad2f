"""Misprints of Bishop and Bishop, Deep Learning, sections 7.1 and 7.2."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
from flint import arb

from optcheck.reference.domains import count, open_interval
from optcheck.reference.errata.record import (
    Erratum,
    differs,
    erratum,
    real,
    scalar,
    whether,
    whole,
)
from optcheck.reference.gradient_descent import descend
from optcheck.reference.initialization.propagation import output_moments, passed
from optcheck.reference.sampling.loaders import blocks, next_example
from optcheck.reference.sampling.minibatches import squared_error
from optcheck.reference.surfaces.stationary_points import inertia


def _deciding(case: SimpleNamespace) -> list[tuple[int, int]]:
    """The form is a and c of the first two, and a or c times the determinant of the others."""
    return [(1, 0), (0, 1), (-case.b, case.a), (case.c, -case.b)]


def _positive(case: SimpleNamespace, vectors: Sequence[tuple[int, int]]) -> str:
    forms = [case.a * x * x + 2 * case.b * x * y + case.c * y * y for x, y in vectors]
    return whether(all(each > 0 for each in forms), "positive definite")


erratum(
    Erratum(
        id="B01",
        status="notation",
        source="bishop:7.12",
        as_printed=r"\mathbf v^T\mathbf H\mathbf v>0\ \text{for all }\mathbf v",
        as_corrected=r"\mathbf v^T\mathbf H\mathbf v>0\ \text{for all }\mathbf v\ne0",
        why="at v = 0 the form is 0, so that no matrix would be positive definite",
        equations=("positive-definite-definition", "positive-definite-iff-positive-eigenvalues"),
        variables={"a": whole(-3, 3, 1), "b": whole(-3, 3, 0), "c": whole(-3, 3, 1)},
        fact=lambda case: whether(
            inertia(np.array([[case.a, case.b], [case.b, case.c]]))[0] == 2, "positive definite"
        ),
        printed=lambda case: _positive(case, [(0, 0), *_deciding(case)]),
        corrected=lambda case: _positive(case, [v for v in _deciding(case) if any(v)]),
    )
)


def _is_minimum(case: SimpleNamespace) -> bool:
    """Whether 0 is the lowest of near points, where the lowest power decides."""
    near = (side * Fraction(1, 2**k) for side in (1, -1) for k in (10, 20))
    return all(case.a * w**2 + case.b * w**3 + case.c * w**4 >= 0 for w in near)


erratum(
    Erratum(
        id="B02",
        status="confirmed",
        source="bishop:sec 7.1.1, bishop:Ex 7.3, slides:slide 'Local quadratic approximation'",
        as_printed=r"\text{local minimum}\iff\nabla E=0,\ \mathbf H\succ0",
        as_corrected=(
            r"\nabla E=0,\ \mathbf H\succ0\Rightarrow\text{local minimum}"
            r"\Rightarrow\nabla E=0,\ \mathbf H\succeq0"
        ),
        why="where an eigenvalue is 0, higher terms decide; here E = a w^2 + b w^3 + c w^4 at 0",
        equations=("local-minimum-second-order-condition",),
        variables={"a": whole(-2, 2, 0, 1), "b": whole(-2, 2, 0), "c": whole(-2, 2, 1)},
        fact=lambda case: whether(_is_minimum(case), "a minimum"),
        printed=lambda case: whether(case.a > 0, "a minimum"),
        corrected=lambda case: whether(case.a > 0, "a minimum") if case.a else None,
    )
)


def _descended(rate: Fraction, steps: int) -> Any:
    """Where so many updates lead on w^2/2, from 1."""
    w = Fraction(1)
    for _ in range(steps):
        w = descend(w, w, rate)
    return w


erratum(
    Erratum(
        id="B03",
        status="notation",
        source="bishop:sec 7.2.2",
        as_printed=r"\text{after the update the gradient is evaluated at }\mathbf w^{(\tau+1)}",
        as_corrected=r"\text{after the update the gradient is evaluated at }\mathbf w^{(\tau)}",
        why="(7.16) produces w^(tau); on w^2/2 the iterates are (1 - eta)^tau",
        equations=("gradient-descent-update", "gd-quadratic-mode-after-t-steps"),
        variables={"eta": open_interval(0.5, 0.1), "tau": count(1, 2, 5)},
        fact=lambda case: _descended(case.eta, case.tau),
        printed=lambda case: (1 - case.eta) ** (case.tau + 1),
        corrected=lambda case: (1 - case.eta) ** case.tau,
    )
)


def _visited(examples: int, following: Callable[[int], int]) -> tuple[int, ...]:
    """The indices of one epoch, in order, from the first on."""
    n, visited = 1, []
    for _ in range(examples):
        visited.append(n)
        n = following(n)
    return tuple(sorted(visited))


erratum(
    Erratum(
        id="B04",
        status="confirmed",
        source="bishop:Alg 7.1, slides:slide 'Stochastic gradient descent'",
        as_printed=r"n\leftarrow n+1\ (\mathrm{mod}\ N)",
        as_corrected=r"n\leftarrow (n\ \mathrm{mod}\ N)+1",
        why="the remainders are 0 to N - 1: there is no example 0, and example N never comes",
        equations=("sgd-algorithm-cyclic",),
        variables={"N": count(2, 5)},
        fact=lambda case: tuple(range(1, case.N + 1)),
        printed=lambda case: _visited(case.N, lambda n: (n + 1) % case.N),
        corrected=lambda case: _visited(case.N, lambda n: next_example(n, case.N)),
    )
)


def _joined(parts: Sequence[range]) -> tuple[int, ...]:
    return tuple(itertools.chain(*parts))


erratum(
    Erratum(
        id="B05",
        status="confirmed",
        source="bishop:Alg 7.2, bishop:Alg 7.3, slides:slide 'Mini-batches'",
        as_printed=r"\nabla E_{n:n+B-1};\ \textbf{if}\ n>N:\ n\leftarrow1",
        as_corrected=r"\nabla E_{n:\min(n+B-1,N)};\ \textbf{if}\ n>N:\ n\leftarrow1",
        why="the last block runs past the data where B does not divide N",
        equations=("minibatch-sgd-algorithm", "momentum-sgd-algorithm-bishop"),
        variables={"N": count(2, 10), "B": count(1, 3, 4)},
        fact=lambda case: tuple(range(1, case.N + 1)),
        printed=lambda case: _joined([range(n, n + case.B) for n in range(1, case.N + 1, case.B)]),
        corrected=lambda case: _joined(blocks(case.N, case.B)),
    )
)


def _two_layers(first: int, second: int, value: int) -> Any:
    """The output of two rectified layers of one unit, as the reference passes signals on."""
    weights = [[[scalar(first)]], [[scalar(second)]]]
    layers = passed(weights, [(), ()], ["relu", "relu"], [scalar(value)])
    return layers[-1].after[0].ball


erratum(
    Erratum(
        id="B06",
        status="notation",
        source="bishop:7.19, slides:slide 'Parameter initialization'",
        as_printed=r"a_i^{(l)}=\sum_jw_{ij}z_j^{(l-1)}",
        as_corrected=r"a_i^{(l)}=\sum_jw_{ij}^{(l)}z_j^{(l-1)}",
        why="without an index the weights are those of every layer; here two layers of a unit",
        equations=("he-layer-transformation",),
        variables={"w1": whole(-3, 3, 1), "w2": whole(-3, 3, 2), "x": whole(-3, 3, 1)},
        fact=lambda case: max(0, case.w2 * max(0, case.w1 * case.x)),
        printed=lambda case: _two_layers(case.w1, case.w1, case.x),
        corrected=lambda case: _two_layers(case.w1, case.w2, case.x),
    )
)


def _rectified(case: SimpleNamespace) -> tuple[arb, arb]:
    """Second moment and variance of a rectified sum, over inputs and Gaussian weights.

    Given its inputs the sum is Gaussian: half of its square remains, and of its deviation one
    part in the root of 2 pi.
    """
    draws = list(itertools.product((case.low, case.high), repeat=case.M))
    squares = [real(case.epsilon**2 * sum(z * z for z in inputs)) for inputs in draws]
    second = sum(squares, arb(0)) / 2 / len(draws)
    first = sum(((each / (2 * arb.pi())).sqrt() for each in squares), arb(0)) / len(draws)
    return second, second - first**2


erratum(
    Erratum(
        id="B07",
        status="qualification",
        source="bishop:7.22",
        as_printed=r"\mathrm{var}[z_j^{(l)}]=\frac M2\epsilon^2\lambda^2",
        as_corrected=r"\mathbb E[(z_j^{(l)})^2]=\frac M2\epsilon^2\,\mathbb E[(z^{(l-1)})^2]",
        why=(
            "of second moments it is always true; of variances it is true of rectified Gaussian "
            "inputs in wide layers, and not of others. Second moment and variance are asked for; "
            "each input is low or high, with probability 1/2"
        ),
        equations=("he-variance-recursion-outputs", "he-variance-recursion-preactivations"),
        variables={
            "M": whole(1, 4, 1),
            "epsilon": whole(1, 3, 1),
            "low": whole(-3, 3, 0),
            "high": whole(-3, 3, 1),
        },
        fact=_rectified,
        printed=lambda case: (
            None,
            case.M * case.epsilon**2 * Fraction((case.high - case.low) ** 2, 4) / 2,
        ),
        corrected=lambda case: (
            output_moments(case.M, case.epsilon**2, Fraction(case.low**2 + case.high**2, 2))[0],
            None,
        ),
    )
)


def _equivalent(units: int, activation: Callable[[int], Any]) -> int:
    """How many permutations and changes of sign of the units leave a network's outputs."""
    pairs = list(zip((1, 2, 3), (2, 3, 5), strict=True))[:units]

    def outputs(unit_pairs: Sequence[tuple[int, int]]) -> tuple[Any, ...]:
        return tuple(
            sum((outer * activation(inner * x) for inner, outer in unit_pairs), arb(0))
            for x in (-1, 1, 2)
        )

    changed = (
        [(sign * inner, sign * outer) for sign, (inner, outer) in zip(signs, order, strict=True)]
        for order in itertools.permutations(pairs)
        for signs in itertools.product((1, -1), repeat=units)
    )
    return sum(not differs(outputs(each), outputs(pairs)) for each in changed)


erratum(
    Erratum(
        id="B21",
        status="qualification",
        source="bishop:sec 7.1",
        as_printed=r"M!\,2^M\text{ equivalent points for }M\text{ hidden units}",
        as_corrected=r"M!\,2^M\text{ where the activation is odd; }M!\text{ for rectifiers}",
        why="a change of both signs of a unit uses h(-a) = -h(a), which tanh has and ReLU has not",
        equations=(
            "weight-space-symmetry-sign-permutation-count",
            "weight-space-symmetry-permutation-count",
        ),
        variables={"M": whole(1, 3, 1, 2, 3), "odd": whole(0, 1, 0)},
        fact=lambda case: _equivalent(
            case.M, (lambda a: real(a).tanh()) if case.odd else (lambda a: max(0, a))
        ),
        printed=lambda case: math.factorial(case.M) * 2**case.M,
        corrected=lambda case: math.factorial(case.M) * (2**case.M if case.odd else 1),
    )
)


def _three(case: SimpleNamespace) -> list[Fraction]:
    return [Fraction(each) for each in (case.x1, case.x2, case.x3)]


def _spread_of_means(case: SimpleNamespace) -> Fraction:
    """The variance of the mean over all batches that can be drawn."""
    draw = (
        itertools.product(_three(case), repeat=case.B)
        if case.replacement
        else itertools.combinations(_three(case), case.B)
    )
    means = [sum(batch, Fraction(0)) / case.B for batch in draw]
    centre = sum(means, Fraction(0)) / len(means)
    return sum(((each - centre) ** 2 for each in means), Fraction(0)) / len(means)


erratum(
    Erratum(
        id="B22",
        status="qualification",
        source="bishop:sec 7.2.4, goodfellow:sec 8.1.3",
        as_printed=r"\mathrm{se}^2=\frac{\sigma^2}{B}",
        as_corrected=(
            r"\mathrm{se}^2=\frac{\sigma^2}{B}\text{ with replacement};\quad"
            r"\frac{\sigma^2}{B}\cdot\frac{I-B}{I-1}\text{ without, from }I\text{ examples}"
        ),
        why="batches that are drawn without replacement are not independent draws",
        equations=("sample-mean-standard-error",),
        variables={
            "x1": whole(-3, 3, 0),
            "x2": whole(-3, 3, 1),
            "x3": whole(-3, 3, 0),
            "B": whole(1, 3, 2),
            "replacement": whole(0, 1, 0),
        },
        fact=_spread_of_means,
        printed=lambda case: squared_error(_three(case), case.B, replacement=True),
        corrected=lambda case: squared_error(
            _three(case), case.B, replacement=bool(case.replacement)
        ),
    )
)
