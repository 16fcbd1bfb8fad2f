"""Variance reduction by a snapshot (SVRG)."""

from __future__ import annotations

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy._parts import Array, State

rules = FunctionBackend("numpy")


@rules.update_rule("svrg", dialect="plain")
def svrg(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    snapshot_gradient: Array,
    full_gradient: Array,
) -> None:
    """The example's gradient, corrected by what it is known to be off by at the snapshot."""
    w -= learning_rate * (g - snapshot_gradient + full_gradient)
