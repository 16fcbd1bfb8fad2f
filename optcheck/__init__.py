"""optcheck checks optimizers: update rules, schedules and clipping against the textbook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optcheck.backends import Backend
    from optcheck.reports import Report

# In a source checkout the sub-packages lie beside this folder, not in it. With the checkout on
# sys.path (`python -m pytest` in its root) this folder shadows the installed package, so look
# for them there too.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "reference" / "registry.py").is_file():
    __path__.append(str(_checkout))


def check(
    *backends: str | Backend, profile: str = "default", select: str = "", seed: int = 0
) -> Report:
    """Ask all laws of ``backends`` in this process, and return the report.

    A backend is an object, or is named as on the command line. ``report.conforms`` says whether
    all that is implemented conforms; `optcheck run` does the same in isolated processes.

    Raises
    ------
    BackendError
        A backend cannot be loaded; the message says what to do.
    """
    from optcheck.runner import Request, run_here

    return run_here(Request(backends, profile, select, seed=seed))
