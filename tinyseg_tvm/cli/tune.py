"""Measure kernels for a model on a board or its emulator, and record the best: for 'compile --tuning'.

Operators are run alone, with the kernels and tiles that promise to save the most time of a whole inference, in which
waiting for storage counts too. The records hold for other models with operators of the same shapes: records that are
in the file already stay there, and what the same tools measured of such operators is not measured again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinyseg_tvm.cli import arguments as shared

if TYPE_CHECKING:
    from tinyseg_tvm.codegen.tuning_database import Database
    from tinyseg_tvm.tune import Tuned

EXAMPLES = """examples:
  tinyseg tune model.onnx --board mps2_an386 -o tuned.json
  tinyseg compile model.onnx --board mps2_an386 --tuning tuned.json -o out
  tinyseg tune model.onnx --board lm3s6965evb --ram 48K --storage sd --trials 4 -o tuned.json
  tinyseg tune model.onnx --board nucleo_l4r5zi@qemu --workers 8 --cache measured -o tuned.json
  tinyseg tune other.onnx --board mps2_an386 --merge theirs.json -o tuned.json
  tinyseg tune model.onnx --board mps2_an386 --cluster tcp://192.168.0.7:8786 -o tuned.json
"""
LARGEST = 12  # operators that the table shows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="where the records go, beside those of before"
    )
    parser.add_argument(
        "--merge",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="records of others, to be used and taken over (may be given several times)",
    )
    parser.add_argument("--trials", type=int, default=8, metavar="N", help="measurements per operator (default: 8)")
    shared.add_spreading(parser)
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tunes, writes the records, prints what they change."""
    from tinyseg_tvm.boards import load_board
    from tinyseg_tvm.cli.compilation import import_model
    from tinyseg_tvm.codegen.tuning_database import load_database, merged_databases, save_database
    from tinyseg_tvm.errors import UsageError
    from tinyseg_tvm.parallel import executor_for
    from tinyseg_tvm.relay import ProgressBar
    from tinyseg_tvm.tune import tune, worker_resource

    if not arguments.output.absolute().parent.is_dir():
        raise UsageError(f"-o {arguments.output}: there is no folder {arguments.output.absolute().parent}")
    options = shared.build_options(arguments)
    database: Database = {}
    for path in (*arguments.merge, *([arguments.output] if arguments.output.exists() else [])):
        database = merged_databases(database, load_database(path))
    resource = worker_resource(options)
    if resource and arguments.workers > 1 and not arguments.cluster:
        raise UsageError(
            f"--workers {arguments.workers}: one program at a time runs on the board {resource!r}; leave it "
            "out, or name a cluster with a worker for each board (--cluster)"
        )
    mod, params = import_model(arguments)
    name = arguments.name or arguments.model.stem
    with (
        executor_for(arguments.workers, arguments.cluster, resource) as executor,
        ProgressBar(arguments.quiet) as progress,
    ):
        tuned = tune(
            mod,
            options,
            params,
            name=name,
            trials=arguments.trials,
            progress=progress,
            executor=executor,
            cache=arguments.cache,
            records=database.get(load_board(options.board).name),
        )
    found = {tuned.records.board: tuned.records}
    save_database(merged_databases(database, found), arguments.output)
    print(_text(tuned))
    print(f"\nwrote {arguments.output}: compile with --tuning {arguments.output}")
    return 0


def _text(tuned: Tuned) -> str:
    from tinyseg_tvm.report.tables import kib, render

    rows = []
    for each in tuned.operators[:LARGEST]:
        more = f" and {len(each.names) - 1} alike" if len(each.names) > 1 else ""
        ratio = f"{each.cycles_after / max(each.cycles_before, 1):.3f}"
        after = each.after if each.after != each.before else "the same"
        rows.append([each.names[0] + more, each.before, after, f"{each.cycles_before:,.0f}", ratio, str(each.trials)])
    table = render(rows, ["operator", "kernel before", "kernel after", "cycles before", "after/before", "measured"])
    rest = len(tuned.operators) - len(rows)
    more = f"\nand {rest} operators with fewer cycles" if rest > 0 else ""
    trials = sum(each.trials for each in tuned.operators)
    seconds = tuned.seconds_before, tuned.seconds_after
    before = f", {tuned.recalled} of them before" if tuned.recalled else ""
    ram = kib(tuned.before.memory.total), kib(tuned.after.memory.total)
    return (
        f"{table}{more}\n\n{trials} kernel{'s' * (trials != 1)} measured{before}. Estimated time of an inference at "
        f"{tuned.before.board.clock_hz / 1e6:g} MHz, waiting for storage included: "
        f"{1000 * seconds[0]:.2f} ms before, {1000 * seconds[1]:.2f} ms after "
        f"({100 * (seconds[1] / seconds[0] - 1):+.1f} %); "
        f"RAM {ram[0]} before, {ram[1]} after"
    )
