"""What makes one program better than another: RAM, time, or both in balance."""

from __future__ import annotations

import math

from tinyseg_tvm.compiler.arena import beside_arena
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.planner.storage_timing import replay

RAM_WEIGHT = 1 / 3
"""Exponent of RAM beside time's 1: ten percent more RAM must save three percent of the time, twice the RAM a fifth."""


def balance(seconds: float, ram: int) -> float:
    """What the objective ``balanced`` minimises: the time of an inference by the cubic root of the program's RAM."""
    return seconds * math.pow(ram, RAM_WEIGHT)


def inference_seconds(planned: Planned, situation: Situation) -> float:
    """Estimated time of an inference at the board's clock, waiting for transfers included."""
    clock_hz = situation.board.clock_hz
    return replay(planned.problem, planned.plan, planned.spilled, situation.models, clock_hz).seconds


def merit(planned: Planned, situation: Situation) -> tuple[float, ...]:
    """By which plans along different axes compare, the least is the best."""
    options = situation.options
    if options.fills_ram:
        return inference_seconds(planned, situation), planned.arena_bytes
    if options.balances:
        ram = planned.arena_bytes + beside_arena(planned.network, situation, planned.problem)
        return (balance(inference_seconds(planned, situation), ram),)
    return (planned.arena_bytes,)
