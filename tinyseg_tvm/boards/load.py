"""Reads board, core and storage descriptions from TOML, and checks them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from tinyseg_tvm.boards import rules
from tinyseg_tvm.boards.board import (
    CYCLE_COUNTERS,
    FAMILIES,
    FAST_CONTENTS,
    FPU_KINDS,
    MEMORY_KINDS,
    STORAGE_KINDS,
    Board,
    Core,
    Debug,
    Memory,
    Qemu,
    RegisterChange,
    Storage,
    Uart,
)
from tinyseg_tvm.boards.size import parse_size
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import Rule, check, read_regular, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).resolve().parent
HOST = "host"
CORES = FOLDER / "cores.toml"
SIZE_KEYS = frozenset({"length", "capacity", "default_bytes"})
STACK_GUARD_BYTES = 1 << 16  # below the RAM, of version 7 (tinyseg_tvm/micro/port/cortex_m/startup.c)
ADDRESS_SPACE = 1 << 32
TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

Record = TypeVar("Record")


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
    core = _record(Core, cores[name], f"core '{name}'", name=name)
    _one_of(core.fpu, FPU_KINDS, f"core '{name}'", "fpu")
    return core


def load_board(name_or_path: str | Path) -> Board:
    """The board of that name, or the one that a ``.toml`` file describes.

    Raises:
        UsageError: unknown name.
        TinySegError: the file cannot be read, or its content is wrong; names file, key and expected value.
    """
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
        core = load_core(_take(table, "core", str, where))
    except UsageError as error:
        raise TinySegError(f"{where}: core: {error}") from None
    for key in ("memories", "storages"):
        parts = table.get(key)
        if isinstance(parts, list) and len(parts) > rules.MOST_PARTS:
            raise TinySegError(f"{where}: {key} are {len(parts)}: at most {rules.MOST_PARTS} are possible")
    memories = tuple(
        _memory(entry, f"{where}: memories[{index}]")
        for index, entry in enumerate(_take(table, "memories", list, where, []))
    )
    storages = tuple(
        _storage(entry, f"{where}: storages[{index}]")
        for index, entry in enumerate(_take(table, "storages", list, where, []))
    )
    qemu_table = _take(table, "qemu", dict, where, {})
    qemu = _record(Qemu, qemu_table, f"{where}: qemu") if qemu_table else None
    if qemu is not None:
        _check_values(qemu, rules.QEMU, f"{where}: qemu.")
    debug = _debug(_take(table, "debug", dict, where), f"{where}: debug") if "debug" in table else None
    uart = _uart(dict(_take(table, "uart", dict, where)), f"{where}: uart") if "uart" in table else None
    board = _record(
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
        toml=text,
    )
    _check_board(board, where)
    return board


def _memory(entry: Any, where: str) -> Memory:
    memory = _record(Memory, entry, where)
    _one_of(memory.kind, MEMORY_KINDS, where, "kind")
    _check_values(memory, rules.MEMORY, f"{where}: ")
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
        _one_of(content, FAST_CONTENTS, where, "holds")
    if not 0 <= memory.default_bytes <= memory.length:
        raise TinySegError(f"{where}: default_bytes must be between 0 and the length of '{memory.name}'")
    if memory.origin % 16:
        raise TinySegError(f"{where}: '{memory.name}' must begin at a multiple of 16")
    return memory


def _debug(table: Any, where: str) -> Debug:
    debug = _record(Debug, table, where)
    _check_values(debug, rules.DEBUG, f"{where}.")
    if bool(debug.server) == bool(debug.connect):
        raise TinySegError(f"{where}: needs either server (the command that starts one) or connect (HOST:PORT)")
    if debug.server and not any("{port}" in word for word in debug.server):
        raise TinySegError(f"{where}.server: no word holds {{port}}, by which the server is told where to listen")
    return debug


def _uart(table: dict[str, Any], where: str) -> Uart:
    entries = _take(table, "setup", list, where, [])
    if len(entries) > rules.MOST_PARTS:
        raise TinySegError(f"{where}.setup has {len(entries)} changes: at most {rules.MOST_PARTS} are possible")
    changes = tuple(_record(RegisterChange, entry, f"{where}.setup[{index}]") for index, entry in enumerate(entries))
    for index, change in enumerate(changes):
        _check_values(change, rules.REGISTER, f"{where}.setup[{index}].")
        if change.address % 4 or change.address == 0:
            raise TinySegError(f"{where}.setup[{index}].address is {change.address:#x}: must be a multiple of 4, not 0")
    uart = _record(Uart, table, where, setup=changes)
    _check_values(uart, rules.UART, f"{where}.")
    return uart


def _storage(entry: Any, where: str) -> Storage:
    storage = _record(Storage, entry, where)
    _one_of(storage.kind, STORAGE_KINDS, where, "kind")
    _check_values(storage, rules.STORAGE, f"{where}: ")
    if storage.block_bytes & (storage.block_bytes - 1):
        raise TinySegError(f"{where}: block_bytes is {storage.block_bytes}: must be a power of two")
    return storage


def _check_board(board: Board, where: str) -> None:
    """Facts that involve more than one key."""
    _check_values(board, rules.BOARD, f"{where}: ")
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
    if board.is_host:
        return
    if board.family:
        _one_of(board.family, FAMILIES, where, "family")
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


def _check_transports(board: Board, where: str) -> None:
    """What a board is reached and measured by."""
    _one_of(board.cycles, CYCLE_COUNTERS, where, "cycles")
    if board.cycles == "dwt" and board.core.version < 7:
        raise TinySegError(f"{where}: cycles is 'dwt', which {board.core.name} has not: must be systick or none")
    if board.is_host and (board.debug is not None or board.uart is not None):
        raise TinySegError(f"{where}: debug, uart: programs of the board '{HOST}' are processes of this computer")


def _check_values(record: Any, allowed: Mapping[str, Rule], where: str) -> None:
    for key, rule in allowed.items():
        check(rule, getattr(record, key), f"{where}{key}")


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


def _one_of(value: str, choices: tuple[str, ...], where: str, key: str) -> None:
    if value not in choices:
        raise TinySegError(f"{where}: {key} is {shown(value)}, must be one of {', '.join(choices)}")


def _take(table: dict[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:
    """Removes and returns a key that is not a plain field."""
    if key not in table:
        if default is None:
            raise TinySegError(f"{where}: missing key '{key}' ({TYPE_NAMES[kind]})")
        return default
    return _checked(table.pop(key), kind, f"{where}: {key}")


def _checked(value: Any, kind: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 1 << 64 else math.inf  # which no range allows
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TinySegError(f"{where} must be {TYPE_NAMES[kind]}, is {shown(value)}")
    return value


def _field_value(key: str, value: Any, kind: Any, where: str) -> Any:
    if key in SIZE_KEYS and isinstance(value, str):
        try:
            return parse_size(value)
        except UsageError as error:
            raise TinySegError(f"{where}: {key}: {error}") from None
    if kind == tuple[str, ...]:
        return tuple(
            _checked(item, str, f"{where}: {key}[{i}]")
            for i, item in enumerate(_checked(value, list, f"{where}: {key}"))
        )
    return _checked(value, kind, f"{where}: {key}")


def _record(cls: type[Record], table: Any, where: str, **given: Any) -> Record:
    """An instance of a frozen dataclass from a TOML table plus values that do not come from it."""
    table = _checked(table, dict, where)
    kinds = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    allowed = [name for name in fields if name not in given]
    unknown = sorted(set(table) - set(allowed))
    if unknown:
        raise TinySegError(f"{where}: unknown key {shown(unknown[0])}; known keys: {', '.join(allowed)}")
    missing = [name for name in allowed if name not in table and fields[name].default is dataclasses.MISSING]
    if missing:
        raise TinySegError(f"{where}: missing key '{missing[0]}'")
    values = {key: _field_value(key, value, kinds[key], where) for key, value in table.items()}
    return cls(**values, **given)
