"""Two more shapes of an optimizer: functions that return updates, objects that step in place.

::

    @backend.transformation("momentum", dialect="learning-rate-outside")
    def momentum(*, learning_rate, momentum):
        def init(parameters):
            return [np.zeros_like(w) for w in parameters]

        def update(gradients, state, parameters):
            state = [momentum * v + g for v, g in zip(state, gradients)]
            return [-learning_rate * v for v in state], state

        return init, update

    @backend.optimizer("momentum", dialect="learning-rate-outside")
    class Momentum:
        def __init__(self, parameters, *, learning_rate, momentum):
            ...

        def step(self, gradients):
            ...
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcheck.backends.arrays import Arrays
from optcheck.backends.function_parts import FunctionPart
from optcheck.backends.function_rules import case_lines
from optcheck.backends.interface import Case, Claim, Hyperparameters, NotShown


class Wrapped(FunctionPart):
    """What makes an optimizer, its claim, and expressions of its state by our names."""

    def __init__(
        self, make: Callable[..., Any], claim: Claim, arrays: Arrays, names: Mapping[str, str]
    ) -> None:
        super().__init__(make, claim)
        self.arrays = arrays
        self.names = names

    def mode(self, parameters: Sequence[Any]) -> Callable[[], Any]:
        """In which users of these parameters run."""
        return functools.partial(self.arrays.mode, self.arrays.dtype(parameters[0]))

    def computed(self, arrays: str) -> str:
        """The last line of a script: the numbers of a list of arrays."""
        return f"computed = [float(x) for array in {arrays} for x in {self.arrays.numbers}]\n"


class TransformationRun:
    """One optimization by a pair of functions; the hyper-parameters are not in the state."""

    def __init__(
        self,
        rule: TransformationRule,
        parameters: Sequence[Any],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
        saved: bytes | None = None,
    ) -> None:
        self.rule = rule
        self.values = list(parameters)
        self.learning_rates = learning_rates
        self.mode = rule.mode(parameters)
        self.retune(hyperparameters)
        with self.mode():
            first = self.init(list(self.values)) if saved is None else pickle.loads(saved)
        self.held: Any = first
        self.steps = 0

    def retune(self, hyperparameters: Hyperparameters) -> None:
        """Go on with these and with the state."""
        self.hyperparameters = dict(hyperparameters)
        with self.mode():
            made = self.rule.function(**hyperparameters)
        # The pairs of optax are tuples with names.
        self.init, self.update = (
            (made.init, made.update) if hasattr(made, "init") else (made[0], made[1])
        )

    def step(self, gradients: Sequence[Any], **signals: Any) -> None:
        if self.learning_rates is not None:
            rate = self.learning_rates[self.steps]
            self.retune({**self.hyperparameters, "learning_rate": rate})
        with self.mode():
            updates, self.held = self.update(
                list(gradients), self.held, list(self.values), **signals
            )
            self.values = [w + u for w, u in zip(self.values, updates, strict=True)]
        self.steps += 1

    def parameters(self) -> Sequence[Any]:
        return self.values

    def evaluation_point(self) -> Sequence[Any]:
        return self.values

    def state(self) -> Mapping[str, Sequence[Any]]:
        names = self.rule.names.items()
        return {ours: list(eval(theirs, {"state": self.held})) for ours, theirs in names}

    def save(self) -> bytes:
        try:
            return pickle.dumps(self.held)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise NotShown(f"its state cannot be saved: {error}") from error


class TransformationRule(Wrapped):
    """A function of hyper-parameters that makes ``init`` and ``update``.

    Our names are expressions of ``state``.
    """

    def start(
        self,
        parameters: Sequence[Any],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> TransformationRun:
        return TransformationRun(self, parameters, hyperparameters, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[Any], hyperparameters: Hyperparameters
    ) -> TransformationRun:
        return TransformationRun(self, parameters, hyperparameters, saved=saved)

    def retune(self, run: TransformationRun, hyperparameters: Hyperparameters) -> None:
        run.retune(hyperparameters)

    def script(self, case: Case, quantity: str) -> str:
        shown = {"parameter": "parameters", **self.names}[quantity]
        rates = case.learning_rates
        change = f"\n    hyperparameters['learning_rate'] = {list(rates)!r}[t]" if rates else ""
        tell = ", **signals[t]" if case.signals else ""
        return f"""{case_lines(self.function, case, self.arrays)}
def pair():
    made = rule(**hyperparameters)
    return (made.init, made.update) if hasattr(made, "init") else made


state = pair()[0](list(parameters))
for t, step_gradients in enumerate(gradients):{change}
    updates, state = pair()[1](step_gradients, state, list(parameters){tell})
    parameters = [w + u for w, u in zip(parameters, updates)]
{self.computed(shown)}"""


class OptimizerRun:
    """One optimization by an object that changes the parameters it was made with."""

    def __init__(
        self,
        rule: OptimizerRule,
        parameters: Sequence[Any],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> None:
        self.rule = rule
        # The object itself may replace what this list holds.
        self.values = list(parameters)
        self.learning_rates = learning_rates
        self.object = rule.made(self.values, hyperparameters)
        self.steps = 0

    def step(self, gradients: Sequence[Any], **signals: Any) -> None:
        if self.learning_rates is not None:
            self.rule.set_rate(self.object, self.learning_rates[self.steps])
        self.rule.step(self.object, self.values, gradients, signals)
        self.steps += 1

    def parameters(self) -> Sequence[Any]:
        return self.values

    def evaluation_point(self) -> Sequence[Any]:
        return self.values

    def state(self) -> Mapping[str, Sequence[Any]]:
        return self.rule.shown(self.object, self.values)

    def save(self) -> bytes:
        if not hasattr(self.object, "state_dict"):
            raise NotShown(f"{type(self.object).__name__} has no state_dict to resume from")
        return pickle.dumps(self.object.state_dict())


class OptimizerRule(Wrapped):
    """A class, or a function, of the parameters that makes an object with ``step(gradients)``.

    Our names are expressions of ``optimizer``; ``learning_rate`` names the attribute that a
    scheduled rate changes.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        claim: Claim,
        arrays: Arrays,
        names: Mapping[str, str],
        learning_rate: str | None,
    ) -> None:
        super().__init__(make, claim, arrays, names)
        self.learning_rate = learning_rate

    def start(
        self,
        parameters: Sequence[Any],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> OptimizerRun:
        return OptimizerRun(self, parameters, hyperparameters, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[Any], hyperparameters: Hyperparameters
    ) -> OptimizerRun:
        run = self.start(parameters, hyperparameters)
        run.object.load_state_dict(pickle.loads(saved))
        return run

    def made(self, parameters: list[Any], hyperparameters: Hyperparameters) -> Any:
        """The object that updates ``parameters``."""
        return self.function(parameters, **hyperparameters)

    def set_rate(self, made: Any, rate: float) -> None:
        """Change the learning rate."""
        setattr(made, self.learning_rate or "", rate)

    def step(
        self, made: Any, parameters: list[Any], gradients: Sequence[Any], told: Mapping[str, Any]
    ) -> None:
        """One update."""
        made.step(list(gradients), **told)

    def shown(self, made: Any, parameters: list[Any]) -> Mapping[str, Sequence[Any]]:
        """The state by our names."""
        names = self.names.items()
        return {ours: list(eval(theirs, {"optimizer": made})) for ours, theirs in names}

    def script(self, case: Case, quantity: str) -> str:
        shown = "parameters" if quantity == "parameter" else self.shown_source(quantity)
        rates = case.learning_rates
        change = f"\n    {self.rate_source(f'{list(rates)!r}[t]')}" if rates else ""
        tell = ", **signals[t]" if case.signals else ""
        return f"""{case_lines(self.function, case, self.arrays)}
{self.made_source()}
for t, step_gradients in enumerate(gradients):{change}
    {self.step_source(tell)}
{self.computed(shown)}"""

    def made_source(self) -> str:
        """A line that makes the object."""
        return "optimizer = rule(parameters, **hyperparameters)"

    def rate_source(self, rate: str) -> str:
        """A line that changes the learning rate."""
        return f"optimizer.{self.learning_rate} = {rate}"

    def step_source(self, tell: str) -> str:
        """A line of one update."""
        return f"optimizer.step(step_gradients{tell})"

    def shown_source(self, quantity: str) -> str:
        """The state as source."""
        return self.names[quantity]


class TorchOptimizerRule(OptimizerRule):
    """An optimizer as torch.optim has them: it reads ``grad``, and has ``param_groups``.

    Our names are keys of the state of a parameter.
    """

    def made(self, parameters: list[Any], hyperparameters: Hyperparameters) -> Any:
        parameters[:] = [tensor.requires_grad_() for tensor in parameters]
        return super().made(parameters, hyperparameters)

    def set_rate(self, made: Any, rate: float) -> None:
        for group in made.param_groups:
            group[self.learning_rate] = rate

    def step(
        self, made: Any, parameters: list[Any], gradients: Sequence[Any], told: Mapping[str, Any]
    ) -> None:
        for tensor, gradient in zip(parameters, gradients, strict=True):
            tensor.grad = gradient
        made.step(**told)

    def shown(self, made: Any, parameters: list[Any]) -> Mapping[str, Sequence[Any]]:
        states = [made.state.get(tensor, {}) for tensor in parameters]
        return {
            ours: [state[theirs] for state in states]
            for ours, theirs in self.names.items()
            if all(theirs in state for state in states)
        }

    def made_source(self) -> str:
        return f"""parameters = [tensor.requires_grad_() for tensor in parameters]
{super().made_source()}"""

    def rate_source(self, rate: str) -> str:
        return f"optimizer.param_groups[0][{self.learning_rate!r}] = {rate}"

    def step_source(self, tell: str) -> str:
        return f"""for tensor, gradient in zip(parameters, step_gradients):
        tensor.grad = gradient
    optimizer.step({tell.removeprefix(", ")})"""

    def shown_source(self, quantity: str) -> str:
        return f"[optimizer.state[p][{self.names[quantity]!r}] for p in parameters]"
