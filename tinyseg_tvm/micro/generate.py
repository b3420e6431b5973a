"""Generates a project for a board: the network's library, the board's port, the test harness, the build files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import Board, Storage, load_board
from tinyseg_tvm.micro.banks import pool_memories
from tinyseg_tvm.micro.emulator import timer_of
from tinyseg_tvm.micro.execution import flash_words, run_words
from tinyseg_tvm.micro.fast_memory import FastUse, fast_uses
from tinyseg_tvm.micro.library import Library, ProjectSource, library_files, read_library, stated_context_bytes
from tinyseg_tvm.micro.linker_script import linker_values
from tinyseg_tvm.micro.machines import HOST, machine_of
from tinyseg_tvm.micro.port_files import read_port_file, render
from tinyseg_tvm.micro.project import PROJECT_FILE, Project
from tinyseg_tvm.micro.storages import (
    PortStorage,
    StorageUse,
    board_storages,
    emulation,
    host_storages,
    storage_uses,
)
from tinyseg_tvm.micro.write import write_folder

PROJECT_VERSION = 1


def generate_project(
    board: str | Path | Board,
    source: ProjectSource | Mapping[str, bytes],
    directory: str | Path,
    ram_limit: int | None = None,
    storages: Sequence[Storage] = (),
) -> Project:
    """Writes a stand-alone project and returns it.

    Args:
        board: name, TOML file, or description.
        source: what ``relay.build`` returned, or the library's files.
        directory: replaced if it is an earlier project; written as a whole or not at all.
        ram_limit: bytes of RAM that the whole program may use, below the board's own.
        storages: descriptions of storages that the board's own does not name.

    Raises:
        DoesNotFitError: arena and smallest stack are larger than the RAM.
        TinySegError: the folder cannot be written or holds something else.
    """
    board = board if isinstance(board, Board) else load_board(board)
    files = library_files(source)
    library = read_library(files)
    uses = storage_uses(library, files)
    ports = board_storages(board, uses, storages)
    context = stated_context_bytes(files)
    fast = fast_uses(board, files)
    banks = pool_memories(board, library, files)
    files.update(_port_files(board, library, context, ram_limit, uses, ports, fast, banks))
    files.update(_storage_files(library, board, ports))
    if not board.is_host:
        files.update(_storage_files(library, load_board("host"), host_storages(uses)))
    directory = Path(directory)
    write_folder(directory, files, PROJECT_FILE)
    return Project(directory)


def _port_files(
    board: Board,
    library: Library,
    context: int,
    ram_limit: int | None,
    storages: Sequence[StorageUse],
    ports: Sequence[PortStorage],
    fast: Sequence[FastUse],
    banks: Sequence[str],
) -> dict[str, bytes]:
    """The files that depend on the board, and the harness, by path."""
    machine = machine_of(board)
    emulated = emulation(board, ports)
    values: dict[str, Any] = {
        "board": board,
        "machine": machine,
        "host": HOST,
        "name": library.name,
        "upper": library.name.upper(),
        "inputs": len(library.inputs),
        "outputs": len(library.outputs),
        "line_io": library.line_io,
        "pools": library.pools,
        "banks": banks,
        "states": library.states,
        "storages": storages,
        "fast": fast,
        "flash_command": flash_words(board, library.name),
        "run_command": run_words(machine, board, library.name, emulated),
        "images": emulated.images,
        "timer": timer_of(board),
        "cycle_counter": board.cycle_counter,
    }
    files = {
        "Makefile": render("Makefile.jinja", values),
        "CMakeLists.txt": render("CMakeLists.txt.jinja", values),
        "port/main.c": render("main.c.jinja", values),
        "port/port.h": read_port_file("port.h"),
        "port/host/port.c": read_port_file("host/port.c"),
        f"port/{board.name}/board.toml": board.toml.encode(),
    }
    if not board.is_host:
        values |= linker_values(board, library, context, ram_limit, fast, ports, banks)
    files |= {f"port/{board.name}/{name}": data for name, data in machine.port_files(board, values).items()}
    project = {"version": PROJECT_VERSION, "board": board.name, "ram_limit": ram_limit}
    project |= emulated.as_settings()
    files[PROJECT_FILE] = (json.dumps(project, indent=2) + "\n").encode()
    return files


def _storage_files(library: Library, board: Board, storages: Sequence[PortStorage]) -> dict[str, bytes]:
    """The drivers that a port needs, and their set-up."""
    if not storages:
        return {}
    drivers = sorted({file for storage in storages for file in storage.files})
    values = {
        "board": board,
        "name": library.name,
        "upper": library.name.upper(),
        "storages": storages,
        "headers": sorted({file for storage in storages for file in storage.files if file.endswith(".h")}),
    }
    files = {f"port/{board.name}/{file}": read_port_file(f"storage/{file}") for file in drivers}
    files[f"port/{board.name}/storage.c"] = render("storage/storage.c.jinja", values)
    return files
