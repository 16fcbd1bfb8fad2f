"""Initial weights and biases by ``torch.nn.init``, and those that torch's layers start with."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np
import torch

from optcheck.backends.interface import Claim, Floats, Hyperparameters, Option, no_limits
from optcheck.backends.layers import InitializerRule, Kind, Layer

ROOT = math.sqrt(2.0)

# Their weights are kept with the input first.
_INPUT_FIRST = ("transposed-convolution", "embedding")
_WEIGHTS: tuple[Kind, ...] = ("dense", "convolution", "transposed-convolution", "embedding")


def stored_shape(layer: Layer) -> tuple[int, ...]:
    """The shape in which torch keeps the parameter."""
    if layer.parameter == "bias":
        return layer.shape
    if layer.kind == "transposed-convolution":
        return (layer.inputs, layer.outputs // layer.groups, *layer.kernel)
    if layer.kind == "embedding":
        return (layer.inputs, layer.outputs)
    return layer.shape


def arranged(values: Floats, layer: Layer) -> Floats:
    """Draws as torch keeps them, with the output first."""
    if layer.parameter == "bias" or layer.kind not in _INPUT_FIRST:
        return values
    groups = (layer.groups, layer.inputs // layer.groups, layer.outputs // layer.groups)
    parts = values.reshape(len(values), *groups, *layer.kernel)
    return np.swapaxes(parts, 2, 3).reshape(len(values), *layer.shape)


@dataclass
class TorchInitializer:
    """An expression for one draw, as a tensor.

    It reads ``weight``, an empty tensor of the shape of the parameter, the hyper-parameters and
    what the layer is: ``inputs``, ``outputs`` ... ``shared`` says that it takes no generator, so
    that the draws come from torch's own, which is left as it was.
    """

    claim: Claim
    expression: str
    takes: Callable[[Layer], bool]
    counts_fans: bool = False

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    @property
    def shared(self) -> bool:
        """Whether torch's own generator is drawn from."""
        return "generator" not in self.expression

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        names = {**_names(layer, dtype), **hyperparameters}
        code = _compiled(self.expression)
        with torch.random.fork_rng(_generators(), enabled=self.shared), torch.no_grad():
            if self.shared:
                torch.manual_seed(seed)
            names["generator"] = torch.Generator(torch.get_default_device()).manual_seed(seed)
            drawn = [_draw(code, names) for _ in range(count)]
        return arranged(torch.stack(drawn).cpu().double().numpy(), layer)

    def fans(self, layer: Layer) -> tuple[float, float] | None:
        if not self.counts_fans or layer.parameter == "bias":
            return None
        weight = torch.empty(stored_shape(layer), device="meta")
        return torch.nn.init._calculate_fan_in_and_fan_out(weight)

    def memory(
        self, layer: Layer, hyperparameters: Hyperparameters, steps: int, *, dtype: str
    ) -> tuple[Floats, Floats] | None:
        biases = self.draw(layer, hyperparameters, seed=0, dtype=dtype)[0]
        hidden = layer.outputs // layer.gates
        native = getattr(torch, dtype)
        cells = torch.nn.LSTM(1, hidden, dtype=native)
        for each in cells.parameters():
            torch.nn.init.zeros_(each)
        with torch.no_grad():
            cells.get_parameter("bias_ih_l0").copy_(torch.from_numpy(biases))
        nothing = torch.zeros(steps, 1, 1, dtype=native)
        ones = torch.ones(1, 1, hidden, dtype=native, requires_grad=True)
        _, (_, left) = cells(nothing, (torch.zeros_like(ones), ones))
        (derivative,) = torch.autograd.grad(left.sum(), ones)
        return _flat(left), _flat(derivative)

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        given = {
            name: value
            for name, value in {**_names(layer, dtype), **hyperparameters}.items()
            if name not in ("math", "torch", "dtype")
        }
        lines = [f"{name} = {value!r}" for name, value in given.items()]
        seeded = f"torch.manual_seed({seed})" if self.shared else ""
        return f"""import math

import torch

dtype = torch.{dtype}
{chr(10).join(lines)}
generator = torch.Generator(torch.get_default_device()).manual_seed({seed})
{seeded}
for _ in range({count}):
    weight = torch.empty(shape, dtype=dtype)
    with torch.no_grad():
        print({self.expression})
"""


def _generators() -> list[int]:
    """The GPUs whose generators are drawn from; that of the CPU always is."""
    device = torch.get_default_device()
    return [torch.cuda.current_device()] if device.type == "cuda" else []


def _flat(tensor: torch.Tensor) -> Floats:
    return np.asarray(tensor.detach().cpu().double().numpy()).ravel()


@functools.cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<initializer>", "eval")


def _draw(code: CodeType, names: dict[str, Any]) -> torch.Tensor:
    names["weight"] = torch.empty(names["shape"], dtype=names["dtype"])
    drawn: torch.Tensor = eval(code, names)
    return drawn.detach().clone()


def _names(layer: Layer, dtype: str) -> dict[str, Any]:
    """What an expression may read."""
    return {
        "math": math,
        "torch": torch,
        "dtype": getattr(torch, dtype),
        "shape": stored_shape(layer),
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "kernel": layer.kernel,
        "groups": layer.groups,
        "hidden": layer.outputs // layer.gates,
        "parameter": layer.parameter,
        "frequencies": list(layer.frequencies),
    }


def _is_weight(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind in _WEIGHTS


def _is_matrix(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind == "dense"


def _has_window(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind in ("dense", "convolution")


def _is_bias(layer: Layer) -> bool:
    return layer.parameter == "bias"


def _function(
    method: str,
    dialect: str,
    call: str,
    takes: Callable[[Layer], bool] = lambda layer: True,
    *,
    counts_fans: bool = False,
    limits: Callable[[Hyperparameters], str | None] = no_limits,
    fixed: Mapping[str, float] | None = None,
    **options: Option,
) -> TorchInitializer:
    """A function of ``torch.nn.init``."""
    named = {"function": call.partition("(")[0].removeprefix("torch.nn.init."), **options}
    claim = Claim(method, dialect, named, limits=limits, fixed=fixed or {})
    return TorchInitializer(claim, call, takes, counts_fans)


def _fan_scaled(
    method: str, dialect: str, call: str, fixed: float | None = None, **options: Option
) -> TorchInitializer:
    """A function that counts the fans of the tensor that it is given."""
    return _function(
        method,
        dialect,
        f"torch.nn.init.{call}",
        _is_weight,
        counts_fans=True,
        limits=_leaky if "leaky_relu" in call else no_limits,
        fixed=None if fixed is None else {"gain": fixed},
        **options,
    )


def _leaky(given: Mapping[str, float]) -> str | None:
    """The gain of a leaky rectifier of slope a is the root of 2 / (1 + a^2)."""
    return None if given["gain"] <= ROOT else "no slope has a gain above the root of two"


_LEAKY = "a=math.sqrt(max(0.0, 2 / gain**2 - 1)), nonlinearity='leaky_relu'"
_KAIMING: tuple[TorchInitializer, ...] = tuple(
    _fan_scaled(
        f"he-{name}",
        mode.replace("_", "-"),
        f"kaiming_{name}_(weight, mode={mode!r}, {arguments}, generator=generator)",
        gain,
        nonlinearity=nonlinearity,
    )
    for name in ("normal", "uniform")
    for mode in ("fan_in", "fan_out")
    for nonlinearity, arguments, gain in (
        ("relu", "nonlinearity='relu'", ROOT),
        ("linear", "nonlinearity='linear'", 1.0),
        ("leaky_relu", _LEAKY, None),
    )
)

_MODULES = {
    "Linear": ("dense", 0, "inputs, outputs"),
    **{
        f"{name}{rank}d": (kind, rank, "inputs, outputs, kernel, groups=groups")
        for name, kind in (
            ("Conv", "convolution"),
            ("ConvTranspose", "transposed-convolution"),
        )
        for rank in (1, 2, 3)
    },
}


def _default(module: str, kind: str, rank: int, arguments: str) -> TorchInitializer:
    """The weight or the bias that a layer starts with."""
    claim = Claim("fan-scaled-uniform", "fan-in", {"layer": module})
    made = f"torch.nn.{module}({arguments}, dtype=dtype)"
    return TorchInitializer(
        claim,
        f"getattr({made}, parameter)",
        lambda layer: (layer.kind, len(layer.kernel)) == (kind, rank),
        counts_fans=True,
    )


def _recurrent(module: str, gates: int) -> TorchInitializer:
    """One of the two matrices, or vectors, that a cell starts with."""
    claim = Claim("fan-scaled-uniform", "hidden-units", {"layer": module})
    return TorchInitializer(
        claim,
        f"getattr(torch.nn.{module}(inputs, hidden, dtype=dtype), parameter + '_ih_l0')",
        lambda layer: (layer.kind, layer.gates) == ("recurrent", gates),
    )


INITIALIZERS: tuple[InitializerRule, ...] = (
    _function(
        "uniform",
        "symmetric",
        "torch.nn.init.uniform_(weight, -scale, scale, generator=generator)",
    ),
    _function(
        "uniform", "from-zero", "torch.nn.init.uniform_(weight, 0, scale, generator=generator)"
    ),
    _function(
        "normal",
        "standard-deviation",
        "torch.nn.init.normal_(weight, 0, scale, generator=generator)",
    ),
    TorchInitializer(
        Claim("normal", "standard-deviation", {"layer": "Embedding"}, fixed={"scale": 1.0}),
        "torch.nn.Embedding(inputs, outputs, dtype=dtype).weight",
        lambda layer: layer.kind == "embedding" and layer.parameter == "weight",
    ),
    _function(
        "truncated-normal",
        "two-deviations",
        "torch.nn.init.trunc_normal_(weight, 0, scale, -2 * scale, 2 * scale, generator)",
    ),
    _function(
        "truncated-normal",
        "absolute-bounds",
        "torch.nn.init.trunc_normal_(weight, mean, scale, lower, upper, generator)",
    ),
    *_KAIMING,
    _fan_scaled(
        "glorot-normal", "harmonic-mean", "xavier_normal_(weight, gain, generator=generator)"
    ),
    _fan_scaled(
        "glorot-uniform", "harmonic-mean", "xavier_uniform_(weight, gain, generator=generator)"
    ),
    _fan_scaled(
        "fan-scaled-uniform",
        "fan-in",
        "kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)",
    ),
    *(_default(module, *each) for module, each in _MODULES.items()),
    *(_recurrent(module, gates) for module, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1))),
    _function(
        "orthogonal",
        "haar",
        "torch.nn.init.orthogonal_(weight, gain, generator=generator)",
        _has_window,
    ),
    _function(
        "sparse",
        "per-unit",
        "torch.nn.init.sparse_(weight.T, 1 - (nonzeros + 0.5) / inputs, scale, generator).T",
        _is_matrix,
    ),
    _function(
        "sparse",
        "per-input",
        "torch.nn.init.sparse_(weight, 1 - (nonzeros + 0.5) / outputs, scale, generator)",
        _is_matrix,
    ),
    _function("constant-bias", "all-units", "torch.nn.init.constant_(weight, value)", _is_bias),
    _function(
        "constant-bias",
        "all-units",
        "torch.nn.init.zeros_(weight)",
        _is_bias,
        fixed={"value": 0.0},
    ),
    _function(
        "constant-bias",
        "forget-gate",
        "(torch.nn.init.constant_(torch.nn.init.zeros_(weight)[hidden : 2 * hidden], value), "
        "weight)[1]",
        lambda layer: _is_bias(layer) and layer.gates == 4,
        function="constant_",
        layer="LSTM",
    ),
    _function(
        "marginal-bias",
        "logarithms",
        "torch.log(torch.tensor(frequencies, dtype=dtype))",
        lambda layer: bool(layer.frequencies),
    ),
)
