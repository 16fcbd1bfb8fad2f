"""Keras as its users have it, on torch or JAX as KERAS_BACKEND says.

Users of float64 have floatx float64, and JAX with x64; all others have float32, and x64 off.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from optcheck.backends.discovery import UnavailableError
from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.scripts import literal

ON = os.environ.setdefault("KERAS_BACKEND", "torch")
if ON not in ("torch", "jax"):
    raise UnavailableError(
        f"Keras is not checked on {ON}: set KERAS_BACKEND=torch or KERAS_BACKEND=jax"
    )

keras: Any = importlib.import_module("keras")
library: Any = importlib.import_module(ON)


def _x64(dtype: str) -> AbstractContextManager[Any]:
    mode: AbstractContextManager[Any] = nullcontext()
    if ON == "jax":
        mode = library.enable_x64(dtype == "float64")
    return mode


def _floatx(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"


@contextmanager
def used(dtype: str) -> Iterator[None]:
    """Keras as users of ``dtype`` have it, on the CPU."""
    before = keras.config.floatx()
    keras.config.set_floatx(_floatx(dtype))
    try:
        with keras.device("cpu"), _x64(dtype):
            yield
    finally:
        keras.config.set_floatx(before)


def heading(dtype: str, values: Hyperparameters) -> str:
    """The first lines of a script about ``dtype``."""
    x64 = ""
    if ON == "jax":
        x64 = f'import jax\n\njax.config.update("jax_enable_x64", {dtype == "float64"})\n'
    settings = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    return f"""import os

os.environ["KERAS_BACKEND"] = {ON!r}
import keras
import numpy as np
{x64}
keras.config.set_floatx({_floatx(dtype)!r})
{settings}"""


def tensors(arrays: Sequence[Floats | None], dtype: str) -> str:
    """A list of tensors; a gradient that is missing is None."""

    def one(array: Floats | None) -> str:
        if array is None:
            return "None"
        return f"keras.ops.convert_to_tensor({literal(array)}, {dtype!r})"

    return "[" + ", ".join(one(array) for array in arrays) + "]"


def numbers(array: Any) -> Floats:
    """The values of a tensor or a variable."""
    native = getattr(array, "value", array)
    return np.array(keras.ops.convert_to_numpy(native), dtype=np.float64)


# What is claimed of all that runs here.
FIELDS: dict[str, Any] = {
    "flushes_subnormals": ON == "jax",
    "compilation": "none" if ON == "torch" else "operations",
}


def claim(method: str, dialect: str, expression: str, **more: Any) -> Claim:
    """What is claimed of an expression; ``on`` says on which backend of Keras."""
    name = expression.partition("(")[0].rpartition(".")[2]
    return Claim(method, dialect, {"class": name, "on": ON}, **FIELDS, **more)
