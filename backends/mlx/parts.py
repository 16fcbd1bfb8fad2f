"""Schedules, clipping, initializers and normalisers of MLX."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as opt
import numpy as np

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.layers import Layer
from optcheck.backends.programs import Program, ProgramSchedule
from optcheck.backends.scripts import literal

IMPORTS = """import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as opt

mx.set_default_device(mx.cpu)"""
# A number that meets an array is rounded to its format, powers of the step are float32.
BITS = {"float32": (24, 24), "float64": (53, 24), "bfloat16": (8, 24)}


def source(array: Floats, dtype: str, *, transposed: bool = False) -> str:
    """Source text of an array."""
    if transposed and array.ndim > 1:
        return f"{source(array.T, dtype)}.T"
    # Lists do not say the whole shape of an array without elements.
    shape = "" if array.size else f".reshape{array.shape}"
    return f"mx.array({literal(array)}, mx.{dtype}){shape}"


def no_epsilon(h: Hyperparameters) -> str | None:
    """Why MLX refuses hyper-parameters where it needs an epsilon."""
    return "MLX refuses an epsilon of 0" if h.get("epsilon") == 0 else None


_START = "start_factor * learning_rate"
_WARM_UP = f"opt.linear_schedule({_START}, learning_rate, int(warm_up_steps))"
_COSINE = "opt.cosine_decay({}, int(decay_steps), final_rate)"


def _schedule(method: str, expression: str, **fixed: float) -> ProgramSchedule:
    # The optimizer keeps its step count as a 64-bit integer.
    called = "[schedule(mx.array(t, mx.uint64)).item() for t in range(start, start + steps)]"
    claim = Claim(method, "closed-form", {}, ("float32",), BITS, fixed=fixed)
    return ProgramSchedule(claim, IMPORTS, f"schedule = {expression}\ncomputed = {called}")


SCHEDULES = (
    _schedule(
        "exponential-schedule",
        "opt.exponential_decay(initial_rate, decay_factor)",
        decay_steps=1.0,
    ),
    _schedule("step-schedule", "opt.step_decay(initial_rate, decay_factor, int(decay_steps))"),
    _schedule("cosine-schedule", _COSINE.format("initial_rate"), exponent=1.0),
    _schedule("linear-warm-up", _WARM_UP),
    _schedule(
        "warm-up-cosine-schedule",
        f"opt.join_schedules([{_WARM_UP}, {_COSINE.format('learning_rate')}], "
        "[int(warm_up_steps)])",
    ),
)


@dataclass(frozen=True)
class MlxClipping:
    """``clip_grad_norm`` of all arrays at once, or of each by itself."""

    claim: Claim
    call: str

    def clip(
        self, gradients: Sequence[mx.array], hyperparameters: Hyperparameters
    ) -> Sequence[mx.array]:
        names = {"gradients": list(gradients), "max_norm": hyperparameters["threshold"]}
        clipped: list[mx.array] = eval(self.call, {"opt": opt, **names})
        return clipped

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""{IMPORTS}
gradients = [{", ".join(source(each, dtype) for each in gradients)}]
max_norm = {hyperparameters["threshold"]!r}
clipped = {self.call}
computed = [x for array in clipped for x in array.astype(mx.float64).flatten().tolist()]
"""


CLIPPINGS = tuple(
    MlxClipping(Claim(method, "stabilised-norm", {}, tuple(BITS), BITS), call)
    for method, call in (
        ("clip-by-global-norm", "opt.clip_grad_norm(gradients, max_norm)[0]"),
        ("clip-by-norm", "[opt.clip_grad_norm(g, max_norm)[0] for g in gradients]"),
    )
)


@dataclass
class MlxInitializer(Program):
    """Lines that draw ``count`` parameters of a shape from ``seed``, by MLX's own generator."""

    takes: Callable[[Layer], bool]

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        names = {**_asked(layer, seed, count), **hyperparameters}
        drawn = np.array(mx.stack(self._computed(names)), np.float64)
        if layer.parameter == "bias":
            return drawn
        # MLX keeps the channels that an output sees last.
        input_first = layer.kind == "embedding"
        return np.swapaxes(drawn, 1, 2) if input_first else np.moveaxis(drawn, -1, 2)

    def fans(self, layer: Layer) -> tuple[float, float] | None:
        if layer.parameter == "bias" or not self.claim.method.startswith(("he-", "glorot-")):
            return None
        count: Any = nn.init._calculate_fan_in_fan_out
        fans: tuple[float, float] = count(mx.zeros(_stored(layer)))
        return fans

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        return (
            self._source({**_asked(layer, seed, count), **hyperparameters}) + "print(computed)\n"
        )


def _asked(layer: Layer, seed: int, count: int) -> dict[str, Any]:
    asked = {"inputs": layer.inputs, "outputs": layer.outputs, "kernel": layer.kernel}
    return {**asked, "groups": layer.groups, "shape": _stored(layer), "seed": seed, "count": count}


def _stored(layer: Layer) -> tuple[int, ...]:
    if layer.parameter == "bias":
        return layer.shape
    if layer.kind == "embedding":
        return (layer.inputs, layer.outputs)
    return (layer.outputs, *layer.kernel, layer.inputs // layer.groups)


def _is_weight(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind != "recurrent"


def _is_matrix(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind == "dense"


def _drawn(
    method: str,
    dialect: str,
    expression: str,
    takes: Callable[[Layer], bool] = lambda layer: True,
    **options: str,
) -> MlxInitializer:
    lines = f"mx.random.seed(seed)\ncomputed = [{expression} for _ in range(count)]"
    return MlxInitializer(Claim(method, dialect, options, ("float32",)), IMPORTS, lines, takes)


def _scaled(method: str, dialect: str, arguments: str) -> MlxInitializer:
    call = f"nn.init.{method.replace('-', '_')}()(mx.zeros(shape), {arguments})"
    return _drawn(method, dialect, call, _is_weight)


def _of_layer(name: str, kind: str, windows: int, arguments: str) -> MlxInitializer:
    def takes(layer: Layer) -> bool:
        fits = (layer.kind, len(layer.kernel)) == (kind, windows)
        return (
            fits and layer.parameter == "weight" and (layer.groups == 1 or "groups" in arguments)
        )

    expression = f"nn.{name}({arguments}).weight"
    return _drawn("fan-scaled-uniform", "fan-in", expression, takes, layer=name)


INITIALIZERS = (
    _drawn("uniform", "symmetric", "nn.init.uniform(-scale, scale)(mx.zeros(shape))"),
    _drawn("uniform", "from-zero", "nn.init.uniform(0, scale)(mx.zeros(shape))"),
    _drawn("normal", "standard-deviation", "nn.init.normal(0, scale)(mx.zeros(shape))"),
    _drawn(
        "truncated-normal", "two-deviations", "scale * mx.random.truncated_normal(-2, 2, shape)"
    ),
    *(
        _scaled(f"he-{name}", mode.replace("_", "-"), f"{mode!r}, gain")
        for name in ("normal", "uniform")
        for mode in ("fan_in", "fan_out")
    ),
    *(_scaled(f"glorot-{name}", "harmonic-mean", "gain") for name in ("normal", "uniform")),
    _drawn("orthogonal", "haar", "nn.init.orthogonal(gain)(mx.zeros(shape))", _is_matrix),
    _drawn(
        "sparse",
        "per-unit",
        "nn.init.sparse(1 - (nonzeros + 0.5) / inputs, 0, scale)(mx.zeros(shape))",
        _is_matrix,
    ),
    _drawn(
        "constant-bias",
        "all-units",
        "nn.init.constant(value)(mx.zeros(shape))",
        lambda layer: layer.parameter == "bias",
    ),
    _of_layer("Linear", "dense", 0, "inputs, outputs"),
    _of_layer("Conv1d", "convolution", 1, "inputs, outputs, *kernel, groups=groups"),
    _of_layer("Conv2d", "convolution", 2, "inputs, outputs, kernel, groups=groups"),
    _of_layer("Conv3d", "convolution", 3, "inputs, outputs, kernel"),
    _of_layer("ConvTranspose1d", "transposed-convolution", 1, "inputs, outputs, *kernel"),
    _of_layer("ConvTranspose2d", "transposed-convolution", 2, "inputs, outputs, kernel"),
    _of_layer("ConvTranspose3d", "transposed-convolution", 3, "inputs, outputs, kernel"),
)


class MlxNormalizerRun:
    """A module; batches come with their channels first, ``last`` says that MLX wants them last."""

    def __init__(self, module: Any, dtype: str, *, last: bool) -> None:
        self.module, self.dtype, self.last = module, getattr(mx, dtype), last

    def _native(self, batch: Floats) -> mx.array:
        return mx.array(np.moveaxis(batch, 1, -1) if self.last else batch, self.dtype)

    def _numbers(self, array: mx.array) -> Floats:
        values = np.array(array, np.float64)
        return np.moveaxis(values, -1, 1) if self.last else values

    def train(self, batch: Floats) -> Floats:
        return self._numbers(self.module.train()(self._native(batch)))

    def evaluate(self, batch: Floats) -> Floats:
        return self._numbers(self.module.eval()(self._native(batch)))

    def train_masked(self, batch: Floats, mask: Sequence[bool]) -> Floats | None:
        return None

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        module, weights = copy.deepcopy(self.module).train(), self._native(cotangent)

        def total(learned: dict[str, mx.array], native: mx.array) -> mx.array:
            summed: mx.array = (module.update(learned)(native) * weights).sum()
            return summed

        learned = module.trainable_parameters()
        found, slope = mx.grad(total, (0, 1))(learned, self._native(batch))
        names = {"weight": "gain", "bias": "shift"}
        shown = {names[name]: np.array(each, np.float64) for name, each in found.items()}
        return {"batch": self._numbers(slope), **shown}

    def state(self) -> Mapping[str, Floats]:
        names = {"mean": "running_mean", "variance": "running_var"}
        kept = {name: self.module.get(each) for name, each in names.items()}
        return {n: np.array(each, np.float64) for n, each in kept.items() if each is not None}


@dataclass
class MlxNormalizer:
    """An expression for a module in ``features``, ``affine`` and hyper-parameters."""

    claim: Claim
    expression: str
    last: bool

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def start(
        self,
        features: tuple[int, ...],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> MlxNormalizerRun:
        names = {"features": features, "affine": gain is not None, **hyperparameters}
        module: Any = eval(self.expression, {"nn": nn, **names})
        for name, values in (("weight", gain), ("bias", shift)):
            if values is not None:
                module[name] = mx.array(values, getattr(mx, dtype))
        module.set_dtype(getattr(mx, dtype))
        return MlxNormalizerRun(module, dtype, last=self.last)

    def script(
        self,
        batches: Sequence[Floats],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> str:
        order = [np.moveaxis(each, 1, -1) if self.last else each for each in batches]
        data = "".join(f"    {source(each, dtype)},\n" for each in order)
        names = {"features": batches[0].shape[1:], "affine": gain is not None, **hyperparameters}
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        learned = "".join(
            f"module[{name!r}] = {source(values, dtype)}\n"
            for name, values in (("weight", gain), ("bias", shift))
            if values is not None
        )
        return f"""{IMPORTS}
nan, inf = float("nan"), float("inf")
*earlier, last = (
{data})
{given}module = {self.expression}
module.set_dtype(mx.{dtype})
{learned}for batch in earlier:
    module.train()(batch)
print(module.eval()(last))
print(module.train()(last))
"""


def _normalizer(method: str, dialect: str, expression: str, *, last: bool) -> MlxNormalizer:
    claim = Claim(method, dialect, {}, ("float32", "float64"), BITS, limits=no_epsilon)
    return MlxNormalizer(claim, expression, last)


NORMALIZERS = (
    _normalizer(
        "batch-normalization",
        "new-share+unbiased",
        "nn.BatchNorm(features[0], epsilon, momentum, affine)",
        last=True,
    ),
    _normalizer(
        "layer-normalization",
        "last-axis",
        "nn.LayerNorm(features[-1], epsilon, affine)",
        last=False,
    ),
)
