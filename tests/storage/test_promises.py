"""With --ram N and a storage: what is promised is kept by the firmware, for every N from the smallest up that works."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.small_models import save, segmenter, with_float_ports
from tinyseg_tvm import micro, relay
from tinyseg_tvm.errors import DoesNotFitError

pytestmark = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")), reason="no Arm compiler or emulator"
)
MODELS = {
    "unet": segmenter,
    "wide": lambda: segmenter(16, 24, 6),
    "tall": lambda: segmenter(32, 12, 4),
    "large": lambda: segmenter(24, 24, 8),
    "float": lambda: with_float_ports(segmenter()),
}
# A NOR flash whose sectors are as small as its pages: a bit is kept for each.
SMALL_SECTORS = """\
name = "sectors"
kind = "nor"
capacity = "2M"
block_bytes = 1
page_bytes = 256
read_bytes_per_second = 6_000_000
write_bytes_per_second = 350_000
latency_microseconds = 5
erase_block_bytes = 256
erase_microseconds = 45_000
endurance_cycles = 100_000
"""
STORAGES = ("timed", "nor", "sectors", "eeprom")
BUDGETS = 40
STEP = 24  # bytes from one budget to the next


def check(model: str, storage: str, budgets: int, folder: Path) -> None:
    """The smallest budget is what the refusal of less says; there and above all promises are kept."""
    module = relay.frontend.from_onnx(save(MODELS[model](), folder / "model.onnx"))
    if storage == "sectors":
        storage = str(folder / "sectors.toml")
        Path(storage).write_text(SMALL_SECTORS)
    options = relay.BuildOptions(board="mps2_an386", io="line", stream_axis="rows", storage=storage, ram=1)
    with pytest.raises(DoesNotFitError) as refused:
        relay.build(module, options)
    least = refused.value.needed_bytes
    with pytest.raises(DoesNotFitError):
        relay.build(module, replace(options, ram=least - 1))
    for ram in range(least, least + budgets * STEP, STEP):
        factory = relay.build(module, replace(options, ram=ram))
        project = micro.generate_project(
            factory.board, factory, folder / "project", ram_limit=ram, storages=factory.storages
        )
        measured = project.run()
        assert factory.memory.total <= ram
        assert measured.ram.static <= factory.memory.static
        assert measured.ram.total - measured.ram.slow <= factory.memory.total
        assert (measured.status, measured.mismatches) == (0, 0)


@pytest.mark.parametrize("storage", ["sectors", pytest.param("timed", marks=pytest.mark.release)])
def test_the_smallest_budgets_link_and_run_within_their_promises(storage, tmp_path):
    check("unet", storage, 2, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("model", MODELS)
def test_every_budget_links_and_runs_within_its_promise(model, storage, tmp_path):
    check(model, storage, BUDGETS, tmp_path)
