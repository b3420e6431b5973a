"""Reads board, core and storage descriptions from TOML, and checks them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import rules
from tinyseg_tvm.boards.board import (
    CACHE_CONTENTS,
    CYCLE_COUNTERS,
    FAMILIES,
    FAST_CONTENTS,
    FPU_KINDS,
    MEMORY_KINDS,
    STORAGE_KINDS,
    Board,
    Cache,
    Core,
    Debug,
    Memory,
    Qemu,
    RegisterChange,
    Storage,
    Uart,
)
from tinyseg_tvm.boards.emulated import AS_EMULATED, emulated_text, emulating_board
from tinyseg_tvm.boards.records import check_values, one_of, record, take
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import read_regular, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).resolve().parent
HOST = "host"
CORES = FOLDER / "cores.toml"
STACK_GUARD_BYTES = 1 << 16  # below the RAM, of version 7 (tinyseg_tvm/micro/port/cortex_m/startup.c)
ADDRESS_SPACE = 1 << 32


def board_names() -> tuple[str, ...]:
    """Names of the boards that come with the compiler, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if path != CORES))


def core_names() -> tuple[str, ...]:
    """Names of the known cores, in the order of the file."""
    return tuple(_read_toml(CORES))


def load_core(name: str) -> Core:
    """The core of that name (GCC's ``-mcpu``).

    Raises:
        UsageError: unknown core.
    """
    cores = _read_toml(CORES)
    if name not in cores:
        raise UsageError(f"unknown core {shown(name)}; known cores: {', '.join(cores)}")
    core = record(Core, cores[name], f"core '{name}'", name=name)
    one_of(core.fpu, FPU_KINDS, f"core '{name}'", "fpu")
    return core


def load_board(name_or_path: str | Path) -> Board:
    """The board of that name, or the one that a ``.toml`` file describes; followed by ``@qemu``, as QEMU emulates it.

    Raises:
        UsageError: unknown name, or nothing emulates the board.
        TinySegError: the file cannot be read, or its content is wrong; names file, key and expected value.
    """
    if str(name_or_path).endswith(AS_EMULATED):
        board = load_board(str(name_or_path).removesuffix(AS_EMULATED))
        if board.is_emulated:
            return board
        text = emulated_text(board, load_board(emulating_board(board)))
        return parse_board(board.name, text, f"board {name_or_path}")
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
        if str(name_or_path) not in board_names():
            raise UsageError(
                f"unknown board {shown(str(name_or_path))}; known boards: {', '.join(board_names())}; "
                "another board is given by the path of its .toml file"
            )
    return parse_board(path.stem, _read_text(path), str(path))


def load_storage(path: str | Path) -> Storage:
    """A storage device from a TOML file of its own, with the keys of a board's ``[[storages]]``."""
    table = _read_toml(Path(path))
    return _storage(table, f"storage file {path}")


def parse_board(name: str, text: str, where: str) -> Board:
    """The board that a TOML text describes; ``where`` names the text in error messages."""
    if rules.IDENTIFIER.wrong(name) is not None:
        raise TinySegError(
            f"{where}: a board's name is at most {rules.IDENTIFIER.longest} letters, digits and '_', and starts with a "
            "letter: rename the file"
        )
    table = dict(_parse_toml(text, where))
    try:
        core = load_core(take(table, "core", str, where))
    except UsageError as error:
        raise TinySegError(f"{where}: core: {error}") from None
    for key in ("memories", "storages", "caches"):
        parts = table.get(key)
        if isinstance(parts, list) and len(parts) > rules.MOST_PARTS:
            raise TinySegError(f"{where}: {key} are {len(parts)}: at most {rules.MOST_PARTS} are possible")
    memories = tuple(
        _memory(entry, f"{where}: memories[{index}]")
        for index, entry in enumerate(take(table, "memories", list, where, []))
    )
    storages = tuple(
        _storage(entry, f"{where}: storages[{index}]")
        for index, entry in enumerate(take(table, "storages", list, where, []))
    )
    caches = tuple(
        _cache(entry, memories, f"{where}: caches[{index}]")
        for index, entry in enumerate(take(table, "caches", list, where, []))
    )
    qemu_table = take(table, "qemu", dict, where, {})
    qemu = record(Qemu, qemu_table, f"{where}: qemu") if qemu_table else None
    if qemu is not None:
        check_values(qemu, rules.QEMU, f"{where}: qemu.")
    debug = _debug(take(table, "debug", dict, where), f"{where}: debug") if "debug" in table else None
    uart = _uart(dict(take(table, "uart", dict, where)), f"{where}: uart") if "uart" in table else None
    board = record(
        Board,
        {"flash_command": [], "run_command": [], **table},
        where,
        name=name,
        core=core,
        memories=memories,
        storages=storages,
        qemu=qemu,
        debug=debug,
        uart=uart,
        caches=caches,
        toml=text,
    )
    _check_board(board, where)
    return board


def _memory(entry: Any, where: str) -> Memory:
    memory = record(Memory, entry, where)
    one_of(memory.kind, MEMORY_KINDS, where, "kind")
    check_values(memory, rules.MEMORY, f"{where}: ")
    if memory.name in rules.LINKER_WORDS:
        raise TinySegError(f"{where}: name '{memory.name}' means something else in linker scripts: choose another one")
    if memory.end > ADDRESS_SPACE:
        raise TinySegError(f"{where}: '{memory.name}' must end within 32 bits, and ends at {memory.end:#x}")
    alignment = rules.ALIGNMENTS.get(memory.kind, 1)
    if memory.origin % alignment:
        raise TinySegError(
            f"{where}: origin of '{memory.name}' is {memory.origin:#x}: must be a multiple of {alignment}"
        )
    if memory.kind != "fast":
        if memory.holds or memory.default_bytes:
            raise TinySegError(f"{where}: holds and default_bytes are for memories of kind 'fast'")
        return memory
    if not memory.holds or len(set(memory.holds)) != len(memory.holds):
        raise TinySegError(f"{where}: holds must name what '{memory.name}' is for: {', '.join(FAST_CONTENTS)}")
    for content in memory.holds:
        one_of(content, FAST_CONTENTS, where, "holds")
    if not 0 <= memory.default_bytes <= memory.length:
        raise TinySegError(f"{where}: default_bytes must be between 0 and the length of '{memory.name}'")
    if memory.origin % 16:
        raise TinySegError(f"{where}: '{memory.name}' must begin at a multiple of 16")
    return memory


def _cache(entry: Any, memories: tuple[Memory, ...], where: str) -> Cache:
    cache = record(Cache, entry, where)
    check_values(cache, rules.CACHE, f"{where}: ")
    for content in cache.holds:
        one_of(content, CACHE_CONTENTS, where, "holds")
    for name in cache.memories:
        one_of(name, tuple(memory.name for memory in memories), where, "memories")
    if not cache.holds or not cache.memories:
        raise TinySegError(f"{where}: memories and holds must name what it holds of which memories")
    if cache.length % (cache.line_bytes * cache.ways):
        raise TinySegError(f"{where}: length is {cache.length}: must be a multiple of line_bytes * ways")
    fill = cache.fill_bytes or cache.line_bytes
    if cache.line_bytes % fill or cache.line_bytes // fill > rules.MOST_FILLS:
        raise TinySegError(f"{where}: fill_bytes is {fill}: line_bytes must be 1 to {rules.MOST_FILLS} times as many")
    return cache


def _debug(table: Any, where: str) -> Debug:
    debug = record(Debug, table, where)
    check_values(debug, rules.DEBUG, f"{where}.")
    if bool(debug.server) == bool(debug.connect):
        raise TinySegError(f"{where}: needs either server (the command that starts one) or connect (HOST:PORT)")
    if debug.server and not any("{port}" in word for word in debug.server):
        raise TinySegError(f"{where}.server: no word holds {{port}}, by which the server is told where to listen")
    return debug


def _uart(table: dict[str, Any], where: str) -> Uart:
    entries = take(table, "setup", list, where, [])
    if len(entries) > rules.MOST_PARTS:
        raise TinySegError(f"{where}.setup has {len(entries)} changes: at most {rules.MOST_PARTS} are possible")
    changes = tuple(record(RegisterChange, entry, f"{where}.setup[{index}]") for index, entry in enumerate(entries))
    for index, change in enumerate(changes):
        check_values(change, rules.REGISTER, f"{where}.setup[{index}].")
        if change.address % 4 or change.address == 0:
            raise TinySegError(f"{where}.setup[{index}].address is {change.address:#x}: must be a multiple of 4, not 0")
    uart = record(Uart, table, where, setup=changes)
    check_values(uart, rules.UART, f"{where}.")
    return uart


def _storage(entry: Any, where: str) -> Storage:
    storage = record(Storage, entry, where)
    one_of(storage.kind, STORAGE_KINDS, where, "kind")
    check_values(storage, rules.STORAGE, f"{where}: ")
    if storage.block_bytes & (storage.block_bytes - 1):
        raise TinySegError(f"{where}: block_bytes is {storage.block_bytes}: must be a power of two")
    return storage


def _check_board(board: Board, where: str) -> None:
    """Facts that involve more than one key."""
    check_values(board, rules.BOARD, f"{where}: ")
    if board.is_host != (board.name == HOST):
        raise TinySegError(f"{where}: core '{HOST}' is that of the board '{HOST}' alone, which has no other")
    for parts in (board.memories, board.storages):
        names = [part.name for part in parts]
        if len(set(names)) != len(names):
            kind = "memories" if parts is board.memories else "storages"
            raise TinySegError(f"{where}: two {kind} have the same name ({', '.join(names)})")
    ordered = sorted(board.memories, key=lambda memory: memory.origin)
    for low, high in itertools.pairwise(ordered):
        if low.end > high.origin:
            raise TinySegError(f"{where}: memories {low.name} and {high.name} overlap at {high.origin:#x}")
    _check_transports(board, where)
    _check_caches(board, where)
    if board.is_host:
        return
    if board.family:
        one_of(board.family, FAMILIES, where, "family")
    for kind in ("flash", "ram"):
        count = sum(memory.kind == kind for memory in board.memories)
        if count != 1:
            raise TinySegError(f"{where}: needs exactly one memory of kind '{kind}', has {count}")
    ram = board.memory("ram")
    assert ram is not None
    for memory in board.fast_memories:
        if board.core.version == 7 and ram.origin - STACK_GUARD_BYTES < memory.end <= ram.origin:
            raise TinySegError(
                f"{where}: memory {memory.name} must end {STACK_GUARD_BYTES} bytes below {ram.name} or lie above it: "
                "what is between them is guarded against a stack overflow"
            )
    if board.stack_bytes % 8 or board.stack_bytes < 256:
        raise TinySegError(f"{where}: stack_bytes must be a multiple of 8 and at least 256")


def _check_caches(board: Board, where: str) -> None:
    """No memory's code or data is in two caches."""
    for content in CACHE_CONTENTS:
        behind = [name for cache in board.caches if content in cache.holds for name in cache.memories]
        if len(set(behind)) != len(behind):
            raise TinySegError(f"{where}: caches: two hold {content} of the same memory")


def _check_transports(board: Board, where: str) -> None:
    """What a board is reached and measured by."""
    if board.sleep_milliwatts > board.active_milliwatts:
        raise TinySegError(
            f"{where}: sleep_milliwatts is {board.sleep_milliwatts}: must be at most active_milliwatts, which is "
            f"{board.active_milliwatts}"
        )
    one_of(board.cycles, CYCLE_COUNTERS, where, "cycles")
    if board.cycles == "dwt" and board.core.version < 7:
        raise TinySegError(f"{where}: cycles is 'dwt', which {board.core.name} has not: must be systick or none")
    if board.is_host and (board.debug is not None or board.uart is not None):
        raise TinySegError(f"{where}: debug, uart: programs of the board '{HOST}' are processes of this computer")


def _read_text(path: Path) -> str:
    try:
        return read_regular(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise TinySegError(f"cannot read {path}: {error}") from None


def _parse_toml(text: str, where: str) -> Mapping[str, Any]:
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also of a number that is too long
        raise TinySegError(f"{where} is not valid TOML: {' '.join(str(error).split())[:200]}") from None
    return table


def _read_toml(path: Path) -> Mapping[str, Any]:
    return _parse_toml(_read_text(path), str(path))
