"""Generates a project for a board: the network's library, the board's port, the test harness, the build files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from tinyseg_tvm.boards import Board, Storage, load_board
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.micro.emulator import PORT_FOLDER, qemu_command, timer_ratio
from tinyseg_tvm.micro.fast_memory import FastUse, fast_uses
from tinyseg_tvm.micro.library import Library, ProjectSource, library_files, read_library, stated_context_bytes
from tinyseg_tvm.micro.project import PROJECT_FILE, Project
from tinyseg_tvm.micro.static_memory import static_bytes
from tinyseg_tvm.micro.storages import (
    Emulation,
    PortStorage,
    StorageUse,
    board_storages,
    emulation,
    host_storages,
    storage_uses,
)
from tinyseg_tvm.micro.write import write_folder

PROJECT_VERSION = 1
LARGEST_STACK = 8192
GUARD_BYTES = 1 << 20


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
    files.update(_port_files(board, library, context, ram_limit, uses, emulation(board, ports), fast))
    files.update(_storage_files(library, board, ports))
    if not board.is_host:
        files.update(_storage_files(library, load_board("host"), host_storages(uses)))
    directory = Path(directory)
    write_folder(directory, files, PROJECT_FILE)
    return Project(directory)


def ram_available(board: Board, ram_limit: int | None, fast: Sequence[FastUse] = ()) -> int:
    """Bytes of main RAM that a program may use: the board's own, or what fast memory leaves of a smaller limit."""
    own = board.ram_bytes or 0
    return own if ram_limit is None else min(own, max(ram_limit - sum(use.bytes for use in fast), 0))


def _stack_bytes(board: Board, library: Library, context: int, ram: int) -> int:
    """What the linker reserves for the stack: what the RAM leaves, between the board's minimum and 8 KiB."""
    static = static_bytes(board, context, len(library.storages))
    left = (ram - library.arena_bytes - static) // 64 * 64
    if library.arena_bytes + board.stack_bytes > ram:
        raise DoesNotFitError(
            f"'{library.name}' does not fit the RAM of {board.name}: the arena needs {library.arena_bytes} bytes "
            f"and the stack {board.stack_bytes}, {ram} are there; compile with --ram {ram}, or choose a larger board"
        )
    return max(board.stack_bytes, min(LARGEST_STACK, left))


def _port_files(
    board: Board,
    library: Library,
    context: int,
    ram_limit: int | None,
    storages: Sequence[StorageUse],
    emulated: Emulation,
    fast: Sequence[FastUse],
) -> dict[str, bytes]:
    """The files that depend on the board, and the harness, by path."""
    values: dict[str, Any] = {
        "board": board,
        "name": library.name,
        "upper": library.name.upper(),
        "inputs": len(library.inputs),
        "outputs": len(library.outputs),
        "line_io": library.line_io,
        "pools": library.pools,
        "storages": storages,
        "fast": fast,
        "flash_command": _shell(board.flash_command, library),
        "run_command": _run_command(board, library, emulated),
        "images": emulated.images,
        "timer": timer_ratio(board.qemu.systick_hz) if board.qemu else None,
    }
    files = {
        "Makefile": _render("Makefile.jinja", values),
        "CMakeLists.txt": _render("CMakeLists.txt.jinja", values),
        "port/main.c": _render("main.c.jinja", values),
        "port/port.h": _read("port.h"),
        "port/host/port.c": _read("host/port.c"),
        f"port/{board.name}/board.toml": board.toml.encode(),
    }
    if not board.is_host:
        values |= _linker_values(board, library, context, ram_limit, fast)
        files[f"port/{board.name}/board.ld"] = _render("cortex_m/board.ld.jinja", values)
        files[f"port/{board.name}/toolchain.cmake"] = _render("toolchain.cmake.jinja", values)
        for path in sorted((PORT_FOLDER / "cortex_m").glob("*.[ch]")):
            files[f"port/{board.name}/{path.name}"] = path.read_bytes()
    project = {"version": PROJECT_VERSION, "board": board.name, "ram_limit": ram_limit}
    project |= {"qemu_arguments": emulated.arguments, "images": emulated.images}
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
    files = {f"port/{board.name}/{file}": _read(f"storage/{file}") for file in drivers}
    files[f"port/{board.name}/storage.c"] = _render("storage/storage.c.jinja", values)
    return files


def _linker_values(
    board: Board, library: Library, context: int, ram_limit: int | None, fast: Sequence[FastUse]
) -> dict[str, Any]:
    ram, flash = board.memory("ram"), board.memory("flash")
    assert ram is not None  # checked when the board was loaded
    assert flash is not None
    available = ram_available(board, ram_limit, fast)
    lengths = {memory.name: memory.length for memory in board.memories if memory.kind != "fast"}
    lengths |= {ram.name: available, **{use.memory.name: use.bytes // 16 * 16 for use in fast}}
    behind = min((memory.origin for memory in board.memories if memory.origin >= ram.end), default=1 << 32)
    slow = board.memory("slow")
    return {
        "memories": [
            {"name": m.name, "kind": m.kind, "origin": m.origin, "length": lengths[m.name]}
            for m in board.memories
            if m.name in lengths
        ],
        "fast_sections": [section for use in fast for section in use.sections],
        "ram": ram,
        "flash": flash,
        "weights": (board.memory("weights") or flash).name,
        "slow": slow.name if slow else None,
        "ram_limit": available if available < ram.length else None,
        "stack_bytes": _stack_bytes(board, library, context, available),
        "guard_end": min(ram.end + GUARD_BYTES, behind),
    }


def _run_command(board: Board, library: Library, emulated: Emulation) -> str:
    """Shell words that run the program in build/<variant>/run."""
    if board.qemu is not None:
        elf = Path(f"../{library.name}.elf")
        icount = timer_ratio(board.qemu.systick_hz).shift
        return (
            shlex.join([*qemu_command(board, elf), *emulated.arguments])
            + f" $(if $(filter 1,$(TIMER)),-icount shift={icount})"
        )
    return _shell(board.run_command, library).replace("$(BUILD)/", "../")


def _shell(command: tuple[str, ...], library: Library) -> str:
    """A board's command for the Makefile."""
    words = [word.replace("{elf}", f"$(BUILD)/{library.name}.elf").replace("{directory}", ".") for word in command]
    return " ".join(word if "$(" in word else shlex.quote(word) for word in words)


def _read(path: str) -> bytes:
    return (PORT_FOLDER / path).read_bytes()


def _render(path: str, values: Mapping[str, Any]) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PORT_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(path).render(values).encode()
