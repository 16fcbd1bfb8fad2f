"""Steps and what limits them, for laws that bound how far a rule may go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcheck.backends.interface import Case, Floats
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.trace import Snapshot, describe, flat
from optcheck.properties.update_rules import larger, positions_of

Move = tuple[Floats, Floats]  # how far each coordinate moved, and how far off that may be


def moves_of(subject: Subject, case: Case, snapshots: Sequence[Snapshot]) -> list[Move]:
    """For each step of ``case``, how far each coordinate moved, and how far off that may be.

    Both ends of a step lie within their allowance of the exact ones.
    """
    before = flat(case.parameters)
    slack = np.zeros_like(before)
    moves = []
    for snapshot, position in zip(snapshots, positions_of(subject, case), strict=True):
        allowed = position.parameter.allowed()
        with np.errstate(invalid="ignore"):  # both ends infinite: not decided
            moves.append((snapshot.parameter - before, slack + allowed))
        before, slack = snapshot.parameter, allowed
    return moves


def require_at_most(
    subject: Subject,
    case: Case,
    what: str,
    moves: Sequence[Move],
    limits: Sequence[Floats] | Floats,
) -> float:
    """Each step ``t`` is at most ``limits[t]`` long, in every coordinate."""
    worst = float("nan")
    for step, ((move, slack), limit) in enumerate(zip(moves, limits, strict=True), start=1):
        room = np.where(np.isfinite(slack), slack, np.nan)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            excess = np.where(np.abs(move) <= limit, 0.0, (np.abs(move) - limit) / room)
        excess = np.where(np.isnan(room), np.nan, excess)
        if np.all(np.isnan(excess)):
            continue
        ratio = float(np.nanmax(excess))
        if not ratio <= 1.0:
            at = int(np.nanargmax(excess))
            raise Deviation(
                f"{subject.name}: {what} {step} is {abs(move[at]):.17g} long, above "
                f"{np.broadcast_to(limit, move.shape)[at]:.17g} by {ratio:.3g} times what "
                "rounding explains",
                ratio=ratio,
                counterexample={**describe(case.until(step)), "coordinate": at},
            )
        worst = larger(worst, ratio)
    return worst
