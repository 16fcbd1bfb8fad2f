"""Derivatives: what they are, the modes in which libraries find them, and what each may round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.calculus import automatic, taylor
from optcheck.reference.domains import positive
from optcheck.reference.functions import total
from optcheck.reference.oracle import SAFETY, Bound, Quantity
from optcheck.reference.problems import Problem
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import statement
from optcheck.reference.trajectories import scalars, value_at

Floats = npt.NDArray[np.float64]
# (problem, point, direction) to the derivative, flat.
Program = Callable[[Problem, Sequence[Any], Sequence[Any]], list[Any]]

_FAMILY = "error-surface"

statement(
    "gradient-vector-definition",
    title="The gradient holds the partial derivatives",
    formula=(
        r"\frac{\partial L}{\partial\boldsymbol\phi}=\left[\frac{\partial L}{\partial\phi_0},"
        r"\dots,\frac{\partial L}{\partial\phi_N}\right]^T"
    ),
    sources=("prince:6.2",),
)
statement(
    "hessian-definition",
    title="The Hessian holds the second derivatives",
    formula=(
        r"\mathbf{H}=\nabla\nabla E,\qquad "
        r"H_{ij}=\frac{\partial^2E}{\partial w_i\,\partial w_j}=H_{ji}"
    ),
    sources=(
        *("bishop:7.5", "prince:6.19", "prince:6.20", "goodfellow:8.12"),
        "trofimov:slide 'Newton's Method'",
    ),
)
statement(
    "error-first-order-change",
    title="A small step changes the error by its product with the gradient",
    formula=(
        r"\delta E=\delta\mathbf{w}^T\nabla E+R,\qquad "
        r"R\in\tfrac12\,\delta\mathbf{w}^T\mathbf{H}(\text{segment})\,\delta\mathbf{w}"
    ),
    sources=("bishop:7.1",),
)
statement(
    "directional-derivative-cauchy-schwarz",
    title="A directional derivative is bounded by the length of the gradient",
    formula=r"|Df(a)v|=|v^T\nabla f(a)|\le\|\nabla f(a)\|\,\|v\|",
    sources=("slides:slide 'Gradient and stationary points'",),
)
statement(
    "gradient-steepest-ascent",
    title="The gradient points where the function rises most steeply",
    formula=(
        r"\mathrm{argmax}_{\|v\|=1}Df(a)v=\frac{\nabla f(a)}{\|\nabla f(a)\|},\qquad "
        r"\max_{\|v\|=1}Df(a)v=\|\nabla f(a)\|"
    ),
    sources=(
        *("slides:slide 'Gradient and stationary points'", "bishop:sec 7.1"),
        *("bishop:sec 7.2.2", "prince:sec 6.1"),
    ),
)
statement(
    "quadratic-taylor-approximation",
    title="The quadratic approximation of an error",
    formula=(
        r"E(\mathbf{w})=E(\hat{\mathbf{w}})+(\mathbf{w}-\hat{\mathbf{w}})^T\mathbf{b}"
        r"+\tfrac12(\mathbf{w}-\hat{\mathbf{w}})^T\mathbf{H}(\mathbf{w}-\hat{\mathbf{w}})+R_3"
    ),
    sources=(
        *("bishop:7.3", "bishop:7.4", "goodfellow:8.13", "trofimov:slide 'Newton's Method'"),
        "slides:slide 'Use of gradient information'",
        "slides:slide 'Local quadratic approximation'",
    ),
)
statement(
    "quadratic-gradient-approximation",
    title="The gradient of the quadratic approximation",
    formula=r"\nabla E(\mathbf{w})=\mathbf{b}+\mathbf{H}(\mathbf{w}-\hat{\mathbf{w}})+R_2",
    sources=("bishop:7.6",),
)
statement(
    "least-squares-linear-gradient",
    title="The gradient of the least-squares loss of a line",
    formula=(
        r"\frac{\partial\ell_i}{\partial\phi}=\begin{bmatrix}2(\phi_0+\phi_1x_i-y_i)\\"
        r"2x_i(\phi_0+\phi_1x_i-y_i)\end{bmatrix}"
    ),
    sources=("prince:6.7", "prince:6.6", "prince:Problem 6.1"),
)
statement(
    "least-squares-linear-hessian",
    title="The Hessian of the least-squares loss of a line",
    formula=(
        r"\mathbf{H}=2\begin{bmatrix}N&\sum x_n\\\sum x_n&\sum x_n^2\end{bmatrix}"
        r"\ (\text{halved for a halved loss}),\qquad "
        r"N\sum x_n^2-\Big(\sum x_n\Big)^2=N^2\mathrm{var}(x)\ge0"
    ),
    sources=("bishop:Ex 7.4", "prince:Problem 6.2", "prince:6.20"),
    erratum="B19: the determinant is positive only if two inputs differ, else it is 0.",
)
statement(
    "logistic-regression-gradient",
    title="The gradient of the cross-entropy of logistic regression",
    formula=(
        r"\frac{\partial L}{\partial\phi_0}=\sum_i(\mathrm{sig}_i-y_i),\qquad "
        r"\frac{\partial L}{\partial\phi_1}=\sum_i(\mathrm{sig}_i-y_i)\,x_i"
    ),
    sources=("prince:Problem 6.4",),
)
statement(
    "logistic-regression-hessian",
    title="The Hessian of the cross-entropy of logistic regression",
    formula=(
        r"\mathbf{H}=\sum_nr_n\begin{bmatrix}1&x_n\\x_n&x_n^2\end{bmatrix},\quad r_n=y_n(1-y_n),"
        r"\qquad\det\mathbf{H}=\sum_nr_nx_n^2\sum_nr_n-\Big(\sum_nr_nx_n\Big)^2\ge0"
    ),
    sources=("bishop:Ex 7.5", "prince:Problem 6.4"),
    erratum=(
        "B14: with the sign as printed the trace is negative. "
        "B19: the determinant is positive only if two inputs differ."
    ),
)
statement(
    "gabor-loss-gradient",
    title="The gradient of the least-squares loss of the Gabor model",
    formula=(
        r"u_i=\phi_0+0.06\,\phi_1x_i,\quad f_i'=e^{-u_i^2/32}\big(\cos u_i-\tfrac{u_i}{16}"
        r"\sin u_i\big):\quad\nabla L=\sum_i2(f_i-y_i)f_i'\begin{bmatrix}1\\0.06\,x_i\end{bmatrix}"
    ),
    sources=("prince:Problem 6.3", "prince:6.9"),
)
statement(
    "shallow-relu-network-gradient",
    title="The gradient of the least-squares loss of a shallow network",
    formula=(
        r"\frac{\partial\ell}{\partial\phi_0}=r,\ \frac{\partial\ell}{\partial\phi_k}=r\,a[z_k],"
        r"\ \frac{\partial\ell}{\partial\theta_{k0}}=r\,\phi_k\mathbb{1}[z_k>0],"
        r"\ \frac{\partial\ell}{\partial\theta_{k1}}=r\,\phi_k\mathbb{1}[z_k>0]\,x"
    ),
    sources=("prince:Problem 6.5",),
)

# Where a difference is taken: SciPy's default for the forward one is the root of the unit.
_STEP = {"step": positive(2.0**-26)}

VALUE = procedure(
    Procedure(
        id="value",
        title="The value of a function",
        source="bishop:sec 7.1",
        capability="derivative",
        family=_FAMILY,
        dialects={
            "evaluated": Form(
                "the function itself, a model or its loss, in the library",
                (
                    "linear-regression-model",
                    "logistic-regression-model",
                    "gabor-model",
                    "shallow-relu-network-model",
                ),
            )
        },
    )
)
GRADIENT = procedure(
    Procedure(
        id="gradient",
        title="The gradient of a function",
        source="prince:6.2",
        capability="derivative",
        family=_FAMILY,
        dialects={
            "written-out": Form("by its formula", ("gradient-vector-definition",)),
            "reverse-mode": Form("from the result back", ("gradient-vector-definition",)),
            "forward-mode": Form("along each axis", ("gradient-vector-definition",)),
            "forward-difference": Form("a step ahead", ("gradient-vector-definition",)),
            "central-difference": Form("a step to each side", ("gradient-vector-definition",)),
        },
        extra={"forward-difference": _STEP, "central-difference": _STEP},
    )
)
HESSIAN = procedure(
    Procedure(
        id="hessian",
        title="The Hessian of a function",
        source="bishop:7.5",
        capability="derivative",
        family=_FAMILY,
        dialects={
            "written-out": Form("by its formula", ("hessian-definition",)),
            **{
                f"{outer}-over-{inner}": Form(
                    f"the {inner} mode for the gradient, the {outer} one for its derivatives",
                    ("hessian-definition",),
                )
                for outer in ("forward", "reverse")
                for inner in ("forward", "reverse")
            },
        },
    )
)
DIRECTIONAL_DERIVATIVE = procedure(
    Procedure(
        id="directional-derivative",
        title="The derivative along a direction",
        source="slides:slide 'Gradient and stationary points'",
        capability="derivative",
        family=_FAMILY,
        dialects={
            "written-out": Form(
                "the product with the gradient", ("directional-derivative-cauchy-schwarz",)
            ),
            "forward-mode": Form("one pass along it", ("directional-derivative-cauchy-schwarz",)),
        },
    )
)
HESSIAN_VECTOR_PRODUCT = procedure(
    Procedure(
        id="hessian-vector-product",
        title="The product of the Hessian and a vector",
        source="bishop:7.6",
        capability="derivative",
        family=_FAMILY,
        dialects={
            "written-out": Form("the product of both", ("hessian-definition",)),
            "forward-over-reverse": Form("the gradient along it", ("hessian-definition",)),
            "reverse-over-reverse": Form(
                "the gradient of the product with the gradient", ("hessian-definition",)
            ),
        },
    )
)


def _product(rows: Sequence[Sequence[Any]], vector: Sequence[Any]) -> list[Any]:
    return [total([a * b for a, b in zip(row, vector, strict=True)]) for row in rows]


def _flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return [entry for row in rows for entry in row]


def _reverse_gradient(problem: Problem, x: Sequence[Any]) -> list[Any]:
    return automatic.gradient("reverse", problem.value, x)


# What is exact is written out; each mode is the same to rounding.
_WRITTEN_OUT: dict[str, Program] = {
    "value": lambda problem, x, v: [problem.value(x)],
    "gradient": lambda problem, x, v: problem.gradient(x),
    "hessian": lambda problem, x, v: _flat(problem.hessian(x)),
    "directional-derivative": lambda problem, x, v: _product([problem.gradient(x)], v),
    "hessian-vector-product": lambda problem, x, v: _product(problem.hessian(x), v),
}
_MODES: dict[tuple[str, str], Program] = {
    ("gradient", "reverse-mode"): lambda problem, x, v: _reverse_gradient(problem, x),
    ("gradient", "forward-mode"): lambda problem, x, v: automatic.gradient(
        "forward", problem.value, x
    ),
    ("directional-derivative", "forward-mode"): lambda problem, x, v: automatic.push(
        lambda y: [problem.value(y)], x, v
    ),
    ("hessian-vector-product", "forward-over-reverse"): lambda problem, x, v: automatic.push(
        lambda y: _reverse_gradient(problem, y), x, v
    ),
    ("hessian-vector-product", "reverse-over-reverse"): lambda problem, x, v: automatic.gradient(
        "reverse", lambda y: _slope_along(problem, y, v), x
    ),
}


def _slope_along(problem: Problem, x: Sequence[Any], direction: Sequence[Any]) -> Any:
    slopes = _reverse_gradient(problem, x)
    constants = [slope.constant(each) for slope, each in zip(slopes, direction, strict=True)]
    return _product([slopes], constants)[0]


def _program(method: str, dialect: str) -> Program:
    if method == "hessian" and dialect != "written-out":
        outer, inner = dialect.split("-over-")
        return lambda problem, x, v: _flat(automatic.hessian(outer, inner, problem.value, x))  # type: ignore[arg-type]
    return _MODES.get((method, dialect), _WRITTEN_OUT[method])


def derivative_at(
    method: str,
    dialect: str,
    problem: Problem,
    point: Floats,
    working: Arithmetic,
    *,
    direction: Floats | None = None,
    step: float = 0.0,
) -> Quantity | Bound:
    """The derivative, flat, and what an implementation in this dialect may be off by.

    ``step`` is that of a difference.
    """
    v = np.zeros_like(point) if direction is None else direction
    exact = Arithmetic.exact()
    program = _WRITTEN_OUT[method]
    value = Balls(
        [each.ball for each in program(problem, scalars(point, exact), scalars(v, exact))], exact
    )
    if dialect.endswith("difference"):
        off = _DIFFERENCES[dialect](problem, point, step, working)
        expected = value.midpoints()
        # Of the difference and of the quotient.
        return Bound(expected, off + 4.0 * _unit(working) * (np.abs(expected) + off))
    mode = _program(method, dialect)
    entries = mode(problem, scalars(point, working), scalars(v, working))
    return Quantity(value, Balls([each.ball for each in entries], working))


def _unit(working: Arithmetic) -> float:
    return 2.0**-working.bits


def _forward_difference(
    problem: Problem, point: Floats, step: float, working: Arithmetic
) -> Floats:
    """Half the curvature on the way, times the step; and the rounding of two values over it."""
    here = value_at(problem, point, working).allowed()[0]
    off = []
    for axis in np.eye(len(point)):
        there = point + step * axis
        moved = float(np.sum(there - point))
        (term,) = taylor.along(lambda x: [problem.value(x)], point, there - point, 2)
        rounding = here + value_at(problem, there, working).allowed()[0]
        off.append((float(abs(term).upper()) + rounding) / moved)
    return np.array(off)


def _central_difference(
    problem: Problem, point: Floats, step: float, working: Arithmetic
) -> Floats:
    """A sixth of the third derivative times the square of the step; and the rounding.

    The three products of values and weights are added up in any order.
    """
    off = []
    for axis in np.eye(len(point)):
        (term,) = taylor.along(
            lambda x: [problem.value(x)], point - step * axis, 2.0 * step * axis, 3
        )
        ends = [value_at(problem, point + side * axis, working) for side in (-step, step)]
        rounding = sum(
            each.allowed()[0] + 3.0 * SAFETY * _unit(working) * abs(each.expected()[0])
            for each in ends
        )
        # The term is that of a step twice as long, cubed.
        off.append(float(abs(term).upper()) / 8.0 / step + rounding / (2.0 * step))
    return np.array(off)


_DIFFERENCES: dict[str, Callable[[Problem, Floats, float, Arithmetic], Floats]] = {
    "forward-difference": _forward_difference,
    "central-difference": _central_difference,
}
