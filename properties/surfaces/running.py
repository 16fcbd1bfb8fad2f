"""Factorising prescribed matrices, and saying what was found."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.trace import under_test
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.surfaces.factorizations import Allowed
from optcheck.reference.surfaces.quadratics import Prescribed

SIZES = (2, 1, 3, 4, 5, 6, 7, 8)
# Where each size is compiled.
FEW_SIZES = (2, 1, 5)


BOTH = ("float32", "float64")


def of(procedure: str, dialect: str | None = None) -> Callable[[Subject], bool]:
    """Whether a law is about a subject: by procedure, and by dialect where one is named."""
    return lambda subject: (
        subject.record.id == procedure and dialect in (None, subject.claim.dialect)
    )


@functools.cache
def _multiples(largest: int) -> st.SearchStrategy[int]:
    """Small ones, powers of two and their neighbours, of either sign, and 0."""
    powers = [2**k for k in range(4, largest.bit_length() - 1)]
    sizes = [*range(1, 9), *powers, *(each - 1 for each in powers)]
    return st.sampled_from([*sizes, 0, *(-each for each in sizes)])


@functools.cache
def _spectra(order: int, largest: int, *, positive: bool) -> st.SearchStrategy[tuple[int, ...]]:
    def each(multiple: st.SearchStrategy[int]) -> st.SearchStrategy[list[int]]:
        return st.lists(multiple, min_size=order, max_size=order)

    found = [each(st.integers(1, 64)), each(st.sampled_from((1, 1, 8)))]
    if not positive:
        # Anything, and one negative among positive ones, which the diagonal may hide.
        anything = each(_multiples(largest))
        found = [anything, *(drawn.map(lambda k: [-1, *k[1:]]) for drawn in found)]
    return st.one_of(found).map(lambda multiples: tuple(sorted(multiples)))


@functools.cache
def _normals(order: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Of ones, and at most one 0 or 2, with either sign; the simplest couples all variables."""
    signs = st.lists(st.sampled_from((1, -1)), min_size=order, max_size=order)
    others = st.tuples(st.integers(0, order - 1), st.sampled_from((1, 2, 0 if order > 1 else 1)))

    def joined(parts: tuple[list[int], tuple[int, int]]) -> tuple[int, ...]:
        found, (place, size) = parts
        return tuple(size * k if i == place else k for i, k in enumerate(found))

    return st.tuples(signs, others).map(joined)


# No square overflows or underflows: the theorems of rounding leave that out.
_EXPONENTS = {"float32": (0, -40, 20), "float64": (0, -300, 200)}
# The bits of an integer that a format holds, less those of the largest unit of the eigenvalues.
_LARGEST = {"float32": 2**16, "float64": 2**45}


def draw_matrix(subject: Subject, data: st.DataObject, *, positive: bool = False) -> Prescribed:
    """A matrix that the subject's format holds exactly.

    A ``positive`` one has a condition number of 64 at most, so that rounding decides little.
    """
    compiled = subject.claim.compilation != "none"
    order = data.draw(st.sampled_from(FEW_SIZES if compiled else SIZES), label="order")
    spectra = _spectra(order, _LARGEST[subject.dtype], positive=positive)
    return Prescribed(
        data.draw(spectra, label="multiples"),
        data.draw(_normals(order), label="normal"),
        data.draw(st.sampled_from(_EXPONENTS[subject.dtype]), label="exponent"),
    )


@functools.cache
def displacements(order: int) -> st.SearchStrategy[list[float]]:
    """Vectors of short binary fractions."""
    coordinate = st.integers(-32, 32).map(lambda k: k * 0.125)
    return st.lists(coordinate, min_size=order, max_size=order)


@functools.cache
def vectors(order: int) -> st.SearchStrategy[list[list[float]]]:
    """Two of them, and 0."""
    two = st.lists(displacements(order), min_size=2, max_size=2)
    return two.map(lambda found: [*found, [0.0] * order])


@dataclass(frozen=True)
class Factored:
    """What a library made of a prescribed matrix."""

    subject: Subject
    given: Prescribed
    factors: Mapping[str, Floats] | None

    @property
    def allowed(self) -> Allowed:
        """What rounding explains."""
        return Allowed(self.given.order, 2.0**-self.subject.working.bits)

    @property
    def eigenvalues(self) -> Floats:
        """As they were found."""
        return self._factor("eigenvalues", (self.given.order,))

    @property
    def eigenvectors(self) -> Floats:
        """The columns, as they were found."""
        return self._factor("eigenvectors", (self.given.order,) * 2)

    @property
    def lower(self) -> Floats:
        """Cholesky's lower factor, whichever was asked for."""
        factor = self._factor("factor", (self.given.order,) * 2)
        return factor if self.subject.claim.dialect == "lower" else factor.T

    @property
    def condition_number(self) -> float:
        """As it was found."""
        return float(self._factor("condition_number", ()))

    def _factor(self, name: str, shape: tuple[int, ...]) -> Floats:
        if self.factors is None:
            raise self.deviation("says that there is no factorisation")
        if name not in self.factors:
            raise self.deviation(f"gives {', '.join(self.factors)}, and no {name}")
        found = self.factors[name]
        if found.shape != shape:
            raise self.deviation(f"gives {name} of shape {found.shape} for {shape}")
        if shape and not np.isfinite(found).all():
            raise self.deviation(f"gives {name} that are not finite")
        return found

    @property
    def axes(self) -> list[list[float]]:
        """The exact eigenvectors, longer than 1."""
        return [[float(element) for element in axis] for axis in self.given.axes]

    @property
    def error(self) -> float:
        """How far the matrix of the found eigenvalues may be from the given one."""
        return self.allowed.backward * self.given.frobenius

    @property
    def indefiniteness(self) -> float:
        """How far below 0 an eigenvalue must be for Cholesky's test to be sure to refuse."""
        return self.allowed.definiteness * float(np.max(np.diag(self.given.matrix)))

    @functools.cached_property
    def rebuilt(self) -> arb_mat:
        """The product of the factors, exactly."""
        with ball_arithmetic():
            if self.subject.record.id == "cholesky":
                lower = matrix(self.lower)
                return lower * lower.transpose()
            u = matrix(self.eigenvectors)
            return u * diagonal(self.eigenvalues) * u.transpose()

    @property
    def rebuilding(self) -> float:
        """How far that may be from the given matrix, in Frobenius's norm.

        For Cholesky's factor R, ``|R|'|R|`` has the norm ``trace(R'R)`` at most.
        """
        if self.subject.record.id == "cholesky":
            return self.allowed.cholesky * float(np.sum(self.lower**2))
        return self.allowed.rebuilding(self.given.frobenius, self.given.norm)

    def require(self, what: str, measured: float, allowed: float, **more: Any) -> float:
        """The ratio; a deviation where it is above 1, or where nothing was measured."""
        ratio = measured / allowed if allowed > 0.0 else (0.0 if measured == 0.0 else np.inf)
        if ratio <= 1.0:
            return ratio
        message = f"{what} is {measured:.3g}, {ratio:.3g} times the allowed {allowed:.3g}"
        raise self.deviation(message, float("inf") if np.isnan(ratio) else ratio, **more)

    def deviation(self, message: str, ratio: float = float("inf"), **more: Any) -> Deviation:
        """A deviation, with the matrix and a script."""
        title = f"{self.subject.name}: {message}"
        return Deviation(
            title,
            ratio=ratio,
            counterexample={
                "matrix": self.given.matrix.tolist(),
                "eigenvalues": self.given.eigenvalues.tolist(),
                **more,
            },
            script=lambda: f'"""{title}"""\n\n{self._script()}',
        )

    def _script(self) -> str:
        text: str = self.subject.rule.script(self.given.matrix, dtype=self.subject.dtype)
        return text


def factored(subject: Subject, given: Prescribed) -> Factored:
    """Run the implementation."""
    return Factored(subject, given, found(subject, given.matrix))


def found(subject: Subject, matrices: Floats) -> Mapping[str, Floats] | None:
    """What the implementation makes of a matrix, or of a stack of them."""
    with under_test(subject, lambda: {"matrices": matrices[:8].tolist()}):
        factors: Mapping[str, Floats] | None = subject.rule.factor(
            matrices.copy(), dtype=subject.dtype
        )
    return factors


def matrix(values: Floats) -> arb_mat:
    """An exact matrix."""
    return arb_mat([[arb(x) for x in row] for row in values.tolist()])


def diagonal(values: Floats) -> arb_mat:
    """An exact diagonal matrix."""
    return matrix(np.diag(values))


def column(values: Any) -> arb_mat:
    """An exact column."""
    return arb_mat([[arb(x)] for x in values])


def norm(exact: arb_mat) -> float:
    """Frobenius's."""
    with ball_arithmetic():
        square = sum((each * each for each in exact.entries()), arb(0))
        return float(square.abs_upper().sqrt().mid())


def inner(left: arb_mat, right: arb_mat) -> float:
    """The inner product of two columns, rounded once."""
    with ball_arithmetic():
        return float((left.transpose() * right)[0, 0].mid())


def form(middle: arb_mat, v: arb_mat) -> float:
    """``v' M v``, rounded once."""
    with ball_arithmetic():
        return float((v.transpose() * middle * v)[0, 0].mid())
