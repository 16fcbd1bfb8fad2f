"""The gate: an implementation that breaks its contract is told so once, and asked nothing else.

What an implementation is asked first is the law ``contract``; where that is not asked of it, as of
all that is no update rule, the first law that is. Broken is what fails its contract, and what
raises, hangs, takes the process down or asks the reference for its answers. A declared deviation
is none of these.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from optcheck.properties.execute import Outcome, Profile, execute
from optcheck.properties.independence import parts_of_the_reference
from optcheck.properties.known import KnownDeviation, judge
from optcheck.properties.units import Unit, first_asked

try:
    import fcntl
except ImportError:  # Windows: each process asks for itself
    fcntl = None  # type: ignore[assignment]

NOT_ASKED = "not asked: "
FOLDER = "optcheck-gate"

# What is written of an outcome that is not there yet.
_BEGUN = "begun"


class Gate:
    """Asks units, and the first of each implementation once in all that share ``folder``."""

    def __init__(
        self,
        profile: Profile,
        seed: int,
        known: Sequence[KnownDeviation] = (),
        folder: Path | None = None,
    ) -> None:
        self.profile = profile
        self.seed = seed
        self.known = known
        self.folder = folder
        self._outcomes: dict[str, Outcome] = {}
        # The contract is quickly asked: what hangs in it is found out soon.
        self._brief = replace(profile, seconds=max(1, profile.seconds // 4))

    def ask(self, unit: Unit) -> Outcome:
        """What becomes of ``unit``, in the light of what is declared."""
        if unit.subject is None:
            return execute(unit, self.profile, self.seed)
        first = first_asked(unit)
        outcome = judge(first, self._outcome(first), self.known)
        if first.key == unit.key:
            return outcome
        reason = _closes(first, outcome)
        if reason is not None:
            return Outcome("unsupported", message=reason)
        return judge(unit, execute(unit, self.profile, self.seed), self.known)

    def _outcome(self, first: Unit) -> Outcome:
        if first.key not in self._outcomes:
            shared = self.folder is not None and fcntl is not None
            found = self._shared(first, _place(self.folder, first)) if shared else None
            self._outcomes[first.key] = found or self._found_out(first)
        return self._outcomes[first.key]

    def _shared(self, first: Unit, path: Path) -> Outcome | None:
        """What another process has found out, or this one finds out for the others."""
        with path.open("a+", encoding="utf-8") as stream:
            # The lock ends with the process, however that ends.
            if not _locked(stream, self._limits(first).seconds):
                return None
            stream.seek(0)
            text = stream.read()
            if text == _BEGUN:
                return _crash(first)
            if text:
                return Outcome(**json.loads(text))
            _write(stream, _BEGUN)
            found = ""
            try:
                outcome = self._found_out(first)
                found = json.dumps(outcome.to_dict())
            finally:
                _write(stream, found)
            return outcome

    def _found_out(self, first: Unit) -> Outcome:
        assert first.subject is not None
        parts = parts_of_the_reference(first.subject.rule)
        if parts:
            return Outcome(
                "fail",
                message=f"{first.subject.name} uses optcheck.reference ({', '.join(parts)}): "
                "implement the rule in the library under test",
            )
        return execute(first, self._limits(first), self.seed)

    def _limits(self, first: Unit) -> Profile:
        return self._brief if first.law.id == "contract" else self.profile


def after_crash(unit: Unit, folder: Path) -> Outcome:
    """What becomes of ``unit``, in which a worker process died that shared ``folder``."""
    if unit.subject is not None:
        first = first_asked(unit)
        path = _place(folder, first)
        begun = path.is_file() and path.read_text(encoding="utf-8") == _BEGUN
        if begun and first.key != unit.key:
            return Outcome("unsupported", message=_closes(first, _crash(first)) or "")
    return _crash(unit)


def failure_text(outcome: Outcome) -> str:
    """All that an outcome says, for the report of a test."""
    text = f"{outcome.verdict}: {outcome.message}"
    if outcome.counterexample is not None:
        text += f"\n\ncounterexample: {outcome.counterexample}"
    if outcome.reproduce is not None:
        text += f"\n\nreproduce with:\n\n{outcome.reproduce}"
    return text


def _closes(first: Unit, outcome: Outcome) -> str | None:
    """Why nothing else is asked after ``outcome``, or None."""
    contract = first.law.id == "contract"
    wrong = outcome.verdict == "fail" and (contract or "optcheck.reference" in outcome.message)
    if not wrong and outcome.verdict not in ("error", "timeout", "crash"):
        return None
    what = "it breaks its contract" if contract else "it does not run as an adapter must"
    return f"{NOT_ASKED}{what} (see law {first.law.id}): {outcome.message.splitlines()[0]}"


def _crash(unit: Unit) -> Outcome:
    return Outcome(
        "crash",
        message="the worker process died; run the unit alone with "
        f"--select {unit.law.id!r} to see its output",
    )


def _place(folder: Path | None, first: Unit) -> Path:
    assert folder is not None
    digest = hashlib.blake2b(first.key.encode(), digest_size=16)
    return folder / f"{digest.hexdigest()}.json"


def _write(stream: IO[str], text: str) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(text)
    stream.flush()


def _locked(stream: IO[str], seconds: float) -> bool:
    """Wait for the file as long as its owner may take."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        else:
            return True
