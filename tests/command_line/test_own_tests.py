"""`optcheck.each_law`: the laws as tests of somebody's own test suite."""

from __future__ import annotations

import pytest

pytest_plugins = ("pytester",)

BACKEND = """
import optcheck
from optcheck.backends import FunctionBackend

backend = FunctionBackend("mine")


@backend.update_rule("gradient-descent", dialect="plain")
def descend(w, g, state, *, learning_rate):
    return w {sign} learning_rate * g


@optcheck.each_law(backend, select="{select}")
def test_conforms(law):
    law()
"""


def run(
    pytester: pytest.Pytester, *arguments: str, sign: str = "-", select: str = ""
) -> list[str]:
    """The lines of a pytest run of the file."""
    pytester.makepyfile(BACKEND.format(sign=sign, select=select))
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    return done.outlines


def test_each_law_is_a_test_with_a_readable_name(pytester: pytest.Pytester) -> None:
    lines = run(pytester, "--collect-only", "-q")
    names = [line.partition("[")[2] for line in lines if "::test_conforms[" in line]
    assert "exact-step/gradient-descent/plain/float32]" in names
    assert len(names) == len(set(names)) > 70
    assert not any("adam/" in name for name in names), "what it does not have is no test"


def test_a_broken_law_shows_its_counterexample(pytester: pytest.Pytester) -> None:
    select = "law:exact-step dtype:float32"
    text = "\n".join(run(pytester, sign="+", select=select))
    assert "fail: mine gradient-descent/plain in float32: parameter after step 1" in text
    assert "counterexample: {'hyperparameters': {'learning_rate': 0.1}" in text
    assert "reproduce with:" in text
    assert "own_tests.py" not in text, "the frames are those of the test"


def test_what_cannot_be_asked_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    text = "\n".join(run(pytester, "-rs", select="law:complex-parameters"))
    assert "mine claims no complex parameters here" in text
    assert "1 skipped" in text


def test_workers_find_the_same_tests(pytester: pytest.Pytester) -> None:
    lines = run(pytester, "-n", "2", select="law:exact-step")
    assert any("2 passed" in line for line in lines)
