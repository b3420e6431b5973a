"""The estimate of cycles, on disassembly whose timing is known by hand."""

from __future__ import annotations

import pytest

from tinyseg_tvm.micro.cortex_m.cycle_estimate import CORTEX_M4, Timing, _registers, cycles_of, parse, timing_of

LISTING = """
00000000 <f>:
   0:\te92d 4ff0 \tstmdb\tsp!, {r4, r5, r6, r7, r8, r9, sl, fp, lr}
   4:\tf858 ab04 \tldr.w\tsl, [r8], #4
   8:\tf859 bb04 \tldr.w\tfp, [r9], #4
   c:\tfb2a 100b \tsmlad\tr0, sl, fp, r1
  10:\t3a01      \tsubs\tr2, #1
  12:\td1f7      \tbne.n\t4 <f+0x4>
  14:\tee07 0a90 \tvmov\ts15, r0
  18:\te8bd 8ff0 \tldmia.w\tsp!, {r4, r5, r6, r7, r8, r9, sl, fp, pc}
"""


def cycles(executed: dict[int, int], timing: Timing = CORTEX_M4) -> list[int]:
    instructions = parse(LISTING)
    before = [None, *instructions]
    following = [*(i.address for i in instructions[1:]), -1]
    return [
        cycles_of(i, b, executed.get(i.address, 0), executed.get(a, 0), timing)
        for i, b, a in zip(instructions, before, following, strict=False)
    ]


def test_loads_behind_loads_are_pipelined_and_taken_branches_refill():
    # ten rounds: pushing nine registers 1 + 9; loads 2 and 1; nine branches taken, one not
    executed = {0: 1, 4: 10, 8: 10, 0xC: 10, 0x10: 10, 0x12: 10, 0x14: 1, 0x18: 1}
    assert cycles(executed) == [10, 20, 10, 10, 10, 9 * 3 + 1, 1, 1 + 9 + 2]


@pytest.mark.parametrize(("text", "registers"), [("{r0-r3}", 4), ("{r4, r5, pc}", 3), ("{s0-s15}", 16)])
def test_register_lists_are_counted(text, registers):
    assert _registers(text) == registers


def test_cores_differ_in_loads_and_branches():
    executed = {4: 10, 8: 10, 0xC: 10, 0x10: 10, 0x12: 10, 0x14: 1}
    assert cycles(executed, timing_of("cortex-m0plus")) == [0, 20, 20, 10, 10, 9 * 2 + 1, 1, 0]
    assert cycles(executed, timing_of("cortex-m55")) == [0, 10, 10, 10, 10, 9 * 2 + 1, 1, 0]
    assert timing_of("cortex-m7") == CORTEX_M4


def test_the_cortex_m3_multiplies_with_long_sums_more_slowly():
    listing = (
        "   0:\tfb01 3002 \tmla\tr0, r1, r2, r3\n"
        "   4:\tfb81 0302 \tsmull\tr0, r3, r1, r2\n"
        "   8:\tfb01 f002 \tmul\tr0, r1, r2\n"
    )
    mla, smull, mul = parse(listing)
    m3 = timing_of("cortex-m3")
    assert [cycles_of(each, None, 10, 10, m3) for each in (mla, smull, mul)] == [20, 40, 10]
    assert [cycles_of(each, None, 10, 10) for each in (mla, smull, mul)] == [10, 10, 10]
