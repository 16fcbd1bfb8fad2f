"""Rules about many gradients: accumulation, and variance reduction by a snapshot (SVRG)."""

from __future__ import annotations

from typing import Any

from optcheck.reference.adam import ADAM, zero_moments
from optcheck.reference.domains import count, positive
from optcheck.reference.gradient_descent import descend
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "gradient-accumulation",
    title="Gradient accumulation: k gradients, then one update with their mean",
    formula=(
        r"\bar{\mathbf g}_n=\bar{\mathbf g}_{n-1}+\tfrac1n(\mathbf g_n-\bar{\mathbf g}_{n-1}),"
        r"\quad n=1,\dots,k"
    ),
    sources=("goodfellow:sec 8.1.3", "optax:MultiSteps"),
    erratum="G16: the printed algorithms differ in whether they divide by the batch size.",
)
def running_mean(mean: Any, g: Any, position: int) -> Any:
    """``mean + (g - mean) / position``, the mean of ``position`` gradients."""
    return mean + (g - mean) / position


def _accumulating(mean: bool) -> Any:
    adam = ADAM.dialects["epsilon-outside-root"].update

    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        every = int(h.given["accumulation_steps"])
        position = (h.count - 1) % every + 1
        before = state["accumulated_gradient"]
        total = running_mean(before, g, position) if mean else before + g
        if position < every:
            return w, {**state, "accumulated_gradient": total}
        now = h.at(h.count // every)
        now.learning_rate = h.learning_rate  # that of this moment
        new, after = adam(w, total, state, now)
        return new, {**after, "accumulated_gradient": 0 * total}

    return update


def _initial_state(zeros: Any, h: Any) -> dict[str, Any]:
    return {**zero_moments(zeros, h), "accumulated_gradient": zeros}


GRADIENT_ACCUMULATION = method(
    Method(
        id="gradient-accumulation",
        title="Gradient accumulation, with Adam",
        family="gradient-accumulation",
        source="goodfellow:sec 8.1.3",
        hyperparameters={**ADAM.hyperparameters, "accumulation_steps": count(2, 3, 1)},
        dialects={
            "mean": Dialect(
                update=_accumulating(mean=True),
                equations=("gradient-accumulation", "adam-update-epsilon-outside"),
                summary="every k-th step Adam takes the mean of the last k gradients",
                initial_state=_initial_state,
            ),
            "sum": Dialect(
                update=_accumulating(mean=False),
                equations=("gradient-accumulation", "adam-update-epsilon-outside"),
                summary="every k-th step Adam takes the sum of the last k gradients",
                initial_state=_initial_state,
            ),
        },
    )
)


@equation(
    "svrg",
    title="Stochastic variance-reduced gradient descent",
    formula=(
        r"\mathbf w\leftarrow\mathbf w-\eta\big(\nabla E_i(\mathbf w)"
        r"-\nabla E_i(\tilde{\mathbf w})+\nabla E(\tilde{\mathbf w})\big)"
    ),
    sources=("prince:Notes Optimization algorithms", "johnson-zhang"),
)
def reduced_gradient(g: Any, snapshot_gradient: Any, full_gradient: Any) -> Any:
    """``g - snapshot_gradient + full_gradient``."""
    return g - snapshot_gradient + full_gradient


def _svrg(w: Any, g: Any, state: Any, h: Any) -> Any:
    direction = reduced_gradient(g, h.snapshot_gradient, h.full_gradient)
    return descend(w, direction, h.learning_rate), {}


SVRG = method(
    Method(
        id="svrg",
        title="SVRG",
        family="svrg",
        source="prince:Notes Optimization algorithms",
        hyperparameters={"learning_rate": positive(0.1, 1.0, 0.001)},
        dialects={
            "plain": Dialect(
                update=_svrg,
                equations=("svrg",),
                summary="w - eta (g - g at the snapshot + full gradient at the snapshot)",
                signals=("snapshot_gradient", "full_gradient"),
            )
        },
    )
)
