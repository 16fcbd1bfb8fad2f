"""Minibatches by ``jax.random``: a key for each epoch, split from that of the seed."""

from __future__ import annotations

from optcheck.backends.interface import Claim
from optcheck.backends.program_loaders import ProgramLoader
from optcheck.backends.training import LoaderRule

_IMPORTS = "import jax\nimport numpy as np"

_KEPT = "[order[i : i + batch_size].tolist() for i in range(0, examples, batch_size)]"
_DROPPED = (
    "order[: examples // batch_size * batch_size]"
    ".reshape(examples // batch_size, batch_size).tolist()"
)


def _random(dialect: str, draw: str, divide: str = _KEPT) -> LoaderRule:
    """What ``draw`` gives for a key, divided into batches."""
    name = draw.partition("(")[0]
    return ProgramLoader(
        Claim("minibatches", dialect, {"function": name}, ("float64",), compilation="operations"),
        _IMPORTS,
        f"""def batches(last):
    for epoch in range(epochs):
        last, key = jax.random.split(last)
        order = np.asarray({draw})
        yield {divide}

""",
        "list(batches(jax.random.key(seed)))",
    )


LOADERS: tuple[LoaderRule, ...] = (
    _random("shuffled", "jax.random.permutation(key, examples)"),
    _random("shuffled", "jax.random.choice(key, examples, (examples,), replace=False)"),
    _random("shuffled+dropped", "jax.random.permutation(key, examples)", _DROPPED),
    _random("with-replacement", "jax.random.randint(key, (examples,), 0, examples)"),
    _random("with-replacement", "jax.random.choice(key, examples, (examples,))"),
)
