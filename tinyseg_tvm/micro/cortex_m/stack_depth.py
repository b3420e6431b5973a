"""The most stack that a function can take, from the linked program: what each function pushes, and who calls whom.

The machine code is read, not the compiler's notes (gcc's ``-fstack-usage`` says the same of each function, as a test
compares): so the C library and assembler count as well, and what was inlined counts once. Calls through a pointer are
resolved by the program's tables: in ``<name>_run`` they go to the operators of its table, elsewhere to every other
function whose address is in the program's data or is taken by its code (drivers, codecs, callbacks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.results import StackDepth
from tinyseg_tvm.micro.tools import call

MOST_DEPTHS = 64
"""Depths at which instructions of a function may be reached on average before it is given up: compilers leave one."""
OPERATORS = "operators"
"""The table of a generated library that its ``<name>_run`` calls."""
_LINE = re.compile(r"^\s*([0-9a-f]+):\t([\w.]+)(?:\t([^@;]*)(?:[@;]\s*\(?([0-9a-f]+) <)?)?")
_LABEL = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
_TARGET = re.compile(r"\b([0-9a-f]+) <")
_BRANCHES = re.compile(r"b(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)?(\.[nw])?")
_LOOPS = ("le", "wls", "dls", "wlstp", "dlstp", "letp")


@dataclass
class _Function:
    name: str
    address: int
    code: list[tuple[int, str, str]] = field(default_factory=list)
    literals: dict[int, int] = field(default_factory=dict)  # place of an instruction: address of what it loads
    frame: int = 0
    calls: dict[int, int] = field(default_factory=dict)  # address of the callee: bytes that are taken then
    pointer_calls: int = -1  # bytes that are taken at the deepest call through a pointer; -1: none
    computed: bool = False


class StackDepths:
    """What every function of a program takes."""

    def __init__(self, path: Path, image: Image, objdump: str) -> None:
        """Disassembles the program.

        Args:
            path: of the program, for Armv6-M to Armv8.1-M.
            image: its symbols.
            objdump: the toolchain's program.

        Raises:
            TinySegError: it cannot be disassembled.
        """
        result = call(
            [objdump, "-d", "--no-show-raw-insn", str(path)],
            remedy="install the cross compiler's binutils",
            timeout=120,
        )
        if result.status != 0:
            raise TinySegError(f"cannot disassemble {path}: {result.stderr.strip()[-300:]}")
        self._functions = {each.address: each for each in _functions(result.stdout.splitlines())}
        tables = _words(path)
        for function in self._functions.values():
            _walk(function, tables)
        names = {each.name: each.address for each in self._functions.values()}
        self._addresses = names
        table = image.symbol(OPERATORS)
        self._operators = self._code_in(tables, table.address, table.bytes) if table is not None else set()
        everywhere = {
            word & ~1 for word in tables.values() if word & 1 and (word & ~1) in self._functions
        } - self._operators
        handlers = {each.address for each in self._functions.values() if each.name.endswith("_Handler")}
        self._others = everywhere - handlers

    def frames(self) -> Mapping[str, int]:
        """Bytes that each function takes for itself."""
        return {each.name: each.frame for each in self._functions.values()}

    def depth(self, name: str) -> StackDepth:
        """The most that a function and all that it calls can take.

        Raises:
            TinySegError: the program has no such function.
        """
        if name not in self._addresses:
            raise TinySegError(f"the program has no function {name!r}")
        known: dict[int, StackDepth] = {}
        unbounded: dict[str, None] = {}

        def deepest(address: int, open_: tuple[int, ...]) -> StackDepth:
            if address in known:
                return known[address]
            function = self._functions[address]
            if function.computed:
                unbounded[function.name] = None
            best = StackDepth(function.frame, (function.name,))
            for callee, taken in self._calls(function):
                if callee == address or callee in open_:
                    unbounded[self._functions[callee].name] = None
                    continue
                below = deepest(callee, (*open_, address))
                if taken + below.bytes > best.bytes:
                    best = StackDepth(taken + below.bytes, (function.name, *below.path))
            known[address] = best
            return best

        found = deepest(self._addresses[name], ())
        return StackDepth(found.bytes, found.path, tuple(unbounded))

    def _calls(self, function: _Function) -> Iterator[tuple[int, int]]:
        for callee, taken in function.calls.items():
            if callee in self._functions:
                yield callee, taken
        if function.pointer_calls >= 0:
            runs = function.name.endswith("_run") and function.address not in self._operators
            for callee in sorted(self._operators if runs and self._operators else self._others - {function.address}):
                yield callee, function.pointer_calls

    def _code_in(self, words: Mapping[int, int], address: int, size: int) -> set[int]:
        found = {words.get(at, 0) & ~1 for at in range(address, address + size, 4)}
        return {each for each in found if each in self._functions}


def _functions(lines: Sequence[str]) -> Iterator[_Function]:
    current: _Function | None = None
    for line in lines:
        if (label := _LABEL.match(line)) is not None:
            if current is not None:
                yield current
            current = _Function(label[2], int(label[1], 16))
        elif current is not None and (found := _LINE.match(line)) is not None:
            if found[4] is not None and found[2].startswith("ldr"):
                current.literals[len(current.code)] = int(found[4], 16)
            current.code.append((int(found[1], 16), found[2], (found[3] or "").strip()))
    if current is not None:
        yield current


def _words(path: Path) -> dict[int, int]:
    """All aligned words of the program's code and data by address: tables, and constants beside code."""
    words: dict[int, int] = {}
    with path.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if section["sh_type"] == "SHT_PROGBITS" and section["sh_addr"] and section.name != ".weights":
                data = section.data()
                first = -section["sh_addr"] % 4
                for at in range(first, len(data) - 3, 4):
                    words[section["sh_addr"] + at] = int.from_bytes(data[at : at + 4], "little")
    return words


def _walk(function: _Function, words: Mapping[int, int]) -> None:
    """Follows the function's code from its entry, with the bytes that are taken at each instruction."""
    order = {address: place for place, (address, _, _) in enumerate(function.code)}
    taken: dict[int, int] = {}
    left = MOST_DEPTHS * len(function.code)
    pending = [(0, 0)]
    while pending and left:
        place, depth = pending.pop()
        while left and place < len(function.code) and taken.get(place, -1) < depth:
            taken[place] = depth
            left -= 1
            _, name, operands = function.code[place]
            depth += _moved(function, place, words)
            function.frame = max(function.frame, depth)
            base = name.split(".", maxsplit=1)[0]
            target = _target(operands)
            if base in ("bl", "blx"):
                _note_call(function, target, depth)
            elif base == "bx" or (base in ("pop", "ldmia", "ldm", "ldr") and re.search(r"\bpc\b", operands)):
                if base == "bx" and _is_place_beside(function, place, operands):
                    pending += [(at, depth) for at in range(place + 1, len(function.code)) if at not in taken]
                elif base == "bx" and operands != "lr":
                    _note_call(function, None, depth)
                if base != "ldr" or operands.startswith("pc"):
                    break
            elif base in ("tbb", "tbh") or (base in ("mov", "add") and operands.startswith("pc")):
                pending += [(at, depth) for at in range(place + 1, len(function.code)) if at not in taken]
                break
            elif base in ("cbz", "cbnz", *_LOOPS) or _BRANCHES.fullmatch(name):
                if target in order:
                    pending.append((order[target], depth))
                elif target is not None:
                    _note_call(function, target, depth)  # the last thing that it does
                if base == "b" and not _is_conditional(name):
                    break
            place += 1
    function.computed = function.computed or not left  # a loop takes more in each turn


def _is_conditional(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] not in ("b", "bal")


def _target(operands: str) -> int | None:
    found = _TARGET.search(operands)
    return None if found is None else int(found[1], 16)


def _note_call(function: _Function, target: int | None, depth: int) -> None:
    if target is None:
        function.pointer_calls = max(function.pointer_calls, depth)
    else:
        function.calls[target] = max(function.calls.get(target, -1), depth)


def _is_place_beside(function: _Function, place: int, register: str) -> bool:
    """Whether a register holds a place in the function itself: computed from the program counter, not loaded."""
    for _, name, operands in reversed(function.code[max(place - 16, 0) : place]):
        first, _, others = operands.partition(",")
        if first.strip() == register and not name.startswith(("str", "cmp")):
            if re.match(r"(add|adr)", name) and re.search(r"\bpc\b", others):
                return True
            if not re.match(r"(add|sub)", name):
                return False
    return False


def _number(function: _Function, place: int, register: str, words: Mapping[int, int]) -> int | None:
    """What a register holds where constants were loaded into it just before."""
    for at in range(place - 1, max(place - 16, -1), -1):
        _, name, operands = function.code[at]
        first, _, others = operands.partition(",")
        if first.strip() != register or name.startswith(("str", "cmp")):
            continue
        if at in function.literals and function.literals[at] in words:
            value = words[function.literals[at]]
            return value - (1 << 32) if value >> 31 else value
        if (plain := re.fullmatch(r"\s*#(\d+)", others)) is not None and name.startswith("mov"):
            return int(plain[1])
        if (shift := re.fullmatch(rf"\s*{register}, #(\d+)", others)) is not None and name.startswith("lsl"):
            base = _number(function, at, register, words)
            return None if base is None else base << int(shift[1])
        if name.startswith(("neg", "rsb")):
            base = _number(function, at, others.split(",")[0].strip(), words)
            return None if base is None else -base
        return None
    return None


def _moved(function: _Function, place: int, words: Mapping[int, int]) -> int:
    """Bytes by which an instruction moves the stack pointer down."""
    _, name, operands = function.code[place]
    base = name.split(".", maxsplit=1)[0]
    if base == "push" or (base == "stmdb" and operands.startswith("sp!")):
        return 4 * _registers(operands)
    if base == "pop" or (base in ("ldmia", "ldm") and operands.startswith("sp!")):
        return -4 * _registers(operands)
    if base == "vpush" or (base == "vstmdb" and operands.startswith("sp!")):
        return _width(operands) * _registers(operands)
    if base in ("vpop", "vldmia") and (base == "vpop" or operands.startswith("sp!")):
        return -_width(operands) * _registers(operands)
    if base in ("sub", "subw", "add", "addw") and re.match(r"sp\b", operands):
        amount = re.fullmatch(r"sp,\s*(?:sp,\s*)?#(\d+)", operands.strip())
        if amount is None:
            register = re.fullmatch(r"sp,\s*(?:sp,\s*)?(\w+)", operands.strip())
            number = None if register is None else _number(function, place, register[1], words)
            function.computed = function.computed or number is None
            return (number or 0) * (1 if base.startswith("sub") else -1)
        return int(amount[1]) if base.startswith("sub") else -int(amount[1])
    if re.match(r"(str|ldr)", base):
        before = re.search(r"\[sp, #(-?\d+)\]!", operands)
        after = re.search(r"\[sp\], #(-?\d+)", operands)
        if before is not None or after is not None:
            return -int((before or after)[1])  # type: ignore[index]
    if base == "mov" and operands.startswith("sp,"):
        function.computed = True
    return 0


def _width(operands: str) -> int:
    return 16 if re.search(r"\{q", operands) else 8 if re.search(r"\{d", operands) else 4


def _registers(operands: str) -> int:
    """How many registers a list in braces holds."""
    listed = re.search(r"\{([^}]*)\}", operands)
    if listed is None:
        return 0
    count = 0
    for item in listed[1].split(","):
        first, _, last = item.strip().partition("-")
        count += int(last.strip()[1:]) - int(first.strip()[1:]) + 1 if last else 1
    return count
