"""pytorch_optimizer: the catalogue's rules that are its own and not torch's, and its schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from types import ModuleType
from typing import Any, ClassVar, Literal

import pytorch_optimizer
import torch

from optcheck.backends.interface import INTERFACE_VERSION, Claim, Hyperparameters
from optcheck.backends.programs import ProgramSchedule
from optcheck.backends.torch import TorchBackend
from optcheck.backends.torch.table import FOREACH, SINGLE, Keywords, Optimizer, Options, Row
from optcheck.backends.torch.update_rules import TorchRule, TorchRun


def _heeds_dampening(h: Hyperparameters) -> str | None:
    ignored = h.get("dampening", 0.0) != 0 and h["momentum"] == 0
    return "SGDW ignores dampening without momentum" if ignored else None


_RATE_AND_DECAY = {"lr": "learning_rate", "weight_decay": "weight_decay"}
_MOMENTUM = {**_RATE_AND_DECAY, "momentum": "momentum"}
_ADAM: Keywords = {**_RATE_AND_DECAY, "betas": ("beta1", "beta2"), "eps": "epsilon"}
_BALL = {"learning_rate": 1e-3, "momentum": 0.0, "weight_decay": 0.0}
_KINGMA = {
    "learning_rate": 1e-3,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
}

SGDW = Optimizer(
    "SGDW",
    {**_MOMENTUM, "dampening": "dampening"},
    {**_BALL, "learning_rate": 1e-4, "dampening": 0.0},
    capturable=False,
    limits=_heeds_dampening,
)
SIGN = Optimizer("SignSGD", {"lr": "learning_rate"}, {"learning_rate": 1e-3}, capturable=False)
ADADELTA = Optimizer(
    "AdaDelta",
    {**_RATE_AND_DECAY, "rho": "decay", "eps": "epsilon"},
    {"learning_rate": 1.0, "decay": 0.9, "epsilon": 1e-6, "weight_decay": 0.0},
    capturable=False,
)
ADAMAX = Optimizer("AdaMax", _ADAM, _KINGMA, frozenset({"lerp"}), capturable=False)
QHM = replace(ADAMAX, name="QHM", keywords=_MOMENTUM, defaults=_BALL)
RADAM = replace(
    ADAMAX,
    name="RAdam",
    keywords={**_ADAM, "n_sma_threshold": "threshold"},
    defaults={**_KINGMA, "threshold": 5.0},
)
YOGI = replace(
    ADAMAX,
    name="Yogi",
    keywords={**_ADAM, "initial_accumulator": "initial_accumulator"},
    defaults={**_KINGMA, "learning_rate": 1e-2, "epsilon": 1e-3, "initial_accumulator": 1e-6},
)
# The learning rate that it documents is not for its use as Adam.
PADAM = replace(
    ADAMAX,
    name="PAdam",
    defaults={name: value for name, value in _KINGMA.items() if name != "learning_rate"},
)
ADAMC = replace(ADAMAX, name="AdamC")
GALORE = replace(ADAMAX, name="GaLore", defaults={**_KINGMA, "epsilon": 1e-6})

_MAXIMIZE = {"maximize": True}
_COUPLED = {"weight_decouple": False}


def _paths(name: str) -> tuple[Options, ...]:
    """Those of a class that is one of several for one dialect."""
    return tuple({"class": name, **path} for path in (SINGLE, FOREACH))


def _family(
    method: str,
    dialect: str,
    optimizer: Optimizer,
    given: Mapping[str, object] | None = None,
) -> tuple[Row, ...]:
    """The plain dialect, and what may be joined to it."""
    paths = _paths(optimizer.name) if method == "adam" else ()
    return tuple(
        Row(method, f"{dialect}{suffix}", optimizer, {**(given or {}), **more}, only=paths)
        for suffix, more in (
            ("", {}),
            ("+decoupled", {"weight_decouple": True}),
            ("+coupled", _COUPLED),
            ("+maximize", _MAXIMIZE),
        )
    )


# GaLore projects no group without a rank, and has decoupled decay alone; AdamC is Adam where
# nothing is normalised; PAdam takes the root of the second moment to twice the power ``partial``.
ROWS = (
    Row("gradient-descent", "plain", SGDW),
    Row("momentum", "learning-rate-outside", SGDW),
    Row("momentum", "dampened", SGDW),
    Row("momentum", "averaged", QHM, {"nu": 1.0}),
    Row("nesterov", "shifted", SGDW, {"nesterov": True}),
    Row("weight-decay", "decoupled", SGDW),
    Row("weight-decay", "coupled", SGDW, _COUPLED),
    Row("maximize", "plain", SGDW, _MAXIMIZE),
    Row("sign-descent", "sign", SIGN, {"momentum": 0.0}),
    *_family("adadelta", "epsilon-inside-roots", ADADELTA),
    *_family("adamax", "epsilon-in-maximum", ADAMAX),
    *_family("radam", "epsilon-hat", RADAM, {"degenerated_to_sgd": True}),
    *_family("yogi", "both-moments-given", YOGI),
    *_family("adam", "epsilon-hat", PADAM, {"partial": 0.5}),
    *_family("adam", "epsilon-hat", GALORE)[:1],
    Row("adam", "epsilon-hat+decoupled", GALORE, only=_paths("GaLore")),
    *_family("adam", "epsilon-hat", ADAMC)[:1],
)

# How complex parameters are taken, where not as pairs of reals.
COMPLEX: dict[str, Literal["pairs", "modulus"] | None] = {
    "SignSGD": "modulus",
    "GaLore": None,
    "AdamC": None,
}


class PytorchOptimizerRun(TorchRun):
    """One optimization; steps are counted in the groups, for all their parameters at once."""

    def count(self) -> int | None:
        return self.optimizer.param_groups[0].get("step")

    def set_count(self, count: int) -> None:
        saved = self.optimizer.state_dict()
        saved["param_groups"] = [{**group, "step": count} for group in saved["param_groups"]]
        self.optimizer.load_state_dict(saved)


@dataclass(frozen=True)
class PytorchOptimizerRule(TorchRule):
    """A row of the table, with its tensors one by one or in lists."""

    library: ClassVar[ModuleType] = pytorch_optimizer
    run: ClassVar[type[TorchRun]] = PytorchOptimizerRun

    def _optimizer(
        self, parameters: Sequence[Any], arguments: dict[str, Any]
    ) -> torch.optim.Optimizer:
        # Some keywords are no options of groups.
        return super()._optimizer(parameters, {**self.row.given, **arguments})

    def _path(self) -> dict[str, Any]:
        return {"foreach": self.claim.options["foreach"]}


_STEPPED = """scheduler.step_t, computed = start, []
for _ in range(steps):
    scheduler.step()  # before the update
    computed.append(optimizer.param_groups[0]["lr"])"""
_CHAINED = """computed = []
for _ in range(steps):
    computed.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()"""
_WARMED = (
    "optimizer, t_max=int(warm_up_steps + decay_steps), max_lr=learning_rate, "
    "min_lr=final_rate, init_lr=start_factor * learning_rate, warmup_steps=int(warm_up_steps)"
)
_STABLE = (
    "optimizer, int(warm_up_steps), 0, int(decay_steps), final_rate / learning_rate, "
    "cooldown_type={!r}"
)
_RESTARTED = (
    "optimizer, int(first_period), period_factor, max_lr=initial_rate, min_lr=final_rate, "
    "gamma=1.0"
)


def _schedule(
    method: str, dialect: str, name: str, arguments: str, loop: str, **fixed: float
) -> ProgramSchedule:
    rate = "initial_rate" if "initial_rate" in arguments else "learning_rate"
    return ProgramSchedule(
        Claim(method, dialect, {"scheduler": name}, ("float64",), fixed=fixed),
        f"import torch\nfrom pytorch_optimizer.lr_scheduler import {name}",
        f"optimizer = torch.optim.SGD([torch.zeros(1)], lr={rate})\n"
        f"scheduler = {name}({arguments})\n{loop}",
        ways=("count",) if loop == _STEPPED else (),
    )


_LINE, _COSINE = "warm-up-linear-schedule", "warm-up-cosine-schedule"
_WSD, _NOTHING = "get_wsd_schedule", {"start_factor": 0.0}
SCHEDULES = (
    _schedule(_LINE, "offset-form", "LinearScheduler", _WARMED, _STEPPED),
    _schedule(_COSINE, "closed-form", "CosineScheduler", _WARMED, _STEPPED),
    _schedule(
        "cosine-restarts", "closed-form", "CosineAnnealingWarmupRestarts", _RESTARTED, _CHAINED
    ),
    _schedule(
        _LINE, "offset-form", _WSD, _STABLE.format("linear"), _CHAINED, final_rate=0.0, **_NOTHING
    ),
    _schedule(_COSINE, "factor-form", _WSD, _STABLE.format("cosine"), _CHAINED, **_NOTHING),
)


class PytorchOptimizerBackend:
    """pytorch_optimizer, on torch's tensors."""

    name = "pytorch_optimizer"
    interface_version = INTERFACE_VERSION
    source_modules = tuple(
        f"pytorch_optimizer.optimizer.{name}"
        for name in ("sgd", "qhm", "adadelta", "adamax", "radam", "yogi", "padam")
    )

    def __init__(self, device: str = "cpu") -> None:
        arrays = TorchBackend(device)
        self.environment = arrays.environment
        self.asarray, self.to_numpy = arrays.asarray, arrays.to_numpy
        self.dtype, self.synchronize = arrays.dtype, arrays.synchronize
        self.device = device

    def library(self) -> tuple[str, str]:
        return "pytorch_optimizer", version("pytorch_optimizer")

    def update_rules(self) -> Sequence[PytorchOptimizerRule]:
        return [
            PytorchOptimizerRule(_claim(row, path), row, self.device)
            for row in ROWS
            for path in row.paths(self.device)
        ]

    def schedules(self) -> Sequence[ProgramSchedule]:
        return SCHEDULES


def _claim(row: Row, path: Mapping[str, Any]) -> Claim:
    # The second epsilon of AdamC shows in float32 on some inputs alone.
    dtypes = ("float64",) if row.optimizer is ADAMC else ("float32", "float64")
    numbers = COMPLEX.get(row.optimizer.name, "pairs")
    return replace(row.claim(path), dtypes=dtypes, complex_numbers=numbers)
