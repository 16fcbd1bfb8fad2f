"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, section 8.6: natural gradient."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

from flint import arb

from optcheck.reference.domains import open_interval, positive
from optcheck.reference.errata.exact import (
    NUMBER,
    SIZE,
    Array,
    column,
    diagonal,
    entries,
    matrix_sum,
    product,
    vector,
    vertex,
)
from optcheck.reference.errata.record import Erratum, erratum, real
from optcheck.reference.minimizers.natural_gradient import (
    expected_curvature,
    fisher_information,
    lagrangian,
    natural_gradient_force,
)


def _weights(case: SimpleNamespace) -> list[Fraction]:
    """The probabilities of three outcomes, of which the first two are the parameters."""
    counts = (case.n1, case.n2, case.n3)
    return [Fraction(each, sum(counts)) for each in counts]


def _scores(case: SimpleNamespace) -> list[list[Fraction]]:
    """The gradients of the log probabilities."""
    p1, p2, p3 = _weights(case)
    return [[1 / p1, Fraction(0)], [Fraction(0), 1 / p2], [-1 / p3, -1 / p3]]


def _curvature_of_divergence(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """The second derivatives in q of the sum of ``p ln(p / q)``, which are p / q**2, at q = p."""
    p1, p2, p3 = _weights(case)
    return (1 / p1 + 1 / p3, 1 / p3, 1 / p3, 1 / p2 + 1 / p3)


def _inner(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """As printed, with columns for gradients."""
    columns = [column(vector(*score)) for score in _scores(case)]
    weighted = [p * product(g.T, g) for p, g in zip(_weights(case), columns, strict=True)]
    return entries(matrix_sum(*weighted))


erratum(
    Erratum(
        id="G30",
        status="confirmed",
        source="goodfellow:8.28",
        as_printed=(
            r"\mathbf F_\theta=\mathbb E_{p_\theta}[(\nabla\log p_\theta)^T(\nabla\log p_\theta)]"
        ),
        as_corrected=(
            r"\mathbf F_\theta=\mathbb E_{p_\theta}[(\nabla\log p_\theta)(\nabla\log p_\theta)^T]"
        ),
        why="gradients are columns in (8.26), and a row times a column is a number, the trace",
        equations=("fisher-information-matrix",),
        variables={"n1": SIZE, "n2": SIZE, "n3": SIZE},
        fact=_curvature_of_divergence,
        printed=_inner,
        corrected=lambda case: entries(fisher_information(_weights(case), _scores(case))),
    )
)


def _printed_second_term(case: SimpleNamespace) -> arb:
    probabilities = real(case.p), 1 - real(case.p)
    return sum((p**2 * p.log() for p in probabilities), arb(0))


def _corrected_second_term(case: SimpleNamespace) -> Fraction:
    p = case.p
    return Fraction(-expected_curvature([p, 1 - p], [[[-1 / p**2]], [[-1 / (1 - p) ** 2]]])[0][0])


erratum(
    Erratum(
        id="G31",
        status="transcription-doubtful",
        source="goodfellow:8.29",
        as_printed=(
            r"0=\sum p_\theta(\nabla\log p_\theta)(\nabla\log p_\theta)^T+p_\theta^2\log p_\theta"
        ),
        as_corrected=(
            r"0=\sum p_\theta(\nabla\log p_\theta)(\nabla\log p_\theta)^T"
            r"+\sum p_\theta\nabla^2\log p_\theta"
        ),
        why="the two terms are the derivatives of one that is 0; without nabla they do not cancel",
        equations=("fisher-hessian-equivalence",),
        variables={"p": open_interval(0.5, 0.1)},
        # Two outcomes: what the first term, the expected square of the score, leaves.
        fact=lambda case: -(case.p / case.p**2 + (1 - case.p) / (1 - case.p) ** 2),
        printed=_printed_second_term,
        corrected=_corrected_second_term,
        doubt="the nabla is lost and the signs of the sums are displaced in the transcription",
    )
)


# Normal densities with the precisions a and c, one example at (x, y) and the mean at 0.
_NORMAL = {"a": SIZE, "c": SIZE, "x": NUMBER, "y": NUMBER, "lam": positive(1.0, 0.5, 10.0)}
_DELTA = {"delta_x": NUMBER, "delta_y": NUMBER}


def _fisher(case: SimpleNamespace) -> Array:
    return diagonal(case.a, case.c)


def _loss(case: SimpleNamespace, example: Array, theta: Array) -> Fraction:
    """The negative log probability up to a constant."""
    away = example - theta
    return Fraction(away @ _fisher(case) @ away, 2)


def _slopes(case: SimpleNamespace) -> Array:
    return vector(-case.a * case.x, -case.c * case.y)


def _penalised(case: SimpleNamespace, delta: Array) -> Fraction:
    """The loss to first order, and ``lam`` times the divergence, which has no higher orders."""
    example, origin = vector(case.x, case.y), vector(0, 0)
    linear = _loss(case, example, delta) - _loss(case, example, -delta)
    divergence = _loss(case, origin, delta) - _loss(case, origin, origin)
    return Fraction(_loss(case, example, origin) + linear / 2 + case.lam * divergence)


def _printed_lagrangian(case: SimpleNamespace) -> Fraction:
    F, delta = _fisher(case), column(vector(case.delta_x, case.delta_y))
    value = _loss(case, vector(case.x, case.y), vector(0, 0))
    divergence = product(delta.T, F, delta) / 2
    terms = (column(vector(value)), column(_slopes(case)).T, case.lam * divergence)
    return Fraction(matrix_sum(*terms).item())


def _corrected_lagrangian(case: SimpleNamespace) -> Fraction:
    value = _loss(case, vector(case.x, case.y), vector(0, 0))
    F, delta = _fisher(case), vector(case.delta_x, case.delta_y)
    return Fraction(lagrangian(value, [*_slopes(case)], [*F], [*delta], case.lam))


erratum(
    Erratum(
        id="G32",
        status="confirmed",
        source="goodfellow:8.30",
        as_printed=(
            r"L_N=\mathbb E[-\log p_\theta]+\mathbb E[-\nabla\log p_\theta]^T"
            r"+\frac\lambda2\Delta\theta^T\mathbf F\Delta\theta"
        ),
        as_corrected=(
            r"L_N=\mathbb E[-\log p_\theta]+\mathbb E[-\nabla\log p_\theta]^T\Delta\theta"
            r"+\frac\lambda2\Delta\theta^T\mathbf F\Delta\theta"
        ),
        why="a row cannot be added to numbers, and without the step in it nothing draws it away "
        "from 0",
        equations=("natural-gradient-lagrangian",),
        variables={**_NORMAL, **_DELTA},
        fact=lambda case: _penalised(case, vector(case.delta_x, case.delta_y)),
        printed=_printed_lagrangian,
        corrected=_corrected_lagrangian,
    )
)


def _best_step(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """Where the penalised loss is least, which has a term for each coordinate."""
    return (
        vertex(lambda step: _penalised(case, vector(step, 0))),
        vertex(lambda step: _penalised(case, vector(0, step))),
    )


def _printed_step(case: SimpleNamespace) -> tuple[Fraction, ...]:
    first, second = _slopes(case)
    return (first / case.a, second / case.c)


def _corrected_step(case: SimpleNamespace) -> tuple[Fraction, ...]:
    first, second = natural_gradient_force([*_slopes(case)], case.lam)
    return (first / case.a, second / case.c)


erratum(
    Erratum(
        id="G33",
        status="confirmed",
        source="goodfellow:8.31",
        as_printed=r"\theta\leftarrow\theta+\mathbf F^{-1}\mathbb E[-\nabla\log p_\theta]",
        as_corrected=(
            r"\theta\leftarrow\theta-\frac1\lambda\mathbf F^{-1}\mathbb E[-\nabla\log p_\theta]"
        ),
        why="where (8.30) is stationary; as printed the likelihood falls, and the multiplier is 1",
        equations=("natural-gradient-update",),
        variables=_NORMAL,
        fact=_best_step,
        printed=_printed_step,
        corrected=_corrected_step,
    )
)
