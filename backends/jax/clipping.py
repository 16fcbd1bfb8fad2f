"""optax's gradient clipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import optax

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.jax.expressions import arrays, heading, x64
from optcheck.backends.jax.table import COMPILATION, DTYPES, PATHS

CLIPPINGS = {
    ("clip-by-global-norm", "exact"): "optax.clip_by_global_norm",
    ("clip-by-norm", "root-mean-square"): "optax.clip_by_block_rms",
    ("clip-by-value", "exact"): "optax.clip",
}


@dataclass(frozen=True)
class OptaxClipping:
    """One transformation, eager or jitted."""

    claim: Claim
    function: str

    def clip(
        self, gradients: Sequence[jax.Array], hyperparameters: Hyperparameters
    ) -> Sequence[jax.Array]:
        make = getattr(optax, self.function.removeprefix("optax."))
        with x64(str(gradients[0].dtype)):
            transformation = make(hyperparameters["threshold"])
            update = jax.jit(transformation.update) if self.claim.options["jit"] else None
            state = transformation.init(list(gradients))
            clipped, _ = (update or transformation.update)(list(gradients), state)
        result: Sequence[jax.Array] = clipped
        return result

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""{heading(dtype)}gradients = {arrays(gradients)}
clip = {self.function}({hyperparameters["threshold"]!r})
clipped, _ = clip.update(gradients, clip.init(gradients))
computed = [float(x) for array in clipped for x in np.ravel(array)]
"""


def clippings(*, flushes_subnormals: bool) -> Sequence[OptaxClipping]:
    """All clipping rules."""
    return [
        OptaxClipping(
            Claim(
                method,
                dialect,
                options,
                DTYPES,
                flushes_subnormals=flushes_subnormals,
                compilation=COMPILATION[bool(options["jit"])],
            ),
            function,
        )
        for (method, dialect), function in CLIPPINGS.items()
        for options in PATHS
    ]
