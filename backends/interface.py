"""The interface between libraries and laws: cases, claims and the protocols of a backend.

A backend offers *capabilities*; each is a protocol with one method. A capability that a backend
does not have is unsupported, never failed. Arrays stay in the library's own type between steps;
they cross the border as float64 NumPy arrays, which hold every value of the formats under test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

INTERFACE_VERSION = 1

Floats = npt.NDArray[np.float64]
Hyperparameters = Mapping[str, float]
Option = str | int | float | bool
Evaluation = Literal["lerp", "zero-guard", "decay-factor", "rational-tanh"]
Signals = Mapping[str, float | tuple[Floats, ...]]
Compilation = Literal["none", "operations", "programs"]


class NotShown(Exception):
    """The implementation does not show what a law is about; the message says what."""


def no_limits(hyperparameters: Hyperparameters) -> str | None:
    """The library takes all that the method allows."""
    return None


@dataclass(frozen=True)
class Claim:
    """What a library says of one implementation: which method, and which dialect of it.

    ``scalar_bits`` maps a dtype to the significand bits of (scalars made of hyper-parameters,
    scalars made of the step count); where it is silent, both are Python floats with 53.
    ``evaluation`` says where an implementation leaves the textbook's order of operations without
    leaving the equation: ``lerp`` averages gradients as ``m + (1 - beta) (g - m)``; ``zero-guard``
    takes no step where the accumulated square is 0, as it is when a tiny square underflows;
    ``decay-factor`` decays as ``w * (1 - learning_rate * weight_decay)`` before the update;
    ``rational-tanh`` has a quotient of two polynomials for the hyperbolic tangent.
    ``compilation`` says what is compiled on first use: nothing, each operation for each shape, or
    the whole program for each setting of hyper-parameters; the laws spend accordingly.
    ``limits`` returns why the library refuses hyper-parameters that the method allows, or None;
    ``fixed`` are hyper-parameters that it does not let anybody choose. ``defaults`` are the values
    that the library documents for hyper-parameters that are left out of ``start``; None where it
    has none. ``missing_gradients`` says that a gradient may be None, ``scheduled`` that the
    learning rate may change in the middle of a run. ``complex_numbers`` says how complex
    parameters are taken: as ``pairs`` of reals, by their ``modulus``, or not at all.
    ``thorough_only`` keeps what is slow to build out of the other profiles.
    """

    method: str
    dialect: str
    options: Mapping[str, Option] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float32", "float64")
    scalar_bits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    flushes_subnormals: bool = False
    evaluation: frozenset[Evaluation] = frozenset()
    compilation: Compilation = "none"
    limits: Callable[[Hyperparameters], str | None] = no_limits
    fixed: Hyperparameters = field(default_factory=dict)
    defaults: Hyperparameters | None = None
    missing_gradients: bool = False
    scheduled: bool = True
    complex_numbers: Literal["pairs", "modulus"] | None = None
    thorough_only: bool = False

    @property
    def name(self) -> str:
        """``method/dialect`` with the options, for people."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.method}/{self.dialect}" + (f" ({options})" if options else "")


@dataclass(frozen=True)
class Case:
    """One input of an update rule.

    ``gradients[t]`` has one array for each of ``parameters``, of the same shape, representable in
    ``dtype``. ``learning_rates`` has one rate for each step, or is None where the rate is the
    constant hyper-parameter. ``transposed`` asks for non-contiguous storage of matrices.
    ``signals`` has, for each step, what the rule is told beside its gradients: a number, or
    arrays like the gradients; it is empty for most rules.
    """

    hyperparameters: Hyperparameters
    parameters: tuple[Floats, ...]
    gradients: tuple[tuple[Floats, ...], ...]
    dtype: str
    learning_rates: tuple[float, ...] | None = None
    transposed: bool = False
    signals: tuple[Signals, ...] = ()

    @property
    def steps(self) -> int:
        """The number of updates."""
        return len(self.gradients)

    def until(self, step: int) -> Case:
        """The first ``step`` updates of this case."""
        rates = None if self.learning_rates is None else self.learning_rates[:step]
        return replace(
            self,
            gradients=self.gradients[:step],
            learning_rates=rates,
            signals=self.signals[:step],
        )

    def rate(self, step: int) -> float | None:
        """The learning rate of update ``step`` (from 0) where it is scheduled."""
        return None if self.learning_rates is None else self.learning_rates[step]


class Run(Protocol):
    """One optimization in progress."""

    def step(self, gradients: Sequence[Any], **signals: Any) -> None:
        """One update with native gradients, and with what else the rule is told."""

    def parameters(self) -> Sequence[Any]:
        """The current parameters, native."""

    def state(self) -> Mapping[str, Sequence[Any]]:
        """The state that the library exposes, by the catalogue's names, an array a parameter."""

    def evaluation_point(self) -> Sequence[Any]:
        """Where the next gradient is to be taken; the parameters, unless the rule looks ahead."""

    def save(self) -> Any:
        """The state as the library itself saves it (its own mechanism, through bytes)."""


class UpdateRule(Protocol):
    """An implementation of an update rule in one option set."""

    claim: Claim

    def start(
        self,
        parameters: Sequence[Any],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> Run:
        """Begin at native ``parameters``, which the run may update in place."""

    def resume(
        self, saved: Any, parameters: Sequence[Any], hyperparameters: Hyperparameters
    ) -> Run:
        """Go on from what ``Run.save`` returned."""

    def script(self, case: Case, quantity: str) -> str:
        """Python that runs ``case`` on the library alone and leaves a list ``computed``.

        ``quantity`` is ``parameter`` or the name of a state.
        """


@runtime_checkable
class CountsSteps(Protocol):
    """A run that shows its step count, and can go on from any other."""

    def count(self) -> int | None:
        """The updates done so far, or None where the rule does not count them."""

    def set_count(self, count: int) -> None:
        """Restore the saved state with another count in it."""


@runtime_checkable
class HasGroups(Protocol):
    """An update rule that takes groups of parameters with hyper-parameters of their own."""

    def start_groups(self, groups: Sequence[tuple[Sequence[Any], Hyperparameters]]) -> Run:
        """Begin; the run's parameters and gradients are those of all groups in order."""


@runtime_checkable
class Retunes(Protocol):
    """An update rule whose hyper-parameters can be changed in the middle of a run."""

    def retune(self, run: Any, hyperparameters: Hyperparameters) -> None:
        """Go on with these; a rule without this is resumed with them from its saved state."""


@runtime_checkable
class ShowsCall(Protocol):
    """An update rule that says how a user of its library makes it."""

    def call(self, hyperparameters: Hyperparameters) -> str:
        """An expression of the library."""


class ScheduleRule(Protocol):
    """A learning-rate schedule of a library."""

    claim: Claim

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        """The rates that updates 0 ... steps - 1 use."""

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        """Python that leaves the rates in a list ``computed``."""


@runtime_checkable
class EndsSchedule(Protocol):
    """A schedule that has no rate for some update and all after it."""

    def horizon(self, hyperparameters: Hyperparameters) -> int | None:
        """The updates that it has rates for; None where there is no last one."""


@runtime_checkable
class ResumesSchedule(Protocol):
    """A schedule that can go on from any update.

    ``ways`` says how: from its saved ``state``, from the ``last-epoch`` and what is in the
    optimizer, or at any ``count`` of steps, with nothing of what was before.
    """

    ways: Sequence[str]

    def resumed(
        self, hyperparameters: Hyperparameters, start: int, steps: int, way: str
    ) -> Sequence[float]:
        """The rates of so many updates from update ``start`` on."""


class ClippingRule(Protocol):
    """A gradient-clipping function of a library."""

    claim: Claim

    def clip(self, gradients: Sequence[Any], hyperparameters: Hyperparameters) -> Sequence[Any]:
        """The clipped gradients, native."""

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        """Python that leaves the clipped gradients in a flat list ``computed``."""


@runtime_checkable
class Backend(Protocol):
    """What every backend has.

    One that also has ``source_modules``, the names of the modules that hold the rules, lets
    ``optcheck coverage`` list their lines that no law enters. One that also has ``absent`` says
    there why it does not have a method, by the method's id.
    """

    name: str
    interface_version: int

    def library(self) -> tuple[str, str]:
        """The library under test and its version."""

    def environment(self) -> Mapping[str, str]:
        """What else a reader needs to repeat the run: threads, x64, TF32."""

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Any:
        """A new native array; ``transposed`` asks for non-contiguous memory."""

    def to_numpy(self, array: Any) -> Floats:
        """The values of a native array, copied, as float64 (complex128 if it is complex)."""

    def dtype(self, array: Any) -> str:
        """The dtype name of a native array."""

    def synchronize(self, arrays: Sequence[Any]) -> None:
        """Wait until the native ``arrays`` are computed."""


@runtime_checkable
class HasUpdateRules(Protocol):
    """The capability to update parameters."""

    def update_rules(self) -> Sequence[UpdateRule]:
        """All implementations, one for each option set."""


@runtime_checkable
class HasSchedules(Protocol):
    """The capability to schedule a learning rate."""

    def schedules(self) -> Sequence[ScheduleRule]:
        """All implementations."""


@runtime_checkable
class HasClipping(Protocol):
    """The capability to clip gradients."""

    def clippings(self) -> Sequence[ClippingRule]:
        """All implementations."""


@runtime_checkable
class HasInitializers(Protocol):
    """The capability to draw initial parameters (see :mod:`optcheck.backends.layers`)."""

    def initializers(self) -> Sequence[Any]:
        """All implementations, each an ``InitializerRule``."""


@runtime_checkable
class HasNormalizers(Protocol):
    """The capability to normalise activations."""

    def normalizers(self) -> Sequence[Any]:
        """All implementations, each a ``NormalizerRule``."""


@runtime_checkable
class HasRecurrences(Protocol):
    """The capability to repeat a layer."""

    def recurrences(self) -> Sequence[Any]:
        """All implementations, each a ``RecurrenceRule``."""


@runtime_checkable
class HasMinimizers(Protocol):
    """The capability to minimise a function (see :mod:`optcheck.backends.minimization`)."""

    def minimizers(self) -> Sequence[Any]:
        """All implementations, each a ``MinimizerRule``."""


@runtime_checkable
class HasLineSearches(Protocol):
    """The capability to search along a line."""

    def line_searches(self) -> Sequence[Any]:
        """All implementations, each a ``LineSearchRule``."""


@runtime_checkable
class HasInterpolations(Protocol):
    """The capability to find the minimum of an interpolating polynomial."""

    def interpolations(self) -> Sequence[Any]:
        """All implementations, each an ``InterpolationRule``."""


@runtime_checkable
class HasCurricula(Protocol):
    """The capability to order examples from easy to difficult."""

    def curricula(self) -> Sequence[Any]:
        """All implementations, each a ``CurriculumRule``."""


@runtime_checkable
class HasPretraining(Protocol):
    """The capability to train a network layer by layer."""

    def pretrainings(self) -> Sequence[Any]:
        """All implementations, each a ``PretrainingRule``."""


@runtime_checkable
class HasDerivatives(Protocol):
    """The capability to differentiate a function (see :mod:`optcheck.backends.training`)."""

    def derivatives(self) -> Sequence[Any]:
        """All implementations, each a ``DerivativeRule``."""


@runtime_checkable
class HasLosses(Protocol):
    """The capability to evaluate losses, and the activations that they are made with."""

    def losses(self) -> Sequence[Any]:
        """All implementations, each a ``LossRule``."""


@runtime_checkable
class HasFactorizations(Protocol):
    """The capability to factorise a symmetric matrix."""

    def factorizations(self) -> Sequence[Any]:
        """All implementations, each a ``FactorizationRule``."""


@runtime_checkable
class HasLoaders(Protocol):
    """The capability to divide examples into minibatches."""

    def loaders(self) -> Sequence[Any]:
        """All implementations, each a ``LoaderRule``."""


@runtime_checkable
class HasDistribution(Protocol):
    """The capability to spread work over devices (see :mod:`optcheck.backends.distribution`)."""

    def distributions(self) -> Sequence[Any]:
        """All implementations, each a ``ShardedUpdateRule`` or a ``DataParallelRule``."""


@runtime_checkable
class HasMetricSchedules(Protocol):
    """The capability to reduce a learning rate where a metric stops improving."""

    def metric_schedules(self) -> Sequence[Any]:
        """All implementations, each a ``MetricScheduleRule``."""
