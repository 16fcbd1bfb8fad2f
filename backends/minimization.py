"""The interface of whole minimizers: objectives, trajectories, line searches and curricula.

Unlike update rules, these call the function themselves. An objective takes and returns native
arrays; what an implementation did comes back as float64 NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from optcheck.backends.interface import Claim, Floats, Hyperparameters

Search = Literal["exact", "wolfe", "armijo", "unit", "none"]
# What a minimizer promises when it reports success; several: any of them.
Promise = Literal[
    "gradient-maximum",
    "gradient-length",
    "step",
    "mean-step",
    "decrease",
    "cauchy",
    # of least squares: all residuals and coordinates stand still; MINPACK's gtol, ftol and xtol
    "residual-cauchy",
    "cosine",
    "relative-decrease",
    "relative-step",
]


class Sources(Protocol):
    """Python expressions for a function and its derivatives."""

    @property
    def value(self) -> str:
        """The function."""

    @property
    def gradient(self) -> Sequence[str]:
        """Its partial derivatives."""

    @property
    def hessian(self) -> Sequence[Sequence[str]]:
        """Its second derivatives."""

    @property
    def residual(self) -> Sequence[str]:
        """The residuals of a sum of squares; of other functions there are none."""

    @property
    def jacobian(self) -> Sequence[Sequence[str]]:
        """The derivatives of the residuals."""

    @property
    def functions(self) -> Mapping[str, str]:
        """What else a likelihood has, as Python functions by name."""


class Objective(Protocol):
    """A smooth function; ``x`` is a native array of shape ``(n,)``, and so are the answers."""

    @property
    def dimension(self) -> int:
        """The number of variables."""

    def value(self, x: Any) -> Any:
        """A 0-d array."""

    def gradient(self, x: Any) -> Any:
        """Shape ``(n,)``."""

    def hessian(self, x: Any) -> Any:
        """Shape ``(n, n)``."""

    def sources(self) -> Sources:
        """The same as Python expressions in ``x[0]``, ``x[1]``, ... for scripts."""

    @property
    def structure(self) -> Hashable:
        """What objectives have in common that differ in their coefficients alone.

        A library that compiles can do so once for each structure.
        """

    @property
    def coefficients(self) -> tuple[float, ...]:
        """The coefficients, one after the other."""

    def with_coefficients(self, coefficients: Sequence[Any]) -> Objective:
        """The objective of the same structure with others, which may be native scalars."""


class LikelihoodObjective(Objective, Protocol):
    """The mean negative log likelihood of data under a model with parameters ``x``."""

    def outcomes(self, x: Any) -> Sequence[tuple[Any, Any]]:
        """Weights and observations whose weighted sum is the expectation under the model."""

    def log_probability(self, x: Any, observation: Any) -> Any:
        """The log probability of an observation, up to a constant: a 0-d array."""

    def score(self, x: Any, observation: Any) -> Any:
        """The gradient of the log probability, shape ``(n,)``."""

    def score_hessian(self, x: Any, observation: Any) -> Any:
        """Its second derivatives, shape ``(n, n)``."""


class LeastSquaresObjective(Objective, Protocol):
    """Half the sum of the squares of ``k`` residuals."""

    def residual(self, x: Any) -> Any:
        """Shape ``(k,)``."""

    def jacobian(self, x: Any) -> Any:
        """The derivatives of the residuals, shape ``(k, n)``."""


@dataclass(frozen=True)
class Iteration:
    """Where a minimizer stood, and where it went from there.

    ``direction`` and ``step`` are those taken from ``point``; None at the last point, and where
    the library does not show them. A trial that is refused is followed by the same point; one
    that is known from its two ends alone has a direction without a step. ``matrix`` is the
    approximate inverse Hessian that gave the direction, where one is kept. ``damping`` is that of
    the step, where there is one.
    """

    point: Floats
    value: float
    gradient: Floats
    direction: Floats | None = None
    step: float | None = None
    matrix: Floats | None = None
    damping: float | None = None


@dataclass(frozen=True)
class Trajectory:
    """What a minimizer did: the start first, the point that it returns last.

    ``success`` is what it reports, None where it reports nothing.
    """

    iterations: tuple[Iteration, ...]
    success: bool | None = None
    message: str = ""
    evaluations: int | None = None

    @property
    def end(self) -> Iteration:
        """The point that is returned."""
        return self.iterations[-1]


@dataclass(frozen=True)
class MinimizerClaim(Claim):
    """What a library says of a minimizer.

    ``search`` is how it finds its step: the minimum along the line, the Wolfe or the Armijo
    conditions with the constants ``sufficient_decrease`` and ``curvature`` (the latter without
    absolute value where ``strong`` is False), always the full step, or in no such way. Where a
    search takes the approximate condition of Hager and Zhang for sufficient decrease too,
    ``approximate_decrease`` is how far that lets a value rise, relative to it.
    ``promises`` is what success means; ``monotone`` says that no step is taken upwards. A search
    that is asked trial by trial does not count them: ``counts_trials`` is False.
    """

    search: Search = "exact"
    sufficient_decrease: float = 1e-4
    curvature: float = 0.9
    strong: bool = True
    approximate_decrease: float | None = None
    promises: tuple[Promise, ...] = ()
    monotone: bool = True
    counts_trials: bool = True


@dataclass(frozen=True)
class Task:
    """What a minimizer is asked to do.

    At most so many ``iterations`` from ``start``, shape ``(n,)``; ``tolerance`` is that of its
    promise. Native arrays are to have ``dtype``.
    """

    objective: Objective
    start: Floats
    hyperparameters: Hyperparameters
    iterations: int
    tolerance: float
    dtype: str


class MinimizerRule(Protocol):
    """A minimizer of a library."""

    @property
    def claim(self) -> MinimizerClaim:
        """What the library says of it."""

    def minimize(self, task: Task) -> Trajectory:
        """Do it, and say what was done."""

    def script(self, task: Task) -> str:
        """Python of the library alone that prints the points and their values."""


@dataclass(frozen=True)
class LineResult:
    """What a line search found. ``step`` is None where it says that it found none.

    ``trials`` are the steps that it tried, in order; ``brackets`` the intervals that it kept,
    the first one first, where it shows them.
    """

    step: float | None
    trials: tuple[float, ...] = ()
    brackets: tuple[tuple[float, float], ...] = ()
    message: str = ""


@dataclass(frozen=True)
class LineTask:
    """What a line search is asked: a step along ``direction`` from ``start``, shape ``(n,)``."""

    objective: Objective
    start: Floats
    direction: Floats
    hyperparameters: Hyperparameters
    dtype: str


class LineSearchRule(Protocol):
    """A line search of a library."""

    @property
    def claim(self) -> MinimizerClaim:
        """What the library says of it."""

    def search(self, task: LineTask) -> LineResult:
        """Look for the step."""

    def script(self, task: LineTask) -> str:
        """Python of the library alone that prints what the search returns."""


class InterpolationRule(Protocol):
    """A library's formula for the minimum of an interpolating polynomial."""

    @property
    def claim(self) -> Claim:
        """What the library says of it."""

    def minimum(self, values: Mapping[str, float], *, dtype: str) -> float:
        """Where the polynomial through ``values`` has its minimum; the dialect names them.

        NaN where the library says that there is none.
        """

    def script(self, values: Mapping[str, float], *, dtype: str) -> str:
        """Python of the library alone that prints it."""


class CurriculumRule(Protocol):
    """A training order from easy to difficult."""

    @property
    def claim(self) -> Claim:
        """What the library says of it."""

    def weights(self, difficulty: Floats, stages: int) -> Floats:
        """The weight of each example at each stage, shape ``(stages, n)``, each row sums to 1."""

    def batches(
        self, difficulty: Floats, shares: Sequence[float], batch_size: int, seed: int
    ) -> Sequence[Sequence[int]]:
        """For each step a batch of indices; the share of difficult examples follows ``shares``.

        An example is difficult when its difficulty lies above the median.
        """


@dataclass(frozen=True)
class Stage:
    """A stage of greedy pre-training: the weights before and after it, and its losses.

    A matrix of shape ``(fan_in + 1, fan_out)`` for each layer, the bias in its last row; hidden
    layers are tanh, the output is linear. ``losses`` are half the mean squared error (summed over
    outputs) before the first step and after each.
    """

    before: tuple[Floats, ...]
    after: tuple[Floats, ...]
    losses: tuple[float, ...]


class PretrainingRule(Protocol):
    """Layer by layer training of a network."""

    @property
    def claim(self) -> Claim:
        """What the library says of it."""

    def pretrain(
        self, inputs: Floats, targets: Floats, widths: Sequence[int], seed: int
    ) -> Sequence[Stage]:
        """One stage for each hidden layer, and one of fine-tuning all of them."""
