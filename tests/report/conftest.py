"""Plans to report on."""

from __future__ import annotations

import pytest

from tests.report import unet
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.report.memory import MemoryMap, memory_map


@pytest.fixture(scope="session")
def small_unet() -> MemoryMap:
    """A U-Net of 16 x 24 pixels, every tensor at an address of its own."""
    problem = unet.tiny_unet(16, 24)
    return memory_map(problem, unet.bump_plan(problem))


@pytest.fixture(scope="session")
def packed_unet() -> MemoryMap:
    """The same, packed: tensors share addresses over time."""
    problem = unet.tiny_unet(16, 24)
    return memory_map(problem, pack(step_table(problem), unet.layer_by_layer(problem), tries=1))
