"""Print the known boards.

A board is a TOML file; the path of one of your own works wherever a board's name does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyseg_tvm.boards import Board

EXAMPLES = """examples:
  tinyseg boards
  tinyseg boards --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints every board: a line, or all that is known as JSON."""
    from tinyseg_tvm.boards import board_names, load_board
    from tinyseg_tvm.report.tables import kib, render

    boards = [load_board(name) for name in board_names()]
    if arguments.json:
        print(json.dumps({board.name: dataclasses.asdict(board) for board in boards}, indent=2, sort_keys=True))
        return 0
    rows = [
        [
            board.name,
            board.core.name,
            f"{board.clock_hz / 1e6:g}" if not board.is_host else "",
            kib(board.ram_bytes) if board.ram_bytes else "",
            kib(board.flash_bytes) if board.flash_bytes else "",
            _way_to_run(board),
            board.description,
        ]
        for board in boards
    ]
    print(render(rows, ["board", "core", "MHz", "RAM", "flash", "run", "description"]))
    return 0


def _way_to_run(board: Board) -> str:
    """How 'tinyseg run' runs programs without being told another way."""
    if board.is_host or board.is_emulated:
        return "here" if board.is_host else "QEMU"
    return "probe" if board.debug or board.run_command else "by hand"
