"""The exact oracle: the value of an equation, and the rounding a correct implementation may do.

A formula runs twice on the same input: exactly, and in balls at the working precision. The exact
value and the result of a correct implementation both lie in the working ball of radius ``r``, so
they are at most ``2 r`` apart. That factor is :data:`SAFETY`, the only one in the project. The
derivation, and what it leaves for reordered and fused arithmetic, is in docs/oracles.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, Scalar, ball_arithmetic
from optcheck.reference.clipping import Clipping
from optcheck.reference.registry import Method
from optcheck.reference.schedules import Schedule

SAFETY = 2

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """One vector, exactly and in the working arithmetic."""

    exact: Balls
    working: Balls

    def judge(self, computed: npt.ArrayLike) -> Floats:
        """How far ``computed`` is from the exact value, in units of what is allowed.

        ``computed`` has ``n`` elements. At most 1 conforms. NaN means that the input decides
        nothing: the exact value is undefined (0/0) or the format overflows on the way.
        """
        flat = np.asarray(computed, dtype=np.float64).ravel()
        if flat.size != len(self.exact):
            raise ValueError(f"{flat.size} computed values for {len(self.exact)} exact ones")
        with ball_arithmetic():
            ratios = [
                _ratio(value, exact, working)
                for value, exact, working in zip(
                    flat.tolist(), self.exact.balls, self.working.balls, strict=True
                )
            ]
        return np.array(ratios, dtype=np.float64)

    def expected(self) -> Floats:
        """The exact values, rounded to doubles."""
        return self.exact.midpoints()

    def allowed(self) -> Floats:
        """The largest deviation that conforms, element by element; infinite where undecided."""
        radii = [
            SAFETY * float(ball.rad().abs_upper()) if ball.is_finite() else np.inf
            for ball in self.working.balls
        ]
        return np.array(radii, dtype=np.float64)


def _ratio(computed: float, exact: arb, working: arb) -> float:
    if not (exact.is_finite() and working.is_finite()):
        return float("nan")
    if not np.isfinite(computed):
        return float("inf")
    deviation = abs(arb(computed) - exact)
    allowed = SAFETY * working.rad()
    if allowed.is_zero():
        return 0.0 if deviation.contains(0) else float("inf")
    return float((deviation / allowed).mid())


@dataclass(frozen=True)
class Bound:
    """Expected values with what is allowed about them, where a theorem gives both directly."""

    values: Floats
    radius: Floats

    def judge(self, computed: npt.ArrayLike) -> Floats:
        """As :meth:`Quantity.judge`; an infinite radius decides nothing."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            flat = np.asarray(computed, dtype=np.float64).ravel()
            # Equal infinities are equal; their difference would not say so.
            same = flat == self.values
            ratios = np.where(same, 0.0, np.abs(flat - self.values) / self.radius)
        ratios = np.where(np.isnan(ratios), np.inf, ratios)
        return np.where(np.isfinite(self.radius), ratios, np.nan)

    def expected(self) -> Floats:
        """The expected values."""
        return self.values

    def allowed(self) -> Floats:
        """The largest deviation that conforms."""
        return self.radius


@dataclass(frozen=True)
class Position:
    """Where an update rule stands: updates done, and vectors by name (``parameter`` is one)."""

    step: int
    vectors: Mapping[str, Quantity]

    @property
    def parameter(self) -> Quantity:
        """The parameter vector."""
        return self.vectors["parameter"]


class UpdateOracle:
    """Evaluates one dialect of one method in both arithmetics. All vectors are flat."""

    def __init__(
        self,
        method: Method,
        dialect: str,
        hyperparameters: Mapping[str, float],
        working: Arithmetic,
        evaluation: frozenset[str] = frozenset(),
    ) -> None:
        self.evaluation = evaluation
        self.form = method.dialect(dialect)
        self.hyperparameters = dict(hyperparameters)
        self.arithmetics = (Arithmetic.exact(), working)
        # Made once: most of a short case's time would go into making them at every step.
        self.scalars = {
            arithmetic: {name: arithmetic.scalar(value) for name, value in hyperparameters.items()}
            for arithmetic in self.arithmetics
        }

    def start(self, parameter: npt.ArrayLike) -> Position:
        """Before the first update, at ``parameter``, shape ``(n,)``."""
        vectors = []
        for arithmetic in self.arithmetics:
            zeros = arithmetic.array(np.zeros(np.size(parameter)))
            state = self.form.initial_state(zeros, self._h(arithmetic, 0, None))
            vectors.append({"parameter": arithmetic.array(parameter), **state})
        return _position(0, *vectors)

    def at(self, step: int, vectors: Mapping[str, npt.ArrayLike]) -> Position:
        """After ``step`` updates, at an implementation's own floating-point state."""
        exact, working = (
            {name: arithmetic.array(values) for name, values in vectors.items()}
            for arithmetic in self.arithmetics
        )
        return _position(step, exact, working)

    def advance(
        self,
        position: Position,
        gradient: npt.ArrayLike,
        learning_rate: float | None = None,
        signals: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Position:
        """One update with ``gradient``, shape ``(n,)``, and with what else the dialect is told."""
        results = []
        for arithmetic, vectors in zip(self.arithmetics, _split(position), strict=True):
            h = self._h(arithmetic, position.step + 1, learning_rate)
            for name, value in (signals or {}).items():
                told = arithmetic.scalar(value) if np.ndim(value) == 0 else arithmetic.array(value)  # type: ignore[arg-type]
                setattr(h, name, told)
            parameter = vectors.pop("parameter")
            new, state = self.form.update(parameter, arithmetic.array(gradient), vectors, h)
            results.append({"parameter": new, **state})
        return _position(position.step + 1, *results)

    def evaluation_point(self, position: Position, learning_rate: float | None = None) -> Quantity:
        """Where the gradient of the next update is to be taken."""
        if self.form.evaluation_point is None:
            return position.parameter
        points = []
        for arithmetic, vectors in zip(self.arithmetics, _split(position), strict=True):
            h = self._h(arithmetic, position.step + 1, learning_rate)
            points.append(self.form.evaluation_point(vectors.pop("parameter"), vectors, h))
        return Quantity(*points)

    def _h(
        self, arithmetic: Arithmetic, step: int, learning_rate: float | None
    ) -> SimpleNamespace:
        scalars = self.scalars[arithmetic]
        if learning_rate is not None:
            scalars = {**scalars, "learning_rate": arithmetic.scalar(learning_rate)}
        return _h(arithmetic, scalars, self.hyperparameters, step, self.evaluation)


def namespace(
    arithmetic: Arithmetic, hyperparameters: Mapping[str, float], step: int
) -> SimpleNamespace:
    """What formulas call ``h``: hyper-parameters and the step count in one arithmetic."""
    return namespaces(arithmetic, hyperparameters)(step)


def namespaces(
    arithmetic: Arithmetic, hyperparameters: Mapping[str, float]
) -> Callable[[int], SimpleNamespace]:
    """The same for any step; the scalars are made once."""
    scalars = {name: arithmetic.scalar(value) for name, value in hyperparameters.items()}
    return lambda step: _h(arithmetic, scalars, hyperparameters, step, frozenset())


def _h(
    arithmetic: Arithmetic,
    scalars: Mapping[str, Scalar],
    hyperparameters: Mapping[str, float],
    step: int,
    evaluation: frozenset[str],
) -> SimpleNamespace:
    return SimpleNamespace(
        **scalars,
        step=arithmetic.step(step),
        count=step,
        first=step == 1,
        given=hyperparameters,
        evaluation=evaluation,
        at=lambda other: _h(arithmetic, scalars, hyperparameters, other, evaluation),
    )


def _split(position: Position) -> tuple[dict[str, Balls], dict[str, Balls]]:
    exact = {name: vector.exact for name, vector in position.vectors.items()}
    working = {name: vector.working for name, vector in position.vectors.items()}
    return exact, working


def _position(step: int, exact: Mapping[str, Balls], working: Mapping[str, Balls]) -> Position:
    return Position(step, {name: Quantity(exact[name], working[name]) for name in exact})


def schedule_rates(
    schedule: Schedule,
    dialect: str,
    hyperparameters: Mapping[str, float],
    steps: int,
    working: Arithmetic,
) -> Quantity:
    """The rates at tau = 0 ... steps - 1, as one vector."""
    exact = Arithmetic.exact()
    values = schedule.rates("closed-form", steps, namespaces(exact, hyperparameters))
    rounded = schedule.rates(dialect, steps, namespaces(working, hyperparameters))
    return Quantity(
        Balls([scalar.ball for scalar in values], exact),
        Balls([scalar.ball for scalar in rounded], working),
    )


def clipped(
    clipping: Clipping,
    dialect: str,
    hyperparameters: Mapping[str, float],
    gradients: Sequence[npt.ArrayLike],
    working: Arithmetic,
) -> Quantity:
    """The clipped gradients, one after the other as one vector.

    Each of ``gradients`` is one array; a joint rule sees them all as one.
    """
    vectors = [np.ravel(each) for each in gradients]
    rule = clipping.dialects[dialect]
    results = []
    for arithmetic in (Arithmetic.exact(), working):
        h = namespace(arithmetic, hyperparameters, 0)
        parts = [np.concatenate(vectors)] if clipping.joint else vectors
        balls = [ball for part in parts for ball in rule(arithmetic.array(part), h).balls]
        results.append(Balls(balls, arithmetic))
    return Quantity(*results)
