"""The registry: equations, and methods made of them.

An *equation* ties one function to its catalogue id, formula and sources. A *method* is a record:
the domains of its hyper-parameters and its dialects, each of which names its equations. Generic
laws run over all records, so adding a method is adding a record.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from optcheck.reference.domains import Domain, DomainError, check_hyperparameters

P = ParamSpec("P")
R = TypeVar("R")

State = Mapping[str, Any]
Update = Callable[[Any, Any, State, SimpleNamespace], tuple[Any, dict[str, Any]]]
InitialState = Callable[[Any, SimpleNamespace], dict[str, Any]]
EvaluationPoint = Callable[[Any, State, SimpleNamespace], Any]


@dataclass(frozen=True)
class Equation:
    """One entry of the catalogue. ``formula`` is LaTeX; ``sources`` are like ``bishop:7.47``."""

    id: str
    title: str
    formula: str
    sources: tuple[str, ...]
    function: Callable[..., Any] | None = None
    erratum: str | None = None


EQUATIONS: dict[str, Equation] = {}

# Who watches for calls; not a context variable, so that a call from another thread is seen too.
_watchers: list[list[str]] = []


@contextmanager
def watch_calls() -> Iterator[list[str]]:
    """Collect the ids of all equations called inside the block.

    An implementation that computes its answer by calling the reference would agree with it by
    construction, so the harness runs implementations inside this block.
    """
    calls: list[str] = []
    _watchers.append(calls)
    try:
        yield calls
    finally:
        _watchers[:] = [each for each in _watchers if each is not calls]


def statement(
    identifier: str,
    *,
    title: str,
    formula: str,
    sources: Sequence[str],
    function: Callable[..., Any] | None = None,
    erratum: str | None = None,
) -> Equation:
    """Register an equation that is a statement (a rate, an identity) and return it.

    Raises
    ------
    ValueError
        The id is taken.
    """
    if identifier in EQUATIONS:
        raise ValueError(f"equation {identifier!r} is registered twice")
    entry = Equation(identifier, title, formula, tuple(sources), function, erratum)
    EQUATIONS[identifier] = entry
    return entry


def equation(
    identifier: str,
    *,
    title: str,
    formula: str,
    sources: Sequence[str],
    erratum: str | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Tie the decorated function to its catalogue entry."""

    def register(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            for calls in _watchers:
                calls.append(identifier)
            return function(*args, **kwargs)

        statement(
            identifier,
            title=title,
            formula=formula,
            sources=sources,
            function=watched,
            erratum=erratum,
        )
        return watched

    return register


@dataclass(frozen=True)
class Dialect:
    """One of several inequivalent forms of a method.

    ``update`` maps (parameter, gradient, state, h) to (parameter, state); ``h`` holds the
    hyper-parameters, ``step`` (the number of this update, from 1), ``first`` and ``evaluation``
    (``lerp``, ``zero-guard``: how an implementation evaluates the equation; the claims of
    ``optcheck.backends`` explain them). The gradient is taken at ``evaluation_point``, which is
    the parameter itself unless a dialect looks ahead.
    """

    update: Update
    equations: tuple[str, ...]
    summary: str
    initial_state: InitialState = lambda zeros, h: {}
    evaluation_point: EvaluationPoint | None = None


@dataclass(frozen=True)
class Method:
    """An update rule: hyper-parameters with their domains, and dialects."""

    id: str
    title: str
    family: str
    source: str
    hyperparameters: Mapping[str, Domain]
    dialects: Mapping[str, Dialect]
    # hyper-parameters that only some dialects have
    extra: Mapping[str, Mapping[str, Domain]] = field(default_factory=dict)

    def domains(self, dialect: str) -> dict[str, Domain]:
        """All hyper-parameters of ``dialect`` with their domains."""
        return {**self.hyperparameters, **self.extra.get(dialect, {})}

    def dialect(self, name: str) -> Dialect:
        """The dialect called ``name``.

        Raises
        ------
        DomainError
            There is none; the message lists those there are.
        """
        if name not in self.dialects:
            known = ", ".join(self.dialects)
            raise DomainError(f"{self.id} has no dialect {name!r}; it has {known}")
        return self.dialects[name]

    def step(
        self,
        dialect: str,
        parameter: npt.ArrayLike,
        gradient: npt.ArrayLike,
        state: State | None = None,
        **hyperparameters: float,
    ) -> tuple[npt.NDArray[np.floating[Any]], dict[str, Any]]:
        """One update in floating point.

        ``parameter`` and ``gradient`` have one shape and a floating dtype. ``state`` is what the
        last call returned (``None`` before the first). Returns the new parameter and state.

        Raises
        ------
        DomainError
            A hyper-parameter, shape or dtype is outside its domain.
        """
        form = self.dialect(dialect)
        check_hyperparameters(self.id, self.source, self.domains(dialect), hyperparameters)
        w, g = np.asarray(parameter), np.asarray(gradient)
        _check_arrays(self.id, w, g)
        count = 1 if state is None else int(state["step"]) + 1
        # Python floats, which leave a float32 array what it is.
        values = {name: float(value) for name, value in hyperparameters.items()}
        h = SimpleNamespace(**values, step=count, first=count == 1, evaluation=frozenset())
        old = form.initial_state(np.zeros_like(w), h) if state is None else state
        new, after = form.update(w, g, old, h)
        # Copies: a state must not share memory with the caller's gradient.
        copies = {name: np.array(value, dtype=w.dtype) for name, value in after.items()}
        return np.asarray(new), {**copies, "step": count}


def _check_arrays(owner: str, parameter: npt.NDArray[Any], gradient: npt.NDArray[Any]) -> None:
    for name, array in (("parameter", parameter), ("gradient", gradient)):
        if not np.issubdtype(array.dtype, np.floating):
            raise DomainError(f"{name}.dtype={array.dtype} is not a floating dtype ({owner})")
    if parameter.shape != gradient.shape:
        raise DomainError(
            f"gradient.shape={gradient.shape} differs from parameter.shape={parameter.shape} "
            f"({owner})"
        )


METHODS: dict[str, Method] = {}


def method(record: Method) -> Method:
    """Register an update rule."""
    if record.id in METHODS:
        raise ValueError(f"method {record.id!r} is registered twice")
    METHODS[record.id] = record
    return record
