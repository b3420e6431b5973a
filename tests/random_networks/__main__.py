"""Judges random networks, one after the other, and prints what is found and how to see it again.

    python -m tests.random_networks [--count N] [--seed SEED] [--first NUMBER] [--run SHARE] [--workers N] [...]

Each network is a process of its own, so that nothing ends the sweep. Verdicts are kept in
build/random-networks/SEED.jsonl: a sweep that was broken off goes on where it was. Findings keep their folder with
model.onnx there; the others' go.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import os
import pickle
import pkgutil
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import tinyseg_tvm
from tests.conftest import WARNINGS
from tests.object_cache import install
from tests.random_networks.cases import Case, random_case
from tests.random_networks.judging import FINDINGS, Verdict, judge
from tests.random_networks.reducing import reduced
from tinyseg_tvm import codegen, relay_passes
from tinyseg_tvm.parallel import executor_for, results

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "random-networks"
SECONDS = 120  # of this process's own time that a network may take
WAITING = 10  # times as long it may take by the clock, compilers and emulators and others on the machine included


def judged_apart(
    make: Callable[[], Case], folder: Path, share: float, watch: bool = False, seconds: int = SECONDS
) -> Verdict:
    """The verdict of a process that makes the case and judges it; the case itself is in ``case.pickle`` behind it.

    This process computes nothing by itself: threads that a library has started do not outlive the fork.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "verdict.json"
    file.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.alarm(WAITING * seconds)
        try:
            case = make()
            (folder / "case.pickle").write_bytes(pickle.dumps(case))
            verdict = judge(case, folder, runs(case, share), watch)
        except BaseException:
            verdict = Verdict("invalid", traceback.format_exc())
        file.write_text(json.dumps([verdict.kind, verdict.message]))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if file.is_file():
        return Verdict(*json.loads(file.read_text()))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
        return Verdict("time", f"takes more than {seconds} s")
    return Verdict("crash", f"the process ended with status {status}")


def runs(case: Case, share: float) -> bool:
    """Whether the case's program is run, too: the host's for this share of cases, emulators' for half of it."""
    place = (int(case.name.split("-")[1]) * 37 % 100) / 100
    return place < (share if case.options.build["board"] == "host" else share / 2)


def main() -> int:
    """Judges what the arguments say."""
    parser = argparse.ArgumentParser(description="Judge random networks.")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--run", type=float, default=0.6, metavar="SHARE", help="of the programs on the host (0.6)")
    parser.add_argument(
        "--watch", action="store_true", help="run under sanitizers (host), with every store watched (QEMU)"
    )
    parser.add_argument("--wide", action="store_true", help="with attention, recurrent layers, 16 bits and others")
    parser.add_argument("--reduce", action="store_true", help="make findings as small as they get")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="networks at a time (1)")
    parser.add_argument("--again", action="store_true", help="judge what has a verdict, too")
    arguments = parser.parse_args()
    _import_all()
    install(str(ROOT / "build" / "objects"))
    os.environ.setdefault("WARNINGS", WARNINGS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{_stem(arguments)}.jsonl"
    known = {} if arguments.again else _known(log)
    counts: collections.Counter[str] = collections.Counter()
    numbers = range(arguments.first, arguments.first + arguments.count)
    started = time.time()
    counts.update(known[number].kind for number in numbers if number in known)
    asked = [number for number in numbers if number not in known]
    with executor_for(arguments.workers) as executor:
        for number, verdict in zip(asked, results(partial(_one, arguments), asked, executor), strict=True):
            with log.open("a") as file:
                file.write(json.dumps([number, verdict.kind, verdict.message]) + "\n")
            counts[verdict.kind] += 1
            if counts.total() % 25 == 0:
                seconds = time.time() - started
                print(f"{counts.total()} of {len(numbers)}, {seconds:.0f} s: {_sentence(counts)}", flush=True)
    print(_sentence(counts))
    return 1 if any(counts[kind] for kind in FINDINGS) else 0


def _import_all() -> None:
    """Imports every part of the compiler, so that a whole sweep is of the files as they were when it began."""
    for package in (tinyseg_tvm, relay_passes, codegen):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def _stem(arguments: argparse.Namespace) -> str:
    """What names of a sweep's files begin with."""
    return f"{arguments.seed}-wide" if arguments.wide else str(arguments.seed)


def _one(arguments: argparse.Namespace, number: int) -> Verdict:
    """Judges one case, and says what was found."""
    folder = FOLDER / f"{_stem(arguments)}-{number}"
    apart = partial(judged_apart, share=arguments.run, watch=arguments.watch)
    verdict = apart(lambda: random_case(arguments.seed, number, arguments.wide), folder)
    if verdict.kind not in FINDINGS:
        shutil.rmtree(folder, ignore_errors=True)
        return verdict
    print(f"{folder.name}: {verdict.kind}: {verdict.message[-600:]}")
    if arguments.reduce and verdict.kind not in ("crash", "time", "invalid"):
        within = folder / "reduced"
        case = pickle.loads((folder / "case.pickle").read_bytes())
        small = reduced(case, verdict, lambda other: apart(lambda: other, within, seconds=60))
        apart(lambda: small, within, seconds=60)
        kinds = " ".join(node.op_type for node in small.model.graph.node)
        print(f"  reduced: {kinds}; opset {small.network.opset}, {small.style.form}; {small.options}; {within}")
    wide = " --wide" if arguments.wide else ""
    print(f"  again: python -m tests.random_networks --seed {arguments.seed}{wide} --first {number} --count 1 --again")
    return verdict


def _known(log: Path) -> dict[int, Verdict]:
    """Verdicts of an earlier sweep."""
    if not log.is_file():
        return {}
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return {number: Verdict(kind, message) for number, kind, message in rows}


def _sentence(counts: collections.Counter[str]) -> str:
    return f"{counts.total()} networks: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
