"""Loaders as a few lines of a library's own code, which run here and are printed in scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optcheck.backends.interface import Claim

EACH_EPOCH = "[[batch.tolist() for batch in {}] for epoch in range(epochs)]"


@dataclass
class ProgramLoader:
    """A loader; its code reads ``examples``, ``batch_size``, ``epochs`` and ``seed``.

    ``setup`` is run first, ``drawn`` is an expression for the batches of each epoch, and ``size``
    one for the number of batches an epoch, if the library says it.
    """

    claim: Claim
    imports: str
    setup: str
    drawn: str
    size: str | None = None

    @property
    def implementation(self) -> str:
        """What the options say."""
        return ", ".join(str(value) for value in self.claim.options.values())

    def epochs(
        self, examples: int, batch_size: int, epochs: int, seed: int
    ) -> Sequence[Sequence[Sequence[int]]]:
        drawn: Sequence[Sequence[Sequence[int]]] = self._evaluate(
            self.drawn, examples=examples, batch_size=batch_size, epochs=epochs, seed=seed
        )
        return drawn

    def length(self, examples: int, batch_size: int) -> int | None:
        if self.size is None:
            return None
        given = {"examples": examples, "batch_size": batch_size, "epochs": 1, "seed": 0}
        return int(self._evaluate(self.size, **given))

    def script(self, examples: int, batch_size: int, epochs: int, seed: int) -> str:
        return f"""{self.imports}

examples, batch_size, epochs, seed = {examples}, {batch_size}, {epochs}, {seed}
{self.setup}
for drawn in {self.drawn}:
    print(drawn)
"""

    def _evaluate(self, expression: str, **given: int) -> Any:
        names: dict[str, Any] = dict(given)
        exec(f"{self.imports}\n{self.setup}", names)
        return eval(expression, names)
