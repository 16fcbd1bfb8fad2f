"""``torch.func`` and ``torch.autograd`` as ways to differentiate.

Each is an expression of ``value``, ``x`` and the direction ``v``, which scripts print as it is.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.minimization import Objective
from optcheck.backends.scripts import literal
from optcheck.backends.training import DerivativeRule


@dataclass
class TorchDerivative:
    """An expression that differentiates."""

    claim: Claim
    expression: str

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def derivative(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> Floats:
        native = getattr(torch, dtype)
        names: dict[str, Any] = {"torch": torch, "value": objective.value}
        for name, given in (("x", point), ("v", direction)):
            if given is not None:
                names[name] = torch.tensor(given, dtype=native)
        with warnings.catch_warnings():
            # torch scripts its forward-mode rules on first use, and warns that scripting is old.
            warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)
            found: torch.Tensor = eval(self.expression, names)
        return np.array(found.detach().cpu().double().numpy())

    def script(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> str:
        vector = ""
        if direction is not None:
            vector = f"v = torch.tensor({literal(direction)}, dtype=torch.{dtype})\n"
        return f"""import torch
from torch import cos, cosh, exp, log, log1p, sin, sqrt, where


def value(x):
    return {objective.sources().value}


x = torch.tensor({literal(point)}, dtype=torch.{dtype})
{vector}print({self.expression})
"""


def _rule(method: str, dialect: str, call: str, expression: str) -> TorchDerivative:
    return TorchDerivative(Claim(method, dialect, {"call": call}), expression)


_AUTOGRAD = "torch.autograd.grad(value(x.requires_grad_()), x)[0]"
_VJP = "torch.func.vjp(value, x)[1](torch.ones((), dtype=x.dtype))[0]"
_PRODUCT = "torch.func.jvp(torch.func.grad(value), (x,), (v,))[1]"

DERIVATIVES: tuple[DerivativeRule, ...] = (
    _rule("value", "evaluated", "eager", "value(x)"),
    _rule("gradient", "reverse-mode", "func.grad", "torch.func.grad(value)(x)"),
    _rule("gradient", "reverse-mode", "autograd.grad", _AUTOGRAD),
    _rule("gradient", "reverse-mode", "func.vjp", _VJP),
    _rule("gradient", "reverse-mode", "func.jacrev", "torch.func.jacrev(value)(x)"),
    _rule("gradient", "forward-mode", "func.jacfwd", "torch.func.jacfwd(value)(x)"),
    _rule("hessian", "forward-over-reverse", "func.hessian", "torch.func.hessian(value)(x)"),
    *(
        _rule(
            "hessian",
            f"{'forward' if outer == 'fwd' else 'reverse'}-over-"
            f"{'forward' if inner == 'fwd' else 'reverse'}",
            f"func.jac{outer}(jac{inner})",
            f"torch.func.jac{outer}(torch.func.jac{inner}(value))(x)",
        )
        for outer, inner in (("rev", "rev"), ("rev", "fwd"), ("fwd", "fwd"))
    ),
    _rule(
        "hessian",
        "reverse-over-reverse",
        "autograd.functional.hessian",
        "torch.autograd.functional.hessian(value, x)",
    ),
    _rule(
        "directional-derivative",
        "forward-mode",
        "func.jvp",
        "torch.func.jvp(value, (x,), (v,))[1]",
    ),
    _rule("hessian-vector-product", "forward-over-reverse", "func.jvp(grad)", _PRODUCT),
    _rule(
        "hessian-vector-product",
        "reverse-over-reverse",
        "autograd.functional.hvp",
        "torch.autograd.functional.hvp(value, x, v)[1]",
    ),
)
