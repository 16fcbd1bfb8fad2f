"""The arrays that plain functions work on: NumPy's, or those of a shipped adapter's library."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np

from optcheck.backends.discovery import BackendError, load_backend
from optcheck.backends.interface import Backend, Floats
from optcheck.backends.scripts import literals


class Arrays(Protocol):
    """What a plain backend needs of a library of arrays."""

    name: str
    # What is claimed of every rule on these arrays.
    claims: Mapping[str, Any]
    # An expression in ``array``, whose items a script turns into floats.
    numbers: str

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Any:
        """A new array."""

    def to_numpy(self, array: Any) -> Floats:
        """The values of an array."""

    def dtype(self, array: Any) -> str:
        """The dtype name of an array."""

    def synchronize(self, arrays: Sequence[Any]) -> None:
        """Wait until ``arrays`` are computed."""

    def environment(self) -> Mapping[str, str]:
        """What else a reader needs to repeat the run."""

    def mode(self, dtype: str) -> AbstractContextManager[Any]:
        """In which users of ``dtype`` run."""

    def heading(self, dtype: str) -> str:
        """The first lines of a script about arrays of ``dtype``."""

    def sources(self, arrays: Sequence[Any], dtype: str, *, transposed: bool = False) -> str:
        """A list of arrays as source text."""


class NumpyArrays:
    """NumPy, which computes at once."""

    name = "numpy"
    claims: Mapping[str, Any] = {}
    numbers = "np.ravel(array)"

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Any:
        return np.array(values, dtype=dtype, order="F" if transposed else "C")

    def to_numpy(self, array: Any) -> Floats:
        return np.array(array, dtype=np.complex128 if np.iscomplexobj(array) else np.float64)

    def dtype(self, array: Any) -> str:
        return str(np.asarray(array).dtype)

    def synchronize(self, arrays: Sequence[Any]) -> None:
        """Nothing is under way."""

    def environment(self) -> Mapping[str, str]:
        return {"numpy": np.__version__}

    def mode(self, dtype: str) -> AbstractContextManager[Any]:
        return nullcontext()

    def heading(self, dtype: str) -> str:
        return ""

    def sources(self, arrays: Sequence[Any], dtype: str, *, transposed: bool = False) -> str:
        return literals(arrays, dtype, transposed=transposed)


NUMPY = NumpyArrays()


class _Borrowed:
    """The arrays of a shipped adapter."""

    def __init__(self, adapter: Backend) -> None:
        self.asarray = adapter.asarray
        self.to_numpy = adapter.to_numpy
        self.dtype = adapter.dtype
        self.synchronize = adapter.synchronize
        self.environment = adapter.environment


class TorchArrays(_Borrowed):
    """Tensors of torch."""

    name = "torch"
    claims: Mapping[str, Any] = {}
    numbers = "array.detach().flatten()"

    def __init__(self, device: str) -> None:
        super().__init__(load_backend("torch", device))
        from optcheck.backends.torch.scripts import tensors

        self.sources = functools.partial(tensors, device=device)

    def mode(self, dtype: str) -> AbstractContextManager[Any]:
        return nullcontext()

    def heading(self, dtype: str) -> str:
        return "import torch\n"


class JaxArrays(_Borrowed):
    """Arrays of JAX, with 64 bits where they have them."""

    name = "jax"
    numbers = "np.ravel(array)"

    def __init__(self, device: str) -> None:
        super().__init__(load_backend("jax", device))
        from optcheck.backends.jax import expressions

        self.claims: Mapping[str, Any] = {
            "flushes_subnormals": device == "cpu",
            "compilation": "operations",
        }
        self.mode = expressions.x64
        self._literals = expressions.arrays

    def heading(self, dtype: str) -> str:
        return f"""import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", {dtype == "float64"})
dtype = {dtype!r}
"""

    def sources(self, arrays: Sequence[Any], dtype: str, *, transposed: bool = False) -> str:
        return self._literals(arrays)


def load_arrays(name: str, device: str = "cpu") -> Arrays:
    """The arrays of ``name``, whose library is imported now.

    Raises
    ------
    BackendError
        There are no such arrays here; the message says what to do.
    """
    if name == "numpy":
        if device != "cpu":
            raise BackendError("NumPy runs on the CPU alone; use --device cpu")
        return NUMPY
    if name == "torch":
        return TorchArrays(device)
    if name == "jax":
        return JaxArrays(device)
    raise BackendError(f"arrays={name!r} is not numpy, torch or jax")
