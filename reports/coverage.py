"""The denominators of a run: what was declared, what ran, what did not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .records import Backend, Result

REASON_LENGTH = 160


@dataclass(frozen=True, kw_only=True)
class Denominators:
    """The counts of one backend.

    A check is one result: one law on one implementation, dtype and device. `reasons` maps
    "verdict: first line of the message" to the number of checks that did not run because of it,
    most frequent first. `unexercised` are declared methods that no law ran on.
    """

    backend: str
    checks: int
    ran: int
    laws_ran: int
    laws_not_run: int
    reasons: dict[str, int]
    declared: int
    exercised: int
    unexercised: tuple[str, ...]

    @property
    def not_run(self) -> int:
        """How many checks did not run."""
        return self.checks - self.ran


def reason(result: Result) -> str:
    """Why `result` did not run, in one line that equal causes share."""
    lines = result.message.split("\n") if result.message.strip() else ["no reason given"]
    text = " ".join(next(line for line in lines if line.strip()).split())
    if len(text) > REASON_LENGTH:
        text = text[: REASON_LENGTH - 1] + "…"
    return f"{result.verdict}: {text}"


def backend_names(backends: Iterable[Backend], results: Iterable[Result]) -> list[str]:
    """Declared backends first, then those that only results mention, without repeats."""
    declared = [backend.name for backend in backends]
    return list(dict.fromkeys([*declared, *(result.backend for result in results)]))


def count(backend: Backend, results: Sequence[Result]) -> Denominators:
    """The denominators of `backend` from its own `results`."""
    ran = [result for result in results if result.verdict.ran]
    laws_ran = {result.law for result in ran}
    methods_ran = {result.method for result in ran}
    reasons = Counter(reason(result) for result in results if not result.verdict.ran)
    return Denominators(
        backend=backend.name,
        checks=len(results),
        ran=len(ran),
        laws_ran=len(laws_ran),
        laws_not_run=len({result.law for result in results} - laws_ran),
        reasons=dict(reasons.most_common()),
        declared=backend.implementations,
        exercised=len({result.implementation for result in ran if result.method}),
        unexercised=tuple(method for method in backend.methods if method not in methods_ran),
    )


def denominators(
    backends: Sequence[Backend], results: Sequence[Result]
) -> dict[str, Denominators]:
    """The denominators per backend, declared backends first."""
    by_backend: dict[str, list[Result]] = {name: [] for name in backend_names(backends, results)}
    for result in results:
        by_backend[result.backend].append(result)
    declared = {backend.name: backend for backend in backends}
    return {
        name: count(declared.get(name) or Backend(name=name), own)
        for name, own in by_backend.items()
    }


def vacuous(counts: dict[str, Denominators]) -> list[str]:
    """One line for each way in which a run says nothing about what it claims to check."""
    if not counts:
        return ["no backend took part, so nothing was checked"]
    return [line for each in counts.values() for line in _vacuous(each)]


def _vacuous(counts: Denominators) -> list[str]:
    name = counts.backend
    if not counts.ran:
        return [f"{name}: no law ran, so nothing was checked"]
    lines = [f"{name}: method {method}: no law ran on it" for method in counts.unexercised]
    missing = counts.declared - counts.exercised
    if missing > 0:
        lines.append(
            f"{name}: {missing} of {counts.declared} declared implementations"
            f" {'was' if missing == 1 else 'were'} exercised by no law that ran"
        )
    elif missing < 0:
        lines.append(
            f"{name}: laws ran on {counts.exercised} implementations, but {counts.declared} are"
            " declared, so the declared number is no denominator"
        )
    return lines
