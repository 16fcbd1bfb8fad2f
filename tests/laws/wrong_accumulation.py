"""Wrong gradient accumulation, of means and of sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_adam_parts import DIRECTIONS, Form, Part
from wrong_variants import (
    CONTRACT,
    RESUME,
    SEQUENCE,
    STEP,
    Family,
    Rule,
    Slip,
    fixed,
    general_slips,
    lazy,
)

ADAM = Form(DIRECTIONS["epsilon-outside-root"])
HELD = "accumulated_gradient"

ADD: dict[str, Part] = {
    "mean": lambda n: n.total + (n.g - n.total) / n.position,
    "sum": lambda n: n.total + n.g,
}


@dataclass(frozen=True)
class Accumulation:
    """Gradient accumulation in parts.

    Each sees ``n``: ``g``, what has been accumulated (``total``; ``add`` sees the old one), the
    hyper-parameters, the ``state`` and ``step``, ``every`` (the number of gradients to an update)
    and ``position`` (that of this gradient among them, from 1).
    """

    add: Part
    count: Callable[[int], int] = lambda earlier: earlier + 1
    every: Callable[[int], int] = lambda every: every
    is_last: Part = lambda n: n.position == n.every
    finished: Part = lambda n: n.total
    reset: Part = lambda n: np.zeros_like(n.total)
    # the updates of Adam before this one
    updates: Part = lambda n: n.step // n.every - 1
    rate: Part = lambda n: n.learning_rate

    def rule(self) -> Rule:
        """The rule as a plain function."""
        adam = ADAM.rule()

        def rule(
            w: Any, g: Any, state: Any, *, accumulation_steps: float, **hyperparameters: float
        ) -> Any:
            n = SimpleNamespace(g=g, state=state, **hyperparameters)
            n.every = self.every(int(accumulation_steps))
            n.step = state["step"] = self.count(state.get("step", 0))
            n.position = (n.step - 1) % n.every + 1
            for name in (HELD, *ADAM.names):
                state.setdefault(name, np.zeros_like(g))
            n.total = state[HELD]
            n.total = state[HELD] = self.add(n)
            rate = self.rate(n)
            if not self.is_last(n):
                return w
            inner = {**state, "step": self.updates(n)}
            new = adam(w, self.finished(n), inner, **{**hyperparameters, "learning_rate": rate})
            state.update({name: inner[name] for name in ADAM.names})
            state[HELD] = self.reset(n)
            return new

        return rule


def _variant(
    form: Accumulation,
    name: str,
    what: str,
    laws: tuple[str, ...] = SEQUENCE,
    bug: str = "",
    says: str = "",
    **parts: Any,
) -> Slip:
    return Slip(name, what, laws, fixed(replace(form, **parts).rule()), bug=bug, says=says)


def _boundaries(form: Accumulation) -> list[Slip]:
    """Slips in which gradients make an update."""
    reduction = "accumulating-one-gradient-is-adam"

    def slip(name: str, what: str, **parts: Any) -> Slip:
        return _variant(form, name, what, **parts)

    return [
        slip(
            "at-first",
            "updates at the first gradient of each cycle",
            is_last=lambda n: n.position == 1,
            updates=lambda n: (n.step - 1) // n.every,
        ),
        slip(
            "one-late",
            "updates at the first gradient of the next cycle",
            laws=(*SEQUENCE, reduction),
            is_last=lambda n: n.position == 1 and n.step > 1,
            updates=lambda n: (n.step - 1) // n.every - 1,
        ),
        slip(
            "one-more",
            "accumulates one gradient more than asked",
            laws=(*SEQUENCE, reduction),
            every=lambda every: every + 1,
        ),
        slip("one-fewer", "accumulates one gradient less", every=lambda every: max(1, every - 1)),
        slip(
            "two",
            "accumulates 2 gradients whatever was asked",
            laws=(*SEQUENCE, reduction),
            every=lambda every: 2,
        ),
        slip("one", "does not accumulate", every=lambda every: 1),
        slip(
            "every-step",
            "updates at every gradient, with what there is so far",
            is_last=lambda n: True,
            updates=lambda n: n.step - 1,
            reset=lambda n: form.reset(n) if n.position == n.every else n.total,
        ),
        slip("not-reset", "what was accumulated stays", reset=lambda n: n.total),
        slip("reset-to-last", "the last gradient stays", reset=lambda n: n.g.copy()),
        slip("updates-by-gradients", "Adam counts gradients", updates=lambda n: n.step - 1),
        slip("updates-from-2", "Adam counts from 2", updates=lambda n: n.step // n.every),
        slip("updates-stopped", "Adam counts to 1", updates=lambda n: 0),
        slip(
            "half-count",
            "the gradients are counted in float16",
            laws=("step-count-past-2048",),
            count=lambda t: int(np.float16(t) + np.float16(1)),
        ),
        slip("rate-of-first", "the learning rate of the first gradient", rate=_rate_of_first),
    ]


def _rate_of_first(n: SimpleNamespace) -> Any:
    if n.position == 1:
        n.state["rate"] = n.learning_rate
    return n.state["rate"]


def _totals(form: Accumulation, dialect: str) -> list[Slip]:
    """Slips in what is accumulated."""
    right = form.add

    def slip(name: str, what: str, **parts: Any) -> Slip:
        return _variant(form, name, what, **parts)

    def cast(dtype: Any) -> Part:
        return lambda n: right(n).astype(dtype).astype(n.g.dtype)

    other = next(each for each in ADD if each != dialect)
    return [
        slip(f"is-{other}", f"is the dialect {other}", add=ADD[other]),
        slip("divided", "divides by the number at the end", finished=lambda n: n.total / n.every),
        slip("multiplied", "multiplies by it", finished=lambda n: n.total * n.every),
        slip(
            "rate-divided",
            "sums, and divides the learning rate",
            bug="caffe-adagrad-iter-size",
            add=ADD["sum"],
            rate=lambda n: n.learning_rate / n.every,
        ),
        slip("last-alone", "the last gradient alone", add=lambda n: n.g.copy()),
        slip(
            "first-alone",
            "the first gradient alone",
            add=lambda n: n.g.copy() if n.position == 1 else n.total,
        ),
        slip("last-used", "accumulates, and uses the last", finished=lambda n: n.g),
        slip(
            "first-lost",
            "starts with the second",
            add=lambda n: right(n) if n.position > 1 else n.total,
        ),
        slip("halves", "the mean with what came before", add=lambda n: 0.5 * (n.total + n.g)),
        slip("magnitudes", "magnitudes are accumulated", add=lambda n: n.total + np.abs(n.g)),
        slip("largest", "the larger of two", add=lambda n: np.maximum(n.total, n.g)),
        slip("half-total", "accumulates in float16", laws=STEP, add=cast(np.float16)),
        slip("single-total", "accumulates in float32", laws=STEP, add=cast(np.float32)),
        slip(
            "in-gradient",
            "accumulates in the gradient itself",
            laws=CONTRACT,
            says="changes the gradient",
            bug="mxnet-grad-mutation",
            add=lambda n: np.add(n.g, n.total, out=n.g).copy(),
        ),
    ]


def _moments_always(w: Any, g: Any, state: Any, *, accumulation_steps: float, **h: float) -> Any:
    new = ADAM.rule()(w, g, state, **h)
    return w if state["step"] % int(accumulation_steps) else new


def _unsaved(right: Rule) -> Rule:
    """The accumulation is an attribute of the optimizer, of which only Adam's state is saved."""
    hidden: dict[int, dict[str, Any]] = {}

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        state.update(hidden.get(id(state), {}))
        new = right(w, g, state, **h)
        hidden[id(state)] = {name: state.pop(name) for name in (HELD, "step")}
        return new

    return wrong


def _zipped(right: Rule) -> Rule:
    """The first gradient is filtered out before the others are zipped with all totals."""
    totals: dict[int, Any] = {}
    now = SimpleNamespace(step=0, place=0)

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        step = state.get("step", 0) + 1
        now.place = now.place + 1 if step == now.step else 0
        now.step = step
        place = max(0, now.place - 1)
        state[HELD] = totals.get(place, np.zeros_like(g))
        new = right(w, g, state, **h)
        totals[place] = state[HELD]
        return new

    return wrong


def _counts_calls(form: Accumulation) -> Rule:
    calls = [0]

    def count(earlier: int) -> int:
        calls[0] += 1
        return calls[0]

    return replace(form, count=count).rule()


def _general(right: Rule) -> list[Slip]:
    """The general slips; what they do to a step is seen where there is an update."""
    soon = (STEP, ("permuting-and-splitting",))
    slips = general_slips(right, None, stateful=True)
    return [replace(each, laws=SEQUENCE) if each.laws in soon else each for each in slips]


def _family(dialect: str) -> Family:
    form = Accumulation(ADD[dialect])
    right = form.rule()
    slips = [
        *_totals(form, dialect),
        *_boundaries(form),
        Slip(
            "moments-always",
            "the moments take every gradient, the parameter moves at the last",
            SEQUENCE,
            fixed(_moments_always),
        ),
        Slip("lazy", "ignores zero gradients", SEQUENCE, fixed(lazy(right))),
        Slip(
            "unsaved-total",
            "what was accumulated, and how much, is not in what is saved",
            RESUME,
            lambda: _unsaved(right),
            per_run=True,
            says="resumed",
        ),
        Slip(
            "zipped",
            "gradients are zipped with what other parameters have accumulated",
            SEQUENCE,
            lambda: _zipped(right),
            per_run=True,
            raises=True,
            bug="keras-grad-accum-mapping",
        ),
        Slip(
            "shared-count",
            "one count for all parameters, one up at every call",
            (*SEQUENCE, "permuting-and-splitting"),
            lambda: _counts_calls(form),
            per_run=True,
            bug="deepspeed-fusedadam-step",
        ),
    ]
    return Family("gradient-accumulation", dialect, right, slips, general=_general(right))


FAMILIES = [_family(dialect) for dialect in ADD]
