"""Finding a backend: every way to get it wrong ends in one line that says what to do."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from optcheck.backends import (
    INTERFACE_VERSION,
    Backend,
    BackendError,
    FunctionBackend,
    NotInstalledError,
    discovery,
    known_backends,
    load_backend,
)

GOOD = 'from optcheck.backends import FunctionBackend\nbackend = FunctionBackend("mine")\n'


VERSIONLESS = """
class Mine:
    name = "mine"
    def __init__(self, device): ...
    def library(self): ...
    def environment(self): ...
    def asarray(self, values, dtype, *, transposed=False): ...
    def to_numpy(self, array): ...
    def dtype(self, array): ...
    def synchronize(self, arrays): ...
"""


def refusal(spec: str, device: str = "cpu") -> str:
    with pytest.raises(BackendError) as caught:
        load_backend(spec, device)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def plugin(folder: Path, text: str, name: str = "plugin.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    message = refusal("tensorflow")
    assert "unknown backend 'tensorflow'" in message
    for name in ("numpy", "torch", "jax"):
        assert name in message
    assert "path/to/file.py:object" in message
    assert "module:object" in message


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make packages look as if they were not installed."""
    find = importlib.util.find_spec

    def pretend(name: str, package: str | None = None) -> object:
        return None if name in packages else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", pretend)


@pytest.mark.parametrize(("name", "package"), [("torch", "torch"), ("jax", "optax")])
def test_a_missing_library_says_how_to_install_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, package)
    with pytest.raises(NotInstalledError) as caught:
        load_backend(name)
    assert f"needs {package}" in str(caught.value)
    assert f'pip install "optcheck[{name}]"' in str(caught.value)
    assert known_backends()[name] == f'pip install "optcheck[{name}]"'
    assert f'{name} (pip install "optcheck[{name}]")' in refusal("nothing")
    assert load_backend("numpy").name == "numpy"


def test_installed_libraries_are_known_as_such() -> None:
    assert known_backends()["numpy"] == "installed"


def test_a_missing_file() -> None:
    assert "no file missing.py" in refusal("missing.py:backend")


def test_a_missing_module() -> None:
    message = refusal("no_such_module:backend")
    assert "ModuleNotFoundError" in message
    assert "no_such_module" in message


def test_a_missing_object(tmp_path: Path) -> None:
    message = refusal(f"{plugin(tmp_path, GOOD)}:absent")
    assert "AttributeError" in message
    assert "absent" in message


def test_something_else_than_a_backend(tmp_path: Path) -> None:
    message = refusal(f"{plugin(tmp_path, 'backend = 42')}:backend")
    assert "is not a backend: it lacks" in message
    for name in ("update_rules", "schedules", "clippings"):
        assert name not in message  # capabilities are optional
    for name in ("asarray", "interface_version", "to_numpy"):
        assert name in message


def test_another_version_of_the_interface(tmp_path: Path) -> None:
    message = refusal(f"{plugin(tmp_path, GOOD + 'backend.interface_version = 99')}:backend")
    assert "version 99 of the interface" in message
    assert f"this optcheck has version {INTERFACE_VERSION}" in message


@pytest.mark.parametrize("version", ["'1'", "True", "1.0", "None"])
def test_a_version_that_is_no_number(version: str, tmp_path: Path) -> None:
    text = f"{GOOD}backend.interface_version = {version}"
    message = refusal(f"{plugin(tmp_path, text)}:backend")
    assert f"has the interface_version {version}, which is no whole number" in message
    assert f"this optcheck has version {INTERFACE_VERSION}" in message


def test_no_version(tmp_path: Path) -> None:
    message = refusal(f"{plugin(tmp_path, VERSIONLESS)}:Mine")
    assert message.endswith("is not a backend: it lacks interface_version")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("raise RuntimeError('no licence\\nsecond line')", "RuntimeError: no licence"),
        ("import a_library_that_is_not_there", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise ValueError", "ValueError: no message"),
    ],
)
def test_a_module_that_raises(text: str, fragment: str, tmp_path: Path) -> None:
    message = refusal(f"{plugin(tmp_path, text)}:backend")
    assert "does not load" in message
    assert fragment in message


@pytest.mark.parametrize(
    ("error", "fragment"),
    [
        ("LookupError('no such device')", "no such device"),
        ("RuntimeError('no licence')", "cannot be made: RuntimeError: no licence"),
        ("RuntimeError('one\\ntwo')", "RuntimeError: one"),
        ("KeyError()", "KeyError: no message"),
    ],
)
def test_a_class_that_raises(error: str, fragment: str, tmp_path: Path) -> None:
    text = f"class Mine:\n    def __init__(self, device):\n        raise {error}\n"
    assert fragment in refusal(f"{plugin(tmp_path, text)}:Mine")


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_device_that_is_not_there(name: str) -> None:
    if name == "torch":
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has the device")
    assert "--device cpu" in refusal(name, "cuda")


def test_a_ready_made_backend_is_for_the_cpu(tmp_path: Path) -> None:
    message = refusal(f"{plugin(tmp_path, GOOD)}:backend", "cuda")
    assert "--device cpu" in message


def test_a_class_gets_the_device(tmp_path: Path) -> None:
    text = (
        "from optcheck.backends import FunctionBackend\n"
        "class Mine(FunctionBackend):\n"
        "    def __init__(self, device):\n"
        "        super().__init__('mine ' + device)\n"
    )
    assert load_backend(f"{plugin(tmp_path, text)}:Mine", "cuda").name == "mine cuda"


def test_files_of_one_name_do_not_mix(tmp_path: Path) -> None:
    loaded = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        text = (
            f'from optcheck.backends import FunctionBackend\nbackend = FunctionBackend("{name}")\n'
        )
        loaded.append(load_backend(f"{plugin(folder, text)}:backend"))
    assert [backend.name for backend in loaded] == ["first", "second"]


def test_a_module_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, GOOD, "optcheck_test_plugin.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    backend = load_backend("optcheck_test_plugin:backend")
    assert isinstance(backend, Backend)


class _Point(EntryPoint):
    def load(self) -> object:
        return FunctionBackend("from an entry point")


def test_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = _Point("theirs", "theirs:backend", discovery.ENTRY_POINT_GROUP)
    monkeypatch.setattr(discovery, "entry_points", lambda group: (point,))
    assert known_backends()["theirs"] == "plug-in"
    assert load_backend("theirs").name == "from an entry point"
    assert "theirs (plug-in)" in refusal("nothing")


CHECKOUT = Path(__file__).resolve().parents[2]


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after ``code``."""
    show = "import sys\nprint(*sorted(sys.modules))"
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\nsys.path.insert(0, {str(CHECKOUT)!r})\n{code}\n{show}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(found.stdout.split())


def test_the_numpy_adapter_is_independent_of_the_reference() -> None:
    loaded = modules_after("from optcheck.backends import load_backend\nload_backend('numpy')")
    assert "optcheck.backends.numpy" in loaded
    ours = {name for name in loaded if name.startswith("optcheck.")}
    assert {name for name in ours if not name.startswith("optcheck.backends")} == set()
    assert "flint" not in loaded


def test_adapters_are_imported_when_asked_for() -> None:
    loaded = modules_after(
        "import optcheck.backends\noptcheck.backends.known_backends()\n"
        "optcheck.backends.load_backend('numpy')"
    )
    assert {
        "torch",
        "jax",
        "optax",
        "optcheck.backends.torch",
        "optcheck.backends.jax",
    }.isdisjoint(loaded)
