"""What tuning could gain at the most: every kernel with every decision, measured, for the operators that take the time.

    python benchmarks/tuning_spaces.py [--models DIR] [--boards B,B] [--share S] [--cache DIR] [--workers N] [NAME ...]

Each network is planned without tuning. The operators that take most of its estimated cycles, up to --share of them, are
measured with all kernels and decisions whose scratch memory the plan has room for; with --within F, with those whose
estimate is at most F times the least one. The table says what the plan takes, what the best of all would save of the
whole network, and what the tuner's search finds of that. Estimates that were farthest from the truth are printed below:
one that was left out could only win where its own estimate is wrong by more than F.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.parallel import Cache, executor_for
from tinyseg_tvm.relay import BuildOptions, build, frontend
from tinyseg_tvm.report.tables import Cell, render
from tinyseg_tvm.tune import TRIALS
from tinyseg_tvm.tune.candidates import Candidate, Task
from tinyseg_tvm.tune.cost_model import SpillAwareCost
from tinyseg_tvm.tune.measurement import ANSWER
from tinyseg_tvm.tune.search import Tuning, search
from tinyseg_tvm.tune.tuner import cost_of, measure_by, tunings_of

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
NETWORKS = {
    "mlperf_vww_96_int8": "VWW",
    "mlperf_resnet8_int8": "ResNet-8",
    "tflm_person_detect": "person_detect",
    "mlperf_kws_ref_model": "KWS",
    "seg_nano_u_botanicgarden": "Nano-U",
    "gen_tinyunet_80x120_int8": "Tiny U-Net",
    "mlperf_ad01_int8": "AD",
}
BOARDS = "mps2_an386,mps2_an505,mps3_an547"  # Cortex-M4, M33, M55
HEADERS = ["network", "board", "operators", "share", "kernels", "cycles", "best of all", "tuner", "measured by it"]


@dataclass(frozen=True)
class Space:
    """What was measured of one kind of operator: cycles per step; None where there was no memory to measure."""

    tuning: Tuning
    cycles: dict[Candidate, float | None]

    @property
    def planned(self) -> float:
        """Cycles of an inference with the kernel that the plan has."""
        return self.inference(self.cycles[self.tuning.first[0]] or 0.0)

    @property
    def best(self) -> float:
        """Those with the best one."""
        return self.inference(min(found for found in self.cycles.values() if found is not None))

    def inference(self, per_step: float) -> float:
        """Cycles of an inference, all operators of the kind together."""
        return per_step * self.tuning.task.steps * len(self.tuning.task.numbers)

    @property
    def errors(self) -> list[float]:
        """Of the estimates: measured by estimated."""
        return [found / max(each.estimate, 1) for each, found in self.cycles.items() if found is not None]


def row(name: str, models: Path, board: str, arguments: argparse.Namespace, executor: Executor) -> list[Cell]:
    """The table's row of a network."""
    path = models / "onnx" / f"{name}.onnx"
    mod, params = frontend.from_onnx(path)
    factory = build(mod, BuildOptions(board), params, name="network")
    cache = None if arguments.cache is None else Cache(arguments.cache, ANSWER)
    measure = measure_by(factory.board, executor, 1, cache)
    tunings = sorted(tunings_of(factory), key=lambda tuning: -estimated(tuning))
    total = sum(map(estimated, tunings))
    spaces: list[Space] = []
    while sum(estimated(space.tuning) for space in spaces) < arguments.share * total:
        tuning = tunings[len(spaces)]
        chosen = within(tuning, arguments.within)
        cycles = list(measure([(tuning.task, candidate) for candidate in chosen]))
        spaces.append(Space(tuning, dict(zip(chosen, cycles, strict=True))))
        print(f"{name} on {board}: {tuning.task.view.node.name}, {len(chosen)} kernels", file=sys.stderr, flush=True)
    planned, best = sum(space.planned for space in spaces), sum(space.best for space in spaces)
    others = total - sum(estimated(space.tuning) for space in spaces)
    found = found_by_search(spaces, cost_of(factory))
    tuned = sum(space.inference(tuning.best) for space, tuning in zip(spaces, found, strict=True))
    errors = [error for space in spaces for error in space.errors]
    print(
        f"{name} on {board}: measured / estimated {min(errors):.2f} to {max(errors):.2f}", file=sys.stderr, flush=True
    )
    return [
        NETWORKS[name],
        board,
        f"{len(spaces)} of {len(tunings)}",
        f"{100 * (1 - others / total):.0f} %",
        sum(len(space.cycles) for space in spaces),
        round(planned + others),
        f"-{100 * (planned - best) / (planned + others):.1f} %",
        f"-{100 * (planned - tuned) / (planned + others):.1f} %",
        sum(len(tuning.measured) for tuning in found),
    ]


def estimated(tuning: Tuning) -> float:
    """Estimated cycles of an inference, of one kind of operator as it is planned."""
    return tuning.first[0].estimate * tuning.task.steps * len(tuning.task.numbers)


def within(tuning: Tuning, factor: float) -> list[Candidate]:
    """The candidates whose estimate is near the least one, and the planned one."""
    candidates = tuning.task.candidates
    limit = factor * min(candidate.estimate for candidate in candidates)
    return [each for each in candidates if each.estimate <= limit or each is tuning.first[0]]


def found_by_search(spaces: Sequence[Space], cost: SpillAwareCost) -> list[Tuning]:
    """What the tuner's search measures and finds, by what is known."""
    known = {id(space.tuning.task): space.cycles for space in spaces}

    def look_up(asked: Sequence[tuple[Task, Candidate]]) -> list[float | None]:
        return [known[id(task)].get(candidate) for task, candidate in asked]

    fresh = [Tuning(space.tuning.task, space.tuning.first) for space in spaces]
    search(fresh, cost, look_up, TRIALS, lambda _what, _share: None)
    return fresh


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of the networks' names (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx")
    parser.add_argument("--boards", default=BOARDS)
    parser.add_argument("--share", type=float, default=0.8, help="of a network's cycles (0.8)")
    parser.add_argument("--within", type=float, default=1e9, metavar="F", help="times the least estimate (all)")
    parser.add_argument("--cache", type=Path, help="keep measurements there")
    parser.add_argument("--workers", type=int, default=1, help="measurements at a time (1)")
    arguments = parser.parse_args()
    chosen = [name for name in NETWORKS if not arguments.names or any(part in name for part in arguments.names)]
    with executor_for(arguments.workers) as executor:
        rows = [
            row(name, arguments.models, board, arguments, executor)
            for name in chosen
            for board in arguments.boards.split(",")
        ]
    print(render(rows, HEADERS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
