"""Boards and cores, described in TOML files (docs/adding-a-board.md)."""

from tinyseg_tvm.boards.board import Board, Cache, Core, Debug, Memory, Qemu, Storage, Uart
from tinyseg_tvm.boards.load import board_names, core_names, load_board, load_core, load_storage, parse_board
from tinyseg_tvm.boards.size import parse_size

__all__ = [
    "Board",
    "Cache",
    "Core",
    "Debug",
    "Memory",
    "Qemu",
    "Storage",
    "Uart",
    "board_names",
    "core_names",
    "load_board",
    "load_core",
    "load_storage",
    "parse_board",
    "parse_size",
]
