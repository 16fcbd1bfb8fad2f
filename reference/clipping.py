"""Gradient clipping: by norm, by global norm, by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import Domain, constant, positive
from optcheck.reference.functions import (
    largest_magnitude,
    maximum,
    minimum,
    norm,
    sqrt,
    sum_of_magnitudes,
)
from optcheck.reference.registry import equation, statement


@dataclass(frozen=True)
class Clipping:
    """A rule that limits a gradient: (flat gradient, h) to flat gradient.

    ``joint`` rules see all arrays as one vector, the others see each array by itself.
    ``measures`` says what a dialect limits, where it is not the Euclidean ``norm``: the
    ``largest`` magnitude, the sum of ``magnitudes`` or the ``root-mean-square``.
    """

    id: str
    title: str
    source: str
    dialects: Mapping[str, Callable[[Any, SimpleNamespace], Any]]
    equations: tuple[str, ...]
    joint: bool = False
    measures: Mapping[str, str] = field(default_factory=dict)
    hyperparameters: Mapping[str, Domain] = field(
        default_factory=lambda: {"threshold": positive(1.0, 0.1, 5.0)}
    )
    extra: Mapping[str, Mapping[str, Domain]] = field(default_factory=dict)
    family: str = "clipping"

    def domains(self, dialect: str) -> dict[str, Domain]:
        """All hyper-parameters of ``dialect`` with their domains."""
        return {**self.hyperparameters, **self.extra.get(dialect, {})}


@equation(
    "gradient-clipping-by-norm",
    title="Clipping by norm",
    formula=r"\mathbf g\leftarrow\mathbf g\,\min\Big(1,\frac{v}{\|\mathbf g\|}\Big)",
    sources=("goodfellow:sec 8.2.5", "goodfellow:Fig 8.3"),
)
def clip_by_norm(g: Any, h: Any) -> Any:
    """``g * v / max(norm(g), v)``: the formula without its 0/0 at a zero gradient."""
    return g * (h.threshold / maximum(norm(g), h.threshold))


def _stabilised(g: Any, size: Any, h: Any) -> Any:
    return g * minimum(h.threshold / (size + h.stabiliser), 1)


@equation(
    "gradient-clipping-by-stabilised-norm",
    title="Clipping by norm, with a stabiliser in the denominator",
    formula=r"\mathbf g\leftarrow\mathbf g\,\min\Big(1,\frac{v}{\|\mathbf g\|+\varepsilon}\Big)",
    sources=("torch:nn.utils.clip_grad_norm_",),
)
def clip_by_stabilised_norm(g: Any, h: Any) -> Any:
    """``g * min(v / (norm(g) + stabiliser), 1)``."""
    return _stabilised(g, norm(g), h)


@equation(
    "gradient-clipping-by-stabilised-sum",
    title="Clipping by the sum of magnitudes",
    formula=r"\mathbf g\leftarrow\mathbf g\,\min\Big(1,\frac{v}{\sum_i|g_i|+\varepsilon}\Big)",
    sources=("torch:nn.utils.clip_grad_norm_",),
)
def clip_by_stabilised_sum(g: Any, h: Any) -> Any:
    """``g * min(v / (sum of magnitudes + stabiliser), 1)``."""
    return _stabilised(g, sum_of_magnitudes(g), h)


@equation(
    "gradient-clipping-by-stabilised-maximum",
    title="Clipping by the largest magnitude; the direction stays",
    formula=r"\mathbf g\leftarrow\mathbf g\,\min\Big(1,\frac{v}{\max_i|g_i|+\varepsilon}\Big)",
    sources=("torch:nn.utils.clip_grad_norm_",),
)
def clip_by_stabilised_maximum(g: Any, h: Any) -> Any:
    """``g * min(v / (largest magnitude + stabiliser), 1)``."""
    return _stabilised(g, largest_magnitude(g), h)


@equation(
    "gradient-clipping-by-root-mean-square",
    title="Clipping by the root of the mean square",
    formula=r"\mathbf g\leftarrow\mathbf g\,\min\Big(1,\frac{v\sqrt n}{\|\mathbf g\|}\Big)",
    sources=("optax:clip_by_block_rms",),
)
def clip_by_root_mean_square(g: Any, h: Any) -> Any:
    """``g / max(1, rms(g) / v)``, with ``rms(g)`` the norm over the root of the size."""
    size = h.at(max(len(g), 1)).step
    return g / maximum(norm(g) / sqrt(size) / h.threshold, h.at(1).step)


@equation(
    "gradient-clipping-by-value",
    title="Clipping by value: each coordinate by itself",
    formula=r"g_i\leftarrow\max(-v,\min(v,g_i))",
    sources=("goodfellow:sec 8.2.5",),
)
def clip_by_value(g: Any, h: Any) -> Any:
    """``max(-v, min(v, g))``; the direction changes."""
    return maximum(minimum(g, h.threshold), -h.threshold)


statement(
    "cliff-large-gradient-short-range",
    title="A large gradient lasts over a short distance where the objective is bounded",
    formula=(
        r"J_{\min}\le J\le J_{\max},\ \mathbf v^T\nabla J\ge s\ \text{along a segment of length}\ "
        r"\ell\ \Rightarrow\ \ell\le\frac{J_{\max}-J_{\min}}{s}"
    ),
    sources=("goodfellow:sec 8.2.5",),
)
statement(
    "cliff-catapult",
    title="A gradient step at a cliff throws the parameters far; a clipped one does not",
    formula=(
        r"\|\Delta\boldsymbol\theta\|=\epsilon\|\nabla J\|\gg\frac1k,"
        r"\qquad\|\Delta\boldsymbol\theta_{\text{clipped}}\|\le\epsilon v"
    ),
    sources=("goodfellow:sec 8.2.5", "goodfellow:Fig 8.2", "goodfellow:Fig 8.3"),
)


# torch divides by norm + 1e-6 and offers no way to change it
_STABILISER = {
    f"stabilised-{kind}": {"stabiliser": constant(1e-6)} for kind in ("norm", "sum", "maximum")
}

CLIP_BY_NORM = Clipping(
    id="clip-by-norm",
    title="Gradient clipping by the norm of each array",
    source="goodfellow:sec 8.2.5",
    dialects={
        "exact": clip_by_norm,
        "stabilised-norm": clip_by_stabilised_norm,
        "root-mean-square": clip_by_root_mean_square,
    },
    equations=(
        "gradient-clipping-by-norm",
        "gradient-clipping-by-stabilised-norm",
        "gradient-clipping-by-root-mean-square",
    ),
    measures={"root-mean-square": "root-mean-square"},
    extra={"stabilised-norm": _STABILISER["stabilised-norm"]},
)

CLIP_BY_GLOBAL_NORM = Clipping(
    id="clip-by-global-norm",
    title="Gradient clipping by the norm of all arrays together",
    source="goodfellow:sec 8.2.5",
    dialects={
        "exact": clip_by_norm,
        "stabilised-norm": clip_by_stabilised_norm,
        "stabilised-sum": clip_by_stabilised_sum,
        "stabilised-maximum": clip_by_stabilised_maximum,
    },
    equations=(
        "gradient-clipping-by-norm",
        "gradient-clipping-by-stabilised-norm",
        "gradient-clipping-by-stabilised-sum",
        "gradient-clipping-by-stabilised-maximum",
    ),
    joint=True,
    measures={"stabilised-sum": "magnitudes", "stabilised-maximum": "largest"},
    extra=_STABILISER,
)

CLIP_BY_VALUE = Clipping(
    id="clip-by-value",
    title="Gradient clipping by value",
    source="goodfellow:sec 8.2.5",
    dialects={"exact": clip_by_value},
    equations=("gradient-clipping-by-value",),
    measures={"exact": "largest"},
)

CLIPPINGS: dict[str, Clipping] = {
    record.id: record for record in (CLIP_BY_NORM, CLIP_BY_GLOBAL_NORM, CLIP_BY_VALUE)
}
