"""Gradient clipping by norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import Domain, constant, positive
from optcheck.reference.functions import maximum, minimum, norm
from optcheck.reference.registry import equation


@dataclass(frozen=True)
class Clipping:
    """A rule that shortens a gradient: (flat gradient, h) to flat gradient."""

    id: str
    title: str
    source: str
    hyperparameters: Mapping[str, Domain]
    dialects: Mapping[str, Callable[[Any, SimpleNamespace], Any]]
    equations: tuple[str, ...]
    extra: Mapping[str, Mapping[str, Domain]]
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


@equation(
    "gradient-clipping-by-stabilised-norm",
    title="Clipping by norm, with a stabiliser in the denominator",
    formula=r"\mathbf g\leftarrow\mathbf g\,\min\Big(1,\frac{v}{\|\mathbf g\|+\varepsilon}\Big)",
    sources=("torch:nn.utils.clip_grad_norm_",),
)
def clip_by_stabilised_norm(g: Any, h: Any) -> Any:
    """``g * min(v / (norm(g) + stabiliser), 1)``."""
    return g * minimum(h.threshold / (norm(g) + h.stabiliser), 1)


CLIP_BY_NORM = Clipping(
    id="clip-by-norm",
    title="Gradient clipping by norm",
    source="goodfellow:sec 8.2.5",
    hyperparameters={"threshold": positive(1.0, 0.1, 5.0)},
    dialects={"exact": clip_by_norm, "stabilised-norm": clip_by_stabilised_norm},
    equations=("gradient-clipping-by-norm", "gradient-clipping-by-stabilised-norm"),
    # torch divides by norm + 1e-6 and offers no way to change it
    extra={"stabilised-norm": {"stabiliser": constant(1e-6)}},
)

CLIPPINGS: dict[str, Clipping] = {CLIP_BY_NORM.id: CLIP_BY_NORM}
