"""Print the known boards.

A board is a TOML file; the path of one of your own works wherever a board's name does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

EXAMPLES = """examples:
  tinyseg boards
  tinyseg boards --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints name, core, memories and storages of every board."""
    from tinyseg_tvm.boards import board_names, load_board
    from tinyseg_tvm.report.tables import render

    boards = [load_board(name) for name in board_names()]
    if arguments.json:
        print(json.dumps({board.name: dataclasses.asdict(board) for board in boards}, indent=2, sort_keys=True))
        return 0
    rows = [[board.name, board.core.name, board.description] for board in boards]
    print(render(rows, ["board", "core", "description"]))
    return 0
