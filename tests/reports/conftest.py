"""A synthetic report: three backends, fifteen laws, every verdict, and hostile text."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from optcheck.reports import Backend, EquationEntry, Figure, LawEntry, Report, Result, Verdict

HOSTILE = (
    "</script><script>alert('pwned')</script><img src=x onerror=alert(1)> \"quoted\" 'single'"
    " & `tick` ```fence``` | pipe [link](javascript:alert(1)) @everyone"
    " \x00\x1b[31m \ud800 {{ 7*7 }}"
)

EQUATIONS = (
    ("adam-first-moment", "First moment", r"m_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t"),
    ("adam-second-moment", "Second moment", r"v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2"),
    (
        "adam-step",
        "Adam step",
        r"\theta_{t+1} = \theta_t - \eta\,\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon}",
    ),
    ("momentum-velocity", "Momentum", r"v_{t+1} = \mu v_t - \eta \nabla L(\theta_t)"),
    (
        "quadratic-contraction",
        "Contraction of a mode of a quadratic",
        r"\alpha_i^{(T)} = (1-\eta\lambda_i)^T \alpha_i^{(0)}",
    ),
    ("he-variance", "He initialisation", r"\operatorname{Var}[w] = \frac{2}{n_\text{in}}"),
    ("broken-latex", "A formula that does not convert", r"\frac{1}{"),
)

LAWS = (
    ("exact-step", "One step is exact", "exact", (0, 1, 2, 3)),
    ("exact-sequence", "Twenty steps are exact", "exact", (0, 1, 2, 3)),
    ("defaults", "The defaults are those documented", "exact", (2,)),
    ("resume", "A resumed run continues bit for bit", "exact", (2, 3)),
    ("permutation", "Parameters may be permuted", "exact", (2,)),
    ("splitting", "Parameters may be split into groups", "exact", (2,)),
    ("paths-agree", "Single, foreach and fused paths agree", "exact", (2,)),
    ("bias-correction", "Bias correction of the first steps", "exact", (0, 1)),
    ("zero-gradient", "A zero gradient leaves parameters alone", "exact", (3,)),
    ("sign-symmetry", "Negated gradients negate the step", "exact", (2, 3)),
    ("mode-contraction", "Modes of a quadratic contract as predicted", "rate", (4,)),
    ("largest-stable-rate", "The largest stable learning rate", "rate", (4,)),
    ("effective-rate", "Momentum multiplies the learning rate on slopes", "rate", (3,)),
    ("he-variance", "He initialisation has the variance stated", "statistic", (5,)),
    ("sgd-error-floor", "The error floor of SGD", "statistic", ()),
)

BACKENDS: tuple[tuple[str, str, str, tuple[dict[str, bool], ...]], ...] = (
    ("numpy", "NumPy", "2.3.1", ({},)),
    ("torch", "PyTorch", "2.13.0", ({"foreach": False}, {"foreach": True}, {"fused": True})),
    ("jax", "optax", "0.2.5", ({"jit": True},)),
)
METHODS = (("adam", "epsilon-outside-root"), ("momentum", "learning-rate-outside"))
SCRIPT = """\
import torch

w = torch.tensor([0.0, 1.5], requires_grad=True)
optimizer = torch.optim.Adam([w], lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
w.grad = torch.tensor([3.0e-7, -2.0])
optimizer.step()
print("computed", w.tolist())
print("expected", [-0.000967741935483871, 1.501])
"""


def _message(verdict: Verdict) -> str:
    return {
        Verdict.PASS: "",
        Verdict.FAIL: "element 0 is off by 2.3e-05, 13.4 times what rounding allows",
        Verdict.KNOWN: "bias correction is rounded to float32 (declared)",
        Verdict.FIXED: "declared as deviating, but the law holds: remove the declaration",
        Verdict.UNSUPPORTED: "no sparse gradients in this option set",
        Verdict.ERROR: "RuntimeError: expected scalar type Float but found BFloat16\n  in step()",
        Verdict.TIMEOUT: "no answer within 60 s",
        Verdict.CRASH: "the worker died with signal 11",
    }[verdict]


def _verdict(rng: random.Random, law: str) -> Verdict:
    rare = {"paths-agree": Verdict.UNSUPPORTED, "bias-correction": Verdict.KNOWN}
    if law in rare and rng.random() < 0.6:
        return rare[law]
    if rng.random() < 0.92:
        return Verdict.PASS
    return rng.choice(list(Verdict))


def _result(rng: random.Random, law: int, verdict: Verdict | None = None, **place: Any) -> Result:
    name, _, oracle, equations = LAWS[law]
    verdict = verdict or _verdict(rng, name)
    ratio = {Verdict.FAIL: rng.choice([13.4, 2.7e6, math.inf, math.nan])}.get(
        verdict, rng.random() if verdict.ran else None
    )
    broken = verdict in (Verdict.FAIL, Verdict.CRASH)
    return Result(
        law=name,
        equations=tuple(EQUATIONS[i][0] for i in equations),
        verdict=verdict,
        examples=rng.randint(20, 500) if verdict.ran else 0,
        worst_ratio=None if oracle == "statistic" else ratio,
        seconds=rng.random() * 3,
        message=_message(verdict),
        counterexample={"parameters": [0.0, 1.5], "gradient": [3e-7, math.inf]}
        if broken
        else None,
        reproduce=SCRIPT if broken else None,
        **place,
    )


def _hostile(rng: random.Random) -> list[Result]:
    shared = {
        "backend": "torch",
        "method": HOSTILE,
        "dtype": "float32",
        "options": {HOSTILE: HOSTILE},
    }
    plain = _result(rng, 0, Verdict.FAIL, **shared)
    changed = {"message": HOSTILE, "reproduce": HOSTILE, "counterexample": {HOSTILE: [HOSTILE]}}
    places = (
        (HOSTILE, "fail", "nan"),
        ("exact-step", "error", "inf"),
        ("resume", "unsupported", None),
    )
    return [
        Result.from_dict(
            {**plain.to_dict(), **changed, "law": law, "verdict": verdict, "worst_ratio": ratio}
        )
        for law, verdict, ratio in places
    ]


def build_report(*, hostile: bool = True, repeat: int = 1) -> Report:
    """About 300 results for each `repeat`, the same on every call."""
    rng = random.Random(0)
    results: list[Result] = []
    for copy in range(repeat):
        for (backend, _, _, options), law in itertools.product(BACKENDS, range(len(LAWS))):
            dtypes = ("float32", "float64") if law % 2 else ("float32", "float64", "bfloat16")
            for (method, dialect), option, dtype in itertools.product(METHODS, options, dtypes):
                place: dict[str, Any] = {"backend": backend, "method": method, "dialect": dialect}
                place["options"] = {**option, **({"copy": copy} if copy else {})}
                results.append(_result(rng, law, dtype=dtype, **place))
    for law, verdict in enumerate(Verdict):
        place = {"backend": "torch", "method": "adam", "dialect": METHODS[0][1]}
        place |= {"dtype": "float16", "device": "cuda:0", "options": {"foreach": True}}
        results.append(_result(rng, law, verdict, **place))
    return Report(
        optcheck="0.1.0",
        profile="default",
        seed=7,
        created="2026-03-01T12:00:00+00:00",
        machine={
            "processor": "AMD EPYC 9654",
            "cores": 16,
            "system": "Linux 6.8",
            "python": "3.11.7",
        },
        backends=[
            Backend(
                name=name,
                library=library,
                version=version,
                implementations=len(METHODS) * len(options) * repeat
                + (hostile and name == "torch"),
                methods=tuple(method for method, _ in METHODS),
                environment={
                    "threads": 2,
                    "x64": name != "jax",
                    "tf32": False,
                    "blas": "OpenBLAS",
                },
            )
            for name, library, version, options in BACKENDS
        ],
        results=results + (_hostile(rng) if hostile else []),
        equations=_equations(hostile),
        laws={name: _law(name, title, oracle, ids) for name, title, oracle, ids in LAWS},
        figures=[build_figure()] + [build_figure(HOSTILE)] * hostile,
        notes=["the run was interrupted; 12 checks are missing"] + [HOSTILE] * hostile,
    )


def build_figure(text: str = "") -> Figure:
    """Two panels, the second one with a map; ``text`` stands wherever text may."""
    lines = [
        {"label": text or "numpy", "role": "measured", "x": [0.5, 1.0, 1.5], "y": [0.5, 0.1, 0.5]},
        {"label": "torch", "role": "measured", "x": [0.5, 1.0], "y": [0.5, math.nan]},
        {"label": text or "theory", "role": "theory", "x": [0.0, 2.0], "y": [1.0, 1.0]},
        {"label": "bound", "role": "bound", "x": [0.0, 2.0], "y": [1.0, 2.0]},
    ]
    ground = {
        "x": [0.0, 1.0],
        "y": [0.0, 1.0, 2.0],
        "values": [[0.1, 0.6], [0.9, 2.0], [3.0, math.inf]],
    }
    return Figure(
        id=text or "contraction",
        title=text or "Contraction by mode",
        caption=text or "The factor per step.",
        law=text or "mode-contraction",
        x_label=text or "learning rate × curvature",
        y_label=text or "factor per step",
        panels=(
            {"title": text, "lines": lines, "map": None},
            {"title": text, "lines": lines, "map": ground},
        ),
    )


def _law(name: str, title: str, oracle: str, equations: tuple[int, ...]) -> LawEntry:
    return LawEntry(
        id=name,
        title=title,
        statement=f"For every drawn input, {title[0].lower()}{title[1:]}, up to the rounding error"
        " that a correct implementation may make on that input.",
        oracle=oracle,
        equations=tuple(EQUATIONS[i][0] for i in equations),
    )


def _equations(hostile: bool) -> dict[str, EquationEntry]:
    entries = [
        EquationEntry(
            id=name,
            title=title,
            formula=formula,
            sources=("Goodfellow et al., algorithm 8.7", "Prince, eq. 6.15"),
            erratum="One source prints the correction without its square root."
            if name == "adam-second-moment"
            else None,
        )
        for name, title, formula in EQUATIONS
    ]
    if hostile:
        latex = r"\text{</script><script>alert(1)</script>} \href{javascript:alert(1)}{x}"
        entries.append(EquationEntry(id=HOSTILE, title=HOSTILE, formula=latex, sources=(HOSTILE,)))
    return {entry.id: entry for entry in entries}


@pytest.fixture(scope="session")
def report() -> Report:
    """The synthetic report with hostile text in it; do not change it."""
    return build_report()


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """The function that builds synthetic reports."""
    return build_report
