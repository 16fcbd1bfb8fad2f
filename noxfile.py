"""The sessions of optcheck.

``python -m nox -s lint tests`` checks optcheck itself; ``python -m nox -s conformance`` checks
NumPy/SciPy, torch and JAX; what follows ``--`` goes to the tool (``-- torch --profile quick``).

All sessions share the environment that the session ``environment`` builds, so torch and JAX are
installed once. ``--no-venv`` takes the environment that runs nox and installs nothing there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"

ROOT = Path(__file__).resolve().parent
CONSTRAINTS = ROOT / "constraints.txt"
BACKENDS = ("numpy", "torch", "jax")
OPTIONS_WITHOUT_VALUE = frozenset({"--help", "--resume"})
# A user's own `user = true` would make pip refuse to install into an environment.
PIP_ENVIRONMENT = {"PIP_USER": "0"}

# What `environment` found: the interpreter of the shared environment and its scripts.
shared: dict[str, str] = {}


@nox.session(venv_backend="virtualenv", reuse_venv=True, default=False)
def environment(session: nox.Session) -> None:
    """Build the environment that all other sessions share (they ask for it)."""
    if session.venv_backend == "none":
        shared.update(python=sys.executable, scripts=sysconfig.get_path("scripts"))
        return
    shared.update(python=str(Path(session.bin) / "python"), scripts=session.bin)
    stamp = session.env_dir.resolve() / "optcheck-stamp"
    wanted = _fingerprint(session)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        session.log("pyproject.toml and constraints.txt have not changed: nothing to install")
        return
    stamp.unlink(missing_ok=True)
    constrained = ("--constraint", str(CONSTRAINTS))
    session.install(*constrained, "setuptools", env=PIP_ENVIRONMENT)
    # Without isolation, for the build obeys the constraints only so; editable, so that the
    # sources of this moment run even when the stamp says that nothing is to be installed.
    session.install(
        *constrained, "--no-build-isolation", "--editable", ".[all,more,dev]", env=PIP_ENVIRONMENT
    )
    # Through run_install, since `--no-install` skips the lines above and must skip this one too.
    write = f"import pathlib; pathlib.Path({str(stamp)!r}).write_text({wanted!r})"
    session.run_install("python", "-c", write, silent=True)


@nox.session(venv_backend="none", requires=["environment"])
def lint(session: nox.Session) -> None:
    """Run ruff (rules and format) and mypy --strict."""
    _run(session, "ruff", "check", ".")
    _run(session, "ruff", "format", "--check", ".")
    # mypy follows neither package-dir nor the import hook of an editable install, and the links
    # of a strict editable install miss new files. So it reads a plain install, made afresh (a few
    # seconds), from its folder: a package that the wheel lacks is an error here too.
    site = session.cache_dir / "installed"
    shutil.rmtree(site, ignore_errors=True)
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # would add deleted modules
    into_site = ("--no-deps", "--no-build-isolation", "--no-compile", "--target", str(site))
    _run(session, "pip", "install", "--quiet", *into_site, str(ROOT), env=PIP_ENVIRONMENT)
    settings = ("--config-file", str(ROOT / "pyproject.toml"))
    cache = ("--cache-dir", str(ROOT / ".mypy_cache"))
    with session.chdir(site):
        _run(session, "mypy", "--strict", *settings, *cache, "-p", "optcheck")


@nox.session(venv_backend="none", requires=["environment"])
def tests(session: nox.Session) -> None:
    """Run the tests of optcheck itself (arguments go to pytest)."""
    _run(session, "pytest", "-n", "auto", "--maxprocesses", "8", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"], default=False)
def conformance(session: nox.Session) -> None:
    """Check NumPy/SciPy, torch and JAX, or the backends named, and write the reports."""
    _run(session, "optcheck", "run", *with_backends(session.posargs))


@nox.session(venv_backend="none", requires=["environment"], default=False)
def gpu(session: nox.Session) -> None:
    """Check torch and JAX on a CUDA device, and write the reports (``--no-venv -s gpu``).

    The environment that the other sessions share has builds for the CPU: run this one with the
    torch and the JAX of a machine that has a GPU.
    """
    ready = [name for name in ("torch", "jax") if _sees_gpu(session, name)]
    if not ready:
        session.skip("neither torch nor JAX sees a CUDA device here: nothing was checked")
    _run(session, "optcheck", "run", *ready, "--device", "cuda", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"], default=False)
def properties(session: nox.Session) -> None:
    """Run the laws under pytest (arguments go to pytest)."""
    named = any(argument.split("=")[0] == "--backend" for argument in session.posargs)
    backends = [] if named else [f"--backend={name}" for name in BACKENDS]
    # A warning of the library under test is no verdict about its arithmetic.
    _run(
        session,
        *("pytest", "-W", "default", "--pyargs", "optcheck.properties"),
        *backends,
        *session.posargs,
    )


@nox.session(venv_backend="none", requires=["environment"], default=False)
def bench(session: nox.Session) -> None:
    """Time the default backends, or those named."""
    _run(session, "optcheck", "bench", *with_backends(session.posargs))


@nox.session(venv_backend="none", requires=["environment"], default=False)
def statistics(session: nox.Session) -> None:
    """Count the false alarms of the statistical laws (``-- numpy --repetitions 100``), and what
    they see of wrong implementations.
    """
    _run(session, "optcheck.suites.statistics", *with_backends(session.posargs))
    _run(session, "power", env={"PYTHONPATH": str(ROOT / "tests" / "laws")})


@nox.session(venv_backend="none", requires=["environment"], default=False)
def coverage(session: nox.Session) -> None:
    """List the lines of torch.optim and optax that no law enters, or of the backends named."""
    backends = [] if any(not each.startswith("-") for each in session.posargs) else BACKENDS[1:]
    _run(session, "optcheck", "coverage", *backends, *session.posargs)


@nox.session(venv_backend="none", requires=["environment"], default=False)
def documents(session: nox.Session) -> None:
    """Write the pages of the documentation that are computed, or ``-- --check`` that they are
    current.
    """
    _run(session, "optcheck.suites.documents", *session.posargs)


@nox.session(venv_backend="none", requires=["environment"], default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation; a broken link is an error."""
    quiet = {"NO_MKDOCS_2_WARNING": "1"}  # news about other tools, on every build
    _run(session, "mkdocs", "build", "--strict", *session.posargs, env=quiet)


def _sees_gpu(session: nox.Session, backend: str) -> bool:
    """Whether the backend can be had on a CUDA device; where it cannot, the reason is logged."""
    load = f"from optcheck.backends import load_backend; load_backend({backend!r}, 'cuda')"
    command = [shared.get("python", sys.executable), "-P", "-c", load]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        session.log((found.stderr.strip().splitlines() or [f"{backend} does not load"])[-1])
    return found.returncode == 0


def with_backends(arguments: list[str]) -> list[str]:
    """Return the arguments, with the default backends in front where they name none."""
    is_value = False
    for argument in arguments:
        if is_value:
            is_value = False
        elif argument.startswith("-"):
            is_value = "=" not in argument and argument not in OPTIONS_WITHOUT_VALUE
        else:
            return arguments
    return [*BACKENDS, *arguments]


def _fingerprint(session: nox.Session) -> str:
    """Return a digest of all that decides what is installed."""
    version = session.run("python", "-VV", silent=True, log=False)
    parts = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes()]
    return hashlib.sha256(b"\0".join([*parts, str(version).encode()])).hexdigest()


def _run(
    session: nox.Session, module: str, *arguments: str, env: dict[str, str] | None = None
) -> None:
    """Run a module of the shared environment."""
    if not shared:
        session.error("the session `environment` has not run: leave out --no-dependencies")
    path = os.pathsep.join([shared["scripts"], os.environ.get("PATH", "")])
    # -P: the folder optcheck/ of the checkout must not hide the installed package.
    command = (shared["python"], "-P", "-m", module, *arguments)
    session.run(*command, env={"PATH": path, **(env or {})}, external=True)
