"""optcheck checks optimizers: update rules, schedules and clipping against the textbook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from optcheck.backends import Backend
    from optcheck.reports import Report

# In a source checkout the sub-packages lie beside this folder, not in it. With the checkout on
# sys.path (`python -m pytest` in its root) this folder shadows the installed package, so look
# for them there too.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "reference" / "registry.py").is_file():
    __path__.append(str(_checkout))


def check(
    *backends: str | Backend | type[Backend],
    profile: str = "default",
    select: str = "",
    seed: int = 0,
    known: Sequence[str | Path] = (),
    device: str = "cpu",
) -> Report:
    """Ask all laws of ``backends`` in this process, and return the report.

    A backend is an object or its class, or is named as on the command line; ``known`` are files
    of declared deviations. ``report.conforms`` says whether all that is implemented conforms, and
    ``report.raise_for_failures()`` raises an AssertionError that says what does not. `optcheck
    run` does the same in isolated processes.

    Raises
    ------
    BackendError
        A backend cannot be loaded; the message says what to do.
    KnownDeviationsError
        A file of ``known`` cannot be used.
    """
    from optcheck.runner import Request, run_here

    files = tuple(Path(each) for each in known)
    return run_here(Request(backends, profile, select, device, seed, files))


def each_law(
    *backends: str | Backend | type[Backend],
    profile: str = "quick",
    select: str = "",
    seed: int = 0,
    known: Sequence[str | Path] = (),
    device: str = "cpu",
) -> pytest.MarkDecorator:
    """Make the decorated function a pytest test of each law of what ``backends`` implement.

    ::

        @optcheck.each_law(backend, select="method:adam")
        def test_conforms(law):
            law()

    ``law()`` raises an AssertionError with the counterexample where the law is broken, and skips
    the test, with the reason, where it cannot be asked.
    """
    from optcheck.own_tests import parametrized
    from optcheck.runner import Request

    files = tuple(Path(each) for each in known)
    return parametrized(Request(backends, profile, select, device, seed, files))
