"""Misprints of the slides that accompany Bishop's chapter 7."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

from optcheck.reference.domains import Domain
from optcheck.reference.errata.record import Erratum, erratum, whether, whole


def _rise(case: SimpleNamespace) -> Fraction:
    """Of lambda x^2/2 + c x^3, from 0 to h."""
    return Fraction(case.curvature * case.h**2 / 2 + case.c * case.h**3)


def _is_near(case: SimpleNamespace) -> bool:
    """Whether the remainder is below lambda h^2/4 for all steps up to this one but 0."""
    return bool(4 * abs(case.c * case.h) < case.curvature)


erratum(
    Erratum(
        id="S01",
        status="confirmed",
        source="slides:slide 'Local quadratic approximation'",
        as_printed=r"f(a+h)-f(a)>\frac\lambda4\|h\|^2\quad(\|h\|<\delta)",
        as_corrected=r"f(a+h)-f(a)>\frac\lambda4\|h\|^2\quad(0<\|h\|<\delta)",
        why="at h = 0 both sides are 0; here f = lambda x^2/2 + c x^3 at 0",
        equations=("strict-extremum-definite-hessian-theorem",),
        variables={
            "curvature": whole(1, 5, 1),
            "c": whole(-2, 2, 0),
            "h": Domain(-1.0, 1.0, (0.0, 0.5, 0.1)),
        },
        fact=lambda case: whether(_rise(case) > case.curvature * case.h**2 / 4, "greater"),
        printed=lambda case: "greater" if _is_near(case) else None,
        corrected=lambda case: whether(case.h != 0, "greater") if _is_near(case) else None,
    )
)
