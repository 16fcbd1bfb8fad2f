"""Initial matrices with a structure: orthogonal, and sparse."""

from __future__ import annotations

from optcheck.reference.registry import statement

statement(
    "orthogonal-initialisation",
    title="A random orthogonal matrix, times a gain",
    formula=(
        r"\mathbf W^T\mathbf W=g^2\mathbf I\ (\text{all singular values }g),\quad"
        r"\mathbf W/g\sim\text{Haar}"
    ),
    sources=("goodfellow:sec 8.7.2",),
)
statement(
    "gram-schmidt-initialisation",
    title="Orthogonal weight vectors, as long as there are no more units than inputs",
    formula=r"\mathbf w_i\perp\mathbf w_j\ (i\ne j),\quad n_{\text{out}}\le n_{\text{in}}",
    sources=("goodfellow:sec 8.7.2",),
)
statement(
    "sparse-initialisation",
    title="So many weights a unit that are not zero, however many inputs it has",
    formula=(r"\|\mathbf w_{i,:}\|_0=k,\quad\mathrm{Var}[a_i]=k\,\sigma^2\,\mathbb E[z^2]"),
    sources=("goodfellow:sec 8.7.2",),
)
