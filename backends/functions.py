"""The smallest way to plug in: a backend made of plain functions.

::

    from optcheck.backends import FunctionBackend

    backend = FunctionBackend("mine")

    @backend.update_rule("momentum", dialect="learning-rate-outside")
    def momentum(parameter, gradient, state, *, learning_rate, momentum):
        state["velocity"] = momentum * state.get("velocity", 0.0) + gradient
        return parameter - learning_rate * state["velocity"]

A rule sees one parameter at a time. It returns the new parameter, or updates it in place and
returns None. ``state`` is a dictionary that belongs to that parameter and is empty at first.
:mod:`optcheck.backends.wrapped` shows the two other shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from optcheck.backends.arrays import load_arrays
from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.function_rules import (
    FunctionClippingRule,
    FunctionScheduleRule,
    FunctionUpdateRule,
)
from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.interface import (
    INTERFACE_VERSION,
    Claim,
    Floats,
    Hyperparameters,
    UpdateRule,
)
from optcheck.backends.wrapped import (
    OptimizerRule,
    TorchOptimizerRule,
    TransformationRule,
)

Function = TypeVar("Function", bound=Callable[..., Any])

# Keywords of the decorators that say something of the claim; all others are options.
_SAID = {each.name for each in fields(Claim)} - {"method", "dialect", "options"}


class FunctionBackend(FunctionMinimizers, FunctionTraining):
    """A backend made of plain functions; the decorators below register them.

    Update rules and clipping get ``arrays`` of NumPy, torch or JAX, on ``device``; all else gets
    NumPy's.
    """

    interface_version = INTERFACE_VERSION

    def __init__(
        self,
        name: str,
        *,
        arrays: str = "numpy",
        device: str = "cpu",
        library: str | None = None,
        version: str = "",
    ) -> None:
        FunctionMinimizers.__init__(self)
        FunctionTraining.__init__(self)
        self.name = name
        self.device = device
        self._arrays = load_arrays(arrays, device)
        self._library = (library or name, version)
        self._update_rules: list[UpdateRule] = []
        self._schedules: list[FunctionScheduleRule] = []
        self._clippings: list[FunctionClippingRule] = []

    def update_rule(
        self,
        method: str,
        *,
        dialect: str,
        evaluation_point: Callable[..., Any] | None = None,
        defaults: Hyperparameters | None = None,
        **options: Any,
    ) -> Callable[[Function], Function]:
        """Claim that the function is ``method`` in ``dialect``.

        ``evaluation_point(parameter, state, **hyperparameters)`` says where a rule that looks
        ahead wants its next gradient. ``defaults`` are the values that are documented for
        hyper-parameters which the function may be called without. Further keywords are fields
        of a :class:`Claim`, or options that tell implementations apart.
        """
        claim = self._claim(method, dialect, options, defaults=defaults, missing_gradients=True)

        def register(function: Function) -> Function:
            rule = FunctionUpdateRule(function, claim, evaluation_point, self._arrays)
            self._update_rules.append(rule)
            return function

        return register

    def transformation(
        self,
        method: str,
        *,
        dialect: str,
        state: Mapping[str, str] | None = None,
        defaults: Hyperparameters | None = None,
        **options: Any,
    ) -> Callable[[Function], Function]:
        """Claim that ``make(**hyperparameters)`` makes the functions of ``method``.

        They are ``init(parameters)``, which returns the first state, and ``update(gradients,
        state, parameters)``, which returns what is added to the parameters, and the next state;
        parameters, gradients and updates are lists of arrays. ``state`` says what the catalogue's
        names are in the state: ``{"velocity": "state[0].trace"}``.
        """
        claim = self._claim(method, dialect, options, defaults=defaults)

        def register(make: Function) -> Function:
            rule = TransformationRule(make, claim, self._arrays, state or {})
            self._update_rules.append(rule)
            return make

        return register

    def optimizer(
        self,
        method: str,
        *,
        dialect: str,
        state: Mapping[str, str] | None = None,
        learning_rate: str | None = None,
        defaults: Hyperparameters | None = None,
        **options: Any,
    ) -> Callable[[Function], Function]:
        """Claim that ``make(parameters, **hyperparameters)`` makes an optimizer of ``method``.

        It changes the parameters in place by ``step(gradients)``; with the arrays of torch, by
        ``step()`` from their ``grad``. ``state`` says what the catalogue's names are:
        ``{"velocity": "optimizer.velocity"}``; with torch, which key of the state of a parameter.
        ``learning_rate`` names the attribute (with torch, of ``param_groups``; "lr" if none is
        named) that changes the rate in a run. The optimizer is resumed by ``state_dict`` and
        ``load_state_dict``, if it has them.
        """
        if self._arrays.name == "jax":
            raise ValueError("arrays of JAX cannot change in place: use backend.transformation")
        torch = self._arrays.name == "torch"
        attribute = learning_rate or ("lr" if torch else None)
        changes = {"scheduled": attribute is not None}
        claim = self._claim(method, dialect, options, defaults=defaults, **changes)
        kind = TorchOptimizerRule if torch else OptimizerRule

        def register(make: Function) -> Function:
            rule = kind(make, claim, self._arrays, state or {}, attribute)
            self._update_rules.append(rule)
            return make

        return register

    def _claim(
        self, method: str, dialect: str, keywords: Mapping[str, Any], **assumed: Any
    ) -> Claim:
        said = {name: value for name, value in keywords.items() if name in _SAID}
        options = {name: value for name, value in keywords.items() if name not in _SAID}
        return Claim(method, dialect, options, **{**self._arrays.claims, **assumed, **said})

    def schedule(
        self, method: str, *, dialect: str = "closed-form", ways: Sequence[str] = ("count",)
    ) -> Callable[[Function], Function]:
        """Claim that ``function(tau, **hyperparameters)`` is the schedule ``method``.

        It goes on from any step in these ``ways``, as any function of the step does.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, dtypes=("float64",))
            self._schedules.append(FunctionScheduleRule(function, claim, ways))
            return function

        return register

    def clipping(
        self, method: str, *, dialect: str, **options: Any
    ) -> Callable[[Function], Function]:
        """Claim that ``function(gradients, **hyperparameters)`` clips a list of arrays."""
        claim = self._claim(method, dialect, options)

        def register(function: Function) -> Function:
            self._clippings.append(FunctionClippingRule(function, claim, self._arrays))
            return function

        return register

    def library(self) -> tuple[str, str]:
        return self._library

    def environment(self) -> Mapping[str, str]:
        return self._arrays.environment()

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Any:
        return self._arrays.asarray(values, dtype, transposed=transposed)

    def to_numpy(self, array: Any) -> Floats:
        return self._arrays.to_numpy(array)

    def dtype(self, array: Any) -> str:
        return self._arrays.dtype(array)

    def synchronize(self, arrays: Sequence[Any]) -> None:
        self._arrays.synchronize(arrays)

    def update_rules(self) -> Sequence[UpdateRule]:
        return self._update_rules

    def schedules(self) -> Sequence[FunctionScheduleRule]:
        return self._schedules

    def clippings(self) -> Sequence[FunctionClippingRule]:
        return self._clippings
