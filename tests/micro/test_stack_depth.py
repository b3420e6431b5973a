"""The most stack by the code: what the compiler notes of each function, through tables, and recursion is named."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tinyseg_tvm.micro.cortex_m.stack_depth import StackDepths
from tinyseg_tvm.micro.elf import read_image

pytestmark = pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="no Arm compiler")

SOURCE = """
#include <stdint.h>
#define KEEP __attribute__((noinline))
volatile uint32_t sink;
typedef uint32_t (*operation)(uint32_t);
KEEP static void note(volatile uint8_t *at, uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) at[i] = (uint8_t)(i + sink);
}
KEEP static uint32_t small(uint32_t n) { volatile uint8_t a[24]; note(a, n); return a[0]; }
KEEP static uint32_t large(uint32_t n) { volatile uint8_t a[600]; note(a, n); return a[1] + small(n); }
KEEP static uint32_t floats(uint32_t n) {
    volatile float x[4] = {1.0f, 2.0f, 3.0f, (float)n};
    return (uint32_t)(x[0] * x[1] + x[2] / x[3]) + small(n);
}
KEEP static uint32_t many(uint32_t n) {
    switch (n) {
    case 0: return small(1); case 1: return 7; case 2: sink = 3; return small(9); case 3: return n * 5;
    case 4: return large(2); case 5: return sink + 1; case 6: return sink * sink; default: return 0;
    }
}
static const operation operators[] = {small, large, floats};
static const operation elsewhere[] = {many};
KEEP uint32_t net_run(uint32_t n) { return operators[n](n) + 1; }
KEEP uint32_t again(uint32_t n) { volatile uint32_t k = n; return n == 0 ? 1 : again(n - 1) + k; }
KEEP uint32_t computed(uint32_t n) { volatile uint8_t a[n + 1]; note(a, n); return a[0]; }
KEEP uint32_t through(uint32_t n) { return elsewhere[n](n) + 2; }
KEEP uint32_t stored(uint32_t *at, uint32_t n) {
#ifdef __ARM_FP
    __asm__ volatile("1: vstmdb %0!, {s15}\\n subs %1, #1\\n bne 1b" : "+r"(at), "+r"(n) : : "memory", "cc", "s15");
#endif
    return n + *at;
}
KEEP uint32_t endless(uint32_t n) {
    __asm__ volatile(".syntax unified\\n 1: push {r0}\\n subs %0, #1\\n bne 1b" : "+l"(n) : : "memory", "cc");
    return n;
}
void Reset_Handler(void) {
    sink = net_run(sink) + again(sink) + computed(sink) + through(sink) + many(sink) + endless(sink);
    sink += stored((uint32_t *)&sink, sink);
    for (;;) { }
}
"""
CORES = {
    "m0": ["-mcpu=cortex-m0"],
    "m4": ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
    "m55": ["-mcpu=cortex-m55", "-mfloat-abi=hard"],
}


def compiled(folder: Path, core: str, source: str) -> tuple[StackDepths, dict[str, int]]:
    """A program, and what the compiler notes of its functions."""
    (folder / "p.c").write_text(source)
    command = ["arm-none-eabi-gcc", "-mthumb", *CORES[core], "-O2", "-std=c99", "-fstack-usage"]
    command += ["-nostartfiles", "--specs=nano.specs", "-eReset_Handler", "-x", "c", "p.c", "-o", "p.elf"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (notes,) = folder.glob("*.su")
    sizes = {}
    for line in notes.read_text().splitlines():
        place, size, _ = line.split("\t")
        sizes[place.split(":")[-1]] = int(size)
    return StackDepths(folder / "p.elf", read_image(folder / "p.elf", 1), "arm-none-eabi-objdump"), sizes


@pytest.fixture(scope="module", params=sorted(CORES))
def program(request, tmp_path_factory):
    return compiled(tmp_path_factory.mktemp(request.param), request.param, SOURCE)


def test_frames_are_those_that_the_compiler_notes(program):
    depths, sizes = program
    frames = depths.frames()
    compared = {name for name in sizes if name in frames} - {"computed", "endless"}
    assert {"small", "large", "floats", "many", "net_run", "stored"} <= compared
    assert {name: frames[name] for name in compared} == {name: sizes[name] for name in compared}


def test_the_network_calls_the_operators_of_its_table_and_no_others(program):
    depths, sizes = program
    found = depths.depth("net_run")
    assert found.bytes == sizes["net_run"] + depths.depth("large").bytes
    assert found.path[:3] == ("net_run", "large", "small")
    assert found.unbounded == ()
    assert "many" in depths.depth("through").path


def test_recursion_and_computed_frames_are_named(program):
    depths, _ = program
    assert depths.depth("again").unbounded == ("again",)
    assert depths.depth("computed").unbounded == ("computed",)
    assert depths.depth("endless").unbounded == ("endless",)  # takes more in each turn of a loop
    assert set(depths.depth("Reset_Handler").unbounded) >= {"again", "computed", "endless"}


def test_an_operator_of_a_port_that_is_called_net_run_is_no_driver(tmp_path):
    """The function that writes its lines calls what the application gave, and not the operators."""
    table = "static const operation operators[] = {small, large, floats"
    others = "static const operation elsewhere[] = {many};"
    written = (
        "static volatile operation given = many;\n"
        "KEEP static uint32_t net_write_net_run(uint32_t n) { return given(n) + 3; }"
    )
    source = SOURCE.replace(f"{table}}};\n{others}", f"{others}\n{written}\n{table}, net_write_net_run}};")
    depths, _ = compiled(tmp_path, "m4", source)
    found = depths.depth("net_run")
    assert found.unbounded == ()
    assert found.path[:3] == ("net_run", "net_write_net_run", "many")
