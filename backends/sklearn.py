"""scikit-learn: the optimizers of its networks, and what else their training is made of."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import sklearn
from sklearn.neural_network import _stochastic_optimizers
from sklearn.preprocessing import StandardScaler

from optcheck.backends.function_layers import FunctionNormalizerRun
from optcheck.backends.functions import FunctionBackend
from optcheck.backends.interface import Case, Claim, Floats, Hyperparameters
from optcheck.backends.program_loaders import ProgramLoader
from optcheck.backends.programs import ProgramInitializer, ProgramSchedule
from optcheck.backends.rows import Row
from optcheck.backends.scripts import literals
from optcheck.backends.training import Training

Array = npt.NDArray[Any]

_RATE = {"learning_rate_init": "learning_rate"}
_MOMENTUM = {**_RATE, "momentum": "momentum"}
_BALL = {"learning_rate": 0.1, "momentum": 0.9}
_ADAM = {**_RATE, "beta_1": "beta1", "beta_2": "beta2", "epsilon": "epsilon"}
_KINGMA = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_PLAIN = {"nesterov": False}
_STILL = {"momentum": 0.0, **_PLAIN}
ROWS = (
    Row("gradient-descent", "plain", "SGDOptimizer", _RATE, {"learning_rate": 0.1}, _STILL),
    Row("momentum", "learning-rate-inside", "SGDOptimizer", _MOMENTUM, _BALL, _PLAIN),
    Row("nesterov", "shifted+learning-rate-inside", "SGDOptimizer", _MOMENTUM, _BALL),
    Row("adam", "epsilon-hat", "AdamOptimizer", _ADAM, _KINGMA),
)

STATE = {"velocities": "velocity", "ms": "first_moment", "vs": "second_moment"}


class SklearnRun:
    """One optimization by an optimizer, which updates its parameters in place."""

    def __init__(
        self, optimizer: Any, parameters: Sequence[Array], rates: Sequence[float] | None = None
    ) -> None:
        self.optimizer, self.arrays, self.rates = optimizer, list(parameters), rates
        self.steps = 0

    def step(self, gradients: Sequence[Array], **signals: Any) -> None:
        if self.rates is not None:
            rate = self.rates[self.steps]
            # The one is what SGD reads, the other what Adam reads.
            self.optimizer.learning_rate = self.optimizer.learning_rate_init = rate
        self.optimizer.update_params(self.arrays, gradients)
        self.steps += 1

    def parameters(self) -> Sequence[Array]:
        return self.arrays

    def evaluation_point(self) -> Sequence[Array]:
        return self.arrays

    def state(self) -> Mapping[str, Sequence[Array]]:
        kept = vars(self.optimizer)
        return {ours: kept[theirs] for theirs, ours in STATE.items() if theirs in kept}

    def save(self) -> bytes:
        return pickle.dumps(self.optimizer)

    def count(self) -> int | None:
        return getattr(self.optimizer, "t", None)

    def set_count(self, count: int) -> None:
        self.optimizer.t = count


@dataclass(frozen=True)
class SklearnRule:
    """A row of the table."""

    claim: Claim
    row: Row

    @property
    def implementation(self) -> str:
        """The class."""
        return f"{_stochastic_optimizers.__name__}.{self.row.name}"

    def start(
        self,
        parameters: Sequence[Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> SklearnRun:
        make = getattr(_stochastic_optimizers, self.row.name)
        optimizer = make(parameters, **self.row.arguments(hyperparameters))
        return SklearnRun(optimizer, parameters, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[Array], hyperparameters: Hyperparameters
    ) -> SklearnRun:
        run = SklearnRun(pickle.loads(saved), parameters)
        arguments = self.row.arguments(hyperparameters)
        vars(run.optimizer).update(arguments, learning_rate=arguments["learning_rate_init"])
        return run

    def script(self, case: Case, quantity: str) -> str:
        arguments = self.row.arguments(case.hyperparameters)
        keywords = "".join(f", {name}={value!r}" for name, value in arguments.items())
        shown = [f"optimizer.{theirs}" for theirs, ours in STATE.items() if ours == quantity]
        gradients = "".join(f"    {literals(each, case.dtype)},\n" for each in case.gradients)
        rates = case.learning_rates
        change = f"\n    optimizer.learning_rate = optimizer.learning_rate_init = {rates!r}[t]"
        return f"""import numpy as np
from {_stochastic_optimizers.__name__} import {self.row.name}

parameters = {literals(case.parameters, case.dtype, transposed=case.transposed)}
gradients = [
{gradients}]
optimizer = {self.row.name}(parameters{keywords})
for t, step_gradients in enumerate(gradients):{change if rates else ""}
    optimizer.update_params(parameters, step_gradients)
computed = [float(x) for array in {(*shown, "parameters")[0]} for x in np.ravel(array)]
"""


class Scaler:
    """``StandardScaler``; every feature of a batch is a column of its own."""

    def __init__(self) -> None:
        self.scaler = StandardScaler()

    def train(self, batch: Array, weights: Array | None = None) -> Array:
        self.scaler.fit(batch.reshape(len(batch), -1), sample_weight=weights)
        return self.evaluate(batch)

    def train_masked(self, batch: Array, mask: Array) -> Array:
        return self.train(batch, mask.astype(batch.dtype))

    def evaluate(self, batch: Array) -> Array:
        scaled: Array = self.scaler.transform(batch.reshape(len(batch), -1))
        return scaled.reshape(batch.shape)

    def gradients(self, batch: Array, cotangent: Array) -> Mapping[str, Array]:
        return {}

    def state(self) -> Mapping[str, Array]:
        return {"mean": self.scaler.mean_, "variance": self.scaler.var_}


@dataclass
class SklearnNormalizer:
    """``StandardScaler``, which has neither an epsilon nor a gain."""

    claim: Claim
    implementation: str = "sklearn.preprocessing.StandardScaler"

    def start(
        self, features: tuple[int, ...], hyperparameters: Hyperparameters, **asked: Any
    ) -> FunctionNormalizerRun:
        return FunctionNormalizerRun(Scaler(), asked["dtype"])

    def script(
        self, batches: Sequence[Floats], hyperparameters: Hyperparameters, **asked: Any
    ) -> str:
        data = literals([each.reshape(len(each), -1) for each in batches], asked["dtype"])
        return f"""import numpy as np
from sklearn.preprocessing import StandardScaler

*earlier, last = {data}
scaler = StandardScaler()
for batch in earlier:
    print(scaler.fit(batch).transform(last))
print(scaler.fit_transform(last))
"""


def _inverse_scaling(name: str, module: str, lines: str) -> ProgramSchedule:
    """A power of the number of samples, which is that of the updates where each has one."""
    fixed = {"decay_steps": 1.0}
    claim = Claim("power-law-schedule", "closed-form", {"class": name}, ("float64",), fixed=fixed)
    return ProgramSchedule(claim, f"from {module} import {name}", lines)


SCHEDULES = (
    _inverse_scaling(
        "SGDOptimizer",
        _stochastic_optimizers.__name__,
        """optimizer = SGDOptimizer([], initial_rate, "invscaling", power_t=-exponent)
computed = []
for samples in range(start, start + steps):
    optimizer.iteration_ends(samples)
    computed.append(optimizer.learning_rate)""",
    ),
    _inverse_scaling(
        "SGDRegressor",
        "sklearn.linear_model",
        """rates = {"learning_rate": "invscaling", "eta0": initial_rate, "power_t": -exponent}
model = SGDRegressor(penalty=None, fit_intercept=False, **rates)
model.partial_fit([[1.0]], [0.0])
model.t_, computed = 1.0 + start, []
for _ in range(steps):
    model.coef_[:] = 0  # from here the step is the rate
    computed.append(float(model.partial_fit([[1.0]], [1.0]).coef_[0]))""",
    ),
)

INITIALIZERS = tuple(
    ProgramInitializer(
        Claim("glorot-uniform", "harmonic-mean", {"activation": activation}, fixed={"gain": gain}),
        "import numpy as np\nfrom sklearn.neural_network import MLPRegressor",
        f"""network = MLPRegressor(activation={activation!r})
network._random_state = np.random.RandomState(seed)
computed = [network._init_coef(inputs, outputs, dtype)[0] for _ in range(count)]""",
    )
    for activation, gain in (("relu", 1.0), ("logistic", math.sqrt(1 / 3)))
)

_BATCHES = "[order[batch].tolist() for batch in gen_batches(examples, batch_size)]"
LOADERS = tuple(
    ProgramLoader(
        Claim("minibatches", dialect, {"order": order}, ("float64",)),
        "import numpy as np\nfrom sklearn.utils import gen_batches, resample, shuffle",
        "random = np.random.RandomState(seed)",
        f"[{_BATCHES} for order in ({order} for _ in range(epochs))]",
        "len(list(gen_batches(examples, batch_size)))",
    )
    for dialect, order in (
        ("in-order", "np.arange(examples)"),
        ("shuffled", "shuffle(np.arange(examples), random_state=random)"),
        ("with-replacement", "resample(np.arange(examples), random_state=random)"),
    )
)


class SklearnBackend(FunctionBackend):
    """scikit-learn, on NumPy's arrays."""

    source_modules = (_stochastic_optimizers.__name__,)

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise LookupError("scikit-learn runs on the CPU alone; use --device cpu")
        super().__init__("sklearn", library="scikit-learn", version=sklearn.__version__)
        scaler = SklearnNormalizer(Claim("data-normalization", "two-pass", fixed={"epsilon": 0.0}))
        parts = Training(loaders=LOADERS, initializers=INITIALIZERS, normalizers=[scaler])
        self.extend_training(parts)

    def update_rules(self) -> Sequence[Any]:
        return [SklearnRule(row.claim(), row) for row in ROWS]

    def schedules(self) -> Sequence[Any]:
        return SCHEDULES
