"""The distribution: what it contains, what it needs, and that it imports without torch and JAX."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from optcheck.backends.discovery import SHIPPED

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
PACKAGES: list[str] = PROJECT["tool"]["setuptools"]["packages"]
SESSIONS = ("lint", "tests", "conformance", "properties", "bench", "docs")


def package_of(folder: Path) -> str:
    """Return the dotted name under which a folder of the checkout is imported."""
    top, *rest = folder.relative_to(ROOT).parts
    package = {path: name for name, path in FOLDERS.items()}.get(top, f"<unmapped: {top}>")
    return ".".join([package, *rest])


def package_folders() -> list[Path]:
    """Return every folder of the checkout that holds an `__init__.py`, tests apart."""
    candidates = [
        folder
        for folder in ROOT.iterdir()
        if (folder / "__init__.py").is_file() and folder.name != "tests"
    ]
    found = {init.parent for folder in candidates for init in folder.rglob("__init__.py")}
    return sorted(found)


def pins() -> dict[str, str]:
    """Return the constraints as a table from normalized name to version."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in rows}


def requirements() -> list[str]:
    """Return the names of all direct dependencies, extras included."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    texts += [text for extra in extras for text in extra]
    names = {canonicalize_name(Requirement(text).name) for text in texts}
    return sorted(names - {"optcheck"})


def run(*arguments: str, cwd: Path) -> str:
    """Run this interpreter and return its output; a failure shows what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_package_folder_is_listed() -> None:
    assert sorted(PACKAGES) == sorted(package_of(folder) for folder in package_folders())


def test_every_mapped_folder_is_a_package() -> None:
    assert [path for path in FOLDERS.values() if not (ROOT / path / "__init__.py").is_file()] == []


def test_every_dependency_is_pinned() -> None:
    assert [name for name in requirements() if name not in pins()] == []


def test_the_constraints_name_no_cuda_package() -> None:
    assert [name for name in pins() if re.match(r"nvidia|cuda|triton", name)] == []


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist and the wheel from a copy, without a network; the folder of both.

    A copy, since setuptools leaves a `build/` beside the sources, which other tests read.
    """
    if int(version("setuptools").partition(".")[0]) < 77:
        pytest.skip("the build needs setuptools 77 or newer: install optcheck[dev]")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, source)
    for folder in FOLDERS.values():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, source / folder, ignore=ignore)
    target = tmp_path_factory.mktemp("dist")
    for kind in ("sdist", "wheel"):
        build = f"from setuptools import build_meta; build_meta.build_{kind}({str(target)!r})"
        run("-c", build, cwd=source)
    return target


def expected_files() -> list[Path]:
    """Return the files of the checkout that the package needs at run time."""
    patterns = ("*.py", "*.toml", "*.json", "py.typed", "templates/*")
    found = {
        path
        for folder in FOLDERS.values()
        for pattern in patterns
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(found)


def test_the_package_has_its_data_files() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in expected_files()}
    assert {"optcheck/py.typed", "reports/schema.json"} <= names
    assert any(name.startswith("reports/templates/") for name in names)


def test_the_wheel_holds_every_file_of_the_packages(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    folders = {path: name.replace(".", "/") for name, path in FOLDERS.items()}
    wanted = {
        "/".join([folders[top], *rest])
        for top, *rest in (path.relative_to(ROOT).parts for path in expected_files())
    }
    assert sorted(wanted - names) == []


def test_the_sdist_holds_every_file_of_the_packages(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {path.relative_to(ROOT).as_posix() for path in expected_files()}
    assert sorted(wanted - names) == []


BLOCKED_IMPORTS = """
import importlib, sys

BLOCKED = {"torch", "jax", "jaxlib", "optax", "keras", "mlx", "sklearn", "tinygrad"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Blocker())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def core_modules() -> list[str]:
    """Return all modules except the adapters of other libraries, and `__main__`."""
    names = []
    for folder in package_folders():
        names += [package_of(folder)]
        names += [f"{package_of(folder)}.{path.stem}" for path in folder.glob("[!_]*.py")]
    libraries = "|".join(name for name in SHIPPED if name != "numpy")
    adapters = re.compile(rf"\.backends\.({libraries})")
    return sorted(name for name in names if not adapters.search(name))


def test_the_core_imports_without_torch_and_jax(tmp_path: Path) -> None:
    modules = core_modules()
    assert "optcheck.cli" in modules
    run("-P", "-c", BLOCKED_IMPORTS, *modules, cwd=tmp_path)


def test_a_checkout_in_the_working_directory_does_not_hide_the_subpackages() -> None:
    """`python -m pytest` puts the checkout first, where optcheck/ lacks reference/ and others."""
    where = run("-c", f"import {', '.join(PACKAGES)}; print(optcheck.__file__)", cwd=ROOT)
    assert Path(where.strip()) == ROOT / "optcheck" / "__init__.py"


def test_nox_lists_the_sessions() -> None:
    if importlib.util.find_spec("nox") is None:
        pytest.skip("nox is not installed: python -m pip install nox")
    listed = run("-m", "nox", "--list", cwd=ROOT)
    selected = {line.split()[1] for line in listed.splitlines() if line.startswith("* ")}
    offered = {line.split()[1] for line in listed.splitlines() if line.startswith("- ")}
    assert selected == {"environment", "lint", "tests"}  # the two defaults and what they need
    assert set(SESSIONS) <= selected | offered


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["numpy", "torch", "jax"]),
        (["--profile", "quick"], ["numpy", "torch", "jax", "--profile", "quick"]),
        (["--resume", "torch"], ["--resume", "torch"]),
        (["--profile=quick", "torch"], ["--profile=quick", "torch"]),
        (["--seed", "7", "my.module:backend"], ["--seed", "7", "my.module:backend"]),
    ],
)
def test_backends_named_after_the_session_replace_the_default_ones(
    arguments: list[str], expected: list[str]
) -> None:
    if importlib.util.find_spec("nox") is None:
        pytest.skip("nox is not installed: python -m pip install nox")
    ask = "import sys, noxfile; print(*noxfile.with_backends(sys.argv[1:]))"
    assert run("-c", ask, *arguments, cwd=ROOT).split() == expected


@pytest.mark.skipif(os.name != "posix", reason="a POSIX file mode")
def test_the_ci_script_is_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
