"""The scripts of declared deviations show them, on the library alone.

A declaration without one repeats another that has it, or its law writes the script.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from optcheck.backends import NotInstalledError, load_backend
from optcheck.properties.known import SHIPPED, KnownDeviation, load_known

DECLARED = [each for each in load_known(SHIPPED) if each.script]


@pytest.fixture(autouse=True)
def same_x64() -> Iterator[None]:
    """A script may set JAX's precision, which is the whole process's."""
    jax: Any = sys.modules.get("jax")
    before = None if jax is None else jax.config.jax_enable_x64
    yield
    if before is not None:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(
    "deviation", DECLARED, ids=lambda each: f"{each.backend}-{each.method}-{each.law}"
)
@pytest.mark.filterwarnings("ignore")
def test_the_script_shows_the_deviation(deviation: KnownDeviation) -> None:
    try:
        load_backend(deviation.backend)
    except NotInstalledError as reason:
        pytest.skip(str(reason))
    assert deviation.script is not None
    assert "optcheck" not in deviation.script
    with pytest.raises(SystemExit) as ending:
        exec(compile(deviation.script, "script", "exec"), {"__name__": "__main__"})
    assert ending.value.code, "the script does not show it"
