"""The interface to libraries, the adapters that ship, and their discovery."""

from __future__ import annotations

from optcheck.backends.discovery import (
    BackendError,
    NotInstalledError,
    UnavailableError,
    known_backends,
    load_backend,
)
from optcheck.backends.functions import FunctionBackend
from optcheck.backends.interface import INTERFACE_VERSION, Backend, Case, Claim
from optcheck.backends.minimization import (
    Iteration,
    LineResult,
    MinimizerClaim,
    Stage,
    Trajectory,
)

__all__ = [
    "INTERFACE_VERSION",
    "Backend",
    "BackendError",
    "Case",
    "Claim",
    "FunctionBackend",
    "Iteration",
    "LineResult",
    "MinimizerClaim",
    "NotInstalledError",
    "Stage",
    "Trajectory",
    "UnavailableError",
    "known_backends",
    "load_backend",
]
