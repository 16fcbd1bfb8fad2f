"""The registry: equations, and methods made of them.

An *equation* ties one function to its catalogue id, formula and sources. A *method* is a record:
the domains of its hyper-parameters and its dialects, each of which names its equations. Generic
laws run over all records, so adding a method is adding a record.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
    """One entry of the catalogue. ``formula`` is LaTeX; ``sources`` are like ``bishop:7.47``.

    ``unchecked`` says why no law can check it; None where one can.
    """

    id: str
    title: str
    formula: str
    sources: tuple[str, ...]
    function: Callable[..., Any] | None = None
    erratum: str | None = None
    unchecked: str | None = None


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
    unchecked: str | None = None,
) -> Equation:
    """Register an equation that is a statement (a rate, an identity) and return it.

    Raises
    ------
    ValueError
        The id is taken.
    """
    if identifier in EQUATIONS:
        raise ValueError(f"equation {identifier!r} is registered twice")
    entry = Equation(identifier, title, formula, tuple(sources), function, erratum, unchecked)
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
    hyper-parameters, ``step`` (the number of this update, from 1), ``count`` (the same as an
    integer), ``at(n)`` (``h`` with the step number n), ``first`` and ``evaluation`` (``lerp``,
    ``zero-guard``: how an implementation evaluates the equation; the claims of
    ``optcheck.backends`` explain them). The gradient is taken at ``evaluation_point``, which is
    the parameter itself unless a dialect looks ahead. ``signals`` names what an update is told
    beside its gradient, found in ``h`` too: ``loss`` is a number, the others are like gradients.
    """

    update: Update
    equations: tuple[str, ...]
    summary: str
    initial_state: InitialState = lambda zeros, h: {}
    evaluation_point: EvaluationPoint | None = None
    signals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Modifier:
    """What may be joined to any dialect with ``+``: weight decay, maximising, a falling rate."""

    id: str
    summary: str
    equations: tuple[str, ...]
    wrap: Callable[[Update], Update]
    hyperparameters: Mapping[str, Domain] = field(default_factory=dict)


MODIFIERS: dict[str, Modifier] = {}


def modifier(record: Modifier) -> Modifier:
    """Register a modifier. They are applied in the order of registration, the last one first."""
    if record.id in MODIFIERS:
        raise ValueError(f"modifier {record.id!r} is registered twice")
    MODIFIERS[record.id] = record
    return record


@dataclass(frozen=True)
class Method:
    """An update rule: hyper-parameters with their domains, and dialects.

    ``elementwise`` rules treat every coordinate alone. ``scheduled`` ones read their learning rate
    at every step. ``constraint`` says what is wrong with hyper-parameters that do not go together.
    """

    id: str
    title: str
    family: str
    source: str
    hyperparameters: Mapping[str, Domain]
    dialects: Mapping[str, Dialect]
    # hyper-parameters that only some dialects have
    extra: Mapping[str, Mapping[str, Domain]] = field(default_factory=dict)
    elementwise: bool = True
    scheduled: bool = True
    constraint: Callable[[Mapping[str, float]], str | None] = lambda h: None

    def domains(self, dialect: str) -> dict[str, Domain]:
        """All hyper-parameters of ``dialect`` with their domains."""
        base, modifiers = self._parts(dialect)
        domains = {**self.hyperparameters, **self.extra.get(base, {})}
        for each in modifiers:
            domains.update(each.hyperparameters)
        return domains

    def dialect(self, name: str) -> Dialect:
        """The dialect called ``name``; modifiers may follow it, joined with ``+``.

        Raises
        ------
        DomainError
            There is none; the message lists those there are.
        """
        base, modifiers = self._parts(name)
        form = self.dialects[base]
        if modifiers and (form.evaluation_point or form.signals):
            raise DomainError(
                f"{self.id}/{base} takes its gradients elsewhere or is told more than one: "
                f"+{modifiers[0].id} is not defined for it"
            )
        for each in modifiers:
            form = replace(
                form,
                update=each.wrap(form.update),
                equations=(*form.equations, *each.equations),
                summary=f"{form.summary}; {each.summary}",
            )
        return form

    def _parts(self, name: str) -> tuple[str, list[Modifier]]:
        """The dialect proper, and the modifiers in the order in which they wrap it."""
        base, joined = name, []
        while base not in self.dialects:
            base, plus, last = base.rpartition("+")
            if not plus or last not in MODIFIERS:
                known, more = ", ".join(self.dialects), ", ".join(MODIFIERS)
                raise DomainError(
                    f"{self.id} has no dialect {name!r}; it has {known}, each with + {more}"
                )
            joined.append(last)
        return base, [each for key, each in MODIFIERS.items() if key in joined]

    def step(
        self,
        dialect: str,
        parameter: npt.ArrayLike,
        gradient: npt.ArrayLike,
        state: State | None = None,
        signals: Mapping[str, Any] | None = None,
        **hyperparameters: float,
    ) -> tuple[npt.NDArray[np.floating[Any]], dict[str, Any]]:
        """One update in floating point.

        ``parameter`` and ``gradient`` have one shape and a floating dtype. ``state`` is what the
        last call returned (``None`` before the first). ``signals`` holds what the dialect is told
        beside the gradient. Returns the new parameter and state.

        Raises
        ------
        DomainError
            A hyper-parameter, shape or dtype is outside its domain.
        """
        form = self.dialect(dialect)
        check_hyperparameters(self.id, self.source, self.domains(dialect), hyperparameters)
        if set(signals or {}) != set(form.signals):
            needed = ", ".join(form.signals) or "nothing"
            raise DomainError(f"{self.id}/{dialect} is told {needed} beside the gradient")
        if problem := self.constraint(hyperparameters):
            raise DomainError(f"{problem} ({self.id}; {self.source})")
        w, g = np.asarray(parameter), np.asarray(gradient)
        _check_arrays(self.id, w, g)
        count = 1 if state is None else int(state["step"]) + 1
        # Python floats, which leave a float32 array what it is.
        values = {name: float(value) for name, value in hyperparameters.items()}
        h = float_namespace(values, count, signals or {})
        old = form.initial_state(np.zeros_like(w), h) if state is None else state
        new, after = form.update(w, g, old, h)
        # Copies: nothing shares memory with the caller. Numbers and names stay what they are.
        copies = {
            name: np.array(value, dtype=w.dtype) if np.shape(value) == w.shape else value
            for name, value in after.items()
        }
        return np.array(new), {**copies, "step": count}


def float_namespace(
    values: Mapping[str, float], count: int, signals: Mapping[str, Any]
) -> SimpleNamespace:
    """What formulas call ``h``, in floating point, at update number ``count``."""
    return SimpleNamespace(
        **values,
        **signals,
        step=count,
        count=count,
        first=count == 1,
        evaluation=frozenset(),
        given=values,
        at=lambda other: float_namespace(values, other, signals),
    )


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
