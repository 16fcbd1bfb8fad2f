"""optax, eager and under ``jax.jit``, optimistix and ``jax.scipy.optimize``: tables of claims.

float32 and bfloat16 run with x64 off, as their users run them: what depends on the step count is
then computed in float32. float64 runs with x64 on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import INTERFACE_VERSION, Floats
from optcheck.backends.jax import minimizers
from optcheck.backends.jax.clipping import OptaxClipping, clippings
from optcheck.backends.jax.derivatives import DERIVATIVES
from optcheck.backends.jax.distribution import DISTRIBUTIONS
from optcheck.backends.jax.expressions import x64
from optcheck.backends.jax.factorizations import FACTORIZATIONS
from optcheck.backends.jax.initializers import INITIALIZERS
from optcheck.backends.jax.loaders import LOADERS
from optcheck.backends.jax.losses import LOSSES
from optcheck.backends.jax.normalizers import NORMALIZERS
from optcheck.backends.jax.plateaus import PLATEAUS
from optcheck.backends.jax.recurrences import RECURRENCES
from optcheck.backends.jax.schedules import OptaxSchedule, schedules
from optcheck.backends.jax.update_rules import OptaxRule, update_rules
from optcheck.backends.placement import placed
from optcheck.backends.training import Training

__all__ = ["JaxBackend", "x64"]


_TRAINING: dict[str, Any] = {
    "derivatives": DERIVATIVES,
    "losses": LOSSES,
    "factorizations": FACTORIZATIONS,
    "loaders": LOADERS,
    "initializers": INITIALIZERS,
    "normalizers": NORMALIZERS,
    "recurrences": RECURRENCES,
    "metric_schedules": PLATEAUS,
    "distributions": DISTRIBUTIONS,
}

_ON_THE_HOST = {
    "sharded-update": "the eight devices are those of the host: run with --device cpu",
    "data-parallel-gradient": "the eight devices are those of the host: run with --device cpu",
}
_WITHOUT_HOST = {name: rules for name, rules in _TRAINING.items() if name != "distributions"}


class JaxBackend(Minimizers, Training):
    """optax and the minimizers of JAX on one platform."""

    name = "jax"
    interface_version = INTERFACE_VERSION
    source_modules = (
        "jax._src.scipy.optimize.bfgs",
        "jax._src.scipy.optimize.line_search",
        "optax._src.alias",
        "optax._src.linesearch",
        "optax._src.transform",
        "optax.transforms._accumulation",
        "optax.transforms._adding",
        "optax.transforms._clipping",
        "optax.tree_utils._tree_math",
        *(
            f"optimistix._solver.{name}"
            for name in (
                *("backtracking", "gauss_newton", "golden", "levenberg_marquardt"),
                *("limited_memory_bfgs", "newton_chord", "nonlinear_cg", "quasi_newton"),
            )
        ),
    )

    def __init__(self, device: str = "cpu") -> None:
        platform = "gpu" if device == "cuda" else device
        try:
            self.device = jax.devices(platform)[0]
        except RuntimeError as error:
            raise LookupError(f"JAX sees no {device} device; run with --device cpu") from error
        # TF32 would round to 11 bits what the laws budget at 24.
        jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]
        Minimizers.__init__(self)
        on_host = self.device.platform == "cpu"
        # Why methods that JAX has on the CPU are not claimed here.
        self.absent = {} if on_host else _ON_THE_HOST
        Training.__init__(self, **(_TRAINING if on_host else _WITHOUT_HOST))
        for each in minimizers.FAMILIES:
            self.extend(each.rules)
        if self.device != jax.devices()[0]:
            self.replace_parts(self._placed)
            self.replace_minimizers(self._placed)

    def _placed(self, rule: Any) -> Any:
        heading = f"""import jax

jax.config.update("jax_default_device", jax.devices({self.device.platform!r})[0])"""
        return placed(rule, lambda: jax.default_device(self.device), heading)

    @property
    def _flushes_subnormals(self) -> bool:
        return bool(self.device.platform == "cpu")

    def library(self) -> tuple[str, str]:
        return "optax", optax.__version__

    def environment(self) -> Mapping[str, str]:
        return {
            "jax": jax.__version__,
            "optimistix": optimistix.__version__,
            "device name": str(self.device),
            "x64": "off for float32 and bfloat16, on for float64",
        }

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> jax.Array:
        with x64(dtype):
            # NumPy rounds; jnp.asarray would take twice as long to do the same.
            rounded = np.array(values, dtype=jnp.dtype(dtype))
            array: jax.Array = jax.device_put(rounded, self.device)
        return array

    def to_numpy(self, array: jax.Array) -> Floats:
        complex_numbers = jnp.iscomplexobj(array)
        return np.array(array).astype(np.complex128 if complex_numbers else np.float64)

    def dtype(self, array: jax.Array) -> str:
        return str(array.dtype)

    def synchronize(self, arrays: Sequence[jax.Array]) -> None:
        for array in arrays:
            array.block_until_ready()

    def update_rules(self) -> Sequence[OptaxRule]:
        return update_rules(flushes_subnormals=self._flushes_subnormals)

    def schedules(self) -> Sequence[OptaxSchedule]:
        return schedules()

    def clippings(self) -> Sequence[OptaxClipping]:
        return clippings(flushes_subnormals=self._flushes_subnormals)
