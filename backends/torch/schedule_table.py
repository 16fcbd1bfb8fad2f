"""What torch.optim.lr_scheduler has: each class as an expression in ``optimizer``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from optcheck.backends.interface import Hyperparameters, Option, no_limits


@dataclass(frozen=True)
class Row:
    """A scheduler that claims a schedule.

    ``rate`` is the hyper-parameter that the optimizer is given. ``closed_dialect`` is the form in
    which the class computes when it is told the number of the step. ``horizon`` counts the
    updates that the class has rates for. ``quantity`` is what it changes.
    """

    method: str
    dialect: str
    expression: str
    closed_dialect: str | None = None
    rate: str = "initial_rate"
    limits: Callable[[Hyperparameters], str | None] = no_limits
    horizon: Callable[[Hyperparameters], int] | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    quantity: str = "lr"

    @property
    def scheduler(self) -> str:
        """The class."""
        return self.expression.partition("(")[0].removeprefix("lr_scheduler.")

    @property
    def takes_last_epoch(self) -> bool:
        """Whether it can be told where it stood."""
        return "last_epoch=last_epoch" in self.expression


def _above_zero(h: Hyperparameters) -> str | None:
    return None if h["start_factor"] > 0.0 else "torch's LinearLR refuses to start at 0"


def _falling(h: Hyperparameters) -> str | None:
    falls = h["final_rate"] <= h["initial_rate"]
    return None if falls else "torch's LinearLR refuses an end factor above 1"


def _rising_then_falling(h: Hyperparameters) -> str | None:
    falls = h["final_rate"] <= h["learning_rate"]
    return _above_zero(h) or (None if falls else "torch's LinearLR refuses a factor above 1")


def _total(h: Hyperparameters) -> int:
    return int(h["total_steps"])


def _after_warm_up(h: Hyperparameters) -> int:
    """Afterwards torch's cosine rises again."""
    return int(h["warm_up_steps"] + h["decay_steps"]) + 1


def _single(scheduler: str, arguments: str) -> str:
    return f"lr_scheduler.{scheduler}(optimizer, {arguments}, last_epoch=last_epoch)"


_WARM_UP = _single("LinearLR", "start_factor, total_iters=int(warm_up_steps)")
_BEGUN = "last_epoch=max(last_epoch - int(warm_up_steps), -1)"


def _after(scheduler: str, arguments: str) -> str:
    """All are told where they stood: the second scheduler counts from the end of the first."""
    return (
        f"lr_scheduler.SequentialLR(optimizer, [{_WARM_UP}, "
        f"lr_scheduler.{scheduler}(optimizer, {arguments}, {_BEGUN})], "
        "milestones=[int(warm_up_steps)], last_epoch=last_epoch)"
    )


_GAMMA = "decay_factor ** (1 / decay_steps)"
_CONSTANT = _single("ConstantLR", "start_factor, int(warm_up_steps)")
_POLYNOMIAL = "int(decay_steps), exponent"
_CYCLE = (
    "base_rate, peak_rate, int(rising_steps), int(falling_steps), "
    "mode={!r}, gamma=step_factor, cycle_momentum=False"
)
_MOMENTUM_CYCLE = (
    "0.1, 0.2, int(rising_steps), int(falling_steps), mode={!r}, gamma=step_factor, "
    "max_momentum=base_rate, base_momentum=peak_rate"
)
_ONE_CYCLE = (
    "peak_rate, int(total_steps), pct_start=rising_share, anneal_strategy={!r}, "
    "div_factor=start_divisor, final_div_factor=end_divisor, three_phase={!r}, "
    "cycle_momentum=False"
)
_MOMENTUM_ONE_CYCLE = (
    "0.1, int(total_steps), pct_start=rising_share, anneal_strategy={!r}, three_phase={!r}, "
    "max_momentum=peak_rate / start_divisor, base_momentum=peak_rate"
)


def _cyclic(mode: str, cycle_factor: float, fixed: Mapping[str, float]) -> tuple[Row, ...]:
    def row(arguments: str, quantity: str) -> Row:
        return Row(
            "cyclic-schedule",
            "closed-form",
            _single("CyclicLR", arguments.format(mode)),
            rate="base_rate",
            fixed={"cycle_factor": cycle_factor, **fixed},
            options={"mode": mode, "quantity": quantity},
            quantity=quantity,
        )

    return (row(_CYCLE, "lr"), row(_MOMENTUM_CYCLE, "momentum"))


def _one_cycle(method: str, strategy: str, *, three: bool, quantity: str) -> Row:
    arguments = {"lr": _ONE_CYCLE, "momentum": _MOMENTUM_ONE_CYCLE}[quantity]
    return Row(
        method,
        "closed-form",
        _single("OneCycleLR", arguments.format(strategy, three)),
        rate="peak_rate",
        horizon=_total,
        fixed={"end_divisor": 1.0} if quantity == "momentum" else {},
        options={"quantity": quantity},
        quantity=quantity,
    )


ROWS = (
    Row(
        "linear-schedule",
        "recursive",
        _single("LinearLR", "1.0, final_rate / initial_rate, int(decay_steps)"),
        "factor-form",
        limits=_falling,
    ),
    Row("exponential-schedule", "recursive", _single("ExponentialLR", f"{_GAMMA}"), "root-form"),
    Row(
        "exponential-schedule",
        "recursive",
        _single("MultiplicativeLR", f"lambda step: {_GAMMA}"),
    ),
    Row(
        "exponential-rate-schedule",
        "recursive",
        _single("ExponentialLR", "math.exp(-decay_rate)"),
        "power-form",
    ),
    Row(
        "power-law-schedule",
        "closed-form",
        _single("LambdaLR", "lambda step: (1 + step / decay_steps) ** exponent"),
    ),
    Row(
        "step-schedule",
        "recursive",
        _single("StepLR", "int(decay_steps), decay_factor"),
        "closed-form",
    ),
    Row(
        "multi-step-schedule",
        "recursive",
        _single("MultiStepLR", "[int(first_milestone), int(second_milestone)], decay_factor"),
        "closed-form",
    ),
    Row(
        "polynomial-schedule",
        "recursive",
        _single("PolynomialLR", _POLYNOMIAL),
        "closed-form",
        fixed={"final_rate": 0.0, "hold_steps": 0.0},
    ),
    Row(
        "linear-warm-up",
        "recursive",
        _single("LinearLR", "start_factor, total_iters=int(warm_up_steps)"),
        "factor-form",
        rate="learning_rate",
        limits=_above_zero,
    ),
    Row(
        "constant-warm-up",
        "recursive",
        _CONSTANT,
        "closed-form",
        rate="learning_rate",
    ),
    Row(
        "cosine-cycle",
        "recursive",
        _single("CosineAnnealingLR", "int(decay_steps), final_rate"),
        "closed-form",
    ),
    Row(
        "cosine-restarts",
        "closed-form",
        _single(
            "CosineAnnealingWarmRestarts", "int(first_period), int(period_factor), final_rate"
        ),
        "closed-form",
    ),
    *_cyclic("triangular", 1.0, {"step_factor": 1.0}),
    *_cyclic("triangular2", 0.5, {"step_factor": 1.0}),
    *_cyclic("exp_range", 1.0, {}),
    *(
        _one_cycle(f"one-cycle-{name}{suffix}", strategy, three=three, quantity=quantity)
        for name, strategy in (("cosine", "cos"), ("linear", "linear"))
        for suffix, three in (("", False), ("-of-three-phases", True))
        for quantity in ("lr", "momentum")
    ),
    Row(
        "warm-up-cosine-schedule",
        "recursive",
        _after("CosineAnnealingLR", "int(decay_steps), final_rate"),
        rate="learning_rate",
        limits=_above_zero,
        horizon=_after_warm_up,
    ),
    Row(
        "warm-up-exponential-schedule",
        "recursive",
        _after("ExponentialLR", _GAMMA),
        rate="learning_rate",
        limits=_above_zero,
    ),
    Row(
        "warm-up-linear-schedule",
        "recursive",
        _after("LinearLR", "1.0, final_rate / learning_rate, int(decay_steps)"),
        rate="learning_rate",
        limits=_rising_then_falling,
    ),
    Row(
        "chained-schedule",
        "recursive",
        f"lr_scheduler.ChainedScheduler([{_CONSTANT}, {_single('ExponentialLR', _GAMMA)}])",
        rate="learning_rate",
    ),
)
