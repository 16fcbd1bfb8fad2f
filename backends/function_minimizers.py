"""Plain functions as minimizers, line searches, interpolations, curricula and pre-training.

A minimizer is a generator: it yields an :class:`Iteration` for every point, the last one without
a direction, and returns whether it succeeded and why it stopped::

    @backend.minimizer("steepest-descent", dialect="exact-search", promises=("gradient-maximum",))
    def steepest_descent(objective, x, *, iterations, tolerance):
        for _ in range(iterations):
            g = objective.gradient(x)
            ...
            yield Iteration(x, float(objective.value(x)), g, direction, step)
            x = x + step * direction
        yield Iteration(x, float(objective.value(x)), objective.gradient(x))
        return np.max(np.abs(g)) <= tolerance, "so many iterations"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.minimization import (
    CurriculumRule,
    InterpolationRule,
    Iteration,
    LineResult,
    LineSearchRule,
    LineTask,
    MinimizerClaim,
    MinimizerRule,
    PretrainingRule,
    Stage,
    Task,
    Trajectory,
)
from optcheck.backends.scripts import import_rule, name_of, objective_lines

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

_FLOAT64 = ("float64",)


class FunctionMinimizerRule:
    """A generator that claims a minimizer."""

    def __init__(self, function: Callable[..., Any], claim: MinimizerClaim) -> None:
        self.function = function
        self.claim = claim

    @property
    def implementation(self) -> str:
        """The function."""
        return name_of(self.function)

    def minimize(self, task: Task) -> Trajectory:
        point = np.array(task.start, dtype=task.dtype)
        return collect(self.function(task.objective, point, **_given(task)))

    def script(self, task: Task) -> str:
        given = _given(task)
        return f"""{import_rule(self.function)}

{objective_lines(task.objective)}
for each in rule(objective, np.array({task.start.tolist()!r}, {task.dtype!r}), **{given!r}):
    print(each.point, each.value, each.direction, each.step)
"""


def _given(task: Task) -> dict[str, float]:
    return {"iterations": task.iterations, "tolerance": task.tolerance, **task.hyperparameters}


def collect(steps: Any) -> Trajectory:
    """Run a generator of iterations to its end.

    Raises
    ------
    TypeError
        It is no generator, or yields something else.
    """
    if not isinstance(steps, Iterator):
        raise TypeError(f"a minimizer yields an Iteration for each point; this is {_kind(steps)}")
    iterations: list[Iteration] = []
    while True:
        try:
            each = next(steps)
        except StopIteration as stop:
            success, message = stop.value or (None, "")
            success = None if success is None else bool(success)
            return Trajectory(tuple(iterations), success, message)
        if not isinstance(each, Iteration):
            raise TypeError(f"a minimizer yields Iterations, and not {_kind(each)}")
        # Copies: a minimizer may go on in the same arrays.
        iterations.append(_copied(each))


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _copied(each: Iteration) -> Iteration:
    def copy(array: Any) -> Any:
        return None if array is None else np.array(array, dtype=np.float64)

    return Iteration(
        copy(each.point),
        float(each.value),
        copy(each.gradient),
        copy(each.direction),
        None if each.step is None else float(each.step),
        copy(each.matrix),
        None if each.damping is None else float(each.damping),
    )


class FunctionLineSearchRule:
    """A function ``(objective, start, direction, **h)`` to a LineResult, as a line search."""

    def __init__(self, function: Callable[..., LineResult], claim: MinimizerClaim) -> None:
        self.function = function
        self.claim = claim

    @property
    def implementation(self) -> str:
        """The function."""
        return name_of(self.function)

    def search(self, task: LineTask) -> LineResult:
        x, d = np.array(task.start, dtype=task.dtype), np.array(task.direction, dtype=task.dtype)
        found = self.function(task.objective, x, d, **task.hyperparameters)
        if not isinstance(found, LineResult):
            raise TypeError(f"a line search returns a LineResult, and not {_kind(found)}")
        return found

    def script(self, task: LineTask) -> str:
        vectors = (task.start, task.direction)
        x, d = (f"np.array({each.tolist()!r}, {task.dtype!r})" for each in vectors)
        return f"""{import_rule(self.function)}

{objective_lines(task.objective)}
print(rule(objective, {x}, {d}, **{dict(task.hyperparameters)!r}))
"""


class FunctionInterpolationRule:
    """A function of the named values, as an interpolation."""

    def __init__(self, function: Callable[..., float], claim: Claim) -> None:
        self.function = function
        self.claim = claim

    def minimum(self, values: Mapping[str, float], *, dtype: str) -> float:
        number = np.dtype(dtype).type
        return float(self.function(**{name: number(value) for name, value in values.items()}))

    def script(self, values: Mapping[str, float], *, dtype: str) -> str:
        given = ", ".join(f"{name}=np.{dtype}({value!r})" for name, value in values.items())
        return f"""{import_rule(self.function)}

print(rule({given}))
"""


class FunctionCurriculumRule:
    """An object with ``weights`` and ``batches``, as a curriculum."""

    def __init__(self, curriculum: Any, claim: Claim) -> None:
        self.curriculum = curriculum
        self.claim = claim

    def weights(self, difficulty: Floats, stages: int) -> Floats:
        return np.asarray(self.curriculum.weights(difficulty, stages), dtype=np.float64)

    def batches(
        self, difficulty: Floats, shares: Sequence[float], batch_size: int, seed: int
    ) -> Sequence[Sequence[int]]:
        drawn: Sequence[Sequence[int]]
        drawn = self.curriculum.batches(difficulty, shares, batch_size, seed)
        return drawn


class FunctionPretrainingRule:
    """A function ``(inputs, targets, widths, seed)`` to stages, as greedy pre-training."""

    def __init__(self, function: Callable[..., Sequence[Stage]], claim: Claim) -> None:
        self.function = function
        self.claim = claim

    def pretrain(
        self, inputs: Floats, targets: Floats, widths: Sequence[int], seed: int
    ) -> Sequence[Stage]:
        return self.function(inputs, targets, widths, seed)


class Minimizers:
    """What minimises in a backend, by capability."""

    def __init__(self) -> None:
        self._minimizers: list[MinimizerRule] = []
        self._line_searches: list[LineSearchRule] = []
        self._interpolations: list[InterpolationRule] = []
        self._curricula: list[CurriculumRule] = []
        self._pretrainings: list[PretrainingRule] = []

    def extend(self, other: Minimizers) -> None:
        """Take over what ``other`` has, after what is here."""
        self._minimizers += other.minimizers()
        self._line_searches += other.line_searches()
        self._interpolations += other.interpolations()
        self._curricula += other.curricula()
        self._pretrainings += other.pretrainings()

    def replace_minimizers(self, change: Callable[[Any], Any]) -> None:
        """Put ``change(rule)`` in the place of each rule."""
        self._minimizers[:] = map(change, self._minimizers)
        self._line_searches[:] = map(change, self._line_searches)
        self._interpolations[:] = map(change, self._interpolations)
        self._curricula[:] = map(change, self._curricula)
        self._pretrainings[:] = map(change, self._pretrainings)

    def minimizers(self) -> Sequence[MinimizerRule]:
        return self._minimizers

    def line_searches(self) -> Sequence[LineSearchRule]:
        return self._line_searches

    def interpolations(self) -> Sequence[InterpolationRule]:
        return self._interpolations

    def curricula(self) -> Sequence[CurriculumRule]:
        return self._curricula

    def pretrainings(self) -> Sequence[PretrainingRule]:
        return self._pretrainings

    def add_minimizers(self, *rules: MinimizerRule) -> None:
        """Add minimizers of a library."""
        self._minimizers += rules

    def add_line_searches(self, *rules: LineSearchRule) -> None:
        """Add line searches of a library."""
        self._line_searches += rules

    def add_interpolations(self, *rules: InterpolationRule) -> None:
        """Add interpolation formulas of a library."""
        self._interpolations += rules


class FunctionMinimizers(Minimizers):
    """Those of plain functions; the decorators register."""

    def minimizer(
        self, method: str, *, dialect: str, **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that the generator is the minimizer ``method``; the rest is its claim."""

        def register(function: Function) -> Function:
            claim = MinimizerClaim(method, dialect, **{"dtypes": _FLOAT64, **claimed})
            self._minimizers.append(FunctionMinimizerRule(function, claim))
            return function

        return register

    def line_search(
        self, method: str, *, dialect: str, **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that the function is the line search ``method``."""

        def register(function: Function) -> Function:
            claim = MinimizerClaim(method, dialect, **{"dtypes": _FLOAT64, **claimed})
            self._line_searches.append(FunctionLineSearchRule(function, claim))
            return function

        return register

    def interpolation(self, *, dialect: str, **claimed: Any) -> Callable[[Function], Function]:
        """Claim that the function finds the minimum of an interpolating polynomial."""

        def register(function: Function) -> Function:
            claim = Claim("interpolation", dialect, **{"dtypes": _FLOAT64, **claimed})
            self._interpolations.append(FunctionInterpolationRule(function, claim))
            return function

        return register

    def curriculum(self, *, dialect: str) -> Callable[[Class], Class]:
        """Claim that the class, made without arguments, is a curriculum."""

        def register(kind: Class) -> Class:
            claim = Claim("curriculum", dialect, dtypes=_FLOAT64)
            self._curricula.append(FunctionCurriculumRule(kind(), claim))
            return kind

        return register

    def pretraining(self, *, dialect: str) -> Callable[[Function], Function]:
        """Claim that the function is greedy pre-training."""

        def register(function: Function) -> Function:
            claim = Claim("greedy-pretraining", dialect, dtypes=_FLOAT64)
            self._pretrainings.append(FunctionPretrainingRule(function, claim))
            return function

        return register
