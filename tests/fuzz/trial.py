"""Gives files to ``tinyseg compile``, each in a child with limits, and says how it ended: one JSON line per file.

python -m tests.fuzz.trial FILE [...]
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

CPU_SECONDS = 60  # of the processor, so that a busy machine changes no verdict; plans of 500 operators take half of it
WALL_SECONDS = 300  # for what waits without computing
ADDRESS_BYTES = 8 << 30
RESIDENT_BYTES = 2 << 30

GOOD = ("ok", "refused")


@dataclass(frozen=True)
class Verdict:
    """How one file ended.

    Attributes:
        file: its name.
        verdict: "ok", "refused" (one sentence, the right exit code), or what must not be: "traceback", "hang", "crash",
            "memory", "half-written".
        said: the last of what it printed.
        seconds: of the processor.
    """

    file: str
    verdict: str
    said: str
    seconds: float

    @property
    def bad(self) -> bool:
        """True for what must not be."""
        return self.verdict not in GOOD


def judged(code: int, said: str, written: Sequence[str]) -> str:
    """The verdict of a compilation: its status as ``os.waitpid`` has it, stderr, and the files in its output folder."""
    if os.WIFSIGNALED(code):
        return "hang" if os.WTERMSIG(code) in (signal.SIGXCPU, signal.SIGKILL) else "crash"
    exit_code = os.WEXITSTATUS(code)
    if exit_code == 0:
        return "ok" if "metadata.json" in written else "half-written"
    errors = [line for line in said.splitlines() if line.startswith("tinyseg: error: ")]
    if exit_code not in (1, 3) or len(errors) != 1 or re.search("internal error|Traceback", said):
        return "traceback"
    return "half-written" if written else "refused"


def tried(path: Path) -> Verdict:
    """Compiles one file in a child process."""
    with tempfile.TemporaryDirectory() as folder:
        output, log = Path(folder, "out"), Path(folder, "log")
        child = os.fork()
        if child == 0:
            _compile(path, output, log)
        deadline = time.monotonic() + WALL_SECONDS
        while True:
            ended, code, used = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.01)
        said = log.read_text(errors="replace") if log.exists() else ""
        written = [str(file.relative_to(output)) for file in output.rglob("*")] if output.exists() else []
    verdict = judged(code, said, written)
    if verdict in GOOD and used.ru_maxrss * 1024 > RESIDENT_BYTES:
        verdict = "memory"
    return Verdict(str(path), verdict, said.strip()[-600:], round(used.ru_utime + used.ru_stime, 2))


def _compile(path: Path, output: Path, log: Path) -> None:
    """Runs in the child, and ends it."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        stream = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        from tinyseg_tvm.cli.main import main

        code = main(["compile", str(path), "-o", str(output), "--board", "host", "-q"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Prints a verdict per file."""
    import tinyseg_tvm.cli.compilation
    import tinyseg_tvm.cli.compile
    import tinyseg_tvm.frontend
    import tinyseg_tvm.micro  # imported once, before children are made  # noqa: F401

    for name in sys.argv[1:]:
        print(json.dumps(asdict(tried(Path(name)))), flush=True)


if __name__ == "__main__":
    main()
