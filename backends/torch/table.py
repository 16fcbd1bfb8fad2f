"""What torch.optim has: a table of claims, written against the documentation of torch 2.13.

A row says that a class of torch.optim, constructed with certain keywords, is a method in a
dialect. It is claimed once for each path on which torch runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from optcheck.backends.interface import (
    Claim,
    Evaluation,
    Hyperparameters,
    Option,
    no_limits,
)

Options = Mapping[str, Option]
Keywords = Mapping[str, str | tuple[str, ...]]
Limits = Callable[[Hyperparameters], str | None]

DTYPES = ("float32", "float64", "bfloat16")

SINGLE: Options = {"foreach": False}
FOREACH: Options = {"foreach": True}
FUSED: Options = {"fused": True}
# The step count is a tensor on the device, as CUDA graphs need it.
CAPTURABLE: tuple[Options, ...] = (
    {"foreach": False, "capturable": True},
    {"foreach": True, "capturable": True},
)
# No keyword of torch: the adapter captures the step, and replays it.
GRAPHED: Options = {"foreach": True, "capturable": True, "cuda_graph": True}
# The step is recorded by autograd.
DIFFERENTIABLE: Options = {"differentiable": True}
# No keywords of torch: the adapter gives tensors for numbers, or compiles the step.
TENSORS: Options = {"foreach": False, "tensor_hyperparameters": True}
COMPILED: Options = {"compiled": True}


@dataclass(frozen=True)
class Optimizer:
    """A class of torch.optim.

    ``keywords`` maps its keywords to our hyper-parameters; ``defaults`` are the values that its
    documentation gives for them. ``fixed`` are hyper-parameters that it has no keyword for.
    ``step_bits`` is the precision of what it computes from the step count. ``float32_steps`` are
    the options under which the count is a float32 tensor, and with it the learning rate, epsilon
    and the roots of corrections: nothing is claimed there for float64 parameters, since no budget
    of the equation allows for that. ``foreach_limits`` take the place of ``limits`` on that path.
    """

    name: str
    keywords: Keywords
    defaults: Hyperparameters
    evaluation: frozenset[Evaluation] = frozenset()
    fused: bool = False
    capturable: bool = True
    step_bits: int = 53
    float32_steps: tuple[str, ...] = ()
    fixed: Hyperparameters = field(default_factory=dict)
    limits: Limits = no_limits
    foreach_limits: Limits | None = None


def _heeds_dampening(h: Hyperparameters) -> str | None:
    ignored = h.get("dampening", 0.0) != 0 and h["momentum"] == 0
    return "torch ignores dampening without momentum" if ignored else None


def _has_momentum(h: Hyperparameters) -> str | None:
    return None if h["momentum"] > 0 else "torch refuses Nesterov momentum of 0"


def _has_epsilon(h: Hyperparameters) -> str | None:
    zero = h["epsilon"] == 0
    return "torch's foreach RAdam makes 0/0 of a zero gradient without epsilon" if zero else None


def _shrinks_in_bfloat16(h: Hyperparameters) -> str | None:
    one = h["eta_minus"] >= 1 - 2.0**-9
    return "torch rounds eta_minus to bfloat16, to 1 here, and nothing moves then" if one else None


# Averages of gradients are torch.lerp: m + (1 - beta) (g - m).
_LERP: frozenset[Evaluation] = frozenset({"lerp"})
_RATE_AND_DECAY: Keywords = {"lr": "learning_rate", "weight_decay": "weight_decay"}
_ADAM: Keywords = {**_RATE_AND_DECAY, "betas": ("beta1", "beta2"), "eps": "epsilon"}
_ADAM_DEFAULTS = {
    "learning_rate": 1e-3,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
}

SGD = Optimizer(
    "SGD",
    {**_RATE_AND_DECAY, "momentum": "momentum", "dampening": "dampening"},
    {"learning_rate": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0},
    fused=True,
    capturable=False,
    limits=_heeds_dampening,
)
# It refuses the default of its own momentum, which therefore has to be given.
NESTEROV = replace(
    SGD, defaults={"learning_rate": 1e-3, "weight_decay": 0.0}, limits=_has_momentum
)
ADAGRAD = Optimizer(
    "Adagrad",
    {
        **_RATE_AND_DECAY,
        "lr_decay": "rate_decay",
        "initial_accumulator_value": "initial_accumulator",
        "eps": "epsilon",
    },
    {
        "learning_rate": 1e-2,
        "rate_decay": 0.0,
        "weight_decay": 0.0,
        "initial_accumulator": 0.0,
        "epsilon": 1e-10,
    },
    fused=True,
    capturable=False,
)
RMSPROP = Optimizer(
    "RMSprop",
    {**_RATE_AND_DECAY, "alpha": "decay", "eps": "epsilon", "momentum": "momentum"},
    {
        "learning_rate": 1e-2,
        "decay": 0.99,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "momentum": 0.0,
    },
    _LERP,
)
ADADELTA = Optimizer(
    "Adadelta",
    {**_RATE_AND_DECAY, "rho": "decay", "eps": "epsilon"},
    {"learning_rate": 1.0, "decay": 0.9, "epsilon": 1e-6, "weight_decay": 0.0},
)
ADAM = Optimizer(
    "Adam",
    _ADAM,
    _ADAM_DEFAULTS,
    _LERP,
    fused=True,
    float32_steps=("capturable", "differentiable", "compiled"),
)
ADAMW = replace(ADAM, name="AdamW", defaults={**_ADAM_DEFAULTS, "weight_decay": 1e-2})
ADAMAX = Optimizer(
    "Adamax",
    _ADAM,
    {**_ADAM_DEFAULTS, "learning_rate": 2e-3},
    _LERP,
    float32_steps=("capturable",),
)
NADAM = Optimizer(
    "NAdam",
    {**_ADAM, "momentum_decay": "momentum_decay"},
    {**_ADAM_DEFAULTS, "learning_rate": 2e-3, "momentum_decay": 4e-3},
    _LERP,
    step_bits=24,  # the product of all momenta is a float32 tensor
    float32_steps=("capturable",),
    fixed={"momentum_base": 0.96},
)
RADAM = Optimizer(
    "RAdam",
    _ADAM,
    _ADAM_DEFAULTS,
    _LERP,
    float32_steps=("capturable",),
    fixed={"threshold": 5.0},
    foreach_limits=_has_epsilon,
)
RPROP = Optimizer(
    "Rprop",
    {
        "lr": "learning_rate",
        "etas": ("eta_minus", "eta_plus"),
        "step_sizes": ("step_size_min", "step_size_max"),
    },
    {
        "learning_rate": 1e-2,
        "eta_minus": 0.5,
        "eta_plus": 1.2,
        "step_size_min": 1e-6,
        "step_size_max": 50.0,
    },
    limits=_shrinks_in_bfloat16,
)


@dataclass(frozen=True)
class Row:
    """``optimizer``, constructed with the keywords ``given``, is ``method`` in ``dialect``.

    ``more`` are paths beside those that every row of the class has, ``only`` are all that it has.
    """

    method: str
    dialect: str
    optimizer: Optimizer
    given: Mapping[str, object] = field(default_factory=dict)
    more: tuple[Options, ...] = ()
    only: tuple[Options, ...] = ()

    def paths(self, device: str) -> tuple[Options, ...]:
        """The options under which this row is claimed on ``device``, the plain path first."""
        fused = (FUSED,) if self.optimizer.fused else ()
        on_device = self.optimizer.capturable and device == "cuda"
        capturable = (*CAPTURABLE, GRAPHED) if on_device else ()
        return self.only or (SINGLE, FOREACH, *fused, *capturable, *self.more)

    def claim(self, options: Options) -> Claim:
        """What is claimed of one path."""
        optimizer = self.optimizer
        decoupled = "decoupled" in self.dialect
        factor: frozenset[Evaluation] = frozenset({"decay-factor"} if decoupled else ())
        compiled, graphed = "compiled" in options, "cuda_graph" in options
        float32_steps = any(each in options for each in optimizer.float32_steps)
        return Claim(
            self.method,
            self.dialect,
            options,
            tuple(each for each in DTYPES if each != "float64" or not float32_steps),
            _scalar_bits(optimizer, options, 24 if float32_steps else optimizer.step_bits),
            evaluation=optimizer.evaluation | factor,
            compilation="programs" if compiled else "none",
            limits=(options.get("foreach") and optimizer.foreach_limits) or optimizer.limits,
            fixed=optimizer.fixed,
            defaults=optimizer.defaults,
            missing_gradients=not graphed,
            complex_numbers=None if compiled or graphed or "fused" in options else "pairs",
            thorough_only=compiled,
        )


def _scalar_bits(optimizer: Optimizer, options: Options, steps: int) -> dict[str, tuple[int, int]]:
    if "tensor_hyperparameters" in options and "betas" in optimizer.keywords:
        # A beta that is a tensor is rounded to the format of the parameters.
        return {"float32": (24, 24), "bfloat16": (8, 24)}
    return {} if steps == 53 else dict.fromkeys(DTYPES, (53, steps))


_MAXIMIZE = {"maximize": True}
_CENTERED = {"centered": True}
_AMSGRAD = {"amsgrad": True}
_DECOUPLED = {"decoupled_weight_decay": True}
_D = (DIFFERENTIABLE,)

ROWS: tuple[Row, ...] = (
    Row("gradient-descent", "plain", SGD),
    Row("momentum", "learning-rate-outside", SGD, more=(TENSORS, COMPILED)),
    Row("momentum", "dampened", SGD),
    Row("nesterov", "shifted", NESTEROV, {"nesterov": True}),
    Row("nesterov", "shifted+coupled+maximize", NESTEROV, {"nesterov": True, **_MAXIMIZE}, _D),
    Row("weight-decay", "coupled", SGD),
    Row("maximize", "plain", SGD, _MAXIMIZE),
    Row("maximize", "coupled", SGD, _MAXIMIZE),
    Row("sign-descent", "normalised", ADAM, {"betas": (0.0, 0.0)}, only=(SINGLE,)),
    Row("adagrad", "epsilon-outside-root", ADAGRAD),
    Row("adagrad", "epsilon-outside-root+rate-decay", ADAGRAD),
    Row("adagrad", "epsilon-outside-root+coupled+maximize", ADAGRAD, _MAXIMIZE, _D),
    Row("rmsprop", "epsilon-outside-root", RMSPROP, more=(COMPILED,)),
    Row("rmsprop", "epsilon-outside-root+coupled+maximize", RMSPROP, _MAXIMIZE),
    Row("rmsprop", "epsilon-outside-root+centered", RMSPROP, _CENTERED),
    Row("rmsprop", "epsilon-outside-root+learning-rate-outside", RMSPROP),
    Row("rmsprop", "epsilon-outside-root+centered+learning-rate-outside", RMSPROP, _CENTERED),
    Row(
        "rmsprop",
        "epsilon-outside-root+centered+learning-rate-outside+coupled+maximize",
        RMSPROP,
        {**_CENTERED, **_MAXIMIZE},
        _D,
    ),
    Row("adadelta", "epsilon-inside-roots", ADADELTA),
    Row("adadelta", "epsilon-inside-roots+coupled+maximize", ADADELTA, _MAXIMIZE, _D),
    Row("adam", "epsilon-outside-root", ADAM, more=(TENSORS, COMPILED)),
    Row("adam", "epsilon-outside-root+coupled+maximize", ADAM, _MAXIMIZE),
    Row("adam", "epsilon-outside-root+decoupled", ADAM, _DECOUPLED),
    Row("amsgrad", "maximum-of-raw", ADAM, _AMSGRAD),
    Row("amsgrad", "maximum-of-raw+coupled+maximize", ADAM, {**_AMSGRAD, **_MAXIMIZE}, _D),
    Row("amsgrad", "maximum-of-raw+decoupled", ADAMW, _AMSGRAD, _D),
    Row("adamw", "decoupled", ADAMW, more=(COMPILED,)),
    Row("adamw", "decoupled+maximize", ADAMW, _MAXIMIZE),
    Row("adamax", "epsilon-in-maximum", ADAMAX),
    Row("adamax", "epsilon-in-maximum+coupled+maximize", ADAMAX, _MAXIMIZE, _D),
    Row("nadam", "scheduled-momentum", NADAM),
    Row("nadam", "scheduled-momentum+coupled+maximize", NADAM, _MAXIMIZE, _D),
    Row("nadam", "scheduled-momentum+decoupled+maximize", NADAM, {**_DECOUPLED, **_MAXIMIZE}),
    Row("radam", "epsilon-hat", RADAM),
    Row("radam", "epsilon-hat+coupled+maximize", RADAM, _MAXIMIZE, _D),
    Row("radam", "epsilon-hat+decoupled", RADAM, _DECOUPLED),
    Row("rprop", "irprop-minus", RPROP),
    Row("rprop", "irprop-minus+maximize", RPROP, _MAXIMIZE, _D),
)


def claims(device: str) -> Iterator[tuple[Row, Claim]]:
    """All that is claimed on ``device``, row by row."""
    for row in ROWS:
        for options in row.paths(device):
            yield row, row.claim(options)
