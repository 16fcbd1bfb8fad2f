"""Running an update rule on a function: the points that it goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from optcheck.backends.interface import Case, Floats
from optcheck.properties.law import Subject
from optcheck.properties.trace import Tracer

Gradient = Callable[[Floats], Floats]


def descend(
    subject: Subject,
    hyperparameters: Mapping[str, float],
    start: Floats,
    gradient: Gradient,
    steps: int,
    *,
    learning_rates: Sequence[float] | None = None,
    until: Callable[[Floats], bool] | None = None,
) -> Floats:
    """The points from ``start``, shape ``(steps + 1, n)``; fewer once ``until`` holds of one.

    ``gradient`` is asked where the rule wants it: at the point, or ahead of it. Each coordinate
    may be a problem of its own: rules that treat coordinates alone run all of them at once.
    """
    case = Case(dict(hyperparameters), (start,), (), subject.dtype, _tuple(learning_rates))
    tracer = Tracer(subject, case)
    ahead = looks_ahead(subject)
    points = [np.array(start)]
    for _ in range(steps):
        tracer.advance((gradient(tracer.evaluation_point() if ahead else points[-1]),))
        points.append(tracer.parameter())
        if until is not None and until(points[-1]):
            break
    return np.array(points)


def looks_ahead(subject: Subject) -> bool:
    """Whether the rule wants its gradient elsewhere than at its parameters."""
    return subject.record.dialect(subject.claim.dialect).evaluation_point is not None


def told(hyperparameters: Mapping[str, float], start: Floats, **more: Any) -> dict[str, Any]:
    """A counterexample of such a run."""
    return {
        "hyperparameters": dict(hyperparameters),
        "start": np.asarray(start).tolist(),
        **{name: np.asarray(value).tolist() for name, value in more.items()},
    }


def _tuple(rates: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if rates is None else tuple(float(rate) for rate in rates)
