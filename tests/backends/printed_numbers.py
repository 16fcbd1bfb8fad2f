"""What a script prints, with all digits, as numbers."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest

# Of 17 digits each: what is read is what was printed.
DIGITS = 17


def printed_numbers(script: str, capsys: pytest.CaptureFixture[str], dtype: str) -> list[float]:
    """Run ``script`` here, and return all numbers of the arrays of ``dtype`` that it prints."""
    capsys.readouterr()
    with np.printoptions(floatmode="unique"):
        _run(script)
    # What is printed around the arrays.
    text = re.sub(r"dtype=[\w.]+|(grad_fn|requires_grad)=[^)]*", "", capsys.readouterr().out)
    numbers = re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)
    # The shortest text that names a number of the format is not its value.
    return np.array(numbers, dtype=np.float64).astype(dtype).astype(np.float64).tolist()


def _run(script: str) -> None:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        exec(script, {})
        return
    torch.set_printoptions(precision=DIGITS, sci_mode=True)
    try:
        exec(script, {})
    finally:
        torch.set_printoptions(profile="default", sci_mode=None)
