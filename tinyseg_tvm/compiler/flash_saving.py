"""Smaller kernels in the place of the fastest ones: flash saved for some part of the time.

Operators share modules of the runtime, and programs where the same is written for them. So which kernels are worth
their code is a problem of facilities: code costs its bytes once, whoever uses it. For a price of a cycle in bytes it is
solved by local search: code comes in with all operators that gain by it, and goes where its operators do as well
without. The price is the least for which the whole is no slower than it may be. Memory and schedule stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm import codegen
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.library.code_bytes import code_bytes
from tinyseg_tvm.compiler.kernel_front import cycles_of
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.network.problem import first_node

SLOWER = 1 / 3  # part of an inference's estimated cycles that may be given for flash
ROUNDS = 14  # of the search for the price


@dataclass(frozen=True)
class KernelFlash:
    """What a kernel of an operator costs, and what it takes of flash.

    Attributes:
        cost: of the kernel.
        own_bytes: constants.
        parts: code that operators have together, and bytes that each is reckoned with.
    """

    cost: Cost
    own_bytes: int
    parts: Mapping[Hashable, int]


@dataclass(frozen=True)
class _Kernel:
    """A kernel: cycles of an inference, bytes that are the operator's own, and the set of its parts, as bits."""

    number: int
    cycles: int
    bytes: int
    parts: int


def with_smaller_kernels(planned: Planned, situation: Situation) -> Planned:
    """The plan with kernels of less flash, for ``SLOWER`` of its cycles at the most; scratch is not more."""
    network, first = planned.network, first_node(planned.network, situation.options.io)
    operators = list(planned.problem.operators)
    numbers, choices = [], []
    for number, node in enumerate(network.nodes, first):
        operator = operators[number]
        kernels = _kernels(node, network, situation.core, operator.scratch_bytes)
        now = [each for each in kernels if each.cost.kernel == operator.kernel]
        if now:
            numbers.append(number)
            choices.append((operator.steps, [*now, *(each for each in kernels if each is not now[0])]))
    for number, kernel in zip(numbers, smallest(choices, SLOWER * cycles_of(tuple(operators))), strict=True):
        operators[number] = replace(
            operators[number],
            kernel=kernel.cost.kernel,
            cycles=kernel.cost.cycles_per_step,
            flash_bytes=kernel.cost.flash_bytes,
        )
    return replace(planned, problem=replace(planned.problem, operators=tuple(operators)))


def _kernels(node: Node, network: Network, core: Core, scratch: int) -> list[KernelFlash]:
    found = []
    for cost in codegen.kernel_costs(node, network, core, scratch):
        size = codegen.kernel_size(node, network, core, cost.kernel)
        parts: dict[Hashable, int] = {module: code_bytes(module, core) for module in size.modules}
        if size.program:
            parts[size.program] = size.program_bytes
        found.append(KernelFlash(cost, size.constants, parts))
    return found


def smallest(choices: Sequence[tuple[int, Sequence[KernelFlash]]], most_cycles: float) -> list[KernelFlash]:
    """Kernels that take little flash, and so many cycles of an inference more than the fastest at the most.

    Args:
        choices: steps of each operator, and the kernels that it may have, the fastest one first.
        most_cycles: that all of them together may be slower.
    """
    able = Counter(part for _, kernels in choices for part in {part for each in kernels for part in each.parts})
    numbers = {part: number for number, part in enumerate(part for part, count in able.items() if count > 1)}
    sizes = [0] * len(numbers)
    operators = []
    for steps, kernels in choices:
        found = []
        for number, each in enumerate(kernels):
            own, parts = each.own_bytes, 0
            for part, size in each.parts.items():
                if part in numbers:
                    sizes[numbers[part]] = size
                    parts |= 1 << numbers[part]
                else:
                    own += size
            found.append(_Kernel(number, each.cost.cycles_per_step * steps, own, parts))
        operators.append(_worthwhile(found))
    fastest = [kernels[0] for kernels in operators]
    most = sum(kernel.cycles for kernel in fastest) + most_cycles
    chosen, begins, low, high = fastest, [fastest], 0.0, 1.0
    for _ in range(ROUNDS):
        price = (low + high) / 2
        search = _Search(operators, sizes, price)
        found = min((search.best(begin) for begin in begins), key=search.worth)
        if sum(kernel.cycles for kernel in found) <= most:
            chosen, high = found, price
        else:
            begins, low = [fastest, found], price
    return [kernels[kernel.number] for (_, kernels), kernel in zip(choices, chosen, strict=True)]


def _worthwhile(kernels: Sequence[_Kernel]) -> list[_Kernel]:
    """Without those that are no better than another in anything."""
    kept: list[_Kernel] = []
    for each in sorted(kernels, key=lambda kernel: (kernel.cycles, kernel.bytes, kernel.parts.bit_count())):
        if not any(other.bytes <= each.bytes and other.parts & ~each.parts == 0 for other in kept):
            kept.append(each)
    return kept


@dataclass(frozen=True)
class _Search:
    """Local search for kernels of little flash, where a cycle has a price in bytes.

    Attributes:
        operators: kernels of each.
        sizes: of the parts.
        price: bytes that a cycle is worth.
    """

    operators: Sequence[Sequence[_Kernel]]
    sizes: Sequence[int]
    price: float

    def best(self, begin: Sequence[_Kernel]) -> list[_Kernel]:
        """Kernels that no part comes or goes for the better of."""
        chosen = list(begin)
        while True:
            better = min((each for each in self._neighbours(chosen)), key=lambda each: each[0], default=None)
            if better is None or better[0] >= -0.5:
                return chosen
            chosen = better[1]

    def _neighbours(self, chosen: Sequence[_Kernel]) -> Iterator[tuple[float, list[_Kernel]]]:
        """What is saved is negative; with the kernels."""
        used = _union(chosen)
        now = self.worth(chosen)
        others = dict.fromkeys(kernel.parts | used for kernels in self.operators for kernel in kernels)
        others |= dict.fromkeys(used | self._beside(part) for part in range(len(self.sizes)) if not used >> part & 1)
        gone = [used & ~(1 << part) for part in range(len(self.sizes)) if used >> part & 1]
        for parts in (*others, *gone):
            moved = []
            for kernels in self.operators:
                able = [each for each in kernels if each.parts & ~parts == 0]
                if not able:
                    break
                moved.append(min(able, key=self._own))
            else:
                yield self.worth(moved) - now, moved

    def _beside(self, part: int) -> int:
        """Parts of all kernels that have this one."""
        return _union([each for kernels in self.operators for each in kernels if each.parts >> part & 1])

    def _own(self, kernel: _Kernel) -> float:
        return kernel.bytes + self.price * kernel.cycles

    def worth(self, chosen: Sequence[_Kernel]) -> float:
        """Bytes of flash, and those that the cycles are worth."""
        used = _union(chosen)
        parts = sum(size for part, size in enumerate(self.sizes) if used >> part & 1)
        return parts + sum(self._own(kernel) for kernel in chosen)


def _union(chosen: Sequence[_Kernel]) -> int:
    used = 0
    for kernel in chosen:
        used |= kernel.parts
    return used
