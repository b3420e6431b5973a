"""ONNX's backend test cases: which operators are right, in the reference executor and in generated programs.

    python benchmarks/onnx_backend.py [--operator NAME ...] [--case PATTERN ...] [--jobs N] [--json FILE]

Each case is compiled, generated as C, built and run on the host in a process of its own, within limits of time and
memory: whatever kills that process counts as a crash of the case alone.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import json
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import onnx
from onnx_backend_cases import Case, Verdict, judge, load_cases, obstacle, simple_case

from tinyseg_tvm.report.tables import render

EXPECTATIONS = Path(__file__).with_name("onnx_backend_expectations.json")
KNOWN = Path(__file__).resolve().parents[1] / "build" / "onnx_backend"  # programs that were right, by their content
SECONDS = 120  # of computing
WAIT_SECONDS = 20 * SECONDS  # for what waits; a verdict must not hang on what else the machine does
MEMORY_BYTES = 6 << 30  # of addresses: a process that has TVM and LLVM loaded reserves one
OUTCOMES = ("right", "refused", "wrong", "crash")


@dataclass(frozen=True)
class Tried:
    """A case with its verdict.

    Attributes:
        name: the case's.
        operator: what it is about.
        obstacle: why it is none of static dense tensors of the device's types; empty for one that is.
    """

    name: str
    operator: str
    obstacle: str
    verdict: Verdict


# Quick rather than small or fast: a case's program runs for microseconds, once.
COMPILER_SETTINGS = {"OPTIMIZE": "-O0", "WARNINGS": "-w"}


def _child(case: Case, results: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.update(COMPILER_SETTINGS)
    with Path("/dev/null").open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    results.send(judge(case, KNOWN))


def run_cases(cases: Sequence[Case], jobs: int) -> Iterator[Tried]:
    """Verdicts of the cases, in the order in which they are done, ``jobs`` of them at a time."""
    KNOWN.mkdir(parents=True, exist_ok=True)
    judge(simple_case(), KNOWN)  # what it loads and prepares need not be loaded and prepared in each process
    context = multiprocessing.get_context("fork")
    gc.freeze()  # what is loaded stays shared with the processes
    waiting = list(reversed(cases))
    running: dict[Connection, tuple[Case, Any, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.pop()
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(case, sender))
            process.start()
            sender.close()
            running[receiver] = (case, process, time.monotonic() + WAIT_SECONDS)
        ready = wait(list(running), timeout=1)
        for receiver, (case, process, limit) in list(running.items()):
            if receiver not in ready and time.monotonic() < limit:
                continue
            if receiver in ready:
                try:
                    verdict = receiver.recv()
                except EOFError:
                    process.join()
                    verdict = Verdict("crash", f"the process ended with status {process.exitcode}")
            else:
                process.kill()
                verdict = Verdict("crash", f"not done after {WAIT_SECONDS} seconds")
            process.join()
            receiver.close()
            del running[receiver]
            yield Tried(case.name, case.operator, obstacle(case), verdict)


def summary(tried: Sequence[Tried]) -> str:
    """Counts by outcome, of all cases and of those in the device's types, and of operators."""
    device = [each for each in tried if not each.obstacle]
    rows = []
    for title, group in (("static dense tensors of device types", device), ("all", tried)):
        counts = Counter(each.verdict.outcome for each in group)
        share = f"{100 * counts['right'] / max(len(group), 1):.1f} %"
        rows.append([title, f"{len(group):,}", *(f"{counts[outcome]:,}" for outcome in OUTCOMES), share])
    operators: dict[str, list[bool]] = {}
    for each in device:
        operators.setdefault(each.operator, []).append(each.verdict.outcome == "right")
    whole = sum(all(found) for found in operators.values())
    none = sum(not any(found) for found in operators.values())
    text = render(rows, ["cases", "number", *OUTCOMES, "share"])
    partly = len(operators) - whole - none
    return f"{text}\n\nOf {len(operators)} operators {whole} are right entirely, {partly} partly, {none} not at all."


def expectations(tried: Sequence[Tried], kept: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a run: each case that is not right, its outcome, and the reason in one line.

    Of cases that were not tried stays what was kept before.
    """
    found = dict(kept["not right"])
    for each in tried:
        found.pop(each.name, None)
        if each.verdict.outcome != "right":
            found[each.name] = f"{each.verdict.outcome}: {each.verdict.reason}"
    return {"onnx": onnx.__version__, "not right": dict(sorted(found.items()))}


def deviations(tried: Sequence[Tried], kept: dict[str, Any]) -> list[str]:
    """Cases whose outcome is another than the kept one; the words of a reason may change."""
    known = kept["not right"]
    lines = []
    for each in sorted(tried, key=lambda each: each.name):
        before = known.get(each.name, "right: ").split(":")[0]
        if before != each.verdict.outcome:
            lines.append(f"{each.name}: {each.verdict.outcome} in place of {before}. {each.verdict.reason}".strip())
    return lines


def main() -> int:
    """Runs what is asked for; returns 1 where a case comes out as the expectations do not say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operator", action="append", default=[], metavar="NAME", help="cases of this operator alone")
    parser.add_argument("--case", action="append", default=[], metavar="PATTERN", help="cases by name, with * and ?")
    parser.add_argument("--device", action="store_true", help="static dense tensors of the device's types alone")
    parser.add_argument("--failing", action="store_true", help="cases that the expectations say are not right, alone")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time (default: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every case with its verdict")
    parser.add_argument("--update", action="store_true", help=f"write what was found to {EXPECTATIONS.name}")
    parser.add_argument("--quiet", action="store_true", help="no progress, and no list of what is not right")
    arguments = parser.parse_args()
    kept = json.loads(EXPECTATIONS.read_text()) if EXPECTATIONS.is_file() else {"not right": {}}
    cases = [
        case
        for case in load_cases()
        if (not arguments.operator or case.operator in arguments.operator)
        and (not arguments.case or any(fnmatch.fnmatch(case.name, pattern) for pattern in arguments.case))
        and not (arguments.device and obstacle(case))
        and not (arguments.failing and case.name not in kept["not right"])
    ]
    tried = []
    for each in run_cases(cases, arguments.jobs):
        tried.append(each)
        if not arguments.quiet:
            line = f"{len(tried)}/{len(cases)} {each.name}: {each.verdict.outcome} {each.verdict.reason}"
            if sys.stderr.isatty():
                print(f"\r\x1b[K{line[:110]}", end="", file=sys.stderr, flush=True)
            if each.verdict.outcome != "right":
                print(f"{'' if not sys.stderr.isatty() else chr(13)}{line}", flush=True)
    tried.sort(key=lambda each: each.name)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(each) for each in tried], indent=1) + "\n")
    print(f"\n{summary(tried)}")
    if arguments.update:
        EXPECTATIONS.write_text(json.dumps(expectations(tried, kept), indent=1) + "\n")
        return 0
    found = deviations(tried, kept)
    print("\n".join([f"{len(found)} cases come out as {EXPECTATIONS.name} does not say:", *found] if found else []))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
