"""Newton's method, and what keeps it from saddle points: a shift, absolute eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from flint import arb

from optcheck.reference.balls import EXACT_BITS, Scalar, ball_arithmetic
from optcheck.reference.domains import non_negative
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

# A matrix is a list of its rows, a vector a list; entries are scalars, or numbers of any kind.
Rows = Sequence[Sequence[Any]]
Equations = tuple[Rows, Sequence[Any]]


@equation(
    "newton-step",
    title="Newton's step",
    formula=r"\mathbf H(\mathbf w)\,\Delta\mathbf w=-\nabla E(\mathbf w)",
    sources=(
        "goodfellow:8.14",
        "goodfellow:8.21",
        "trofimov:slide 'Newton's Method'",
        "prince:Notes Beyond gradient descent",
    ),
)
def newton_equations(hessian: Rows, gradient: Sequence[Any]) -> Equations:
    """``H d = -g``: its matrix, shape ``(n, n)``, and its right-hand side, shape ``(n,)``."""
    return hessian, [-each for each in gradient]


@equation(
    "regularised-newton-step",
    title="Newton's step with a regularised Hessian",
    formula=r"[\mathbf H+\alpha\mathbf I]\,\Delta\boldsymbol\theta=-\mathbf g",
    sources=("goodfellow:sec 8.5.1",),
)
def regularised_equations(hessian: Rows, gradient: Sequence[Any], shift: Any) -> Equations:
    """``(H + shift I) d = -g``, shapes as :func:`newton_equations`."""
    rows = [
        [entry + shift if i == j else entry for j, entry in enumerate(row)]
        for i, row in enumerate(hessian)
    ]
    return newton_equations(rows, gradient)


@equation(
    "saddle-free-newton",
    title="Saddle-free Newton",
    formula=(
        r"|\mathbf H|\,\Delta\boldsymbol\theta=-\nabla J,\quad"
        r"|\mathbf H|=\mathbf Q|\boldsymbol\Lambda|\mathbf Q^T"
    ),
    sources=("goodfellow:sec 8.2.4",),
)
def saddle_free_equations(
    hessian: Sequence[Sequence[Scalar]], gradient: Sequence[Scalar]
) -> Equations:
    """``|H| d = -g``, shapes as :func:`newton_equations`; the entries are scalars.

    Below the exact precision only the radii count: they cover what rounding makes of the
    eigenvalues and vectors (:func:`absolute_error`).
    """
    bits = min(entry.bits for row in hessian for entry in row)
    right = [-each for each in gradient]
    with ball_arithmetic():
        midpoints = [[entry.ball.mid() for entry in row] for row in hessian]
        rows = absolute(midpoints)
        if bits < EXACT_BITS:
            matrix, vector = absolute_error(hessian, gradient, bits)
            rows = [[entry + arb(0, matrix) for entry in row] for row in rows]
            right = [Scalar(each.ball + arb(0, vector), bits) for each in right]
        return [[Scalar(entry, bits) for entry in row] for row in rows], right


def absolute(matrix: Sequence[Sequence[arb]]) -> list[list[arb]]:
    """``|A| = Q |L| Q'`` of a symmetric matrix, by Jacobi's rotations of rows and columns.

    Call it inside :class:`~optcheck.reference.balls.ball_arithmetic`; the result is off by few
    units of that precision.
    """
    count = len(matrix)
    A = [list(row) for row in matrix]
    Q = [[arb(int(i == j)) for j in range(count)] for i in range(count)]
    pairs = [(p, q) for q in range(count) for p in range(q)]
    size = max(abs(entry) for row in A for entry in row)
    # Convergence is quadratic: in ten sweeps of such small matrices nothing is left.
    for p, q in 10 * pairs:
        if abs(A[p][q]) <= size * arb(2) ** (-2 * EXACT_BITS):
            continue
        ratio = (A[q][q] - A[p][p]) / (2 * A[p][q])
        tangent = 1 / (abs(ratio) + (ratio * ratio + 1).sqrt())
        tangent = -tangent if ratio < 0 else tangent
        cosine = (1 / (tangent * tangent + 1).sqrt()).mid()
        sine = (tangent * cosine).mid()
        _rotate(A, p, q, cosine, sine)
        A = [list(column) for column in zip(*A, strict=True)]
        _rotate(A, p, q, cosine, sine)
        _rotate(Q, p, q, cosine, sine)
    sizes = [abs(A[k][k]) for k in range(count)]
    return [
        [sum((sizes[k] * Q[k][i] * Q[k][j] for k in range(count)), arb(0)) for j in range(count)]
        for i in range(count)
    ]


def _rotate(rows: list[list[arb]], p: int, q: int, cosine: arb, sine: arb) -> None:
    first, second = rows[p], rows[q]
    pairs = list(zip(first, second, strict=True))
    rows[p] = [(cosine * a - sine * b).mid() for a, b in pairs]
    rows[q] = [(sine * a + cosine * b).mid() for a, b in pairs]


def absolute_error(
    hessian: Sequence[Sequence[Scalar]], gradient: Sequence[Scalar], bits: int
) -> tuple[float, float]:
    """What ``|H|`` and ``g`` may be off by when ``|H| d = -g`` is solved by eigenvectors.

    The computed eigenvalues are those of ``H + F``, and the computed eigenvectors are within
    ``p(n) u`` of orthogonal ones of it, ``||F|| <= p(n) u ||H||`` (LAPACK Users' Guide,
    section 4.7). ``p(n)`` counts what is done: ``n - 2`` reflections, each off by ``10 n``
    roundings, and at most ``30 n`` sweeps (the limit of LAPACK's QL and QR iterations) of
    ``n - 1`` rotations, each off by ``6 sqrt(2)`` (Higham, Accuracy and Stability of Numerical
    Algorithms, lemma 19.8); all from both sides. Absolute values carry a difference of matrices
    over with the factor ``sqrt(2)`` in the Frobenius norm (Araki and Yamagami). The products with
    ``Q`` and ``Q'`` add the error of ``Q`` and ``2 n + 2`` roundings each.
    """
    count, unit = len(gradient), 2.0**-bits
    p = 20 * count * max(count - 2, 0) + 510 * count * (count - 1)
    H, entries = _length(entry.ball.mid() for row in hessian for entry in row), unit * p
    g = _length(each.ball.mid() for each in gradient)
    rounded = _length(entry.ball.rad() for row in hessian for entry in row)
    products = unit * (count**0.5 * p + 2 * count + 2)
    matrix = 2**0.5 * (rounded + entries * H) + products * H
    vector = products * g + _length(each.ball.rad() for each in gradient)
    return matrix, vector


def _length(entries: Any) -> float:
    """The root of the sum of squares."""
    return float(sum(float(each) ** 2 for each in entries) ** 0.5)


statement(
    "newton-stationarity-derivation",
    title="Newton's step makes the quadratic model stationary",
    formula=r"\nabla E(\mathbf w)+\mathbf H(\mathbf w)\boldsymbol\varepsilon=0",
    sources=("trofimov:slide 'Newton's Method'", "goodfellow:sec 8.5.1"),
)
statement(
    "newton-algorithm",
    title="Newton's method (Algorithm 8.9)",
    formula=(
        r"\Delta\boldsymbol\theta_t=-\mathbf H^{-1}\mathbf g,\quad"
        r"\boldsymbol\theta_{t+1}=\boldsymbol\theta_t+\Delta\boldsymbol\theta_t"
    ),
    sources=("goodfellow:Alg 8.9",),
    erratum="Printed without the minus sign, which (8.14) has (G18).",
)
statement(
    "truncated-newton-forcing-term",
    title="When conjugate gradients have solved Newton's equations well enough",
    formula=(
        r"\|\mathbf H\mathbf d+\mathbf g\|_1\le"
        r"\min\big(\tfrac12,\sqrt{\|\mathbf g\|_1}\big)\|\mathbf g\|_1"
    ),
    sources=("nocedal-wright:Alg 7.1",),
)
statement(
    "newton-quadratic-one-step",
    title="Newton's method reaches the minimum of a quadratic in one step",
    formula=r"J\ \text{quadratic},\ \mathbf H\succ0:\ \boldsymbol\theta_1=\boldsymbol\theta^\star",
    sources=("goodfellow:sec 8.5.1", "trofimov:slide 'Newton's Method'"),
)
statement(
    "newton-eigen-direction-scaling",
    title="Newton takes long steps where it is flat and short ones where it is steep",
    formula=r"\mathbf u_i^T\Delta\mathbf w=-\frac{\mathbf u_i^T\nabla E}{\lambda_i}",
    sources=("trofimov:slide 'Newton's Method'", "prince:Notes Beyond gradient descent"),
)
statement(
    "newton-whitening-change-of-variables",
    title="The gradient in whitened variables",
    formula=(
        r"\boldsymbol\phi=\boldsymbol\Lambda^{1/2}\mathbf Q^T\boldsymbol\theta:\quad"
        r"\nabla_\phi f=\boldsymbol\Lambda^{-1/2}\mathbf Q^T\nabla_\theta f,\quad"
        r"\nabla_\theta f=\mathbf Q\boldsymbol\Lambda^{1/2}\nabla_\phi f"
    ),
    sources=("goodfellow:8.15", "goodfellow:sec 8.5.1"),
    erratum=(
        "Printed as Q Lambda^(1/2) grad_theta f (G19), and its inverse as "
        "Lambda^(1/2) Q' grad_phi f (G20)."
    ),
)
statement(
    "newton-whitened-quadratic",
    title="The quadratic model in whitened variables has the unit Hessian",
    formula=(
        r"f(\boldsymbol\theta)\approx f(\boldsymbol\theta_0)"
        r"+(\boldsymbol\phi-\boldsymbol\phi_0)^T\nabla_\phi f(\boldsymbol\theta_0)"
        r"+\tfrac12\|\boldsymbol\phi-\boldsymbol\phi_0\|^2"
    ),
    sources=("goodfellow:8.16", "goodfellow:Fig 8.7"),
)
statement(
    "newton-step-in-whitened-space",
    title="In whitened variables Newton's step is a unit gradient step",
    formula=r"\boldsymbol\phi^\star=\boldsymbol\phi_0-\nabla_\phi f(\boldsymbol\theta_0)",
    sources=("goodfellow:8.17",),
)
statement(
    "newton-attracted-to-saddles-and-maxima",
    title="Newton's method converges to any nearby stationary point",
    formula=(
        r"\boldsymbol\theta_0-\mathbf H^{-1}\nabla J=\boldsymbol\theta^\star\ "
        r"\text{for any nonsingular quadratic}"
    ),
    sources=(
        "goodfellow:sec 8.2.4",
        "goodfellow:sec 8.5.1",
        "prince:Notes Beyond gradient descent",
    ),
    erratum=(
        "Not toward the nearest extremum, but to a stationary point of the local quadratic model, "
        "saddles included (P12)."
    ),
)
statement(
    "newton-convergence-far-start",
    title="From a distant start Newton's full step may diverge, on a convex function too",
    formula=(
        r"E(x)=\ln\cosh x:\ x_{t+1}=x_t-\tfrac12\sinh 2x_t,\quad"
        r"|x_0|<x_c:\ x_t\to0,\quad|x_0|>x_c:\ |x_t|\to\infty,\quad\sinh 2x_c=4x_c"
    ),
    sources=("trofimov:slide 'Newton's Method'", "prince:Notes Beyond gradient descent"),
    erratum=(
        "Convergence is to a stationary point, not to a minimum (T03), and a line search is not "
        "superfluous (P13)."
    ),
)
statement(
    "regularised-newton-limits",
    title="Large damping gives a small gradient step, none gives Newton's",
    formula=(
        r"\alpha\to\infty:\ \alpha\,\Delta\boldsymbol\theta\to-\mathbf g,\quad"
        r"\alpha\to0:\ \Delta\boldsymbol\theta\to-\mathbf H^{-1}\mathbf g"
    ),
    sources=("goodfellow:sec 8.5.1", "trofimov:slide 'Levenberg-Marquardt Method'"),
)
statement(
    "newton-indefinite-hessian-wrong-direction",
    title="Newton's step goes uphill along a direction of negative curvature",
    formula=r"\lambda_{\min}<0:\quad-\mathbf g^T\mathbf H^{-1}\mathbf g>0\ \text{is possible}",
    sources=("goodfellow:sec 8.5.1",),
)


statement(
    "newton-illustration-root-finding",
    title="Newton's method is Newton and Raphson's on the gradient",
    formula=(r"F=\nabla E:\quad\mathbf w\leftarrow\mathbf w-[DF(\mathbf w)]^{-1}F(\mathbf w)"),
    sources=("trofimov:slide 'Newton's Method. Illustration'", "goodfellow:sec 8.2.4"),
)


@equation(
    "newton-cost",
    title="What a Newton step costs",
    formula=(
        r"K^2\ \text{entries of}\ \mathbf H;\qquad\text{elimination of a full}\ \mathbf H:\ "
        r"\sum_{m<K}\frac{m(m+1)}2=\frac{K^3-K}6\ \text{products}"
    ),
    sources=(
        *("goodfellow:sec 8.5.1", "trofimov:slide 'Newton's Method'"),
        "prince:Notes Beyond gradient descent",
    ),
)
def elimination_products(below: Sequence[int]) -> int:
    """The products of a symmetric elimination, from the entries below each pivot of the factor.

    Each pair of them, in either order once, changes one entry of what is left.
    """
    return sum(count * (count + 1) // 2 for count in below)


@equation(
    "hessian-memory-one-million-parameters",
    title="The Hessian of a million parameters",
    formula=(
        r"10^6\times10^6\times4\ \text{bytes}=4\times10^{12}\ \text{B}=4000\ \text{GB}"
        r"=3725.29\ \text{GiB}\quad(\text{7450.58 GiB in double precision})"
    ),
    sources=("trofimov:slide 'Newton's Method'", "prince:Problem 6.11"),
    erratum="T02: the 3725 are GiB in single precision; unit and precision are not printed.",
)
def hessian_bytes(parameters: int, bytes_each: int) -> int:
    """Of all entries."""
    return parameters**2 * bytes_each


def _full(problem: Any, point: Any, damping: Any, h: SimpleNamespace) -> Equations:
    return newton_equations(problem.hessian(point), problem.gradient(point))


def _shifted(problem: Any, point: Any, damping: Any, h: SimpleNamespace) -> Equations:
    return regularised_equations(problem.hessian(point), problem.gradient(point), h.shift)


def _absolute(problem: Any, point: Any, damping: Any, h: SimpleNamespace) -> Equations:
    return saddle_free_equations(problem.hessian(point), problem.gradient(point))


NEWTON = procedure(
    Procedure(
        id="newton",
        title="Newton's method",
        source="goodfellow:Alg 8.9",
        capability="minimizer",
        dialects={
            "full-step": Form(
                summary="H d = -g, and the full step",
                equations=("newton-step", "newton-stationarity-derivation", "newton-algorithm"),
                system=_full,
            ),
            "truncated": Form(
                summary=(
                    "conjugate gradients on H d = -g until the residual is below its forcing "
                    "term or the curvature is not positive, and a line search"
                ),
                equations=("truncated-newton-forcing-term",),
            ),
        },
    )
)

REGULARIZED_NEWTON = procedure(
    Procedure(
        id="regularized-newton",
        title="Newton's method with a regularised Hessian",
        source="goodfellow:sec 8.5.1",
        capability="minimizer",
        dialects={
            "shifted": Form(
                summary="(H + shift I) d = -g, and the full step",
                equations=("regularised-newton-step",),
                system=_shifted,
            ),
        },
        hyperparameters={"shift": non_negative(1.0, 8.0, 0.125, 0.0)},
    )
)

SADDLE_FREE_NEWTON = procedure(
    Procedure(
        id="saddle-free-newton",
        title="Saddle-free Newton",
        source="goodfellow:sec 8.2.4",
        capability="minimizer",
        dialects={
            "absolute-eigenvalues": Form(
                summary="|H| d = -g with the absolute eigenvalues of H, and the full step",
                equations=("saddle-free-newton",),
                system=_absolute,
            ),
        },
    )
)
