"""Several devices: helper processes come and go, and scripts repeat what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optcheck.backends import load_backend
from optcheck.backends.distribution import Batch
from optcheck.backends.helpers import Helper, HelperError
from optcheck.backends.interface import Case, NotShown
from optcheck.reference import METHODS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="helpers are POSIX processes")

PROGRAM = """
import os, time
from optcheck.backends.interface import NotShown

def start():
    {start}
    return answer

def answer(request):
    if request == "die":
        print("last words", flush=True)
        os._exit(3)
    if request == "sleep":
        time.sleep(60)
    if request == "nap":
        time.sleep(1)
    if request == "raise":
        raise ValueError("no such thing\\nand more")
    return os.getpid(), os.environ["GREETING"], request
"""


def helper(folder: Path, start: str = "pass") -> Helper:
    program = folder / "program.py"
    program.write_text(PROGRAM.format(start=start), encoding="utf-8")
    return Helper(program, {"GREETING": "hello"})


def is_alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(process: int) -> bool:
    """Whether the process ends within a few seconds."""
    for _ in range(100):
        if not is_alive(process):
            return True
        time.sleep(0.1)
    return False


def test_one_process_answers_many_requests_and_ends_when_it_is_closed(tmp_path: Path) -> None:
    ours = helper(tmp_path)
    process, greeting, answer = ours.ask({"a": 1})
    assert (greeting, answer) == ("hello", {"a": 1})
    assert ours.ask("again")[0] == process
    ours.close()
    assert gone(process)


def test_what_a_helper_raises_is_one_line_and_the_process_goes_on(tmp_path: Path) -> None:
    ours = helper(tmp_path)
    process = ours.ask("first")[0]
    with pytest.raises(HelperError, match=r"^ValueError: no such thing$"):
        ours.ask("raise")
    assert ours.ask("next")[0] == process
    ours.close()


def test_a_helper_that_dies_or_hangs_is_started_again(tmp_path: Path) -> None:
    ours = helper(tmp_path)
    first = ours.ask("first")[0]
    with pytest.raises(HelperError, match=r"program.py died: last words"):
        ours.ask("die")
    second = ours.ask("second")[0]
    with pytest.raises(HelperError, match=r"program.py did not answer within 0.2 s"):
        ours.ask("sleep", seconds=0.2)
    assert len({first, second, ours.ask("third")[0]}) == 3
    assert gone(second)
    ours.close()


def test_the_answer_to_an_interrupted_request_is_for_nobody(tmp_path: Path) -> None:
    ours = helper(tmp_path)
    process = ours.ask("first")[0]

    class Interrupted(BaseException):
        pass

    def interrupt(signum: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(Interrupted):
        ours.ask("nap")
    signal.signal(signal.SIGALRM, before)
    assert ours.ask("next") == (process, "hello", "next")
    ours.close()


def test_a_program_that_cannot_run_here_says_why(tmp_path: Path) -> None:
    ours = helper(tmp_path, start="raise NotShown('there is no loopback')")
    for _ in range(2):
        with pytest.raises(NotShown, match=r"^there is no loopback$"):
            ours.ask("anything")
    ours.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who is alive")
def test_helpers_end_with_their_parent_even_while_they_work(tmp_path: Path) -> None:
    helper(tmp_path)
    parent = f"""
import os, threading
from pathlib import Path
from optcheck.backends.helpers import Helper
helper = Helper(Path({str(tmp_path / "program.py")!r}), {{"GREETING": "hello"}})
print(helper.ask("first")[0], flush=True)
threading.Thread(target=lambda: helper.ask("sleep"), daemon=True).start()
threading.Event().wait(0.5)
os._exit(1)
"""
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True)
    assert done.returncode == 1
    assert gone(int(done.stdout))


def arrays(random: np.random.Generator, rule: Any) -> tuple[Any, ...]:
    shapes = ((2 * rule.devices, 3), (3, rule.devices), (5,), (1,), ())
    taken = [shape for shape in shapes if rule.takes(shape)]
    return tuple(np.float64(np.float32(random.normal(size=shape))) for shape in taken)


def printed(scripts: list[str]) -> list[list[float]]:
    """What each script computes; all run in one process, apart from this one."""
    program = f"""
for script in {scripts!r}:
    names = {{"__name__": "__main__"}}
    exec(script, names)
    print(names["computed"], flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [eval(line) for line in done.stdout.splitlines()]


def one_of_each(name: str) -> list[Any]:
    """The first implementation of each dialect, and the last mean of gradients."""
    pytest.importorskip({"jax": "optax"}.get(name, name))
    rules = load_backend(name).distributions()  # type: ignore[attr-defined]
    return list(
        {(rule.claim.method, rule.claim.dialect): rule for rule in reversed(rules)}.values()
    )


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_scripts_repeat_what_the_helpers_do(name: str) -> None:
    random, scripts, expected = np.random.default_rng(0), [], []
    for rule in one_of_each(name):
        if name == "numpy" and rule.claim.method == "sharded-update":
            continue  # a local function, which a script cannot import
        if rule.claim.method == "sharded-update":
            domains = METHODS[rule.update.method].domains(rule.update.dialect)
            h = {key: domain.typical[0] for key, domain in domains.items()}
            steps = tuple(arrays(random, rule) for _ in range(2))
            case = Case(h, arrays(random, rule), steps, "float32")
            last = rule.run(case)[-1]
            state = next(iter(last.state))
            expected.append([x for each in last.state[state] for x in each.ravel().tolist()])
            scripts.append(rule.script(case, state))
        else:
            numbers = [
                np.float64(np.float32(random.normal(size=size)))
                for size in (3, (2 * rule.devices, 3), 2 * rule.devices)
            ]
            batch = Batch(*numbers, (2,) * rule.devices)  # type: ignore[arg-type]
            expected.append(rule.gradients(batch, dtype="float32")[0].tolist())
            scripts.append(rule.script(batch, dtype="float32"))
    assert printed(scripts) == expected
