"""Processes that work for us: libraries that must be started otherwise than in this process.

A helper runs one program, a file with a function ``start``, which returns the function that
answers requests. It is started by the first request, serves many, and ends with this process,
however that ends.
"""

from __future__ import annotations

import atexit
import os
import queue
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from optcheck.backends.interface import NotShown

# A request takes milliseconds; on a busy machine the start of a helper takes many seconds.
SECONDS = 100.0

Answer = Callable[[Any], Any]


class HelperError(Exception):
    """The helper raised, did not answer or died; the message is one line."""


class Helper:
    """A process that runs ``program`` with more in its ``environment``."""

    def __init__(self, program: Path, environment: Mapping[str, str]) -> None:
        self.program = program
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._errors: Any = None
        self._asked = 0
        atexit.register(self.close)

    def ask(self, request: Any, seconds: float = SECONDS) -> Any:
        """The answer to ``request``, whatever can be pickled.

        Raises
        ------
        NotShown
            The program says that it cannot run here.
        HelperError
            The program raised, or the process did not answer within ``seconds`` or died.
        """
        connection = self._connection or self._start()
        self._asked += 1
        try:
            connection.send((self._asked, request))
            number = 0
            # Whoever asked before may have been interrupted: his answer is for nobody.
            while number != self._asked:
                if not connection.poll(seconds):
                    self.close()
                    raise HelperError(f"{self.program.name} did not answer within {seconds:g} s")
                number, said, value = connection.recv()
        except (EOFError, OSError):
            problem = HelperError(f"{self.program.name} died: {self._last_words()}")
            self.close()
            raise problem from None
        if said == "answer":
            return value
        raise NotShown(value) if said == "not shown" else HelperError(value)

    def close(self) -> None:
        """End the process; the next request starts another one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._errors is not None:
            self._errors.close()
        self._connection = self._process = self._errors = None

    def _start(self) -> Connection[Any, Any]:
        ours, theirs = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno()), str(self.program)],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self._connection = ours
        return ours

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it left no message"


def serve(connection: Connection[Any, Any], answer: Answer) -> None:
    """Answer requests until the other side is gone, which ends this process at once."""
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        # In a thread of its own: a process that waits for another one must notice this too.
        while True:
            try:
                requests.put(connection.recv())
            except (EOFError, OSError):
                os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        number, request = requests.get()
        connection.send((number, *_answered(answer, request)))


def _answered(answer: Answer, request: Any) -> tuple[str, Any]:
    try:
        return "answer", answer(request)
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        if isinstance(error, NotShown):
            return "not shown", first
        return "error", f"{type(error).__name__}: {first}"


def _started(program: str) -> Answer:
    try:
        answer: Answer = runpy.run_path(program)["start"]()
    except NotShown as error:
        reason = error

        def answer(request: Any) -> Any:
            raise reason

    return answer


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), _started(sys.argv[2]))
