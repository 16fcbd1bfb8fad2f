"""Executing one unit: Hypothesis searches, the outcome is one plain record."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from optcheck.properties.law import Deviation, ImplementationError, NotShown
from optcheck.properties.units import Unit


@dataclass(frozen=True)
class Profile:
    """How much to spend: examples a law (fewer where each compiles), attempts to shrink, time."""

    name: str
    examples: int
    compiled_examples: int
    seconds: int
    shrink_attempts: int
    # What is asked in several precisions is asked in these alone; all, if there are none.
    dtypes: tuple[str, ...] = ()


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", 3, 1, 60, 30, ("float32", "float64")),
        Profile("default", 20, 2, 120, 300),
        Profile("thorough", 250, 25, 1800, 3000),
    )
}


@dataclass
class Outcome:
    """What became of a unit; the fields are those of a report's result."""

    verdict: str
    examples: int = 0
    worst_ratio: float | None = None
    seconds: float = 0.0
    message: str = ""
    counterexample: dict[str, Any] | None = None
    reproduce: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class _EnoughShrinking(BaseException):
    """Leaves Hypothesis, which must not catch it, with the simplest failure so far."""


class _Unasked(BaseException):
    """Leaves Hypothesis, which would look for a simpler example of it, with the reason."""

    def __init__(self, reason: NotShown) -> None:
        self.reason = reason


class _TimeUp(BaseException):
    """The unit's time is over."""


@dataclass
class _Search:
    """What the search has seen."""

    shrink_attempts: int
    examples: int = 0
    worst: float = 0.0
    failure: Exception | None = None
    attempts: int = 0

    def decided(self, ratio: float) -> None:
        """Count an example that decided something, and lead the search to worse ones."""
        self._count()
        if math.isnan(ratio):
            return
        self.examples += 1
        self.worst = max(self.worst, ratio)
        if math.isfinite(ratio):
            hypothesis.target(ratio)

    def failed(self, failure: Exception) -> None:
        """Keep the failure: Hypothesis only tries simpler ones after the first."""
        self.examples += 1
        self.failure = failure
        self._count()

    def _count(self) -> None:
        """Stop after so many attempts to simplify, and not by the clock: that is repeatable."""
        if self.failure is not None:
            self.attempts += 1
            if self.attempts > self.shrink_attempts:
                raise _EnoughShrinking


def execute(unit: Unit, profile: Profile, seed: int) -> Outcome:
    """Ask the law of the unit's subject, and say what came of it.

    The outcome depends on the unit, the profile and the seed alone.
    """
    if unit.subject is None:
        return Outcome("unsupported", message=unit.unsupported or "")
    if unit.subject.claim.thorough_only and profile.name != "thorough":
        return Outcome("unsupported", message="slow to build: asked in the profile thorough alone")
    if profile.dtypes and not (unit.law.one_dtype or unit.dtype in profile.dtypes):
        return Outcome(
            "unsupported", message=f"the profile {profile.name} leaves out {unit.dtype}"
        )
    search = _Search(profile.shrink_attempts)
    started = time.monotonic()
    try:
        with _alarm(profile.seconds):
            _explore(unit, profile, seed, search)
    except _TimeUp:
        # A failure that was still being simplified is a failure.
        late = Outcome("timeout", message=f"not done after {profile.seconds} s")
        outcome = late if search.failure is None else _failure(search.failure)
    except Exception as error:
        outcome = _failure(search.failure or error)
    else:
        outcome = _success(search)
    outcome.examples = search.examples
    outcome.seconds = time.monotonic() - started
    return outcome


def _explore(unit: Unit, profile: Profile, seed: int, search: _Search) -> None:
    subject, law = unit.subject, unit.law
    assert subject is not None
    compiles = subject.claim.compilation == "programs"
    examples = profile.compiled_examples if compiles else profile.examples
    # Hypothesis tries its simplest example first, with every seed; chance needs another one.
    least = 2 if law.oracle == "statistic" else 1

    @hypothesis.seed(unit.seed(seed))
    @settings(
        max_examples=max(least, math.ceil(examples * law.share)),
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    @given(st.data())
    def explore(data: st.DataObject) -> None:
        try:
            search.decided(law.check(subject, data))
        except (Deviation, ImplementationError) as failure:
            search.failed(failure)
            raise
        except NotShown as reason:
            raise _Unasked(reason) from None

    # Nothing is kept in a database: no key for it needs to be made of the source of this function.
    explore._hypothesis_internal_database_key = None  # type: ignore[attr-defined]
    try:
        explore()
    except _Unasked as unasked:
        raise unasked.reason from None
    except _EnoughShrinking:
        assert search.failure is not None
        raise search.failure from None


def _success(search: _Search) -> Outcome:
    if search.examples == 0:
        return Outcome(
            "error", message="no example decided anything: the law was not really asked"
        )
    return Outcome("pass", worst_ratio=search.worst)


def _failure(error: Exception) -> Outcome:
    if isinstance(error, NotShown):
        return Outcome("unsupported", message=str(error))
    if isinstance(error, Deviation):
        return Outcome(
            "fail",
            worst_ratio=error.ratio,
            message=str(error),
            counterexample=error.counterexample or None,
            reproduce=None if error.script is None else error.script(),
        )
    if isinstance(error, ImplementationError):
        return Outcome("error", message=str(error), counterexample=error.counterexample or None)
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return Outcome("error", message=f"{type(error).__name__}: {first}")


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    """Interrupt the block after ``seconds``, where the platform and thread allow it."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
