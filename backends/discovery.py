"""Finding a backend by name, by ``module:object`` or by ``path/to/file.py:object``.

Nothing is imported until it is asked for: without torch installed everything else works.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from optcheck.backends.interface import INTERFACE_VERSION, Backend
from optcheck.backends.scripts import FILE_MODULE_PREFIX

ENTRY_POINT_GROUP = "optcheck.backends"

# name: (module, class, the package that must be installed, the extra that brings it)
SHIPPED = {
    "numpy": ("optcheck.backends.numpy", "NumpyBackend", "numpy", None),
    "torch": ("optcheck.backends.torch", "TorchBackend", "torch", "torch"),
    "jax": ("optcheck.backends.jax", "JaxBackend", "optax", "jax"),
    "keras": ("optcheck.backends.keras", "KerasBackend", "keras", "keras"),
    "mlx": ("optcheck.backends.mlx", "MlxBackend", "mlx", "mlx"),
    "pytorch_optimizer": (
        "optcheck.backends.pytorch_optimizer",
        "PytorchOptimizerBackend",
        "pytorch_optimizer",
        "pytorch_optimizer",
    ),
    "sklearn": ("optcheck.backends.sklearn", "SklearnBackend", "sklearn", "sklearn"),
    "tinygrad": ("optcheck.backends.tinygrad", "TinygradBackend", "tinygrad", "tinygrad"),
}


class BackendError(Exception):
    """A backend cannot be loaded; the message is one line that says what to do."""


class UnavailableError(BackendError):
    """The backend is known, but it cannot run here: no library, or no such device."""


class NotInstalledError(UnavailableError):
    """A shipped adapter's library is not installed."""


def known_backends() -> dict[str, str]:
    """Each backend that can be named, with ``installed``, ``plug-in`` or how to install it."""
    known = {}
    for name, (_, _, package, extra) in SHIPPED.items():
        present = importlib.util.find_spec(package) is not None
        known[name] = "installed" if present else f'pip install "optcheck[{extra}]"'
    for point in entry_points(group=ENTRY_POINT_GROUP):
        known.setdefault(point.name, "plug-in")
    return known


def load_backend(spec: str, device: str = "cpu") -> Backend:
    """The backend called ``spec``, on ``device``.

    Raises
    ------
    UnavailableError
        The adapter ships with optcheck, but its library is not installed, or has no ``device``.
    BackendError
        The name is unknown, the module does not import, or the object is not a backend.
    """
    if spec in SHIPPED:
        return check_backend(spec, _shipped(spec), device)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == spec:
            return check_backend(spec, _guarded(spec, point.load), device)
    if ":" not in spec:
        listed = "; ".join(f"{name} ({how})" for name, how in known_backends().items())
        raise BackendError(
            f"unknown backend {spec!r}; known: {listed}; "
            "or give module:object or path/to/file.py:object"
        )
    return check_backend(spec, load_object(spec), device)


def load_object(spec: str) -> Any:
    """What ``module:object`` or ``path/to/file.py:object`` names, whatever it is.

    Raises
    ------
    BackendError
        The module does not import, or has no such object.
    """
    module, _, attribute = spec.rpartition(":")
    return _guarded(spec, lambda: getattr(_import(module), attribute))


def _shipped(name: str) -> Any:
    module, attribute, package, extra = SHIPPED[name]
    if importlib.util.find_spec(package) is None:
        raise NotInstalledError(
            f'{name} needs {package}, which is not installed: pip install "optcheck[{extra}]"'
        )
    return _guarded(name, lambda: getattr(importlib.import_module(module), attribute))


def _import(name: str) -> ModuleType:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    if not path.is_file():
        raise BackendError(f"no file {name}; give path/to/file.py:object")
    spec = importlib.util.spec_from_file_location(FILE_MODULE_PREFIX + path.stem, path)
    if spec is None or spec.loader is None:
        raise BackendError(f"{name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _guarded(spec: str, load: Any) -> Any:
    try:
        return load()
    except BackendError:
        raise
    except Exception as error:
        raise BackendError(f"backend {spec!r} does not load: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0]}"


def check_backend(spec: str, found: Any, device: str) -> Backend:
    """The backend, made if it is a class; what does not follow the interface is refused.

    Raises
    ------
    BackendError
        It is no backend, or is written for another version of the interface.
    """
    if inspect.isclass(found):
        make: Callable[[str], Any] = found
        try:
            found = make(device)
        except LookupError as error:
            reason = error.args[0] if error.args else _one_line(error)
            raise UnavailableError(f"{spec}: {reason}") from error
        except Exception as error:
            raise BackendError(f"backend {spec!r} cannot be made: {_one_line(error)}") from error
    elif device not in ("cpu", getattr(found, "device", "cpu")):
        raise UnavailableError(f"backend {spec!r} runs on the CPU alone; use --device cpu")
    if not isinstance(found, Backend):
        names = [*Backend.__annotations__, *(name for name in vars(Backend) if name[0] != "_")]
        needed = ", ".join(name for name in names if not hasattr(found, name))
        raise BackendError(f"{spec!r} is not a backend: it lacks {needed}")
    if type(found.interface_version) is not int:
        raise BackendError(
            f"{spec!r} has the interface_version {found.interface_version!r}, which is no whole "
            f"number; this optcheck has version {INTERFACE_VERSION}"
        )
    if found.interface_version != INTERFACE_VERSION:
        raise BackendError(
            f"{spec!r} is written for version {found.interface_version} of the interface; "
            f"this optcheck has version {INTERFACE_VERSION}"
        )
    return found
