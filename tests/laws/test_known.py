"""Declared deviations: what they make of an outcome, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from optcheck.backends import FunctionBackend
from optcheck.properties import Outcome, Unit, units
from optcheck.properties.known import KnownDeviationsError, judge, load_known

STRICT = {"law": "exact-step", "backend": "mine", "method": "gradient-descent", "reason": "it is"}
WITNESSED = {**STRICT, "law": "exact-sequence", "witness": "exact-step"}


def written(folder: Path, *entries: dict[str, str]) -> Path:
    path = folder / "known.toml"
    lines = [
        line
        for entry in entries
        for line in ("[[deviation]]", *(f'{name} = "{text}"' for name, text in entry.items()))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def unit(law: str) -> Unit:
    backend = FunctionBackend("mine")

    @backend.update_rule("gradient-descent", dialect="plain")
    def descend(w: object, g: object, state: object, *, learning_rate: float) -> None:
        """Never called here."""

    return next(each for each in units([backend]) if each.law.id == law)


@pytest.mark.parametrize(
    ("law", "verdict", "judged"),
    [
        ("exact-step", "fail", "known"),
        ("exact-step", "pass", "fixed"),
        ("exact-sequence", "fail", "known"),
        ("exact-sequence", "error", "known"),
        ("exact-sequence", "pass", "pass"),
        ("exact-sequence", "timeout", "timeout"),
        ("contract", "fail", "fail"),
    ],
)
def test_a_deviation_with_a_witness_may_pass(
    tmp_path: Path, law: str, verdict: str, judged: str
) -> None:
    known = load_known([written(tmp_path, WITNESSED, STRICT)])
    assert judge(unit(law), Outcome(verdict), known).verdict == judged


@pytest.mark.parametrize(
    "others",
    [
        (),
        ({**STRICT, "backend": "other"},),
        ({**STRICT, "method": "momentum"},),
        ({**STRICT, "dialect": "plain"},),
        ({**STRICT, "dtype": "float32"},),
        ({**STRICT, "law": "contract"},),
        # A witness is strict.
        ({**STRICT, "witness": "contract"}, {**STRICT, "law": "contract"}),
    ],
)
def test_a_witness_must_be_declared_for_the_same(
    tmp_path: Path, others: tuple[dict[str, str], ...]
) -> None:
    path = written(tmp_path, WITNESSED, *others)
    message = "known.toml: deviation 1 names the witness 'exact-step', which is not declared for"
    with pytest.raises(KnownDeviationsError, match=message) as refused:
        load_known([path])
    assert "\n" not in str(refused.value)


def test_options_of_a_witness_are_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, WITNESSED, STRICT)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("witness =", "options = { fused = true }\nwitness ="), "utf-8")
    with pytest.raises(KnownDeviationsError, match="names the witness"):
        load_known([path])
    path.write_text(path.read_text(encoding="utf-8") + "\noptions = { fused = true }", "utf-8")
    assert [each.witness for each in load_known([path])] == ["exact-step", ""]
