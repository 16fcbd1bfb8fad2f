"""Laws of what Newton's method costs: entries, bytes and products, all of them counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.questions import Question, answer
from optcheck.properties.calculus.questions import deviation as wrong_derivative
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.minimizers.drawing import starts
from optcheck.properties.surfaces.landscapes import computes
from optcheck.properties.surfaces.running import BOTH, FEW_SIZES, SIZES, found, of
from optcheck.reference.minimizers.newton import elimination_products, hessian_bytes
from optcheck.reference.problems import Quadratic

_MILLION = 10**6


def _coupled(order: int, diagonal: float) -> Quadratic:
    """Every variable coupled to every other one."""
    rows = (tuple(diagonal if i == j else -1.0 for j in range(order)) for i in range(order))
    return Quadratic(tuple(rows), (0.0,) * order)


@law(
    id="a-hessian-takes-the-square-of-its-parameters",
    title="A Hessian of K parameters takes K^2 entries, of a million 3725 GiB",
    statement=(
        "The Hessians found for K = 1, 2 and 3 have K^2 entries, none of them 0 where all "
        "variables are coupled, and take K^2 times 4 bytes in float32 and 8 in float64 in the "
        "library's own arrays. The parabola through the three gives 4000 GB = 3725.29 GiB for "
        "K = 10^6 in float32, and twice that in float64."
    ),
    oracle="exact",
    capability="derivative",
    equations=("newton-cost", "hessian-memory-one-million-parameters"),
    about=computes("hessian"),
    every_path=False,
    dtypes=BOTH,
    share=0.05,
)
def a_hessian_takes_the_square(subject: Subject, data: st.DataObject) -> float:
    each = np.dtype(subject.dtype).itemsize
    bytes_found = []
    for order in (1, 2, 3):
        question = Question(
            _coupled(order, 4.0), data.draw(starts(order), label=f"point of {order}")
        )
        hessian = answer(subject, question)
        if np.count_nonzero(hessian) != order**2:
            raise wrong_derivative(
                subject,
                question,
                f"a Hessian of {order} coupled variables has {np.count_nonzero(hessian)} entries",
            )
        bytes_found.append(_bytes(subject, hessian))
        if bytes_found[-1] != hessian_bytes(order, each):
            raise wrong_derivative(
                subject, question, f"{order}^2 entries of {each} bytes take {bytes_found[-1]}"
            )
    first, second, third = bytes_found
    bend = third - 2 * second + first
    ahead = _MILLION - 1
    total = first + ahead * (second - first) + ahead * (ahead - 1) // 2 * bend
    if total != hessian_bytes(_MILLION, each):
        raise Deviation(
            f"{subject.name}: {_MILLION} parameters take {total / 2**30:.2f} GiB",
            counterexample={"bytes": bytes_found},
        )
    return 0.0


def _bytes(subject: Subject, values: Floats) -> int:
    """Of an array of the library."""
    native = subject.backend.asarray(values, subject.dtype)
    if not hasattr(native, "nbytes"):
        raise NotShown(f"{subject.backend.name} does not say how many bytes an array takes")
    return int(native.nbytes)


# Which variables are coupled to which: those of a pair (i, j) with i < j in so many.
_COUPLINGS: dict[str, Callable[[int, int, int], bool]] = {
    "all": lambda i, j, order: True,
    "the first": lambda i, j, order: i == 0,
    "the last": lambda i, j, order: j == order - 1,
    "neighbours": lambda i, j, order: j == i + 1,
    "none": lambda i, j, order: False,
}


@law(
    id="elimination-takes-a-sixth-of-the-cube",
    title="Eliminating a full Hessian takes (K^3 - K)/6 products",
    statement=(
        "The entries of Cholesky's factor below each pivot tell what elimination multiplies. "
        "Couplings are negative and the matrix diagonally dominant, so that none cancels: where "
        "all variables are coupled, or all to the first, there are (K^3 - K)/6 products; where "
        "all are to the last, or neighbours are, K - 1; where none is, 0."
    ),
    oracle="exact",
    capability="factorization",
    equations=("newton-cost",),
    about=of("cholesky"),
    every_path=False,
    dtypes=BOTH,
    share=0.1,
)
def elimination_takes_a_sixth_of_the_cube(subject: Subject, data: st.DataObject) -> float:
    sizes = SIZES if subject.claim.compilation == "none" else FEW_SIZES
    order = data.draw(st.sampled_from(sizes), label="K")
    diagonal = order + data.draw(st.integers(0, 8), label="more on the diagonal")
    for kind, coupled in _COUPLINGS.items():
        matrix = np.diag(np.full(order, float(diagonal)))
        for j in range(order):
            for i in range(j):
                matrix[i, j] = matrix[j, i] = -1.0 if coupled(i, j, order) else 0.0
        _require_products(subject, kind, matrix)
    return 0.0


def _require_products(subject: Subject, kind: str, matrix: Floats) -> None:
    factors, order = found(subject, matrix), len(matrix)
    factor = np.zeros((order, order)) if factors is None else factors["factor"]
    lower = factor if subject.claim.dialect == "lower" else factor.T
    below = np.count_nonzero(np.tril(lower, -1), axis=0)
    products = elimination_products(below.tolist())
    expected = (order**3 - order) // 6 if kind in ("all", "the first") else order - 1
    expected = 0 if kind == "none" else expected
    if products == expected:
        return
    coupling = f"{order} variables, {kind} coupled"
    title = f"{subject.name}: {coupling}, take {products} products for {expected}"
    raise Deviation(
        title,
        counterexample={"matrix": matrix.tolist(), "entries below": below.tolist()},
        script=lambda: f'"""{title}"""\n\n{subject.rule.script(matrix, dtype=subject.dtype)}',
    )
