"""Energy of an inference: the processor's power while it computes and while it waits, and that of the transfers.

The times are those of ``planner.storage_timing``, estimates like the cycles that they come from; the powers are the
board's, as its description states them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyseg_tvm.boards import Board
from tinyseg_tvm.planner.storage_timing import Timing

MILLI = 1e-3


@dataclass(frozen=True)
class Energy:
    """Joules of an inference.

    Attributes:
        computing: of the processor, while steps run.
        waiting: of the processor in waits for storages, asleep (with TINYSEG_IDLE).
        waiting_awake: the same without sleep: the processor polls.
        transfers: of the storages.
        average_milliwatts: of inferences at the stated rate, asleep between and in waits; None where one takes longer.
    """

    computing: float
    waiting: float
    waiting_awake: float
    transfers: float
    average_milliwatts: float | None

    @property
    def total(self) -> float:
        """Of the inference whose processor sleeps in waits."""
        return self.computing + self.waiting + self.transfers


def energy_of(timing: Timing, transfers: float, board: Board, frame_rate: float) -> Energy | None:
    """What an inference takes; None where the board does not state its powers.

    Args:
        timing: seconds of computing and waiting.
        transfers: joules of the storages.
        board: with its powers.
        frame_rate: inferences per second.
    """
    if not board.active_milliwatts:
        return None
    active, asleep = MILLI * board.active_milliwatts, MILLI * board.sleep_milliwatts
    computing, waiting = active * timing.computing, asleep * timing.waiting
    rest = 1 / frame_rate - timing.seconds
    average = (computing + waiting + transfers + asleep * rest) * frame_rate / MILLI if rest >= 0 else None
    return Energy(computing, waiting, active * timing.waiting, transfers, average)
