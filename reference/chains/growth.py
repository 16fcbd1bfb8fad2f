"""How long products grow: powers of a number or of a matrix, and products of random factors."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from optcheck.reference.registry import equation, statement

statement(
    "scalar-power-growth",
    title="Powers of one factor vanish or explode",
    formula=r"|\alpha|<1:\ \alpha^T\to0;\qquad|\alpha|>1:\ |\alpha|^T\to\infty",
    sources=("goodfellow:sec 8.2.6",),
    erratum="G43: printed alpha < 1 and alpha > 1; (-1.5)^11 is -86.5.",
)
statement(
    "feedforward-versus-recurrent-power-method",
    title="Repeating one matrix drives a signal to its dominant direction",
    formula=(
        r"\frac{\mathbf W^t\mathbf x}{\|\mathbf W^t\mathbf x\|}\to"
        r"\text{dominant right eigenvector};\quad(\mathbf W^T)^t\to"
        r"\text{dominant left eigenvector}"
    ),
    sources=("goodfellow:sec 8.7.2",),
    erratum="G38: the limit is said to be the principal singular vector.",
)


@equation(
    "vanishing-exploding-product",
    title="The mean logarithm decides whether a long product vanishes or explodes",
    formula=(
        r"\prod_k|f_k|\to0\ \text{if}\ \frac1K\sum_k\ln|f_k|<0\ \text{(bounded away)};"
        r"\quad\to\infty\ \text{if}\ >0"
    ),
    sources=("bishop:sec 7.4.2",),
    erratum="B18: printed for most factors below or above 1; a few large ones outweigh them.",
)
def log_growth(factors: npt.NDArray[np.float64]) -> float:
    """The mean of ``ln |f|``."""
    return float(np.mean(np.log(np.abs(factors))))


@equation(
    "random-product-lognormal-growth",
    title="Growth of a product of independent random factors",
    formula=(
        r"\mathrm{Var}\Big[\sum_{t=1}^{T}\ln|f_t|\Big]=T\,\mathrm{Var}[\ln|f|];\quad"
        r"\ln X\sim\mathcal N(0,T):\ \mathrm{median}\,X=1,\ \mathbb E X=e^{T/2},\ "
        r"\mathrm{sd}\,X=\sqrt{(e^T-1)e^T}\approx e^T"
    ),
    sources=("goodfellow:sec 8.2.6",),
    erratum="G41: the product is said to grow like e^T, which its standard deviation does; "
    "typically it is e^(O(sqrt T)) or the inverse of it.",
)
def product_moments(first: float, second: float, count: int) -> tuple[float, float]:
    """Mean and standard deviation of a product, from the moments of each of its factors."""
    mean = first**count
    return mean, math.sqrt(second**count - mean**2)


@equation(
    "random-matrix-product-growth",
    title="Products of random matrices grow or shrink exponentially",
    formula=(
        r"\frac1T\ln\|\mathbf J_T\cdots\mathbf J_1v\|\to\lambda_1;\quad"
        r"\mathbf J_{ij}\sim\mathcal N(0,s^2/n):\ \lambda_1=\tfrac12\Big(\ln\frac{2s^2}{n}+"
        r"\psi\Big(\frac n2\Big)\Big)\approx\ln s"
    ),
    sources=("goodfellow:sec 8.2.6",),
)
def lyapunov_exponent(size: int, scale: float) -> float:
    """Of matrices with Gaussian entries: ``n ||J v||^2 / (s^2 ||v||^2)`` is chi-squared."""
    return 0.5 * (math.log(2.0 * scale**2 / size) + float(special.digamma(size / 2)))
