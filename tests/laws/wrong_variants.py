"""A wrong implementation: what it claims to be, the slip in it, and the laws that must see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optcheck.backends import FunctionBackend
from optcheck.backends.function_rules import FunctionRun, FunctionUpdateRule

# The parts of training, each with a decorator of the same name.
PARTS = (
    *("derivative", "loss", "factorization", "loader"),
    *("initializer", "normalizer", "recurrence"),
    *("distribution", "metric-schedule"),
)

Rule = Callable[..., Any]
# What becomes of the gradients of one step, given the parameters, before a rule sees them.
Handed = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]

STEP = ("exact-step",)
SEQUENCE = ("exact-sequence",)
CONTRACT = ("contract",)
RESUME = ("resume",)


@dataclass(frozen=True)
class Slip:
    """One mistake: its name, what it does, the laws that must reject it, and how it is made.

    ``make`` returns a fresh rule, so that no test sees what another left behind. With ``per_run``
    it is called again for every run: what the rule keeps outside its state belongs to that run.
    ``handed`` is the slip where it lies in what is around the rule. ``raises`` allows the verdict
    ``error``. ``says`` is part of the message of the rejection. ``bug`` is the id of a bug that a
    library had.
    """

    name: str
    what: str
    laws: tuple[str, ...]
    make: Callable[[], Rule]
    point: Rule | None = None
    per_run: bool = False
    handed: Handed | None = None
    raises: bool = False
    says: str = ""
    bug: str = ""


@dataclass(frozen=True)
class Wrong:
    """A slip in one dialect of one method.

    ``claim`` is what is claimed beyond method and dialect. With ``beside`` the slip is in a second
    path, and the plain one is this rule.
    """

    capability: str
    method: str
    dialect: str
    slip: Slip
    claim: Mapping[str, Any] = field(default_factory=dict)
    beside: Rule | None = None

    def __str__(self) -> str:
        return f"{self.method}-{self.dialect}-{self.slip.name}"

    def backend(self) -> FunctionBackend:
        """A backend whose only implementation is this one, or whose second path is."""
        backend = FunctionBackend("wrong")
        rule = self.slip.make()
        claim = dict(self.claim)
        if self.capability == "schedule":
            backend.schedule(self.method, dialect=self.dialect, **claim)(rule)
        elif self.capability == "minimizer":
            backend.minimizer(self.method, dialect=self.dialect, **claim)(rule)
        elif self.capability == "line-search":
            backend.line_search(self.method, dialect=self.dialect, **claim)(rule)
        elif self.capability in PARTS:
            decorator = getattr(backend, self.capability.replace("-", "_"))
            decorator(self.method, dialect=self.dialect, **claim)(rule)
        elif self.capability in ("interpolation", "curriculum", "pretraining"):
            getattr(backend, self.capability)(dialect=self.dialect)(rule)
        elif self.capability == "clipping":
            backend.clipping(self.method, dialect=self.dialect)(rule)
        else:
            self._register(backend, rule)
        return backend

    def _register(self, backend: FunctionBackend, rule: Rule) -> None:
        paths = {"": rule} if self.beside is None else {"": self.beside, "fused": rule}
        for path, function in paths.items():
            options = {"path": path} if path else {}
            backend.update_rule(
                self.method, dialect=self.dialect, evaluation_point=self.slip.point, **options
            )(function)
        claimed = backend._update_rules[-1]
        backend._update_rules[-1] = WrongRule(self.slip, claimed, self.claim)


class WrongRule(FunctionUpdateRule):
    """The implementation with the slip."""

    def __init__(self, slip: Slip, claimed: FunctionUpdateRule, claim: Mapping[str, Any]) -> None:
        super().__init__(claimed.function, replace(claimed.claim, **claim), claimed.point)
        self.slip = slip

    def start(self, *arguments: Any, **keywords: Any) -> FunctionRun:
        return self._with_slip(super().start(*arguments, **keywords))

    def resume(self, *arguments: Any) -> FunctionRun:
        return self._with_slip(super().resume(*arguments))

    def _with_slip(self, run: FunctionRun) -> FunctionRun:
        if self.slip.per_run:
            # Attributes beside its state, as an optimizer object has them.
            run.function = self.slip.make()
        if (handed := self.slip.handed) is not None:
            right = run.step
            run.step = lambda gradients, **told: right(handed(run.values, gradients), **told)
        return run


@dataclass(frozen=True)
class Family:
    """The right rule of one dialect, and the slips that are special to it.

    ``claim`` and ``beside`` are those of :class:`Wrong`.
    """

    method: str
    dialect: str
    right: Rule
    slips: Sequence[Slip]
    point: Rule | None = None
    capability: str = "update-rule"
    general: Sequence[Slip] = field(default=())
    claim: Mapping[str, Any] = field(default_factory=dict)
    beside: Rule | None = None

    def variants(self) -> list[Wrong]:
        """All wrong variants of this dialect."""
        return [self.with_slip(slip) for slip in (*self.slips, *self.general)]

    def control(self) -> Wrong:
        """The same code without a slip, which every law must pass."""
        return self.with_slip(Slip("right", "no slip", (), lambda: self.right, self.point))

    def with_slip(self, slip: Slip) -> Wrong:
        return Wrong(self.capability, self.method, self.dialect, slip, self.claim, self.beside)


def fixed(rule: Rule) -> Callable[[], Rule]:
    """A rule that keeps nothing outside its state needs no fresh copy."""
    return lambda: rule


def general_slips(
    right: Rule, point: Rule | None, *, stateful: bool, scheduled: bool = True
) -> list[Slip]:
    """Slips that any update rule can have; a ``scheduled`` one reads its rate at every step."""

    def slip(name: str, what: str, laws: tuple[str, ...], wrap: Any, **more: Any) -> Slip:
        return Slip(name, what, laws, lambda: wrap(right), point, **more)

    slips = [
        slip("ascends", "the sign of the update is wrong", STEP, _ascends),
        slip("stands-still", "the new value is computed and thrown away", STEP, _stands_still),
        slip(
            "float64",
            "answers in float64 whatever it was given",
            CONTRACT,
            _promotes,
            says="dtype float64",
        ),
        slip("half", "computes in float16", STEP, _half, bug="chainer-adam-fp16-overflow"),
        slip("single", "computes in float32", STEP, _single),
        slip("half-rate", "keeps the rate in float16", STEP, _half_rate, bug="tinygrad-lr-half"),
        slip(
            "one-dimensional",
            "a 0-d parameter comes back 1-d",
            CONTRACT,
            _one_dimensional,
            says="shapes",
        ),
        slip(
            "slice",
            "assigns to w[:], which 0-d lacks",
            STEP,
            _slice,
            raises=True,
            bug="chainer-inplace-0d",
        ),
        slip("late", "answers with the previous update", STEP, _late),
        slip("worn", "its rate falls from run to run", CONTRACT, _worn, says="two runs"),
        slip(
            "mutates",
            "scales the gradient in place",
            CONTRACT,
            _mutates,
            says="changes the gradient",
            bug="mxnet-grad-mutation",
        ),
        slip("strides", "takes memory order for C order", STEP, _strides, bug="bnb-noncontiguous"),
        slip(
            "by-shape",
            "scales the rate with the first dimension",
            ("permuting-and-splitting",),
            _by_shape,
        ),
    ]
    if scheduled:
        slips.append(slip("frozen-rate", "keeps the first learning rate", SEQUENCE, _frozen_rate))
    if stateful:
        slips += [
            slip("forgetful", "starts every step from an empty state", SEQUENCE, _forgetful),
            slip(
                "unsaved",
                "its state is not in what it saves",
                RESUME,
                _unsaved,
                per_run=True,
                says="resumed",
                bug="mlx-optimizer-reload",
            ),
            slip(
                "one-state",
                "all parameters share the state of the first",
                ("exact-sequence", "permuting-and-splitting"),
                _one_state,
                per_run=True,
                raises=True,
                bug="pennylane-adagrad-index",
            ),
        ]
    return slips


def _new(rule: Rule, w: Any, g: Any, state: Any, h: dict[str, float]) -> Any:
    return rule(w.copy(), g, state, **h)


def _ascends(rule: Rule) -> Rule:
    return lambda w, g, state, **h: w - (_new(rule, w, g, state, h) - w)


def _stands_still(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        _new(rule, w, g, state, h)
        return w

    return wrong


def _promotes(rule: Rule) -> Rule:
    return lambda w, g, state, **h: np.asarray(_new(rule, w, g, state, h), np.float64)


def _in(dtype: str, rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        return rule(w.astype(dtype), g.astype(dtype), state, **h).astype(w.dtype)

    return wrong


def _half(rule: Rule) -> Rule:
    return _in("float16", rule)


def _single(rule: Rule) -> Rule:
    return _in("float32", rule)


def flushes(rule: Rule) -> Rule:
    """Subnormal gradients are taken for zero, though the claim does not say so."""

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        return rule(w, np.where(np.abs(g) < np.finfo(g.dtype).tiny, 0 * g, g), state, **h)

    return wrong


def lazy(rule: Rule) -> Rule:
    """Coordinates whose gradient is zero stay where they are, though their velocity is not."""
    return lambda w, g, state, **h: np.where(g == 0.0, w, rule(w, g, state, **h))


def _half_rate(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        return rule(w, g, state, **{**h, "learning_rate": float(np.float16(h["learning_rate"]))})

    return wrong


def _one_dimensional(rule: Rule) -> Rule:
    return lambda w, g, state, **h: np.atleast_1d(_new(rule, w, g, state, h))


def _slice(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> None:
        w[:] = _new(rule, w, g, state, h)

    return wrong


def _late(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        before = state.get("pending", np.zeros_like(w))
        state["pending"] = _new(rule, w, g, state, h) - w
        return w + before

    return wrong


def _frozen_rate(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        rate = state.setdefault("rate", h["learning_rate"])
        return rule(w, g, state, **{**h, "learning_rate": rate})

    return wrong


def _worn(rule: Rule) -> Rule:
    calls = [0]

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        calls[0] += 1
        rate = h["learning_rate"] / (1.0 + 0.01 * calls[0])
        return rule(w, g, state, **{**h, "learning_rate": rate})

    return wrong


def _mutates(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        new = _new(rule, w, g, state, h)
        g *= 0.5
        return new

    return wrong


def _strides(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        return rule(w, g.ravel(order="K").reshape(g.shape), state, **h)

    return wrong


def _by_shape(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        rate = h["learning_rate"] / max(1, *w.shape[:1], 1)
        return rule(w, g, state, **{**h, "learning_rate": rate})

    return wrong


def _forgetful(rule: Rule) -> Rule:
    return lambda w, g, state, **h: rule(w, g, {}, **h)


def _unsaved(rule: Rule) -> Rule:
    hidden: dict[int, dict[str, Any]] = {}
    return lambda w, g, state, **h: rule(w, g, hidden.setdefault(id(state), {}), **h)


def _one_state(rule: Rule) -> Rule:
    shared: dict[str, Any] = {}
    return lambda w, g, state, **h: rule(w, g, shared, **h)
