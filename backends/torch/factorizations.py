"""``torch.linalg`` on symmetric matrices: a table of claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.scripts import literal
from optcheck.backends.training import FactorizationRule

_DTYPES = ("float32", "float64")


class TorchFactorization:
    """One call of ``torch.linalg``; ``names`` are those of what it returns."""

    def __init__(
        self,
        claim: Claim,
        names: Sequence[str],
        call: Callable[[torch.Tensor], torch.Tensor | Sequence[torch.Tensor]],
        source: str,
    ) -> None:
        self.claim = claim
        self.names = names
        self.call = call
        self.source = source

    @property
    def implementation(self) -> str:
        """The function."""
        return self.source.partition("(")[0]

    def factor(self, matrix: Floats, *, dtype: str) -> Mapping[str, Floats] | None:
        try:
            found = self.call(torch.tensor(matrix, dtype=getattr(torch, dtype)))
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            return None
        parts = (found,) if isinstance(found, torch.Tensor) else found
        return {
            name: np.asarray(part.cpu().numpy(), dtype=np.float64)
            for name, part in zip(self.names, parts, strict=True)
        }

    def script(self, matrix: Floats, *, dtype: str) -> str:
        return f"""import torch

H = torch.tensor({literal(matrix)}, dtype=torch.{dtype})
print({self.source})
"""


def _rule(
    method: str,
    dialect: str,
    names: Sequence[str],
    call: Callable[[torch.Tensor], torch.Tensor | Sequence[torch.Tensor]],
    source: str,
    **options: str,
) -> FactorizationRule:
    return TorchFactorization(Claim(method, dialect, options, _DTYPES), names, call, source)


_PAIR = ("eigenvalues", "eigenvectors")

FACTORIZATIONS: tuple[FactorizationRule, ...] = (
    _rule(
        "eigendecomposition",
        "with-eigenvectors",
        _PAIR,
        torch.linalg.eigh,
        "torch.linalg.eigh(H)",
    ),
    _rule(
        "eigendecomposition",
        "with-eigenvectors",
        _PAIR,
        lambda H: torch.linalg.eigh(H, UPLO="U"),
        "torch.linalg.eigh(H, UPLO='U')",
        UPLO="U",
    ),
    _rule(
        "eigendecomposition",
        "eigenvalues-alone",
        ("eigenvalues",),
        torch.linalg.eigvalsh,
        "torch.linalg.eigvalsh(H)",
    ),
    _rule("cholesky", "lower", ("factor",), torch.linalg.cholesky, "torch.linalg.cholesky(H)"),
    _rule(
        "cholesky",
        "upper",
        ("factor",),
        lambda H: torch.linalg.cholesky(H, upper=True),
        "torch.linalg.cholesky(H, upper=True)",
    ),
    _rule(
        "condition-number",
        "spectral",
        ("condition_number",),
        lambda H: torch.linalg.cond(H, 2),
        "torch.linalg.cond(H, 2)",
    ),
)
