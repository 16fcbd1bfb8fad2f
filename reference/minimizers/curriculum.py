"""Curricula: an order of the examples from easy to difficult."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

SOURCE = "goodfellow:sec 8.7.5"


@equation(
    "curriculum-learning",
    title="Curriculum learning: easy examples weigh more at first",
    formula=(
        r"J^{(i)}(\boldsymbol\theta)=\sum_nw_n^{(i)}L_n(\boldsymbol\theta),"
        r"\quad\sum_nw_n^{(i)}=1,\quad w_n^{(\text{last})}=1/N"
    ),
    sources=(SOURCE,),
)
def weighted(weights: npt.NDArray[Any], each: npt.NDArray[Any]) -> Any:
    """The objective of a stage, or its gradient: ``weights`` is ``(N,)``, ``each`` ``(N, ...)``.

    An average over examples that are drawn with these probabilities has this expectation.
    """
    return np.tensordot(weights, each, axes=1)


statement(
    "stochastic-curriculum",
    title="Stochastic curriculum: a mix whose difficult part grows",
    formula=r"\Pr[\text{difficult example at step }k]=p_k\uparrow,\quad0<p_k<1",
    sources=(SOURCE,),
)
statement(
    "deterministic-curriculum-no-gain",
    title="A deterministic curriculum is reported to gain nothing over none",
    formula=r"E_{\text{deterministic}}\approx E_{\text{none}}>E_{\text{stochastic}}",
    sources=(SOURCE,),
    unchecked="a report from the literature about recurrent networks on one task",
)


CURRICULUM = procedure(
    Procedure(
        id="curriculum",
        title="Curriculum learning",
        source=SOURCE,
        capability="curriculum",
        dialects={
            "deterministic": Form(
                summary="difficult examples join as a threshold rises",
                equations=("curriculum-learning",),
            ),
            "stochastic": Form(
                summary="always a mix, in which difficult examples grow more frequent",
                equations=("curriculum-learning", "stochastic-curriculum"),
            ),
        },
    )
)
