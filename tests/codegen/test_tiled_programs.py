"""What holds of every program that is computed tile by tile, of windows and of channels."""

from __future__ import annotations

import re
from dataclasses import astuple, replace
from typing import Any

import pytest

from tinyseg_tvm.codegen.programs.channels.direct_columns import DirectSum
from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum
from tinyseg_tvm.codegen.programs.channels.dsp_kernels import DspChannelKernel
from tinyseg_tvm.codegen.programs.channels.mve_columns import MveSum
from tinyseg_tvm.codegen.programs.channels.mve_kernels import MveChannelKernel
from tinyseg_tvm.codegen.programs.channels.program import ChannelProgram
from tinyseg_tvm.codegen.programs.channels.v7m_kernels import V7mChannelKernel
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER, function_names
from tinyseg_tvm.codegen.programs.tiled import TiledProgram, cycles, lowered, ranked
from tinyseg_tvm.codegen.programs.windows.dsp_kernels import DspKernel
from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.mve_kernels import MveKernel
from tinyseg_tvm.codegen.programs.windows.program import WindowProgram
from tinyseg_tvm.codegen.programs.windows.sum import Line, Segment, WeightedSum
from tinyseg_tvm.codegen.programs.windows.v7m_kernels import V7mKernel

REQUANTIZE = 16
DEPTHWISE = (3, 3, 1, 1, 50, 1, 50, 33, -3, (5, -128, 127))


def windows(kernel: type[MicroKernel], staged_pixels: int, **attributes: Any) -> WindowProgram:
    lines = tuple(Line(27, 3, 3, 3) for _ in range(3))
    segments = tuple(Segment(row, 0, 9, kernel.weights_of(9, 3)) for row in range(3))
    output = (5, -128, 127)
    own = kernel.dtype, kernel.tile_pixels, staged_pixels, kernel.tile_channels
    weighted_sum = WeightedSum(lines, segments, 9, 7, 7, -3, output, *own, odd_end=kernel.odd_end)
    return WindowProgram(kernel(weighted_sum, **attributes))


PROGRAMS: dict[str, TiledProgram[Any]] = {
    "windows dsp, lines staged": windows(DspKernel, 0, joined=False),
    "windows dsp, 2 pixels staged": windows(DspKernel, 2, joined=False),
    "windows mve, 4 pixels staged": windows(MveKernel, 4),
    "windows v7m, 1 pixel staged": windows(V7mKernel, 1),
    "channels dsp": ChannelProgram(DspChannelKernel(DspSum(*DEPTHWISE, 16))),
    "channels mve": ChannelProgram(MveChannelKernel(MveSum(*DEPTHWISE, 16))),
    "channels v7m": ChannelProgram(V7mChannelKernel(DirectSum(*DEPTHWISE, 8))),
}


@pytest.fixture(params=PROGRAMS)
def program(request) -> TiledProgram[Any]:
    return PROGRAMS[request.param]


def test_decisions_of_fewest_cycles_come_first(program):
    estimated = [cycles(program, decisions, REQUANTIZE) for decisions in ranked(program, REQUANTIZE)]
    assert set(ranked(program, REQUANTIZE)) == set(program.space)
    assert estimated == sorted(estimated)
    assert estimated[0] < estimated[-1]


def test_slower_requantisation_costs_no_less(program):
    for decisions in program.space:
        assert cycles(program, decisions, REQUANTIZE) <= cycles(program, decisions, 2 * REQUANTIZE)


def test_decisions_are_integers_as_records_keep_them(program):
    for decisions in program.space:
        assert replace(decisions) == type(decisions)(*map(int, astuple(decisions)))


def test_what_is_staged_lies_in_the_workspace(program):
    for decisions in (program.space[0], program.space[-1]):
        assert lowered(program, decisions).workspace_bytes <= program.workspace_bytes
    assert bool(program.offsets) == bool(program.workspace_bytes)


def test_c_calls_functions_of_tiles_that_stand_before_it(program):
    for decisions in (program.space[0], program.space[-1]):
        source = lowered(program, decisions).source
        *others, last = function_names(source)
        assert last == PLACEHOLDER
        body = source[source.rindex(f"{PLACEHOLDER}(") :]
        called = set(re.findall(rf"\b({PLACEHOLDER}\w+)\(", body))
        assert called
        assert called <= set(others)
