"""How many inputs an output sees, and how many outputs an input reaches; and what follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from optcheck.reference.registry import equation, statement


def fans(
    inputs: int, outputs: int, kernel: Sequence[int] = (), groups: int = 1
) -> tuple[int, int]:
    """Fan-in and fan-out of a layer, whatever the shape is in which its weights are kept.

    A channel of the output sees ``inputs / groups`` channels through the window, and a channel of
    the input reaches ``outputs / groups`` through it; of a transposed convolution too, whose
    stride is 1. A dense layer has no window; an embedding is a dense layer of indicators.
    """
    window = math.prod(kernel)
    return inputs // groups * window, outputs // groups * window


statement(
    "fan-in-variance-condition",
    title="The variance of weights that keeps that of signals forwards",
    formula=r"\mathrm{Var}[y^l]=\mathrm{Var}[y^{l-1}]\Rightarrow\sigma_l^2=\frac1{N_{l-1}}",
    sources=("trofimov:slide 'Variances of Weights'",),
)
statement(
    "fan-out-variance-condition",
    title="The variance of weights that keeps that of derivatives backwards",
    formula=(
        r"\mathrm{Var}[\Delta^{l-1}]=\mathrm{Var}[\Delta^l]\Rightarrow\sigma_l^2=\frac1{N_l}"
    ),
    sources=("trofimov:slide 'Variances of Weights'",),
)


@equation(
    "glorot-variance",
    title="Between both conditions: the harmonic mean of the two variances",
    formula=(r"\sigma_l^2=\mathrm{HM}\Big(\frac1{N_{l-1}},\frac1{N_l}\Big)=\frac2{N_{l-1}+N_l}"),
    sources=("trofimov:slide 'Variances of Weights'",),
    erratum="T05: the sentence speaks of the harmonic mean of the numbers of units.",
)
def harmonic_mean_of_variances(fan_in: int, fan_out: int) -> Fraction:
    """Of 1/fan-in and 1/fan-out."""
    return Fraction(2) / (fan_in + fan_out)


@equation(
    "he-initialisation",
    title="He's initialisation",
    formula=r"w\sim\mathcal N(0,\epsilon^2),\quad\epsilon=\sqrt{\frac2M}",
    sources=("bishop:7.23", "slides:slide 'Parameter initialization'"),
)
def he_variance(fan: int, gain: Any) -> Any:
    """The gain is the root of 2 for rectifiers; 1 keeps the variance of linear layers."""
    return gain * gain / fan


@equation(
    "glorot-initialisation-linear-tanh",
    title="Glorot's initialisation for linear units, tanh and softsign",
    formula=(
        r"\mathrm{Var}\,w=\frac2{N_{l-1}+N_l}:\quad"
        r"\mathcal U\Big(-\sqrt{\tfrac6{N_{l-1}+N_l}},\sqrt{\tfrac6{N_{l-1}+N_l}}\Big)"
    ),
    sources=("trofimov:slide 'Xavier/Glorot Weight Initialization Method'",),
    erratum=(
        "T04: a Gaussian that is truncated at two deviations has 0.7737 of the variance; the "
        "scale is to be divided by 0.8796."
    ),
)
def glorot_variance(fan_in: int, fan_out: int, gain: Any) -> Any:
    """The gain is 1 here, the root of 2 for rectifiers, 4 for logistic units."""
    return gain * gain * 2 / (fan_in + fan_out)


statement(
    "glorot-initialisation-relu",
    title="Glorot's initialisation for rectifiers",
    formula=(
        r"\mathrm{Var}\,w=\frac4{N_{l-1}+N_l}:\quad"
        r"\mathcal U\Big(-\sqrt{\tfrac{12}{N_{l-1}+N_l}},\sqrt{\tfrac{12}{N_{l-1}+N_l}}\Big)"
    ),
    sources=("trofimov:slide 'Xavier/Glorot Weight Initialization Method'",),
    erratum="T04: as for linear units.",
)
statement(
    "glorot-initialisation-logistic",
    title="Glorot's initialisation for logistic units",
    formula=(
        r"\mathrm{Var}\,w=\frac{32}{N_{l-1}+N_l}:\quad"
        r"\mathcal U\Big(-4\sqrt{\tfrac6{N_{l-1}+N_l}},4\sqrt{\tfrac6{N_{l-1}+N_l}}\Big),\quad"
        r"4=1/\sigma'(0)"
    ),
    sources=("trofimov:slide 'Xavier/Glorot Weight Initialization Method'",),
    erratum="T04: as for linear units.",
)
statement(
    "glorot-initialisation-uniform-goodfellow",
    title="The normalised uniform initialisation",
    formula=(r"W_{i,j}\sim\mathcal U\Big(-\sqrt{\frac6{m+n}},\sqrt{\frac6{m+n}}\Big)"),
    sources=("goodfellow:sec 8.7.2",),
    erratum="G37: printed 6 over the root of m + n.",
)


@equation(
    "fan-in-uniform-heuristic",
    title="Uniform up to one over the root of the number of inputs",
    formula=r"W_{i,j}\sim\mathcal U\Big(-\frac1{\sqrt m},\frac1{\sqrt m}\Big)",
    sources=("goodfellow:sec 8.7.2",),
    erratum="G36: the upper bound is printed with the number of outputs.",
)
def heuristic_variance(units: int, one: Any) -> Any:
    """A third of the square of the bound; ``one`` in kind with the result."""
    return one / (3 * units)


statement(
    "inverse-root-scaling-drawback",
    title="Weights scaled by the root of the number of inputs vanish in wide layers",
    formula=r"\max|w|\le\frac1{\sqrt m}\to0,\qquad\mathrm{sd}(w)=\frac1{\sqrt{3m}}",
    sources=("goodfellow:sec 8.7.2",),
)
