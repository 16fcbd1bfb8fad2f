"""Where biases start, and precisions; and parameters that were learned before."""

from __future__ import annotations

from typing import Any

from optcheck.reference.registry import equation, statement

statement(
    "bias-initialisation-zero",
    title="Biases start at zero",
    formula=r"b=0:\quad P(a>0)=\tfrac12\ \text{with symmetric weights}",
    sources=("goodfellow:sec 8.7.2",),
)
statement(
    "bias-initialisation-small-positive",
    title="Biases of rectifiers start a little above zero",
    formula=r"b=0.1:\quad P(a>0)=\Phi(b/\mathrm{sd}(a))>\tfrac12",
    sources=(
        "bishop:sec 7.2.5",
        "slides:slide 'Parameter initialization'",
        "goodfellow:sec 8.7.2",
    ),
)
statement(
    "forget-gate-bias-one",
    title="The bias of a forget gate starts at one",
    formula=(
        r"b_{\text{gate}}=1\Rightarrow\sigma(1)=0.731,\qquad"
        r"\frac{\partial c_T}{\partial c_0}=\sigma(1)^T\ \text{against}\ 0.5^T"
    ),
    sources=("goodfellow:sec 8.7.2",),
)


@equation(
    "output-bias-marginal-initialisation",
    title="The biases of the output start where softmax gives the frequencies of the classes",
    formula=r"\mathrm{softmax}(\mathbf b)=\mathbf c\iff b_i=\ln c_i+\text{const}",
    sources=("goodfellow:sec 8.7.2",),
    erratum="G45: the equation is lost in the transcription; the sentence around it requires it.",
)
def softmax(biases: Any) -> list[Any]:
    """Of a list of scalars that have ``apply``."""
    powers = [each.apply(lambda ball: ball.exp()) for each in biases]
    total = powers[0].total(powers)
    return [each / total for each in powers]


statement(
    "precision-parameter-initialisation",
    title="Precisions start at one, or where the marginal variance puts them",
    formula=(
        r"\beta=1\quad\text{or}\quad\frac1\beta=\mathrm{Var}[y],\ b=\mathbb E[y],\ \mathbf w=0"
    ),
    sources=("goodfellow:sec 8.7.2",),
)
statement(
    "pretraining-transfer-initialisation",
    title="Start from parameters that were learned on another task",
    formula=(
        r"\theta^{(0)}_{1..k}=\theta^{\text{source}}_{1..k},\quad"
        r"\theta^{(0)}_{k+1..}\ \text{random}"
    ),
    sources=("bishop:sec 7.2.5", "goodfellow:sec 8.7.2", "goodfellow:sec 8.7.3"),
)
