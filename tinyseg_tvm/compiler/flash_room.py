"""Kernels that a board's flash has room for: which ones to give up where the chosen ones take too much of it.

Most boards have flash to spare, and nothing is reckoned for them. For the others the code and the constants of the
chosen kernels are reckoned as the code generator will write them; what saves most bytes per lost cycle goes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyseg_tvm import codegen
from tinyseg_tvm.boards import Board
from tinyseg_tvm.codegen import KernelSize
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.planner.problem import Operator

AMPLE = 96 << 10  # beyond all constants and the functions of operators: no program has so much code

Choices = Mapping[int, tuple[Cost, ...]]


@dataclass(frozen=True)
class FlashRoom:
    """The flash of a board, and what the kernels of a network's nodes take of it.

    Attributes:
        network: the network.
        first_node: number of the problem's operator that is its first node.
        board: whose memories count.
        core: whose kernels count.
        storages: storages that the network uses.
    """

    network: Network
    first_node: int
    board: Board
    core: codegen.Core
    storages: int = 0
    _sizes: dict[tuple[int, str], KernelSize] = field(default_factory=dict, repr=False, compare=False)

    def is_ample(self, choices: Choices) -> bool:
        """Whether any choice fits, whatever the code of the kernels."""
        flash, apart = self.board.memory("flash"), self.board.memory("weights")
        if flash is None:
            return True
        largest = sum(max(cost.flash_bytes for cost in costs) for costs in choices.values())
        code = AMPLE + codegen.NODE_CODE_BYTES * len(self.network.nodes)
        if apart is None:
            return largest + code <= flash.length
        return largest <= apart.length and code <= flash.length

    def excess(self, operators: Sequence[Operator]) -> int:
        """Bytes of flash that the kernels of a problem's operators need and the board does not have."""
        return self._excess({i: operators[i].kernel for i in self._numbers()})

    def fewer(self, choices: Choices, operators: Sequence[Operator], rooms: Sequence[int]) -> Choices | None:
        """The choices without the kernels that are given up until the rest fits; None where none can be given up.

        Args:
            choices: kernels of each operator.
            operators: with the kernels chosen of them.
            rooms: bytes of scratch that each operator can have in any case: a kernel that needs no more stays.
        """
        kernels = {i: operators[i].kernel for i in self._numbers()}
        left = dict(choices)
        while (excess := self._excess(kernels)) > 0:
            exchanges = list(self._exchanges(left, kernels, rooms))
            worth = [(self._lost_per_byte(left, operators, kernels, way, excess), way) for way in exchanges]
            best = min((each for each in worth if each[0] < math.inf), key=lambda each: each[0], default=None)
            if best is None:
                break
            for i, kernel in best[1].items():
                left[i] = tuple(cost for cost in left[i] if cost.kernel != kernels[i])
                kernels[i] = kernel
        return left if left != choices else None

    def _exchanges(
        self, choices: Choices, kernels: Mapping[int, str], rooms: Sequence[int]
    ) -> Iterator[dict[int, str]]:
        """Other kernels for one operator, or for all that have the same one, whose code nobody needs then."""
        for kernel in sorted(set(kernels.values())):
            users = [i for i in kernels if kernels[i] == kernel]
            others = {i: _instead(choices[i], kernel, rooms[i]) for i in users}
            exchanged = {i: other for i, other in others.items() if other}
            yield from ({i: other} for i, other in exchanged.items())
            if len(exchanged) > 1:
                yield exchanged

    def _lost_per_byte(
        self,
        choices: Choices,
        operators: Sequence[Operator],
        kernels: Mapping[int, str],
        exchange: Mapping[int, str],
        excess: int,
    ) -> float:
        """Cycles that an exchange of kernels costs per byte of flash that it saves; infinite where it saves none."""
        saved = excess - self._excess({**kernels, **exchange})
        cycles = {i: {cost.kernel: cost.cycles_per_step for cost in choices[i]} for i in exchange}
        lost = sum((cycles[i][new] - cycles[i][kernels[i]]) * operators[i].steps for i, new in exchange.items())
        return lost / saved if saved > 0 else math.inf

    def _numbers(self) -> range:
        return range(self.first_node, self.first_node + len(self.network.nodes))

    def _excess(self, kernels: Mapping[int, str]) -> int:
        sizes = [self._size(number, kernel) for number, kernel in kernels.items()]
        code, constants = codegen.program_flash(sizes, self.core, self.storages)
        apart = self.board.memory("weights")
        flash = self.board.memory("flash")
        assert flash is not None  # else its flash is ample
        if apart is None:
            return max(code + constants - flash.length, 0)
        return max(code - flash.length, 0) + max(constants - apart.length, 0)

    def _size(self, number: int, kernel: str) -> KernelSize:
        if (number, kernel) not in self._sizes:
            node = self.network.nodes[number - self.first_node]
            self._sizes[number, kernel] = codegen.kernel_size(node, self.network, self.core, kernel)
        return self._sizes[number, kernel]


def _instead(costs: Sequence[Cost], kernel: str, room: int) -> str:
    """What takes a kernel's place where it is given up: the fastest that the room has scratch for; empty: nothing."""
    fitting = [cost for cost in costs if cost.kernel != kernel and cost.scratch_bytes <= room]
    return min(fitting, key=lambda cost: (cost.cycles_per_step, cost.flash_bytes)).kernel if fitting else ""
