"""The machines there are."""

from __future__ import annotations

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.cortex_m.machine import CortexM
from tinyseg_tvm.micro.host import Host
from tinyseg_tvm.micro.machine import Machine

HOST = Host()
MACHINES: tuple[Machine, ...] = (CortexM(), HOST)


def machine_of(board: Board) -> Machine:
    """The machine of a board's core.

    Raises:
        TinySegError: there is none.
    """
    for machine in MACHINES:
        if machine.runs(board.core):
            return machine
    known = ", ".join(machine.name for machine in MACHINES)
    raise TinySegError(
        f"the board '{board.name}' has a core of the architecture '{board.core.architecture}'; projects are made for "
        f"{known}"
    )
