"""``optcheck bench``: one update of every rule, as ratios measured in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table

import optcheck.suites
from optcheck.backends import load_backend


def measure(backends: Sequence[str], device: str, directory: Path) -> Table:
    """Time ``backends`` in one process, write ``bench.json``, and return the table of ratios.

    Raises
    ------
    BackendError
        A backend cannot be loaded.
    subprocess.CalledProcessError
        The benchmark failed; its output is in ``bench.log``.
    """
    for spec in backends:
        load_backend(spec, device)
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "bench.json"
    folder = Path(optcheck.suites.__file__).parent
    with (directory / "bench.log").open("w", encoding="utf-8") as log:
        subprocess.run(
            [
                *(sys.executable, "-P", "-m", "pytest", str(folder / "bench_steps.py")),
                *("-c", os.devnull, "--rootdir", str(folder), "--import-mode=importlib"),
                *("-q", "-p", "no:cacheprovider", "-W", "ignore"),
                *("--benchmark-max-time=0.2", "--benchmark-min-rounds=20"),
                "--benchmark-warmup=on",
                f"--benchmark-json={target}",
            ],
            env={
                **os.environ,
                "OPTCHECK_BENCH_BACKENDS": " ".join(backends),
                "OPTCHECK_BENCH_DEVICE": device,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return _table(frame(target))


def frame(path: Path) -> pd.DataFrame:
    """The timings: one row a benchmark, with ``median`` in seconds and ``ratio``.

    ``ratio`` is the median over that of the first backend's first path for the same method and
    size; where the first backend has no such method, over the fastest one.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        {**each["extra_info"], "median": each["stats"]["median"]} for each in content["benchmarks"]
    ]
    timings = pd.DataFrame(rows)
    first = timings["backend"].iloc[0]
    groups = timings.groupby(["method", "dialect", "size"], sort=False)
    base = groups.apply(lambda group: _base(group, first)).rename("base")
    timings = timings.join(base, on=["method", "dialect", "size"])
    timings["ratio"] = timings["median"] / timings["base"]
    return timings


def _base(group: pd.DataFrame, first: str) -> float:
    own = group.loc[group["backend"] == first, "median"]
    return float(own.iloc[0] if len(own) else group["median"].min())


def _table(timings: pd.DataFrame) -> Table:
    sizes = list(dict.fromkeys(timings["size"]))
    threads = os.environ.get("OMP_NUM_THREADS", "the library's default")
    table = Table(
        title=f"one update in float32, threads: {threads}; microseconds (ratio to "
        f"{timings['backend'].iloc[0]})"
    )
    for name in ("method", "backend", "options"):
        table.add_column(name)
    for size in sizes:
        table.add_column(f"{size} elements", justify="right")
    for (method, dialect), rows in timings.groupby(["method", "dialect"], sort=False):
        for (backend, options), group in rows.groupby(["backend", "options"], sort=False):
            by_size = group.set_index("size")
            cells = [
                f"{by_size.loc[size, 'median'] * 1e6:,.0f} ({by_size.loc[size, 'ratio']:.2f})"
                for size in sizes
            ]
            table.add_row(f"{method}/{dialect}", str(backend), str(options), *cells)
        table.add_section()
    return table
