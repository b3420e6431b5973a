"""What of a network is worth a place in fast memory: its kernels first, then the weights that are read most often.

A fast memory (tightly coupled, core coupled, zero-wait) holds copies: the program lies in flash, and the startup code
copies what is chosen here before ``main``. The choice depends on nothing but the network, its plan and the memories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.library.code_bytes import code_bytes, program_bytes
from tinyseg_tvm.codegen.library.generation import Generation
from tinyseg_tvm.codegen.library.operator_functions import OperatorFunction
from tinyseg_tvm.codegen.programs.long_tail import function_names


@dataclass(frozen=True)
class FastSpace:
    """Bytes of a fast memory that may be used, and what for."""

    memory: str
    bytes: int
    code: bool
    weights: bool


@dataclass(frozen=True)
class HotKernel:
    """Code, and the estimated cycles of an inference in the operators that use it.

    Attributes:
        name: a runtime module, or the C function of the operator that has the code to itself.
        cycles: of an inference.
        functions: names of the C functions that the operator has to itself; none for a module.
        estimate: bytes that these are estimated to compile to.
    """

    name: str
    cycles: int
    functions: tuple[str, ...] = ()
    estimate: int = 0

    def bytes(self, core: Core) -> int:
        """What the linker is given for it."""
        return program_bytes(self.estimate, core) if self.functions else code_bytes(self.name, core)


@dataclass(frozen=True)
class HotConstant:
    """A constant: its symbol, its bytes, and how often an inference reads its average byte, within a factor."""

    symbol: str
    bytes: int
    reads_per_byte: float


@dataclass(frozen=True)
class FastContents:
    """What lies in a fast memory.

    Attributes:
        space: where.
        modules: runtime modules, the hottest first.
        functions: generated C functions, those of the hottest operators first.
        code_bytes: what modules and functions are reckoned with; the linker knows the true size.
        weights: symbols of constants, those with most reads per byte first.
        weights_bytes: their bytes with alignment, exactly.
    """

    space: FastSpace
    modules: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    code_bytes: int = 0
    weights: tuple[str, ...] = ()
    weights_bytes: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of code and weights."""
        return self.code_bytes + self.weights_bytes

    def as_metadata(self) -> dict[str, object]:
        """The entry of metadata.json."""
        return {
            "memory": self.space.memory,
            "bytes": self.space.bytes,
            "modules": list(self.modules),
            "functions": list(self.functions),
            "code_bytes": self.code_bytes,
            "weights": list(self.weights),
            "weights_bytes": self.weights_bytes,
        }


ALIGNMENT = 16  # of what the linker puts one after the other, at most
_CONSTANT_ALIGNMENT = 8


def fill_fast_memories(
    spaces: Sequence[FastSpace], kernels: Sequence[HotKernel], constants: Sequence[HotConstant], core: Core
) -> tuple[FastContents, ...]:
    """Fills the memories in their order, with code before weights; what does not fit is passed over.

    Kernels go by cycles, constants by reads per byte; equals in the order of their names.
    """
    waiting_kernels = sorted(kernels, key=lambda kernel: (-kernel.cycles, kernel.name))
    waiting_constants = sorted(constants, key=lambda constant: (-constant.reads_per_byte, constant.symbol))
    filled = []
    for space in spaces:
        room = space.bytes // ALIGNMENT * ALIGNMENT
        names, taken = _first_fit({k.name: k.bytes(core) for k in waiting_kernels}, room, space.code)
        chosen = [kernel for kernel in waiting_kernels if kernel.name in names]
        modules = tuple(kernel.name for kernel in chosen if not kernel.functions)
        functions = tuple(function for kernel in chosen for function in kernel.functions)
        sizes = {c.symbol: -(-max(c.bytes, 1) // _CONSTANT_ALIGNMENT) * _CONSTANT_ALIGNMENT for c in waiting_constants}
        symbols, held = _first_fit(sizes, room - taken, space.weights)
        filled.append(FastContents(space, modules, functions, taken, symbols, held))
        waiting_kernels = [kernel for kernel in waiting_kernels if kernel.name not in names]
        waiting_constants = [constant for constant in waiting_constants if constant.symbol not in symbols]
    return tuple(filled)


def _first_fit(sizes: Mapping[str, int], room: int, wanted: bool) -> tuple[tuple[str, ...], int]:
    """Names taken in order while they fit, and the sum of their sizes."""
    taken: list[str] = []
    used = 0
    for name, size in sizes.items():
        if wanted and used + size <= room:
            taken.append(name)
            used += size
    return tuple(taken), used


def hot_kernels(generation: Generation, functions: Sequence[OperatorFunction]) -> list[HotKernel]:
    """The runtime modules of all operators, and functions of known size that operators have to themselves."""
    cycles: dict[str, int] = {}
    own = []
    for operator, function in zip(generation.problem.operators, functions, strict=True):
        count = operator.cycles * operator.steps
        for module in function.modules:
            cycles[module] = cycles.get(module, 0) + count
        if function.code_bytes:
            names = tuple(name for source in function.sources for name in function_names(source))
            own.append(HotKernel(function.function, count, names, function.code_bytes))
    return [*(HotKernel(module, count) for module, count in cycles.items()), *own]


def hot_constants(generation: Generation, functions: Sequence[OperatorFunction]) -> list[HotConstant]:
    """The constants of all operators.

    A kernel passes over its constants about once per output position: an operator's multiply-accumulates (or, where
    it has none, the elements that it moves) by the bytes of its constants. Equal constants are one, and read by all.
    """
    sizes = {constant.symbol: constant.array.nbytes for constant in generation.constants.constants}
    reads = dict.fromkeys(sizes, 0.0)
    network = generation.network
    for index, node in enumerate(network.nodes):
        number = generation.first_node + index
        used = functions[number].constants
        moved = sum(t.elements for t in (*network.input_types(node), *network.output_types(node)))
        work = generation.problem.operators[number].macs or moved
        total = max(sum(sizes[symbol] for symbol in used), 1)
        for symbol in used:
            reads[symbol] += work / total
    return [HotConstant(symbol, size, reads[symbol]) for symbol, size in sizes.items()]
