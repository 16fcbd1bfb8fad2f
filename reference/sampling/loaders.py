"""How examples are divided into minibatches: which ones, in which order, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

# Of the dialect that pads: what the number of examples becomes a multiple of.
REPLICAS = 2


@equation(
    "sgd-algorithm-cyclic",
    title="Cycling through the examples",
    formula=(
        r"n\leftarrow1;\ \textbf{repeat}\ \mathbf{w}\leftarrow\mathbf{w}-\eta\nabla E_n"
        r"(\mathbf{w});\ n\leftarrow(n\bmod N)+1\ \textbf{until}\ \text{convergence}"
    ),
    sources=("bishop:Alg 7.1", "slides:slide 'Stochastic gradient descent'"),
    erratum="B04: printed n + 1 (mod N), which never comes to example N.",
)
def next_example(n: int, examples: int) -> int:
    """The example after number ``n``; numbers go from 1 to ``examples``."""
    return n % examples + 1


@equation(
    "minibatch-sgd-algorithm",
    title="Minibatches: consecutive blocks of the shuffled data",
    formula=(
        r"\mathbf{w}\leftarrow\mathbf{w}-\eta\nabla E_{n:\min(n+B-1,N)}(\mathbf{w});\ "
        r"n\leftarrow n+B;\ \textbf{if}\ n>N:\ \text{shuffle},\ n\leftarrow1"
    ),
    sources=("bishop:Alg 7.2", "slides:slide 'Mini-batches'"),
    erratum="B05: printed n:n+B-1, which runs past the data unless B divides N.",
)
def blocks(examples: int, batch_size: int) -> list[range]:
    """The numbers of the examples of each block of an epoch, from 1; the last one is cut off."""
    starts = range(1, examples + 1, batch_size)
    return [range(n, min(n + batch_size - 1, examples) + 1) for n in starts]


@equation(
    "epoch-iteration-count",
    title="Iterations an epoch, and epochs after so many iterations",
    formula=(
        r"P=\lceil n/B\rceil,\quad B=n:\ 1,\quad B=1:\ n;\qquad"
        r"\text{epochs}=\frac{KB}{n},\quad\frac{1000\cdot20}{100}=200"
    ),
    sources=(
        "trofimov:slide 'SGD Algorithm'",
        "trofimov:slide 'Mini-Batch Gradient Descent'",
        "bishop:sec 7.2.3",
        "prince:sec 6.2.1",
        "prince:Problem 6.9",
    ),
)
def epochs_after(iterations: int, batch_size: int, examples: int) -> Fraction:
    """How often the data have been gone through after ``iterations`` batches of that size."""
    return Fraction(iterations * batch_size, examples)


statement(
    "sgd-algorithm-shuffled-epochs",
    title="Stochastic gradient descent that shuffles before every epoch",
    formula=(
        r"\text{choose }w_0;\ \textbf{repeat:}\ \text{shuffle }\mathcal D;\ "
        r"\text{update }w\text{ on each example in turn}"
    ),
    sources=("trofimov:slide 'SGD Algorithm'",),
)
statement(
    "without-replacement-equal-contribution",
    title="Without replacement all examples contribute equally",
    formula=r"\#\{t:\ i\in\mathcal B_t\}=e\quad\text{after }e\text{ epochs, for every }i",
    sources=("prince:sec 6.2.1", "prince:sec 6.2.2"),
)
statement(
    "batch-size-defaults",
    title="Usual sizes of minibatches",
    formula=r"B\in\{16,32,64,128,256,\dots\}",
    sources=("bishop:sec 7.2.4", "goodfellow:sec 8.1.3", "trofimov:slide 'Mini-Batch Size'"),
    unchecked="a recommendation that depends on hardware and task",
)
statement(
    "batch-size-one-generalises-best",
    title="Generalisation is often best at batch size one",
    formula=r"E_{\text{test}}(1)\le E_{\text{test}}(B)\quad\text{(often)}",
    sources=("goodfellow:sec 8.1.3",),
    unchecked="a tendency that is reported without its conditions",
)
statement(
    "batch-to-rate-ratio-generalisation",
    title="Small batches and large rates go with good generalisation",
    formula=r"\text{test accuracy}\uparrow\ \text{as}\ |\mathcal B|/\alpha\downarrow",
    sources=("prince:Notes Properties of SGD",),
    unchecked="a report from experiments; the scale of the noise behind it is another entry",
)


@dataclass(frozen=True)
class Division:
    """What a dialect does with the examples of an epoch, and with those that are left over."""

    order: Literal["in-order", "shuffled", "independent"]
    leftover: Literal["kept", "dropped", "padded"] = "kept"

    @property
    def once(self) -> bool:
        """Whether no example is drawn twice, but for padding."""
        return self.order != "independent"

    def drawn(self, examples: int, batch_size: int) -> int:
        """How many indices are drawn in an epoch."""
        if self.leftover == "dropped":
            return examples // batch_size * batch_size
        if self.leftover == "padded":
            return -(-examples // REPLICAS) * REPLICAS
        return examples

    def sizes(self, examples: int, batch_size: int) -> list[int]:
        """The sizes of the batches of an epoch."""
        return [len(block) for block in blocks(self.drawn(examples, batch_size), batch_size)]


DIVISIONS: Mapping[str, Division] = {
    "in-order": Division("in-order"),
    "in-order+dropped": Division("in-order", "dropped"),
    "shuffled": Division("shuffled"),
    "shuffled+dropped": Division("shuffled", "dropped"),
    "shuffled+padded": Division("shuffled", "padded"),
    "with-replacement": Division("independent"),
}

_ORDER = {
    "in-order": "as the examples come",
    "shuffled": "in a new order every epoch",
    "independent": "each index drawn from all examples",
}
_LEFTOVER = {
    "kept": "a last, shorter batch is kept",
    "dropped": "a last, shorter batch is dropped",
    "padded": "the first examples are drawn once more until two replicas have equally many",
}
_EQUATIONS = {
    "in-order": ("minibatch-sgd-algorithm", "sgd-algorithm-cyclic"),
    "shuffled": ("minibatch-sgd-algorithm", "sgd-algorithm-shuffled-epochs"),
    "independent": ("epoch-iteration-count",),
}

MINIBATCHES = procedure(
    Procedure(
        id="minibatches",
        title="Minibatches",
        source="bishop:Alg 7.2",
        capability="loader",
        family="minibatch",
        dialects={
            name: Form(
                summary=f"{_ORDER[each.order]}; {_LEFTOVER[each.leftover]}",
                equations=_EQUATIONS[each.order],
            )
            for name, each in DIVISIONS.items()
        },
    )
)
