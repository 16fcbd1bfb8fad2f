"""Gradients of minibatches: updates with them, and how far they are from the full gradient.

The updates are generic in their number type; what is random is counted exactly, over all batches
that can be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

from optcheck.reference.registry import equation, statement


@equation(
    "stochastic-gradient-descent-update",
    title="Stochastic gradient descent: one example a step",
    formula=(r"\mathbf{w}^{(\tau)}=\mathbf{w}^{(\tau-1)}-\eta\,\nabla E_n(\mathbf{w}^{(\tau-1)})"),
    sources=(
        "bishop:7.18",
        "slides:slide 'Stochastic gradient descent'",
        "trofimov:slide 'Stochastic Gradient Descent (SGD)'",
    ),
)
def of_one(gradients: Sequence[Any]) -> Any:
    """The gradient of the only example; those of a batch of one."""
    (gradient,) = gradients
    return gradient


@equation(
    "minibatch-sgd-update-sum",
    title="Minibatch descent along the sum of the gradients",
    formula=(
        r"\phi_{t+1}\leftarrow\phi_t-\alpha\sum_{i\in\mathcal{B}_t}"
        r"\frac{\partial\ell_i[\phi_t]}{\partial\phi}"
    ),
    sources=("prince:6.10",),
)
def of_sum(gradients: Sequence[Any]) -> Any:
    """The sum over a batch, from the first example to the last."""
    return reduce(add, gradients)


@equation(
    "sgd-minibatch-mean-algorithm",
    title="Minibatch descent along the mean of the gradients",
    formula=(
        r"\hat{\mathbf g}=\frac{1}{m}\sum_{i=1}^m\nabla_{\boldsymbol\theta}L(f(\mathbf{x}^{(i)};"
        r"\boldsymbol\theta),\mathbf{y}^{(i)}),\qquad"
        r"\boldsymbol\theta\leftarrow\boldsymbol\theta-\eta_k\hat{\mathbf g}"
    ),
    sources=("goodfellow:Alg 8.1",),
    erratum=(
        "G16: Algorithms 8.2 to 8.8 sum without 1/m. "
        "G17: one index for parameters and rate throughout."
    ),
)
def of_mean(gradients: Sequence[Any]) -> Any:
    """The mean over a batch."""
    return reduce(add, gradients) / len(gradients)


@equation(
    "minibatch-gd-partition-update",
    title="Descent over the parts of a partition",
    formula=(
        r"w(\tau+1)=w(\tau)-\alpha\nabla E_p(w(\tau)),\quad "
        r"E_p=\frac{1}{|\mathcal{D}_p|}\sum_{i\in\mathcal{D}_p}E^{(i)};\qquad "
        r"E=\sum_p\frac{|\mathcal{D}_p|}{n}E_p"
    ),
    sources=("trofimov:slide 'Mini-Batch Gradient Descent'",),
    erratum="T09: the plain mean of the E_p is E only where all parts have one size.",
)
def of_parts(means: Sequence[Any], sizes: Sequence[int]) -> Any:
    """What the means over the parts of a partition are together: each weighs its size."""
    weighted = [mean * size for mean, size in zip(means, sizes, strict=True)]
    return reduce(add, weighted) / sum(sizes)


statement(
    "minibatch-count-limits",
    title="From stochastic to batch gradient descent by the number of minibatches",
    formula=(
        r"P=n\Rightarrow\text{stochastic};\quad P=1\Rightarrow\text{batch};\quad"
        r"1<P<n\Rightarrow\text{minibatch gradient descent}"
    ),
    sources=(
        "trofimov:slide 'Mini-Batch GD. Advantages and Disadvantages'",
        "prince:sec 6.2.1",
        "goodfellow:sec 8.1.3",
    ),
    erratum="T01: P = 1 and P = n are printed the wrong way round.",
)
statement(
    "full-batch-equals-gradient-descent",
    title="A batch of all examples gives gradient descent",
    formula=r"\mathcal{B}_t=\{1,\dots,I\}\Rightarrow\text{the step of gradient descent}",
    sources=("prince:sec 6.2.1",),
)
statement(
    "sgd-data-duplication-invariance",
    title="Data that are there twice",
    formula=(
        r"E_{\text{dup}}=2E:\ \text{batch descent with }\eta/2\text{ on them}="
        r"\text{with }\eta\text{ on the data};\quad m\text{ copies}:\ "
        r"\nabla E_1=\frac{1}{m}\nabla E"
    ),
    sources=("bishop:sec 7.2.3", "goodfellow:sec 8.1.3"),
)
statement(
    "sgd-cost-per-update-independent-of-dataset-size",
    title="An update costs as much as its batch",
    formula=r"\text{cost of an update}=O(m),\ \text{whatever }N",
    sources=(
        "goodfellow:sec 8.3.2",
        "trofimov:slide 'Stochastic GD. Advantages and Disadvantages'",
        "bishop:sec 7.2.3",
    ),
)


@equation(
    "sgd-loss-differs-per-batch",
    title="Each batch has a loss of its own",
    formula=(
        r"L_{\mathcal{B}_t}[\phi_{t+1}]-L_{\mathcal{B}_t}[\phi_t]="
        r"-\alpha\,(1-\frac{1}{2}\alpha h)\,g^2\le 0;\quad "
        r"L[\phi_{t+1}]-L[\phi_t]=-\alpha\,gG+\frac{1}{2}\alpha^2Hg^2,"
        r"\ \text{positive for small }\alpha\text{ if }gG<0"
    ),
    sources=("prince:sec 6.2.1", "prince:Fig 6.6"),
)
def change(own_slope: Any, slope: Any, curvature: Any, learning_rate: Any) -> Any:
    """By how much a step down ``own_slope`` changes a quadratic of this slope and curvature."""
    step = learning_rate * own_slope
    return step * step * curvature / 2 - step * slope


@equation(
    "sgd-gradient-unbiased",
    title="The mean gradient of a batch is unbiased",
    formula=r"\mathbb E[\hat{\mathbf g}]=\mathbf g",
    sources=("goodfellow:sec 8.3.2", "goodfellow:sec 8.1.4"),
    erratum=(
        "G51: that every example is in the batch with the same probability is enough. "
        "G54: g is the gradient of the mean objective."
    ),
)
def expected_mean(values: Sequence[Fraction]) -> Fraction:
    """The expectation of the mean over a batch of any size."""
    return sum(values, Fraction(0)) / len(values)


@equation(
    "batch-sum-gradient-expectation",
    title="The expected sum over a batch",
    formula=(
        r"\mathbb E_{\mathcal B}\Big[\sum_{i\in\mathcal B}\nabla\ell_i\Big]="
        r"\frac{|\mathcal B|}I\sum_{i=1}^I\nabla\ell_i"
    ),
    sources=("prince:sec 6.2.1",),
    erratum="P02: printed without the factor |B|/I, which is 1 for the mean convention alone.",
)
def expected_sum(values: Sequence[Fraction], size: int) -> Fraction:
    """The expectation of the sum over a batch."""
    return Fraction(size, len(values)) * sum(values, Fraction(0))


@equation(
    "sample-mean-standard-error",
    title="Standard error of the mean gradient of a batch",
    formula=(
        r"\mathrm{se}(\bar g)=\frac\sigma{\sqrt n};\qquad"
        r"\text{without replacement from }I:\ \frac\sigma{\sqrt n}\sqrt{\frac{I-n}{I-1}}"
    ),
    sources=("bishop:sec 7.2.4", "goodfellow:sec 8.1.3"),
    erratum=(
        "B22: sigma/sqrt(n) is for independent draws. "
        "G51: independence matters here, and not for unbiasedness."
    ),
)
def squared_error(values: Sequence[Fraction], size: int, *, replacement: bool) -> Fraction:
    """The square of the standard error of the mean over a batch."""
    count, mean = len(values), expected_mean(values)
    variance = sum(((each - mean) ** 2 for each in values), Fraction(0)) / count
    independent = variance / size
    return independent if replacement else independent * Fraction(count - size, count - 1)


statement(
    "batch-size-hundredfold-error-tenfold",
    title="A hundred times the batch, a tenth of the error",
    formula=r"\frac{\mathrm{se}(100n)}{\mathrm{se}(n)}=\frac1{10}",
    sources=("bishop:sec 7.2.4", "goodfellow:sec 8.1.3"),
)


@equation(
    "ordered-data-batch-bias",
    title="Consecutive batches of ordered data are biased",
    formula=(
        r"g_i=i:\ \frac{1}{P}\sum_p(\bar g_p-\bar g)^2=\frac{I^2-B^2}{12}="
        r"\frac{B\,(I+B)}{I+1}\cdot\frac{\sigma^2}B\,\frac{I-B}{I-1};\quad"
        r"\text{shuffling restores }\mathbb E[\hat{\mathbf g}]=\mathbf g"
    ),
    sources=("bishop:sec 7.2.4", "goodfellow:sec 8.1.3"),
)
def spread_of_blocks(examples: int, batch_size: int) -> Fraction:
    """The variance of the means over consecutive batches of 1, 2, ..., all of one size."""
    return Fraction(examples**2 - batch_size**2, 12)


def batch_sums(values: Sequence[int], size: int, *, replacement: bool) -> dict[int, Fraction]:
    """The probabilities of the sum over a batch, of all those that can be drawn."""
    if replacement:
        ways = {0: 1}
        for _ in range(size):
            ways = _joined([(total + v, n) for total, n in ways.items() for v in values])
        draws = len(values) ** size
    else:
        # ways[k]: of the subsets of k of the examples so far.
        subsets: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
        for value in values:
            for k in range(size, 0, -1):
                more = [(total + value, n) for total, n in subsets[k - 1].items()]
                subsets[k] = _joined([*subsets[k].items(), *more])
        ways, draws = subsets[size], math.comb(len(values), size)
    return {total: Fraction(n, draws) for total, n in sorted(ways.items())}


def _joined(pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    ways: dict[int, int] = {}
    for total, n in pairs:
        ways[total] = ways.get(total, 0) + n
    return ways
