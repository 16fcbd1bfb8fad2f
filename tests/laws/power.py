"""How often the statistical laws see the wrong implementations that name them.

The session ``statistics`` asks each of them of a fresh wrong implementation, once for each
seed, as a run in the default profile does; a slip that is seen less often than the laws promise
is an error.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from wrong_rules import WRONG
from wrong_variants import Wrong

from optcheck.properties import LAWS, PROFILES, execute, units
from optcheck.suites.statistics import parallel

PROMISED = 0.99
# Whether a slip is seen does not depend on how simple its counterexample is made.
PROFILE = replace(PROFILES["default"], shrink_attempts=0)


def statistical() -> list[tuple[int, str]]:
    """The places in WRONG of all slips that name a statistical law, with that law."""
    return [
        (place, law)
        for place, wrong in enumerate(WRONG)
        for law in wrong.slip.laws
        if LAWS[law].oracle == "statistic"
    ]


def caught(task: tuple[int, str, int]) -> int:
    """In how many of so many repetitions a law sees a slip."""
    place, law, repetitions = task
    return sum(is_caught(WRONG[place], law, seed) for seed in range(repetitions))


def is_caught(wrong: Wrong, law: str, seed: int) -> bool:
    """Whether a run with ``seed`` sees the slip, in any precision."""
    every = [unit for unit in units([wrong.backend()]) if unit.law.id == law and unit.subject]
    verdicts = (execute(unit, PROFILE, seed).verdict for unit in every)
    return any(verdict in ("fail", "error") for verdict in verdicts)


def main(
    repetitions: Annotated[int, typer.Option(help="Seeds for each slip.")] = 100,
    jobs: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Count how often each slip is seen; exit 1 if one is seen too rarely."""
    pairs = statistical()
    counts = list(parallel(caught, [(*pair, repetitions) for pair in pairs], jobs))
    shown = Table("law", "wrong implementation", f"seen of {repetitions}")
    for (place, law), count in zip(pairs, counts, strict=True):
        shown.add_row(law, str(WRONG[place]), str(count))
    console = Console(width=120)
    console.print(shown)
    rare = sum(count < PROMISED * repetitions for count in counts)
    console.print(f"{len(counts)} slips, {rare} seen in less than {PROMISED:.0%} of the runs")
    raise typer.Exit(1 if rare else 0)


if __name__ == "__main__":
    typer.run(main)
